/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The index of a directory: a tree whose leaves are its blocks with names, by rising hashes of
 * these. Source: Linux, Documentation/filesystems/ext4/directory.rst.
 */
#ifndef EXT4_INDEX_H
#define EXT4_INDEX_H

#include "dir.h"

struct index_entry {
    uint32_t
        hash; /**< of the first name; + 1 where names of the same are in the leaf before, too */
    uint32_t block;
};

/** A block of the tree. */
struct index_level {
    uint64_t place;
    uint8_t *bytes;
    struct index_entry *entries; /**< in bytes; the first one's hash is not there */
    unsigned n, n_max, at;
};

/** From the root to a leaf. */
struct index_path {
    struct ext4 *fs;
    uint32_t dir;
    union inode *inode;
    int version; /**< of the hashes: EXT2_HASH_* */
    unsigned n_levels;
    struct index_level levels[INDEX_LEVELS_MAX];
    uint64_t leaf_place;
    uint8_t *leaf;
    uint64_t n_leaves; /**< gone over */
};

/** An entry of a leaf. */
struct index_name {
    uint32_t hash, minor; /**< minor: among those of the same hash */
    uint16_t at, len;     /**< in the leaf; bytes that it needs */
};

/** Go on to the next leaf. @param hash  receives the index' word for it. @return 1, 0, -errno. */
int index_next(struct index_path *path, uint32_t *hash);
/** A name's hashes. */
int index_hash(const struct index_path *path, const char *name, size_t len, uint32_t *hash,
               uint32_t *minor);
/** Begin a path, at the root. */
int index_open(struct index_path *path, struct ext4 *fs, uint32_t dir, union inode *inode);
/** Find the way to the leaf with names of a hash, and read it. */
int index_go(struct index_path *path, uint32_t hash);

/** @return 1: the leaf that has it is in path->leaf; 0, -EIO. */
int index_find(struct index_path *path, const char *name, size_t len, struct leaf_entry **entry,
               struct leaf_entry **before);
int index_add(struct index_path *path, const char *name, size_t len, uint32_t ino, uint8_t type);
/** Give one to a directory of one block. @return 1, 0: it can't have one, -errno. */
int index_make(struct ext4 *fs, uint32_t dir, union inode *inode);
/** The names of path->leaf. @return how many, or -EIO. */
int index_names(const struct index_path *path, struct index_name *names);

#endif
