/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../libc-glue/cpio.h"

/* An archive being written, in a block of exactly its size, so that ASan sees what reads beyond. */
static char *archive;
static size_t archive_size;

static void add_bytes(const void *bytes, size_t len)
{
    archive = realloc(archive, archive_size + len);
    memcpy(archive + archive_size, bytes, len);
    archive_size += len;
}

static void pad(void)
{
    while (archive_size % 4)
        add_bytes("", 1);
}

static void add_linked(const char *name, unsigned mode, const char *data, unsigned inode,
                       unsigned links)
{
    char header[111];

    snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             inode, mode, 0, 0, links, 77, (unsigned)strlen(data), 0, 0, 0, 0,
             (unsigned)strlen(name) + 1, 0);
    add_bytes(header, 110);
    add_bytes(name, strlen(name) + 1);
    pad();
    add_bytes(data, strlen(data));
    pad();
}

static void add(const char *name, unsigned mode, const char *data)
{
    add_linked(name, mode, data, 1, 1);
}

static void finish(void)
{
    add("TRAILER!!!", 0, "");
}

static struct cpio cpio;
static const char *why;
static size_t at;

static int open_archive(void)
{
    return cpio_open(&cpio, archive, archive_size, &why, &at);
}

static void assert_refused(const char *reason)
{
    assert_int_equal(open_archive(), -EINVAL);
    assert_string_equal(why, reason);
    assert_null(cpio.entries);
    free(archive);
    archive = NULL;
    archive_size = 0;
}

static void done(void)
{
    cpio_close(&cpio);
    free(archive);
}

static void files_are_found_where_they_are(void **state)
{
    (void)state;
    add("./b/c.txt", CPIO_FILE | 0644, "content");
    add("b", CPIO_DIRECTORY | 0755, "");
    add("/a", CPIO_SYMLINK | 0777, "b/c.txt");
    add(".", CPIO_DIRECTORY | 0755, "");
    finish();
    assert_int_equal(open_archive(), 0);
    assert_int_equal(cpio.n, 4);
    const struct cpio_entry *entry = cpio_find(&cpio, "b/c.txt");
    assert_non_null(entry);
    assert_int_equal(entry->size, 7);
    assert_int_equal(entry->mtime, 77);
    assert_memory_equal(entry->data, "content", 7);
    assert_true(entry->data > archive && entry->data < archive + archive_size);
    assert_null(cpio_find(&cpio, "b/c"));
    assert_null(cpio_find(&cpio, "/a"));
    assert_non_null(cpio_find(&cpio, "a"));
    assert_non_null(cpio_find(&cpio, ""));
    done();
}

static void what_is_below_a_folder_is_found_beside_names_that_begin_like_it(void **state)
{
    (void)state;
    add("a", CPIO_DIRECTORY, "");
    add("a.txt", CPIO_FILE, "");
    add("a/1", CPIO_FILE, "");
    add("a/2", CPIO_FILE, "");
    add("a0", CPIO_FILE, "");
    finish();
    assert_int_equal(open_archive(), 0);
    size_t i = cpio_below(&cpio, "a");
    assert_string_equal(cpio.entries[i].path, "a/1");
    assert_string_equal(cpio.entries[i + 1].path, "a/2");
    assert_int_equal(cpio_below(&cpio, ""), 0);
    assert_int_equal(cpio_below(&cpio, "b"), cpio.n);
    done();
}

static void hard_links_share_their_data(void **state)
{
    (void)state;
    add_linked("one", CPIO_FILE, "", 9, 3);
    add_linked("three", CPIO_FILE, "shared", 9, 3);
    add_linked("two", CPIO_FILE, "", 9, 3);
    add_linked("other", CPIO_FILE, "", 8, 2);
    finish();
    assert_int_equal(open_archive(), 0);
    const struct cpio_entry *three = cpio_find(&cpio, "three");
    assert_ptr_equal(cpio_find(&cpio, "one")->data, three->data);
    assert_ptr_equal(cpio_find(&cpio, "two")->data, three->data);
    assert_int_equal(cpio_find(&cpio, "two")->size, 6);
    assert_int_equal(cpio_find(&cpio, "other")->size, 0);
    done();
}

static void an_empty_archive_has_no_entries(void **state)
{
    (void)state;
    finish();
    assert_int_equal(open_archive(), 0);
    assert_int_equal(cpio.n, 0);
    assert_null(cpio_find(&cpio, "a"));
    done();
}

static void an_archive_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    add("file", CPIO_FILE, "some content");
    finish();
    size_t whole = archive_size;
    for (size_t size = 0; size < whole; size++) {
        char *cut = malloc(size ? size : 1);
        memcpy(cut, archive, size);
        int error = cpio_open(&cpio, cut, size, &why, &at);
        /* The trailer's padding may be missing. */
        if (size < whole - 3)
            assert_int_equal(error, -EINVAL);
        cpio_close(&cpio);
        free(cut);
    }
    free(archive);
}

static void what_is_no_archive_is_refused(void **state)
{
    char zeros[200] = "";

    (void)state;
    add_bytes(zeros, sizeof(zeros));
    assert_refused("no cpio header of the format \"newc\" is here");
    add("a", CPIO_FILE, "");
    archive[20] = 'g';
    finish();
    assert_refused("a number in the header is not hexadecimal");
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    add("a", CPIO_FILE, "x");
    finish();
    memcpy(archive + 54, "FFFFFFFF", 8); /* the file's size */
    assert_refused("a file reaches beyond the archive's end");
    add("a", CPIO_FILE, "x");
    finish();
    memcpy(archive + 94, "00000000", 8); /* the name's */
    assert_refused("the length of a name is impossible");
    add("a", CPIO_FILE, "x");
    finish();
    memcpy(archive + 94, "FFFFFFFF", 8);
    assert_refused("the length of a name is impossible");
    add("abc", CPIO_FILE, "x");
    finish();
    memcpy(archive + 94, "00000003", 8);
    assert_refused("a name does not end where its length says");
    add("abc", CPIO_FILE, "x");
    finish();
    archive[111] = '\0';
    assert_refused("a name does not end where its length says");
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    const char *names[] = {"../a", "a/../b", "a//b", "a/", "a/./b", "a/.."};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        add(names[i], CPIO_FILE, "");
        finish();
        assert_refused("a name has an empty part, or a part of dots");
    }
}

static void a_name_that_comes_twice_is_refused(void **state)
{
    (void)state;
    add("a", CPIO_FILE, "1");
    add("b", CPIO_FILE, "2");
    add("./a", CPIO_FILE, "3");
    finish();
    assert_refused("a name is in the archive twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_where_they_are),
        cmocka_unit_test(what_is_below_a_folder_is_found_beside_names_that_begin_like_it),
        cmocka_unit_test(hard_links_share_their_data),
        cmocka_unit_test(an_empty_archive_has_no_entries),
        cmocka_unit_test(an_archive_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_no_archive_is_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(names_that_lead_elsewhere_are_refused),
        cmocka_unit_test(a_name_that_comes_twice_is_refused),
    };
    return RUN_TESTS(tests);
}
