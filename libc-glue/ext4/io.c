/* SPDX-License-Identifier: BSD-2-Clause */
/* What libext2fs reads and writes, it does through the cache. All that it writes is metadata. */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>

/* @param write  else read. */
static int copy(struct ext4 *fs, uint64_t offset, uint8_t *bytes, size_t len, bool write)
{
    struct cache *cache = &fs->cache;

    while (len) {
        size_t at = offset % cache->block_bytes;
        size_t n = cache->block_bytes - at < len ? cache->block_bytes - at : len;
        uint64_t number = offset / cache->block_bytes;
        struct block *block;
        int error = write && n == cache->block_bytes ? cache_take(cache, number, &block)
                                                     : cache_read(cache, number, &block);
        if (error)
            return error;
        if (write) {
            memcpy(block->bytes + at, bytes, n);
            cache_changed(cache, block, false);
        } else {
            memcpy(bytes, block->bytes + at, n);
        }
        offset += n;
        bytes += n;
        len -= n;
    }
    return 0;
}

int io_read(struct ext4 *fs, uint64_t offset, void *bytes, size_t len)
{
    return copy(fs, offset, bytes, len, false);
}

int io_write(struct ext4 *fs, uint64_t offset, const void *bytes, size_t len)
{
    return copy(fs, offset, (uint8_t *)(uintptr_t)bytes, len, true);
}

static struct ext4 *of_channel(io_channel channel)
{
    return CONTAINER_OF(channel->manager, struct ext4, manager);
}

/* A count below 0 is one of bytes. */
static size_t length(io_channel channel, int count)
{
    return count < 0 ? (size_t) - (long)count : (size_t)count * (unsigned)channel->block_size;
}

static bool is_beyond(io_channel channel, unsigned long long block)
{
    return block > UINT64_MAX / 2 / (unsigned)channel->block_size;
}

static errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void *bytes)
{
    if (is_beyond(channel, block))
        return EXT2_ET_BAD_BLOCK_NUM;
    return -io_read(of_channel(channel), block * (unsigned)channel->block_size, bytes,
                    length(channel, count));
}

static errcode_t write_blocks(io_channel channel, unsigned long long block, int count,
                              const void *bytes)
{
    struct ext4 *fs = of_channel(channel);

    if (fs->read_only)
        return EXT2_ET_RO_FILSYS;
    if (is_beyond(channel, block))
        return EXT2_ET_BAD_BLOCK_NUM;
    return -io_write(fs, block * (unsigned)channel->block_size, bytes, length(channel, count));
}

static errcode_t read_blocks_small(io_channel channel, unsigned long block, int count, void *bytes)
{
    return read_blocks(channel, block, count, bytes);
}

static errcode_t write_blocks_small(io_channel channel, unsigned long block, int count,
                                    const void *bytes)
{
    return write_blocks(channel, block, count, bytes);
}

static errcode_t zero_blocks(io_channel channel, unsigned long long block, unsigned long long count)
{
    struct cache *cache = &of_channel(channel)->cache;

    for (; count; count--) {
        struct block *zeroed;
        int error = cache_take(cache, block++, &zeroed);
        if (error)
            return -error;
        memset(zeroed->bytes, 0, cache->block_bytes);
        cache_changed(cache, zeroed, false);
    }
    return 0;
}

static errcode_t set_block_size(io_channel channel, int bytes)
{
    channel->block_size = bytes;
    return 0;
}

static errcode_t flush(io_channel channel)
{
    (void)channel; /* a commit does that */
    return 0;
}

static errcode_t close_channel(io_channel channel)
{
    free(channel);
    return 0;
}

/* libext2fs passes on a name and nothing else; files are opened one at a time. */
static struct ext4 *opening;

static errcode_t open_channel(const char *name, int flags, io_channel *channel)
{
    (void)name;
    (void)flags;
    *channel = calloc(1, sizeof(**channel));
    if (!*channel)
        return EXT2_ET_NO_MEMORY;
    (*channel)->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    (*channel)->manager = &opening->manager;
    (*channel)->refcount = 1;
    (*channel)->block_size = 1024;
    return 0;
}

void io_init(struct ext4 *fs)
{
    opening = fs;
    fs->manager = (struct struct_io_manager){
        .magic = EXT2_ET_MAGIC_IO_MANAGER,
        .name = "sprat",
        .open = open_channel,
        .close = close_channel,
        .set_blksize = set_block_size,
        .read_blk = read_blocks_small,
        .write_blk = write_blocks_small,
        .read_blk64 = read_blocks,
        .write_blk64 = write_blocks,
        .zeroout = zero_blocks,
        .flush = flush,
    };
}

/* Two of libext2fs's functions whose own files would bring in much that is not wanted. */

errcode_t ext2fs_zero_blocks2(ext2_filsys fs, blk64_t block, int count, blk64_t *failed,
                              int *n_done)
{
    (void)failed;
    (void)n_done;
    return count > 0 ? zero_blocks(fs->io, block, (unsigned)count) : 0;
}

/* File names without regard to case: a file system that wants them is refused. */
const struct ext2fs_nls_table *ext2fs_load_nls_table(int encoding)
{
    (void)encoding;
    return NULL;
}
