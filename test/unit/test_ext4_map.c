/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a file's blocks are: some that nobody wrote to, and a log that has room for few of them. */
#include "mounted.h"

#include "journal.h"

#define BLOCK    1024
#define N_BLOCKS 64           /* of a file that has them before it is written to */
#define AT       (20 * BLOCK) /* in its midst */
#define MUCH     (3u << 20)   /* three times what the smallest log has room for */

static uint8_t bytes[MUCH], found[MUCH];

/* A file with blocks that nobody wrote to: debugfs makes it. @return its inode. */
static uint32_t preallocate(void)
{
    char path[] = "/tmp/test-ext4-XXXXXX", command[256];
    uint32_t ino;

    make("-t ext4 -b 1024");
    memset(sim.bytes + IMAGE_BYTES / 2, 0xee, IMAGE_BYTES / 4); /* what was there before */
    assert_mounted();
    make_file("file");
    unmount();
    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    simdisk_save(&sim, path);
    simdisk_free(&sim);
    snprintf(command, sizeof(command),
             "printf 'fallocate file 0 %u\\nset_inode_field file size %u\\n' |"
             " PATH=$PATH:/usr/sbin:/sbin debugfs -w -f - %s >/dev/null 2>&1",
             N_BLOCKS - 1, N_BLOCKS * BLOCK, path);
    assert_int_equal(system(command), 0);
    simdisk_load(&sim, path, 512);
    unlink(path);
    assert_mounted();
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "file", 4, &ino), 0);
    return ino;
}

static void blocks_that_nobody_wrote_to_read_as_zeros_and_take_what_is_written(void **state)
{
    uint64_t offset = AT + 100;

    (void)state;
    uint32_t ino = preallocate();
    assert_int_equal(ext4_read(fs, ino, found, N_BLOCKS * BLOCK, 0), N_BLOCKS * BLOCK);
    assert_memory_equal(found, bytes, N_BLOCKS * BLOCK);
    fill(make_file("other"), 500000); /* so that memory is no zeros */
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "other", 5), 0);
    assert_int_equal(ext4_write(fs, ino, "here", 4, &offset, false), 4);
    memcpy(bytes + AT + 100, "here", 4);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(ext4_read(fs, ino, found, N_BLOCKS * BLOCK, 0), N_BLOCKS * BLOCK);
        assert_memory_equal(found, bytes, N_BLOCKS * BLOCK);
        unmount();
        assert_clean();
        assert_mounted();
    }
    memset(bytes, 0, sizeof(bytes));
    unmount();
}

static void they_take_nothing_when_there_is_no_room_for_where_they_are(void **state)
{
    uint64_t offset = 0;

    (void)state;
    uint32_t ino = preallocate(), ballast = make_file("ballast");
    while (ext4_write(fs, ballast, bytes, 100000, &offset, true) > 0)
        ;
    for (unsigned block = 1; block < N_BLOCKS; block += 2) {
        offset = block * BLOCK;
        assert_int_equal(ext4_write(fs, ino, "x", 1, &offset, false), -ENOSPC);
    }
    unmount();
    assert_clean();
}

static void more_is_written_over_than_the_log_has_room_for(void **state)
{
    const struct ext4_options options = {.cache_bytes = 2 * MUCH};
    uint64_t offset = 0;

    (void)state;
    make("-t ext4 -b 1024 -J size=1");
    assert_int_equal(ext4_mount(&sim.disk, &options, &fs, &why), 0);
    uint32_t ino = make_file("file");
    fill(ino, MUCH);
    assert_int_equal(ext4_sync(fs), 0);
    memset(bytes, 0x3c, MUCH);
    assert_int_equal(ext4_write(fs, ino, bytes, MUCH, &offset, false), MUCH);
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    assert_mounted();
    assert_int_equal(ext4_read(fs, ino, found, MUCH, 0), MUCH);
    assert_memory_equal(found, bytes, MUCH);
    memset(bytes, 0, sizeof(bytes));
    unmount();
    assert_clean();
}

static void a_commit_that_the_log_has_no_room_for_is_not_begun(void **state)
{
    struct journal journal = {.first = 1, .end = 2000, .n_used = 1997, .block_bytes = BLOCK};
    struct cache cache = {.n_dirty = 1};

    (void)state;
    assert_int_equal(journal_commit(&journal, &cache, 0), -ENOSPC);
    assert_int_equal(journal.n_used, 1997);
}

/* A large read goes past the memory where newer blocks may be. */
static void what_was_just_written_is_read_at_once(void **state)
{
    static uint8_t bytes[8 * 1024];
    uint64_t offset = 3 * 1024;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    uint32_t ino = make_file("file");
    fill(ino, sizeof(bytes));
    assert_int_equal(ext4_sync(fs), 0);
    memset(bytes, 'n', 1024);
    assert_int_equal(ext4_write(fs, ino, bytes, 1024, &offset, false), 1024);
    assert_int_equal(ext4_read(fs, ino, bytes, sizeof(bytes), 0), sizeof(bytes));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], i / 1024 == 3 ? 'n' : 0x5a);
    /* And behind the end, whatever offset is told. */
    offset = 5;
    assert_int_equal(ext4_write(fs, ino, "end", 3, &offset, true), 3);
    assert_int_equal(offset, sizeof(bytes) + 3);
    unmount();
    assert_clean();
}

/* Neither what the disk nor what memory held before. */
static void around_what_is_written_there_are_zeros(void **state)
{
    static uint8_t bytes[64 * 1024];
    uint64_t offset = 100;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    fill(make_file("old"), 3000000); /* all that is in memory is of it */
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "old", 3), 0);
    assert_int_equal(ext4_sync(fs), 0);
    uint32_t ino = make_file("new");
    for (; offset < sizeof(bytes); offset += 1023)
        assert_int_equal(ext4_write(fs, ino, "?", 1, &offset, false), 1);
    assert_int_equal(ext4_truncate(fs, ino, sizeof(bytes)), 0);
    assert_int_equal(ext4_read(fs, ino, bytes, sizeof(bytes), 0), sizeof(bytes));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], i >= 100 && (i - 100) % 1024 == 0 ? '?' : 0);
    unmount();
    assert_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(blocks_that_nobody_wrote_to_read_as_zeros_and_take_what_is_written),
        EXT4_TEST(they_take_nothing_when_there_is_no_room_for_where_they_are),
        EXT4_TEST(more_is_written_over_than_the_log_has_room_for),
        cmocka_unit_test(a_commit_that_the_log_has_no_room_for_is_not_begun),
        EXT4_TEST(what_was_just_written_is_read_at_once),
        EXT4_TEST(around_what_is_written_there_are_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
