/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, links and lists that can't be, where no checksum guards them: errors, and nothing else. */
#include "mounted.h"
#define I_SIZE        0x04
#define I_DTIME       0x14
#define I_LINKS       0x1a
#define I_BLOCK       0x28
#define S_LAST_ORPHAN 0xe8
#define LINKS_MAX     65000
#define BLOCK         1024
#define MANY          5000

#define DIR_OPTIONS "-t ext4 -b 1024 -I 256 -O ^metadata_csum,^dir_index"

static void put16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* The first block of a directory that has one extent. */
static uint8_t *dir_block(uint32_t ino)
{
    uint32_t place;

    memcpy(&place, inode_of(ino) + I_BLOCK + 20, sizeof(place));
    return sim.bytes + (size_t)place * BLOCK;
}

/* The entry of a name: an inode's number, its length (2 bytes), the name's, a type, the name. */
static uint8_t *entry_of(uint32_t dir, const char *name)
{
    uint8_t *block = dir_block(dir);

    for (unsigned at = 0; at < BLOCK; at += (unsigned)(block[at + 4] | block[at + 5] << 8))
        if (block[at + 6] == strlen(name) && memcmp(block + at + 8, name, block[at + 6]) == 0)
            return block + at;
    fail_msg("no %s", name);
    return NULL;
}

static int find(uint32_t dir, const char *name)
{
    uint32_t ino;

    return ext4_lookup(fs, dir, name, strlen(name), &ino);
}

static uint32_t make_node(uint32_t dir, const char *name, mode_t mode, const char *target)
{
    uint32_t ino;

    assert_int_equal(ext4_create(fs, dir, name, strlen(name), mode, target, &ino), 0);
    return ino;
}

static int create(uint32_t dir, const char *name, mode_t mode)
{
    uint32_t ino;

    return ext4_create(fs, dir, name, strlen(name), mode, NULL, &ino);
}

static int list_all(uint32_t dir)
{
    struct ext4_entry entry;
    uint64_t position = 0;
    int result;

    while ((result = ext4_readdir(fs, dir, &position, &entry)) > 0)
        ;
    return result;
}

static void an_entry_that_cant_be_is_an_error_whatever_is_asked(void **state)
{
    static const struct {
        uint16_t len;
        uint8_t name_len;
    } lies[] = {{4, 0}, {8, 0}, {10, 1}, {14, 1}, {12, 5}, {16, 255}, {2048, 1}, {65535, 1}};
    uint32_t dir, other;

    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    dir = make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
    other = make_file("other");
    make_node(dir, "a", S_IFREG | 0644, NULL);
    make_node(dir, "b", S_IFREG | 0644, NULL);
    unmount();
    uint8_t *entry = entry_of(dir, "a"), was[8];
    memcpy(was, entry, sizeof(was));
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        put16(entry + 4, lies[i].len);
        entry[6] = lies[i].name_len;
        assert_mounted();
        assert_int_equal(find(dir, "b"), -EIO);
        assert_int_equal(list_all(dir), -EIO);
        assert_int_equal(create(dir, "c", S_IFREG | 0644), -EIO);
        assert_int_equal(ext4_unlink(fs, dir, "b", 1), -EIO);
        assert_int_equal(ext4_rmdir(fs, EXT4_ROOT, "dir", 3), -EIO);
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "other", 5, dir, "d", 1), -EIO);
        assert_int_equal(ext4_link(fs, dir, "e", 1, other), -EIO);
        assert_int_equal(ext4_sync(fs), 0);
        unmount();
        memcpy(entry, was, sizeof(was));
    }
    /* One that leaves no room for another at the block's end. */
    put16(entry + 4, (uint16_t)(BLOCK - (entry - dir_block(dir)) - 8));
    assert_mounted();
    assert_int_equal(find(dir, "b"), -EIO);
    unmount();
    memcpy(entry, was, sizeof(was));
    assert_clean();
}

static void a_name_of_what_is_the_file_systems_own_is_not_removed(void **state)
{
    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t dir = make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
    uint32_t file = make_node(dir, "x", S_IFREG | 0644, NULL), held = make_file("held");
    unmount();
    put32(entry_of(dir, "x"), 8); /* the journal */
    assert_mounted();
    assert_int_equal(ext4_unlink(fs, dir, "x", 1), -EIO);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "held", 4, dir, "x", 1), -EIO);
    unmount();
    put32(entry_of(dir, "x"), EXT4_ROOT);
    assert_mounted();
    assert_int_equal(ext4_rmdir(fs, dir, "x", 1), -EBUSY);
    unmount();
    put32(entry_of(dir, "x"), get32(0) + 1); /* behind the last inode */
    assert_mounted();
    assert_int_equal(find(dir, "x"), -EIO);
    unmount();
    put32(entry_of(dir, "x"), file);
    put16(inode_of(held) + I_LINKS, 0); /* it has a name */
    assert_mounted();
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "held", 4), -EIO);
    assert_int_equal(ext4_link(fs, dir, "y", 1, held), -ENOENT);
    unmount();
    put16(inode_of(held) + I_LINKS, 1);
    assert_clean();
}

static void a_directory_that_was_removed_takes_no_names(void **state)
{
    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t dir = make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL), file = make_file("file");
    make_node(EXT4_ROOT, "sub", S_IFDIR | 0755, NULL);
    assert_int_equal(ext4_hold(fs, dir), 0);
    assert_int_equal(ext4_rmdir(fs, EXT4_ROOT, "dir", 3), 0);
    assert_int_equal(create(dir, "x", S_IFREG | 0644), -ENOENT);
    assert_int_equal(create(dir, "x", S_IFDIR | 0755), -ENOENT);
    assert_int_equal(ext4_link(fs, dir, "x", 1, file), -ENOENT);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "file", 4, dir, "x", 1), -ENOENT);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "sub", 3, dir, "x", 1), -ENOENT);
    ext4_release(fs, dir);
    unmount();
    assert_clean();
}

static void there_are_so_many_links_and_no_more(void **state)
{
    struct stat st = {0};

    (void)state;
    for (unsigned counts = 0; counts < 2; counts++) {
        make(counts ? DIR_OPTIONS : DIR_OPTIONS ",^dir_nlink");
        assert_mounted();
        uint32_t file = make_file("file"), dir = make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
        make_node(EXT4_ROOT, "sub", S_IFDIR | 0755, NULL);
        unmount();
        put16(inode_of(file) + I_LINKS, LINKS_MAX);
        put16(inode_of(dir) + I_LINKS, LINKS_MAX - 1);
        assert_mounted();
        assert_int_equal(ext4_link(fs, EXT4_ROOT, "link", 4, file), -EMLINK);
        assert_int_equal(create(dir, "new", S_IFDIR | 0755), counts ? 0 : -EMLINK);
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "sub", 3, dir, "sub", 3), counts ? 0 : -EMLINK);
        assert_int_equal(create(dir, "file", S_IFREG | 0644), 0);
        assert_int_equal(ext4_stat(fs, dir, &st), 0);
        assert_int_equal(st.st_nlink, counts ? 1 : LINKS_MAX - 1); /* 1: nobody counts them */
        unmount();
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

static void directories_in_a_circle_are_no_tree(void **state)
{
    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t a = make_node(EXT4_ROOT, "a", S_IFDIR | 0755, NULL);
    uint32_t b = make_node(a, "b", S_IFDIR | 0755, NULL);
    make_node(EXT4_ROOT, "moved", S_IFDIR | 0755, NULL);
    unmount();
    put32(entry_of(a, ".."), b);
    assert_mounted();
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "moved", 5, b, "moved", 5), -EIO);
    unmount();
    put32(entry_of(a, ".."), EXT4_ROOT);
    assert_clean();
}

static void a_symbolic_link_that_cant_be_is_an_error(void **state)
{
    char target[2 * BLOCK], at[BLOCK];

    (void)state;
    memset(target, 't', sizeof(target));
    target[100] = '\0';
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t near = make_node(EXT4_ROOT, "near", S_IFLNK | 0777, "short");
    uint32_t far = make_node(EXT4_ROOT, "far", S_IFLNK | 0777, target);
    uint32_t file = make_file("file");
    unmount();
    const struct {
        uint32_t ino, size;
        ssize_t result;
    } lies[] = {{near, 0, -EIO},
                {near, 60, -EIO},
                {near, 59, 59},
                {far, 0, -EIO},
                {far, BLOCK, -EIO},
                {far, UINT32_MAX, -EIO},
                {far, BLOCK - 1, BLOCK - 1}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        put32(inode_of(lies[i].ino) + I_SIZE, lies[i].size);
        assert_mounted();
        assert_int_equal(ext4_readlink(fs, lies[i].ino, at, sizeof(at)), lies[i].result);
        unmount();
    }
    put32(inode_of(near) + I_SIZE, 5);
    put32(inode_of(far) + I_SIZE, 100);
    put16(inode_of(far) + I_BLOCK + 2, 0); /* no extents: a hole */
    assert_mounted();
    assert_int_equal(ext4_readlink(fs, far, at, sizeof(at)), -EIO);
    assert_int_equal(ext4_readlink(fs, file, at, sizeof(at)), -EINVAL);
    unmount();
    put16(inode_of(far) + I_BLOCK + 2, 1);
    assert_clean();
    memset(target, 't', sizeof(target));
    target[BLOCK] = '\0';
    assert_mounted();
    uint32_t ino;
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "x", 1, S_IFLNK | 0777, target, &ino),
                     -ENAMETOOLONG);
    target[BLOCK - 1] = '\0';
    assert_int_equal(ext4_create(fs, EXT4_ROOT, "x", 1, S_IFLNK | 0777, target, &ino), 0);
    unmount();
    assert_clean();
}

static void names_and_files_have_an_end(void **state)
{
    static const struct {
        const char *options;
        uint64_t most; /* bytes of a file */
    } kinds[] = {{"-t ext4 -b 1024", UINT32_MAX * (uint64_t)BLOCK},
                 {"-t ext2 -b 1024", (12 + 256 + 256 * 256 + 256ull * 256 * 256) * BLOCK}};
    char name[300], bytes[10];
    uint32_t ino;
    uint64_t offset;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i < 2; i++) {
        make(kinds[i].options);
        assert_mounted();
        uint32_t file = make_file("file");
        assert_int_equal(ext4_create(fs, EXT4_ROOT, name, 256, S_IFREG, NULL, &ino), -ENAMETOOLONG);
        assert_int_equal(ext4_create(fs, EXT4_ROOT, name, 255, S_IFREG, NULL, &ino), 0);
        assert_int_equal(ext4_lookup(fs, EXT4_ROOT, name, 256, &ino), -ENAMETOOLONG);
        assert_int_equal(ext4_link(fs, EXT4_ROOT, name, 256, file), -ENAMETOOLONG);
        assert_int_equal(ext4_unlink(fs, EXT4_ROOT, name, 256), -ENAMETOOLONG);
        assert_int_equal(ext4_rename(fs, EXT4_ROOT, "file", 4, EXT4_ROOT, name, 256),
                         -ENAMETOOLONG);
        assert_int_equal(ext4_truncate(fs, file, UINT64_MAX), -EFBIG);
        assert_int_equal(ext4_truncate(fs, file, kinds[i].most + 1), -EFBIG);
        assert_int_equal(ext4_truncate(fs, file, kinds[i].most), 0);
        offset = kinds[i].most;
        assert_int_equal(ext4_write(fs, file, "x", 1, &offset, false), -EFBIG);
        offset = INT64_MAX;
        assert_int_equal(ext4_write(fs, file, "xy", 2, &offset, false), -EFBIG);
        offset = UINT64_MAX;
        assert_int_equal(ext4_write(fs, file, "x", 1, &offset, false), -EFBIG);
        assert_int_equal(ext4_read(fs, file, bytes, 10, kinds[i].most - 3), 3);
        assert_int_equal(ext4_read(fs, file, bytes, 10, UINT64_MAX), 0);
        unmount();
        assert_clean();
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

static void only_regular_files_are_read_written_and_cut(void **state)
{
    uint64_t offset = 0;
    char byte;

    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t link = make_node(EXT4_ROOT, "link", S_IFLNK | 0777, "to");
    const struct {
        uint32_t ino;
        int error;
    } others[] = {{EXT4_ROOT, -EISDIR}, {link, -EINVAL}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ext4_read(fs, others[i].ino, &byte, 1, 0), others[i].error);
        assert_int_equal(ext4_write(fs, others[i].ino, "x", 1, &offset, false), others[i].error);
        assert_int_equal(ext4_truncate(fs, others[i].ino, 0), others[i].error);
    }
    assert_int_equal(ext4_link(fs, EXT4_ROOT, "dir", 3, EXT4_ROOT), -EPERM);
    make_node(EXT4_ROOT, "dir", S_IFDIR | 0755, NULL);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "dir", 3), -EISDIR);
    assert_int_equal(ext4_rmdir(fs, EXT4_ROOT, "link", 4), -ENOTDIR);
    unmount();
    assert_clean();
}

/* As many as a machine with thousands of open files leaves: none is looked for among the others. */
static void a_long_list_of_orphans_is_freed(void **state)
{
    (void)state;
    make("-t ext4 -b 1024 -I 256 -N 8000 -O ^metadata_csum,^dir_index");
    assert_mounted();
    struct ext4_space before, after;
    ext4_space(fs, &before);
    uint32_t *inos = malloc(MANY * sizeof(*inos));
    for (unsigned i = 0; i < MANY; i++) {
        inos[i] = make_file("orphan");
        assert_int_equal(ext4_hold(fs, inos[i]), 0);
        assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "orphan", 6), 0);
    }
    assert_int_equal(ext4_sync(fs), 0);
    ext4_free(fs); /* the power goes */
    assert_mounted();
    ext4_space(fs, &after);
    assert_int_equal(after.n_inodes_free, before.n_inodes_free);
    unmount();
    assert_clean();
    free(inos);
}

/* It comes back to its first, to one in its midst, or stays at its last. */
static void a_list_of_orphans_without_an_end_is_refused(void **state)
{
    enum { N = 10 };
    uint32_t inos[N];

    (void)state;
    make("-t ext4 -b 1024 -I 256 -O ^metadata_csum");
    assert_mounted();
    for (unsigned i = 0; i < N; i++) {
        char name[] = {(char)('a' + i), '\0'};
        inos[i] = make_file(name);
    }
    unmount();
    for (unsigned i = 0; i + 1 < N; i++)
        put32(inode_of(inos[i]) + I_DTIME, inos[i + 1]);
    set32(S_LAST_ORPHAN, inos[0]);
    for (unsigned i = 0; i < N; i++) {
        put32(inode_of(inos[N - 1]) + I_DTIME, inos[i]);
        assert_refused(-EIO, "orphans");
    }
}

/* As a truncation leaves it that the power ends: the new length is there, the blocks still are. */
static void an_orphan_with_a_name_loses_what_is_behind_its_end(void **state)
{
    struct ext4_space before, after;

    (void)state;
    make("-t ext4 -b 1024 -I 256 -O ^metadata_csum");
    assert_mounted();
    uint32_t file = make_file("file");
    ext4_space(fs, &before);
    fill(file, 100 * BLOCK);
    unmount();
    put32(inode_of(file) + I_SIZE, 100);
    set32(S_LAST_ORPHAN, file);
    assert_mounted();
    ext4_space(fs, &after);
    assert_int_equal(after.n_free, before.n_free - 1);
    unmount();
    assert_clean();
}

static void who_holds_a_file_without_a_name_has_it_until_the_last_one_lets_go(void **state)
{
    struct stat st = {0};

    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t file = make_file("file"), other = make_file("other"), kept = make_file("kept");
    fill(file, 3000);
    assert_int_equal(ext4_hold(fs, file), 0);
    assert_int_equal(ext4_hold(fs, file), 0);
    assert_int_equal(ext4_hold(fs, other), 0);
    assert_int_equal(ext4_hold(fs, kept), 0);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "file", 4), 0);
    assert_int_equal(ext4_unlink(fs, EXT4_ROOT, "other", 5), 0);
    ext4_release(fs, file);
    assert_int_equal(ext4_stat(fs, file, &st), 0);
    assert_int_equal(st.st_size, 3000);
    ext4_release(fs, file);
    ext4_release(fs, file); /* nobody holds it */
    assert_int_equal(ext4_stat(fs, file, &st), 0);
    assert_int_equal(st.st_size, 0);
    unmount(); /* the others are held */
    assert_clean();
}

static void a_directory_is_not_moved_below_itself_nor_a_file_onto_its_other_name(void **state)
{
    (void)state;
    make(DIR_OPTIONS);
    assert_mounted();
    uint32_t a = make_node(EXT4_ROOT, "a", S_IFDIR | 0755, NULL);
    uint32_t b = make_node(a, "b", S_IFDIR | 0755, NULL);
    uint32_t file = make_file("file");
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "a", 1, a, "c", 1), -EINVAL);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "a", 1, b, "c", 1), -EINVAL);
    assert_int_equal(ext4_link(fs, a, "link", 4, file), 0);
    assert_int_equal(ext4_rename(fs, EXT4_ROOT, "file", 4, a, "link", 4), 0);
    assert_int_equal(find(EXT4_ROOT, "file"), 0); /* as POSIX has it */
    assert_int_equal(find(a, "link"), 0);
    unmount();
    assert_clean();
}

static void a_file_of_more_than_two_gib_is_said_to_be_there(void **state)
{
    uint64_t offset = INT32_MAX;

    (void)state;
    for (unsigned written = 0; written < 2; written++) {
        make("-t ext2 -b 1024 -O ^large_file");
        assert_mounted();
        uint32_t file = make_file("file");
        if (written)
            assert_int_equal(ext4_write(fs, file, "x", 1, &offset, false), 1);
        else
            assert_int_equal(ext4_truncate(fs, file, 1ull << 31), 0);
        unmount();
        assert_clean(); /* which looks for the feature */
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(an_entry_that_cant_be_is_an_error_whatever_is_asked),
        EXT4_TEST(a_name_of_what_is_the_file_systems_own_is_not_removed),
        EXT4_TEST(a_directory_that_was_removed_takes_no_names),
        EXT4_TEST(there_are_so_many_links_and_no_more),
        EXT4_TEST(directories_in_a_circle_are_no_tree),
        EXT4_TEST(a_symbolic_link_that_cant_be_is_an_error),
        EXT4_TEST(names_and_files_have_an_end),
        EXT4_TEST(only_regular_files_are_read_written_and_cut),
        EXT4_TEST(a_long_list_of_orphans_is_freed),
        EXT4_TEST(a_list_of_orphans_without_an_end_is_refused),
        EXT4_TEST(an_orphan_with_a_name_loses_what_is_behind_its_end),
        EXT4_TEST(who_holds_a_file_without_a_name_has_it_until_the_last_one_lets_go),
        EXT4_TEST(a_directory_is_not_moved_below_itself_nor_a_file_onto_its_other_name),
        EXT4_TEST(a_file_of_more_than_two_gib_is_said_to_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
