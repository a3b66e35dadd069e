/* SPDX-License-Identifier: BSD-2-Clause */
#include "dir.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

static uint8_t type_of(const struct ext4 *fs, mode_t mode)
{
    static const uint8_t types[] = {
        [S_IFREG >> 12] = EXT2_FT_REG_FILE, [S_IFDIR >> 12] = EXT2_FT_DIR,
        [S_IFCHR >> 12] = EXT2_FT_CHRDEV,   [S_IFBLK >> 12] = EXT2_FT_BLKDEV,
        [S_IFIFO >> 12] = EXT2_FT_FIFO,     [S_IFSOCK >> 12] = EXT2_FT_SOCK,
        [S_IFLNK >> 12] = EXT2_FT_SYMLINK,  [15] = EXT2_FT_UNKNOWN,
    };

    return ext2fs_has_feature_filetype(fs->fs->super) ? types[(mode & S_IFMT) >> 12] : 0;
}

int dir_init(struct ext4 *fs)
{
    size_t bytes = fs->fs->blocksize;
    uint8_t *memory = malloc((3 + INDEX_LEVELS_MAX) * bytes);

    /* A leaf's table has 12 bytes for each of its names, none of which takes less there. */
    static_assert(sizeof(struct index_name) <= LEAF_ENTRY_MIN, "a table fits in a block");
    if (!memory)
        return -ENOMEM;
    fs->names.memory = fs->names.leaf = memory;
    fs->names.spare = memory + bytes;
    fs->names.table = (struct index_name *)(memory + 2 * bytes);
    for (unsigned i = 0; i < INDEX_LEVELS_MAX; i++)
        fs->names.levels[i] = memory + (3 + i) * bytes;
    fs->names.leaf_place = 0;
    return 0;
}

void dir_destroy(struct ext4 *fs)
{
    free(fs->names.memory);
    fs->names.memory = NULL;
}

bool dir_has_index(const struct ext4 *fs, const union inode *inode)
{
    return inode->small.i_flags & EXT2_INDEX_FL && ext2fs_has_feature_dir_index(fs->fs->super);
}

uint64_t dir_n_blocks(const struct ext4 *fs, const union inode *inode)
{
    return inode_size(inode) / fs->fs->blocksize;
}

int dir_read_inode(struct ext4 *fs, uint32_t dir, union inode *inode)
{
    int error = inode_read(fs, dir, inode);

    if (error)
        return error;
    if (!inode_is(inode, S_IFDIR))
        return -ENOTDIR;
    /* It has no holes, so it is no longer than the disk. */
    return dir_n_blocks(fs, inode) > ext2fs_blocks_count(fs->fs->super) ? -EIO : 0;
}

int dir_read(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t block, uint8_t *bytes,
             uint64_t *place)
{
    unsigned n;

    if (block >= dir_n_blocks(fs, inode))
        return -EIO;
    int error = map_find(fs, dir, inode, block, 1, place, &n);
    if (error || !*place)
        return error ? error : -EIO;
    return fs_errno(ext2fs_read_dir_block4(fs->fs, *place, bytes, 0, dir));
}

int dir_write(struct ext4 *fs, uint32_t dir, uint64_t place, uint8_t *bytes)
{
    errcode_t code = ext2fs_write_dir_block4(fs->fs, place, bytes, 0, dir);

    fs->names.leaf_place = 0;
    return code ? tx_failed(fs, "writing a directory", code) : 0;
}

int dir_append(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t *block, uint64_t *place)
{
    bool is_new;

    *block = dir_n_blocks(fs, inode);
    int error = map_allocate(fs, dir, inode, *block, place, &is_new);
    if (error)
        return error;
    inode_set_size(inode, inode_size(inode) + fs->fs->blocksize);
    return inode_write(fs, dir, inode);
}

struct leaf dir_leaf(const struct ext4 *fs, uint8_t *bytes)
{
    struct leaf leaf = {bytes, fs->fs->blocksize};

    if (!ext2fs_has_feature_metadata_csum(fs->fs->super))
        return leaf;
    leaf.len = ext2fs_dirent_has_tail(fs->fs, (struct ext2_dir_entry *)bytes)
                   ? fs->fs->blocksize - LEAF_TAIL
                   : 0;
    return leaf;
}

struct leaf dir_new_leaf(const struct ext4 *fs, uint8_t *bytes)
{
    struct leaf leaf = {bytes, fs->fs->blocksize};

    if (ext2fs_has_feature_metadata_csum(fs->fs->super)) {
        leaf.len -= LEAF_TAIL;
        ext2fs_initialize_dirent_tail(fs->fs, (struct ext2_dir_entry_tail *)(bytes + leaf.len));
    }
    leaf_clear(&leaf);
    return leaf;
}

/* Where a name is. */
struct found {
    uint64_t place;
    uint8_t *bytes;
    struct leaf_entry *entry, *before;
};

/* Blocks from the first to `n`, which may be those of an index, too: they look like free ones. */
static int find_in_blocks(struct ext4 *fs, uint32_t dir, union inode *inode, uint64_t n,
                          const char *name, size_t len, struct found *found)
{
    struct leaf leaf = {fs->names.leaf, fs->fs->blocksize};

    found->bytes = leaf.bytes;
    for (uint64_t block = 0; block < n; block++) {
        int error = dir_read(fs, dir, inode, block, leaf.bytes, &found->place);
        int result = error ? error : leaf_find(&leaf, name, len, &found->entry, &found->before);
        if (result)
            return result < 0 ? result : 0;
    }
    return -ENOENT;
}

static bool is_dot(const char *name, size_t len)
{
    return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static int find(struct ext4 *fs, uint32_t dir, const char *name, size_t len, struct found *found)
{
    struct index_path path;
    union inode inode;

    int error = dir_read_inode(fs, dir, &inode);
    if (error)
        return error;
    if (is_dot(name, len))
        return find_in_blocks(fs, dir, &inode, 1, name, len, found);
    if (!dir_has_index(fs, &inode))
        return find_in_blocks(fs, dir, &inode, dir_n_blocks(fs, &inode), name, len, found);
    error = index_open(&path, fs, dir, &inode);
    if (error)
        return error;
    int result = index_find(&path, name, len, &found->entry, &found->before);
    if (result <= 0)
        return result < 0 ? result : -ENOENT;
    found->place = path.leaf_place;
    found->bytes = path.leaf;
    return 0;
}

int dir_find(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino)
{
    struct found found;
    int error = find(fs, dir, name, len, &found);

    if (error)
        return error;
    *ino = found.entry->ino;
    return *ino <= fs->fs->super->s_inodes_count ? 0 : -EIO;
}

int dir_remove(struct ext4 *fs, uint32_t dir, const char *name, size_t len)
{
    struct found found;
    int error = find(fs, dir, name, len, &found);

    if (error)
        return tx_failed(fs, "removing a name", -error);
    leaf_remove(found.entry, found.before);
    return dir_write(fs, dir, found.place, found.bytes);
}

int dir_replace(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino,
                mode_t mode)
{
    struct found found;
    int error = find(fs, dir, name, len, &found);

    if (error)
        return tx_failed(fs, "changing a name", -error);
    found.entry->ino = ino;
    found.entry->type = type_of(fs, mode);
    return dir_write(fs, dir, found.place, found.bytes);
}

int dir_check_empty(struct ext4 *fs, uint32_t dir)
{
    struct leaf leaf = {fs->names.leaf, fs->fs->blocksize};
    struct leaf_entry *entry;
    union inode inode;
    uint64_t place;

    int result = dir_read_inode(fs, dir, &inode);
    for (uint64_t block = 0; block < dir_n_blocks(fs, &inode) && !result; block++) {
        unsigned at = 0;
        result = dir_read(fs, dir, &inode, block, leaf.bytes, &place);
        while (!result && (result = leaf_next(&leaf, &at, &entry)) > 0)
            result = entry->ino && !is_dot(entry->name, entry->name_len) ? -ENOTEMPTY : 0;
    }
    return result;
}

static int has_room_in_blocks(struct ext4 *fs, uint32_t dir, union inode *inode, size_t len)
{
    uint64_t place;
    int result = 0;

    for (uint64_t block = 0; block < dir_n_blocks(fs, inode) && !result; block++) {
        result = dir_read(fs, dir, inode, block, fs->names.leaf, &place);
        if (result)
            return result;
        struct leaf leaf = dir_leaf(fs, fs->names.leaf);
        result = leaf_has_room(&leaf, len);
    }
    return result;
}

int dir_has_room(struct ext4 *fs, uint32_t dir, const char *name, size_t len)
{
    struct index_path path;
    union inode inode;
    uint32_t hash, minor;

    int error = dir_read_inode(fs, dir, &inode);
    if (error)
        return error;
    if (!dir_has_index(fs, &inode))
        return has_room_in_blocks(fs, dir, &inode, len);
    error = index_open(&path, fs, dir, &inode);
    if (!error)
        error = index_hash(&path, name, len, &hash, &minor);
    if (!error)
        error = index_go(&path, hash);
    if (error)
        return error;
    struct leaf leaf = dir_leaf(fs, path.leaf);
    return leaf_has_room(&leaf, len);
}

/* A new block of a directory without an index, with one name. */
static int add_in_new_block(struct ext4 *fs, uint32_t dir, union inode *inode, const char *name,
                            size_t len, uint32_t ino, uint8_t type)
{
    uint64_t block, place;

    int error = dir_append(fs, dir, inode, &block, &place);
    if (error)
        return error;
    struct leaf leaf = dir_new_leaf(fs, fs->names.leaf);
    leaf_add(&leaf, name, len, ino, type);
    return dir_write(fs, dir, place, leaf.bytes);
}

static int add_in_blocks(struct ext4 *fs, uint32_t dir, union inode *inode, const char *name,
                         size_t len, uint32_t ino, uint8_t type)
{
    uint64_t place;

    for (uint64_t block = 0; block < dir_n_blocks(fs, inode); block++) {
        int error = dir_read(fs, dir, inode, block, fs->names.leaf, &place);
        if (error)
            return error;
        struct leaf leaf = dir_leaf(fs, fs->names.leaf);
        int result = leaf_add(&leaf, name, len, ino, type);
        if (result)
            return result < 0 ? result : dir_write(fs, dir, place, leaf.bytes);
    }
    return -ENOSPC;
}

int dir_add(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino, mode_t mode)
{
    uint8_t type = type_of(fs, mode);
    struct index_path path;
    union inode inode;

    int error = dir_read_inode(fs, dir, &inode);
    if (error)
        return error;
    if (!dir_has_index(fs, &inode)) {
        inode.small.i_flags &= ~(uint32_t)EXT2_INDEX_FL; /* nobody looks after it any more */
        error = inode_write(fs, dir, &inode);
        if (error)
            return error;
        error = add_in_blocks(fs, dir, &inode, name, len, ino, type);
        if (error != -ENOSPC)
            return error;
        int made = dir_n_blocks(fs, &inode) == 1 ? index_make(fs, dir, &inode) : 0;
        if (made <= 0)
            return made < 0 ? made : add_in_new_block(fs, dir, &inode, name, len, ino, type);
    }
    error = index_open(&path, fs, dir, &inode);
    return error ? error : index_add(&path, name, len, ino, type);
}
