/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A directory: its names, in blocks that are gone through one by one, or found by their hashes in
 * an index, as Linux makes it (dir_index). One that grows beyond its first block gets an index.
 *
 * What fails in the middle of a change leaves the file system dead (see tx_failed()).
 */
#ifndef EXT4_DIR_H
#define EXT4_DIR_H

#include "fs.h"
#include "leaf.h"

/** @return 0, -ENOENT, -ENOTDIR, -EIO. */
int dir_find(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino);
/** Can a name be added without a new block? @return 1, 0, -errno. */
int dir_has_room(struct ext4 *fs, uint32_t dir, const char *name, size_t len);
/** Add a name that is not there. @return 0, -ENOSPC, -EIO; then nothing has changed. */
int dir_add(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino, mode_t mode);
/** Take a name away that is there. */
int dir_remove(struct ext4 *fs, uint32_t dir, const char *name, size_t len);
/** Make a name that is there one of another inode. */
int dir_replace(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino,
                mode_t mode);
/** @return 0, -ENOTEMPTY, -EIO. */
int dir_check_empty(struct ext4 *fs, uint32_t dir);

/* Between dir.c, index.c and list.c. */

bool dir_has_index(const struct ext4 *fs, const union inode *inode);
/** @return 0, -ENOTDIR, -EIO. */
int dir_read_inode(struct ext4 *fs, uint32_t dir, union inode *inode);
uint64_t dir_n_blocks(const struct ext4 *fs, const union inode *inode);
/** Read a block of it. @param place  receives where on the disk that is. */
int dir_read(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t block, uint8_t *bytes,
             uint64_t *place);
/** Write one, with its checksum. */
int dir_write(struct ext4 *fs, uint32_t dir, uint64_t place, uint8_t *bytes);
/** Make it longer by a block, which the caller writes. @return 0, -ENOSPC. */
int dir_append(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t *block, uint64_t *place);
/** What of a block is there for entries; 0 bytes of one that is no leaf. */
struct leaf dir_leaf(const struct ext4 *fs, uint8_t *bytes);
/** Make a block one without names. */
struct leaf dir_new_leaf(const struct ext4 *fs, uint8_t *bytes);

#endif
