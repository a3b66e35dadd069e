/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing files. */
#include "fs.h"

#include <errno.h>
#include <string.h>

#define STEP_BLOCKS  16 /* written in one step */
#define STEP_CHANGES 32 /* blocks that such a step may change */
#define RUN_BLOCKS   64 /* read at once */

/* A part of a run of `n` blocks from `place` on, what is in the cache from there. */
static int read_run(struct ext4 *fs, uint64_t place, unsigned n, uint8_t *bytes)
{
    struct cache *cache = &fs->cache;
    unsigned block_bytes = cache->block_bytes;

    /* First the disk, then what is newer. Large reads leave no copies in the cache. */
    batch_init(&cache->batch, cache->disk, false);
    for (unsigned i = 0; i < n; i++)
        if (!cache_find(cache, place + i))
            batch_add(&cache->batch, (place + i) * block_bytes, bytes + (size_t)i * block_bytes,
                      block_bytes);
    int error = batch_done(&cache->batch);
    for (unsigned i = 0; i < n && !error; i++) {
        struct block *block = cache_find(cache, place + i);
        if (block)
            memcpy(bytes + (size_t)i * block_bytes, block->bytes, block_bytes);
    }
    return error;
}

/* Some bytes, at most `len`, from one run of blocks. @return how many, or -errno. */
static ssize_t read_some(struct ext4 *fs, uint32_t ino, union inode *inode, uint8_t *bytes,
                         size_t len, uint64_t offset)
{
    unsigned block_bytes = fs->fs->blocksize, at = (unsigned)(offset % block_bytes), n;
    size_t n_wanted = (at + len + block_bytes - 1) / block_bytes;
    struct block *block;
    uint64_t place;

    int error = map_find(fs, ino, inode, offset / block_bytes,
                         n_wanted < RUN_BLOCKS ? (unsigned)n_wanted : RUN_BLOCKS, &place, &n);
    if (error)
        return error;
    size_t here = (size_t)n * block_bytes - at < len ? (size_t)n * block_bytes - at : len;
    if (!place) {
        memset(bytes, 0, here);
        return (ssize_t)here;
    }
    if (at == 0 && here / block_bytes > 1) {
        error = read_run(fs, place, (unsigned)(here / block_bytes), bytes);
        return error ? error : (ssize_t)(here / block_bytes * block_bytes);
    }
    here = block_bytes - at < len ? block_bytes - at : len;
    error = cache_read(&fs->cache, place, &block);
    if (error)
        return error;
    memcpy(bytes, block->bytes + at, here);
    return (ssize_t)here;
}

ssize_t ext4_read(struct ext4 *fs, uint32_t ino, void *bytes, size_t len, uint64_t offset)
{
    union inode inode;
    size_t done = 0;
    ssize_t n = fs_enter(fs);

    if (n)
        return n;
    n = inode_read(fs, ino, &inode);
    if (!n && !inode_is(&inode, S_IFREG))
        n = inode_is(&inode, S_IFDIR) ? -EISDIR : -EINVAL;
    uint64_t size = inode_size(&inode);
    if (n || offset >= size)
        len = 0;
    else if (len > size - offset)
        len = size - offset;
    while (done < len && n >= 0) {
        n = read_some(fs, ino, &inode, (uint8_t *)bytes + done, len - done, offset + done);
        done += n > 0 ? (size_t)n : 0;
    }
    fs_leave(fs);
    return done || n >= 0 ? (ssize_t)done : n;
}

/* Write into one block; without bytes, only see that there is one. @return bytes, or -errno. */
static ssize_t write_block(struct ext4 *fs, uint32_t ino, union inode *inode, const uint8_t *bytes,
                           size_t len, uint64_t offset)
{
    unsigned block_bytes = fs->fs->blocksize, at = (unsigned)(offset % block_bytes);
    struct block *block;
    uint64_t place;
    bool is_new;

    if (len > block_bytes - at)
        len = block_bytes - at;
    int error = map_allocate(fs, ino, inode, offset / block_bytes, &place, &is_new);
    if (error || (!bytes && !is_new))
        return error ? error : (ssize_t)len;
    error = is_new || len == block_bytes ? cache_take(&fs->cache, place, &block)
                                         : cache_read(&fs->cache, place, &block);
    if (error)
        return is_new ? tx_failed(fs, "writing a new block", -error) : error;
    bool fresh = is_new ? meta_is_fresh(fs, place) : (block->state & BLOCK_FRESH) != 0;
    if (is_new)
        memset(block->bytes, 0, block_bytes);
    if (bytes)
        memcpy(block->bytes + at, bytes, len);
    cache_changed(&fs->cache, block, fresh);
    return (ssize_t)len;
}

/* Some blocks, and the inode: a whole change. @return bytes, or -errno. */
static ssize_t write_step(struct ext4 *fs, uint32_t ino, union inode *inode, const uint8_t *bytes,
                          size_t len, uint64_t offset)
{
    size_t done = 0;
    ssize_t n = 0;

    for (unsigned i = 0; i < STEP_BLOCKS && done < len; i++) {
        n = write_block(fs, ino, inode, bytes ? bytes + done : NULL, len - done, offset + done);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (!done)
        return n;
    if (offset + done > inode_size(inode)) {
        inode_set_size(inode, offset + done);
        if (offset + done > INT32_MAX && !ext2fs_has_feature_large_file(fs->fs->super))
            ext2fs_set_feature_large_file(fs->fs->super);
    }
    inode_touch(fs, inode, INODE_MTIME | INODE_CTIME);
    int error = fs->dead ? -EIO : inode_write(fs, ino, inode);
    return error ? error : (ssize_t)done;
}

static ssize_t write_all(struct ext4 *fs, uint32_t ino, const uint8_t *bytes, size_t len,
                         uint64_t *offset, bool at_end)
{
    union inode inode;
    size_t done = 0;
    ssize_t n = inode_read(fs, ino, &inode);

    if (n)
        return n;
    if (!inode_is(&inode, S_IFREG))
        return inode_is(&inode, S_IFDIR) ? -EISDIR : -EINVAL;
    if (at_end)
        *offset = inode_size(&inode);
    if (*offset > INT64_MAX || len > INT64_MAX - *offset)
        return -EFBIG;
    uint64_t size = inode_size(&inode), least = bytes ? *offset : *offset + len;
    if (least > size) {
        n = inode_resize(fs, ino, &inode, least);
        if (n)
            return n;
    }
    while (done < len) {
        n = done ? tx_more(fs, STEP_CHANGES) : 0;
        if (!n)
            n = write_step(fs, ino, &inode, bytes ? bytes + done : NULL, len - done, *offset);
        if (n < 0)
            break;
        done += (size_t)n;
        *offset += (size_t)n;
    }
    if (done && *offset > size)
        size = *offset;
    if (inode_size(&inode) > size && !fs->dead) { /* what is not written makes it no longer */
        inode_set_size(&inode, size);
        int error = inode_write(fs, ino, &inode);
        n = error ? error : n;
    }
    return done ? (ssize_t)done : n;
}

ssize_t ext4_write(struct ext4 *fs, uint32_t ino, const void *bytes, size_t len, uint64_t *offset,
                   bool at_end)
{
    int error = tx_begin(fs, STEP_CHANGES);

    if (error)
        return error;
    return tx_end(fs, write_all(fs, ino, bytes, len, offset, at_end));
}
