/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs that others wrote: by debugfs, whose journal is e2fsck's, with what Sprat's own never has
 * (blocks that are revoked, checksums of version 2), and what no sound one has.
 */
#include "mounted.h"

#define BLOCK_BYTES        1024
#define FIRST              6000 /* blocks that no file has */
#define N_BLOCKS           200  /* from there on; more than a descriptor has room for */
#define S_FEATURE_INCOMPAT 0x60
#define MAGIC              "\xc0\x3b\x39\x98"
#define DESCRIPTOR         1
#define REVOKE             5

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/*
 * Make a file system and have debugfs write its journal: %s in the script is a file of N_BLOCKS
 * blocks of the letter A, of which the second begins with the journal's magic number.
 */
static void make_log(const char *options, const char *script)
{
    char folder[] = "/tmp/test-ext4-XXXXXX", image[64], blocks[64], lines[64], text[512];
    char command[256];

    make(options);
    assert_non_null(mkdtemp(folder));
    snprintf(image, sizeof(image), "%s/image", folder);
    snprintf(blocks, sizeof(blocks), "%s/blocks", folder);
    snprintf(lines, sizeof(lines), "%s/script", folder);
    simdisk_save(&sim, image);
    simdisk_free(&sim);
    char *bytes = malloc(N_BLOCKS * BLOCK_BYTES);
    memset(bytes, 'A', N_BLOCKS * BLOCK_BYTES);
    memcpy(bytes + BLOCK_BYTES, MAGIC, 4);
    write_file(blocks, bytes, N_BLOCKS * BLOCK_BYTES);
    free(bytes);
    int len = snprintf(text, sizeof(text), script, blocks, blocks);
    write_file(lines, text, (size_t)len);
    snprintf(command, sizeof(command),
             "PATH=$PATH:/usr/sbin:/sbin debugfs -w -f %s %s >/dev/null 2>&1", lines, image);
    assert_int_equal(system(command), 0);
    simdisk_load(&sim, image, 512);
    unlink(image);
    unlink(blocks);
    unlink(lines);
    rmdir(folder);
}

static const uint8_t *block_at(unsigned n)
{
    return sim.bytes + (size_t)(FIRST + n) * BLOCK_BYTES;
}

static void assert_replayed(unsigned n)
{
    assert_memory_equal(block_at(n), n == 1 ? MAGIC : "AAAA", 4);
    assert_int_equal(block_at(n)[BLOCK_BYTES - 1], 'A');
}

static void assert_left(unsigned n)
{
    assert_memory_equal(block_at(n), "\0\0\0\0", 4);
}

/* The last block of the log of this type. */
static uint8_t *log_block(uint8_t type)
{
    const uint8_t head[] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, type};

    for (uint8_t *at = sim.bytes + IMAGE_BYTES; at > sim.bytes;)
        if (memcmp(at -= BLOCK_BYTES, head, sizeof(head)) == 0)
            return at;
    fail_msg("no block of type %u", type);
    return NULL;
}

/* The first two are freed in the second transaction; the third in the first, and used again. */
static const char revoking[] = "jo%s\njw -b 6000-6199 -r 6300 %%s\njc\n"
                               "jo\njw -r 6000,6001,6002\njc\n"
                               "jo\njw -b 6002 %%s\njc\n";

static void a_log_is_replayed_but_for_what_it_revokes(void **state)
{
    static const char *const kinds[][2] = {
        {"-t ext3 -b 1024", ""},
        {"-t ext4 -b 1024 -O ^metadata_csum,^64bit", ""},
        {"-t ext4 -b 1024 -O ^metadata_csum,64bit", ""},
        {"-t ext4 -b 1024 -O 64bit", " -c -v 2"},
        {"-t ext4 -b 1024 -O ^64bit", " -c -v 2"},
        {"-t ext4 -b 1024 -O 64bit", " -c -v 3"},
        {"-t ext4 -b 1024 -O ^64bit", " -c -v 3"},
    };
    char script[256];

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(script, sizeof(script), revoking, kinds[i][1]);
        make_log(kinds[i][0], script);
        assert_mounted();
        assert_non_null(strstr(logged, "recovered"));
        assert_left(0);
        assert_left(1);
        for (unsigned n = 2; n < N_BLOCKS; n++)
            assert_replayed(n);
        unmount();
        assert_clean();
        simdisk_free(&sim);
    }
}

/* Whoever wrote it did not get to saying so. */
static void a_log_is_replayed_whatever_the_superblock_says(void **state)
{
    (void)state;
    make_log("-t ext3 -b 1024", "jo\njw -b 6000-6199 %s\njc\n");
    set32(S_FEATURE_INCOMPAT, get32(S_FEATURE_INCOMPAT) & ~4u);
    assert_mounted();
    for (unsigned n = 0; n < N_BLOCKS; n++)
        assert_replayed(n);
    unmount();
    assert_clean();
}

static void a_block_that_begins_as_the_log_does_is_replayed(void **state)
{
    (void)state;
    make_log("-t ext4 -b 1024", "jo -c -v 3\njw -b 6000-6199 %s\njc\n");
    assert_mounted();
    for (unsigned n = 0; n < N_BLOCKS; n++)
        assert_replayed(n);
    unmount();
}

/* In Sprat's own log, too: data written over older data goes through it. */
static void data_that_begins_as_the_log_does_is_kept(void **state)
{
    static char bytes[8 * BLOCK_BYTES], found[sizeof(bytes)];
    uint64_t offset = 0;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    uint32_t ino = make_file("file");
    fill(ino, sizeof(bytes));
    assert_int_equal(ext4_sync(fs), 0);
    for (size_t at = 0; at < sizeof(bytes); at += BLOCK_BYTES) {
        memset(bytes + at, 'a' + (int)(at / BLOCK_BYTES), BLOCK_BYTES);
        memcpy(bytes + at, MAGIC, 4);
    }
    assert_int_equal(ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false), sizeof(bytes));
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs);
    /* Nor does it look like the log's own there: it is in the log alone, so far. */
    for (uint8_t *at = sim.bytes; at < sim.bytes + IMAGE_BYTES; at += BLOCK_BYTES)
        assert_false(memcmp(at, MAGIC, 4) == 0 && at[4] >= 'a' && at[4] == at[BLOCK_BYTES - 1]);
    assert_mounted();
    assert_int_equal(ext4_read(fs, ino, found, sizeof(found), 0), sizeof(found));
    assert_memory_equal(found, bytes, sizeof(bytes));
    unmount();
}

static void blocks_may_be_revoked_again(void **state)
{
    (void)state;
    make_log("-t ext4 -b 1024", "jo -c -v 3\njw -r 6000-6199\njc\n"
                                "jo\njw -b 6000-6199 %s\njc\njo\njw -r 6000-6199\njc\n");
    assert_mounted();
    for (unsigned n = 0; n < N_BLOCKS; n++)
        assert_left(n);
    unmount();
}

static void a_log_that_names_a_block_beyond_the_end_is_refused(void **state)
{
    static const char script[] = "jo\njw -b 6000 %s\njc\n";

    (void)state;
    make_log("-t ext3 -b 1024", script);
    log_block(DESCRIPTOR)[13] = 0x10;
    assert_refused(-EINVAL, "names a block beyond");
    simdisk_free(&sim);
    make_log("-t ext4 -b 1024 -O 64bit,^metadata_csum", script);
    log_block(DESCRIPTOR)[23] = 1; /* the upper half */
    assert_refused(-EINVAL, "names a block beyond");
}

/* What an older transaction left behind the last one. */
static void a_log_ends_before_a_block_of_another_transaction(void **state)
{
    static const unsigned places[] = {0, 11}; /* the magic number, the sequence */

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        make_log("-t ext3 -b 1024", "jo\njw -b 6000 %s\njc\njo\njw -b 6002 %s\njc\n");
        log_block(DESCRIPTOR)[places[i]] ^= 0x40;
        assert_mounted();
        assert_replayed(0);
        assert_left(2);
        unmount();
        simdisk_free(&sim);
    }
}

static void a_revoke_block_longer_than_a_block_is_refused(void **state)
{
    static const uint8_t lens[][4] = {{0, 0, 4, 1}, {0, 0, 0, 15}};

    (void)state;
    make_log("-t ext3 -b 1024", "jo\njw -r 6000\njc\n");
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        memcpy(log_block(REVOKE) + 12, lens[i], sizeof(lens[i]));
        assert_refused(-EINVAL, "revoke block");
    }
}

/* Nothing says that a tag is the last one: the block's end does. */
static void a_descriptor_without_an_end_is_none_beyond_its_block(void **state)
{
    (void)state;
    make_log("-t ext3 -b 1024", "jo\njw -b 6000 %s\njc\n");
    uint8_t *descriptor = log_block(DESCRIPTOR);
    memset(descriptor + 36, 0, BLOCK_BYTES - 36);
    descriptor[19] = 0; /* the first one's flags */
    mount_as(false);    /* as it pleases, but within its memory */
    if (fs)
        unmount();
}

/* What was not finished is not done. */
static void a_log_ends_before_a_block_with_a_wrong_checksum(void **state)
{
    static const uint8_t types[] = {DESCRIPTOR, REVOKE, 2};

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        make_log("-t ext4 -b 1024", "jo -c -v 3\njw -b 6000-6001 -r 6100 %s\njc\n");
        log_block(types[i])[BLOCK_BYTES - 100] ^= 1;
        assert_mounted();
        assert_left(0);
        unmount();
        simdisk_free(&sim);
    }
}

/* It is done again, from the beginning. */
static void a_recovery_on_a_disk_that_fails_loses_nothing(void **state)
{
    char script[256];
    bool failed = true;

    (void)state;
    snprintf(script, sizeof(script), revoking, "");
    make_log("-t ext3 -b 1024", script);
    uint8_t *made = sim.bytes;
    sim.bytes = NULL;
    for (uint64_t n = 1; failed; n++) {
        simdisk_free(&sim);
        simdisk_make(&sim, made, IMAGE_BYTES, 512);
        sim.fail_after = n;
        int error = mount_as(false);
        failed = !sim.fail_after;
        sim.fail_after = 0;
        assert_int_equal(error, failed ? -EIO : 0);
        if (failed)
            assert_mounted();
        assert_left(0);
        for (unsigned i = 2; i < N_BLOCKS; i++)
            assert_replayed(i);
        unmount();
        if (n % 16 == 0 || !failed)
            assert_clean();
        n += n > 60 && n < 400 ? 15 : 0; /* many are alike: blocks that are replayed */
    }
    free(made);
}

/* The log is emptied when what it says is in its place, and not lost with the power. */
static void what_is_replayed_is_flushed_before_the_log_is_emptied(void **state)
{
    char script[256];
    size_t last = 0, flush = 0;

    (void)state;
    snprintf(script, sizeof(script), revoking, "");
    make_log("-t ext3 -b 1024", script);
    simdisk_record(&sim);
    assert_mounted();
    for (size_t i = 0; i < sim.n_events; i++) {
        uint64_t block = sim.events[i].sector * 512 / BLOCK_BYTES;
        if (sim.events[i].what == SIMDISK_WRITE && block >= FIRST && block < FIRST + N_BLOCKS)
            last = i;
    }
    assert_true(last > N_BLOCKS);
    for (flush = last + 1; flush < sim.n_events && sim.events[flush].what != SIMDISK_FLUSH; flush++)
        assert_int_not_equal(sim.events[flush].what, SIMDISK_WRITE);
    assert_true(flush < sim.n_events);
    unmount();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(a_log_is_replayed_but_for_what_it_revokes),
        EXT4_TEST(a_log_is_replayed_whatever_the_superblock_says),
        EXT4_TEST(a_block_that_begins_as_the_log_does_is_replayed),
        EXT4_TEST(data_that_begins_as_the_log_does_is_kept),
        EXT4_TEST(blocks_may_be_revoked_again),
        EXT4_TEST(a_log_that_names_a_block_beyond_the_end_is_refused),
        EXT4_TEST(a_log_ends_before_a_block_of_another_transaction),
        EXT4_TEST(a_revoke_block_longer_than_a_block_is_refused),
        EXT4_TEST(a_descriptor_without_an_end_is_none_beyond_its_block),
        EXT4_TEST(a_log_ends_before_a_block_with_a_wrong_checksum),
        EXT4_TEST(a_recovery_on_a_disk_that_fails_loses_nothing),
        EXT4_TEST(what_is_replayed_is_flushed_before_the_log_is_emptied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
