/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories: finding, making, moving and removing names. Each call is one change. */
#include "fs.h"

#include <errno.h>
#include <string.h>

#define CHANGES    32 /* blocks that one call may change */
#define LINKS_MAX  65000
#define NAME_BYTES (EXT4_NAME_MAX + 1)

/* The name as libext2fs wants it. */
static int copy_name(char copy[NAME_BYTES], const char *name, size_t len)
{
    if (len > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(copy, name, len);
    copy[len] = '\0';
    return 0;
}

static int look_up(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino)
{
    ext2_ino_t found;

    if (len > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    errcode_t code = ext2fs_lookup(fs->fs, dir, name, (int)len, NULL, &found);
    if (code)
        return fs_errno(code);
    *ino = found;
    return found && found <= fs->fs->super->s_inodes_count ? 0 : -EIO;
}

int ext4_lookup(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    error = look_up(fs, dir, name, len, ino);
    fs_leave(fs);
    return error;
}

static int file_type(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EXT2_FT_REG_FILE;
    case S_IFDIR:
        return EXT2_FT_DIR;
    case S_IFCHR:
        return EXT2_FT_CHRDEV;
    case S_IFBLK:
        return EXT2_FT_BLKDEV;
    case S_IFIFO:
        return EXT2_FT_FIFO;
    case S_IFSOCK:
        return EXT2_FT_SOCK;
    case S_IFLNK:
        return EXT2_FT_SYMLINK;
    default:
        return EXT2_FT_UNKNOWN;
    }
}

static mode_t mode_of_type(int type)
{
    static const mode_t modes[] = {0,       S_IFREG, S_IFDIR,  S_IFCHR,
                                   S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK};

    return type < (int)(sizeof(modes) / sizeof(modes[0])) ? modes[type] : 0;
}

/* The steps of a change. Each leaves the file system dead when it fails. */

static int add_name(struct ext4 *fs, uint32_t dir, const char *name, uint32_t ino, mode_t mode)
{
    errcode_t code = ext2fs_link(fs->fs, dir, name, ino, file_type(mode));

    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(fs->fs, dir);
        if (!code)
            code = ext2fs_link(fs->fs, dir, name, ino, file_type(mode));
    }
    return code ? tx_failed(fs, "adding a name", code) : 0;
}

static int take_name(struct ext4 *fs, uint32_t dir, const char *name, uint32_t ino)
{
    errcode_t code = ext2fs_unlink(fs->fs, dir, name, ino, 0);

    return code ? tx_failed(fs, "removing a name", code) : 0;
}

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
    bool is_fast = target && len < sizeof(inode.small.i_block);
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

static int create(struct ext4 *fs, uint32_t dir, const char *name, mode_t mode, const char *target,
                  uint32_t *ino)
{
    union inode parent;
    uint32_t found;

    int error = look_up(fs, dir, name, strlen(name), &found);
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
    if (!meta_has_room(fs, 1))
        return -ENOSPC;
    error = inode_allocate(fs, dir, ino);
    if (error)
        return error;
    error = add_name(fs, dir, name, *ino, mode);
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

    int error = look_up(fs, dir, name, strlen(name), &found);
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
    if (!meta_has_room(fs, 1))
        return -ENOSPC;
    error = add_name(fs, dir, name, ino, inode.small.i_mode);
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

static int count_names(struct ext2_dir_entry *entry, int offset, int block_bytes, char *block,
                       void *n)
{
    int len = ext2fs_dirent_name_len(entry);

    (void)offset;
    (void)block_bytes;
    (void)block;
    if ((len == 1 && entry->name[0] == '.') || (len == 2 && memcmp(entry->name, "..", 2) == 0))
        return 0;
    ++*(unsigned *)n;
    return DIRENT_ABORT;
}

static int check_empty(struct ext4 *fs, uint32_t dir)
{
    unsigned n = 0;
    errcode_t code = ext2fs_dir_iterate(fs->fs, dir, 0, NULL, count_names, &n);

    if (code)
        return fs_errno(code);
    return n ? -ENOTEMPTY : 0;
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
    return is_dir ? check_empty(fs, ino) : 0;
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

    int error = look_up(fs, dir, name, strlen(name), &ino);
    if (!error)
        error = check_removable(fs, ino, &inode, is_dir);
    if (error)
        return error;
    error = take_name(fs, dir, name, ino);
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
        int error = look_up(fs, dir, "..", 2, &dir);
        if (error)
            return error;
    }
    return -EIO; /* no tree has that depth */
}

static int set_parent(struct ext2_dir_entry *entry, int offset, int block_bytes, char *block,
                      void *parent)
{
    (void)offset;
    (void)block_bytes;
    (void)block;
    if (ext2fs_dirent_name_len(entry) != 2 || memcmp(entry->name, "..", 2) != 0)
        return 0;
    entry->inode = *(uint32_t *)parent;
    return DIRENT_CHANGED | DIRENT_ABORT;
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
    int error = look_up(fs, move->dir, move->name, strlen(move->name), &move->ino);
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
    error = look_up(fs, move->to_dir, move->to_name, strlen(move->to_name), &move->replaced_ino);
    if (!error && move->replaced_ino == move->ino)
        return 1;
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
    return meta_has_room(fs, 1) ? 0 : -ENOSPC;
}

static int move_name(struct ext4 *fs, struct move *move)
{
    bool is_dir = inode_is(&move->inode, S_IFDIR);
    int error = 0, links = 0;

    if (move->replaced_ino) {
        error = take_name(fs, move->to_dir, move->to_name, move->replaced_ino);
        links = is_dir ? -1 : 0;
    }
    if (!error)
        error = add_name(fs, move->to_dir, move->to_name, move->ino, move->inode.small.i_mode);
    if (!error)
        error = take_name(fs, move->dir, move->name, move->ino);
    if (!error && is_dir && move->dir != move->to_dir) {
        errcode_t code = ext2fs_dir_iterate(fs->fs, move->ino, 0, NULL, set_parent, &move->to_dir);
        error = code ? tx_failed(fs, "moving a directory", code) : 0;
    }
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

static ssize_t read_link(struct ext4 *fs, uint32_t ino, char *target, size_t size)
{
    union inode inode;
    uint64_t place;
    unsigned n;

    int error = inode_read(fs, ino, &inode);
    if (error)
        return error;
    if (!inode_is(&inode, S_IFLNK))
        return -EINVAL;
    uint64_t len = inode_size(&inode);
    if (!len || len >= fs->fs->blocksize)
        return -EIO;
    if (size > len)
        size = (size_t)len;
    if (ext2fs_is_fast_symlink(&inode.small)) {
        if (len >= sizeof(inode.small.i_block))
            return -EIO;
        memcpy(target, inode.small.i_block, size);
        return (ssize_t)size;
    }
    error = map_find(fs, ino, &inode, 0, 1, &place, &n);
    if (!error)
        error = place ? io_read(fs, place * fs->fs->blocksize, target, size) : -EIO;
    return error ? error : (ssize_t)size;
}

ssize_t ext4_readlink(struct ext4 *fs, uint32_t ino, char *target, size_t size)
{
    ssize_t result = fs_enter(fs);

    if (result)
        return result;
    result = read_link(fs, ino, target, size);
    fs_leave(fs);
    return result;
}

/* The entry at or behind *position in the block in fs->scratch. @return 1, 0: none, -EIO. */
static int find_entry(struct ext4 *fs, uint64_t *position, struct ext4_entry *entry)
{
    unsigned block_bytes = fs->fs->blocksize, wanted = (unsigned)(*position % block_bytes);
    uint64_t start = *position - wanted;
    unsigned at = 0, rec_len;

    for (; at + EXT2_DIR_ENTRY_HEADER_LEN <= block_bytes; at += rec_len) {
        struct ext2_dir_entry *found = (struct ext2_dir_entry *)(fs->scratch + at);
        if (ext2fs_get_rec_len(fs->fs, found, &rec_len) || rec_len % 4 ||
            rec_len < EXT2_DIR_ENTRY_HEADER_LEN || rec_len > block_bytes - at)
            return -EIO;
        size_t len = (unsigned)ext2fs_dirent_name_len(found);
        if (at < wanted || !found->inode || !len)
            continue;
        if (len > rec_len - EXT2_DIR_ENTRY_HEADER_LEN)
            return -EIO;
        entry->ino = found->inode;
        entry->type = mode_of_type(ext2fs_dirent_file_type(found));
        entry->len = len;
        memcpy(entry->name, found->name, len);
        entry->name[len] = '\0';
        *position = start + at + rec_len;
        return 1;
    }
    *position = start + block_bytes;
    return 0;
}

static int read_dir(struct ext4 *fs, uint32_t dir, uint64_t *position, struct ext4_entry *entry)
{
    unsigned block_bytes = fs->fs->blocksize, n;
    union inode inode;
    uint64_t place;

    int error = inode_read(fs, dir, &inode);
    if (error)
        return error;
    if (!inode_is(&inode, S_IFDIR))
        return -ENOTDIR;
    while (*position < inode_size(&inode)) {
        error = map_find(fs, dir, &inode, *position / block_bytes, 1, &place, &n);
        if (error)
            return error;
        errcode_t code = place ? ext2fs_read_dir_block4(fs->fs, place, fs->scratch, 0, dir)
                               : EXT2_ET_DIR_CORRUPTED;
        if (code)
            return fs_errno(code);
        int found = find_entry(fs, position, entry);
        if (found)
            return found;
    }
    return 0;
}

int ext4_readdir(struct ext4 *fs, uint32_t dir, uint64_t *position, struct ext4_entry *entry)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    int result = read_dir(fs, dir, position, entry);
    fs_leave(fs);
    return result;
}
