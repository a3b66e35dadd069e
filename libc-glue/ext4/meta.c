/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bitmaps, group descriptors and the superblock. libext2fs has them in memory and would write all
 * of them each time; here it is those of the groups that changed.
 */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM 24 /* blocks: for directories, extents and the like of one change */
#define BITS 32

void meta_group_changed(struct ext4 *fs, dgrp_t group)
{
    uint32_t bit = 1u << group % BITS;

    if (group >= fs->fs->group_desc_count || fs->dirty_groups[group / BITS] & bit)
        return;
    fs->dirty_groups[group / BITS] |= bit;
    fs->n_dirty_groups++;
}

static void block_counted(ext2_filsys ext2, blk64_t block, int in_use)
{
    struct ext4 *fs = ext2->priv_data;

    meta_group_changed(fs, ext2fs_group_of_blk2(ext2, block));
    if (in_use > 0)
        return;
    ext2fs_mark_block_bitmap2(fs->freed, block);
    cache_forget(&fs->cache, block);
}

/* libext2fs tells the range's end, and only takes one block in this way: a directory's next. */
static void range_counted(ext2_filsys ext2, blk64_t end, blk_t n, int in_use)
{
    (void)n;
    (void)in_use;
    meta_group_changed(ext2->priv_data, ext2fs_group_of_blk2(ext2, end - 1));
}

int meta_init(struct ext4 *fs)
{
    ext2_filsys ext2 = fs->fs;
    size_t n_words = (ext2->group_desc_count + BITS - 1) / BITS;

    ext2->priv_data = fs;
    fs->n_dirty_groups = 0;
    fs->dirty_groups = calloc(n_words, sizeof(*fs->dirty_groups));
    if (!fs->dirty_groups)
        return -ENOMEM;
    errcode_t code = ext2fs_allocate_block_bitmap(ext2, "freed", &fs->freed);
    if (!code)
        code = ext2fs_allocate_block_bitmap(ext2, "logged", &fs->logged);
    if (code)
        return fs_errno(code);
    ext2fs_set_block_alloc_stats_callback(ext2, block_counted, NULL);
    ext2fs_set_block_alloc_stats_range_callback(ext2, range_counted, NULL);
    return 0;
}

void meta_destroy(struct ext4 *fs)
{
    if (fs->freed)
        ext2fs_free_block_bitmap(fs->freed);
    if (fs->logged)
        ext2fs_free_block_bitmap(fs->logged);
    free(fs->dirty_groups);
    fs->freed = fs->logged = NULL;
    fs->dirty_groups = NULL;
}

bool meta_is_fresh(const struct ext4 *fs, uint64_t block)
{
    return fs->has_journal && !ext2fs_test_block_bitmap2(fs->freed, block) &&
           !ext2fs_test_block_bitmap2(fs->logged, block);
}

bool meta_has_room(const struct ext4 *fs, uint64_t n_blocks)
{
    return ext2fs_free_blocks_count(fs->fs->super) >= n_blocks + ROOM;
}

static errcode_t flush_block_bitmap(struct ext4 *fs, dgrp_t group, char *bits)
{
    ext2_filsys ext2 = fs->fs;
    unsigned n_bits = EXT2_BLOCKS_PER_GROUP(ext2->super);
    uint64_t first = ext2->super->s_first_data_block + (uint64_t)group * n_bits;
    uint64_t left = ext2fs_blocks_count(ext2->super) - first;

    memset(bits, 0xff, ext2->blocksize);
    errcode_t code = ext2fs_get_block_bitmap_range2(ext2->block_map, first, n_bits, bits);
    if (code)
        return code;
    for (uint64_t bit = left; bit < n_bits; bit++)
        ext2fs_set_bit((unsigned)bit, bits); /* what the last group has not is in use */
    code = ext2fs_block_bitmap_csum_set(ext2, group, bits, (int)(n_bits / 8));
    if (code)
        return code;
    return io_channel_write_blk64(ext2->io, ext2fs_block_bitmap_loc(ext2, group), 1, bits);
}

static errcode_t flush_inode_bitmap(struct ext4 *fs, dgrp_t group, char *bits)
{
    ext2_filsys ext2 = fs->fs;
    unsigned n_bits = EXT2_INODES_PER_GROUP(ext2->super);

    memset(bits, 0xff, ext2->blocksize);
    errcode_t code =
        ext2fs_get_inode_bitmap_range2(ext2->inode_map, group * n_bits + 1, n_bits, bits);
    if (!code)
        code = ext2fs_inode_bitmap_csum_set(ext2, group, bits, (int)(n_bits / 8));
    if (code)
        return code;
    return io_channel_write_blk64(ext2->io, ext2fs_inode_bitmap_loc(ext2, group), 1, bits);
}

static errcode_t flush_descriptor(struct ext4 *fs, dgrp_t group)
{
    ext2_filsys ext2 = fs->fs;
    dgrp_t block = group / EXT2_DESC_PER_BLOCK(ext2->super);
    uint64_t place = ext2fs_descriptor_block_loc2(ext2, ext2->super->s_first_data_block, block);

    ext2fs_group_desc_csum_set(ext2, group);
    return io_channel_write_blk64(ext2->io, place, 1,
                                  (char *)ext2->group_desc + (size_t)block * ext2->blocksize);
}

static errcode_t flush_group(struct ext4 *fs, dgrp_t group, char *bits)
{
    ext2_filsys ext2 = fs->fs;
    bool may_be_unset = ext2fs_has_group_desc_csum(ext2);
    errcode_t code = 0;

    if (!may_be_unset || !ext2fs_bg_flags_test(ext2, group, EXT2_BG_BLOCK_UNINIT))
        code = flush_block_bitmap(fs, group, bits);
    if (!code && (!may_be_unset || !ext2fs_bg_flags_test(ext2, group, EXT2_BG_INODE_UNINIT)))
        code = flush_inode_bitmap(fs, group, bits);
    return code ? code : flush_descriptor(fs, group);
}

static void seal_super(struct ext4 *fs)
{
    fs->fs->super->s_wtime = (uint32_t)time(NULL);
    ext2fs_superblock_csum_set(fs->fs, fs->fs->super);
}

int meta_flush(struct ext4 *fs)
{
    errcode_t code = 0;
    char *bits = spare_malloc(fs->fs->blocksize);

    if (!bits)
        return -ENOMEM;
    for (dgrp_t group = 0; fs->n_dirty_groups && group < fs->fs->group_desc_count && !code;
         group++) {
        uint32_t bit = 1u << group % BITS;
        if (!(fs->dirty_groups[group / BITS] & bit))
            continue;
        code = flush_group(fs, group, bits);
        fs->dirty_groups[group / BITS] &= ~bit;
        fs->n_dirty_groups--;
    }
    free(bits);
    if (code)
        return fs_errno(code);
    seal_super(fs);
    return io_write(fs, SUPERBLOCK_OFFSET, fs->fs->super, SUPERBLOCK_SIZE);
}

int meta_write_super(struct ext4 *fs)
{
    seal_super(fs);
    int error = io_write(fs, SUPERBLOCK_OFFSET, fs->fs->super, SUPERBLOCK_SIZE);
    if (!error)
        error = cache_write(&fs->cache, BLOCK_DIRTY);
    return error ? error : disk_flush(fs->disk);
}
