/* SPDX-License-Identifier: BSD-2-Clause */
/* Which block of the disk is which of a file: extents, or the older trees of block numbers. */
#include "fs.h"

#include <errno.h>

#include <ext2fs/ext2fsP.h>

#define STEP_BLOCKS  1024 /* freed in one step of a truncation */
#define STEP_CHANGES 40   /* blocks that such a step may change */

static bool has_extents(const union inode *inode)
{
    return inode->small.i_flags & EXT4_EXTENTS_FL;
}

bool map_reaches(const struct ext4 *fs, const union inode *inode, uint64_t block)
{
    return !ext2fs_file_block_offset_too_big(fs->fs, (struct ext2_inode *)&inode->small, block);
}

static errcode_t find_extent(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block,
                             unsigned n_max, uint64_t *place, unsigned *n)
{
    ext2_extent_handle_t handle;
    struct ext2fs_extent extent;

    errcode_t code = ext2fs_extent_open2(fs->fs, ino, &inode->small, &handle);
    if (code)
        return code;
    code = ext2fs_extent_goto(handle, block);
    if (!code)
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    ext2fs_extent_free(handle);
    if (code == EXT2_ET_EXTENT_NOT_FOUND)
        return 0;
    if (code)
        return code;
    uint64_t left = extent.e_len - (block - extent.e_lblk);
    *n = left < n_max ? (unsigned)left : n_max;
    if (!(extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT))
        *place = extent.e_pblk + (block - extent.e_lblk);
    return 0;
}

static errcode_t find_block(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block,
                            blk64_t *place)
{
    return ext2fs_bmap2(fs->fs, ino, &inode->small, fs->scratch, 0, block, NULL, place);
}

static errcode_t find_blocks(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block,
                             unsigned n_max, uint64_t *place, unsigned *n)
{
    blk64_t first = 0, next = 0;

    errcode_t code = find_block(fs, ino, inode, block, &first);
    *place = first;
    while (!code && *n < n_max) {
        code = find_block(fs, ino, inode, block + *n, &next);
        if (next != (first ? first + *n : 0))
            break;
        ++*n;
    }
    return code;
}

int map_find(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block, unsigned n_max,
             uint64_t *place, unsigned *n)
{
    *place = 0;
    *n = 1;
    errcode_t code = has_extents(inode) ? find_extent(fs, ino, inode, block, n_max, place, n)
                                        : find_blocks(fs, ino, inode, block, n_max, place, n);
    if (code)
        return fs_errno(code);
    uint64_t end = ext2fs_blocks_count(fs->fs->super);
    return *place && (*place >= end || *n > end - *place) ? -EIO : 0;
}

int map_allocate(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t block, uint64_t *place,
                 bool *is_new)
{
    int flags = 0;
    blk64_t found = 0;

    *is_new = false;
    errcode_t code =
        ext2fs_bmap2(fs->fs, ino, &inode->small, fs->scratch, 0, block, &flags, &found);
    if (code)
        return fs_errno(code); /* nothing has changed yet */
    if (found >= ext2fs_blocks_count(fs->fs->super))
        return -EIO;
    if (!found) {
        if (!meta_has_room(fs, 1))
            return -ENOSPC;
        code =
            ext2fs_bmap2(fs->fs, ino, &inode->small, fs->scratch, BMAP_ALLOC, block, NULL, &found);
        *is_new = true;
    } else if (flags & BMAP_RET_UNINIT) {
        if (!meta_has_room(fs, 1))
            return -ENOSPC;
        code = ext2fs_bmap2(fs->fs, ino, &inode->small, fs->scratch, BMAP_SET, block, NULL, &found);
        if (!code)
            code = ext2fs_read_inode(fs->fs, ino, &inode->small);
        *is_new = true;
    }
    *place = found;
    return code ? tx_failed(fs, "allocating a block", code) : 0;
}

/* The last extent: its first block, and the one behind it. */
static errcode_t find_last_extent(struct ext4 *fs, uint32_t ino, union inode *inode,
                                  uint64_t *first, uint64_t *end)
{
    ext2_extent_handle_t handle;
    struct ext2fs_extent extent;

    errcode_t code = ext2fs_extent_open2(fs->fs, ino, &inode->small, &handle);
    if (code)
        return code;
    code = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
    if (!code)
        code = ext2fs_extent_get(handle, EXT2_EXTENT_LAST_LEAF, &extent);
    ext2fs_extent_free(handle);
    if (code == EXT2_ET_NO_CURRENT_NODE || code == EXT2_ET_EXTENT_NO_NEXT)
        return 0; /* there is none */
    *first = extent.e_lblk;
    *end = extent.e_lblk + extent.e_len;
    return code;
}

/* The last entry of a block of block numbers that is not a hole, or the first one. */
static int find_last_number(struct ext4 *fs, uint32_t number, unsigned *last, uint32_t *found)
{
    unsigned n = fs->fs->blocksize / sizeof(uint32_t);
    const uint32_t *numbers = (const uint32_t *)fs->scratch;

    int error = io_read(fs, (uint64_t)number * fs->fs->blocksize, fs->scratch, fs->fs->blocksize);
    while (!error && --n && !numbers[n])
        ;
    *last = n;
    *found = error ? 0 : numbers[n];
    return error;
}

/* The same in a tree of block numbers: those of its last block of numbers. */
static errcode_t find_last_block(struct ext4 *fs, const union inode *inode, uint64_t *first,
                                 uint64_t *end)
{
    uint64_t n = fs->fs->blocksize / sizeof(uint32_t), reach = n * n * n;
    uint64_t base = EXT2_NDIR_BLOCKS + n + n * n;
    unsigned level = EXT2_TIND_BLOCK, last;

    while (level >= EXT2_IND_BLOCK && !inode->small.i_block[level]) {
        reach /= n;
        base -= reach;
        level--;
    }
    *first = level < EXT2_IND_BLOCK ? 0 : base;
    *end = level < EXT2_IND_BLOCK ? EXT2_NDIR_BLOCKS : base + reach;
    uint32_t number = inode->small.i_block[level];
    for (; level > EXT2_IND_BLOCK && number; level--) {
        int error = find_last_number(fs, number, &last, &number);
        if (error)
            return -error;
        reach /= n;
        *first += last * reach;
        *end = *first + reach;
    }
    return 0;
}

/* Where the next step begins: at the last extent, or block of numbers, or a part of it. */
static errcode_t find_step(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t before,
                           uint64_t *first)
{
    uint64_t end = 0;
    errcode_t code = 0;

    *first = 0;
    if (ext2fs_get_stat_i_blocks(fs->fs, &inode->small) / (fs->fs->blocksize / 512) > STEP_BLOCKS)
        code = has_extents(inode) ? find_last_extent(fs, ino, inode, first, &end)
                                  : find_last_block(fs, inode, first, &end);
    if (end > before)
        end = before;
    if (end > STEP_BLOCKS && *first < end - STEP_BLOCKS)
        *first = end - STEP_BLOCKS;
    return code;
}

/* A file with few blocks goes at once; of others the end is taken off, again and again. */
int map_free(struct ext4 *fs, uint32_t ino, union inode *inode, uint64_t from)
{
    uint64_t before = UINT64_MAX, first;

    for (;;) {
        errcode_t code = find_step(fs, ino, inode, before, &first);
        if (first < from)
            first = from;
        if (!code && first >= before)
            code = EXT2_ET_EXTENT_CYCLE; /* it was freed before */
        if (!code)
            code = ext2fs_punch(fs->fs, ino, &inode->small, NULL, first, ~0ULL);
        if (code)
            return tx_failed(fs, "freeing blocks", code);
        if (first == from)
            return 0;
        before = first;
        int error = tx_more(fs, STEP_CHANGES);
        if (error)
            return error;
    }
}
