/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Calls of every kind on a file system that is the same each time, and whether they are done, for
 * tests that have them fail.
 */
#ifndef UNIT_CHANGES_H
#define UNIT_CHANGES_H

#include "mounted.h"

#define BLOCK     1024
#define OLD_BYTES 3000
#define BIG_BYTES (400 * BLOCK) /* behind indirect blocks, or in several extents */
#define HOLES     8
#define FAR       (5000 * BLOCK)
#define FSCK_EACH 3 /* it takes long */
#define N_NAMES   40
#define TARGET    "/a/target/that/is/too/long/for/the/inode/itself/and/so/needs/a/block/of/its/own"

static uint32_t old, big, sparse, dir, many, victim, link_ino;
static uint8_t big_bytes[BIG_BYTES], found[BIG_BYTES];
static uint8_t *made; /* the disk, to begin with */

static uint32_t make_node(uint32_t parent, const char *name, mode_t mode, const char *target)
{
    uint32_t ino;

    assert_int_equal(ext4_create(fs, parent, name, strlen(name), mode, target, &ino), 0);
    return ino;
}

static int find(uint32_t parent, const char *name)
{
    uint32_t ino;

    return ext4_lookup(fs, parent, name, strlen(name), &ino);
}

static const char *long_name(unsigned n)
{
    static char name[200];

    memset(name, 'x', sizeof(name) - 1);
    name[0] = (char)('0' + n / 10);
    name[1] = (char)('0' + n % 10);
    return name;
}

static inline void make_all(const char *options)
{
    make(options);
    assert_mounted();
    old = make_file("old");
    fill(old, OLD_BYTES);
    big = make_file("big");
    fill(big, BIG_BYTES);
    memset(big_bytes, 0x5a, sizeof(big_bytes));
    sparse = make_file("sparse");
    for (uint64_t i = 1; i <= HOLES; i++) {
        uint64_t offset = i * 300 * BLOCK;
        assert_int_equal(ext4_write(fs, sparse, big_bytes, BLOCK, &offset, false), BLOCK);
    }
    victim = make_file("victim");
    fill(victim, OLD_BYTES);
    dir = make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
    make_node(EXT4_ROOT, "moved", S_IFDIR | 0755, NULL);
    link_ino = make_node(EXT4_ROOT, "link", S_IFLNK | 0777, TARGET);
    many = make_node(EXT4_ROOT, "many", S_IFDIR | 0755, NULL);
    for (unsigned i = 0; i < N_NAMES; i++)
        make_node(many, long_name(i), S_IFREG | 0644, NULL);
    unmount();
    made = malloc(IMAGE_BYTES);
    memcpy(made, sim.bytes, IMAGE_BYTES);
    simdisk_free(&sim);
}

static struct stat stat_of(uint32_t ino)
{
    struct stat st = {0};

    assert_int_equal(ext4_stat(fs, ino, &st), 0);
    return st;
}

/* ---- Changes, and whether they are there ---- */

static ssize_t do_create(void)
{
    uint32_t ino;

    return ext4_create(fs, many, "new", 3, S_IFREG | 0644, NULL, &ino);
}

static bool has_new(void)
{
    return find(many, "new") == 0;
}

static ssize_t do_mkdir(void)
{
    uint32_t ino;

    return ext4_create(fs, many, "new", 3, S_IFDIR | 0755, NULL, &ino);
}

static ssize_t do_symlink(void)
{
    uint32_t ino;

    return ext4_create(fs, many, "new", 3, S_IFLNK | 0777, TARGET, &ino);
}

static ssize_t do_link(void)
{
    return ext4_link(fs, many, "new", 3, old);
}

static ssize_t do_unlink(void)
{
    return ext4_unlink(fs, EXT4_ROOT, "big", 3);
}

static bool has_no_big(void)
{
    return find(EXT4_ROOT, "big") == -ENOENT;
}

static ssize_t do_unlink_sparse(void)
{
    return ext4_unlink(fs, EXT4_ROOT, "sparse", 6);
}

static bool has_no_sparse(void)
{
    return find(EXT4_ROOT, "sparse") == -ENOENT;
}

static ssize_t do_unlink_held(void)
{
    ssize_t error = ext4_hold(fs, victim);

    if (error)
        return error;
    error = ext4_unlink(fs, EXT4_ROOT, "victim", 6);
    ext4_release(fs, victim);
    return error;
}

static bool has_no_victim(void)
{
    return find(EXT4_ROOT, "victim") == -ENOENT;
}

static ssize_t do_rmdir(void)
{
    return ext4_rmdir(fs, EXT4_ROOT, "dir", 3);
}

static bool has_no_dir(void)
{
    return find(EXT4_ROOT, "dir") == -ENOENT;
}

static ssize_t do_rename_over(void)
{
    return ext4_rename(fs, EXT4_ROOT, "old", 3, EXT4_ROOT, "victim", 6);
}

static bool is_renamed_over(void)
{
    uint32_t ino = 0;

    assert_int_equal(ext4_lookup(fs, EXT4_ROOT, "victim", 6, &ino), 0);
    assert_int_equal(ino == old, find(EXT4_ROOT, "old") != 0);
    return ino == old;
}

static ssize_t do_rename_dir(void)
{
    return ext4_rename(fs, EXT4_ROOT, "moved", 5, dir, "here", 4);
}

static bool is_dir_renamed(void)
{
    bool there = find(dir, "here") == 0;

    assert_int_equal(there, find(EXT4_ROOT, "moved") != 0);
    return there;
}

static ssize_t do_append(void)
{
    uint64_t offset = 0;

    return ext4_write(fs, old, big_bytes, 10 * BLOCK, &offset, true);
}

static bool is_appended(void)
{
    off_t size = stat_of(old).st_size;

    if (size != OLD_BYTES)
        assert_int_equal(size, OLD_BYTES + 10 * BLOCK);
    return size != OLD_BYTES;
}

static ssize_t do_write_far(void)
{
    uint64_t offset = FAR + 10;

    return ext4_write(fs, old, big_bytes, BLOCK, &offset, false);
}

static bool is_far(void)
{
    return stat_of(old).st_size == FAR + 10 + BLOCK;
}

static ssize_t do_overwrite(void)
{
    uint64_t offset = 100;

    return ext4_write(fs, old, "?", 1, &offset, false);
}

static bool is_overwritten(void)
{
    char byte = 0;

    assert_int_equal(ext4_read(fs, old, &byte, 1, 100), 1);
    return byte == '?';
}

static ssize_t do_shrink(void)
{
    return ext4_truncate(fs, big, 100);
}

static bool is_shrunk(void)
{
    return stat_of(big).st_size == 100;
}

static ssize_t do_grow(void)
{
    return ext4_truncate(fs, old, FAR);
}

static bool is_grown(void)
{
    char byte = 1;

    if (stat_of(old).st_size != FAR)
        return false;
    assert_int_equal(ext4_read(fs, old, &byte, 1, OLD_BYTES), 1);
    assert_int_equal(byte, 0);
    return true;
}

static ssize_t do_chmod(void)
{
    return ext4_chmod(fs, old, 0600);
}

static bool is_chmoded(void)
{
    return (stat_of(old).st_mode & 07777) == 0600;
}

static ssize_t do_chown(void)
{
    return ext4_chown(fs, old, 70000, 80000);
}

static bool is_chowned(void)
{
    return stat_of(old).st_uid == 70000;
}

static ssize_t do_utimens(void)
{
    return ext4_utimens(fs, old, (const struct timespec[2]){{1, 0}, {2, 0}});
}

static bool has_times(void)
{
    return stat_of(old).st_mtim.tv_sec == 2;
}

/* What only reads: it is right, or fails. */

static ssize_t do_read(void)
{
    ssize_t n = ext4_read(fs, big, found, BIG_BYTES, 0);

    if (n > 0)
        assert_memory_equal(found, big_bytes, (size_t)n);
    return n;
}

static ssize_t do_readlink(void)
{
    char target[sizeof(TARGET)] = "";
    ssize_t n = ext4_readlink(fs, link_ino, target, sizeof(target));

    if (n >= 0)
        assert_string_equal(target, TARGET);
    return n;
}

static ssize_t do_list(void)
{
    struct ext4_entry entry;
    uint64_t position = 0;
    unsigned n = 0;
    int result;

    while ((result = ext4_readdir(fs, many, &position, &entry)) > 0)
        n++;
    if (result == 0)
        assert_int_equal(n, N_NAMES + 2);
    return result;
}

static ssize_t do_lookups(void)
{
    for (unsigned i = 0; i < N_NAMES; i++) {
        int error = find(many, long_name(i));
        assert_int_not_equal(error, -ENOENT);
        if (error)
            return error;
    }
    return 0;
}

static ssize_t do_stat(void)
{
    struct stat st = {0};
    ssize_t error = ext4_stat(fs, old, &st);

    if (!error)
        assert_int_equal(st.st_size, OLD_BYTES);
    return error;
}

static const struct change {
    const char *name;
    ssize_t (*run)(void);
    bool (*is_done)(void);
} changes[] = {
    {"create", do_create, has_new},
    {"mkdir", do_mkdir, has_new},
    {"symlink", do_symlink, has_new},
    {"link", do_link, has_new},
    {"unlink", do_unlink, has_no_big},
    {"unlink sparse", do_unlink_sparse, has_no_sparse},
    {"unlink held", do_unlink_held, has_no_victim},
    {"rmdir", do_rmdir, has_no_dir},
    {"rename over", do_rename_over, is_renamed_over},
    {"rename dir", do_rename_dir, is_dir_renamed},
    {"append", do_append, is_appended},
    {"write far", do_write_far, is_far},
    {"overwrite", do_overwrite, is_overwritten},
    {"shrink", do_shrink, is_shrunk},
    {"grow", do_grow, is_grown},
    {"chmod", do_chmod, is_chmoded},
    {"chown", do_chown, is_chowned},
    {"utimens", do_utimens, has_times},
    {"read", do_read, NULL},
    {"readlink", do_readlink, NULL},
    {"list", do_list, NULL},
    {"lookups", do_lookups, NULL},
    {"stat", do_stat, NULL},
};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

static inline void begin(void)
{
    simdisk_make(&sim, made, IMAGE_BYTES, 512);
    assert_mounted();
}

/* Mount it again: is it as the results say? */
static inline void check(const struct change *change, ssize_t result, int synced)
{
    static unsigned n_checks;

    ext4_unmount(fs); /* it may fail */
    ext4_free(fs);
    sim.fail_after = 0;
    assert_mounted();
    if (change->is_done) {
        bool done = change->is_done();
        if (result < 0 && done)
            fail_msg("%s: failed, and is done", change->name);
        if (result >= 0 && !synced && !done)
            fail_msg("%s: succeeded, and is not done", change->name);
    }
    unmount();
    if (n_checks++ % FSCK_EACH == 0)
        assert_clean();
    simdisk_free(&sim);
}

#endif
