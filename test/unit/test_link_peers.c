/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on the link that lie, and that flood: what is bounded, what is not believed, and that an
 * honest neighbour is served all the same. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/netif.h"

#include <sprat/clock.h>

#include "kernel.h"
#include "peer.h"
#include "vif.h"
#include "wire.h"
#include "world.h"

#define PORT   7
#define CLOSED 9
#define FLOOD  3000
#define LEAST  1280
#define LARGE  4000

enum { OPTIONS = 60 };

static struct peer_tcp peer;
static int listener, server, udp;

static void open_sockets(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    peer_start();
    listener = socket(AF_INET6, SOCK_STREAM, 0);
    udp = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(bind(udp, (struct sockaddr *)&any, sizeof(any)), 0);
}

/* ICMP errors are few, answers to pings are not. */
static void errors_body(void)
{
    uint8_t ping[16] = {8, 0, 0xf7, 0xff};

    open_sockets();
    peer_send_udp(PEER_HONEST, 4000, CLOSED, "x", 1); /* the guest looks for its neighbour */
    peer_wait_ms(10);
    peer_forget();
    for (int i = 0; i < 500; i++) {
        peer_send_udp(PEER_HONEST, 4000, CLOSED, "x", 1);
        peer_wait_ms(0);
    }
    assert_in_range(peer_count(PEER_ICMP), 40, 60);
    peer_wait_ms(1000);
    peer_forget();
    peer_send_udp(PEER_HONEST, 4000, CLOSED, "x", 1);
    peer_wait_ms(0);
    assert_int_equal(peer_count(PEER_ICMP), 1);
    for (int i = 0; i < 500; i++) {
        peer_send4(PEER_HONEST, PEER_ICMP, 0, 0, ping, sizeof(ping));
        peer_wait_ms(0);
    }
    assert_int_equal(peer_count(PEER_ICMP), 501);
    peer_wait_ms(1000);
    for (int i = 0; i < 500; i++) {
        peer_send_udp6(NULL, 9, 4000, CLOSED, "x", 1);
        peer_wait_ms(0);
    }
    assert_in_range(peer_count(PEER_ICMP6), 40, 60);
}

/* So are those about packets of which pieces are missing, which all give up at once. */
static void late_errors_body(void)
{
    static const uint8_t piece[16];

    open_sockets();
    peer_send_udp(PEER_HONEST, 4000, CLOSED, "x", 1);
    peer_wait_ms(1000);
    peer_forget();
    for (uint16_t id = 0; id < 60; id++)
        peer_send4(PEER_HONEST, PEER_UDP, id, 0x2000, piece, sizeof(piece));
    peer_wait_ms(20000);
    assert_in_range(peer_count(PEER_ICMP), 40, 52);
}

/* Packets that are said to be too big. */

/* What is wrong of the two addresses' last bytes. */
static uint8_t from_xor, to_xor;

/* What the guest sent, as the message quotes it: from its link-local address to fe80::9. */
static void send_too_big(uint32_t mtu, uint8_t protocol, uint16_t from_port, uint16_t to_port,
                         uint32_t sequence)
{
    uint8_t message[8 + 40 + 20] = {2};
    uint8_t *ip = message + 8, *transport = ip + 40;
    static const uint8_t guest[] = {0xfe, 0x80, 0,    0,    0,    0,    0,    0,
                                    0x02, 0x16, 0x3e, 0xff, 0xfe, 0x01, 0x02, 0x03};

    wire_put(message + 4, 4, mtu);
    ip[0] = 0x60;
    ip[6] = protocol;
    memcpy(ip + 8, guest, sizeof(guest));
    ip[24] = 0xfe;
    ip[25] = 0x80;
    ip[23] ^= from_xor;
    ip[39] = 9 ^ to_xor;
    wire_put(transport, 2, from_port);
    wire_put(transport + 2, 2, to_port);
    wire_put(transport + 4, 4, sequence);
    peer_send6(33, PEER_ICMP6, message, sizeof(message));
    peer_wait_ms(0);
}

static void acknowledge(void)
{
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next, NULL, 0);
    peer_wait_ms(1);
}

/* The size of segments as they leave. */
static unsigned size_of(const struct peer_packet *packet)
{
    return packet->cut_bytes ? packet->cut_bytes
                             : (unsigned)packet->len - (packet->bytes[12] >> 4) * 4u;
}

static void write_large(void)
{
    static const char bytes[LARGE];

    peer_forget();
    assert_int_equal(send(server, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
    peer_wait_ms(1);
}

/* Take what was sent, to its end. @return the size of the largest segment. */
static unsigned take_large(uint32_t first)
{
    unsigned largest = 0;

    while (peer.guest_next != first + LARGE) {
        struct peer_packet packet = peer_last(PEER_TCP);
        largest = size_of(&packet) > largest ? size_of(&packet) : largest;
        peer.guest_next =
            wire_get(packet.bytes + 4, 4) + (uint32_t)packet.len - (packet.bytes[12] >> 4) * 4u;
        peer_forget();
        acknowledge();
    }
    return largest;
}

static unsigned send_large(void)
{
    write_large();
    return take_large(peer.guest_next);
}

static void tcp_too_big_body(void)
{
    open_sockets();
    peer = peer_connect6(5000, PORT);
    server = accept(listener, NULL, NULL);
    for (int i = 0; i < 3; i++)
        send_large();
    assert_in_range(send_large(), LEAST, 1440);
    uint32_t first = peer.guest_next;
    write_large();
    peer_forget();
    send_too_big(LEAST, PEER_TCP, PORT, 5000, first - 1);      /* acknowledged long ago */
    send_too_big(LEAST, PEER_TCP, PORT, 5000, first + 400000); /* never sent */
    send_too_big(LEAST, PEER_TCP, PORT, 5001, first);          /* to somebody else, ... */
    send_too_big(LEAST, PEER_TCP, PORT + 1, 5000, first);
    to_xor = 1;
    send_too_big(LEAST, PEER_TCP, PORT, 5000, first);
    to_xor = 0;
    from_xor = 1; /* ... or by him */
    send_too_big(LEAST, PEER_TCP, PORT, 5000, first);
    from_xor = 0;
    send_too_big(LEAST - 1, PEER_TCP, PORT, 5000, first); /* IPv6 has no such link */
    send_too_big(0, PEER_TCP, PORT, 5000, first);
    assert_int_equal(peer_count(PEER_TCP), 0);
    send_too_big(LEAST, PEER_TCP, PORT, 5000,
                 first); /* true: it is sent again, in smaller pieces */
    assert_in_range(take_large(first) + 20 + 40, LEAST - 100, LEAST);
    assert_in_range(send_large() + 20 + 40, LEAST - 100, LEAST);
}

static void send_datagram(size_t len)
{
    static const char bytes[1600];
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(4000),
                              .sin6_addr.s6_addr = {0xfe, 0x80, [15] = 9},
                              .sin6_scope_id = 2};

    peer_forget();
    assert_int_equal(sendto(udp, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
    peer_wait_ms(10);
}

static void udp_too_big_body(void)
{
    open_sockets();
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 1);
    send_too_big(LEAST, PEER_UDP, CLOSED, 4000, 0);
    send_too_big(LEAST - 1, PEER_UDP, PORT, 4000, 0);
    send_too_big(48, PEER_UDP, PORT, 4000, 0); /* lwIP would cut pieces of no bytes */
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 1);
    send_too_big(LEAST, PEER_UDP, PORT, 4000, 0);
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 2);
    assert_true(peer_last(PEER_UDP).total <= LEAST);
}

/* A router says what the link's MTU is; not too little, and not more than there is. */
static void send_option(uint8_t option, uint8_t units, uint32_t mtu)
{
    uint8_t message[16 + 8] = {134, [16] = option, [17] = units};

    wire_put(message + 20, 4, mtu);
    peer_send6(9, PEER_ICMP6, message, sizeof(message));
    peer_wait_ms(0);
}

static void send_advertisement(uint32_t mtu)
{
    send_option(5, 1, mtu);
}

static void advertised_body(void)
{
    open_sockets();
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 1);
    send_advertisement(LEAST - 1);
    send_option(6, 1, LEAST); /* of something else */
    send_option(6, 0, LEAST); /* of no length: there is no next one */
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 1);
    send_advertisement(1300);
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 2);
    peer = peer_connect6(5000, PORT);
    server = accept(listener, NULL, NULL);
    assert_in_range(send_large() + 20 + 40, 1000, 1300);
    send_advertisement(9000);
    send_datagram(1400);
    assert_int_equal(peer_count(PEER_UDP), 1);
    send_datagram(1600);
    assert_int_equal(peer_count(PEER_UDP), 2);
}

/* Neighbours that are none. */

static void solicit(unsigned i)
{
    uint8_t message[32] = {135,  [8] = 0xfe, [9] = 0x80, [16] = 0x02, 0x16, 0x3e, 0xff,
                           0xfe, 0x01,       0x02,       0x03,        1,    1,    2,
                           0,    0,          0,          0,           1};

    peer_send6((uint16_t)(1000 + i), PEER_ICMP6, message, sizeof(message));
    peer_wait_ms(0);
}

/* Requests for a connection from everywhere: an answer to each needs a neighbour. */
static void request(unsigned i)
{
    struct peer_tcp tcp = {
        .from = PEER_HONEST + 1 + i % 240, .from_port = (uint16_t)(6000 + i), .port = PORT};

    peer_segment(&tcp, PEER_SYN, i, 0, NULL, 0);
    tcp.ip6 = true;
    tcp.from = 1000 + i;
    peer_segment(&tcp, PEER_SYN, i, 0, NULL, 0);
}

static void assert_both_are_served(struct peer_tcp *four, int server4, int server6)
{
    char bytes[8];

    peer_say(four, "four", 4);
    assert_int_equal(recv(server4, bytes, sizeof(bytes), MSG_DONTWAIT), 4);
    peer_forget();
    assert_int_equal(send(server4, "4444", 4, MSG_DONTWAIT), 4);
    peer_wait_ms(1);
    struct peer_packet packet = peer_last(PEER_TCP);
    assert_true(packet.to == PEER_HONEST && memcmp(packet.bytes + packet.len - 4, "4444", 4) == 0);
    four->guest_next += 4;
    peer_segment(four, PEER_ACK, four->next, four->guest_next, NULL, 0);
    peer_say(&peer, "six", 3);
    assert_int_equal(recv(server6, bytes, sizeof(bytes), MSG_DONTWAIT), 3);
    peer_forget();
    assert_int_equal(send(server6, "666", 3, MSG_DONTWAIT), 3);
    peer_wait_ms(1);
    packet = peer_last(PEER_TCP);
    assert_memory_equal(packet.bytes + packet.len - 3, "666", 3);
    peer.guest_next += 3;
    acknowledge();
}

/* Somebody says that the guest's address is his: it was asked whether anybody has it, and is not
 * given up for whoever says so later. */
static void claimed_body(void)
{
    static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
    uint8_t message[24] = {136, [4] = 0x20};
    /* Behind options that do nothing, so that it is not copied: ASan sees its end. */
    uint8_t packet[256 + sizeof(message)] = {PEER_ICMP6, 31, 1, 252};

    open_sockets();
    memcpy(message + 8, netif_ip6_addr(netif_default, 0)->addr, 16);
    memcpy(packet + 256, message, sizeof(message));
    peer_send6_to(all_nodes, 33, PEER_ICMP6, message, sizeof(message));
    for (size_t len = 8; len <= sizeof(message); len++)
        peer_send6_to(all_nodes, 33, OPTIONS, packet, 256 + len);
    peer_wait_ms(1);
    assert_true(ip6_addr_isvalid(netif_ip6_addr_state(netif_default, 0)));
    peer = peer_connect6(5001, PORT);
}

static void neighbours_body(void)
{
    open_sockets();
    struct peer_tcp four = peer_connect(PEER_HONEST, 5000, PORT);
    int server4 = accept(listener, NULL, NULL);
    peer_forget();
    peer = peer_connect6(5001, PORT);
    int server6 = accept(listener, NULL, NULL);
    assert_true(server4 >= 0 && server6 >= 0);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < FLOOD / 5; i++) {
            solicit(round * FLOOD + i);
            request(round * FLOOD + i);
        }
        assert_both_are_served(&four, server4, server6);
        peer_wait_ms(10000); /* neighbours' entries age */
    }
}

IN_KERNEL(errors)
IN_KERNEL(late_errors)
IN_KERNEL(tcp_too_big)
IN_KERNEL(udp_too_big)
IN_KERNEL(advertised)
IN_KERNEL(claimed)
IN_KERNEL(neighbours)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"icmp_errors_are_few", errors, NULL, NULL, NULL},
        {"errors_about_lost_pieces_are_few", late_errors, NULL, NULL, NULL},
        {"a_segment_is_too_big_only_when_it_was_sent", tcp_too_big, NULL, NULL, NULL},
        {"a_datagram_is_too_big_only_when_it_may_have_been_sent", udp_too_big, NULL, NULL, NULL},
        {"a_router_says_what_the_link_s_mtu_is", advertised, NULL, NULL, NULL},
        {"an_address_is_not_given_up_for_who_says_it_is_his", claimed, NULL, NULL, NULL},
        {"neighbours_that_are_none_push_out_no_true_ones", neighbours, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
