/* SPDX-License-Identifier: BSD-2-Clause */
/* The store, on the host: keys that are set together, memory that runs out, a disk that fails. */
#include "stored.h"

#define TOGETHER 3

/* Keys 1 to TOGETHER, to values of so many times this letter. */
static int set_together(char letter, size_t value_len)
{
    static const unsigned keys[TOGETHER] = {1, 2, 3};
    struct store_item items[TOGETHER];
    char *value = malloc(value_len);

    memset(value, letter, value_len);
    for (unsigned i = 0; i < TOGETHER; i++)
        items[i] =
            (struct store_item){(const char *)&keys[i], value, sizeof(keys[i]), value_len, 0};
    int error = store_set(store, items, TOGETHER);
    free(value);
    return error;
}

/* All of them have values of this letter; none with '\0'. */
static void assert_together(char letter)
{
    for (unsigned key = 1; key <= TOGETHER; key++) {
        char *value;
        int64_t len = store_get(store, (char *)&key, sizeof(key), 0, &value);
        assert_int_equal(len < 0 ? '\0' : *value, letter);
    }
}

static void assert_together_again(char letter)
{
    assert_together(letter);
    reopen();
    assert_together(letter);
}

static void cut_log(unsigned number, int64_t len)
{
    assert_int_equal(truncate(path_of(number), len), 0);
}

static void what_is_set_together_is_there_or_not_wherever_the_log_is_cut(void **state)
{
    const int64_t one = (int64_t)log_record_bytes(sizeof(unsigned), 8), all = TOGETHER * one;

    (void)state;
    for (int64_t first = 0; first <= all; first += all) {
        for (int64_t len = 0; len <= all; len++) {
            open_store();
            assert_int_equal(first ? set_together('a', 8) : 0, 0);
            assert_int_equal(set_together('b', 8), 0);
            store_close(store);
            cut_log(1, first + len);
            char letter = len == all ? 'b' : first ? 'a' : '\0';
            open_store();
            assert_together(letter);
            /* Nor does what comes later make it true. */
            assert_int_equal(set(4, 10), 0);
            assert_int_equal(delete (4), 1);
            assert_together_again(letter);
            assert_int_equal(set(5, 10), 0);
            assert_together_again(letter);
            store_close(store);
            unlink(path_of(1));
        }
    }
}

/* Each record has a segment of its own. */
static void what_is_set_together_may_be_in_several_segments(void **state)
{
    (void)state;
    open_store();
    assert_int_equal(set_together('a', LARGE), 0);
    assert_int_equal(store_stats(store)->n_segments, TOGETHER);
    assert_int_equal(set_together('b', LARGE), 0);
    assert_together_again('b');
    store_close(store);
    for (unsigned last = 2 * TOGETHER; last > TOGETHER; last--) {
        cut_log(last, 0);
        open_store();
        assert_together_again('a');
        store_close(store);
        assert_int_equal(unlink(path_of(last)), 0);
    }
    open_store();
    assert_together('a');
    assert_int_equal(set_together('c', 8), 0);
    compact_all();
    assert_true(store_stats(store)->n_segments <= 2);
    assert_together_again('c');
    store_close(store);
}

static void the_last_of_two_values_set_together_counts(void **state)
{
    struct store_item items[] = {{"k", "1", 1, 1, 0}, {"l", "2", 1, 1, 0}, {"k", "3", 1, 1, 0}};
    char *value;

    (void)state;
    open_store();
    for (unsigned twice = 0; twice < 2; twice++) {
        assert_int_equal(store_set(store, items, 3), 0);
        reopen();
        assert_int_equal(store_get(store, "k", 1, 0, &value), 1);
        assert_int_equal(*value, '3');
        assert_int_equal(store_stats(store)->n_keys, 2);
        assert_int_equal(store_stats(store)->log_bytes - store_stats(store)->dead_bytes,
                         2 * log_record_bytes(1, 1));
    }
    store_close(store);
}

static void more_than_can_be_set_together_is_no_log(void **state)
{
    struct log *log;
    struct log_record record = {.op = LOG_PART, .key = "k", .key_len = 1};
    struct log_cursor at;

    (void)state;
    open_store();
    store_close(store);
    assert_int_equal(log_open(dir, &log, NULL, NULL, why, sizeof(why)), 0);
    for (unsigned i = 0; i <= STORE_SET_MAX; i++)
        assert_int_equal(log_append(log, &record, 0, &at), 0);
    log_close(log);
    assert_int_equal(store_open(dir, &store, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "is damaged at byte 12800:"));
}

static void on_a_full_disk_all_is_set_or_nothing(void **state)
{
    (void)state;
    open_store();
    assert_int_equal(set_together('a', LARGE / 4), 0);
    /* Room for two, behind what is left for deletions. */
    disk_used = disk_bytes - 2 * ((1152u + 256u) << 10) - 2 * (LARGE / 4 + 100);
    reopen();
    assert_int_equal(set_together('b', LARGE / 4), -ENOSPC);
    assert_together_again('a');
    store_close(store);
}

/* It said that it had room. */
static void where_the_disk_is_full_in_the_middle_nothing_is_set(void **state)
{
    (void)state;
    open_store();
    assert_int_equal(set_together('a', 8), 0);
    for (unsigned n = 0; n < TOGETHER * 3; n++) { /* a record has three parts */
        writes = n;
        lost_writes = 1;
        assert_int_equal(set_together('b', 8), -ENOSPC);
        assert_int_equal(set(4, 10), 0);
        assert_together_again('a');
        assert_there(4, 10);
    }
    /* If not even that can be said it is the end. */
    writes = 3;
    lost_writes = 2;
    assert_int_equal(set_together('b', 8), -EIO);
    store_close(store);
}

static void without_memory_nothing_is_set(void **state)
{
    int error = -ENOMEM;

    (void)state;
    open_store();
    for (unsigned n = 0; error; n++) {
        allocations = n;
        error =
            store_set(store, (struct store_item[]){{"k", "1", 1, 1, 0}, {"l", "2", 1, 1, 0}}, 2);
        allocations = ~0u;
        assert_int_equal(error, n < 2 ? -ENOMEM : 0);
        assert_int_equal(store_stats(store)->n_keys, error ? 0 : 2);
        reopen();
        assert_int_equal(store_stats(store)->n_keys, error ? 0 : 2);
    }
    store_close(store);
}

static void some_memory_is_left_to_the_file_system(void **state)
{
    static char key[STORE_KEY_MAX];

    (void)state;
    open_store();
    largest = LARGE;
    assert_int_equal(set_text(key, sizeof(key), "v", 1, 0), -ENOMEM);
    for (unsigned n = 0, error = 0; !error; n++) {
        memcpy(key, &n, sizeof(n));
        error = set_text(key, 1000, "v", 1, 0) != 0;
        assert_true(n < 100); /* it is looked at now and then */
    }
    largest = SIZE_MAX;
    assert_int_equal(set_text(key, sizeof(key), "v", 1, 0), 0);
    store_close(store);
}

static void a_store_that_memory_is_too_small_for_is_not_opened(void **state)
{
    int error = -ENOMEM;
    unsigned n = 0;

    (void)state;
    open_store();
    assert_int_equal(set_together('a', 100), 0);
    store_close(store);
    for (; error; n++) {
        allocations = n;
        error = store_open(dir, &store, why, sizeof(why));
        allocations = ~0u;
        if (error)
            assert_int_equal(error, -ENOMEM);
    }
    assert_true(n > 8);
    assert_together('a');
    store_close(store);
}

static void an_index_that_cant_grow_holds_all_the_same(void **state)
{
    enum { MANY = 1500 };

    (void)state;
    open_store();
    for (unsigned key = 0; key < MANY; key++) {
        const char *value = "v";
        allocations = 2; /* a key, and the look for memory; nothing more */
        assert_int_equal(set_text((char *)&key, sizeof(key), value, 1, 0), 0);
    }
    allocations = ~0u;
    for (unsigned key = 0; key < MANY; key++)
        assert_int_equal(delete (key), 1);
    store_close(store);
}

static void a_value_that_cant_be_read_is_told(void **state)
{
    unsigned key = 1;
    char *value, byte = '?';

    (void)state;
    open_store();
    assert_int_equal(set(1, 10), 0);
    failing = "pread";
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 0, &value), -EIO);
    failing = "";
    assert_there(1, 10);
    int fd = open(path_of(1), O_WRONLY);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)log_record_bytes(sizeof(key), 0)), 1);
    close(fd);
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 0, &value), -EINVAL);
    cut_log(1, 10);
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 0, &value), -EIO);
    store_close(store);
}

/* Whatever of it fails: the disk tells, and it can be tried again. */
static void a_compaction_on_a_disk_that_fails_loses_nothing(void **state)
{
    static const struct {
        const char *call;
        bool late; /* the segments are there that it goes through */
    } kinds[] = {{"fsync", false}, {"fsync", true}, {"unlink", false},
                 {"pread", false}, {"pread", true}, {"statvfs", false}};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_equal(up(NULL), 0);
        open_store();
        for (unsigned round = 0; round < 6; round++)
            for (unsigned key = 0; key < 4; key++)
                assert_int_equal(set(key, LARGE / 8), 0);
        reopen(); /* it has not looked yet how much room there is */
        int result = kinds[i].late ? store_compact(store, 0) : 1;
        assert_int_equal(result, 1);
        failing = kinds[i].call;
        while ((result = store_compact(store, 0)) > 0)
            ;
        assert_int_equal(result, -EIO);
        failing = "";
        for (unsigned key = 0; key < 4; key++)
            assert_there(key, LARGE / 8);
        compact_all();
        assert_int_equal(store_stats(store)->dead_bytes, 0);
        reopen();
        for (unsigned key = 0; key < 4; key++)
            assert_there(key, LARGE / 8);
        store_close(store);
        assert_int_equal(down(NULL), 0);
    }
}

static void what_could_not_be_synced_is_synced_later(void **state)
{
    (void)state;
    open_store();
    assert_int_equal(store_sync(store), 0);
    assert_int_equal(store_stats(store)->n_syncs, 0);
    assert_int_equal(set(1, 10), 0);
    failing = "fsync";
    assert_int_equal(store_sync(store), -EIO);
    assert_int_equal(store_sync(store), -EIO);
    failing = "";
    assert_int_equal(store_sync(store), 0);
    failing = "fsync"; /* there is nothing to be done */
    assert_int_equal(store_sync(store), 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_is_set_together_is_there_or_not_wherever_the_log_is_cut),
        STORE_TEST(what_is_set_together_may_be_in_several_segments),
        STORE_TEST(the_last_of_two_values_set_together_counts),
        STORE_TEST(more_than_can_be_set_together_is_no_log),
        STORE_TEST(on_a_full_disk_all_is_set_or_nothing),
        STORE_TEST(where_the_disk_is_full_in_the_middle_nothing_is_set),
        STORE_TEST(without_memory_nothing_is_set),
        STORE_TEST(some_memory_is_left_to_the_file_system),
        STORE_TEST(a_store_that_memory_is_too_small_for_is_not_opened),
        STORE_TEST(an_index_that_cant_grow_holds_all_the_same),
        STORE_TEST(a_value_that_cant_be_read_is_told),
        cmocka_unit_test(a_compaction_on_a_disk_that_fails_loses_nothing),
        STORE_TEST(what_could_not_be_synced_is_synced_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
