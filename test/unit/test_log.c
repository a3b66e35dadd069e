/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#include <sprat/clock.h>
#include <sprat/evtchn.h>
#include <sprat/log.h>
#include <sprat/port.h>
#include <sprat/thread.h>

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "world.h"

#define ROOM 4096 /* of the log's own buffer; the ring holds 2048 more */

static char text[20000];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + i % 26);
    return 0;
}

/* Let the console daemon and the scheduler run. */
static void breathe(void)
{
    thread_sleep_until(clock_monotonic() + 1);
}

static void say_something(void)
{
    port_log("%s is %d", "life", 42);
    breathe();
}

static void a_line_has_a_head_and_an_end(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(say_something), FAKE_RETURNED);
    assert_string_equal(fake_console_text(), "sprat: life is 42\n");
}

/* A panic of the kernel's own start. */
static void what_is_said_before_the_log_begins_is_read_at_the_end(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    assert_null(thread_guard_name(0));
    port_log("early");
    log_flush(clock_monotonic() + 1000000000);
    assert_string_equal(fake_console_text(), "sprat: early\n");
}

static void say_much(void)
{
    port_log("%s", text);
    breathe();
}

static void a_line_that_is_too_long_is_cut_and_ended(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(say_much), FAKE_RETURNED);
    const char *line = fake_console_text();
    assert_int_equal(strlen(line), 255);
    assert_int_equal(line[254], '\n');
    assert_memory_equal(line + 7, text, 247);
}

static void write_all(void)
{
    log_write(text, strlen(text));
    breathe();
}

static void writing_waits_for_the_console(void **state)
{
    (void)state;
    fake_consoled.piece = 100;
    assert_int_equal(fake_run_kernel(write_all), FAKE_RETURNED);
    assert_string_equal(fake_console_text(), text);
}

static void another(void *arg)
{
    (void)arg;
    log_write("<", 1);
    log_write(text, 5000);
    log_write(">", 1);
}

static void write_two(void)
{
    thread_start("another", 65536, another, NULL);
    log_write(text, 10000);
    while (!strchr(fake_console_text(), '>'))
        breathe();
}

static void two_writers_lose_nothing(void **state)
{
    (void)state;
    fake_consoled.piece = 777;
    assert_int_equal(fake_run_kernel(write_two), FAKE_RETURNED);
    assert_int_equal(strlen(fake_console_text()), 15002);
}

static void log_while_nobody_reads(void)
{
    fake_consoled.dead = true;
    for (int i = 0; i < 1000; i++)
        port_log("line %d of those that are too many for any buffer", i);
    for (int i = 0; i < 100; i++)
        port_log("-"); /* to the last byte */
    breathe();
    assert_string_equal(fake_console_text(), "");
    fake_consoled.dead = false;
    breathe();
    port_log("the end");
    breathe();
}

static void lines_that_find_no_room_are_counted(void **state)
{
    (void)state;
    fake_consoled.piece = 16;
    assert_int_equal(fake_run_kernel(log_while_nobody_reads), FAKE_RETURNED);
    const char *all = fake_console_text();
    assert_has(all, "sprat: line 0 of");
    assert_has(all, " bytes lost here, the console was full\n");
    assert_has(all, "sprat: the end\n");
    assert_has_not(all, "line 999");
    /* Each line is whole or not there. */
    for (const char *line = all; *line; line = strchr(line, '\n') + 1)
        assert_memory_equal(line, "sprat: ", 7);
    /* And the count is right. */
    unsigned long lost = 0, n_lines = 0, kept = 0;
    const char *told = strstr(all, "sprat: log: ");
    sscanf(told, "sprat: log: %lu", &lost);
    for (const char *line = all; (line = strstr(line, "sprat: line ")); line++) {
        kept += (unsigned long)(strchr(line, '\n') - line) + 1;
        n_lines++;
    }
    for (const char *line = all; (line = strstr(line, "sprat: -\n")); line++)
        kept += strlen("sprat: -\n");
    unsigned long whole = 100 * strlen("sprat: -\n");
    for (int i = 0; i < 1000; i++)
        whole += strlen("sprat: line  of those that are too many for any buffer\n") + 1 + (i > 9) +
                 (i > 99);
    assert_int_equal(lost, whole - kept);
    assert_in_range(n_lines, 90, 120);
}

static void type_and_read(void)
{
    char bytes[8];

    fake_console_type("hello");
    assert_int_equal(log_read(bytes, sizeof(bytes)), 5); /* waits */
    assert_memory_equal(bytes, "hello", 5);
    assert_false(log_readable());
    assert_int_equal(log_read_now(bytes, sizeof(bytes)), 0);
    fake_console_type("again");
    breathe();
    assert_true(log_readable());
    assert_int_equal(log_read_now(bytes, 2), 2);
    assert_int_equal(log_read(bytes, sizeof(bytes)), 3);
}

static void reading_waits_for_somebody_to_type(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(type_and_read), FAKE_RETURNED);
}

static unsigned n_changes;

static void changed(void)
{
    n_changes++;
}

static void fill_without_waiting(void)
{
    fake_consoled.dead = true;
    assert_true(log_writable());
    size_t n = log_write_now(text, sizeof(text) - 1);
    assert_int_equal(n, ROOM + sizeof(fake_console_page()->out));
    assert_false(log_writable());
    assert_int_equal(log_write_now("x", 1), 0);
    log_listen(changed);
    fake_consoled.dead = false;
    breathe();
    assert_true(log_writable());
    assert_int_not_equal(n_changes, 0);
}

static void a_listener_hears_of_room(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(fill_without_waiting), FAKE_RETURNED);
    assert_memory_equal(fake_console_text(), text, ROOM);
}

static void flush_all(void)
{
    uint64_t begin_ns = clock_monotonic();

    log_write_now(text, 6000);
    log_flush(begin_ns + 1000000);
    assert_int_equal(strlen(fake_console_text()), 6000);
    assert_int_equal(clock_monotonic(), begin_ns);
}

static void flushing_waits_until_all_is_read(void **state)
{
    (void)state;
    fake_consoled.piece = 100;
    assert_int_equal(fake_run_kernel(flush_all), FAKE_RETURNED);
}

static void flush_in_vain(void)
{
    uint64_t begin_ns = clock_monotonic();

    fake_consoled.dead = true;
    log_write_now(text, 6000);
    log_flush(begin_ns + 1000000);
    assert_int_equal(clock_monotonic(), begin_ns + 1000000);
}

static void flushing_ends_at_its_deadline(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(flush_in_vain), FAKE_RETURNED);
}

static void flush_to_a_liar(void)
{
    uint64_t begin_ns = clock_monotonic();

    fake_consoled.dead = true;
    log_write_now(text, 6000);
    fake_console_page()->out_cons = fake_console_page()->out_prod + 1;
    log_flush(begin_ns + 1000000);
    assert_int_equal(clock_monotonic(), begin_ns);
    log_write(text, 19000); /* does not wait for it either */
}

static void a_console_that_lies_holds_up_nobody(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(flush_to_a_liar), FAKE_RETURNED);
}

static void without_console(void)
{
    log_write(text, sizeof(text) - 1);
    port_log("unheard");
    log_flush(clock_monotonic() + 1000000);
}

static void without_a_console_nobody_waits(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.no_console = true});
    assert_int_equal(fake_run_kernel(without_console), FAKE_RETURNED);
    assert_int_equal(fake_now(), FAKE_START_NS);
}

static void lie_while_a_thread_waits(void)
{
    thread_start("another", 65536, another, NULL);
    fake_consoled.dead = true;
    log_write_now(text, 6144);
    thread_yield(); /* it waits for room now */
    fake_console_page()->out_cons = fake_console_page()->out_prod + 1;
    fake_evtchn_raise(fake_start_info()->console.domU.evtchn);
    breathe();
    assert_true(log_writable());
}

static void a_lie_wakes_those_who_wait(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(lie_while_a_thread_waits), FAKE_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_said_before_the_log_begins_is_read_at_the_end, setup),
        cmocka_unit_test_setup(a_line_has_a_head_and_an_end, setup),
        cmocka_unit_test_setup(a_line_that_is_too_long_is_cut_and_ended, setup),
        cmocka_unit_test_setup(writing_waits_for_the_console, setup),
        cmocka_unit_test_setup(two_writers_lose_nothing, setup),
        cmocka_unit_test_setup(lines_that_find_no_room_are_counted, setup),
        cmocka_unit_test_setup(reading_waits_for_somebody_to_type, setup),
        cmocka_unit_test_setup(a_listener_hears_of_room, setup),
        cmocka_unit_test_setup(flushing_waits_until_all_is_read, setup),
        cmocka_unit_test_setup(flushing_ends_at_its_deadline, setup),
        cmocka_unit_test_setup(a_console_that_lies_holds_up_nobody, setup),
        cmocka_unit_test_setup(without_a_console_nobody_waits, setup),
        cmocka_unit_test_setup(a_lie_wakes_those_who_wait, setup),
    };
    return RUN_TESTS(tests);
}
