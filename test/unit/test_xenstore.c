/* SPDX-License-Identifier: BSD-2-Clause */
/* An honest xenstored, in any order and pieces, early and late. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/event_channel.h>

#include <sprat/evtchn.h>
#include <sprat/xenstore.h>

#include "machine.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static void a_value_is_read(void **state)
{
    char value[32];

    (void)state;
    fake_xenstored_write("name", "hello");
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value)), 5);
    assert_string_equal(value, "hello");
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, FAKE_DOMAIN_PATH "/name", value, 6), 5);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "none", value, sizeof(value)), -ENOENT);
}

static void an_empty_value_is_a_value(void **state)
{
    char value[8] = "x";

    (void)state;
    fake_xenstored_write("empty", "");
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "empty", value, sizeof(value)), 0);
    assert_string_equal(value, "");
}

static void a_value_with_nuls_keeps_its_length(void **state)
{
    char value[8];

    (void)state;
    fake_xenstored_write_bytes("bytes", "a\0b", 3);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "bytes", value, sizeof(value)), 3);
    assert_memory_equal(value, "a\0b", 4);
}

static void a_value_that_fills_the_buffer_is_too_big(void **state)
{
    char value[8];

    (void)state;
    memset(value, 'x', sizeof(value));
    fake_xenstored_write("name", "12345");
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, 5), -E2BIG);
    assert_int_equal(value[0], 'x');
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, 6), 5);
    assert_int_equal(value[6], 'x');
}

static void numbers_are_read_and_written(void **state)
{
    uint64_t value = 0;

    (void)state;
    assert_int_equal(xenstore_write_u64(XENSTORE_NO_TX, "n", UINT64_MAX), 0);
    assert_string_equal(fake_xenstored_value("n"), "18446744073709551615");
    assert_int_equal(xenstore_read_u64(XENSTORE_NO_TX, "n", &value), 0);
    assert_int_equal(value, UINT64_MAX);
    assert_int_equal(xenstore_read_u64(XENSTORE_NO_TX, "none", &value), -ENOENT);
}

static void text_that_is_no_number_is_refused(void **state)
{
    const char *texts[] = {"",
                           "x",
                           "1x",
                           "-1",
                           "18446744073709551616",
                           "000000000000000000001",
                           "123456789012345678901234567890"};
    uint64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fake_xenstored_write("n", texts[i]);
        assert_int_equal(xenstore_read_u64(XENSTORE_NO_TX, "n", &value), -EINVAL);
    }
    fake_xenstored_write_bytes("n", "12\0", 3);
    assert_int_equal(xenstore_read_u64(XENSTORE_NO_TX, "n", &value), -EINVAL);
    assert_int_equal(value, 77);
}

static void what_is_written_is_there_until_removed(void **state)
{
    (void)state;
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "data/a", "1"), 0);
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "data/b", ""), 0);
    assert_string_equal(fake_xenstored_value("data/a"), "1");
    assert_string_equal(fake_xenstored_value("data/b"), "");
    assert_int_equal(xenstore_remove(XENSTORE_NO_TX, "data"), 0);
    assert_null(fake_xenstored_value("data/a"));
    assert_int_equal(xenstore_remove(XENSTORE_NO_TX, "data"), -ENOENT);
}

static void bytes_are_written_to_their_end(void **state)
{
    char value[8];

    (void)state;
    assert_int_equal(xenstore_write_bytes(XENSTORE_NO_TX, "a", "x\0y", 3), 0);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "a", value, sizeof(value)), 3);
    assert_memory_equal(value, "x\0y", 3);
}

static void a_list_is_walked(void **state)
{
    char names[64];
    const char *name = NULL;

    (void)state;
    fake_xenstored_write("dir/one", "");
    fake_xenstored_write("dir/two/below", "");
    int len = xenstore_list(XENSTORE_NO_TX, "dir", names, sizeof(names));
    assert_int_equal(len, 8);
    name = xenstore_next_name(names, (size_t)len, name);
    assert_string_equal(name, "one");
    name = xenstore_next_name(names, (size_t)len, name);
    assert_string_equal(name, "two");
    assert_null(xenstore_next_name(names, (size_t)len, name));
}

static void an_empty_list_has_no_name(void **state)
{
    char names[64];

    (void)state;
    fake_xenstored_write("dir", "");
    assert_int_equal(xenstore_list(XENSTORE_NO_TX, "dir", names, sizeof(names)), 0);
    assert_null(xenstore_next_name(names, 0, NULL));
}

static void the_largest_request_and_answer_pass_through_the_small_ring(void **state)
{
    static char value[XENSTORE_PAYLOAD_MAX + 1], back[XENSTORE_PAYLOAD_MAX + 1];
    const size_t pieces[] = {0, 1, 7, 16, 1000, 1023, 1024};
    size_t len = XENSTORE_PAYLOAD_MAX - 2; /* "n" and its NUL */

    (void)state;
    for (size_t i = 0; i < len; i++)
        value[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        fake_xenstored.piece = pieces[i];
        value[0] = (char)('A' + i);
        assert_int_equal(xenstore_write(XENSTORE_NO_TX, "n", value), 0);
        assert_int_equal(xenstore_read(XENSTORE_NO_TX, "n", back, sizeof(back)), (int)len);
        assert_string_equal(back, value);
    }
}

static void a_request_that_is_too_long_is_not_sent(void **state)
{
    static char value[XENSTORE_PAYLOAD_MAX + 1];

    (void)state;
    memset(value, 'x', XENSTORE_PAYLOAD_MAX - 1);
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "n", value), -EINVAL);
    assert_int_equal(fake_xenstored.n_requests, 0);
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "n", "1"), 0);
}

static void a_transaction_is_committed_or_dropped(void **state)
{
    xenstore_tx_t tx;

    (void)state;
    assert_int_equal(xenstore_begin(&tx), 0);
    assert_int_not_equal(tx, XENSTORE_NO_TX);
    assert_int_equal(xenstore_write(tx, "a", "1"), 0);
    assert_null(fake_xenstored_value("a"));
    assert_int_equal(xenstore_end(tx, 1), 0);
    assert_string_equal(fake_xenstored_value("a"), "1");

    assert_int_equal(xenstore_begin(&tx), 0);
    assert_int_equal(xenstore_write(tx, "a", "2"), 0);
    assert_int_equal(xenstore_end(tx, 0), 0);
    assert_string_equal(fake_xenstored_value("a"), "1");
    assert_int_equal(fake_xenstored_transactions(), 0);
    assert_int_equal(xenstore_write(tx, "a", "3"), -ENOENT);
}

static void a_transaction_that_clashes_is_to_be_done_again(void **state)
{
    xenstore_tx_t tx;

    (void)state;
    xenstore_begin(&tx);
    xenstore_write(tx, "a", "1");
    fake_xenstored_write("a", "2");
    assert_int_equal(xenstore_end(tx, 1), -EAGAIN);
    assert_string_equal(fake_xenstored_value("a"), "2");
}

static unsigned n_changes;
static char last_change[64];

static void note_change(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    n_changes++;
    strncpy(last_change, changed, sizeof(last_change) - 1);
}

static void receive(void)
{
    fake_settle();
    evtchn_dispatch();
}

static void a_watch_fires_at_once_and_with_each_change_below(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    assert_int_equal(xenstore_watch(&watch), 0);
    receive();
    assert_int_equal(n_changes, 1);
    assert_string_equal(last_change, "dir");
    fake_xenstored_write("dir/below", "1");
    receive();
    assert_int_equal(n_changes, 2);
    assert_string_equal(last_change, "dir/below");
    fake_xenstored_write("elsewhere", "1");
    receive();
    assert_int_equal(n_changes, 2);

    assert_int_equal(xenstore_unwatch(&watch), 0);
    assert_int_equal(fake_xenstored_watches(), 0);
    fake_xenstored_write("dir", "2");
    receive();
    assert_int_equal(n_changes, 2);
}

static void each_watch_hears_of_its_own_path(void **state)
{
    struct xenstore_watch a = {.path = "a", .handler = note_change};
    struct xenstore_watch b = {.path = "b", .handler = note_change};
    struct xenstore_watch c = {.path = "c", .handler = note_change};

    (void)state;
    assert_int_equal(xenstore_watch(&a), 0);
    assert_int_equal(xenstore_watch(&b), 0);
    assert_int_equal(xenstore_watch(&c), 0);
    assert_int_equal(xenstore_unwatch(&b), 0);
    receive();
    n_changes = 0;
    fake_xenstored_write("a", "");
    receive();
    assert_string_equal(last_change, "a");
    fake_xenstored_write("b", "");
    receive();
    assert_string_equal(last_change, "a");
    fake_xenstored_write("c", "");
    receive();
    assert_string_equal(last_change, "c");
    assert_int_equal(n_changes, 2);
}

static void an_event_for_a_watch_being_removed_calls_nobody(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    xenstore_watch(&watch);
    receive();
    n_changes = 0;
    fake_xenstored_write("dir", "1"); /* its event is on the way */
    assert_int_equal(xenstore_unwatch(&watch), 0);
    receive();
    assert_int_equal(n_changes, 0);
}

static void a_watch_that_is_refused_is_not_kept(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    fake_xenstored.refuse_type = XS_WATCH;
    fake_xenstored.refuse = "E2BIG";
    assert_int_equal(xenstore_watch(&watch), -E2BIG);
    fake_xenstored_say(XS_WATCH_EVENT, 0, "dir\0001", 6); /* the token that it had */
    receive();
    assert_int_equal(n_changes, 0);
}

static void a_watch_is_set_without_waiting(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    assert_int_equal(xenstore_watch_async(&watch), 0);
    assert_int_equal(fake_xenstored.n_requests, 0);
    assert_int_equal(n_changes, 0);
    receive();
    assert_int_equal(n_changes, 1);
    assert_int_equal(fake_n_blocks(), 0);
    assert_int_equal(xenstore_unwatch(&watch), 0);
}

static void a_refusal_of_a_watch_that_nobody_waits_for_is_logged(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    fake_xenstored.refuse_type = XS_WATCH;
    fake_xenstored.refuse = "EACCES";
    assert_int_equal(xenstore_watch_async(&watch), 0);
    receive();
    assert_has(fake_log_text(), "can't watch 'dir': error 13");
    assert_int_equal(fake_n_blocks(), 0);
}

static void without_memory_a_watch_is_not_asked_for(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};

    (void)state;
    fake_alloc_fails(0);
    assert_int_equal(xenstore_watch_async(&watch), -ENOMEM);
    receive();
    assert_int_equal(fake_xenstored.n_requests, 0);
}

static void answers_in_another_order_find_their_questions(void **state)
{
    struct xenstore_watch a = {.path = "a", .handler = note_change};
    struct xenstore_watch b = {.path = "b", .handler = note_change};
    char value[8];

    (void)state;
    fake_xenstored_write("name", "hello");
    fake_xenstored.hold = 3;
    assert_int_equal(xenstore_watch_async(&a), 0);
    assert_int_equal(xenstore_watch_async(&b), 0);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value)), 5);
    assert_string_equal(value, "hello");
    receive();
    assert_int_equal(n_changes, 2);
    assert_int_equal(fake_n_blocks(), 0);
    assert_string_equal(fake_log_text(), "");
}

static void a_late_answer_is_waited_for_and_said_to_be_late(void **state)
{
    char value[8];

    (void)state;
    fake_xenstored_write("name", "hello");
    fake_xenstored.delay_ns = XENSTORE_WARN_NS + 1;
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value)), 5);
    assert_has(fake_log_text(), "no answer yet about 'name'");
    assert_has_not(fake_log_text(), "given up");
    assert_int_equal(fake_now(), FAKE_START_NS + XENSTORE_WARN_NS + 1);
}

static void an_answer_in_time_is_not_worth_a_word(void **state)
{
    char value[8];

    (void)state;
    fake_xenstored.delay_ns = XENSTORE_WARN_NS - 1;
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "none", value, sizeof(value)), -ENOENT);
    assert_string_equal(fake_log_text(), "");
}

static void a_guest_without_xenstore_is_told_so(void **state)
{
    struct xenstore_watch watch = {.path = "dir", .handler = note_change};
    char value[8];
    xenstore_tx_t tx;

    (void)state;
    fake_build(&(struct fake_guest){.no_xenstore = true});
    assert_int_equal(xenstore_init(NULL, 0), 0);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value)), -ENOSYS);
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "name", "1"), -ENOSYS);
    assert_int_equal(xenstore_begin(&tx), -ENOSYS);
    assert_int_equal(xenstore_watch(&watch), -ENOSYS);
    assert_int_equal(xenstore_watch_async(&watch), -ENOSYS);
    assert_int_equal(fake_n_blocks(), 0);
}

static void a_port_outside_the_abi_is_refused(void **state)
{
    char value[8];

    (void)state;
    fake_build(&(struct fake_guest){0});
    assert_int_equal(xenstore_init(fake_xenstore_page(), 0), -EINVAL);
    assert_int_equal(xenstore_init(fake_xenstore_page(), EVTCHN_2L_NR_CHANNELS), -EINVAL);
    assert_int_equal(xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value)), -ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_value_is_read, setup),
        cmocka_unit_test_setup(an_empty_value_is_a_value, setup),
        cmocka_unit_test_setup(a_value_with_nuls_keeps_its_length, setup),
        cmocka_unit_test_setup(a_value_that_fills_the_buffer_is_too_big, setup),
        cmocka_unit_test_setup(numbers_are_read_and_written, setup),
        cmocka_unit_test_setup(text_that_is_no_number_is_refused, setup),
        cmocka_unit_test_setup(what_is_written_is_there_until_removed, setup),
        cmocka_unit_test_setup(bytes_are_written_to_their_end, setup),
        cmocka_unit_test_setup(a_list_is_walked, setup),
        cmocka_unit_test_setup(an_empty_list_has_no_name, setup),
        cmocka_unit_test_setup(the_largest_request_and_answer_pass_through_the_small_ring, setup),
        cmocka_unit_test_setup(a_request_that_is_too_long_is_not_sent, setup),
        cmocka_unit_test_setup(a_transaction_is_committed_or_dropped, setup),
        cmocka_unit_test_setup(a_transaction_that_clashes_is_to_be_done_again, setup),
        cmocka_unit_test_setup(a_watch_fires_at_once_and_with_each_change_below, setup),
        cmocka_unit_test_setup(each_watch_hears_of_its_own_path, setup),
        cmocka_unit_test_setup(an_event_for_a_watch_being_removed_calls_nobody, setup),
        cmocka_unit_test_setup(a_watch_that_is_refused_is_not_kept, setup),
        cmocka_unit_test_setup(a_watch_is_set_without_waiting, setup),
        cmocka_unit_test_setup(a_refusal_of_a_watch_that_nobody_waits_for_is_logged, setup),
        cmocka_unit_test_setup(without_memory_a_watch_is_not_asked_for, setup),
        cmocka_unit_test_setup(answers_in_another_order_find_their_questions, setup),
        cmocka_unit_test_setup(a_late_answer_is_waited_for_and_said_to_be_late, setup),
        cmocka_unit_test_setup(an_answer_in_time_is_not_worth_a_word, setup),
        cmocka_unit_test(a_guest_without_xenstore_is_told_so),
        cmocka_unit_test(a_port_outside_the_abi_is_refused),
    };
    return RUN_TESTS(tests);
}
