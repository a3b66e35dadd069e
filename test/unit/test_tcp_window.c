/* SPDX-License-Identifier: BSD-2-Clause */
/* How much the guest sends before it hears of it: the congestion window, where netback cuts. */
#include "run.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define PORT    7
#define SEGMENT 1440u /* the peer's */
#define FIRST   (10 * SEGMENT)
#define BLOCK   16384

static struct peer_tcp peer;
static int server;
static uint32_t first;   /* the first byte's number */
static uint32_t written; /* bytes, by the program */

/* What the guest sent since it was last looked at, from one byte to another. */
static struct {
    uint32_t from, to; /* offsets */
    uint32_t n_bytes;
    bool is_any;
} seen;

static uint8_t byte_at(uint32_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static void see(const struct peer_packet *packet)
{
    size_t header = packet->protocol == PEER_TCP ? (packet->bytes[12] >> 4) * 4u : 0;

    if (!header || packet->len == header)
        return;
    uint32_t at = wire_get(packet->bytes + 4, 4) - first, len = (uint32_t)(packet->len - header);
    for (uint32_t i = 0; i < len && i < SEGMENT; i++) /* more of it is not kept */
        assert_int_equal(packet->bytes[header + i], byte_at(at + i));
    assert_true(!packet->cut_bytes || packet->cut_bytes == SEGMENT);
    seen.from = seen.is_any && seen.from < at ? seen.from : at;
    seen.to = seen.to > at + len ? seen.to : at + len;
    seen.n_bytes += len;
    seen.is_any = true;
}

static void forget(void)
{
    memset(&seen, 0, sizeof(seen));
}

static void start_with(const uint8_t *options, size_t n)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    peer_start();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 1), 0);
    peer = (struct peer_tcp){.from = PEER_HONEST,
                             .from_port = 5000,
                             .port = PORT,
                             .next = 1000,
                             .window = 65535,
                             .options = options,
                             .options_len = n};
    peer_open(&peer);
    server = accept(listener, NULL, NULL);
    first = peer.guest_next;
    peer.options = NULL;
    peer_sees = see;
}

static void start(void)
{
    static const uint8_t size[] = {2, 4, SEGMENT >> 8, SEGMENT & 255};

    start_with(size, sizeof(size));
}

/* With a peer that acknowledges selectively. */
static void start_selective(void)
{
    static const uint8_t permitted[] = {2, 4, SEGMENT >> 8, SEGMENT & 255, 1, 1, 4, 2};

    start_with(permitted, sizeof(permitted));
}

static void write_some(size_t n)
{
    static uint8_t block[BLOCK];

    for (size_t i = 0; i < n; i++)
        block[i] = byte_at(written + (uint32_t)i);
    ssize_t done = send(server, block, n, MSG_DONTWAIT);
    written += done > 0 ? (uint32_t)done : 0;
}

/* As much as it takes. */
static void write_all(void)
{
    uint32_t before;

    do {
        before = written;
        write_some(BLOCK);
    } while (written != before);
    peer_wait_ms(1);
}

static void acknowledge(uint32_t offset)
{
    peer_segment(&peer, PEER_ACK, peer.next, first + offset, NULL, 0);
}

/* A window of which all has come. @return its size. */
static uint32_t pass_window(void)
{
    write_all();
    uint32_t flight = seen.n_bytes;
    acknowledge(seen.to);
    seen.n_bytes -= flight;
    return flight;
}

/* Let the window grow. @return what is in flight. */
static uint32_t fly(void)
{
    pass_window();
    write_all();
    assert_int_equal(seen.n_bytes, 20 * SEGMENT);
    return seen.n_bytes;
}

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

static void repeat(uint32_t offset)
{
    for (int i = 0; i < 3; i++)
        acknowledge(offset);
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

/* @return for how many ms. */
static unsigned wait_for_some(void)
{
    unsigned ms = 0;

    for (; !seen.is_any; ms += 10)
        peer_wait_ms(10);
    return ms;
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

/* The peer has some of what is behind a hole; its window is another each time. */
static void have(uint32_t hole, uint32_t from, uint32_t to)
{
    uint8_t option[12] = {1, 1, 5, 10};

    wire_put(option + 4, 4, first + from);
    wire_put(option + 8, 4, first + to);
    peer.options = option;
    peer.options_len = sizeof(option);
    peer.window -= 4;
    acknowledge(hole);
    peer.options = NULL;
}

/* The guest's own idea of it, in segments. */
static uint32_t window_now(void)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_snd_cwnd;
}

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
    assert_int_equal(seen.from, lost + 6 * SEGMENT);
    forget();
    acknowledge(lost + flight);
    acknowledge(seen.to);
    assert_true(seen.from >= lost + flight);
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

IN_KERNEL(opening)
IN_KERNEL(slow_start)
IN_KERNEL(unused)
IN_KERNEL(halves)
IN_KERNEL(time_out)
IN_KERNEL(far)
IN_KERNEL(selective)
IN_KERNEL(two_holes)
IN_KERNEL(end)
IN_KERNEL(lies)
IN_KERNEL(split_options)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"ten_segments_are_sent_at_first", opening, NULL, NULL, NULL},
        {"what_is_acknowledged_doubles_the_window", slow_start, NULL, NULL, NULL},
        {"a_window_that_is_not_used_does_not_grow", unused, NULL, NULL, NULL},
        {"a_loss_halves_the_window_and_one_segment_is_sent_again", halves, NULL, NULL, NULL},
        {"after_a_time_out_one_segment_is_sent", time_out, NULL, NULL, NULL},
        {"a_time_out_is_longer_than_round_trips_are", far, NULL, NULL, NULL},
        {"what_a_peer_has_behind_a_hole_counts", selective, NULL, NULL, NULL},
        {"each_hole_is_filled_in_turn", two_holes, NULL, NULL, NULL},
        {"a_hole_before_the_end_is_filled_at_once", end, NULL, NULL, NULL},
        {"what_a_peer_can_not_have_does_not_count", lies, NULL, NULL, NULL},
        {"options_end_where_their_piece_does", split_options, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
