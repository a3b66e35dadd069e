/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a file's blocks are, when that can't be: what can't be found is an error, never a hole that
 * reads as zeros, and a truncation comes to its end.
 */
#include "mounted.h"

#define I_BLOCKS   0x1c
#define I_BLOCK    0x28
#define EH_MAGIC   0 /* in a block of extents, and in the inode */
#define EH_ENTRIES 2
#define EH_MAX     4
#define EH_DEPTH   6
#define EXTENTS    12
#define INDIRECT   (12 * 4) /* in the inode: the first number of a block of numbers */
#define BLOCK      1024
#define N_BLOCKS   1000 /* behind two levels of numbers */
#define BEYOND     1000000

static uint8_t found[BLOCK];

static void put16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof(value));
}

static uint32_t number_at(const uint8_t *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof(number));
    return number;
}

static uint32_t make_with_file(const char *options)
{
    make(options);
    assert_mounted();
    uint32_t ino = make_file("file");
    fill(ino, N_BLOCKS * BLOCK);
    unmount();
    return ino;
}

static uint8_t *map_of(uint32_t ino)
{
    return inode_of(ino) + I_BLOCK;
}

/* Its block `n` can't be read or written, and another file's can. */
static void assert_lost(uint32_t ino, uint64_t n)
{
    uint64_t offset = n * BLOCK + 1;

    assert_mounted();
    assert_int_equal(ext4_read(fs, ino, found, 1, n * BLOCK), -EIO);
    assert_int_equal(ext4_write(fs, ino, "?", 1, &offset, false), -EIO);
    ext4_unmount(fs); /* it may have been given up */
    ext4_free(fs);
}

static void extents_that_cant_be_are_no_hole(void **state)
{
    static const struct {
        unsigned at;
        uint16_t is;
    } lies[] = {{EH_MAGIC, 0}, {EH_ENTRIES, 5}, {EH_MAX, 0}, {EH_DEPTH, 1}};

    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum");
    uint8_t was[EXTENTS];
    memcpy(was, map_of(ino), sizeof(was));
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        put16(map_of(ino) + lies[i].at, lies[i].is);
        assert_lost(ino, 0);
        memcpy(map_of(ino), was, sizeof(was));
    }
    assert_mounted();
    assert_int_equal(ext4_read(fs, ino, found, 1, 0), 1);
    assert_int_equal(found[0], 0x5a);
    unmount();
}

/* Its extents are to be in a block that holds none: one of its own. */
static void a_block_that_holds_no_extents_is_no_hole(void **state)
{
    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum");
    uint8_t *map = map_of(ino);
    uint32_t place = number_at(map + EXTENTS + 8);
    put16(map + EH_ENTRIES, 1);
    put16(map + EH_DEPTH, 1);
    put32(map + EXTENTS, 0);
    put32(map + EXTENTS + 4, place);
    put32(map + EXTENTS + 8, 0);
    assert_lost(ino, 0);
    assert_lost(ino, N_BLOCKS - 1);
}

static void numbers_of_blocks_that_are_beyond_the_end_are_no_hole(void **state)
{
    static const struct {
        unsigned level;
        uint64_t n; /* a block that it leads to */
    } lies[] = {{0, 12}, {4, 12 + BLOCK / 4}};

    (void)state;
    uint32_t ino = make_with_file("-t ext3 -b 1024");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint8_t *number = map_of(ino) + INDIRECT + lies[i].level;
        uint32_t was = number_at(number);
        put32(number, BEYOND);
        assert_lost(ino, lies[i].n);
        put32(number, was);
    }
}

/* On a disk that is larger than its file system nothing behind that is read. */
static void a_block_behind_the_file_system_is_none_of_its(void **state)
{
    const uint32_t behind = IMAGE_BYTES / BLOCK + 100;

    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum");
    uint8_t *large = calloc(2, IMAGE_BYTES), *map = map_of(ino);
    uint32_t place = number_at(map + EXTENTS + 8);
    uint8_t node[2 * EXTENTS];
    memcpy(node, map, sizeof(node));
    put16(node + EH_MAX, (BLOCK - EXTENTS) / EXTENTS);
    put16(map + EH_ENTRIES, 1);
    put16(map + EH_DEPTH, 1);
    put32(map + EXTENTS, 0);
    put32(map + EXTENTS + 8, 0);
    for (unsigned good = 0; good < 2; good++) { /* one of the file's own blocks will do */
        uint32_t where = good ? place : behind;
        put32(map_of(ino) + EXTENTS + 4, where);
        memcpy(large, sim.bytes, IMAGE_BYTES);
        memcpy(large + (size_t)where * BLOCK, node, sizeof(node));
        struct simdisk was = sim;
        simdisk_make(&sim, large, (size_t)2 * IMAGE_BYTES, 512);
        assert_mounted();
        assert_int_equal(ext4_read(fs, ino, found, 1, BLOCK), good ? 1 : -EIO);
        unmount();
        simdisk_free(&sim);
        sim = was;
    }
    free(large);
}

/* Nobody wrote to them, so what is written there would be new. */
static void a_write_to_blocks_beyond_the_end_gives_up_nothing_else(void **state)
{
    uint64_t offset = 0;

    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum");
    put16(map_of(ino) + EXTENTS + 4, 0x8000 + N_BLOCKS);
    put32(map_of(ino) + EXTENTS + 8, BEYOND);
    assert_mounted();
    assert_int_equal(ext4_write(fs, ino, "?", 1, &offset, false), -EIO);
    uint32_t other = make_file("other");
    fill(other, BLOCK);
    assert_int_equal(ext4_sync(fs), 0);
    unmount();
}

/* A step of a truncation takes what is last, as the file has it: here that is always the same. */
static void a_truncation_of_extents_without_order_has_an_end(void **state)
{
    static const struct {
        uint32_t first;
        uint16_t n;
    } extents[] = {{0, 1}, {5000, 1200}, {100, 1}, {40000, 1}};

    (void)state;
    for (unsigned n = 2; n <= 4; n++) {
        uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum");
        uint8_t *map = map_of(ino);
        uint32_t place = number_at(map + EXTENTS + 8);
        put16(map + EH_ENTRIES, (uint16_t)n);
        put32(inode_of(ino) + I_BLOCKS, 8000);
        for (unsigned i = 0; i < n; i++) {
            put32(map + EXTENTS * (i + 1), extents[i].first);
            put32(map + EXTENTS * (i + 1) + 4, extents[i].n);
            put32(map + EXTENTS * (i + 1) + 8, place);
        }
        assert_mounted();
        int error = ext4_truncate(fs, ino, 0);
        assert_true(error == 0 || error == -EIO);
        ext4_unmount(fs);
        ext4_free(fs);
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(extents_that_cant_be_are_no_hole),
        EXT4_TEST(a_block_that_holds_no_extents_is_no_hole),
        EXT4_TEST(numbers_of_blocks_that_are_beyond_the_end_are_no_hole),
        EXT4_TEST(a_block_behind_the_file_system_is_none_of_its),
        EXT4_TEST(a_write_to_blocks_beyond_the_end_gives_up_nothing_else),
        EXT4_TEST(a_truncation_of_extents_without_order_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
