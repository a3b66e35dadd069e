/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks without room, of blocks or of inodes: a change is done whole, or refused and not begun. */
#include "mounted.h"

#include <sys/stat.h>

#define BLOCK      1024
#define N_FREE     20 /* blocks, at most: more than any change here needs */
#define LONG       250
#define IN_BLOCK   3 /* such names */
#define PIECE      100000
#define TARGET     "/a/target/that/is/too/long/for/the/inode/itself/and/so/needs/a/block/of/its/own"
#define N_INODES   32
#define HOLE_AT    (300 * BLOCK) /* of a file with blocks behind indirect ones, or another extent */
#define FILE_BYTES 100
#define BIG_BYTES  (10 * BLOCK)

static uint32_t full_dir, file, ballast;
static uint8_t bytes[PIECE];
static uint8_t *made; /* the disk, to begin with */

static char *long_name(char name[LONG + 1], char first)
{
    memset(name, 'x', LONG);
    name[0] = first;
    name[LONG] = '\0';
    return name;
}

static int find(uint32_t dir, const char *name)
{
    uint32_t ino;

    return ext4_lookup(fs, dir, name, strlen(name), &ino);
}

/* A directory whose block is full, files and directories to move there, and no room at all. */
static void make_full(const char *options)
{
    char name[LONG + 1];
    uint32_t ino;
    uint64_t offset = 0;

    make(options);
    assert_mounted();
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "full", 4, S_IFDIR | 0755, NULL, &full_dir), 0);
    for (char i = 0; i < IN_BLOCK; i++)
        assert_int_equal(ext4_create(fs, full_dir, long_name(name, (char)('a' + i)), LONG,
                                     S_IFREG | 0644, NULL, &ino),
                         0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "dir", 3, S_IFDIR | 0755, NULL, &ino), 0);
    file = make_file("file");
    fill(file, FILE_BYTES);
    ballast = make_file("ballast");
    while (ext4_write(fs, ballast, bytes, sizeof(bytes), &offset, true) > 0)
        ;
    unmount();
    made = malloc(IMAGE_BYTES);
    memcpy(made, sim.bytes, IMAGE_BYTES);
    simdisk_free(&sim);
}

static void leave(unsigned n_blocks)
{
    struct stat st = {0};
    uint64_t offset;

    simdisk_make(&sim, made, IMAGE_BYTES, 512);
    assert_mounted();
    assert_int_equal(ext4_stat(fs, ballast, &st), 0);
    offset = (uint64_t)st.st_size - (uint64_t)n_blocks * BLOCK;
    assert_int_equal(ext4_truncate(fs, ballast, offset), 0);
    assert_int_equal(ext4_sync(fs), 0);
}

/* Changes. @return bytes or 0, or -errno. What is to be there is `new` in its directory. */

static char new[LONG + 1];

static ssize_t make_in_full(void)
{
    uint32_t ino;

    return ext4_create(fs, full_dir, new, LONG, S_IFREG | 0644, NULL, &ino);
}

static ssize_t make_dir(void)
{
    uint32_t ino;

    return ext4_create(fs, full_dir, new, LONG, S_IFDIR | 0755, NULL, &ino);
}

static ssize_t make_link(void)
{
    uint32_t ino;

    return ext4_create(fs, full_dir, new, LONG, S_IFLNK | 0777, TARGET, &ino);
}

static ssize_t link_file(void)
{
    return ext4_link(fs, full_dir, new, LONG, file);
}

static ssize_t move_file(void)
{
    return ext4_rename(fs, EXT4_ROOT, "file", 4, full_dir, new, LONG);
}

static ssize_t move_dir(void)
{
    return ext4_rename(fs, EXT4_ROOT, "dir", 3, full_dir, new, LONG);
}

static ssize_t write_far(void)
{
    uint64_t offset = HOLE_AT;

    return ext4_write(fs, file, bytes, BLOCK, &offset, false);
}

static ssize_t write_much(void)
{
    uint64_t offset = 0;

    return ext4_write(fs, file, bytes, BIG_BYTES, &offset, true);
}

static ssize_t make_room_far(void)
{
    uint64_t offset = HOLE_AT;

    return ext4_write(fs, file, NULL, BLOCK, &offset, false);
}

static ssize_t make_much_room(void)
{
    uint64_t offset = FILE_BYTES;

    return ext4_write(fs, file, NULL, BIG_BYTES, &offset, false);
}

static const struct change {
    ssize_t (*run)(void);
    const char *moves; /* this name of the root */
    ssize_t writes;    /* bytes to the file, from ... */
    off_t from;        /* on; 0: it makes `new` */
} changes[] = {
    {make_in_full, NULL, 0, 0},
    {make_dir, NULL, 0, 0},
    {make_link, NULL, 0, 0},
    {link_file, NULL, 0, 0},
    {move_file, "file", 0, 0},
    {move_dir, "dir", 0, 0},
    {write_far, NULL, BLOCK, HOLE_AT},
    {write_much, NULL, BIG_BYTES, FILE_BYTES},
    {make_room_far, NULL, BLOCK, HOLE_AT},
    {make_much_room, NULL, BIG_BYTES, FILE_BYTES},
};

static void assert_whole(const struct change *change, ssize_t result)
{
    struct stat st = {0};

    if (result < 0 && result != -ENOSPC)
        fail_msg("change %zu: error %zd; %s", change - changes, -result, logged);
    if (!change->from)
        assert_int_equal(find(full_dir, new), result < 0 ? -ENOENT : 0);
    if (change->moves)
        assert_int_equal(find(EXT4_ROOT, change->moves), result < 0 ? 0 : -ENOENT);
    if (change->from) {
        assert_int_equal(ext4_stat(fs, file, &st), 0);
        assert_int_equal(st.st_size, result < 0 ? FILE_BYTES : change->from + result);
    }
    assert_int_equal(ext4_sync(fs), 0); /* it is not given up for that */
}

static void try_all(const char *options)
{
    char name[LONG + 1];

    make_full(options);
    long_name(new, 'n');
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        unsigned n_refused = 0, n_done = 0;
        for (unsigned n = 0; n <= N_FREE; n++) {
            leave(n);
            ssize_t result = changes[i].run();
            assert_whole(&changes[i], result);
            n_done += result == changes[i].writes;
            n_refused += result != changes[i].writes;
            assert_int_equal(find(full_dir, long_name(name, 'a')), 0);
            unmount();
            assert_clean();
            simdisk_free(&sim);
        }
        if (!n_refused || !n_done)
            fail_msg("change %zu: %u refused, %u done", i, n_refused, n_done);
    }
    free(made);
    memset(&sim, 0, sizeof(sim));
}

static void a_change_that_ext4_has_no_room_for_is_not_begun(void **state)
{
    (void)state;
    try_all("-t ext4 -b 1024 -O ^metadata_csum");
}

static void a_change_that_ext2_has_no_room_for_is_not_begun(void **state)
{
    (void)state;
    try_all("-t ext2 -b 1024");
}

/* As programs write a new version of a file: it is there already. */
static void a_name_replaces_another_one_without_any_room(void **state)
{
    static const char *const options[] = {"-t ext4 -b 1024", "-t ext2 -b 1024"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_full(options[i]);
        leave(0);
        uint32_t ino;
        assert_int_equal(ext4_lookup(fs, full_dir, long_name(new, 'a'), LONG, &ino), 0);
        assert_int_equal(move_file(), 0);
        assert_int_equal(ext4_lookup(fs, full_dir, new, LONG, &ino), 0);
        assert_int_equal(ino, file);
        assert_int_equal(find(EXT4_ROOT, "file"), -ENOENT);
        unmount();
        assert_clean();
        simdisk_free(&sim);
        free(made);
    }
    memset(&sim, 0, sizeof(sim));
}

/* Where a directory's block has room, a name needs no other: as Linux. */
static void a_name_that_needs_no_block_is_made_on_a_full_disk(void **state)
{
    static const char *const options[] = {"-t ext4 -b 1024", "-t ext2 -b 1024"};
    char name[LONG + 1];
    uint32_t ino, many = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make_full(options[i]);
        leave(0);
        long_name(new, 'n');
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "file", 4, EXT4_ROOT, "other", 5), 0);
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "dir", 3, EXT4_ROOT, "moved", 5), 0);
        assert_int_equal(ext4_link(fs, EXT4_ROOT, "linked", 6, file), 0);
        assert_int_equal(ext4_create(fs, EXT4_ROOT, "new", 3, S_IFREG | 0644, NULL, &ino), 0);
        assert_int_equal(ext4_create(fs, EXT4_ROOT, "to", 2, S_IFLNK | 0777, "new", &ino), 0);
        assert_int_equal(ext4_create(fs, EXT4_ROOT, "far", 3, S_IFLNK | 0777, TARGET, &ino),
                         -ENOSPC);
        assert_int_equal(ext4_create(fs, EXT4_ROOT, "sub", 3, S_IFDIR | 0755, NULL, &ino), -ENOSPC);
        assert_int_equal(make_in_full(), -ENOSPC);
        assert_int_equal(link_file(), -ENOSPC);
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "other", 5, full_dir, new, LONG), -ENOSPC);
        unmount();
        assert_clean();
        assert_mounted();
        assert_int_equal(find(EXT4_ROOT, "other") | find(EXT4_ROOT, "moved") |
                             find(EXT4_ROOT, "linked") | find(EXT4_ROOT, "new") |
                             find(EXT4_ROOT, "to"),
                         0);
        assert_int_equal(find(EXT4_ROOT, "far"), -ENOENT);
        unmount();
        simdisk_free(&sim);
        free(made);
    }
    /* In a directory with an index, in the leaf of its hash. */
    make("-t ext4 -b 1024");
    assert_mounted();
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "many", 4, S_IFDIR | 0755, NULL, &many), 0);
    for (char n = 0; n < 60; n++)
        assert_int_equal(ext4_create(fs, many, long_name(name, (char)('A' + n)), LONG,
                                     S_IFREG | 0644, NULL, &ino),
                         0);
    uint64_t offset = 0;
    ballast = make_file("ballast");
    while (ext4_write(fs, ballast, bytes, sizeof(bytes), &offset, true) > 0)
        ;
    unsigned n_done = 0, n_refused = 0;
    for (unsigned n = 0; n < 100; n++) {
        snprintf(name, sizeof(name), "%0200u", n);
        int error = ext4_create(fs, many, name, 200, S_IFREG | 0644, NULL, &ino);
        assert_true(!error || error == -ENOSPC);
        assert_int_equal(find(many, name), error ? -ENOENT : 0);
        n_done += !error;
        n_refused += error == -ENOSPC;
    }
    assert_true(n_done > 5 && n_refused > 5);
    assert_int_equal(ext4_sync(fs), 0);
    unmount();
    assert_clean();
}

static void without_inodes_nothing_is_made_until_one_is_freed(void **state)
{
    static const struct {
        mode_t mode;
        const char *target;
    } kinds[] = {{S_IFREG | 0644, NULL}, {S_IFDIR | 0755, NULL}, {S_IFLNK | 0777, "to"}};
    struct ext4_space space;
    uint32_t ino;
    char name[24];
    int n = 0, error;

    (void)state;
    snprintf(name, sizeof(name), "-t ext4 -N %d", N_INODES);
    make(name);
    assert_mounted();
    ino = make_file("kept");
    do {
        snprintf(name, sizeof(name), "n%d", n++);
        uint32_t other;
        error = ext4_create(fs, EXT4_ROOT, name, strlen(name), S_IFREG | 0644, NULL, &other);
    } while (!error);
    assert_int_equal(error, -ENOSPC);
    ext4_space(fs, &space);
    assert_int_equal(space.n_inodes_free, 0);
    assert_true(space.n_free > 100);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint32_t other;
        assert_int_equal(
            ext4_create(fs, EXT4_ROOT, "new", 3, kinds[i].mode, kinds[i].target, &other), -ENOSPC);
        assert_int_equal(find(EXT4_ROOT, "new"), -ENOENT);
    }
    /* What needs none goes on. */
    fill(ino, 5000);
    assert_int_equal(ext4_link(fs, EXT4_ROOT, "link", 4, ino), 0);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "n0", 2, EXT4_ROOT, "moved", 5), 0);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "n1", 2), 0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "new", 3, S_IFDIR | 0755, NULL, &ino), 0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "more", 4, S_IFREG | 0644, NULL, &ino), -ENOSPC);
    unmount();
    assert_clean();
}

/* Of the groups behind the directory's none has an inode left, of those before it some have. */
static void inodes_are_found_in_all_groups(void **state)
{
    uint32_t dir, ino;
    char name[24];
    int n = 0;

    (void)state;
    make("-t ext4 -b 1024 -g 1024 -N 128");
    assert_mounted();
    while (ext4_create(fs, EXT4_ROOT, name, (size_t)snprintf(name, sizeof(name), "n%d", n), S_IFREG,
                       NULL, &ino) == 0)
        n++;
    int last = n - 1;
    int len = snprintf(name, sizeof(name), "n%d", last);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, name, (size_t)len), 0);
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "dir", 3, S_IFDIR | 0755, NULL, &dir), 0);
    assert_true(dir > 64);
    assert_int_equal(ext4_create(fs, dir, "x", 1, S_IFREG, NULL, &ino), -ENOSPC);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "n0", 2), 0);
    assert_int_equal(ext4_create(fs, dir, "x", 1, S_IFREG, NULL, &ino), 0);
    assert_true(ino < 64);
    unmount();
    assert_clean();
}

/* Some bytes in the middle of a hole, and some at the end. */
static void write_two(uint32_t ino)
{
    uint64_t first = 3000, second = 9000;

    assert_int_equal(ext4_write(fs, ino, "first", 5, &first, false), 5);
    assert_int_equal(ext4_write(fs, ino, "second", 6, &second, false), 6);
}

static void assert_two_and_zeros(uint32_t ino, size_t size)
{
    static uint8_t expected[20000], found[20000];

    memset(expected, 0, sizeof(expected));
    memcpy(expected + 3000, "first", 5);
    memcpy(expected + 9000, "second", 6);
    assert_int_equal(ext4_read(fs, ino, found, sizeof(found), 0), size);
    assert_memory_equal(found, expected, size);
}

static void room_that_is_made_is_there_when_the_disk_is_full(void **state)
{
    static const char *const options[] = {"-t ext4 -b 1024", "-t ext2 -b 1024"};
    struct stat st = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make(options[i]);
        assert_mounted();
        uint32_t longer = make_file("longer"), shorter = make_file("shorter");
        write_two(longer);
        write_two(shorter);
        uint64_t offset = 500;
        assert_int_equal(ext4_write(fs, longer, NULL, 7000, &offset, false), 7000);
        assert_int_equal(offset, 7500);
        assert_two_and_zeros(longer, 9006);
        offset = 500;
        assert_int_equal(ext4_write(fs, shorter, NULL, 15000, &offset, false), 15000);
        assert_two_and_zeros(shorter, 15500);
        assert_int_equal(ext4_stat(fs, shorter, &st), 0);
        assert_true(st.st_blocks >= 32);
        ballast = make_file("ballast");
        offset = 0;
        while (ext4_write(fs, ballast, bytes, sizeof(bytes), &offset, true) > 0)
            ;
        for (offset = 0; offset < 15500;)
            assert_true(ext4_write(fs, shorter, bytes, 15500 - offset, &offset, false) > 0);
        for (offset = 500; offset < 7500;)
            assert_true(ext4_write(fs, longer, bytes, 7500 - offset, &offset, false) > 0);
        offset = 15500;
        assert_int_equal(ext4_write(fs, shorter, NULL, 5000, &offset, false), 16384 - 15500);
        assert_int_equal(ext4_write(fs, shorter, NULL, 5000, &offset, false), -ENOSPC);
        assert_int_equal(ext4_stat(fs, shorter, &st), 0);
        assert_int_equal(st.st_size, 16384);
        unmount();
        assert_clean();
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(a_change_that_ext4_has_no_room_for_is_not_begun),
        EXT4_TEST(a_change_that_ext2_has_no_room_for_is_not_begun),
        EXT4_TEST(a_name_replaces_another_one_without_any_room),
        EXT4_TEST(a_name_that_needs_no_block_is_made_on_a_full_disk),
        EXT4_TEST(without_inodes_nothing_is_made_until_one_is_freed),
        EXT4_TEST(inodes_are_found_in_all_groups),
        EXT4_TEST(room_that_is_made_is_there_when_the_disk_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
