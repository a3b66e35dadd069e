/* SPDX-License-Identifier: BSD-2-Clause */
/* File systems that are damaged where only a fuzzer would look: errors, and nothing without end. */
#include "mounted.h"

/* ASan's, which gcc has no header for. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *));

/* Fields: in an inode, in a group's descriptor, in the superblock. */
#define I_SIZE          0x04
#define I_MTIME         0x10
#define I_DTIME         0x14
#define I_BLOCKS        0x1c
#define I_BLOCK         0x28
#define I_SIZE_HIGH     0x6c
#define I_EXTRA_ISIZE   0x80
#define I_MTIME_EXTRA   0x88
#define BG_INODE_BITMAP 0x04
#define S_LAST_ORPHAN   0xe8

#define EH_DEPTH    6
#define JOURNAL_INO 8
#define REQUESTS    20000 /* many more than any of these needs */
#define ALLOC_MAX   (1u << 20)

static size_t largest;

static void allocated(const volatile void *memory, size_t size)
{
    (void)memory;
    if (size > largest)
        largest = size;
}

static void freed(const volatile void *memory)
{
    (void)memory;
}

static uint32_t make_with_file(const char *options, size_t len)
{
    make(options);
    assert_mounted();
    uint32_t ino = make_file("file");
    fill(ino, len);
    unmount();
    return ino;
}

static void a_file_that_says_it_is_endless_is_freed_in_a_few_steps(void **state)
{
    (void)state;
    uint8_t *inode = inode_of(make_with_file("-t ext2 -b 1024 -I 256", 2000000));

    put32(inode + I_SIZE_HIGH, 0x7fffffff);
    put32(inode + I_BLOCKS, 0xffffffff);
    assert_mounted();
    uint64_t before = sim.n_reads + sim.n_writes;
    ext4_unlink(fs, EXT4_ROOT, "file", 4);
    ext4_sync(fs);
    assert_true(sim.n_reads + sim.n_writes - before < REQUESTS);
    ext4_unmount(fs);
    ext4_free(fs);
}

/* A file may have a hole of terabytes. */
static void a_sparse_file_is_freed_in_a_few_steps(void **state)
{
    uint8_t bytes[1024] = {0};

    (void)state;
    make("-t ext3 -b 1024");
    assert_mounted();
    uint32_t ino = make_file("file");
    fill(ino, 2000000);
    for (unsigned shift = 22; shift < 34; shift++) {
        uint64_t offset = 1ull << shift;
        assert_int_equal(ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false), 1024);
    }
    uint64_t before = sim.n_reads + sim.n_writes;
    assert_int_equal(ext4_truncate(fs, ino, 3000000), 0);
    assert_int_equal(ext4_truncate(fs, ino, 1000), 0);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "file", 4), 0);
    assert_true(sim.n_reads + sim.n_writes - before < REQUESTS);
    unmount();
    assert_clean();
}

static void a_tree_of_extents_that_is_too_deep_takes_no_memory(void **state)
{
    const uint16_t depth = 60000;
    struct stat st;

    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum", 10000);
    memcpy(inode_of(ino) + I_BLOCK + EH_DEPTH, &depth, sizeof(depth));
    assert_mounted();
    largest = 0;
    assert_true(__sanitizer_install_malloc_and_free_hooks(allocated, freed) > 0);
    assert_int_equal(ext4_stat(fs, ino, &st), -EIO);
    assert_int_equal(ext4_read(fs, ino, &st, 1, 0), -EIO);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "file", 4), -EIO);
    assert_true(largest < ALLOC_MAX);
    unmount();
}

static void a_directory_longer_than_its_disk_is_an_error(void **state)
{
    struct ext4_entry entry;
    uint64_t position = 0;
    uint32_t ino;

    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    assert_mounted();
    unmount();
    put32(inode_of(EXT4_ROOT) + I_SIZE_HIGH, 0xffff);
    assert_mounted();
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "x", 1, &ino), -EIO);
    assert_int_equal(ext4_readdir(fs, EXT4_ROOT, &position, &entry), -EIO);
    unmount();
}

static void a_file_is_no_directory_whatever_its_name_says(void **state)
{
    uint32_t ino;

    (void)state;
    uint32_t file = make_with_file("-t ext4 -b 1024", 10);
    assert_mounted();
    assert_int_equal(ext4_lookup(fs, file, "x", 1, &ino), -ENOTDIR);
    unmount();
}

/* The block that a hole would be is there, and looks like one of a directory. */
static void a_directory_has_no_holes(void **state)
{
    static const uint8_t entry[] = {11, 0, 0, 0, 0, 4, 1, 1, 'x'};
    uint32_t ino;

    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum,^dir_index");
    put32(inode_of(EXT4_ROOT) + I_SIZE, 2048);
    memcpy(sim.bytes, entry, sizeof(entry));
    assert_mounted();
    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "x", 1, &ino), -EIO);
    unmount();
}

/* Whatever is on it: a list of orphans that begins with this inode. */
static void set_orphan(uint32_t ino)
{
    set32(S_LAST_ORPHAN, ino);
}

static void a_list_of_orphans_with_what_cant_be_one_is_refused(void **state)
{
    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum", 10);
    const uint32_t lies[] = {EXT4_ROOT, JOURNAL_INO, ino + 1 /* a free one */, UINT32_MAX};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        set_orphan(lies[i]);
        assert_refused(-EIO, "orphans");
    }
    set_orphan(0);
    assert_mounted();
    unmount();
    assert_clean();
}

/* Only of a regular file the end is freed: of others, i_block may be anything. */
static void an_orphan_with_a_name_that_is_no_file_is_left_alone(void **state)
{
    static const char target[] = "a/target";
    char found[sizeof(target)];
    uint32_t link, dir;

    (void)state;
    make("-t ext3 -b 1024");
    assert_mounted();
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "link", 4, S_IFLNK | 0777, target, &link), 0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "dir", 3, S_IFDIR | 0755, NULL, &dir), 0);
    unmount();
    put32(inode_of(link) + I_DTIME, dir);
    put32(inode_of(dir) + I_SIZE, 0);
    set_orphan(link);
    assert_mounted();
    assert_int_equal(ext4_readlink(fs, link, found, sizeof(found)), sizeof(target) - 1);
    assert_memory_equal(found, target, sizeof(target) - 1);
    unmount();
    put32(inode_of(dir) + I_SIZE, 1024);
    assert_clean();
}

static void a_file_with_blocks_beyond_the_end_is_an_error_and_the_rest_goes_on(void **state)
{
    static uint8_t bytes[1024];
    uint64_t offset = 0;

    (void)state;
    uint32_t ino = make_with_file("-t ext3 -b 1024", 3000);
    put32(inode_of(ino) + I_BLOCK, 1u << 20);
    assert_mounted();
    assert_int_equal(ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false), -EIO);
    assert_int_equal(ext4_read(fs, ino, bytes, sizeof(bytes), 0), -EIO);
    fill(make_file("other"), 5000);
    assert_int_equal(ext4_sync(fs), 0);
    unmount();
}

static void a_file_that_says_it_has_blocks_and_has_none_is_freed(void **state)
{
    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum", 0);
    put32(inode_of(ino) + I_BLOCKS, 1u << 16);
    assert_mounted();
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "file", 4), 0);
    assert_int_equal(ext4_sync(fs), 0);
    unmount();
    assert_clean();
}

static void reserved_inodes_are_not_given_away_whatever_the_bitmap_says(void **state)
{
    uint32_t bitmap;

    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    memcpy(&bitmap, sim.bytes + SUPER + 1024 + BG_INODE_BITMAP, sizeof(bitmap));
    sim.bytes[(size_t)bitmap * 1024] = 0;
    assert_mounted();
    assert_true(make_file("file") > 10);
    unmount();
}

/* They may be somebody's attributes. */
static void times_are_in_seconds_where_an_inode_has_no_field_for_more(void **state)
{
    struct stat st;

    (void)state;
    uint32_t ino = make_with_file("-t ext4 -b 1024 -O ^metadata_csum", 10);
    put32(inode_of(ino) + I_MTIME, 1000000000);
    put32(inode_of(ino) + I_MTIME_EXTRA, 4 * 999999999u + 1);
    assert_mounted();
    assert_int_equal(ext4_stat(fs, ino, &st), 0);
    assert_int_equal(st.st_mtim.tv_nsec, 999999999);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000 + (1ll << 32));
    unmount();
    memset(inode_of(ino) + I_EXTRA_ISIZE, 0, 2);
    assert_mounted();
    assert_int_equal(ext4_stat(fs, ino, &st), 0);
    assert_int_equal(st.st_mtim.tv_nsec, 0);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    unmount();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(a_file_that_says_it_is_endless_is_freed_in_a_few_steps),
        EXT4_TEST(a_sparse_file_is_freed_in_a_few_steps),
        EXT4_TEST(a_tree_of_extents_that_is_too_deep_takes_no_memory),
        EXT4_TEST(a_directory_longer_than_its_disk_is_an_error),
        EXT4_TEST(a_file_is_no_directory_whatever_its_name_says),
        EXT4_TEST(a_directory_has_no_holes),
        EXT4_TEST(a_list_of_orphans_with_what_cant_be_one_is_refused),
        EXT4_TEST(an_orphan_with_a_name_that_is_no_file_is_left_alone),
        EXT4_TEST(a_file_with_blocks_beyond_the_end_is_an_error_and_the_rest_goes_on),
        EXT4_TEST(a_file_that_says_it_has_blocks_and_has_none_is_freed),
        EXT4_TEST(reserved_inodes_are_not_given_away_whatever_the_bitmap_says),
        EXT4_TEST(times_are_in_seconds_where_an_inode_has_no_field_for_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
