/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <stdbool.h>
#include <string.h>

#include <xen/sched.h>

#include <sprat/clock.h>
#include <sprat/log.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/page.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "world.h"
#include "xenstored.h"

static int status;

static void end(void)
{
    shutdown_exit(status);
}

static void a_good_end_powers_off_without_a_word(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_string_equal(fake_xenstored_value(SHUTDOWN_STATUS_PATH), "0");
    assert_string_equal(fake_console_text(), "");
}

static void another_status_is_told_to_host_and_console(void **state)
{
    (void)state;
    status = 3;
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_string_equal(fake_xenstored_value(SHUTDOWN_STATUS_PATH), "3");
    assert_string_equal(fake_console_text(), "sprat: exit status 3\n");
}

static void a_status_is_a_byte(void **state)
{
    (void)state;
    status = -1;
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_string_equal(fake_xenstored_value(SHUTDOWN_STATUS_PATH), "255");
    assert_string_equal(fake_console_text(), "sprat: exit status 255\n");
}

static void end_too(void *arg)
{
    (void)arg;
    shutdown_exit(9);
}

static void end_twice(void)
{
    thread_start("second", 16384, end_too, NULL);
    shutdown_exit(5);
}

static void the_first_of_two_ends_counts(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(end_twice), SHUTDOWN_poweroff);
    assert_string_equal(fake_xenstored_value(SHUTDOWN_STATUS_PATH), "5");
    assert_string_equal(fake_console_text(), "sprat: exit status 5\n");
}

static void without_xenstore_the_status_is_on_the_console_alone(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.no_xenstore = true});
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_string_equal(fake_console_text(), "");
}

static void a_status_that_is_refused_is_said(void **state)
{
    (void)state;
    fake_xenstored.refuse_type = XS_WRITE;
    fake_xenstored.refuse = "EACCES";
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_has(fake_console_text(),
               "exit status 0 (the host could not be told in data/exit-status)");
}

static void a_dead_xenstored_does_not_keep_the_guest(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_in_range(fake_now(), 0, FAKE_START_NS + XENSTORE_TIMEOUT_NS + 2000000000);
}

static void say_much_and_fail(void)
{
    static char much[6144]; /* the ring and the buffer */

    memset(much, 'x', sizeof(much));
    log_write(much, sizeof(much));
    shutdown_exit(3);
}

static void the_status_is_said_on_a_full_console(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.no_xenstore = true}); /* no wait in which it could empty */
    assert_int_equal(fake_run_kernel(say_much_and_fail), SHUTDOWN_poweroff);
    assert_has(fake_console_text(), "sprat: exit status 3");
}

static void last_words(void)
{
    char words[200];

    memset(words, 'x', sizeof(words));
    for (int i = 0; i < 20; i++)
        port_log("%d: %.*s", i, (int)sizeof(words), words);
    shutdown_exit(0);
}

static void last_words_are_read_before_the_end(void **state)
{
    (void)state;
    fake_consoled.piece = 64;
    assert_int_equal(fake_run_kernel(last_words), SHUTDOWN_poweroff);
    assert_has(fake_console_text(), "sprat: 19: ");
}

static void a_dead_console_does_not_keep_the_guest(void **state)
{
    (void)state;
    fake_consoled.dead = true;
    status = 1;
    assert_int_equal(fake_run_kernel(end), SHUTDOWN_poweroff);
    assert_in_range(fake_now(), FAKE_START_NS, FAKE_START_NS + 1000000000);
}

static void crash(void)
{
    port_log("last words");
    shutdown_crash();
}

static void a_crash_is_one(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(crash), SHUTDOWN_crash);
    assert_string_equal(fake_console_text(), "sprat: last words\n");
    assert_null(fake_xenstored_value(SHUTDOWN_STATUS_PATH));
}

/* The host's wish. */

static const char *wish;
static unsigned n_wishes;
static bool obey;

static void on_request(void)
{
    n_wishes++;
    if (obey)
        shutdown_exit(0);
}

static void listen(void)
{
    shutdown_init(on_request);
    thread_sleep_until(clock_monotonic() + 1000);
    fake_xenstored_write("control/shutdown", wish);
    thread_sleep_until(clock_monotonic() + 1000);
}

static void assert_obeyed(const char *word, int how)
{
    wish = word;
    obey = true;
    assert_int_equal(fake_run_kernel(listen), how);
    assert_int_equal(n_wishes, 1);
    assert_string_equal(fake_xenstored_value("control/shutdown"), "");
    assert_string_equal(fake_console_text(), "");
}

static void poweroff_is_obeyed(void **state)
{
    (void)state;
    assert_obeyed("poweroff", SHUTDOWN_poweroff);
}

static void halt_is_obeyed(void **state)
{
    (void)state;
    assert_obeyed("halt", SHUTDOWN_poweroff);
}

static void reboot_is_obeyed(void **state)
{
    (void)state;
    assert_obeyed("reboot", SHUTDOWN_reboot);
}

static void assert_not_understood(const char *word, const char *why)
{
    wish = word;
    assert_int_equal(fake_run_kernel(listen), FAKE_RETURNED);
    assert_int_equal(n_wishes, 0);
    if (*why)
        assert_has(fake_console_text(), why);
    else
        assert_string_equal(fake_console_text(), "");
}

static void another_word_is_said_to_be_unknown(void **state)
{
    (void)state;
    assert_not_understood("sleep", "control/shutdown: 'sleep' is not understood; poweroff");
    assert_string_equal(fake_xenstored_value("control/shutdown"), "");
}

static void a_word_that_begins_like_one_is_unknown(void **state)
{
    (void)state;
    assert_not_understood("poweroff now", "'poweroff now' is not understood");
}

static void a_word_that_is_too_long_is_none(void **state)
{
    (void)state;
    assert_not_understood("poweroffpoweroffpoweroff", "the request is too long to be one");
}

static void an_empty_word_is_no_wish(void **state)
{
    (void)state;
    assert_not_understood("", "");
}

/* xenstored has no room for a transaction: it may be asked again when the wish is. */
static void a_wish_that_can_not_be_taken_is_left(void **state)
{
    (void)state;
    wish = "poweroff";
    fake_xenstored.refuse_type = XS_TRANSACTION_START;
    fake_xenstored.refuse = "ENOSPC";
    assert_int_equal(fake_run_kernel(listen), FAKE_RETURNED);
    assert_int_equal(n_wishes, 0);
    assert_int_equal(fake_xenstored.n_requests, 4); /* the watch, two looks, the transaction */
    assert_string_equal(fake_xenstored_value("control/shutdown"), "poweroff");
}

/* The application may have the last word. */
static void a_wish_that_the_application_ignores_is_understood(void **state)
{
    (void)state;
    wish = "poweroff";
    assert_int_equal(fake_run_kernel(listen), FAKE_RETURNED);
    assert_int_equal(n_wishes, 1);
    assert_string_equal(fake_console_text(), "");
}

static void listen_to_two(void)
{
    shutdown_init(on_request);
    thread_sleep_until(clock_monotonic() + 1000);
    fake_xenstored.delay_ns = 1000000;
    fake_xenstored_write("control/shutdown", "nonsense");
    thread_sleep_until(clock_monotonic() + 1500000); /* it is being read */
    fake_xenstored_write("control/shutdown", "poweroff");
    thread_sleep_until(clock_monotonic() + 100000000);
}

static void a_wish_that_comes_while_another_is_served_is_served_too(void **state)
{
    (void)state;
    obey = true;
    assert_int_equal(fake_run_kernel(listen_to_two), SHUTDOWN_poweroff);
}

static void a_clash_with_another_writer_is_tried_again(void **state)
{
    (void)state;
    wish = "poweroff";
    obey = true;
    fake_xenstored.refuse_type = XS_TRANSACTION_END;
    fake_xenstored.refuse = "EAGAIN";
    assert_int_equal(fake_run_kernel(listen), SHUTDOWN_poweroff);
}

static bool busy;

static void take_time(void)
{
    assert_false(busy); /* one at a time */
    busy = true;
    thread_sleep_until(clock_monotonic() + 1000000);
    busy = false;
    n_wishes++;
}

static void wish_twice(void)
{
    shutdown_init(take_time);
    thread_sleep_until(clock_monotonic() + 1000);
    fake_xenstored_write("control/shutdown", "poweroff");
    thread_sleep_until(clock_monotonic() + 1000);
    fake_xenstored_write("control/shutdown", "reboot");
    thread_sleep_until(clock_monotonic() + 10000000);
}

static void a_wish_that_comes_while_the_application_ends_is_served_after_it(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(wish_twice), FAKE_RETURNED);
    assert_int_equal(n_wishes, 2);
}

static void a_wish_from_before_the_start_is_obeyed(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    obey = true;
    wish = "";
    fake_xenstored_write("control/shutdown", "poweroff");
    assert_int_equal(fake_run_kernel(listen), SHUTDOWN_poweroff);
}

static void wish_without_memory(void)
{
    void *room = page_alloc(32, 1);

    shutdown_init(on_request);
    thread_sleep_until(clock_monotonic() + 1000);
    while (page_alloc(1, 1))
        ;
    fake_xenstored_write("control/shutdown", "poweroff");
    thread_sleep_until(clock_monotonic() + 2500000000);
    assert_int_equal(n_wishes, 0);
    page_free(room);
    thread_sleep_until(clock_monotonic() + 1500000000);
}

static void a_wish_that_finds_no_memory_is_served_when_there_is_some(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(wish_without_memory), FAKE_RETURNED);
    assert_int_equal(n_wishes, 1);
    assert_string_equal(fake_console_text(), "sprat: control/shutdown: no memory for a thread to"
                                             " serve it; it is tried again\n");
}

static void a_guest_that_cant_watch_says_so(void **state)
{
    (void)state;
    fake_xenstored.refuse_type = XS_WATCH;
    fake_xenstored.refuse = "E2BIG";
    wish = "poweroff";
    assert_int_equal(fake_run_kernel(listen), FAKE_RETURNED);
    assert_has(fake_console_text(), "can't watch 'control/shutdown': error 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_end_powers_off_without_a_word),
        cmocka_unit_test(another_status_is_told_to_host_and_console),
        cmocka_unit_test(a_status_is_a_byte),
        cmocka_unit_test(the_first_of_two_ends_counts),
        cmocka_unit_test(without_xenstore_the_status_is_on_the_console_alone),
        cmocka_unit_test(a_status_that_is_refused_is_said),
        cmocka_unit_test(a_dead_xenstored_does_not_keep_the_guest),
        cmocka_unit_test(the_status_is_said_on_a_full_console),
        cmocka_unit_test(last_words_are_read_before_the_end),
        cmocka_unit_test(a_dead_console_does_not_keep_the_guest),
        cmocka_unit_test(a_crash_is_one),
        cmocka_unit_test(poweroff_is_obeyed),
        cmocka_unit_test(halt_is_obeyed),
        cmocka_unit_test(reboot_is_obeyed),
        cmocka_unit_test(another_word_is_said_to_be_unknown),
        cmocka_unit_test(a_word_that_begins_like_one_is_unknown),
        cmocka_unit_test(a_word_that_is_too_long_is_none),
        cmocka_unit_test(an_empty_word_is_no_wish),
        cmocka_unit_test(a_wish_that_can_not_be_taken_is_left),
        cmocka_unit_test(a_wish_that_the_application_ignores_is_understood),
        cmocka_unit_test(a_wish_that_comes_while_another_is_served_is_served_too),
        cmocka_unit_test(a_clash_with_another_writer_is_tried_again),
        cmocka_unit_test(a_wish_that_comes_while_the_application_ends_is_served_after_it),
        cmocka_unit_test(a_wish_from_before_the_start_is_obeyed),
        cmocka_unit_test(a_wish_that_finds_no_memory_is_served_when_there_is_some),
        cmocka_unit_test(a_guest_that_cant_watch_says_so),
    };
    return RUN_TESTS(tests);
}
