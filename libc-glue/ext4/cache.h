/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Blocks of the disk in memory, and what the running transaction made of them.
 *
 * A block's bytes may be used until the next call that can fetch another one. Nothing here is
 * locked: the file system's lock is held by whoever calls.
 */
#ifndef EXT4_CACHE_H
#define EXT4_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"

/** What is true of a block; none of them: as on the disk. */
enum block_state {
    BLOCK_DIRTY = 1,  /**< changed by the running transaction; goes to the journal first */
    BLOCK_FRESH = 2,  /**< likewise, but the last commit has no use for it: goes to its place */
    BLOCK_LOGGED = 4, /**< the journal has it, its place on the disk not yet */
};

struct block {
    struct block *hash_next;
    struct block *older, *newer; /**< by their last use */
    uint64_t number;
    unsigned state; /**< enum block_state, or'ed */
    bool extra;     /**< allocated by itself, because all others were in use */
    uint8_t *bytes;
};

struct cache {
    struct disk *disk;
    unsigned block_bytes;
    uint64_t n_disk_blocks; /**< of the file system */
    unsigned n, n_max;      /**< in memory; more than n_max only while all of them are dirty */
    unsigned n_dirty, n_fresh, n_logged;
    struct block *oldest, *newest;
    unsigned n_slots;
    struct block **slots;
    struct block *blocks, *unused; /**< n_max of them */
    uint8_t *memory;               /**< of their bytes */
    struct block **list;           /**< room for all blocks */
    unsigned list_max;
    struct batch batch;
};

/** @param n_max  blocks for which memory is taken now. @return 0 or -ENOMEM. */
int cache_init(struct cache *cache, struct disk *disk, unsigned block_bytes, uint64_t n_disk_blocks,
               unsigned n_max);
/** Forget everything, whatever its state. */
void cache_destroy(struct cache *cache);

/** The block when it is in memory, or NULL. */
struct block *cache_find(struct cache *cache, uint64_t number);

/** Fetch a block. @return 0, -EIO (also for a number that the file system has not), -ENOMEM. */
int cache_read(struct cache *cache, uint64_t number, struct block **block);

/** The same for a block all of whose bytes the caller writes. */
int cache_take(struct cache *cache, uint64_t number, struct block **block);

/**
 * The running transaction changed a block. @param fresh  its place may be written before the
 * commit.
 */
void cache_changed(struct cache *cache, struct block *block, bool fresh);

/** The block is free: what it holds need not reach the disk. */
void cache_forget(struct cache *cache, uint64_t number);

/** Blocks in any of these states, by rising number, are in cache->list now. @return how many. */
unsigned cache_collect(struct cache *cache, unsigned states);

/** Write blocks that are `state` to their places, and take the state from them. */
int cache_write(struct cache *cache, unsigned state);

/** The transaction is in the journal: what was dirty is logged now. */
void cache_committed(struct cache *cache);

#endif
