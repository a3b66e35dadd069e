/* SPDX-License-Identifier: BSD-2-Clause */
/* What is lost, by what a peer has behind it. */
#include "sender.h"

#include <limits.h>

#include "guest_libc.h"
#include "vif.h"

static void selective_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    have(lost, lost + SEGMENT, lost + 3 * SEGMENT);
    assert_true(!seen.is_any || seen.from >= lost + flight);
    have(lost, lost + SEGMENT, lost + 4 * SEGMENT);
    assert_int_equal(seen.from, lost);
    for (uint32_t to = 5 * SEGMENT; to < flight; to += SEGMENT)
        have(lost, lost + SEGMENT, lost + to);
    uint32_t window = window_now();
    acknowledge(lost); /* what it had, it still has */
    assert_int_equal(window_now(), window);
    uint32_t more = seen.to - (lost + flight);
    assert_in_range(more, flight / 2 - 4 * SEGMENT, flight / 2); /* some wait: window.c */
}

static void two_holes_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    have(lost, lost + SEGMENT, lost + 4 * SEGMENT);
    forget();
    have(lost + 6 * SEGMENT, lost + 7 * SEGMENT, lost + 9 * SEGMENT);
    assert_true(!seen.is_any || seen.from >= lost + flight);
    have(lost + 6 * SEGMENT, lost + 7 * SEGMENT, lost + 11 * SEGMENT);
    assert_int_equal(seen.from, lost + 6 * SEGMENT);
    forget();
    acknowledge(lost + flight);
    acknowledge(seen.to);
    assert_true(seen.from >= lost + flight);
}

/* Every other packet is missing: all go again before any of them is acknowledged. */
static void many_holes_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    packets_from = lost;
    packets = 0;
    for (uint32_t at = SEGMENT; at < 19 * SEGMENT; at += 2 * SEGMENT)
        have(lost, lost + at, lost + at + SEGMENT);
    assert_int_equal(packets & 0xfffff, 0x05555); /* behind what is between 16 and 18, too little */
    have(lost, lost + 19 * SEGMENT, lost + 20 * SEGMENT);
    assert_int_equal(packets & 0xfffff, 0x55555);
    packets = 0;
    have(lost, lost, lost + SEGMENT); /* odd: it is acknowledged otherwise */
    have(lost + SEGMENT, lost + 2 * SEGMENT, lost + 4 * SEGMENT);
    assert_int_equal(packets & 0xfffff, 0);
    forget();
    acknowledge(lost + flight);
    assert_true(seen.from >= lost + flight);
}

/* A hole that little is behind may be filled by what was overtaken. */
static void overtaken_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    packets_from = lost;
    packets = 0;
    have(lost, lost + SEGMENT, lost + 12 * SEGMENT);
    have(lost, lost + 13 * SEGMENT, lost + 14 * SEGMENT);
    assert_int_equal(packets & 0xfffff, 1);
    have(lost, lost + 13 * SEGMENT, lost + 16 * SEGMENT);
    assert_int_equal(packets & 0xfffff, 1 | 1 << 12);
}

/* Packets are as large as what was written: each fills its own hole. */
static void small_body(void)
{
    int on = 1;

    start_selective();
    assert_int_equal(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    for (int i = 0; i < 10; i++)
        write_some(100);
    peer_wait_ms(1);
    forget();
    have(0, 200, 1000);
    assert_int_equal(seen.from, 0);
    assert_int_equal(seen.to, 200);
    assert_int_equal(seen.n_bytes, 200);
}

/* A peer that wants single bytes gets somewhat more. */
static void least_body(void)
{
    static const uint8_t one[] = {2, 4, 0, 1};
    int least = 0;
    socklen_t len = sizeof(least);

    start_with(one, sizeof(one));
    acknowledge(0);
    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_MAXSEG, &least, &len), 0);
    assert_int_equal(least, 48);
}

/* What fills a hole is lost, too: what is sent behind it tells, and does not make the window large
 * that follows a time-out. */
static void lost_again_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    unsigned n = 0;
    packets_from = lost;
    for (uint32_t i = 0, end = lost + flight; i < 15; i++) {
        packets = 0;
        forget();
        have(lost, lost + SEGMENT, end); /* all but the first */
        end = seen.to > end ? seen.to : end;
        n += packets & 1;
    }
    assert_in_range(n, 2, 4);
    acknowledge(lost); /* and nothing new */
    assert_in_range(wait_for_some(), 0, 260);
    peer_wait_ms(300);
    assert_in_range(threshold_now(), 2, 4);
}

/* The last two segments: there are not three behind the lost one. */
static void end_body(void)
{
    start_selective();
    write_some(2 * SEGMENT);
    forget();
    have(0, SEGMENT, 2 * SEGMENT);
    assert_int_equal(seen.from, 0);
    assert_int_equal(seen.to, SEGMENT);
}

/* A packet that was late: what is behind it and has not come yet is not sent twice. */
static void wrong_alarm_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    have(lost, lost + SEGMENT, lost + 5 * SEGMENT);
    assert_int_equal(seen.from, lost);
    forget();
    for (uint32_t at = 5 * SEGMENT; at < flight; at += SEGMENT)
        acknowledge(lost + at);
    assert_true(!seen.is_any || seen.from >= lost + flight);
}

/* A peer's window has become small: it does not let a packet through that fills a hole, nine behind
 * the first. @return what is not acknowledged. */
static uint32_t shut(void)
{
    start_selective();
    fly();
    uint32_t lost = FIRST + SEGMENT;
    peer.window = 5 * SEGMENT;
    acknowledge(lost);
    have(lost, lost + SEGMENT, lost + 9 * SEGMENT);
    forget();
    have(lost, lost + 10 * SEGMENT, lost + 18 * SEGMENT);
    assert_false(seen.is_any);
    return lost;
}

/* It goes when there is room, ... */
static void open_again_body(void)
{
    uint32_t lost = shut();

    peer.window = 65535;
    have(lost, lost + 10 * SEGMENT, lost + 19 * SEGMENT);
    assert_int_equal(seen.from, lost + 9 * SEGMENT);
}

/* ... or in its turn, after a time-out. */
static void in_turn_body(void)
{
    uint32_t at = shut(), end = at + 19 * SEGMENT;

    assert_in_range(wait_for_some(), 190, 300);
    peer.window = 65535;
    for (; at < end; acknowledge(at)) {
        assert_int_equal(seen.from, at);
        at = seen.to;
        forget();
    }
}

/* The smallest packets, and most of a large window is missing. */
static void smallest_body(void)
{
    static const uint8_t permitted[] = {2, 4, 0, 48, 1, 1, 4, 2};
    const uint32_t least = 48, many = 256 * least;

    fake_vif.features.gso_tcpv4 = false;
    start_with(permitted, sizeof(permitted));
    while (pass_window() < 2 * many)
        continue;
    write_all();
    uint32_t end = seen.to, lost = end - seen.n_bytes;
    forget();
    have(lost, lost + many, end);
    assert_int_equal(seen.from, lost);
    assert_in_range(seen.n_bytes - (seen.to > end ? seen.to - end : 0), 64 * least, 65 * least);
}

/* Nor can a hole be cut out of what was sent, without memory. */
static void no_memory_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    for (unsigned n = 0; n < 8; n++) {
        fake_libc_fails(n);
        have(lost, lost + SEGMENT, lost + (5 + n) * SEGMENT);
    }
    fake_libc_fails(UINT_MAX);
    have(lost, lost + SEGMENT, lost + flight);
    assert_int_equal(seen.from, lost);
}

/* The backend has the packet yet: it is sent again when that gives it back. */
static void busy_body(void)
{
    fake_vif.keeps = true;
    start_selective();
    write_some(4 * SEGMENT);
    peer_wait_ms(1);
    forget();
    have(0, SEGMENT, 4 * SEGMENT);
    assert_false(seen.is_any);
    fake_vif_give_back();
    write_some(SEGMENT);
    have(0, SEGMENT, 5 * SEGMENT);
    assert_int_equal(seen.from, 0);
    fake_vif_give_back();
}

/* A peer that says to have single bytes gets whole packets, and no more than the window. */
static void crumbs_body(void)
{
    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    for (uint32_t at = 1; at < flight; at += 2)
        have(lost, lost + at, lost + at + 1);
    assert_in_range(seen.n_bytes, flight / 2 - 2 * SEGMENT, flight / 2 + SEGMENT);
    assert_int_equal(seen.n_bytes % SEGMENT, 0);
    acknowledge(lost + flight);
    assert_true(seen.to > lost + flight);
}

static void lies_body(void)
{
    static const uint8_t odd[][8] = {
        {1, 1, 1, 1, 1, 1, 1, 5},  /* it has no length */
        {5, 0, 1, 1, 1, 1, 1, 1},  /* ends where it begins, ... */
        {8, 1, 5, 0, 1, 1, 1, 1},  /* ... or before */
        {1, 1, 1, 1, 5, 34, 1, 1}, /* goes on behind the packet */
        {1, 1, 1, 1, 5, 10, 1, 1},
    };

    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    have(lost, lost + flight, lost + flight + SEGMENT); /* was never sent */
    have(lost, lost - 4 * SEGMENT, lost - SEGMENT);
    have(lost, lost - SEGMENT, lost + 8 * SEGMENT);      /* then it would have acknowledged them */
    have(lost, lost + 12 * SEGMENT, lost + 8 * SEGMENT); /* ends before it begins */
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint8_t options[16] = {1, 1, 1, 1, 1, 1, 1, 1};
        memcpy(options + 8, odd[i], sizeof(odd[i]));
        peer.options = options;
        peer.options_len = sizeof(options);
        acknowledge(lost);
    }
    assert_false(seen.is_any);
}

/* Selective acknowledgements behind a fragment's end: what lies there is something else. */
static void split_options_body(void)
{
    uint8_t segment[32] = {0}, stale[24] = {0};

    start_selective();
    uint32_t acked = pass_window();
    write_all();
    /* Where the blocks would be, behind the headers and 24 bytes, this leaves another. */
    wire_put(stale + 16, 4, first + acked + SEGMENT);
    wire_put(stale + 20, 4, first + seen.to);
    peer_send_udp(PEER_HONEST, 9, 9, stale, sizeof(stale));
    peer_wait_ms(1);
    forget();
    wire_put(segment, 2, peer.from_port);
    wire_put(segment + 2, 2, PORT);
    wire_put(segment + 4, 4, peer.next);
    wire_put(segment + 8, 4, first + acked);
    wire_put(segment + 12, 2, 8 << 12 | PEER_ACK);
    wire_put(segment + 14, 2, peer.window);
    wire_put(segment + 20, 4, 0x0101050a);
    wire_put(segment + 24, 4, first);
    wire_put(segment + 28, 4, first + 1);
    peer_send4(PEER_HONEST, PEER_TCP, 7, 0x2000, segment, 24);
    peer_send4(PEER_HONEST, PEER_TCP, 7, 3, segment + 24, 8);
    peer_wait_ms(1);
    assert_int_equal(seen.n_bytes, 0);
}

/* What is behind a header's end is data: a block that begins in the one and ends in the other is
 * none. */
static void data_is_no_option_body(void)
{
    static const uint8_t tails[][4] = {{1, 1, 5, 10}, {1, 1, 1, 5}};

    start_selective();
    uint32_t flight = fly(), lost = seen.to - flight;
    forget();
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        uint8_t data[16] = {10}, *block = i ? data + 1 : data;
        wire_put(block, 4, first + lost + SEGMENT);
        wire_put(block + 4, 4, first + lost + flight);
        peer.options = tails[i];
        peer.options_len = sizeof(tails[i]);
        peer_segment(&peer, PEER_ACK, peer.next, first + lost, data, sizeof(data));
        peer.next += sizeof(data);
    }
    assert_false(seen.is_any);
    peer.options = NULL;
    have(lost, lost + SEGMENT, lost + flight);
    assert_int_equal(seen.from, lost);
}

IN_KERNEL(selective)
IN_KERNEL(two_holes)
IN_KERNEL(many_holes)
IN_KERNEL(lost_again)
IN_KERNEL(end)
IN_KERNEL(small)
IN_KERNEL(least)
IN_KERNEL(overtaken)
IN_KERNEL(wrong_alarm)
IN_KERNEL(open_again)
IN_KERNEL(in_turn)
IN_KERNEL(smallest)
IN_KERNEL(no_memory)
IN_KERNEL(busy)
IN_KERNEL(crumbs)
IN_KERNEL(lies)
IN_KERNEL(split_options)
IN_KERNEL(data_is_no_option)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"what_a_peer_has_behind_a_hole_counts", selective, NULL, NULL, NULL},
        {"each_hole_is_filled_in_turn", two_holes, NULL, NULL, NULL},
        {"many_holes_are_filled_in_one_round_trip", many_holes, NULL, NULL, NULL},
        {"what_fills_a_hole_may_be_lost_too", lost_again, NULL, NULL, NULL},
        {"a_hole_before_the_end_is_filled_at_once", end, NULL, NULL, NULL},
        {"each_small_packet_fills_its_own_hole", small, NULL, NULL, NULL},
        {"packets_have_a_least_size", least, NULL, NULL, NULL},
        {"what_was_overtaken_is_not_lost", overtaken, NULL, NULL, NULL},
        {"after_a_wrong_alarm_nothing_else_is_sent_twice", wrong_alarm, NULL, NULL, NULL},
        {"what_a_window_does_not_let_through_goes_when_it_does", open_again, NULL, NULL, NULL},
        {"or_in_its_turn_after_a_time_out", in_turn, NULL, NULL, NULL},
        {"an_acknowledgement_has_so_many_packets_sent_again", smallest, NULL, NULL, NULL},
        {"without_memory_a_hole_is_filled_later", no_memory, NULL, NULL, NULL},
        {"what_the_backend_has_yet_is_sent_again_later", busy, NULL, NULL, NULL},
        {"single_bytes_that_a_peer_has_harm_nobody", crumbs, NULL, NULL, NULL},
        {"what_a_peer_can_not_have_does_not_count", lies, NULL, NULL, NULL},
        {"options_end_where_their_piece_does", split_options, NULL, NULL, NULL},
        {"what_follows_a_header_is_no_option_of_it", data_is_no_option, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
