/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOT_BYTES  12 /* of the entries "." and, at least, ".." */
#define ROOT_INFO  (2 * DOT_BYTES)
#define ROOT_LIST  (ROOT_INFO + sizeof(struct ext2_dx_root_info))
#define NODE_LIST  8           /* behind the header of a free entry, which is all of the block */
#define HASH_LAST  0xfffffffeu /* Linux has a use of its own for it, and takes the one before */
#define BLOCK_MASK 0x0fffffffu
#define ADD_TRIES  12 /* splits on the way to room for one name */

static_assert(sizeof(struct index_entry) == sizeof(struct ext2_dx_entry), "directory format");
static_assert(ROOT_LIST == 32, "directory format");

int index_hash(const struct index_path *path, const char *name, size_t len, uint32_t *hash,
               uint32_t *minor)
{
    errcode_t code = ext2fs_dirhash(path->version, name, (int)len, path->fs->fs->super->s_hash_seed,
                                    hash, minor);

    if (!code && *hash == HASH_LAST)
        *hash -= 2;
    return code ? -EIO : 0;
}

static unsigned n_entries(const struct ext4 *fs, size_t list)
{
    size_t tail = ext2fs_has_feature_metadata_csum(fs->fs->super) ? sizeof(struct ext2_dx_tail) : 0;

    return (unsigned)((fs->fs->blocksize - list - tail) / sizeof(struct index_entry));
}

/* Its numbers are those of a block of this size, no others. */
static int open_level(const struct index_path *path, struct index_level *level, size_t list)
{
    const struct ext2_dx_countlimit *count =
        (const struct ext2_dx_countlimit *)(level->bytes + list);

    level->entries = (struct index_entry *)(level->bytes + list);
    level->n = count->count;
    level->n_max = count->limit;
    level->at = 0;
    return level->n && level->n <= level->n_max && level->n_max == n_entries(path->fs, list) ? 0
                                                                                             : -EIO;
}

static void set_count(struct index_level *level, unsigned n)
{
    struct ext2_dx_countlimit *count = (struct ext2_dx_countlimit *)level->entries;

    level->n = n;
    count->count = (uint16_t)n;
    count->limit = (uint16_t)level->n_max;
}

static int open_root(struct index_path *path)
{
    struct index_level *root = &path->levels[0];
    const struct leaf_entry *dot = (const struct leaf_entry *)root->bytes;
    const struct leaf_entry *dots = (const struct leaf_entry *)(root->bytes + DOT_BYTES);
    const struct ext2_dx_root_info *info =
        (const struct ext2_dx_root_info *)(root->bytes + ROOT_INFO);

    if (dot->len != DOT_BYTES || dots->len != path->fs->fs->blocksize - DOT_BYTES ||
        info->reserved_zero || info->info_length != sizeof(*info) ||
        info->hash_version > EXT2_HASH_TEA ||
        info->indirect_levels >= ext2_dir_htree_level(path->fs->fs))
        return -EIO;
    path->version = info->hash_version;
    if (path->fs->fs->super->s_flags & EXT2_FLAGS_UNSIGNED_HASH)
        path->version += EXT2_HASH_LEGACY_UNSIGNED;
    path->n_levels = info->indirect_levels + 1u;
    return open_level(path, root, ROOT_LIST);
}

int index_open(struct index_path *path, struct ext4 *fs, uint32_t dir, union inode *inode)
{
    *path = (struct index_path){.fs = fs, .dir = dir, .inode = inode, .leaf = fs->names.leaf};
    for (unsigned i = 0; i < INDEX_LEVELS_MAX; i++)
        path->levels[i].bytes = fs->names.levels[i];
    int error = dir_read(fs, dir, inode, 0, path->levels[0].bytes, &path->levels[0].place);
    return error ? error : open_root(path);
}

/* Read the block that a level's entry names. */
static int read_below(struct index_path *path, unsigned level)
{
    const struct index_level *from = &path->levels[level];
    struct index_level *to = &path->levels[level + 1];
    uint32_t block = from->entries[from->at].block & BLOCK_MASK;

    if (level + 1 == path->n_levels) {
        int error =
            dir_read(path->fs, path->dir, path->inode, block, path->leaf, &path->leaf_place);
        return error || dir_leaf(path->fs, path->leaf).len ? error : -EIO;
    }
    int error = dir_read(path->fs, path->dir, path->inode, block, to->bytes, &to->place);
    return error ? error : open_level(path, to, NODE_LIST);
}

/* The last entry whose hash is not behind this one. */
static unsigned search(const struct index_level *level, uint32_t hash)
{
    unsigned low = 0, high = level->n;

    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (level->entries[middle].hash > hash)
            high = middle;
        else
            low = middle;
    }
    return low;
}

int index_go(struct index_path *path, uint32_t hash)
{
    int error = 0;

    for (unsigned i = 0; i < path->n_levels && !error; i++) {
        path->levels[i].at = search(&path->levels[i], hash);
        error = read_below(path, i);
    }
    return error;
}

int index_next(struct index_path *path, uint32_t *hash)
{
    unsigned i = path->n_levels - 1;

    if (path->n_leaves++ >= dir_n_blocks(path->fs, path->inode))
        return -EIO; /* some are named more than once */
    while (path->levels[i].at + 1 == path->levels[i].n) {
        if (i-- == 0)
            return 0;
    }
    path->levels[i].at++;
    *hash = path->levels[i].entries[path->levels[i].at].hash;
    for (; i < path->n_levels; i++) {
        int error = read_below(path, i);
        if (error)
            return error;
    }
    return 1;
}

int index_find(struct index_path *path, const char *name, size_t len, struct leaf_entry **entry,
               struct leaf_entry **before)
{
    uint32_t hash, minor, next;

    int result = index_hash(path, name, len, &hash, &minor);
    if (!result)
        result = index_go(path, hash);
    if (result)
        return result;
    do {
        struct leaf leaf = dir_leaf(path->fs, path->leaf);
        result = leaf_find(&leaf, name, len, entry, before);
        if (result)
            return result;
        result = index_next(path, &next);
    } while (result > 0 && (next & ~1u) == hash);
    return result < 0 ? result : 0;
}

int index_names(const struct index_path *path, struct index_name *names)
{
    struct leaf leaf = dir_leaf(path->fs, path->leaf);
    struct leaf_entry *entry;
    unsigned at = 0;
    int n = 0, result;

    while ((result = leaf_next(&leaf, &at, &entry)) > 0) {
        if (!entry->ino)
            continue;
        struct index_name *name = &names[n++];
        int error = index_hash(path, entry->name, entry->name_len, &name->hash, &name->minor);
        if (error)
            return error;
        name->at = (uint16_t)((uint8_t *)entry - path->leaf);
        name->len = entry->name_len;
    }
    return result < 0 ? result : n;
}

/* Making room. Each step leaves an index that is whole; the way to the leaf is gone anew then. */

static int write_level(const struct index_path *path, const struct index_level *level)
{
    return dir_write(path->fs, path->dir, level->place, level->bytes);
}

/* Name a block in an index that has room, behind the one that the path goes through. */
static void insert(struct index_level *level, uint32_t hash, uint64_t block)
{
    struct index_entry *to = &level->entries[level->at + 1];

    memmove(to + 1, to, (level->n - level->at - 1) * sizeof(*to));
    *to = (struct index_entry){.hash = hash, .block = (uint32_t)block};
    set_count(level, level->n + 1);
}

/* A block of the index with the entries of `from` from `first` on. */
static int write_new_node(const struct index_path *path, const struct index_level *from,
                          unsigned first, uint64_t place)
{
    struct index_level node = {.place = place, .bytes = path->fs->names.spare};

    memset(node.bytes, 0, path->fs->fs->blocksize);
    ((struct leaf_entry *)node.bytes)->len = (uint16_t)path->fs->fs->blocksize;
    node.entries = (struct index_entry *)(node.bytes + NODE_LIST);
    node.n_max = n_entries(path->fs, NODE_LIST);
    memcpy(node.entries, from->entries + first, (from->n - first) * sizeof(struct index_entry));
    set_count(&node, from->n - first);
    return write_level(path, &node);
}

static int add_level(struct index_path *path)
{
    struct index_level *root = &path->levels[0];
    uint64_t block, place;

    if (path->n_levels == ext2_dir_htree_level(path->fs->fs))
        return -ENOSPC;
    int error = dir_append(path->fs, path->dir, path->inode, &block, &place);
    if (!error)
        error = write_new_node(path, root, 0, place);
    if (error)
        return error;
    ((struct ext2_dx_root_info *)(root->bytes + ROOT_INFO))->indirect_levels++;
    root->entries[0].block = (uint32_t)block;
    set_count(root, 1);
    return write_level(path, root);
}

/* There is room in the level above. */
static int split_node(struct index_path *path, unsigned i)
{
    struct index_level *node = &path->levels[i];
    unsigned n_kept = node->n / 2;
    uint32_t hash = node->entries[n_kept].hash;
    uint64_t block, place;

    int error = dir_append(path->fs, path->dir, path->inode, &block, &place);
    if (!error)
        error = write_new_node(path, node, n_kept, place);
    if (error)
        return error;
    set_count(node, n_kept);
    insert(node - 1, hash, block);
    error = write_level(path, node);
    return error ? error : write_level(path, node - 1);
}

static int by_hash(const void *a, const void *b)
{
    const struct index_name *x = a, *y = b;

    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : 0;
}

/* Write a leaf with some names of path->leaf. */
static int write_names(const struct index_path *path, const struct index_name *names, unsigned n,
                       uint64_t place)
{
    struct leaf leaf = dir_new_leaf(path->fs, path->fs->names.spare);

    for (unsigned i = 0; i < n; i++) {
        const struct leaf_entry *entry = (const struct leaf_entry *)(path->leaf + names[i].at);
        if (leaf_add(&leaf, entry->name, entry->name_len, entry->ino, entry->type) <= 0)
            return tx_failed(path->fs, "splitting a directory's block", EXT2_ET_DIR_CORRUPTED);
    }
    return dir_write(path->fs, path->dir, place, leaf.bytes);
}

static int split_leaf(struct index_path *path)
{
    struct index_level *last = &path->levels[path->n_levels - 1];
    struct index_name *names = path->fs->names.table;
    unsigned n_bytes = 0, kept;
    uint64_t block, place;

    path->fs->names.leaf_place = 0; /* the table is in use */
    int n = index_names(path, names);
    if (n < 0)
        return n;
    if (n < 2) /* what is left is in pieces */
        return write_names(path, names, (unsigned)n, path->leaf_place);
    qsort(names, (size_t)n, sizeof(*names), by_hash);
    for (kept = 0; kept < (unsigned)n && n_bytes < path->fs->fs->blocksize / 2; kept++)
        n_bytes += names[kept].len + (unsigned)offsetof(struct leaf_entry, name);
    if (kept == (unsigned)n)
        kept = (unsigned)n / 2;
    int error = dir_append(path->fs, path->dir, path->inode, &block, &place);
    if (!error)
        error = write_names(path, names + kept, (unsigned)n - kept, place);
    if (!error)
        error = write_names(path, names, kept, path->leaf_place);
    if (error)
        return error;
    uint32_t hash = names[kept].hash;
    insert(last, hash | (names[kept - 1].hash == hash), block);
    return write_level(path, last);
}

static int make_room(struct index_path *path)
{
    unsigned i = path->n_levels - 1;

    if (path->levels[i].n < path->levels[i].n_max)
        return split_leaf(path);
    while (i && path->levels[i - 1].n == path->levels[i - 1].n_max)
        i--;
    return i ? split_node(path, i) : add_level(path);
}

int index_add(struct index_path *path, const char *name, size_t len, uint32_t ino, uint8_t type)
{
    uint32_t hash, minor;

    int error = index_hash(path, name, len, &hash, &minor);
    for (unsigned tries = 0; !error && tries < ADD_TRIES; tries++) {
        error = index_go(path, hash);
        if (error)
            return error;
        struct leaf leaf = dir_leaf(path->fs, path->leaf);
        int added = leaf_add(&leaf, name, len, ino, type);
        if (added)
            return added < 0 ? added : dir_write(path->fs, path->dir, path->leaf_place, path->leaf);
        error = make_room(path);
        if (!error)
            error = index_open(path, path->fs, path->dir, path->inode);
    }
    return error ? error : -ENOSPC;
}

/* All of path->leaf, which is the only block, from a place in it on. */
static int move_names(struct index_path *path, unsigned at, uint64_t *block)
{
    struct leaf old = {path->leaf, path->fs->fs->blocksize};
    struct leaf leaf = dir_new_leaf(path->fs, path->fs->names.spare);
    struct leaf_entry *entry;
    uint64_t place;
    int result;

    while ((result = leaf_next(&old, &at, &entry)) > 0)
        if (entry->ino &&
            leaf_add(&leaf, entry->name, entry->name_len, entry->ino, entry->type) <= 0)
            return -EIO;
    if (!result)
        result = dir_append(path->fs, path->dir, path->inode, block, &place);
    return result ? result : dir_write(path->fs, path->dir, place, leaf.bytes);
}

int index_make(struct ext4 *fs, uint32_t dir, union inode *inode)
{
    struct index_path path = {.fs = fs, .dir = dir, .inode = inode, .leaf = fs->names.leaf};
    struct index_level root = {.bytes = path.leaf, .n_max = n_entries(fs, ROOT_LIST)};
    uint8_t version = fs->fs->super->s_def_hash_version;
    uint64_t block;

    if (!ext2fs_has_feature_dir_index(fs->fs->super) ||
        (version != EXT2_HASH_HALF_MD4 && version != EXT2_HASH_TEA))
        return 0;
    int error = dir_read(fs, dir, inode, 0, path.leaf, &root.place);
    if (error)
        return error;
    struct leaf leaf = {path.leaf, fs->fs->blocksize};
    struct leaf_entry *dot, *dots;
    unsigned at = 0;
    if (leaf_next(&leaf, &at, &dot) < 0 || at != DOT_BYTES || leaf_next(&leaf, &at, &dots) < 0 ||
        dots->name_len != 2)
        return 0; /* as nobody makes it */
    error = move_names(&path, at, &block);
    if (error)
        return error;
    memset(path.leaf + ROOT_INFO, 0, fs->fs->blocksize - ROOT_INFO);
    dots->len = (uint16_t)(fs->fs->blocksize - DOT_BYTES);
    *(struct ext2_dx_root_info *)(path.leaf + ROOT_INFO) = (struct ext2_dx_root_info){
        .hash_version = version, .info_length = sizeof(struct ext2_dx_root_info)};
    root.entries = (struct index_entry *)(path.leaf + ROOT_LIST);
    root.entries[0].block = (uint32_t)block;
    set_count(&root, 1);
    error = write_level(&path, &root);
    if (error)
        return error;
    inode->small.i_flags |= EXT2_INDEX_FL;
    error = inode_write(fs, dir, inode);
    return error ? error : 1;
}
