/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories: finding, making, moving and removing names. Each call is one change. */
#include "dir.h"

#include <errno.h>
#include <string.h>

#define CHANGES    32 /* blocks that one call may change */
#define LINKS_MAX  65000
#define NAME_BYTES (EXT4_NAME_MAX + 1)
#define DIR_BLOCKS 15 /* at most, that a name may need: a leaf, an index and what maps them */

/* The name as libext2fs wants it. */
static int copy_name(char copy[NAME_BYTES], const char *name, size_t len)
{
    if (len > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(copy, name, len);
    copy[len] = '\0';
    return 0;
}

int ext4_lookup(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    error = len > EXT4_NAME_MAX ? -ENAMETOOLONG : dir_find(fs, dir, name, len, ino);
    fs_leave(fs);
    return error;
}

/* The steps of a change. Each leaves the file system dead when it fails. */

/* @param links  added to its count; with dir_nlink a directory that had too many has 1. */
static int touch_dir(struct ext4 *fs, uint32_t dir, int links)
{
    union inode inode;
    int error = inode_read(fs, dir, &inode);

    if (error)
        return tx_failed(fs, "reading a directory", -error);
    if (links && inode.small.i_links_count != 1) {
        unsigned n = inode.small.i_links_count + (unsigned)links;
        inode.small.i_links_count = (uint16_t)(n >= LINKS_MAX ? 1 : n);
    }
    inode_touch(fs, &inode, INODE_MTIME | INODE_CTIME);
    return inode_write(fs, dir, &inode);
}

/* @param inode  read already. */
static int count_link(struct ext4 *fs, uint32_t ino, union inode *inode, int links)
{
    inode->small.i_links_count = (uint16_t)(inode->small.i_links_count + links);
    inode_touch(fs, inode, INODE_CTIME);
    return inode->small.i_links_count ? inode_write(fs, ino, inode) : orphan_drop(fs, ino, inode);
}

/* The first block of a new directory or symbolic link. */
static int fill_block(struct ext4 *fs, uint32_t ino, union inode *inode, uint32_t parent,
                      const char *target)
{
    uint64_t place;
    bool is_new;
    char *block;

    int error = map_allocate(fs, ino, inode, 0, &place, &is_new);
    if (error)
        return error == -ENOSPC ? tx_failed(fs, "filling a directory", ENOSPC) : error;
    if (target)
        error = io_write(fs, place * fs->fs->blocksize, target, strlen(target));
    if (target)
        return error ? tx_failed(fs, "writing a symbolic link", -error) : 0;
    errcode_t code = ext2fs_new_dir_block(fs->fs, ino, parent, &block);
    if (!code) {
        code = ext2fs_write_dir_block4(fs->fs, place, block, 0, ino);
        ext2fs_free_mem(&block);
    }
    return code ? tx_failed(fs, "writing a directory", code) : 0;
}

/* The target is in the inode itself. */
static bool is_fast_link(const char *target)
{
    return strlen(target) < sizeof(((struct ext2_inode *)0)->i_block);
}

static int make_inode(struct ext4 *fs, uint32_t dir, uint32_t ino, mode_t mode, const char *target)
{
    bool is_dir = S_ISDIR(mode);
    size_t len = target ? strlen(target) : 0;
    dgrp_t group = ext2fs_group_of_ino(fs->fs, ino);
    union inode inode;

    inode_init(fs, &inode, mode);
    inode.small.i_links_count = is_dir ? 2 : 1;
    if (is_dir)
        inode_set_size(&inode, fs->fs->blocksize);
    if (target)
        inode_set_size(&inode, len);
    bool is_fast = target && is_fast_link(target);
    if (is_fast)
        memcpy(inode.small.i_block, target, len);
    else if (target && ext2fs_has_feature_extents(fs->fs->super))
        inode_use_extents(&inode);
    ext2fs_inode_alloc_stats2(fs->fs, ino, 1, is_dir);
    ext2fs_clear_block_uninit(fs->fs, group); /* as Linux does */
    meta_group_changed(fs, group);
    errcode_t code = ext2fs_write_new_inode(fs->fs, ino, &inode.small);
    if (code)
        return tx_failed(fs, "making an inode", code);
    int error = inode_write(fs, ino, &inode);
    if (!error && (is_dir || (target && !is_fast)))
        error = fill_block(fs, ino, &inode, dir, is_dir ? NULL : target);
    return error;
}

/* On a full disk there may be room for a name still. */
static int check_room(struct ext4 *fs, uint32_t dir, const char *name)
{
    int result = meta_has_room(fs, 1) ? 1 : dir_has_room(fs, dir, name, strlen(name));

    return result < 0 ? result : result ? 0 : -ENOSPC;
}

static int create(struct ext4 *fs, uint32_t dir, const char *name, mode_t mode, const char *target,
                  uint32_t *ino)
{
    union inode parent;
    uint32_t found;

    int error = dir_find(fs, dir, name, strlen(name), &found);
    if (error != -ENOENT)
        return error ? error : -EEXIST;
    if (target && strlen(target) >= fs->fs->blocksize)
        return -ENAMETOOLONG;
    error = inode_read(fs, dir, &parent);
    if (error)
        return error;
    if (!parent.small.i_links_count)
        return -ENOENT; /* the directory was removed, somebody holds it */
    if (S_ISDIR(mode) && parent.small.i_links_count >= LINKS_MAX - 1 &&
        !ext2fs_has_feature_dir_nlink(fs->fs->super))
        return -EMLINK;
    /* Nothing may be missing for its block when the directory has taken what it needs. */
    if (S_ISDIR(mode) || (target && !is_fast_link(target)))
        error = meta_has_room(fs, DIR_BLOCKS + 1) ? 0 : -ENOSPC;
    else
        error = check_room(fs, dir, name);
    if (!error)
        error = inode_allocate(fs, dir, ino);
    if (error)
        return error;
    error = dir_add(fs, dir, name, strlen(name), *ino, mode);
    if (!error)
        error = make_inode(fs, dir, *ino, mode, target);
    if (!error)
        error = touch_dir(fs, dir, S_ISDIR(mode) ? 1 : 0);
    return error;
}

int ext4_create(struct ext4 *fs, uint32_t dir, const char *name, size_t len, mode_t mode,
                const char *target, uint32_t *ino)
{
    char copy[NAME_BYTES];

    int error = copy_name(copy, name, len);
    if (!error)
        error = tx_begin(fs, CHANGES);
    return error ? error : (int)tx_end(fs, create(fs, dir, copy, mode, target, ino));
}

static int link_inode(struct ext4 *fs, uint32_t dir, const char *name, uint32_t ino)
{
    union inode inode, parent;
    uint32_t found;

    int error = dir_find(fs, dir, name, strlen(name), &found);
    if (error != -ENOENT)
        return error ? error : -EEXIST;
    error = inode_read(fs, dir, &parent);
    if (!error)
        error = inode_read(fs, ino, &inode);
    if (error)
        return error;
    if (inode_is(&inode, S_IFDIR))
        return -EPERM;
    if (!inode.small.i_links_count || !parent.small.i_links_count)
        return -ENOENT;
    if (inode.small.i_links_count >= LINKS_MAX)
        return -EMLINK;
    error = check_room(fs, dir, name);
    if (!error)
        error = dir_add(fs, dir, name, strlen(name), ino, inode.small.i_mode);
    if (!error)
        error = count_link(fs, ino, &inode, 1);
    return error ? error : touch_dir(fs, dir, 0);
}

int ext4_link(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino)
{
    char copy[NAME_BYTES];

    int error = copy_name(copy, name, len);
    if (!error)
        error = tx_begin(fs, CHANGES);
    return error ? error : (int)tx_end(fs, link_inode(fs, dir, copy, ino));
}

/* May the name of this inode be removed? @param inode  is read. */
static int check_removable(struct ext4 *fs, uint32_t ino, union inode *inode, bool wanted_dir)
{
    int error = inode_read(fs, ino, inode);

    if (error)
        return error;
    bool is_dir = inode_is(inode, S_IFDIR);
    if (is_dir != wanted_dir)
        return is_dir ? -EISDIR : -ENOTDIR;
    if (!inode->small.i_links_count || ino < EXT2_FIRST_INODE(fs->fs->super))
        return ino == EXT4_ROOT ? -EBUSY : -EIO; /* a name for what is the file system's own */
    return is_dir ? dir_check_empty(fs, ino) : 0;
}

/* Its name is taken away already. */
static int remove_inode(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    if (inode_is(inode, S_IFDIR))
        return count_link(fs, ino, inode, -inode->small.i_links_count);
    return count_link(fs, ino, inode, -1);
}

static int remove_name(struct ext4 *fs, uint32_t dir, const char *name, bool is_dir)
{
    union inode inode;
    uint32_t ino = 0;

    int error = dir_find(fs, dir, name, strlen(name), &ino);
    if (!error)
        error = check_removable(fs, ino, &inode, is_dir);
    if (error)
        return error;
    error = dir_remove(fs, dir, name, strlen(name));
    if (!error)
        error = touch_dir(fs, dir, is_dir ? -1 : 0);
    return error ? error : remove_inode(fs, ino, &inode);
}

static int remove_in_change(struct ext4 *fs, uint32_t dir, const char *name, size_t len,
                            bool is_dir)
{
    char copy[NAME_BYTES];

    int error = copy_name(copy, name, len);
    if (!error)
        error = tx_begin(fs, CHANGES);
    return error ? error : (int)tx_end(fs, remove_name(fs, dir, copy, is_dir));
}

int ext4_unlink(struct ext4 *fs, uint32_t dir, const char *name, size_t len)
{
    return remove_in_change(fs, dir, name, len, false);
}

int ext4_rmdir(struct ext4 *fs, uint32_t dir, const char *name, size_t len)
{
    return remove_in_change(fs, dir, name, len, true);
}

/* Is `dir` the directory `ino`, or below it? @return 1, 0, -errno. */
static int is_below(struct ext4 *fs, uint32_t dir, uint32_t ino)
{
    for (unsigned depth = 0; depth < UINT16_MAX; depth++) {
        if (dir == ino)
            return 1;
        if (dir == EXT4_ROOT)
            return 0;
        int error = dir_find(fs, dir, "..", 2, &dir);
        if (error)
            return error;
    }
    return -EIO; /* no tree has that depth */
}

/* What is renamed, and what is in its way. */
struct move {
    uint32_t dir, to_dir;
    char name[NAME_BYTES], to_name[NAME_BYTES];
    uint32_t ino, replaced_ino;
    union inode inode, replaced;
};

/* @return 1 when there is nothing to do, 0, -errno. */
static int check_move(struct ext4 *fs, struct move *move)
{
    int error = dir_find(fs, move->dir, move->name, strlen(move->name), &move->ino);
    if (!error)
        error = inode_read(fs, move->ino, &move->inode);
    if (error)
        return error;
    bool is_dir = inode_is(&move->inode, S_IFDIR);
    if (is_dir) {
        error = is_below(fs, move->to_dir, move->ino);
        if (error)
            return error > 0 ? -EINVAL : error;
    }
    error = dir_find(fs, move->to_dir, move->to_name, strlen(move->to_name), &move->replaced_ino);
    if (!error && move->replaced_ino == move->ino)
        return 1;
    if (!error) { /* what is moved is in it */
        error = is_below(fs, move->dir, move->replaced_ino);
        error = error > 0 ? -ENOTEMPTY : error;
    }
    if (!error)
        error = check_removable(fs, move->replaced_ino, &move->replaced, is_dir);
    if (error && error != -ENOENT)
        return error;
    if (error == -ENOENT) {
        union inode parent;
        move->replaced_ino = 0;
        error = inode_read(fs, move->to_dir, &parent);
        if (error)
            return error;
        if (!parent.small.i_links_count)
            return -ENOENT;
        if (is_dir && parent.small.i_links_count >= LINKS_MAX - 1 &&
            !ext2fs_has_feature_dir_nlink(fs->fs->super))
            return -EMLINK;
    }
    /* In the place of another one it needs no room. */
    return move->replaced_ino ? 0 : check_room(fs, move->to_dir, move->to_name);
}

static int move_name(struct ext4 *fs, struct move *move)
{
    bool is_dir = inode_is(&move->inode, S_IFDIR);
    size_t len = strlen(move->name), to_len = strlen(move->to_name);
    mode_t mode = move->inode.small.i_mode;
    int links = move->replaced_ino && is_dir ? -1 : 0;

    int error = move->replaced_ino
                    ? dir_replace(fs, move->to_dir, move->to_name, to_len, move->ino, mode)
                    : dir_add(fs, move->to_dir, move->to_name, to_len, move->ino, mode);
    if (!error)
        error = dir_remove(fs, move->dir, move->name, len);
    if (!error && is_dir && move->dir != move->to_dir)
        error = dir_replace(fs, move->ino, "..", 2, move->to_dir, S_IFDIR);
    if (!error)
        error = touch_dir(fs, move->dir, is_dir ? -1 : 0);
    if (!error)
        error = touch_dir(fs, move->to_dir, links + (is_dir ? 1 : 0));
    if (!error)
        error = inode_read(fs, move->ino, &move->inode);
    if (!error) {
        inode_touch(fs, &move->inode, INODE_CTIME);
        error = inode_write(fs, move->ino, &move->inode);
    }
    if (!error && move->replaced_ino)
        error = remove_inode(fs, move->replaced_ino, &move->replaced);
    return error;
}

int ext4_rename(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t to_dir,
                const char *to_name, size_t to_len)
{
    struct move move = {.dir = dir, .to_dir = to_dir};

    int error = copy_name(move.name, name, len);
    if (!error)
        error = copy_name(move.to_name, to_name, to_len);
    if (!error)
        error = tx_begin(fs, CHANGES);
    if (error)
        return error;
    error = check_move(fs, &move);
    if (!error)
        error = move_name(fs, &move);
    return (int)tx_end(fs, error > 0 ? 0 : error);
}
