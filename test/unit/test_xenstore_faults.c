/* SPDX-License-Identifier: BSD-2-Clause */
/* A xenstored that lies, errs, or says nothing. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
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
    fake_xenstored_write("name", "hello");
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static int read_name(void)
{
    char value[64];
    return xenstore_read(XENSTORE_NO_TX, "name", value, sizeof(value));
}

static void receive(void)
{
    fake_settle();
    evtchn_dispatch();
}

/* From a fault on nothing is sent, nothing is awaited, and it was said once. */
static void assert_broken(const char *why)
{
    uint32_t producer = fake_xenstore_page()->req_prod;

    assert_has(fake_log_text(), "xenstore: fault: ");
    assert_has(fake_log_text(), why);
    fake_log_clear();
    fake_xenstored.tamper = NULL;
    assert_int_equal(read_name(), -EIO);
    assert_int_equal(fake_xenstore_page()->req_prod, producer);
    fake_xenstored_ring();
    evtchn_dispatch();
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(fake_n_blocks(), 0);
}

static void assert_sound(void)
{
    fake_xenstored.tamper = NULL;
    assert_has_not(fake_log_text(), "fault");
    assert_int_equal(read_name(), 5);
}

/* Answers */

static int other_id(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->req_id += 1000;
    return 1;
}

static void an_answer_to_no_question_answers_none(void **state)
{
    (void)state;
    fake_xenstored.tamper = other_id;
    assert_int_equal(read_name(), -ETIMEDOUT);
    assert_sound();
}

static int twice(struct xsd_sockmsg *header, char *payload)
{
    (void)header;
    (void)payload;
    return 2;
}

static void an_answer_given_twice_counts_once(void **state)
{
    (void)state;
    fake_xenstored.tamper = twice;
    assert_int_equal(read_name(), 5);
    assert_sound();
}

static int of_another_type(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->type = XS_DIRECTORY;
    return 1;
}

static void an_answer_of_another_type_ends_it(void **state)
{
    (void)state;
    fake_xenstored.tamper = of_another_type;
    assert_int_equal(read_name(), -EIO);
    assert_broken("an answer of another type than its question");
}

static uint32_t answer_len;

static int of_length(struct xsd_sockmsg *header, char *payload)
{
    header->len = answer_len;
    memset(payload, 'x', answer_len < 8192 ? answer_len : 0);
    return 1;
}

static void an_answer_that_is_too_long_ends_it(void **state)
{
    (void)state;
    answer_len = XENSTORE_PAYLOAD_MAX + 1;
    fake_xenstored.tamper = of_length;
    assert_int_equal(read_name(), -EIO);
    assert_broken("an answer longer than 4096 bytes");
}

static void an_answer_that_claims_4_gib_ends_it(void **state)
{
    (void)state;
    answer_len = UINT32_MAX;
    fake_xenstored.tamper = of_length;
    assert_int_equal(read_name(), -EIO);
    assert_broken("an answer longer than 4096 bytes");
}

static void the_longest_answer_is_none_too_long(void **state)
{
    (void)state;
    answer_len = XENSTORE_PAYLOAD_MAX;
    fake_xenstored.tamper = of_length;
    assert_int_equal(read_name(), -E2BIG);
    assert_sound();
}

static int without_its_end(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->len--;
    return 1;
}

static void a_list_whose_last_name_has_no_end_is_refused(void **state)
{
    char names[16];

    (void)state;
    fake_xenstored_write("dir/below", "");
    fake_xenstored.tamper = without_its_end;
    assert_int_equal(xenstore_list(XENSTORE_NO_TX, "dir", names, sizeof(names)), -EPROTO);
    assert_sound();
}

static const char *said;
static size_t said_len;

static int says(struct xsd_sockmsg *header, char *payload)
{
    memcpy(payload, said, said_len);
    header->len = (uint32_t)said_len;
    return 1;
}

static void a_transaction_id_must_be_a_number_that_is_possible(void **state)
{
    const char *ids[] = {"", "0", "x", "1x", "-1", "4294967296", "123456789012345678901234"};
    xenstore_tx_t tx = 77;

    (void)state;
    fake_xenstored.tamper = says;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        said = ids[i];
        said_len = strlen(said) + 1;
        int error = xenstore_begin(&tx);
        assert_int_equal(error, said_len > 21 ? -E2BIG : -EPROTO);
    }
    assert_int_equal(tx, 77);
    assert_sound();
}

/* Errors */

static void each_error_has_its_number(void **state)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {{"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EEXIST", EEXIST},
                  {"EISDIR", EISDIR}, {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM},
                  {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EROFS", EROFS},
                  {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN}, {"EISCONN", EISCONN},
                  {"E2BIG", E2BIG},   {"EPERM", EPERM},   {"ENOTEMPTY", ENOTEMPTY},
                  {"ENOSYS", ENOSYS}, {"", EPROTO},       {"ENONSENSE", EPROTO}};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fake_xenstored.refuse_type = XS_READ;
        fake_xenstored.refuse = errors[i].name;
        assert_int_equal(read_name(), -errors[i].error);
    }
    assert_sound();
}

static int error_without_end(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->type = XS_ERROR;
    header->len = 6; /* "ENOENT" and no NUL */
    memcpy(payload, "ENOENTX", 8);
    return 1;
}

static void an_error_without_its_end_is_read_to_its_length(void **state)
{
    (void)state;
    fake_xenstored.tamper = error_without_end;
    assert_int_equal(read_name(), -ENOENT);
    assert_sound();
}

static int an_error_of_nothing(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->type = XS_ERROR;
    header->len = 0;
    return 1;
}

static void an_error_without_a_name_is_an_error(void **state)
{
    (void)state;
    fake_xenstored.tamper = an_error_of_nothing;
    assert_int_equal(read_name(), -EPROTO);
    assert_sound();
}

/* Watch events */

static unsigned n_changes;

static void note_change(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    (void)changed;
    n_changes++;
}

static struct xenstore_watch watch = {.path = "dir", .handler = note_change};

static void say_event(const void *payload, size_t len)
{
    assert_int_equal(xenstore_watch(&watch), 0);
    receive();
    n_changes = 0;
    fake_xenstored_say(XS_WATCH_EVENT, 0, payload, len);
    receive();
}

static void a_watch_event_without_a_token_ends_it(void **state)
{
    (void)state;
    say_event("dir", 4);
    assert_int_equal(n_changes, 0);
    assert_broken("a watch event without a token");
}

/* What lies behind it in the buffer is an earlier event's token. */
static void a_watch_event_of_one_word_without_end_ends_it(void **state)
{
    (void)state;
    say_event("dir", 3);
    assert_int_equal(n_changes, 0);
    assert_broken("a watch event without a token");
}

static void a_watch_event_of_nothing_ends_it(void **state)
{
    (void)state;
    say_event("", 0);
    assert_int_equal(n_changes, 0);
    assert_broken("a watch event without a token");
}

static void a_token_without_its_end_ends_it(void **state)
{
    (void)state;
    say_event("dir\0001", 5);
    assert_int_equal(n_changes, 0);
    assert_broken("a watch event without a token");
}

static void a_token_that_is_not_ours_calls_nobody(void **state)
{
    (void)state;
    say_event("dir\0002", 6);
    assert_int_equal(n_changes, 0);
    assert_sound();
}

static void a_token_that_is_no_number_calls_nobody(void **state)
{
    (void)state;
    say_event("dir\0"
              "1",
              6);
    assert_int_equal(n_changes, 1);
    fake_xenstored_say(XS_WATCH_EVENT, 0, "dir\0x1", 7);
    receive();
    assert_int_equal(n_changes, 1);
    assert_sound();
}

static void an_empty_token_calls_nobody(void **state)
{
    (void)state;
    say_event("dir\0", 5);
    assert_int_equal(n_changes, 0);
    assert_sound();
}

static void a_token_of_more_than_32_bits_calls_nobody(void **state)
{
    (void)state;
    say_event("dir\0004294967297", 15);
    assert_int_equal(n_changes, 0);
    assert_sound();
}

/* Indices */

static void a_request_consumer_far_away_ends_it(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    fake_xenstore_page()->req_cons = fake_xenstore_page()->req_prod + 1;
    assert_int_equal(read_name(), -EIO);
    assert_broken("its request consumer is out of range");
}

static void an_answer_producer_far_away_ends_it(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    fake_xenstore_page()->rsp_prod = fake_xenstore_page()->rsp_cons + 1025;
    assert_int_equal(read_name(), -EIO);
    assert_broken("its answer producer is out of range");
}

/* While its first byte alone is there, the others are the last one's: that would be too long. */
static void an_answer_s_length_comes_in_pieces(void **state)
{
    (void)state;
    answer_len = XENSTORE_PAYLOAD_MAX;
    fake_xenstored.tamper = of_length;
    assert_int_equal(read_name(), -E2BIG);
    fake_xenstored.piece = 13; /* the length is behind 12 */
    assert_sound();
}

static void a_watch_that_failed_is_none(void **state)
{
    (void)state;
    fake_alloc_fails(0);
    assert_int_equal(xenstore_watch_async(&watch), -ENOMEM);
    xenstore_restart(fake_xenstore_page(), fake_start_info()->store_evtchn);
    receive();
    assert_int_equal(fake_xenstored.n_requests, 0);
}

static void a_watch_asked_for_meanwhile_is_freed_by_the_fault(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    assert_int_equal(xenstore_watch_async(&watch), 0);
    fake_xenstore_page()->rsp_prod += 2000;
    fake_xenstored_ring();
    evtchn_dispatch();
    assert_has(fake_log_text(), "can't watch 'dir': error 5");
    assert_broken("its answer producer is out of range");
}

/* Garbage */

static void garbage_is_not_read_as_answers(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        char bytes[8192];
        srandom(seed);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)random();
        fake_xenstored_send(bytes, sizeof(bytes));
    }
    assert_int_equal(read_name(), -EIO);
    assert_broken("");
}

static void interrupts_without_a_word_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        fake_xenstored_ring();
        evtchn_dispatch();
    }
    /* and are not answered: two that ring for nothing would never end */
    assert_int_equal(fake_hypercalls(__HYPERVISOR_event_channel_op, EVTCHNOP_send), 0);
    assert_sound();
}

/* Time */

static void a_silent_xenstored_is_given_up_after_a_minute(void **state)
{
    (void)state;
    fake_xenstored.silent = true;
    assert_int_equal(read_name(), -ETIMEDOUT);
    assert_int_equal(fake_now(), FAKE_START_NS + XENSTORE_TIMEOUT_NS);
    assert_has(fake_log_text(), "no answer yet about 'name'");
    assert_has(fake_log_text(), "no answer about 'name' in 60 s: given up");
    fake_xenstored.silent = false;
    assert_sound();
}

static void an_answer_that_comes_too_late_disturbs_nobody(void **state)
{
    (void)state;
    fake_xenstored.delay_ns = XENSTORE_TIMEOUT_NS + 1;
    assert_int_equal(read_name(), -ETIMEDOUT);
    fake_xenstored.delay_ns = 0;
    assert_sound();
    assert_sound();
}

/* Whoever is about to be saved waits for what is asked, but not longer than it said. */
static void quiet_is_when_all_is_answered(void **state)
{
    static char path[1500];
    struct xenstore_watch long_watch = {.path = path, .handler = note_change};

    (void)state;
    fake_xenstored.delay_ns = 1000;
    assert_int_equal(xenstore_watch_async(&watch), 0);
    assert_int_equal(xenstore_quiet(FAKE_START_NS + 100000), 0);
    assert_int_equal(fake_now(), FAKE_START_NS + 1000);
    fake_xenstored.dead = true; /* so that its beginning fills the ring */
    memset(path, 'p', sizeof(path) - 1);
    assert_int_equal(xenstore_watch_async(&long_watch), 0);
    assert_int_equal(xenstore_quiet(FAKE_START_NS + 100000), -ETIMEDOUT);
    assert_int_equal(fake_now(), FAKE_START_NS + 100000);
}

/* The ring is full of what was asked before. */
static void a_request_without_a_byte_in_the_ring_is_withdrawn(void **state)
{
    static char path[1024 - sizeof(struct xsd_sockmsg) - sizeof("") - sizeof("1") + 1];
    struct xenstore_watch full = {.path = path, .handler = note_change};

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    fake_xenstored.dead = true;
    assert_int_equal(xenstore_watch_async(&full), 0);
    assert_int_equal(fake_xenstore_page()->req_prod, sizeof(fake_xenstore_page()->req));
    assert_int_equal(read_name(), -ETIMEDOUT);
    fake_xenstored.dead = false;
    assert_sound();
}

/* Nothing was taken: xenstored may yet wake up and finds the requests whole, one after the
 * other. */
static void requests_to_a_dead_xenstored_are_given_up_one_by_one(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    assert_int_equal(read_name(), -ETIMEDOUT);
    assert_int_equal(read_name(), -ETIMEDOUT);
    fake_xenstored.dead = false;
    assert_sound();
}

static void a_request_that_waits_for_room_is_withdrawn_whole(void **state)
{
    char value[900];

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    fake_xenstored.dead = true;
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "a", value), -ETIMEDOUT);
    /* Half of the next fits the ring: to take that back would cut the stream. */
    assert_int_equal(xenstore_write(XENSTORE_NO_TX, "b", value), -EIO);
    assert_broken("it takes no requests");
}

/* It waits behind a watch that is half in the ring. */
static void a_request_that_never_began_is_withdrawn(void **state)
{
    static char path[1500];
    struct xenstore_watch long_watch = {.path = path, .handler = note_change};

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    fake_xenstored.dead = true;
    assert_int_equal(xenstore_watch_async(&long_watch), 0);
    assert_int_equal(read_name(), -ETIMEDOUT);
    assert_int_equal(read_name(), -ETIMEDOUT);
    fake_xenstored.dead = false;
    fake_xenstored_write("name", "hello");
    assert_sound();
    assert_int_equal(fake_xenstored.n_requests, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_answer_to_no_question_answers_none, setup),
        cmocka_unit_test_setup(an_answer_given_twice_counts_once, setup),
        cmocka_unit_test_setup(an_answer_of_another_type_ends_it, setup),
        cmocka_unit_test_setup(an_answer_that_is_too_long_ends_it, setup),
        cmocka_unit_test_setup(an_answer_that_claims_4_gib_ends_it, setup),
        cmocka_unit_test_setup(the_longest_answer_is_none_too_long, setup),
        cmocka_unit_test_setup(a_list_whose_last_name_has_no_end_is_refused, setup),
        cmocka_unit_test_setup(a_transaction_id_must_be_a_number_that_is_possible, setup),
        cmocka_unit_test_setup(each_error_has_its_number, setup),
        cmocka_unit_test_setup(an_error_without_its_end_is_read_to_its_length, setup),
        cmocka_unit_test_setup(an_error_without_a_name_is_an_error, setup),
        cmocka_unit_test_setup(a_watch_event_without_a_token_ends_it, setup),
        cmocka_unit_test_setup(a_watch_event_of_one_word_without_end_ends_it, setup),
        cmocka_unit_test_setup(a_watch_event_of_nothing_ends_it, setup),
        cmocka_unit_test_setup(a_token_without_its_end_ends_it, setup),
        cmocka_unit_test_setup(a_token_that_is_not_ours_calls_nobody, setup),
        cmocka_unit_test_setup(a_token_that_is_no_number_calls_nobody, setup),
        cmocka_unit_test_setup(an_empty_token_calls_nobody, setup),
        cmocka_unit_test_setup(a_token_of_more_than_32_bits_calls_nobody, setup),
        cmocka_unit_test_setup(a_request_consumer_far_away_ends_it, setup),
        cmocka_unit_test_setup(an_answer_producer_far_away_ends_it, setup),
        cmocka_unit_test_setup(an_answer_s_length_comes_in_pieces, setup),
        cmocka_unit_test_setup(a_watch_that_failed_is_none, setup),
        cmocka_unit_test_setup(a_watch_asked_for_meanwhile_is_freed_by_the_fault, setup),
        cmocka_unit_test_setup(garbage_is_not_read_as_answers, setup),
        cmocka_unit_test_setup(interrupts_without_a_word_change_nothing, setup),
        cmocka_unit_test_setup(a_silent_xenstored_is_given_up_after_a_minute, setup),
        cmocka_unit_test_setup(an_answer_that_comes_too_late_disturbs_nobody, setup),
        cmocka_unit_test_setup(quiet_is_when_all_is_answered, setup),
        cmocka_unit_test_setup(a_request_without_a_byte_in_the_ring_is_withdrawn, setup),
        cmocka_unit_test_setup(requests_to_a_dead_xenstored_are_given_up_one_by_one, setup),
        cmocka_unit_test_setup(a_request_that_waits_for_room_is_withdrawn_whole, setup),
        cmocka_unit_test_setup(a_request_that_never_began_is_withdrawn, setup),
    };
    return RUN_TESTS(tests);
}
