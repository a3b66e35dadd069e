/* SPDX-License-Identifier: BSD-2-Clause */
/* The file system over a simulated disk: what is refused, and what a failing disk does. */
#include "mounted.h"

/* In it: little endian. Source: Linux, Documentation/filesystems/ext4/super.rst. */
#define S_BLOCKS_COUNT      0x04
#define S_STATE             0x3a
#define S_FEATURE_COMPAT    0x5c
#define S_FEATURE_INCOMPAT  0x60
#define S_FEATURE_RO_COMPAT 0x64
#define S_LAST_ORPHAN       0xe8

static void what_is_no_file_system_is_refused(void **state)
{
    static const uint8_t zeros[65536];

    (void)state;
    simdisk_make(&sim, zeros, sizeof(zeros), 512);
    assert_refused(-EINVAL, "mke2fs");
}

static void a_disk_that_fails_at_once_is_no_empty_one(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    sim.fail_after = 1;
    assert_refused(-EIO, "the disk fails");
}

static void a_disk_smaller_than_its_file_system_is_refused(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    sim.disk.bytes /= 2;
    assert_refused(-EINVAL, "larger than the disk");
}

static void blocks_smaller_than_sectors_are_refused(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    sim.disk.sector_bytes = 4096;
    assert_refused(-EINVAL, "sectors");
}

static void features_that_are_not_known_are_refused(void **state)
{
    static const struct {
        const char *made, *why;
    } cases[] = {
        {"-O inline_data", "inline_data"},
        {"-O encrypt", "encrypt"},
        {"-O casefold", "casefold"},
        {"-O ea_inode", "ea_inode"},
        {"-O mmp", "tune2fs -O ^mmp"},
        {"-O bigalloc", "make it with mke2fs -O ^bigalloc, or mount it with ro"},
        {"-O quota,project", "it has quota, project, not known here: tune2fs -O ^quota,^project, "
                             "or mount it with ro"},
        {"-O quota,verity,fast_commit", "mke2fs -O ^quota,^verity,^fast_commit, or"},
        {"-O mmp,inline_data,quota", "mke2fs -O ^mmp,^inline_data,^quota"},
        {"-O quota", "tune2fs -O ^quota"},
        {"-O verity", "verity"},
        {"-O fast_commit", "tune2fs -O ^fast_commit"},
        {"-O journal_dev", "the journal of another"},
    };
    char options[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(options, sizeof(options), "-t ext4 -b 1024 %s", cases[i].made);
        make(options);
        assert_refused(-EOPNOTSUPP, cases[i].why);
        simdisk_free(&sim);
    }
    make("-t ext4 -b 1024");
    set32(S_FEATURE_INCOMPAT, get32(S_FEATURE_INCOMPAT) | 1u << 31);
    assert_refused(-EOPNOTSUPP, "dumpe2fs");
    set32(S_FEATURE_INCOMPAT, get32(S_FEATURE_INCOMPAT) & ~(1u << 31));
    set32(S_FEATURE_RO_COMPAT, get32(S_FEATURE_RO_COMPAT) | 1u << 31);
    assert_refused(-EOPNOTSUPP, "dumpe2fs -h): mount it with ro");
    set32(S_FEATURE_RO_COMPAT, get32(S_FEATURE_RO_COMPAT) | 0x10000); /* orphan_present */
    assert_refused(-EOPNOTSUPP, "run e2fsck");
}

static void features_that_are_known_are_taken(void **state)
{
    static const char *const made[] = {
        "-O 64bit,metadata_csum,metadata_csum_seed", "-O ^64bit,^metadata_csum,uninit_bg",
        "-O ^flex_bg,meta_bg,^resize_inode",         "-O large_dir,orphan_file",
        "-O ^extents,^64bit,^dir_index,^huge_file",  "-O sparse_super2,^sparse_super,^resize_inode",
    };
    char options[96];

    (void)state;
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        snprintf(options, sizeof(options), "-t ext4 -b 1024 %s", made[i]);
        make(options);
        assert_mounted();
        fill(make_file("file"), 100000);
        unmount();
        assert_clean();
        simdisk_free(&sim);
    }
}

static void a_disk_with_partitions_is_told_from_an_empty_one(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    memset(sim.bytes, 0, 4096);
    assert_refused(-EINVAL, "make one with mke2fs");
    sim.bytes[4095] = 'x'; /* it may be dear to somebody */
    assert_refused(-EINVAL, "but something else");
    sim.bytes[4095] = 0;
    sim.bytes[446 + 4] = 0x83;
    assert_refused(-EINVAL, "but something else");
    sim.bytes[510] = 0x55;
    assert_refused(-EINVAL, "no ext2, ext3 or ext4 file system");
    sim.bytes[511] = 0xaa;
    assert_refused(-EINVAL, "partition table");
    sim.bytes[446 + 16] = 'x'; /* a boot sector's text */
    assert_refused(-EINVAL, "no ext2, ext3 or ext4 file system");
    sim.bytes[446 + 16] = 0;
    sim.bytes[446 + 4] = 0;
    assert_refused(-EINVAL, "no ext2, ext3 or ext4 file system");
}

static void features_that_only_writers_must_know_allow_reading(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    set32(S_FEATURE_RO_COMPAT, get32(S_FEATURE_RO_COMPAT) | 0x100); /* quota */
    assert_refused(-EOPNOTSUPP, "ro");
    assert_int_equal(mount_as(true), 0);
    unmount();
}

static void a_file_system_with_errors_is_only_read(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    sim.bytes[SUPER + S_STATE] |= 2;
    assert_refused(-EBUSY, "e2fsck");
    assert_int_equal(mount_as(true), 0);
    unmount();
}

static void ext2_that_was_not_unmounted_is_refused(void **state)
{
    (void)state;
    make("-t ext2 -b 1024");
    assert_mounted();
    fill(make_file("a"), 5000);
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    assert_refused(-EBUSY, "not unmounted");
}

static void ext2_that_was_unmounted_is_mounted_again(void **state)
{
    (void)state;
    make("-t ext2 -b 1024");
    assert_mounted();
    fill(make_file("a"), 5000);
    unmount();
    assert_mounted();
    unmount();
}

static void a_read_only_disk_is_mounted_with_ro(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    sim.disk.read_only = true;
    assert_refused(-EROFS, "ro");
    assert_int_equal(mount_as(true), 0);
    uint32_t ino;
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "a", 1, S_IFREG, NULL, &ino), -EROFS);
    unmount();
}

static void a_read_only_disk_that_wants_recovery_is_refused(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    make_file("a");
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    sim.disk.read_only = true;
    assert_int_equal(mount_as(true), -EROFS);
    assert_non_null(strstr(why, "recovery"));
}

static void a_synced_file_is_there_after_a_cut(void **state)
{
    struct stat st;
    uint32_t ino;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    fill(make_file("a"), 50000);
    assert_int_equal(ext4_sync(fs), 0);
    make_file("b");
    ext4_free(fs);
    assert_mounted();
    assert_non_null(strstr(logged, "recovered"));
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "a", 1, &ino), 0);
    assert_int_equal(ext4_stat(fs, ino, &st), 0);
    assert_int_equal(st.st_size, 50000);
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "b", 1, &ino), -ENOENT);
    unmount();
}

static void a_removed_file_that_was_open_is_freed_by_the_next_mount(void **state)
{
    struct ext4_space before, after;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    make_file("z"); /* the directory's block */
    assert_int_equal(ext4_sync(fs), 0);
    ext4_space(fs, &before);
    uint32_t ino = make_file("a");
    fill(ino, 300000);
    assert_int_equal(ext4_hold(fs, ino), 0);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "a", 1), 0);
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    assert_int_equal(get32(S_LAST_ORPHAN) == ino || !get32(S_LAST_ORPHAN), 1);
    assert_mounted();
    ext4_space(fs, &after);
    assert_int_equal(after.n_free, before.n_free);
    assert_int_equal(after.n_inodes_free, before.n_inodes_free);
    unmount();
}

static void a_list_of_orphans_in_a_circle_is_refused(void **state)
{
    (void)state;
    make("-t ext3 -b 1024");
    assert_mounted();
    uint32_t ino = make_file("a");
    unmount();
    set32(S_LAST_ORPHAN, ino);
    /* Its i_dtime, which is the next one's number. Inode tables: a group's descriptor, word 2. */
    uint32_t table;
    memcpy(&table, sim.bytes + 2048 + 8, sizeof(table));
    memcpy(sim.bytes + (size_t)table * 1024 + (ino - 1) * 256 + 0x14, &ino, sizeof(ino));
    assert_refused(-EIO, "orphans");
}

static void a_damaged_superblock_is_refused_by_its_checksum(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    sim.bytes[SUPER + 0x10] ^= 1; /* free inodes */
    assert_refused(-EINVAL, "checksum");
}

static void a_damaged_journal_is_refused(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    fill(make_file("a"), 50000);
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    /* A logged block: behind a descriptor, which has the journal's magic number. */
    static const uint8_t descriptor[] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 1};
    unsigned n = 0;
    for (size_t at = 0; at < IMAGE_BYTES; at += 1024) {
        if (memcmp(sim.bytes + at, descriptor, sizeof(descriptor)) == 0) {
            sim.bytes[at + 1024 + 100] ^= 1;
            n++;
        }
    }
    assert_true(n > 0);
    assert_refused(-EINVAL, "journal has a wrong checksum");
}

static void a_disk_that_fails_to_take_a_commit_ends_all_writing(void **state)
{
    uint32_t ino;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    make_file("a");
    assert_int_equal(ext4_sync(fs), 0);
    make_file("b");
    sim.fail_after = 1;
    assert_int_equal(ext4_sync(fs), -EIO);
    assert_non_null(strstr(logged, "nothing can be read or written any more"));
    assert_int_equal(ext4_sync(fs), -EIO);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "c", 1, S_IFREG, NULL, &ino), -EIO);
    assert_int_equal(ext4_unmount(fs), -EIO);
    ext4_free(fs);
    assert_mounted();
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "a", 1, &ino), 0);
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "b", 1, &ino), -ENOENT);
    unmount();
}

/* Whichever request fails, the next mount finds a whole file system with what was synced. */
static void what_became_of_the_disk_is_said(void **state)
{
    static const struct {
        int error;
        const char *said;
    } ends[] = {{-EIO, "the disk failed"},
                {-ENODEV, "the disk is gone"},
                {-EROFS, "read-only"},
                {-ERANGE, "smaller"}};

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        make("-t ext4 -b 1024");
        assert_mounted();
        make_file("a");
        sim.fail_after = 1;
        sim.fail_with = ends[i].error;
        assert_int_equal(ext4_sync(fs), -EIO);
        assert_non_null(strstr(logged, ends[i].said));
        ext4_free(fs);
        simdisk_free(&sim);
    }
}

static void a_failure_anywhere_loses_nothing_that_was_synced(void **state)
{
    (void)state;
    for (uint64_t after = 1; after < 120; after += 3) {
        uint32_t ino;
        make("-t ext4 -b 1024");
        assert_mounted();
        fill(make_file("kept"), 3000);
        assert_int_equal(ext4_sync(fs), 0);
        sim.fail_after = after;
        sim.fail_for_ever = true;
        static uint8_t bytes[9000];
        for (int i = 0; i < 20; i++) {
            char name[16];
            uint64_t offset = 0;
            int len = snprintf(name, sizeof(name), "f%d", i);
            if (ext4_create(fs, EXT4_ROOT, name, (size_t)len, S_IFREG, NULL, &ino) == 0)
                ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false);
            ext4_sync(fs);
        }
        ext4_unmount(fs);
        ext4_free(fs);
        sim.fail_after = 0;
        assert_mounted();
        assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "kept", 4, &ino), 0);
        unmount();
        simdisk_free(&sim);
        memset(&sim, 0, sizeof(sim));
    }
}

static void a_full_disk_says_so_and_takes_more_when_there_is_room(void **state)
{
    static const uint8_t bytes[100000];
    uint64_t offset = 0;
    ssize_t n;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    uint32_t ino = make_file("a"), other;
    while ((n = ext4_write(fs, ino, bytes, sizeof(bytes), &offset, true)) > 0)
        ;
    assert_int_equal(n, -ENOSPC);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "b", 1, S_IFDIR, NULL, &other), -ENOSPC);
    assert_int_equal(ext4_sync(fs), 0);
    assert_int_equal(ext4_truncate(fs, ino, 1000), 0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "b", 1, S_IFDIR, NULL, &other), 0);
    unmount();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(what_is_no_file_system_is_refused),
        EXT4_TEST(a_disk_that_fails_at_once_is_no_empty_one),
        EXT4_TEST(a_disk_smaller_than_its_file_system_is_refused),
        EXT4_TEST(blocks_smaller_than_sectors_are_refused),
        EXT4_TEST(features_that_are_not_known_are_refused),
        EXT4_TEST(features_that_are_known_are_taken),
        EXT4_TEST(a_disk_with_partitions_is_told_from_an_empty_one),
        EXT4_TEST(features_that_only_writers_must_know_allow_reading),
        EXT4_TEST(a_file_system_with_errors_is_only_read),
        EXT4_TEST(ext2_that_was_not_unmounted_is_refused),
        EXT4_TEST(ext2_that_was_unmounted_is_mounted_again),
        EXT4_TEST(a_read_only_disk_is_mounted_with_ro),
        EXT4_TEST(a_read_only_disk_that_wants_recovery_is_refused),
        EXT4_TEST(a_synced_file_is_there_after_a_cut),
        EXT4_TEST(a_removed_file_that_was_open_is_freed_by_the_next_mount),
        EXT4_TEST(a_list_of_orphans_in_a_circle_is_refused),
        EXT4_TEST(a_damaged_superblock_is_refused_by_its_checksum),
        EXT4_TEST(a_damaged_journal_is_refused),
        EXT4_TEST(a_disk_that_fails_to_take_a_commit_ends_all_writing),
        EXT4_TEST(what_became_of_the_disk_is_said),
        EXT4_TEST(a_failure_anywhere_loses_nothing_that_was_synced),
        EXT4_TEST(a_full_disk_says_so_and_takes_more_when_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
