/* SPDX-License-Identifier: BSD-2-Clause */
/* Inodes: their fields, who holds them, and their end. */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHANGES      8     /* blocks that a change of an inode may change */
#define DROP_CHANGES 40    /* and its end, for each step */
#define ORPHANS_MAX  65536 /* more of them are no list, but damage */

int inode_read(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    memset(inode, 0, sizeof(*inode));
    return fs_errno(ext2fs_read_inode_full(fs->fs, ino, &inode->small, sizeof(*inode)));
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

    if (start < least || start > most)
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

/* Orphans: inodes that are being freed or truncated, in a list that begins in the superblock. */

static unsigned find_orphan(const struct ext4 *fs, uint32_t ino)
{
    unsigned i = 0;

    while (i < fs->n_orphans && fs->orphans[i] != ino)
        i++;
    return i;
}

static int remember_orphan(struct ext4 *fs, uint32_t ino)
{
    if (fs->n_orphans == fs->n_orphans_max) {
        unsigned n = fs->n_orphans_max ? 2 * fs->n_orphans_max : 16;
        uint32_t *orphans = realloc(fs->orphans, n * sizeof(*orphans));
        if (!orphans)
            return -ENOMEM;
        fs->orphans = orphans;
        fs->n_orphans_max = n;
    }
    fs->orphans[fs->n_orphans++] = ino;
    return 0;
}

static int add_orphan(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    int error = remember_orphan(fs, ino);

    if (error)
        return error;
    inode->small.i_dtime = fs->fs->super->s_last_orphan;
    fs->fs->super->s_last_orphan = ino;
    return inode_write(fs, ino, inode);
}

static int remove_orphan(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    unsigned i = find_orphan(fs, ino);
    uint32_t next = i ? fs->orphans[i - 1] : 0;
    union inode before;

    if (i + 1 == fs->n_orphans) {
        fs->fs->super->s_last_orphan = next;
    } else {
        uint32_t before_ino = fs->orphans[i + 1];
        int error = inode_read(fs, before_ino, &before);
        if (error)
            return tx_failed(fs, "the list of orphans", -error);
        before.small.i_dtime = next;
        error = inode_write(fs, before_ino, &before);
        if (error)
            return error;
    }
    memmove(&fs->orphans[i], &fs->orphans[i + 1], (fs->n_orphans - i - 1) * sizeof(*fs->orphans));
    fs->n_orphans--;
    inode->small.i_dtime = 0;
    return inode_write(fs, ino, inode);
}

/* The inode is an orphan without a name. */
static int free_inode(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    bool is_dir = inode_is(inode, S_IFDIR);

    if (ext2fs_inode_has_valid_blocks2(fs->fs, &inode->small)) {
        int error = map_free(fs, ino, inode, 0);
        if (error)
            return error;
    }
    errcode_t code = ext2fs_free_ext_attr(fs->fs, ino, &inode->large);
    if (code)
        return tx_failed(fs, "freeing attributes", code);
    int error = remove_orphan(fs, ino, inode);
    if (error)
        return error;
    inode->small.i_dtime = (uint32_t)time(NULL);
    inode_set_size(inode, 0);
    ext2fs_inode_alloc_stats2(fs->fs, ino, -1, is_dir);
    meta_group_changed(fs, ext2fs_group_of_ino(fs->fs, ino));
    return inode_write(fs, ino, inode);
}

static struct held **find_held(struct ext4 *fs, uint32_t ino)
{
    struct held **link = &fs->held;

    while (*link && (*link)->ino != ino)
        link = &(*link)->next;
    return link;
}

int inode_drop(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    struct held *held = *find_held(fs, ino);

    int error = add_orphan(fs, ino, inode);
    if (error)
        return error == -ENOMEM ? tx_failed(fs, "freeing an inode", ENOMEM) : error;
    if (!held)
        return free_inode(fs, ino, inode);
    held->unlinked = true;
    return 0;
}

int inode_free_orphans(struct ext4 *fs)
{
    uint32_t ino = fs->fs->super->s_last_orphan;
    union inode inode;

    while (ino) {
        int error = inode_read(fs, ino, &inode);
        if (!error && (fs->n_orphans == ORPHANS_MAX || find_orphan(fs, ino) < fs->n_orphans ||
                       ino < EXT2_FIRST_INODE(fs->fs->super) ||
                       !ext2fs_test_inode_bitmap2(fs->fs->inode_map, ino)))
            error = -EIO;
        if (!error)
            error = remember_orphan(fs, ino);
        if (error)
            return error;
        ino = inode.small.i_dtime;
    }
    /* Found from the list's head on, and kept from its end on. */
    for (unsigned i = 0; i < fs->n_orphans / 2; i++) {
        uint32_t swapped = fs->orphans[i];
        fs->orphans[i] = fs->orphans[fs->n_orphans - 1 - i];
        fs->orphans[fs->n_orphans - 1 - i] = swapped;
    }
    while (fs->n_orphans) {
        ino = fs->orphans[fs->n_orphans - 1];
        int error = tx_more(fs, DROP_CHANGES);
        if (!error)
            error = inode_read(fs, ino, &inode);
        if (error)
            return error;
        if (!inode.small.i_links_count) {
            error = free_inode(fs, ino, &inode);
        } else {
            uint64_t bytes = fs->fs->blocksize;
            if (inode_is(&inode, S_IFREG))
                error = map_free(fs, ino, &inode, (inode_size(&inode) + bytes - 1) / bytes);
            if (!error)
                error = remove_orphan(fs, ino, &inode);
        }
        if (error)
            return error;
    }
    return 0;
}

int inode_free_unlinked(struct ext4 *fs)
{
    union inode inode;

    for (struct held *held = fs->held; held; held = held->next) {
        if (!held->unlinked)
            continue;
        int error = tx_more(fs, DROP_CHANGES);
        if (!error)
            error = inode_read(fs, held->ino, &inode);
        if (!error)
            error = free_inode(fs, held->ino, &inode);
        if (error)
            return error;
        held->unlinked = false;
    }
    return 0;
}

int ext4_hold(struct ext4 *fs, uint32_t ino)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    struct held **link = find_held(fs, ino);
    if (!*link) {
        *link = calloc(1, sizeof(**link));
        if (*link)
            (*link)->ino = ino;
    }
    if (*link)
        (*link)->n++;
    else
        error = -ENOMEM;
    fs_leave(fs);
    return error;
}

void ext4_release(struct ext4 *fs, uint32_t ino)
{
    union inode inode;

    pthread_mutex_lock(&fs->lock); /* of a dead file system, too */
    struct held **link = find_held(fs, ino), *held = *link;
    if (!held || --held->n) {
        fs_leave(fs);
        return;
    }
    *link = held->next;
    bool unlinked = held->unlinked;
    free(held);
    if (unlinked && !fs->dead && tx_more(fs, DROP_CHANGES) == 0) {
        int error = inode_read(fs, ino, &inode);
        if (error)
            tx_failed(fs, "reading an inode", -error);
        else
            free_inode(fs, ino, &inode);
    }
    tx_end(fs, 0);
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
    bool is_orphan = find_orphan(fs, ino) < fs->n_orphans;

    inode_set_size(inode, size);
    int error = is_orphan ? inode_write(fs, ino, inode) : add_orphan(fs, ino, inode);
    if (error)
        return error;
    error = map_free(fs, ino, inode, (size + bytes - 1) / bytes);
    if (error || is_orphan)
        return error;
    return remove_orphan(fs, ino, inode);
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
    int error = tx_begin(fs, DROP_CHANGES);

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
