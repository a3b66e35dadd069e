/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/io/console.h>

#include <sprat/console.h>
#include <sprat/evtchn.h>

#include "consoled.h"
#include "machine.h"
#include "world.h"

static unsigned n_events;
static struct xencons_interface *ring;

static void on_event(void)
{
    n_events++;
}

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    ring = fake_console_page();
    return console_init(ring, fake_start_info()->console.domU.evtchn, on_event);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    assert_int_equal(console_write("hello", 5), 5);
    assert_false(console_drained());
    fake_settle();
    assert_true(console_drained());
    assert_string_equal(fake_console_text(), "hello");
    evtchn_dispatch();
    assert_int_equal(n_events, 1);
}

static void a_full_ring_takes_what_fits(void **state)
{
    static char text[4096];

    (void)state;
    memset(text, 'x', sizeof(text));
    fake_consoled.dead = true;
    assert_int_equal(console_write(text, sizeof(text)), sizeof(ring->out));
    unsigned sent = fake_hypercalls(__HYPERVISOR_event_channel_op, EVTCHNOP_send);
    assert_int_equal(console_write("y", 1), 0);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_event_channel_op, EVTCHNOP_send), sent);
}

static void a_line_ends_with_carriage_return_and_line_feed(void **state)
{
    (void)state;
    assert_int_equal(console_write("one\ntwo\n\n", 9), 9);
    assert_int_equal(ring->out_prod, 12);
    assert_memory_equal(ring->out, "one\r\ntwo\r\n\r\n", 12);
}

/* Half a line end, and the next write's first byte would be taken for the other half. */
static void a_line_end_goes_out_whole_or_not_at_all(void **state)
{
    static char text[sizeof(ring->out)];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    fake_consoled.dead = true;
    assert_int_equal(console_write(text, sizeof(text)), sizeof(text) - 1);
    assert_int_equal(console_write("\n", 1), 0);
    ring->out_cons = 1;
    assert_int_equal(console_write("\n", 1), 1);
    assert_int_equal(ring->out_prod, sizeof(text) + 1);
}

static void what_is_typed_is_read(void **state)
{
    char bytes[8];

    (void)state;
    assert_int_equal(console_read(bytes, sizeof(bytes)), 0);
    fake_console_type("hi there, guest");
    fake_settle();
    evtchn_dispatch();
    assert_int_equal(n_events, 1);
    assert_true(console_readable());
    assert_int_equal(console_read(bytes, 8), 8);
    assert_memory_equal(bytes, "hi there", 8);
    assert_int_equal(console_read(bytes, 8), 7);
    assert_false(console_readable());
}

/* The ring holds 1024: the rest comes when there is room, and only if the daemon is told. */
static void what_is_typed_beyond_the_ring_comes_later(void **state)
{
    char text[3000] = "", bytes[512];
    size_t n = 0, got;

    (void)state;
    memset(text, 'k', sizeof(text) - 1);
    fake_console_type(text);
    fake_settle();
    while ((got = console_read(bytes, sizeof(bytes)))) {
        n += got;
        fake_settle();
    }
    assert_int_equal(n, sizeof(text) - 1);
}

static void a_daemon_that_reads_too_much_gets_no_more(void **state)
{
    (void)state;
    ring->out_cons = ring->out_prod + 1;
    assert_int_equal(console_write("lost", 4), 4);
    assert_int_equal(ring->out_prod, 0);
    ring->out_cons = ring->out_prod;
    assert_int_equal(console_write("lost too", 8), 8);
    assert_int_equal(ring->out_prod, 0);
    assert_true(console_drained());
    assert_int_equal(console_port(), 0);
    console_restart(fake_start_info()->console.domU.evtchn); /* as when the guest is restored */
    assert_int_equal(console_write("lost", 4), 4);
    assert_int_equal(ring->out_prod, 0);
}

static void a_daemon_that_types_too_much_is_not_read(void **state)
{
    char bytes[4096];

    (void)state;
    ring->in_prod = ring->in_cons + sizeof(ring->in) + 1;
    assert_int_equal(console_read(bytes, sizeof(bytes)), 0);
    assert_int_equal(ring->in_cons, 0);
    ring->in_prod = ring->in_cons + 5;
    assert_false(console_readable());
    assert_int_equal(console_read(bytes, sizeof(bytes)), 0);
}

static void a_lie_found_while_looking_ends_it_too(void **state)
{
    (void)state;
    ring->in_prod = ring->in_cons + sizeof(ring->in) + 1;
    assert_false(console_readable());
    assert_int_equal(console_port(), 0);
}

static void a_lie_found_while_flushing_ends_the_flush(void **state)
{
    (void)state;
    console_write("x", 1);
    ring->out_cons = ring->out_prod + 1;
    assert_true(console_drained());
}

static void without_a_console_output_is_thrown_away(void **state)
{
    char bytes[4];

    (void)state;
    fake_build(&(struct fake_guest){.no_console = true});
    assert_int_equal(console_init(NULL, 0, on_event), 0);
    assert_int_equal(console_write("lost", 4), 4);
    assert_int_equal(console_read(bytes, sizeof(bytes)), 0);
    assert_false(console_readable());
    assert_true(console_drained());
    assert_int_equal(console_port(), 0);
}

static void a_console_without_a_port_is_none(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    assert_int_equal(console_init(fake_console_page(), 0, on_event), -EINVAL);
    assert_int_equal(console_write("lost", 4), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_read, setup),
        cmocka_unit_test_setup(a_full_ring_takes_what_fits, setup),
        cmocka_unit_test_setup(a_line_ends_with_carriage_return_and_line_feed, setup),
        cmocka_unit_test_setup(a_line_end_goes_out_whole_or_not_at_all, setup),
        cmocka_unit_test_setup(what_is_typed_is_read, setup),
        cmocka_unit_test_setup(what_is_typed_beyond_the_ring_comes_later, setup),
        cmocka_unit_test_setup(a_daemon_that_reads_too_much_gets_no_more, setup),
        cmocka_unit_test_setup(a_daemon_that_types_too_much_is_not_read, setup),
        cmocka_unit_test_setup(a_lie_found_while_looking_ends_it_too, setup),
        cmocka_unit_test_setup(a_lie_found_while_flushing_ends_the_flush, setup),
        cmocka_unit_test(without_a_console_output_is_thrown_away),
        cmocka_unit_test(a_console_without_a_port_is_none),
    };
    return RUN_TESTS(tests);
}
