/* SPDX-License-Identifier: BSD-2-Clause */
/* Directories with many names: what is found, listed and removed, and at what cost. */
#include "mounted.h"

#include <stdint.h>

#include <ext2fs/ext2fs.h>

#define N_MANY     10000
#define NAME_BYTES 256
#define LOOKUPS    100
#define READS_MAX  4 /* from the disk, for one name: inode, root, node, leaf */
#define N_TRIED    300000
#define LONG       250

/* Most are short, some as long as can be. */
static const char *name_of(unsigned i)
{
    static char name[NAME_BYTES];

    int len = snprintf(name, sizeof(name), "%sname-%u", i % 3 ? "" : "a-", i * 7919 % N_MANY);
    if (i % 16 == 0) {
        memset(name + len, 'x', EXT4_NAME_MAX - (unsigned)len);
        name[EXT4_NAME_MAX] = '\0';
    }
    return name;
}

static int add(uint32_t dir, const char *name)
{
    uint32_t ino;

    return ext4_create(fs, dir, name, strlen(name), S_IFREG | 0644, NULL, &ino);
}

static int find(uint32_t dir, const char *name)
{
    uint32_t ino;

    return ext4_lookup(fs, dir, name, strlen(name), &ino);
}

static uint32_t make_dir(void)
{
    uint32_t dir;

    assert_int_equal(ext4_create(fs, EXT4_ROOT, "dir", 3, S_IFDIR | 0755, NULL, &dir), 0);
    return dir;
}

static uint32_t many(const char *options)
{
    make(options);
    assert_mounted();
    uint32_t dir = make_dir();
    for (unsigned i = 0; i < N_MANY; i++)
        assert_int_equal(add(dir, name_of(i)), 0);
    return dir;
}

/* @return how often each name was listed is once. */
static unsigned list(uint32_t dir)
{
    static bool seen[N_MANY];
    struct ext4_entry entry;
    uint64_t position = 0;
    unsigned n = 0, n_dots = 0;

    memset(seen, 0, sizeof(seen));
    while (ext4_readdir(fs, dir, &position, &entry) > 0) {
        if (entry.name[0] == '.') {
            n_dots++;
            continue;
        }
        unsigned number = (unsigned)atoi(strstr(entry.name, "name-") + 5);
        assert_true(number < N_MANY && !seen[number]);
        seen[number] = true;
        n++;
    }
    assert_int_equal(n_dots, 2);
    return n;
}

static void check_many(const char *options)
{
    uint32_t dir = many(options);

    assert_int_equal(list(dir), N_MANY);
    for (unsigned i = 0; i < N_MANY; i += 3)
        assert_int_equal(find(dir, name_of(i)), 0);
    assert_int_equal(add(dir, name_of(77)), -EEXIST);
    assert_int_equal(find(dir, "name-10000"), -ENOENT);
    for (unsigned i = 0; i < N_MANY; i += 2)
        assert_int_equal(ext4_unlink(fs, dir, name_of(i), strlen(name_of(i))), 0);
    assert_int_equal(list(dir), N_MANY / 2);
    unmount();
    assert_clean();
    assert_mounted();
    assert_int_equal(find(dir, name_of(2)), -ENOENT);
    assert_int_equal(find(dir, name_of(3)), 0);
    for (unsigned i = 1; i < N_MANY; i += 2)
        assert_int_equal(ext4_unlink(fs, dir, name_of(i), strlen(name_of(i))), 0);
    assert_int_equal(list(dir), 0);
    assert_int_equal(ext4_rmdir(fs, EXT4_ROOT, "dir", 3), 0);
    unmount();
    assert_clean();
}

static void ten_thousand_names_are_found_by_an_index(void **state)
{
    (void)state;
    check_many("-t ext4 -b 1024 -N 12000");
}

static void an_index_may_have_other_hashes_and_no_checksums(void **state)
{
    (void)state;
    check_many("-t ext4 -b 1024 -N 12000 -O ^metadata_csum -E hash_seed="
               "01234567-89ab-cdef-0123-456789abcdef");
}

static void a_file_system_that_wants_no_index_gets_none(void **state)
{
    (void)state;
    make("-t ext2 -b 4096 -O ^dir_index");
    assert_mounted();
    uint32_t dir = make_dir();
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(add(dir, name_of(i)), 0);
    assert_int_equal(list(dir), 500);
    assert_int_equal(find(dir, name_of(499)), 0);
    unmount();
    assert_clean();
}

/* With as small a cache as can be, so that reads from the disk tell. */
static void one_of_ten_thousand_takes_a_few_reads(void **state)
{
    const struct ext4_options least = {.cache_bytes = 1};

    (void)state;
    uint32_t dir = many("-t ext4 -b 1024 -N 12000");
    unmount();
    assert_int_equal(ext4_mount(&sim.disk, &least, &fs, &why), 0);
    uint64_t before = sim.n_reads;
    for (unsigned i = 0; i < LOOKUPS; i++)
        assert_int_equal(find(dir, name_of(i * 97)), 0);
    assert_true(sim.n_reads - before <= LOOKUPS * READS_MAX);
    unmount();
}

static void names_that_stay_are_listed_once_while_others_come_and_go(void **state)
{
    static unsigned seen[300];
    struct ext4_entry entry;
    uint64_t position = 0;

    (void)state;
    make("-t ext4 -b 1024 -N 4000");
    assert_mounted();
    uint32_t dir = make_dir();
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(add(dir, name_of(i)), 0);
    memset(seen, 0, sizeof(seen));
    for (unsigned step = 0; ext4_readdir(fs, dir, &position, &entry) > 0; step++) {
        for (unsigned i = 0; i < 300; i++)
            seen[i] += strcmp(entry.name, name_of(i)) == 0;
        const char *name = name_of(300 + step % 2000);
        assert_int_equal(add(dir, name), 0);
        if (step % 3 == 0)
            assert_int_equal(ext4_unlink(fs, dir, name, strlen(name)), 0);
    }
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(seen[i], 1);
    unmount();
    assert_clean();
}

/* Names of the same hash on both sides of a leaf's end. */

static const char *long_name(unsigned i)
{
    static char name[NAME_BYTES];

    int len = snprintf(name, sizeof(name), "%06u-", i);
    memset(name + len, 'x', LONG - (unsigned)len);
    name[LONG] = '\0';
    return name;
}

static struct hashed {
    uint32_t hash;
    unsigned i;
} hashed[N_TRIED];

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;

    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void names_of_one_hash_may_be_in_two_blocks(void **state)
{
    unsigned pair = 1;
    uint32_t minor;

    (void)state;
    make("-t ext4 -b 1024 -E hash_seed=01234567-89ab-cdef-0123-456789abcdef");
    const struct ext2_super_block *super = (const struct ext2_super_block *)(sim.bytes + SUPER);
    for (unsigned i = 0; i < N_TRIED; i++) {
        hashed[i].i = i;
        assert_int_equal(ext2fs_dirhash(super->s_def_hash_version, long_name(i), LONG,
                                        super->s_hash_seed, &hashed[i].hash, &minor),
                         0);
    }
    qsort(hashed, N_TRIED, sizeof(*hashed), by_hash);
    while (hashed[pair].hash != hashed[pair + 1].hash)
        assert_true(++pair < N_TRIED - 2);
    assert_mounted();
    uint32_t dir = make_dir();
    /* Three fill a block, a fourth one splits it, in the middle of the pair. */
    for (unsigned i = pair - 1; i < pair + 3; i++)
        assert_int_equal(add(dir, long_name(hashed[i].i)), 0);
    for (unsigned i = pair - 1; i < pair + 3; i++)
        assert_int_equal(find(dir, long_name(hashed[i].i)), 0);
    struct ext4_entry entry;
    uint64_t position = 0;
    unsigned n = 0;
    while (ext4_readdir(fs, dir, &position, &entry) > 0)
        n++;
    assert_int_equal(n, 6);
    for (unsigned i = pair - 1; i < pair + 3; i++)
        assert_int_equal(ext4_unlink(fs, dir, long_name(hashed[i].i), LONG), 0);
    unmount();
    assert_clean();
}

static void a_name_is_there_once(void **state)
{
    uint32_t ino;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    uint32_t dir = make_dir();
    assert_int_equal(add(dir, "name"), 0);
    assert_int_equal(add(dir, "name"), -EEXIST);
    assert_int_equal(ext4_link(fs, dir, "name", 4, make_file("other")), -EEXIST);
    assert_int_equal(ext4_create(fs, dir, "name", 4, S_IFDIR | 0755, NULL, &ino), -EEXIST);
    assert_int_equal(ext4_create(fs, dir, "name", 4, S_IFLNK | 0777, "x", &ino), -EEXIST);
    assert_int_equal(ext4_unlink(fs, dir, "name", 4), 0);
    assert_int_equal(find(dir, "name"), -ENOENT);
    unmount();
    assert_clean();
}

/* Where neighbours were, a longer name fits. */
static void the_room_of_names_that_are_gone_is_one(void **state)
{
    struct stat st = {0};
    char name[16];
    unsigned n = 0;

    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted();
    uint32_t dir = make_dir();
    for (; n < 48; n++) { /* 20 bytes each */
        snprintf(name, sizeof(name), "name-%05u", n);
        assert_int_equal(add(dir, name), 0);
    }
    for (n = 10; n < 12; n++) {
        snprintf(name, sizeof(name), "name-%05u", n);
        assert_int_equal(ext4_unlink(fs, dir, name, strlen(name)), 0);
    }
    assert_int_equal(add(dir, "a-name-of-28-bytes-and-more"), 0);
    assert_int_equal(ext4_stat(fs, dir, &st), 0);
    assert_int_equal(st.st_size, 1024);
    unmount();
    assert_clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(ten_thousand_names_are_found_by_an_index),
        EXT4_TEST(an_index_may_have_other_hashes_and_no_checksums),
        EXT4_TEST(a_file_system_that_wants_no_index_gets_none),
        EXT4_TEST(one_of_ten_thousand_takes_a_few_reads),
        EXT4_TEST(names_that_stay_are_listed_once_while_others_come_and_go),
        EXT4_TEST(names_of_one_hash_may_be_in_two_blocks),
        EXT4_TEST(the_room_of_names_that_are_gone_is_one),
        EXT4_TEST(a_name_is_there_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
