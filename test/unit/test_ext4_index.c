/* SPDX-License-Identifier: BSD-2-Clause */
/* Indexes of directories that are damaged, or full, and directories that get none. */
#include "mounted.h"

#include <ext2fs/ext2fs.h>

#define I_SIZE       0x04 /* in an inode */
#define I_FLAGS      0x20
#define I_BLOCK      0x28
#define S_SEED       0xec
#define S_DEF_HASH   0xfc
#define S_FLAGS      0x160
#define DX_INFO      24 /* in the first block of a directory with an index */
#define INDEX_FLAG   0x1000
#define EXTENT_BYTES 12

static char *long_name(char first)
{
    static char name[200];

    memset(name, 'x', sizeof(name) - 1);
    name[0] = first;
    return name;
}

static int look_up(char first)
{
    uint32_t ino;

    return ext4_lookup(fs, EXT4_ROOT, long_name(first), strlen(long_name(first)), &ino);
}

/* A root of names from a to z, four in a block, and so with an index. */
static void make_index(void)
{
    make("-t ext4 -b 1024 -O ^metadata_csum");
    assert_mounted();
    for (char first = 'a'; first <= 'z'; first++)
        make_file(long_name(first));
    unmount();
}

/* A block of it: those are where its extents say. */
static uint8_t *index_block(uint32_t block)
{
    for (const uint8_t *at = inode_of(EXT4_ROOT) + I_BLOCK + EXTENT_BYTES;; at += EXTENT_BYTES) {
        uint32_t first, place;
        uint16_t n;
        memcpy(&first, at, sizeof(first));
        memcpy(&n, at + 4, sizeof(n));
        memcpy(&place, at + 8, sizeof(place));
        if (block - first < n)
            return sim.bytes + (size_t)(place + block - first) * 1024;
    }
}

static void an_index_that_cant_be_is_an_error(void **state)
{
    static const struct {
        unsigned at;
        uint8_t is;
    } lies[] = {{4, 16},          {DX_INFO - 8, 0},  {DX_INFO, 1},     {DX_INFO + 4, 9},
                {DX_INFO + 4, 4}, {DX_INFO + 5, 12}, {DX_INFO + 6, 60}};

    (void)state;
    make_index();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint8_t *lie = index_block(0) + lies[i].at, was = *lie;
        *lie = lies[i].is;
        assert_mounted();
        assert_int_equal(look_up('k'), -EIO);
        unmount();
        *lie = was;
    }
    assert_mounted();
    assert_int_equal(look_up('k'), 0);
    unmount();
}

/* A leaf in pieces is no empty one. */
static void names_that_cant_be_are_not_left_out_of_a_list(void **state)
{
    struct ext4_entry entry;
    uint64_t position = 0;
    int result;

    (void)state;
    make_index();
    memset(index_block(1) + 4, 0, 2); /* the length of its first entry */
    assert_mounted();
    while ((result = ext4_readdir(fs, EXT4_ROOT, &position, &entry)) > 0)
        ;
    assert_int_equal(result, -EIO);
    unmount();
}

/* A block of the index that names itself: without an end, if the depth had none. */
static void an_index_that_is_too_deep_is_an_error(void **state)
{
    const uint16_t counts[] = {(1024 - 8) / 8, 1};

    (void)state;
    make_index();
    uint8_t *root = index_block(0), *node = index_block(1);
    root[DX_INFO + 6] = 3;
    put32(root + DX_INFO + 8 + 4, 1);
    memset(node, 0, 1024);
    node[5] = 1024 >> 8; /* an entry without a name that fills the block */
    memcpy(node + 8, counts, sizeof(counts));
    put32(node + 12, 1);
    assert_mounted();
    assert_int_equal(look_up('k'), -EIO);
    unmount();
}

static void an_index_names_no_block_behind_the_directorys_end(void **state)
{
    (void)state;
    make_index();
    put32(inode_of(EXT4_ROOT) + I_SIZE, 1024);
    assert_mounted();
    for (char first = 'a'; first <= 'z'; first++)
        assert_int_equal(look_up(first), -EIO);
    unmount();
}

/*
 * As on machines whose char has no sign. A hash takes four characters at a time: the sign of the
 * first is shifted out, that of the others counts.
 */
static void an_index_may_have_hashes_of_unsigned_characters(void **state)
{
    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    set32(S_FLAGS, 2);
    assert_mounted();
    for (unsigned last = 0x80; last <= 0xff; last++) {
        char *name = long_name('x');
        name[3] = (char)last;
        make_file(name);
    }
    unmount();
    assert_clean(); /* by e2fsck's own hashes */
}

/* The list of blocks in its root, and behind the header of another block of it. */
#define ROOT_LIST 32
#define NODE_LIST 8

/* An index's list of n blocks, which are all this one, at hashes that rise by `by`. */
static void put_list(uint8_t *list, uint16_t n, uint32_t block, uint32_t hash, uint32_t by)
{
    memcpy(list + 2, &n, sizeof(n));
    put32(list + 4, block);
    for (unsigned i = 1; i < n; i++) {
        put32(list + i * 8, hash += by);
        put32(list + i * 8 + 4, block);
    }
}

static uint16_t limit_of(const uint8_t *list)
{
    uint16_t limit;

    memcpy(&limit, list, sizeof(limit));
    return limit;
}

static void an_index_that_names_a_block_again_and_again_is_an_error(void **state)
{
    ext2_dirhash_t hash;

    (void)state;
    make_index();
    assert_int_equal(ext2fs_dirhash(index_block(0)[DX_INFO + 4] + 3 * (get32(S_FLAGS) >> 1 & 1),
                                    long_name('K'), 199, (uint32_t *)(sim.bytes + SUPER + S_SEED),
                                    &hash, NULL),
                     0);
    uint8_t *list = index_block(0) + ROOT_LIST;
    put_list(list, limit_of(list), 1, hash | 1, 0);
    assert_mounted();
    assert_int_equal(look_up('K'), -EIO);
    unmount();
}

/* Two levels, both full, above a block that is: ext4 has no third one without large_dir. */
static void an_index_that_is_full_takes_no_more_names(void **state)
{
    uint32_t ino;

    (void)state;
    make_index();
    uint8_t *root = index_block(0), *node = index_block(1), *list = root + ROOT_LIST;
    const uint16_t node_limit = (1024 - NODE_LIST) / 8;
    int error = 0;
    put_list(list, limit_of(list), 1, 0, 2);
    root[DX_INFO + 6] = 1;
    memset(node, 0, 1024);
    node[5] = 1024 >> 8;
    memcpy(node + NODE_LIST, &node_limit, sizeof(node_limit));
    put_list(node + NODE_LIST, node_limit, 2, 0, 2);
    assert_mounted();
    for (char first = 'A'; first <= 'H'; first++) /* one or two fit */
        error = ext4_create(fs, EXT4_ROOT, long_name(first), 199, S_IFREG, NULL, &ino);
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(ext4_sync(fs), 0);
    unmount();
}

/* Room for a name, but not in one piece, behind the only one that a block has. */
static void a_block_in_pieces_is_put_in_order(void **state)
{
    uint32_t ino;

    (void)state;
    make_index();
    uint8_t *list = index_block(0) + ROOT_LIST, *leaf = index_block(1);
    put_list(list, 1, 1, 0, 0);
    uint32_t kept;
    memcpy(&kept, leaf, sizeof(kept));
    char name[3] = {(char)leaf[8], 'x', '\0'};
    for (unsigned at = 0; at < 1024; at += 128) {
        const uint8_t free_entry[8] = {0, 0, 0, 0, 128};
        memcpy(leaf + at, free_entry, sizeof(free_entry));
    }
    put32(leaf + 512, kept);
    leaf[512 + 6] = 2;
    memcpy(leaf + 512 + 8, name, 2);
    assert_mounted();
    assert_int_equal(ext4_create(fs, EXT4_ROOT, long_name('!'), 199, S_IFREG, NULL, &ino), 0);
    assert_int_equal(look_up('!'), 0);
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, name, 2, &ino), 0);
    assert_int_equal(ino, kept);
    unmount();
}

/* Names from a to z, of which the first is not there any more: ".." has its room. */
static void a_directory_whose_first_name_is_gone_gets_an_index(void **state)
{
    uint32_t dir, ino;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "d", 1, S_IFDIR | 0755, NULL, &dir), 0);
    for (char first = 'a'; first <= 'z'; first++) {
        assert_int_equal(ext4_create(fs, dir, long_name(first), 199, S_IFREG, NULL, &ino), 0);
        if (first == 'a')
            assert_int_equal(ext4_unlink(fs, dir, long_name(first), 199), 0);
    }
    for (char first = 'b'; first <= 'z'; first++)
        assert_int_equal(ext4_lookup(fs, dir, long_name(first), 199, &ino), 0);
    unmount();
    uint32_t flags;
    memcpy(&flags, inode_of(dir) + I_FLAGS, sizeof(flags));
    assert_true(flags & INDEX_FLAG);
    assert_clean();
}

/* The only block of a directory. */
static uint8_t *dir_block(uint32_t ino)
{
    uint32_t place;

    memcpy(&place, inode_of(ino) + I_BLOCK + 20, sizeof(place));
    return sim.bytes + (size_t)place * 1024;
}

/* As nobody makes them, and hashes that are not known: they are gone through. */
static void a_directory_that_cant_have_an_index_gets_none(void **state)
{
    static const struct {
        unsigned at; /* in the first block of the directory; or in the superblock */
        uint8_t is;
    } kinds[] = {{0, 9}, {4, 24}, {12 + 4, 10}, {12 + 6, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint32_t dir, ino, flags;
        make("-t ext4 -b 1024 -O ^metadata_csum");
        assert_mounted();
        assert_int_equal(ext4_create(fs, EXT4_ROOT, "d", 1, S_IFDIR | 0755, NULL, &dir), 0);
        unmount();
        uint8_t *at = i ? dir_block(dir) + kinds[i].at : sim.bytes + SUPER + S_DEF_HASH;
        *at = kinds[i].is;
        assert_mounted();
        int error = 0;
        for (char first = 'a'; first <= 'f' && !error; first++)
            error = ext4_create(fs, dir, long_name(first), 199, S_IFREG, NULL, &ino);
        unmount();
        memcpy(&flags, inode_of(dir) + I_FLAGS, sizeof(flags));
        assert_false(flags & INDEX_FLAG);
        if (!i)
            assert_int_equal(error, 0);
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(an_index_that_cant_be_is_an_error),
        EXT4_TEST(names_that_cant_be_are_not_left_out_of_a_list),
        EXT4_TEST(an_index_that_is_too_deep_is_an_error),
        EXT4_TEST(an_index_names_no_block_behind_the_directorys_end),
        EXT4_TEST(an_index_may_have_hashes_of_unsigned_characters),
        EXT4_TEST(an_index_that_names_a_block_again_and_again_is_an_error),
        EXT4_TEST(an_index_that_is_full_takes_no_more_names),
        EXT4_TEST(a_block_in_pieces_is_put_in_order),
        EXT4_TEST(a_directory_whose_first_name_is_gone_gets_an_index),
        EXT4_TEST(a_directory_that_cant_have_an_index_gets_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
