/* SPDX-License-Identifier: BSD-2-Clause */
/* How much room there is. */
#include "fs.h"

#define GROUP_BITMAPS 2

/* Blocks that can never hold data, as Linux counts them: what describes groups, and the journal. */
static uint64_t overhead(const struct ext4 *fs)
{
    const struct ext2_super_block *super = fs->fs->super;
    uint64_t n = super->s_first_data_block + (fs->has_journal ? fs->journal.end : 0);

    for (dgrp_t group = 0; group < fs->fs->group_desc_count; group++) {
        blk_t n_super_and_descriptors = 0;
        ext2fs_super_and_bgd_loc2(fs->fs, group, NULL, NULL, NULL, &n_super_and_descriptors);
        n += n_super_and_descriptors + fs->fs->inode_blocks_per_group + GROUP_BITMAPS;
    }
    return n;
}

void ext4_space(struct ext4 *fs, struct ext4_space *space)
{
    const struct ext2_super_block *super = fs->fs->super;
    uint64_t n_blocks = ext2fs_blocks_count(fs->fs->super), n_overhead = overhead(fs);

    *space = (struct ext4_space){
        .block_bytes = fs->fs->blocksize,
        .n_blocks = n_overhead < n_blocks ? n_blocks - n_overhead : 0,
        .n_free = ext2fs_free_blocks_count(fs->fs->super),
        .n_inodes = super->s_inodes_count,
        .n_inodes_free = super->s_free_inodes_count,
    };
}
