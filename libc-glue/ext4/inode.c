/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes: their fields and their size. */
#include "fs.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define CHANGES          8 /* blocks that a change of an inode may change */
#define EXTENT_DEPTH_MAX 5 /* more of them hold no more: 2^32 blocks */

/* libext2fs takes memory for each level that an extent tree says it has. */
static bool is_too_deep(const union inode *inode)
{
    const struct ext3_extent_header *header =
        (const struct ext3_extent_header *)inode->small.i_block;

    return inode->small.i_flags & EXT4_EXTENTS_FL && header->eh_depth > EXTENT_DEPTH_MAX;
}

int inode_read(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    memset(inode, 0, sizeof(*inode));
    errcode_t code = ext2fs_read_inode_full(fs->fs, ino, &inode->small, sizeof(*inode));
    if (code)
        return fs_errno(code);
    return is_too_deep(inode) ? -EIO : 0;
}

int inode_write(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    errcode_t code = ext2fs_write_inode_full(fs->fs, ino, &inode->small, sizeof(*inode));

    return code ? tx_failed(fs, "writing an inode", code) : 0;
}

uint64_t inode_size(const union inode *inode)
{
    return inode->small.i_size | (uint64_t)inode->small.i_size_high << 32;
}

void inode_set_size(union inode *inode, uint64_t size)
{
    inode->small.i_size = (uint32_t)size;
    inode->small.i_size_high = (uint32_t)(size >> 32);
}

bool inode_is(const union inode *inode, mode_t type)
{
    return (inode->small.i_mode & S_IFMT) == type;
}

/* Have the fields up to i_crtime_extra a place? */
static bool has_extra(const struct ext4 *fs, const union inode *inode)
{
    return EXT2_INODE_SIZE(fs->fs->super) > EXT2_GOOD_OLD_INODE_SIZE &&
           inode->large.i_extra_isize >=
               offsetof(struct ext2_inode_large, i_crtime_extra) + 4 - EXT2_GOOD_OLD_INODE_SIZE;
}

static uint32_t extra_of(const struct timespec *time)
{
    return (uint32_t)time->tv_nsec << 2 | ((uint64_t)time->tv_sec >> 32 & 3);
}

static struct timespec time_of(const struct ext4 *fs, const union inode *inode, uint32_t seconds,
                               uint32_t extra)
{
    if (!has_extra(fs, inode))
        return (struct timespec){.tv_sec = (int32_t)seconds};
    return (struct timespec){.tv_sec = (int32_t)seconds + ((time_t)(extra & 3) << 32),
                             .tv_nsec = extra >> 2};
}

static void set_times(struct ext4 *fs, union inode *inode, unsigned times,
                      const struct timespec *time)
{
    bool extra = has_extra(fs, inode);

    if (times & INODE_ATIME) {
        inode->small.i_atime = (uint32_t)time->tv_sec;
        if (extra)
            inode->large.i_atime_extra = extra_of(time);
    }
    if (times & INODE_MTIME) {
        inode->small.i_mtime = (uint32_t)time->tv_sec;
        if (extra)
            inode->large.i_mtime_extra = extra_of(time);
    }
    if (times & INODE_CTIME) {
        inode->small.i_ctime = (uint32_t)time->tv_sec;
        if (extra)
            inode->large.i_ctime_extra = extra_of(time);
    }
}

void inode_touch(struct ext4 *fs, union inode *inode, unsigned times)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    set_times(fs, inode, times, &now);
}

int inode_allocate(struct ext4 *fs, uint32_t dir, uint32_t *ino)
{
    ext2_filsys ext2 = fs->fs;
    uint32_t least = EXT2_FIRST_INODE(ext2->super), most = ext2->super->s_inodes_count;
    uint32_t n_group = EXT2_INODES_PER_GROUP(ext2->super);
    uint32_t start = (dir - 1) / n_group * n_group + 1;

    if (start < least)
        start = least;
    errcode_t code = ext2fs_find_first_zero_inode_bitmap2(ext2->inode_map, start, most, ino);
    if (code == ENOENT && start > least)
        code = ext2fs_find_first_zero_inode_bitmap2(ext2->inode_map, least, start - 1, ino);
    if (code)
        return code == ENOENT ? -ENOSPC : fs_errno(code);
    return 0;
}

void inode_use_extents(union inode *inode)
{
    struct ext3_extent_header header = {
        .eh_magic = EXT3_EXT_MAGIC,
        .eh_max = (sizeof(inode->small.i_block) - sizeof(header)) / sizeof(struct ext3_extent),
    };

    inode->small.i_flags |= EXT4_EXTENTS_FL;
    memcpy(inode->small.i_block, &header, sizeof(header));
}

void inode_init(struct ext4 *fs, union inode *inode, mode_t mode)
{
    memset(inode, 0, sizeof(*inode));
    inode->small.i_mode = (uint16_t)mode;
    if (EXT2_INODE_SIZE(fs->fs->super) > EXT2_GOOD_OLD_INODE_SIZE)
        inode->large.i_extra_isize = sizeof(inode->large) - EXT2_GOOD_OLD_INODE_SIZE;
    if (ext2fs_has_feature_extents(fs->fs->super) && !S_ISLNK(mode))
        inode_use_extents(inode);
    inode_touch(fs, inode, INODE_ATIME | INODE_MTIME | INODE_CTIME);
    if (has_extra(fs, inode)) {
        inode->large.i_crtime = inode->small.i_ctime;
        inode->large.i_crtime_extra = inode->large.i_ctime_extra;
    }
}

static void describe(struct ext4 *fs, uint32_t ino, const union inode *inode, struct stat *st)
{
    *st = (struct stat){0};
    st->st_ino = (ino_t)ino;
    st->st_mode = inode->small.i_mode;
    st->st_nlink = inode->small.i_links_count;
    st->st_uid = (uid_t)inode_uid(inode->small);
    st->st_gid = (gid_t)inode_gid(inode->small);
    st->st_size = (off_t)inode_size(inode);
    st->st_blksize = (blksize_t)fs->fs->blocksize;
    st->st_blocks = (blkcnt_t)ext2fs_get_stat_i_blocks(fs->fs, (struct ext2_inode *)&inode->small);
    st->st_atim = time_of(fs, inode, inode->small.i_atime, inode->large.i_atime_extra);
    st->st_mtim = time_of(fs, inode, inode->small.i_mtime, inode->large.i_mtime_extra);
    st->st_ctim = time_of(fs, inode, inode->small.i_ctime, inode->large.i_ctime_extra);
}

int ext4_stat(struct ext4 *fs, uint32_t ino, struct stat *st)
{
    union inode inode;
    int error = fs_enter(fs);

    if (error)
        return error;
    error = inode_read(fs, ino, &inode);
    if (!error)
        describe(fs, ino, &inode, st);
    fs_leave(fs);
    return error;
}

static int begin_change(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    int error = tx_begin(fs, CHANGES);

    if (error)
        return error;
    error = inode_read(fs, ino, inode);
    if (error)
        tx_end(fs, error);
    return error;
}

int ext4_chmod(struct ext4 *fs, uint32_t ino, mode_t mode)
{
    union inode inode;
    int error = begin_change(fs, ino, &inode);

    if (error)
        return error;
    inode.small.i_mode = (uint16_t)((inode.small.i_mode & S_IFMT) | (mode & 07777));
    inode_touch(fs, &inode, INODE_CTIME);
    return (int)tx_end(fs, inode_write(fs, ino, &inode));
}

int ext4_chown(struct ext4 *fs, uint32_t ino, uid_t uid, gid_t gid)
{
    union inode inode;
    int error = begin_change(fs, ino, &inode);

    if (error)
        return error;
    if (uid != (uid_t)-1) {
        inode.small.i_uid = (uint16_t)uid;
        inode.small.osd2.linux2.l_i_uid_high = (uint16_t)((uint32_t)uid >> 16);
    }
    if (gid != (gid_t)-1) {
        inode.small.i_gid = (uint16_t)gid;
        inode.small.osd2.linux2.l_i_gid_high = (uint16_t)((uint32_t)gid >> 16);
    }
    inode_touch(fs, &inode, INODE_CTIME);
    return (int)tx_end(fs, inode_write(fs, ino, &inode));
}

int ext4_utimens(struct ext4 *fs, uint32_t ino, const struct timespec times[2])
{
    union inode inode;
    int error = begin_change(fs, ino, &inode);

    if (error)
        return error;
    if (times[0].tv_nsec != UTIME_OMIT)
        set_times(fs, &inode, INODE_ATIME, &times[0]);
    if (times[1].tv_nsec != UTIME_OMIT)
        set_times(fs, &inode, INODE_MTIME, &times[1]);
    inode_touch(fs, &inode, INODE_CTIME);
    return (int)tx_end(fs, inode_write(fs, ino, &inode));
}

static int shrink(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t size)
{
    uint64_t bytes = fs->fs->blocksize;
    bool is_orphan = orphan_is(fs, ino);

    inode_set_size(inode, size);
    int error = is_orphan ? inode_write(fs, ino, inode) : orphan_add(fs, ino, inode);
    if (error)
        return error;
    error = map_free(fs, ino, inode, (size + bytes - 1) / bytes);
    if (error || is_orphan)
        return error;
    return orphan_remove(fs, ino, inode);
}

/* What is behind the end in the last block must read as zeros when the file grows. */
static int zero_tail(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t size)
{
    unsigned at = (unsigned)(size % fs->fs->blocksize), n;
    struct block *block;
    uint64_t place;

    if (!at)
        return 0;
    int error = map_find(fs, ino, inode, size / fs->fs->blocksize, 1, &place, &n);
    if (error || !place)
        return error;
    error = cache_read(&fs->cache, place, &block);
    if (error)
        return error;
    bool fresh = block->state & BLOCK_FRESH;
    memset(block->bytes + at, 0, fs->fs->blocksize - at);
    cache_changed(&fs->cache, block, fresh);
    return 0;
}

int inode_resize(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t size)
{
    uint64_t old = inode_size(inode);

    if (size && !map_reaches(fs, inode, (size - 1) / fs->fs->blocksize))
        return -EFBIG;
    int error = zero_tail(fs, ino, inode, size < old ? size : old);
    if (error)
        return error;
    inode_touch(fs, inode, INODE_MTIME | INODE_CTIME);
    if (size < old)
        return shrink(fs, ino, inode, size);
    if (size > INT32_MAX && !ext2fs_has_feature_large_file(fs->fs->super))
        ext2fs_set_feature_large_file(fs->fs->super);
    inode_set_size(inode, size);
    return inode_write(fs, ino, inode);
}

int ext4_truncate(struct ext4 *fs, uint32_t ino, uint64_t size)
{
    union inode inode;
    int error = tx_begin(fs, ORPHAN_CHANGES);

    if (error)
        return error;
    error = inode_read(fs, ino, &inode);
    if (!error && !inode_is(&inode, S_IFREG))
        error = inode_is(&inode, S_IFDIR) ? -EISDIR : -EINVAL;
    if (!error && size > INT64_MAX)
        error = -EFBIG;
    if (!error)
        error = inode_resize(fs, ino, &inode, size);
    return (int)tx_end(fs, error);
}
