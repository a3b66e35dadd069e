/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going through a directory. What is there all the time is seen once, whatever else comes and goes:
 * with an index names move between blocks, so there a position is a hash, as Linux has it; without
 * one it is a place.
 */
#include "index.h"

#include <errno.h>
#include <string.h>

#define N_DOTS 2 /* the first positions: "." and ".." */

static mode_t mode_of_type(uint8_t type)
{
    static const mode_t modes[] = {0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                   S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};

    return type < sizeof(modes) / sizeof(modes[0]) ? modes[type] : 0;
}

static void tell(const struct leaf_entry *found, struct ext4_entry *entry)
{
    entry->ino = found->ino;
    entry->type = mode_of_type(found->type);
    entry->len = found->name_len;
    memcpy(entry->name, found->name, entry->len);
    entry->name[entry->len] = '\0';
}

/* The entry at or behind *position, bytes of the directory. @return 1, 0: none, -errno. */
static int next_by_place(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t *position,
                         struct ext4_entry *entry)
{
    unsigned block_bytes = fs->fs->blocksize;
    struct leaf leaf = {fs->names.leaf, block_bytes};
    struct leaf_entry *found;
    uint64_t place;

    while (*position / block_bytes < dir_n_blocks(fs, inode)) {
        uint64_t start = *position - *position % block_bytes;
        unsigned wanted = (unsigned)(*position - start), at = 0, here = 0;
        int result = dir_read(fs, dir, inode, start / block_bytes, leaf.bytes, &place);
        if (result)
            return result;
        while ((result = leaf_next(&leaf, &at, &found)) > 0) {
            if (here >= wanted && found->ino && found->name_len) {
                tell(found, entry);
                *position = start + at;
                return 1;
            }
            here = at;
        }
        if (result)
            return result;
        *position = start + block_bytes;
    }
    return 0;
}

/* A name's place among all of a directory with an index. */
static uint64_t key_of(uint32_t hash, uint32_t minor)
{
    return (uint64_t)(hash >> 1) << 32 | minor;
}

/* The first name of this leaf that is not before a key, when it is before the best so far. */
static int look_in_leaf(const struct index_path *path, uint64_t key, uint64_t *best,
                        struct ext4_entry *entry)
{
    struct ext4 *fs = path->fs;
    const struct index_name *names = fs->names.table, *found = NULL;

    if (fs->names.leaf_place != path->leaf_place) {
        fs->names.leaf_place = 0;
        fs->names.n = index_names(path, fs->names.table);
        if (fs->names.n < 0)
            return fs->names.n;
        fs->names.leaf_place = path->leaf_place;
    }
    for (int i = 0; i < fs->names.n; i++) {
        uint64_t own = key_of(names[i].hash, names[i].minor);
        if (own < key || own >= *best)
            continue;
        *best = own;
        found = &names[i];
    }
    if (found)
        tell((const struct leaf_entry *)(path->leaf + found->at), entry);
    return 0;
}

/* Names of one hash may be in several leaves. */
static int next_by_hash(struct index_path *path, uint64_t *position, struct ext4_entry *entry)
{
    uint64_t key = *position - N_DOTS, best = UINT64_MAX;
    uint32_t next = 0;

    int result = index_go(path, (uint32_t)(key >> 32) << 1);
    if (result)
        return result;
    do {
        int error = look_in_leaf(path, key, &best, entry);
        if (error)
            return error;
        result = index_next(path, &next);
    } while (result > 0 && (best == UINT64_MAX || (next & 1 && best >= key_of(next, 0))));
    if (result < 0 || best == UINT64_MAX)
        return result;
    *position = best + 1 + N_DOTS;
    return 1;
}

static int next_in_dir(struct ext4 *fs, uint32_t dir, uint64_t *position, struct ext4_entry *entry)
{
    struct index_path path;
    union inode inode;

    int error = dir_read_inode(fs, dir, &inode);
    if (error)
        return error;
    if (!dir_has_index(fs, &inode))
        return next_by_place(fs, dir, &inode, position, entry);
    error = index_open(&path, fs, dir, &inode);
    if (error)
        return error;
    if (*position >= N_DOTS)
        return next_by_hash(&path, position, entry);
    entry->len = (size_t)++ * position;
    entry->type = S_IFDIR;
    strcpy(entry->name, entry->len == 1 ? "." : "..");
    return dir_find(fs, dir, entry->name, entry->len, &entry->ino) ? -EIO : 1;
}

int ext4_readdir(struct ext4 *fs, uint32_t dir, uint64_t *position, struct ext4_entry *entry)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    int result = next_in_dir(fs, dir, position, entry);
    fs_leave(fs);
    return result;
}
