/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock, and the running transaction. */
#include "fs.h"

#include <errno.h>
#include <time.h>

#include <sprat/port.h>

#define NS_PER_S         1000000000ull
#define GROUP_BLOCKS     3 /* two bitmaps and a descriptor */
#define LOGGED_SHARE_MAX 2 /* of the cache: what the log has pins memory */

static int kill_fs(struct ext4 *fs, const char *doing, const char *why)
{
    if (!fs->dead)
        port_log("%s: %s: %s; nothing can be read or written any more", fs->disk->name, doing, why);
    fs->dead = true;
    return -EIO;
}

int tx_failed(struct ext4 *fs, const char *doing, errcode_t code)
{
    return kill_fs(fs, doing, fs_error_text(code));
}

int fs_enter(struct ext4 *fs)
{
    pthread_mutex_lock(&fs->lock);
    int error = fs->dead ? -EIO : spare_fill(true);
    if (error)
        pthread_mutex_unlock(&fs->lock);
    return error;
}

void fs_leave(struct ext4 *fs)
{
    pthread_mutex_unlock(&fs->lock);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void remember_logged(struct ext4 *fs)
{
    unsigned n = cache_collect(&fs->cache, BLOCK_LOGGED);

    for (unsigned i = 0; i < n; i++)
        ext2fs_mark_block_bitmap2(fs->logged, fs->cache.list[i]->number);
}

static int commit_to_journal(struct ext4 *fs)
{
    int error = journal_commit(&fs->journal, &fs->cache, now_ns());

    if (error)
        return error;
    remember_logged(fs);
    if (!journal_is_full(&fs->journal) && fs->cache.n_logged < fs->cache.n_max / LOGGED_SHARE_MAX)
        return 0;
    error = journal_checkpoint(&fs->journal, &fs->cache);
    if (!error)
        ext2fs_clear_block_bitmap(fs->logged);
    return error;
}

static int commit_in_place(struct ext4 *fs)
{
    int error = cache_write(&fs->cache, BLOCK_DIRTY);

    return error ? error : disk_flush(fs->disk);
}

int tx_commit(struct ext4 *fs)
{
    if (fs->dead)
        return -EIO;
    if (!fs->changed)
        return 0;
    int error = meta_flush(fs);
    if (!error)
        error = fs->has_journal ? commit_to_journal(fs) : commit_in_place(fs);
    if (error)
        return kill_fs(fs, "commit", fs_error_text(-error));
    ext2fs_clear_block_bitmap(fs->freed);
    fs->changed = false;
    return 0;
}

int tx_more(struct ext4 *fs, unsigned n_blocks)
{
    unsigned n = fs->cache.n_dirty + fs->n_dirty_groups * GROUP_BLOCKS + n_blocks + 1;
    int error = n > fs->n_blocks_max ? tx_commit(fs) : 0;

    fs->changed = true;
    if (!error && spare_fill(true))
        error = tx_failed(fs, "a step of a change", ENOMEM);
    return error;
}

int tx_begin(struct ext4 *fs, unsigned n_blocks)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    error = fs->read_only ? -EROFS : spare_fill(false);
    if (!error)
        error = tx_more(fs, n_blocks);
    if (error)
        fs_leave(fs);
    return error;
}

ssize_t tx_end(struct ext4 *fs, ssize_t result)
{
    if (fs->changed && fs->options.on_change)
        fs->options.on_change(fs->options.arg);
    fs_leave(fs);
    return result;
}

int ext4_sync(struct ext4 *fs)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    error = tx_commit(fs);
    fs_leave(fs);
    return error;
}
