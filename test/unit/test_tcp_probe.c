/* SPDX-License-Identifier: BSD-2-Clause */
/* The last packet, which is sent again to ask what has become of those before it. */
#include "sender.h"

#define FLIGHT (12 * SEGMENT) /* that nothing comes of */

/* The last packet is sent again before a time-out, and what is missing before it at once then. */
static void probe_body(void)
{
    start_selective();
    write_some(SEGMENT);
    peer_wait_ms(1);
    acknowledge(seen.to);
    write_some(4 * SEGMENT);
    uint32_t begin = seen.to - 4 * SEGMENT;
    forget();
    assert_in_range(wait_for_some(), 10, 30);
    assert_int_equal(seen.from, begin + 3 * SEGMENT);
    assert_int_equal(seen.n_bytes, SEGMENT);
    forget();
    have(begin, begin + 3 * SEGMENT, begin + 4 * SEGMENT);
    assert_int_equal(seen.from, begin);
    assert_in_range(seen.n_bytes, SEGMENT, 2 * SEGMENT);
    acknowledge(begin + SEGMENT);
    acknowledge(begin + 2 * SEGMENT);
    assert_int_equal(seen.to, begin + 3 * SEGMENT);
    acknowledge(begin + 4 * SEGMENT);
    write_some(SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 190, 260); /* one packet alone may be acknowledged late */
}

/* It is once: then a time-out comes. */
static void probe_lost_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    assert_in_range(wait_for_some(), 10, 30);
    assert_int_equal(seen.from, lost + flight - SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 190, 260);
    assert_int_equal(seen.from, lost);
    assert_int_equal(seen.n_bytes, SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 390, 520);
    assert_int_equal(seen.from, lost);
    acknowledge(lost + flight); /* of which time, nobody knows: RFC 6298, 3 */
    forget();
    assert_in_range(wait_for_some(), 190, 900);
}

/* Nothing comes of the last packets, and the very last is sent again. @return where they end. */
static uint32_t ask(void)
{
    start_selective();
    write_some(FIRST);
    peer_wait_ms(1);
    acknowledge(seen.to);
    write_some(8 * SEGMENT);
    write_some(8 * SEGMENT);
    peer_wait_ms(1);
    uint32_t end = seen.to;
    acknowledge(end - FLIGHT);
    forget();
    assert_in_range(wait_for_some(), 10, 30);
    assert_int_equal(seen.from, end - SEGMENT);
    return end;
}

/* What is sent behind it comes. @return was the window halved for it? */
static bool is_halved(uint32_t at)
{
    uint32_t before = window_now();

    write_some(SEGMENT);
    peer_wait_ms(1);
    acknowledge(at + SEGMENT);
    assert_int_equal(window_now() < before, window_now() == before / 2);
    return window_now() < before;
}

/* It has filled the only hole (RFC 8985, 7.4): that was a loss, once. */
static void repairs_body(void)
{
    uint32_t end = ask();

    acknowledge(end);
    assert_true(is_halved(end));
    assert_false(is_halved(end + SEGMENT));
}

/* Not so where the peer had it: it tells of what it has twice, ... */
static void had_body(void)
{
    uint32_t end = ask();

    for (int i = 0; i < 8; i++)
        have(end, end - SEGMENT, end);
    assert_false(is_halved(end));
    write_some(2 * SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 10, 30); /* later next time, but for the first of them only */
}

/* ... or says the same again. */
static void had_silently_body(void)
{
    uint32_t end = ask();

    acknowledge(end);
    acknowledge(end);
    assert_false(is_halved(end));
}

/* What it says again before that, or with data, or for other packets, tells nothing. */
static void other_answers_body(void)
{
    uint32_t end = ask();

    acknowledge(end - FLIGHT);
    acknowledge(end - SEGMENT);
    have(end - SEGMENT, end - FLIGHT, end - SEGMENT);
    peer.window -= 100;
    acknowledge(end);
    peer.window += 100; /* RFC 8985, 7.4.2: an update of the window is no such answer */
    acknowledge(end);
    peer_segment(&peer, PEER_ACK, peer.next, first + end, (const uint8_t *)"1", 1);
    peer.next++;
    write_some(3 * SEGMENT);
    have(end, end + SEGMENT, end + 2 * SEGMENT);
    assert_true(is_halved(end + 2 * SEGMENT));
}

/* What it shows halves the window: it is not halved again. */
static void shows_body(void)
{
    uint32_t end = ask();

    have(end - FLIGHT, end - SEGMENT, end);
    assert_int_equal(threshold_now(), FLIGHT / SEGMENT / 2);
    acknowledge(end);
    is_halved(end);
    assert_int_equal(threshold_now(), FLIGHT / SEGMENT / 2);
}

/* So does a time-out. */
static void timed_out_body(void)
{
    uint32_t end = ask();

    forget();
    assert_in_range(wait_for_some(), 190, 260);
    acknowledge(end);
    uint32_t threshold = threshold_now();
    is_halved(end);
    assert_int_equal(threshold_now(), threshold);
}

/* The peer's window was shut: it was not sent, so nothing came of it. */
static void unsent_body(void)
{
    start_selective();
    write_some(SEGMENT);
    peer_wait_ms(1);
    acknowledge(seen.to);
    write_some(4 * SEGMENT);
    uint32_t end = seen.to;
    peer.window = SEGMENT;
    acknowledge(end - 3 * SEGMENT);
    forget();
    peer_wait_ms(50);
    assert_false(seen.is_any);
    peer.window = 65535;
    acknowledge(end);
    assert_false(is_halved(end));
}

/* Behind what filled holes, all is lost to the end: that needs no time-out either. */
static void end_is_lost_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    have(lost, lost + SEGMENT, lost + 6 * SEGMENT);
    acknowledge(lost + 6 * SEGMENT);
    uint32_t end = seen.to, threshold = threshold_now();
    forget();
    assert_in_range(wait_for_some(), 10, 30);
    assert_int_equal(seen.from, end - SEGMENT);
    forget();
    have(lost + 6 * SEGMENT, end - SEGMENT, end);
    assert_int_equal(seen.from, lost + 6 * SEGMENT);
    acknowledge(end);
    acknowledge(seen.to);
    assert_int_equal(threshold_now(), threshold);
}

/* Some packets, acknowledged after so long, and again if one was there twice. @return was it? */
static bool trip(unsigned ms)
{
    forget();
    write_some(4 * SEGMENT);
    peer_wait_ms(ms);
    uint32_t n = seen.n_bytes;
    acknowledge(seen.to);
    if (n > 4 * SEGMENT)
        acknowledge(seen.to);
    return n > 4 * SEGMENT;
}

/* A way that has become longer: who asks too early, learns it. */
static void longer_body(void)
{
    start_selective();
    for (int i = 0; i < 8; i++)
        trip(2);
    assert_true(trip(50));
    for (int i = 0; i < 8; i++)
        trip(50);
    for (int i = 0; i < 8; i++)
        assert_false(trip(50));
}

/* What fills holes has its time, and nothing else is sent meanwhile: neither when its hole is the
 * first, ... */
static void waits_body(void)
{
    start_selective();
    for (int i = 0; i < 64; i++)
        trip(50);
    write_some(FIRST);
    uint32_t lost = seen.to - FIRST;
    have(lost, lost + SEGMENT, lost + 8 * SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 240, 400);
}

/* ... nor when it is another, behind what is acknowledged. */
static void waits_for_second_body(void)
{
    start_selective();
    for (int i = 0; i < 64; i++)
        trip(50);
    write_some(FIRST);
    uint32_t lost = seen.to - FIRST;
    have(lost, lost + SEGMENT, lost + 2 * SEGMENT);
    have(lost, lost + 3 * SEGMENT, lost + 8 * SEGMENT);
    acknowledge(lost + 2 * SEGMENT);
    forget();
    assert_in_range(wait_for_some(), 240, 300);
}

IN_KERNEL(probe)
IN_KERNEL(probe_lost)
IN_KERNEL(repairs)
IN_KERNEL(had)
IN_KERNEL(had_silently)
IN_KERNEL(other_answers)
IN_KERNEL(shows)
IN_KERNEL(timed_out)
IN_KERNEL(unsent)
IN_KERNEL(end_is_lost)
IN_KERNEL(longer)
IN_KERNEL(waits)
IN_KERNEL(waits_for_second)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the_last_packet_is_sent_again_before_a_time_out", probe, NULL, NULL, NULL},
        {"behind_it_a_time_out_comes", probe_lost, NULL, NULL, NULL},
        {"what_it_repairs_halves_the_window_once", repairs, NULL, NULL, NULL},
        {"what_a_peer_has_twice_was_not_lost", had, NULL, NULL, NULL},
        {"nor_what_it_acknowledges_twice", had_silently, NULL, NULL, NULL},
        {"other_answers_tell_nothing_of_it", other_answers, NULL, NULL, NULL},
        {"the_losses_that_it_shows_count_alone", shows, NULL, NULL, NULL},
        {"so_does_a_time_out_behind_it", timed_out, NULL, NULL, NULL},
        {"what_could_not_be_sent_again_repairs_nothing", unsent, NULL, NULL, NULL},
        {"who_asked_too_early_asks_later", longer, NULL, NULL, NULL},
        {"what_fills_holes_is_waited_for", waits, NULL, NULL, NULL},
        {"so_is_what_fills_the_second", waits_for_second, NULL, NULL, NULL},
        {"it_shows_that_a_recoverys_end_is_lost_too", end_is_lost, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
