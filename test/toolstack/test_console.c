/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of console.c: what guests write, and rings that make no sense. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <xen/io/console.h>

#include "console.h"

#define RING 2048
#define KEPT 16384

static struct xencons_interface ring;
static struct hyper hyper;
static struct console console;
static struct fail fail;
static unsigned n_notified, n_unbound;
static int bound;

/* What console.c asks of Xen. */

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid,
                                                     evtchn_port_t port)
{
    (void)handle;
    (void)domid;
    errno = ENOSPC;
    return bound < 0 ? bound : (int)port + 100;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
    (void)handle;
    assert_int_equal(port, 103);
    n_unbound++;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
    (void)handle;
    assert_int_equal(port, 103);
    n_notified++;
    return 0;
}

static int open_console(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    bound = 0;
    n_notified = n_unbound = 0;
    return console_open(&console, &hyper, 7, &ring, 3, &fail);
}

static int close_console(void **state)
{
    (void)state;
    console_close(&console, &hyper);
    return 0;
}

static void say(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ring.out[MASK_XENCONS_IDX(ring.out_prod++, ring.out)] = bytes[i];
}

static void what_is_said_is_kept(void **state)
{
    (void)state;
    assert_false(console_drain(&console, &hyper));
    assert_int_equal(n_notified, 0);
    say("hello\n", 6);
    assert_true(console_drain(&console, &hyper));
    assert_int_equal(n_notified, 1);
    assert_int_equal(ring.out_cons, 6);
    say("world\n", 6);
    assert_true(console_drain(&console, &hyper));
    assert_int_equal(console.n_output, 12);
    assert_int_equal(console.log_len, 12);
    assert_memory_equal(console.log, "hello\nworld\n", 12);
    assert_true(console_has(&console, "o\nw"));
    assert_false(console_has(&console, "hello\n\n"));
}

static void of_much_the_last_is_kept(void **state)
{
    char line[64];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        memset(line, 'a' + (int)(i % 26), sizeof(line));
        say(line, sizeof(line));
        if (i % 8 == 7 || i == 999)
            assert_true(console_drain(&console, &hyper));
    }
    assert_int_equal(console.n_output, 64000);
    assert_int_equal(console.log_len, KEPT);
    assert_int_equal(console.log_size, KEPT);
    assert_int_equal(console.log[KEPT - 1], 'a' + 999 % 26);
    assert_int_equal(console.log[0], 'a' + (1000 - KEPT / 64) % 26);
}

static void indices_wrap_around(void **state)
{
    (void)state;
    ring.out_cons = ring.out_prod = UINT32_MAX - 2;
    say("across", 6);
    assert_true(console_drain(&console, &hyper));
    assert_memory_equal(console.log, "across", 6);
    assert_int_equal(ring.out_cons, 3);
}

static void a_full_ring_is_taken_and_an_impossible_one_left_alone(void **state)
{
    (void)state;
    ring.out_prod = RING;
    assert_true(console_drain(&console, &hyper));
    assert_int_equal(console.log_len, RING);
    ring.out_prod = ring.out_cons + RING + 1;
    assert_false(console_drain(&console, &hyper));
    assert_true(console.broken);
    ring.out_prod = ring.out_cons + 1; /* too late */
    assert_false(console_drain(&console, &hyper));
    assert_int_equal(console.log_len, RING);
    assert_int_equal(n_notified, 1);
}

static void what_an_earlier_launcher_took_is_recalled(void **state)
{
    char bytes[RING];

    (void)state;
    say("first words", 11);
    ring.out_cons = ring.out_prod;
    assert_true(console_recall(&console));
    assert_int_equal(console.log_len, 11);
    assert_memory_equal(console.log, "first words", 11);
    memset(bytes, 'x', sizeof(bytes));
    say(bytes, sizeof(bytes) - 4);
    say("last", 4);
    ring.out_cons = ring.out_prod;
    console_close(&console, &hyper);
    assert_int_equal(console_open(&console, &hyper, 7, &ring, 3, &fail), 0);
    assert_false(console_recall(&console)); /* the first words are lost */
    assert_int_equal(console.log_len, RING);
    assert_memory_equal(console.log + RING - 5, "xlast", 5);
}

/* Open the terminal's other side, as `xl console` does. */
static int open_terminal(void)
{
    char name[64];

    assert_int_equal(console_make_terminal(&console, &fail), 0);
    assert_int_equal(console_terminal_name(&console, name, sizeof(name)), 0);
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_terminal_carries_both_ways(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(console_terminal_name(&console, text, sizeof(text)), -ENOTTY);
    console_type(&console, &hyper); /* nobody can type */
    assert_int_equal(n_notified, 0);
    int fd = open_terminal();
    assert_int_not_equal(console_terminal_name(&console, text, 3), 0); /* no room for it */
    console_type(&console, &hyper);                                    /* nobody has */
    assert_int_equal(n_notified, 0);
    say("a\r\n", 3);
    assert_true(console_drain(&console, &hyper));
    assert_int_equal(read(fd, text, sizeof(text)), 3);
    assert_memory_equal(text, "a\r\n", 3); /* raw */
    assert_int_equal(write(fd, "typed", 5), 5);
    ring.in_prod = ring.in_cons = UINT32_MAX - 1;
    console_type(&console, &hyper);
    assert_int_equal(ring.in_prod, 3);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(ring.in[MASK_XENCONS_IDX(ring.in_cons + i, ring.in)], "typed"[i]);
    assert_int_equal(n_notified, 2);
    close(fd);
    int terminal = console.terminal;
    console_close(&console, &hyper);
    assert_int_equal(fcntl(terminal, F_GETFD), -1);
}

static void what_a_guest_has_no_room_for_waits(void **state)
{
    (void)state;
    int fd = open_terminal();
    assert_int_equal(write(fd, "xy", 2), 2);
    ring.in_prod = sizeof(ring.in);
    console_type(&console, &hyper);
    assert_int_equal(ring.in_prod, sizeof(ring.in));
    ring.in_cons = 1;
    console_type(&console, &hyper);
    assert_int_equal(ring.in_prod, sizeof(ring.in) + 1);
    ring.in_cons = ring.in_prod + 1; /* has taken more than there was */
    console_type(&console, &hyper);
    assert_true(console.broken);
    ring.in_cons = ring.in_prod;
    console_type(&console, &hyper);
    assert_int_equal(ring.in_prod, sizeof(ring.in) + 1);
    close(fd);
}

static void what_cannot_be_opened_is_told_and_closed(void **state)
{
    (void)state;
    console_close(&console, &hyper);
    assert_int_equal(n_unbound, 1);
    console_close(&console, &hyper); /* nothing is left to close */
    assert_int_equal(n_unbound, 1);
    assert_false(console_drain(&console, &hyper));
    bound = -1;
    assert_int_equal(console_open(&console, &hyper, 7, &ring, 3, &fail), -ENOSPC);
    assert_has(fail.text, "console's event channel");
    console_close(&console, &hyper);
    assert_int_equal(n_unbound, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_console, close_console)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_is_kept),
        TEST(of_much_the_last_is_kept),
        TEST(indices_wrap_around),
        TEST(a_full_ring_is_taken_and_an_impossible_one_left_alone),
        TEST(what_an_earlier_launcher_took_is_recalled),
        TEST(a_terminal_carries_both_ways),
        TEST(what_a_guest_has_no_room_for_waits),
        TEST(what_cannot_be_opened_is_told_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
