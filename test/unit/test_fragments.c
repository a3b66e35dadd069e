/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets in pieces: what they may take of the guest's memory, and that none replaces another. */
#include "run.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"
#include "peer.h"
#include "vif.h"
#include "wire.h"
#include "world.h"

#define PORT          7
#define FLOOD         3000
#define FRAGMENTS_MAX 80    /* buffers that all unfinished packets of a family may take */
#define FOREVER_MS    70000 /* until lwIP has given up every fragment */

static int udp;

static void open_socket(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    peer_start();
    udp = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(udp, (struct sockaddr *)&any, sizeof(any)), 0);
}

/* UDP's header and data, without a checksum in IPv4. */
static size_t make_udp(uint8_t *udp_header, uint16_t port, size_t data)
{
    wire_put(udp_header, 2, 4000);
    wire_put(udp_header + 2, 2, port);
    wire_put(udp_header + 4, 2, (unsigned)(8 + data));
    wire_put(udp_header + 6, 2, 0);
    memset(udp_header + 8, 'd', data);
    return 8 + data;
}

static void send_fragment4(uint32_t from, unsigned id, size_t at, bool more, const uint8_t *bytes,
                           size_t len)
{
    peer_send4(from, PEER_UDP, (uint16_t)id, (uint16_t)((more ? 0x2000 : 0) | at / 8), bytes, len);
    peer_wait_ms(0);
}

static void send_fragment6(uint16_t from, unsigned id, size_t at, bool more, const uint8_t *bytes,
                           size_t len)
{
    uint8_t packet[1500] = {PEER_UDP};

    wire_put(packet + 2, 2, (unsigned)(at | more));
    wire_put(packet + 4, 4, id);
    memcpy(packet + 8, bytes, len);
    peer_send6(from, 44, packet, 8 + len);
    peer_wait_ms(0);
}

/* A whole datagram in two pieces gets in. */
static void assert_pieces_get_in(bool ip6)
{
    uint8_t datagram[2008], bytes[2000];
    size_t len = make_udp(datagram, PORT, sizeof(bytes));

    if (ip6)
        wire_put(datagram + 6, 2, 0xffff); /* the interface vouches for it */
    if (ip6) {
        send_fragment6(9, 77, 0, true, datagram, 1400);
        send_fragment6(9, 77, 1400, false, datagram + 1400, len - 1400);
    } else {
        send_fragment4(PEER_HONEST, 77, 0, true, datagram, 1400);
        send_fragment4(PEER_HONEST, 77, 1400, false, datagram + 1400, len - 1400);
    }
    assert_int_equal(recv(udp, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
    assert_int_equal(bytes[1999], 'd');
}

static void fragments(bool ip6)
{
    static uint8_t piece[1000];

    open_socket();
    unsigned n_bufs = fake_vif.n_bufs;
    for (unsigned i = 0; i < FLOOD; i++) {
        if (ip6)
            send_fragment6((uint16_t)(100 + i % 50), i, 0, true, piece, sizeof(piece));
        else
            send_fragment4(PEER_HONEST + 100 + i % 50, i, 0, true, piece, sizeof(piece));
        assert_true(fake_vif.n_bufs <= n_bufs + FRAGMENTS_MAX);
    }
    assert_pieces_get_in(ip6);
    for (unsigned i = 0; i < FLOOD; i++) { /* one packet that never ends, in tiny pieces */
        if (ip6)
            send_fragment6(100, 5, 8 * (i + 1), true, piece, 8);
        else
            send_fragment4(PEER_HONEST + 100, 5, 8 * (i + 1), true, piece, 8);
    }
    assert_pieces_get_in(ip6);
    peer_wait_ms(FOREVER_MS);
    assert_int_equal(fake_vif.n_bufs, n_bufs);
}

static void fragments4_body(void)
{
    fragments(false);
}

static void fragments6_body(void)
{
    fragments(true);
}

/* A piece that is partly there already does not replace it. */
static void overlaps(bool ip6)
{
    uint8_t datagram[1608], other[800], bytes[1600];
    size_t len = make_udp(datagram, PORT, sizeof(bytes));

    open_socket();
    memset(other, 'o', sizeof(other));
    if (ip6) {
        wire_put(datagram + 6, 2, 0xffff);
        send_fragment6(9, 6, 0, true, datagram, 800);
        send_fragment6(9, 6, 400, true, other, sizeof(other));
        send_fragment6(9, 6, 800, false, datagram + 800, len - 800);
    } else {
        send_fragment4(PEER_HONEST, 6, 0, true, datagram, 800);
        send_fragment4(PEER_HONEST, 6, 400, true, other, sizeof(other));
        send_fragment4(PEER_HONEST, 6, 800, false, datagram + 800, len - 800);
    }
    ssize_t n = recv(udp, bytes, sizeof(bytes), MSG_DONTWAIT);
    assert_true(n == -1 || (n == sizeof(bytes) && !memchr(bytes, 'o', sizeof(bytes))));
}

static void overlaps4_body(void)
{
    overlaps(false);
}

static void overlaps6_body(void)
{
    overlaps(true);
}

/* A ping, and so much behind it. */
static void send_ping(size_t more)
{
    static uint8_t frame[14 + 20 + 8 + 0x10000] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03, 2,   0,
                                                   0,    0,    0,    9,    8,    0,    0x45};
    uint8_t *ip = frame + 14, *icmp = ip + 20;

    wire_put(ip + 2, 2, 20 + 8);
    ip[8] = 64;
    ip[9] = PEER_ICMP;
    wire_put(ip + 12, 4, PEER_HONEST);
    wire_put(ip + 16, 4, PEER_GUEST);
    wire_put(ip + 10, 2, 0);
    wire_put(ip + 10, 2, wire_fold(wire_sum(ip, 20, 0)));
    icmp[0] = 8;
    wire_put(icmp + 2, 2, 0);
    wire_put(icmp + 2, 2, wire_fold(wire_sum(icmp, 8, 0)));
    fake_vif_deliver(frame, 14 + 20 + 8 + more, &(struct netbuf){0}, 0);
    peer_wait_ms(1);
}

/* What lwIP counts of it, with 16 bits, would be right. */
static void endless_body(void)
{
    peer_start();
    send_ping(0);
    assert_int_equal(peer_count(PEER_ICMP), 1);
    send_ping(0x10000);
    assert_int_equal(peer_count(PEER_ICMP), 1);
}

IN_KERNEL(endless)
IN_KERNEL(fragments4)
IN_KERNEL(fragments6)
IN_KERNEL(overlaps4)
IN_KERNEL(overlaps6)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a_frame_that_is_longer_than_any_is_none", endless, NULL, NULL, NULL},
        {"fragments_of_ipv4_take_so_much_memory_and_no_more", fragments4, NULL, NULL, NULL},
        {"fragments_of_ipv6_take_so_much_memory_and_no_more", fragments6, NULL, NULL, NULL},
        {"fragments_of_ipv4_do_not_replace_one_another", overlaps4, NULL, NULL, NULL},
        {"fragments_of_ipv6_do_not_replace_one_another", overlaps6, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
