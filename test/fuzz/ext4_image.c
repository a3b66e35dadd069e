/* SPDX-License-Identifier: BSD-2-Clause */
#include "ext4_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext4_seal.h"
#include "fs.h"
#include "simdisk.h"

#define N_FILES    60 /* in a directory that has an index then, with blocks of 1024 bytes */
#define FILE_BYTES 3000
#define N_EXTENTS  400 /* of a file: a tree of two levels */
#define LOG_BLOCKS 80  /* of the journal, that are damaged */

static void must(int error)
{
    if (error < 0)
        abort();
}

static uint32_t make(struct ext4 *fs, uint32_t dir, const char *name, mode_t mode,
                     const char *target)
{
    uint32_t ino;

    must(ext4_create(fs, dir, name, strlen(name), mode, target, &ino));
    return ino;
}

static void fill(struct ext4 *fs, uint32_t ino, uint64_t offset, size_t len)
{
    static uint8_t bytes[FILE_BYTES];

    must((int)ext4_write(fs, ino, bytes, len, &offset, false));
}

static void populate(struct ext4 *fs)
{
    uint32_t dir = make(fs, EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
    char name[32], target[200] = "";

    make(fs, dir, "link", S_IFLNK | 0777, "../dir/file-3");
    memset(target, 't', sizeof(target) - 1);
    make(fs, dir, "long-link", S_IFLNK | 0777, target);
    for (int i = 0; i < N_FILES; i++) {
        snprintf(name, sizeof(name), "file-%d", i);
        uint32_t ino = make(fs, dir, name, S_IFREG | 0644, NULL);
        if (i < 20)
            fill(fs, ino, (uint64_t)i * 1000, FILE_BYTES);
    }
    uint32_t sub = make(fs, EXT4_ROOT, "sub", S_IFDIR | 0755, NULL);
    make(fs, sub, "subsub", S_IFDIR | 0755, NULL);
    uint32_t spread = make(fs, EXT4_ROOT, "spread", S_IFREG | 0644, NULL);
    for (uint64_t i = 0; i < N_EXTENTS; i++)
        fill(fs, spread, i * 2 * fs->fs->blocksize, 1);
    /* Two that are open and have no name: the list of orphans. */
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "orphan-%d", i);
        uint32_t ino = make(fs, sub, name, S_IFREG | 0644, NULL);
        fill(fs, ino, 0, FILE_BYTES);
        must(ext4_hold(fs, ino));
        must(ext4_unlink(fs, sub, name, strlen(name)));
    }
}

/* Where things are. */

static void add(struct image *image, enum unit_kind kind, uint32_t number, uint64_t offset,
                uint32_t len)
{
    if (image->n_units == image->n_units_max) {
        image->n_units_max = image->n_units_max ? 2 * image->n_units_max : 256;
        image->units = realloc(image->units, image->n_units_max * sizeof(struct unit));
        if (!image->units)
            abort();
    }
    if (offset + len > IMAGE_BYTES)
        abort();
    image->units[image->n_units++] = (struct unit){kind, number, (uint32_t)offset, len};
}

struct walk {
    struct image *image;
    struct ext4 *fs;
    uint32_t ino;
    const union inode *inode;
};

static int add_block(ext2_filsys ext2, blk64_t *block, e2_blkcnt_t number, blk64_t in_block, int at,
                     void *arg)
{
    const struct walk *walk = arg;
    struct image *image = walk->image;
    enum unit_kind kind = UNIT_NAMES;

    (void)in_block;
    (void)at;
    if (number < 0) {
        kind = walk->inode->small.i_flags & EXT4_EXTENTS_FL ? UNIT_EXTENTS : UNIT_INDIRECT;
    } else {
        if (!inode_is(walk->inode, S_IFDIR))
            return 0;
        must(io_read(walk->fs, *block * ext2->blocksize, walk->fs->scratch, ext2->blocksize));
        if (walk->inode->small.i_flags & EXT2_INDEX_FL &&
            !ext2fs_dirent_has_tail(ext2, (struct ext2_dir_entry *)walk->fs->scratch))
            kind = UNIT_INDEX;
    }
    add(image, kind, walk->ino, *block * ext2->blocksize, ext2->blocksize);
    return 0;
}

static void find_inode(struct image *image, struct ext4 *fs, uint32_t ino)
{
    ext2_filsys ext2 = fs->fs;
    uint32_t index = (ino - 1) % EXT2_INODES_PER_GROUP(ext2->super);
    uint64_t table = ext2fs_inode_table_loc(ext2, ext2fs_group_of_ino(ext2, ino));
    union inode inode;
    struct walk walk = {image, fs, ino, &inode};

    image->inodes[ino] = (uint32_t)(table * ext2->blocksize + index * image->inode_bytes);
    if (!ext2fs_test_inode_bitmap2(ext2->inode_map, ino))
        return;
    add(image, UNIT_INODE, ino, image->inodes[ino], image->inode_bytes);
    must(inode_read(fs, ino, &inode));
    if (ext2fs_inode_has_valid_blocks2(ext2, &inode.small) &&
        ext2fs_block_iterate3(ext2, ino, BLOCK_FLAG_READ_ONLY, NULL, add_block, &walk))
        abort();
}

static void find_group(struct image *image, struct ext4 *fs, dgrp_t group)
{
    ext2_filsys ext2 = fs->fs;

    add(image, UNIT_BLOCK_BITMAP, group, ext2fs_block_bitmap_loc(ext2, group) * ext2->blocksize,
        EXT2_BLOCKS_PER_GROUP(ext2->super) / 8);
    add(image, UNIT_INODE_BITMAP, group, ext2fs_inode_bitmap_loc(ext2, group) * ext2->blocksize,
        EXT2_INODES_PER_GROUP(ext2->super) / 8);
    add(image, UNIT_DESCRIPTOR, group, image->descriptors + group * image->descriptor_bytes,
        image->descriptor_bytes);
}

static void find_journal(struct image *image, const struct ext4 *fs)
{
    const struct journal *journal = &fs->journal;

    image->n_journal = fs->has_journal ? journal->end : 0;
    image->journal = calloc(image->n_journal + 1, sizeof(*image->journal));
    if (!image->journal)
        abort();
    for (uint32_t i = 0; i < image->n_journal; i++) {
        image->journal[i] = (uint32_t)(journal_place(journal, i) * image->block_bytes);
        if (i < LOG_BLOCKS)
            add(image, i ? UNIT_JOURNAL : UNIT_JOURNAL_SUPER, i, image->journal[i],
                i ? image->block_bytes : JBD2_SUPER_BYTES);
    }
}

static void find_units(struct image *image, struct ext4 *fs)
{
    ext2_filsys ext2 = fs->fs;

    image->block_bytes = ext2->blocksize;
    image->inode_bytes = EXT2_INODE_SIZE(ext2->super);
    image->descriptor_bytes = EXT2_DESC_SIZE(ext2->super);
    image->checksums = ext2fs_has_feature_metadata_csum(ext2->super);
    image->descriptors = (ext2->super->s_first_data_block + 1) * ext2->blocksize;
    image->n_inodes = ext2->super->s_inodes_count;
    image->inodes = calloc(image->n_inodes + 1, sizeof(*image->inodes));
    if (!image->inodes)
        abort();
    add(image, UNIT_SUPER, 0, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE);
    for (dgrp_t group = 0; group < ext2->group_desc_count; group++)
        find_group(image, fs, group);
    for (uint32_t ino = 1; ino <= image->n_inodes; ino++)
        find_inode(image, fs, ino);
    find_journal(image, fs);
}

static void load_new(struct simdisk *sim, const char *options)
{
    char path[] = "/tmp/fuzz-ext4-XXXXXX", command[256];

    int fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) || close(fd))
        abort();
    snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F %s %s", options,
             path);
    if (system(command) != 0)
        abort();
    simdisk_load(sim, path, 512);
    unlink(path);
}

void image_make(struct image *image, const char *options, bool dirty)
{
    const struct ext4_options mount = {.cache_bytes = IMAGE_BYTES};
    struct simdisk sim;
    struct ext4 *fs;
    const char *why;

    *image = (struct image){0};
    load_new(&sim, options);
    must(ext4_mount(&sim.disk, &mount, &fs, &why));
    populate(fs);
    must(ext4_sync(fs));
    find_units(image, fs);
    if (!dirty)
        must(ext4_unmount(fs));
    ext4_free(fs);
    image->bytes = sim.bytes;
    sim.bytes = malloc(IMAGE_BYTES);
    if (!sim.bytes)
        abort();
    /* All of them are known, and right: nothing is to be made right. */
    memcpy(sim.bytes, image->bytes, IMAGE_BYTES);
    image_reseal(image, sim.bytes);
    if (!dirty && memcmp(sim.bytes, image->bytes, IMAGE_BYTES) != 0)
        abort();
    simdisk_free(&sim);
}

void image_reseal(const struct image *image, uint8_t *bytes)
{
    for (unsigned i = 0; i < image->n_units && image->checksums; i++)
        seal_unit(image, &image->units[i], bytes);
    /* Descriptors have the bitmaps' checksums. */
    for (unsigned i = 0; i < image->n_units && image->checksums; i++)
        if (image->units[i].kind == UNIT_DESCRIPTOR)
            seal_unit(image, &image->units[i], bytes);
}
