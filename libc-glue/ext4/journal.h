/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The journal in the file system's journal inode, as Linux and e2fsck know it.
 *
 * A transaction is all that changed between two commits. Its blocks go to the log first; when the
 * log has them and its commit block, both flushed, they may go to their places at any time. The log
 * is emptied (a checkpoint) before half of it is in use.
 */
#ifndef EXT4_JOURNAL_H
#define EXT4_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "jbd2.h"

/** Blocks of the journal that follow one another on the disk. */
struct journal_run {
    uint32_t first, n;
    uint64_t place;
};

struct journal {
    struct disk *disk;
    unsigned block_bytes;
    struct journal_run *runs;
    unsigned n_runs;
    struct jbd2_super super;
    uint32_t first, end; /**< blocks of the log: from first, before end */
    uint32_t head;       /**< where the next transaction goes */
    uint32_t n_used;     /**< blocks since the last checkpoint */
    uint32_t sequence;   /**< of the next transaction */
    uint32_t features;   /**< JBD2_INCOMPAT_* */
    uint32_t seed;       /**< of checksums */
    uint8_t *descriptors, *escaped;
    unsigned n_blocks_max; /**< in one transaction */
};

/**
 * Read the journal's superblock and check it.
 *
 * @param runs  at least one, of blocks that the disk has, in their order; from malloc(), the
 *              journal's from now on, also when this fails.
 * @param why  receives what is wrong, a constant.
 * @return 0, -EINVAL, -EOPNOTSUPP for a feature that is not known here, -EIO, -ENOMEM.
 */
int journal_open(struct journal *journal, struct disk *disk, unsigned block_bytes,
                 struct journal_run *runs, unsigned n_runs, const char **why);
void journal_close(struct journal *journal);

/** Are there transactions in it? */
bool journal_is_empty(const struct journal *journal);

/** Write the transactions in the log to their places, flush, and say that the log is empty. */
int journal_recover(struct journal *journal, uint64_t n_disk_blocks, const char **why);

/** Begin to use it. @param checksums  of the file system's metadata are wanted. */
int journal_start(struct journal *journal, bool is_64bit, bool checksums, unsigned n_blocks_max);

/** Make what is dirty or fresh a transaction, on stable storage. @return 0 or -errno. */
int journal_commit(struct journal *journal, struct cache *cache, uint64_t now_ns);

/** Should it be emptied before the next transaction? */
bool journal_is_full(const struct journal *journal);

/** Write what the log has to its place and empty the log. Nothing may be dirty. */
int journal_checkpoint(struct journal *journal, struct cache *cache);

/** After a checkpoint: leave it as a journal that needs no recovery. */
int journal_stop(struct journal *journal);

/* Between journal.c and recover.c. */
uint64_t journal_place(const struct journal *journal, uint32_t block);
uint32_t journal_next(const struct journal *journal, uint32_t block);
bool journal_has_checksums(const struct journal *journal);
size_t journal_tag_bytes(const struct journal *journal);
uint32_t journal_checksum(uint32_t seed, const void *bytes, size_t len);
int journal_write_super(struct journal *journal);

#endif
