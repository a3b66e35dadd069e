/* SPDX-License-Identifier: BSD-2-Clause */
/* How much the guest sends before it hears of it: the congestion window, and time-outs. */
#include "sender.h"

static void opening_body(void)
{
    start();
    assert_int_equal(pass_window(), FIRST);
}

static void slow_start_body(void)
{
    start();
    pass_window();
    assert_int_equal(pass_window(), 2 * FIRST);
}

static void unused_body(void)
{
    start();
    for (int i = 0; i < 100; i++) {
        write_some(1000);
        acknowledge(seen.to);
    }
    forget();
    assert_int_equal(pass_window(), FIRST);
}

static void halves_body(void)
{
    start();
    uint32_t flight = fly(), lost = seen.to - flight, end = seen.to;
    forget();
    repeat(lost);
    assert_int_equal(seen.from, lost);
    assert_int_equal(seen.n_bytes - (seen.to > end ? seen.to - end : 0), SEGMENT);
    end = seen.to > end ? seen.to : end;
    forget();
    acknowledge(end);
    assert_in_range(seen.n_bytes, SEGMENT, 2 * SEGMENT); /* no burst: RFC 6582 */
    acknowledge(seen.to);
    seen.n_bytes = 0;
    uint32_t window = 0;
    for (int i = 0; i < 8; i++)
        window = pass_window();
    assert_in_range(window, flight / 2, flight / 2 + 6 * SEGMENT);
    assert_in_range(pass_window(), window + 1, window + 2 * SEGMENT);
}

/* A peer that does not tell of holes: what a repaired loss leaves is another. */
static void partly_body(void)
{
    start();
    uint32_t flight = fly(), lost = seen.to - flight;
    repeat(lost);
    forget();
    acknowledge(lost + 2 * SEGMENT);
    assert_int_equal(seen.from, lost + 2 * SEGMENT);
}

/* What is acknowledged late is not taken for lost; what is not, for later each time. */
static void far_body(void)
{
    start();
    for (int i = 0; i < 20; i++) {
        write_some(SEGMENT);
        peer_wait_ms(400);
        acknowledge(seen.to);
    }
    uint32_t last = seen.to;
    assert_int_equal(seen.n_bytes, last + SEGMENT); /* nothing was sent twice, but the first */
    write_some(SEGMENT);
    forget();
    unsigned ms = wait_for_some();
    assert_in_range(ms, 590, 800);
    assert_int_equal(seen.from, last);
    forget();
    assert_in_range(wait_for_some(), 2 * ms - 20, 2 * ms + 20);
    acknowledge(last + SEGMENT); /* which of the three is not known: RFC 6298, 3 */
    write_some(SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 4 * ms - 20, 4 * ms + 20);
}

/* The network's thread sleeps, as all have for minutes: whoever sends has it woken in time. */
static void idle_body(void)
{
    start();
    write_some(SEGMENT);
    peer_wait_ms(1);
    acknowledge(seen.to);
    peer_wait_ms(200000);
    forget();
    write_some(SEGMENT);
    wait_for_some(); /* who the peer is, was forgotten */
    forget();
    assert_in_range(wait_for_some(), 180, 260);
}

static void time_out_body(void)
{
    start();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    assert_in_range(wait_for_some(), 190, 250);
    assert_int_equal(seen.from, lost);
    assert_int_equal(seen.n_bytes, SEGMENT);
    forget();
    acknowledge(lost + SEGMENT);
    assert_int_equal(seen.from, lost + SEGMENT);
    assert_int_equal(seen.n_bytes, 2 * SEGMENT);
    forget();
    acknowledge(lost + 3 * SEGMENT);
    assert_int_equal(seen.n_bytes, 3 * SEGMENT);
    forget();
    acknowledge(lost + 8 * SEGMENT); /* it had more of it, but had not told */
    assert_int_equal(seen.from, lost + 8 * SEGMENT);
}

IN_KERNEL(opening)
IN_KERNEL(slow_start)
IN_KERNEL(unused)
IN_KERNEL(halves)
IN_KERNEL(partly)
IN_KERNEL(far)
IN_KERNEL(idle)
IN_KERNEL(time_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"ten_segments_are_sent_at_first", opening, NULL, NULL, NULL},
        {"what_is_acknowledged_doubles_the_window", slow_start, NULL, NULL, NULL},
        {"a_window_that_is_not_used_does_not_grow", unused, NULL, NULL, NULL},
        {"a_loss_halves_the_window_and_one_segment_is_sent_again", halves, NULL, NULL, NULL},
        {"what_a_repair_leaves_is_lost_too", partly, NULL, NULL, NULL},
        {"a_time_out_is_longer_than_round_trips_are", far, NULL, NULL, NULL},
        {"who_sends_after_a_while_has_a_time_out", idle, NULL, NULL, NULL},
        {"after_a_time_out_one_segment_is_sent", time_out, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
