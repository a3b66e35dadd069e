/* SPDX-License-Identifier: BSD-2-Clause */
/** A mounted file system, inside. All but tx_begin() and fs_enter() want its lock to be held. */
#ifndef EXT4_FS_H
#define EXT4_FS_H

#include <pthread.h>

#include <ext2fs/ext2fs.h>

#include "cache.h"
#include "ext4.h"
#include "journal.h"
#include "spare.h"

#define INDEX_LEVELS_MAX 3 /**< of a directory's index */

/** Somebody has the inode open. */
struct held {
    struct held *next;
    uint32_t ino;
    unsigned n;
    bool unlinked;
};

struct ext4 {
    ext2_filsys fs;
    struct disk *disk;
    struct cache cache;
    struct journal journal;
    struct ext4_options options;
    bool read_only, has_journal;
    bool dead; /**< a change failed halfway: what is in memory is not to be believed */
    pthread_mutex_t lock;
    struct struct_io_manager manager;
    char *scratch; /**< two blocks */

    /* Blocks of the directory that the call under way is about; see dir.h. */
    struct {
        uint8_t *memory, *leaf, *spare, *levels[INDEX_LEVELS_MAX];
        struct index_name *table; /**< names of the leaf at leaf_place, or for a moment others */
        uint64_t leaf_place;      /**< 0: there are none */
        int n;
    } names;

    /* The running transaction. */
    bool changed;
    unsigned n_blocks_max;  /**< dirty ones, before it is committed by itself */
    uint32_t *dirty_groups; /**< a bit each: bitmaps and descriptor changed */
    unsigned n_dirty_groups;
    ext2fs_block_bitmap freed;  /**< blocks that the last commit uses and this one does not */
    ext2fs_block_bitmap logged; /**< blocks that the log has */

    struct held *held;
    uint32_t *orphans; /**< as linked on the disk, the last one first there */
    unsigned n_orphans, n_orphans_max;
};

/** An inode with its extra fields, as libext2fs's functions want it. */
union inode {
    struct ext2_inode small;
    struct ext2_inode_large large;
};

/* error.c */

/** libext2fs's code as -errno. */
int fs_errno(errcode_t code);
const char *fs_error_text(errcode_t code);

/* features.c */

/** @return NULL, or what the file system has that is not known here, and what to do. */
const char *features_refuse(const struct ext2_super_block *super, bool read_only);

/* io.c */

/** libext2fs's way to the cache; `fs` is in its name, being opened. */
void io_init(struct ext4 *fs);
/** Bytes of the disk through the cache. */
int io_read(struct ext4 *fs, uint64_t offset, void *bytes, size_t len);
int io_write(struct ext4 *fs, uint64_t offset, const void *bytes, size_t len);

/* meta.c */

/** Begin to keep account of what libext2fs allocates and frees. */
int meta_init(struct ext4 *fs);
void meta_destroy(struct ext4 *fs);
void meta_group_changed(struct ext4 *fs, dgrp_t group);
/** Bring bitmaps, descriptors and the superblock into the cache. */
int meta_flush(struct ext4 *fs);
/** Write the superblock to its place, at once, and flush: only when there is no transaction. */
int meta_write_super(struct ext4 *fs);
/** Could this block, just allocated, be written before the commit? */
bool meta_is_fresh(const struct ext4 *fs, uint64_t block);
/** Are so many blocks free, and some more for what names them? */
bool meta_has_room(const struct ext4 *fs, uint64_t n_blocks);

/* tx.c */

/**
 * Lock, for a call that uses libext2fs.
 *
 * @return 0; -EIO when the file system is dead, -ENOMEM; then it is not locked.
 */
int fs_enter(struct ext4 *fs);
void fs_leave(struct ext4 *fs);

/** Lock, for a change of at most so many blocks: commit first when they may not fit. */
int tx_begin(struct ext4 *fs, unsigned n_blocks);
/** Make room for another step of a change that is under way and whole so far. */
int tx_more(struct ext4 *fs, unsigned n_blocks);
/** Unlock. @return result */
ssize_t tx_end(struct ext4 *fs, ssize_t result);
/** Commit. */
int tx_commit(struct ext4 *fs);
/** libext2fs failed in the middle of a change: the file system is dead. @return -errno */
int tx_failed(struct ext4 *fs, const char *doing, errcode_t code);

/* inode.c */

int inode_read(struct ext4 *fs, uint32_t ino, union inode *inode);
int inode_write(struct ext4 *fs, uint32_t ino, union inode *inode);
enum inode_times { INODE_ATIME = 1, INODE_MTIME = 2, INODE_CTIME = 4 };
void inode_touch(struct ext4 *fs, union inode *inode, unsigned times);
int inode_allocate(struct ext4 *fs, uint32_t dir, uint32_t *ino);
/** Make a new inode of this type and rights; not written. */
void inode_init(struct ext4 *fs, union inode *inode, mode_t mode);
/** It has no blocks so far, and will have them in extents. */
void inode_use_extents(union inode *inode);
void inode_set_size(union inode *inode, uint64_t size);
/** Make it shorter or longer; its blocks and fields, and write it. */
int inode_resize(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t size);
bool inode_is(const union inode *inode, mode_t type);
uint64_t inode_size(const union inode *inode);

/* dir.c; what it has besides is in dir.h. */

int dir_init(struct ext4 *fs);
void dir_destroy(struct ext4 *fs);

/* orphan.c */

#define ORPHAN_CHANGES 40 /**< blocks that freeing or truncating may change, in each step */

/** Is it on the list of those that are being freed or truncated? */
bool orphan_is(const struct ext4 *fs, uint32_t ino);
/** Put it there, or take it off; and write it. */
int orphan_add(struct ext4 *fs, uint32_t ino, union inode *inode);
int orphan_remove(struct ext4 *fs, uint32_t ino, union inode *inode);
/** Its last name is gone: free it, now or when nobody holds it any more. */
int orphan_drop(struct ext4 *fs, uint32_t ino, union inode *inode);
/** After a mount: end what a power cut interrupted. */
int orphan_free_all(struct ext4 *fs);
/** Before the end: free those that are held and have no name. */
int orphan_free_unlinked(struct ext4 *fs);

/* map.c */

/**
 * Where a file's block is, and how many behind it follow there, at most `n_max`.
 *
 * @param place  receives 0 for a hole, or what reads as one.
 */
int map_find(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block, unsigned n_max,
             uint64_t *place, unsigned *n);
/**
 * The same for one block that will be written; allocates it if need be, and then writes the inode.
 *
 * @param is_new  receives whether it was allocated now; there is nothing in it.
 */
int map_allocate(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block, uint64_t *place,
                 bool *is_new);
/** Can a file have this block? */
bool map_reaches(const struct ext4 *fs, const union inode *inode, uint64_t block);
/** Free the file's blocks from this one on, in steps; the inode is an orphan meanwhile. */
int map_free(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t from);

#endif
