/* SPDX-License-Identifier: BSD-2-Clause */
/* The store, on the host: what it does on a disk that is full, and what compaction keeps. */
#include "stored.h"

/* @return how many of them fitted. */
static unsigned fill(size_t value_len)
{
    unsigned n = 0;
    int error;

    while ((error = set(n, value_len)) == 0)
        n++;
    assert_int_equal(error, -ENOSPC);
    return n;
}

static void a_full_disk_takes_values_again_when_some_were_deleted(void **state)
{
    (void)state;
    open_store();
    unsigned n = fill(LARGE);
    assert_true(n >= DISK_BYTES / LARGE - 4);
    for (unsigned round = 0; round < 5; round++) {
        assert_int_equal(delete (n / 2), 1);
        compact_all();
        assert_int_equal(set(n / 2, LARGE), 0);
        assert_int_equal(set(n, LARGE), -ENOSPC);
    }
    for (unsigned key = 0; key < n; key++)
        assert_there(key, LARGE);
    reopen();
    for (unsigned key = 0; key < n; key++)
        assert_there(key, LARGE);
    store_close(store);
}

/* Records of deletions are as large as half of what they delete, and nothing is done between. */
static void all_keys_of_a_full_disk_can_be_deleted_one_after_the_other(void **state)
{
    char key[4096] = {0};
    unsigned n = 0;
    int error;

    (void)state;
    open_store();
    do {
        memcpy(key, &n, sizeof(n));
        error = set_text(key, sizeof(key), key, sizeof(key), 0);
        n += !error;
    } while (!error);
    assert_int_equal(error, -ENOSPC);
    for (unsigned i = 0; i < n; i++) {
        memcpy(key, &i, sizeof(i));
        assert_int_equal(store_delete(store, key, sizeof(key), 0), 1);
    }
    assert_int_equal(store_stats(store)->n_keys, 0);
    reopen();
    assert_int_equal(store_stats(store)->n_keys, 0);
    compact_all();
    for (unsigned i = 0; i < n; i++) {
        memcpy(key, &i, sizeof(i));
        assert_int_equal(set_text(key, sizeof(key), key, sizeof(key), 0), 0);
    }
    store_close(store);
}

static void all_keys_of_a_full_disk_can_be_deleted_at_once(void **state)
{
    (void)state;
    open_store();
    fill(64);
    assert_int_equal(store_delete_all(store), 0);
    compact_all();
    assert_true(store_stats(store)->log_bytes < DISK_BYTES / 2);
    reopen();
    assert_int_equal(store_stats(store)->n_keys, 0);
    store_close(store);
}

/* Somebody else has taken what was left for it. */
static void a_deletion_without_any_room_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    open_store();
    for (unsigned key = 0; key < 10; key++)
        assert_int_equal(set(key, 100), 0);
    disk_bytes = disk_used;
    assert_int_equal(delete (3), -ENOSPC);
    assert_there(3, 100);
    disk_bytes = DISK_BYTES;
    assert_int_equal(delete (3), 1);
    assert_gone(3);
    store_close(store);
}

static void what_is_dead_goes_and_what_lives_stays(void **state)
{
    (void)state;
    open_store();
    for (unsigned round = 0; round < 8; round++)
        for (unsigned key = 0; key < 4; key++)
            assert_int_equal(set(key, LARGE / 8 + round), 0);
    assert_int_equal(delete (2), 1);
    compact_all();
    assert_int_equal(store_stats(store)->n_compactions, 1);
    assert_int_equal(store_stats(store)->dead_bytes, 0);
    assert_int_equal(store_stats(store)->log_bytes,
                     3 * log_record_bytes(sizeof(unsigned), LARGE / 8 + 7));
    for (unsigned twice = 0; twice < 2; twice++) {
        assert_gone(2);
        for (unsigned key = 0; key < 4; key++)
            if (key != 2)
                assert_there(key, LARGE / 8 + 7);
        reopen();
    }
    store_close(store);
}

static void little_that_is_dead_stays(void **state)
{
    (void)state;
    open_store();
    for (unsigned key = 0; key < 16; key++)
        assert_int_equal(set(key, LARGE / 8), 0);
    for (unsigned key = 0; key < 7; key++)
        assert_int_equal(set(key, LARGE / 8), 0);
    uint64_t bytes = store_stats(store)->log_bytes;
    compact_all();
    assert_int_equal(store_stats(store)->log_bytes, bytes);
    store_close(store);
}

/* Records as large as this are each at the beginning of a segment. */
static void an_old_value_does_not_come_back(void **state)
{
    (void)state;
    open_store();
    for (unsigned n = 4; n; n--)
        assert_int_equal(set(1, LARGE - n), 0);
    compact_all();
    assert_int_equal(store_stats(store)->n_compactions, 1);
    assert_there(1, LARGE - 1);
    reopen();
    assert_there(1, LARGE - 1);
    store_close(store);
}

static void what_has_expired_is_not_there_and_goes(void **state)
{
    static char value[LARGE];
    unsigned key = 1;
    int64_t expires_ms;
    char *found;

    (void)state;
    open_store();
    assert_int_equal(set_text((char *)&key, sizeof(key), value, LARGE, 1000), 0);
    assert_int_equal(set_text("kept", 4, value, 100, 0), 0);
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 999, &found), LARGE);
    assert_int_equal(store_expiry(store, (char *)&key, sizeof(key), 999, &expires_ms), 0);
    assert_int_equal(expires_ms, 1000);
    reopen();
    assert_int_equal(store_expiry(store, "none", 4, 0, &expires_ms), -ENOENT);
    /* A compaction takes it away, too. */
    for (unsigned n = 0; n < 4; n++)
        assert_int_equal(set_text("dead", 4, value, LARGE, 0), 0);
    while (store_compact(store, 1000) > 0)
        ;
    assert_int_equal(store_stats(store)->n_keys, 2);
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 1000, &found), -ENOENT);
    assert_int_equal(set_text((char *)&key, sizeof(key), value, 10, 1000), 0);
    assert_int_equal(store_get(store, (char *)&key, sizeof(key), 1000, &found), -ENOENT);
    assert_int_equal(store_delete(store, (char *)&key, sizeof(key), 1000), 0);
    store_close(store);
}

/* At each step of it the log on the disk says the same, whatever is changed meanwhile. */
static void a_compaction_may_end_anywhere(void **state)
{
    int result = 1;

    (void)state;
    for (unsigned n_steps = 0; result > 0; n_steps++) {
        assert_int_equal(up(NULL), 0);
        open_store();
        for (unsigned round = 0; round < 3; round++)
            for (unsigned key = 0; key < 64; key++)
                assert_int_equal(set(key, 6000 + round), 0);
        assert_int_equal(delete (7), 1);
        for (unsigned i = 0; i < n_steps && result > 0; i++) {
            result = store_compact(store, 0);
            assert_int_equal(set(64 + i, 20), 0);
            assert_int_equal(delete (i % 7), i < 7);
        }
        reopen();
        assert_gone(7);
        for (unsigned key = 8; key < 64; key++)
            assert_there(key, 6002);
        for (unsigned i = 0; i < n_steps; i++) {
            assert_gone(i % 7);
            assert_there(64 + i, 20);
        }
        store_close(store);
        assert_int_equal(down(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_full_disk_takes_values_again_when_some_were_deleted),
        STORE_TEST(all_keys_of_a_full_disk_can_be_deleted_one_after_the_other),
        STORE_TEST(all_keys_of_a_full_disk_can_be_deleted_at_once),
        STORE_TEST(a_deletion_without_any_room_is_refused_and_nothing_changes),
        STORE_TEST(what_is_dead_goes_and_what_lives_stays),
        STORE_TEST(little_that_is_dead_stays),
        STORE_TEST(an_old_value_does_not_come_back),
        STORE_TEST(what_has_expired_is_not_there_and_goes),
        cmocka_unit_test(a_compaction_may_end_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
