/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's peers, and those who only pretend to be one: they know a connection's addresses and ports,
 * but not its numbers. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sprat/page.h>

#include "lwip/netif.h"

#include "guest_libc.h"
#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define PORT       7
#define FAR        0x40000000u /* numbers: a quarter of all */
#define FEW_BLOCKS 6
#define FEW_PAGES  15     /* fewer than the network likes */
#define TICK_MS    1100   /* lwIP counts half seconds, and rests in between */
#define FORGET_MS  130000 /* more than TIME_WAIT's two minutes */

/* A connection of the guest's with its honest peer. */
static struct peer_tcp peer;
static int listener, server;

static void connect_peer(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    peer_start();
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 5), 0);
    peer = peer_connect(PEER_HONEST, 5000, PORT);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    peer_forget();
}

/* The connection carries data both ways. */
static void assert_lives(void)
{
    char bytes[8];

    peer_say(&peer, "honest", 6);
    assert_int_equal(recv(server, bytes, sizeof(bytes), MSG_DONTWAIT), 6);
    assert_memory_equal(bytes, "honest", 6);
    peer_forget();
    assert_int_equal(send(server, "reply", 5, MSG_DONTWAIT), 5);
    struct peer_packet packet = peer_last(PEER_TCP);
    assert_memory_equal(packet.bytes + packet.len - 5, "reply", 5);
    peer.guest_next += 5;
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next, NULL, 0);
}

/* Time enough for the next challenge to be answered. */
static void wait_a_tick(void)
{
    peer_wait_ms(TICK_MS);
    peer_forget();
}

/* The guest answers what it does not believe with what it expects, so that a true peer sees. */
static void assert_challenged(void)
{
    struct peer_packet packet = peer_last(PEER_TCP);

    assert_int_equal(packet.len, (packet.bytes[12] >> 4) * 4u); /* no data */
    assert_int_equal(packet.bytes[13], PEER_ACK);
    wait_a_tick();
}

static void resets_body(void)
{
    char c;

    connect_peer();
    peer_segment(&peer, PEER_RST, peer.next + FAR, 0, NULL, 0);
    assert_int_equal(peer_count(PEER_TCP), 0);
    assert_lives();
    peer_forget();
    peer_segment(&peer, PEER_RST, peer.next + 100, 0, NULL, 0); /* RFC 5961: in the window */
    assert_challenged();
    assert_lives();
    peer_segment(&peer, PEER_RST, peer.next, 0, NULL, 0);
    assert_int_equal(recv(server, &c, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void syns_body(void)
{
    connect_peer();
    peer_segment(&peer, PEER_SYN, peer.next + 100, 0, NULL, 0);
    assert_challenged();
    peer_segment(&peer, PEER_SYN, peer.next + FAR, 0, NULL, 0);
    assert_challenged();
    assert_lives();
}

/* RFC 5961, 5: data that is in the window, but acknowledges what was never sent, or long ago. */
static void data_body(void)
{
    char c;

    connect_peer();
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next + FAR, "forged", 6);
    assert_challenged();
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next - FAR, "forged", 6);
    assert_challenged();
    peer_segment(&peer, 0, peer.next, peer.guest_next, "forged", 6); /* without the flag */
    assert_int_equal(recv(server, &c, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_lives();
}

/* An end that is not the peer's. */
static void ends_body(void)
{
    char c;

    connect_peer();
    peer_segment(&peer, PEER_ACK | PEER_FIN, peer.next, peer.guest_next + FAR, NULL, 0);
    assert_int_equal(recv(server, &c, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_lives();
}

/* Window updates are believed of segments in the window only: none closes it from outside. */
static void windows_body(void)
{
    struct peer_tcp forged;

    connect_peer();
    forged = peer;
    forged.window = 0;
    peer_segment(&forged, PEER_ACK, peer.next + FAR, peer.guest_next, NULL, 0);
    assert_challenged();
    peer_segment(&forged, PEER_ACK, peer.next + 100, peer.guest_next + FAR, NULL, 0);
    assert_challenged();
    assert_int_equal(send(server, "open", 4, MSG_DONTWAIT), 4);
    peer_wait_ms(1);
    struct peer_packet packet = peer_last(PEER_TCP);
    assert_memory_equal(packet.bytes + packet.len - 4, "open", 4);
}

/* Who acknowledges what was never offered has an old connection: RFC 793 has it reset. */
static void unopened_body(void)
{
    connect_peer();
    struct peer_tcp other = peer;
    other.from_port++;
    peer_segment(&other, PEER_SYN, other.next, 0, NULL, 0);
    peer_wait_ms(1);
    assert_int_equal(peer_last(PEER_TCP).bytes[13], PEER_SYN | PEER_ACK);
    peer_segment(&other, PEER_ACK, other.next + 1, other.guest_next + FAR, NULL, 0);
    assert_true(peer_last(PEER_TCP).bytes[13] & PEER_RST);
    assert_lives();
}

/* Two that are both behind would answer one another for ever. */
static void storms_body(void)
{
    connect_peer();
    wait_a_tick();
    for (int i = 0; i < 100; i++)
        peer_segment(&peer, PEER_ACK, peer.next - 1, peer.guest_next, NULL, 0);
    assert_int_equal(peer_count(PEER_TCP), 1);
    wait_a_tick();
    assert_lives();
}

/* What came already is acknowledged again: the first acknowledgement may have been lost. */
static void repeated_body(void)
{
    char bytes[8];

    connect_peer();
    peer_say(&peer, "honest", 6);
    peer_forget();
    peer_segment(&peer, PEER_ACK, peer.next - 6, peer.guest_next, "honest", 6);
    assert_challenged();
    peer_segment(&peer, PEER_ACK, peer.next - 1, peer.guest_next, "t", 1); /* are you there? */
    assert_challenged();
    peer_segment(&peer, PEER_ACK, peer.next - 3, peer.guest_next, "est.", 4); /* and one more */
    peer.next++;
    assert_int_equal(recv(server, bytes, sizeof(bytes), MSG_DONTWAIT), 7);
    assert_memory_equal(bytes, "honest.", 7);
    assert_lives();
}

/* 1. Both sides said that they send no more. 2. lwIP remembers the connection for two minutes, and
 * forgets it. 3. The program closes its socket. */
static void late_close_body(void)
{
    char c;

    connect_peer();
    assert_int_equal(shutdown(server, SHUT_WR), 0);
    peer_wait_ms(1);
    peer.guest_next++;
    peer_segment(&peer, PEER_ACK | PEER_FIN, peer.next++, peer.guest_next, NULL, 0);
    assert_int_equal(recv(server, &c, 1, 0), 0);
    peer_wait_ms(FORGET_MS);
    assert_int_equal(recv(server, &c, 1, 0), 0);
    assert_int_equal(close(server), 0);
}

/* The same where both ends cross. */
static void crossing_ends_body(void)
{
    char c;

    connect_peer();
    assert_int_equal(shutdown(server, SHUT_WR), 0);
    peer_wait_ms(1);
    peer_segment(&peer, PEER_ACK | PEER_FIN, peer.next++, peer.guest_next, NULL, 0);
    assert_int_equal(recv(server, &c, 1, 0), 0);
    peer_segment(&peer, PEER_ACK, peer.next, ++peer.guest_next, NULL, 0);
    peer_wait_ms(FORGET_MS);
    assert_int_equal(close(server), 0);
}

/* The last pages are needed: who was served and is silent makes room, who waits to be served does
 * not. */
static void short_memory_body(void)
{
    char bytes[8];

    connect_peer();
    peer_say(&peer, "honest", 6); /* and the program is slow */
    peer_wait_ms(5000);
    struct peer_tcp second = peer_connect(PEER_HONEST, 5001, PORT);
    int idle = accept(listener, NULL, NULL);
    peer_wait_ms(5000);
    while (page_free_count() >= FEW_PAGES)
        assert_non_null(page_alloc(1, 1));
    peer_segment(&second, PEER_RST, second.next + FAR, 0, NULL, 0); /* the network has a look */
    assert_int_equal(recv(idle, bytes, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ETIMEDOUT); /* as when lwIP gives up */
    assert_int_equal(recv(server, bytes, sizeof(bytes), MSG_DONTWAIT), 6);
    assert_int_equal(send(server, "served", 6, MSG_DONTWAIT), 6);
}

/* Memory ends with the request, or with what completes it, sooner or later: the next is heard. */
static void no_memory_body(void)
{
    connect_peer();
    for (unsigned i = 0; i < 2 * FEW_BLOCKS; i++) {
        unsigned after = i / 2;
        struct peer_tcp other = peer;
        other.from_port = (uint16_t)(6000 + i);
        other.next = 1000;
        fake_libc_fails(i % 2 ? after : UINT_MAX);
        peer_segment(&other, PEER_SYN, other.next++, 0, NULL, 0);
        fake_libc_fails(i % 2 ? UINT_MAX : after);
        other.guest_next = wire_get(peer_last(PEER_TCP).bytes + 4, 4) + 1;
        peer_segment(&other, PEER_ACK, other.next, other.guest_next, NULL, 0);
        fake_libc_fails(UINT_MAX);
        struct peer_tcp next = peer_connect(PEER_HONEST, (uint16_t)(7000 + i), PORT);
        peer_say(&next, "x", 1);
        for (char byte = 0; byte != 'x';) {
            int fd = accept(listener, NULL, NULL);
            recv(fd, &byte, 1, MSG_DONTWAIT);
            close(fd);
        }
        peer_segment(&next, PEER_RST, next.next, 0, NULL, 0);
    }
}

static int connect_to(int type, uint32_t ip)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(ip)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    int error = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;

    close(fd);
    return error;
}

static int connect_far6(void)
{
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(7), .sin6_addr = {{{0xfd, 0, 0, 7}}}};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    int error = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;

    close(fd);
    return error;
}

/* Without a gateway, and with one; and where nobody can answer. */
static void ways_body(void)
{
    const uint32_t far = 0xc0000201, near = 0x0a000063, all = 0x0a0000ff, group = 0xe0000101;
    ip4_addr_t gateway = {htonl(0x0a000001)};

    peer_start();
    assert_int_equal(connect_to(SOCK_STREAM, far), ENETUNREACH);
    assert_int_equal(connect_to(SOCK_DGRAM, far), ENETUNREACH);
    assert_int_equal(connect_to(SOCK_STREAM, near), EINPROGRESS);
    assert_int_equal(connect_to(SOCK_DGRAM, near), 0);
    assert_int_equal(connect_to(SOCK_DGRAM, group), 0);
    assert_int_equal(connect_to(SOCK_DGRAM, 0xa9fe0909), 0); /* the link's own addresses */
    assert_int_equal(connect_to(SOCK_DGRAM, INADDR_BROADCAST), 0);
    assert_int_equal(connect_far6(), 0); /* that has its own */
    assert_int_equal(connect_to(SOCK_STREAM, all), ENETUNREACH);
    assert_int_equal(connect_to(SOCK_STREAM, group), ENETUNREACH);
    netif_set_gw(netif_default, &gateway);
    assert_int_equal(connect_to(SOCK_STREAM, far), EINPROGRESS);
    assert_int_equal(connect_to(SOCK_DGRAM, far), 0);
    assert_int_equal(connect_to(SOCK_STREAM, all), ENETUNREACH);
    assert_int_equal(connect_to(SOCK_STREAM, group), ENETUNREACH);
    netif_set_down(netif_default); /* there still is the loopback interface */
    assert_int_equal(connect_to(SOCK_DGRAM, far), ENETUNREACH);
    assert_int_equal(connect_far6(), ENETUNREACH);
}

IN_KERNEL(ways)
IN_KERNEL(no_memory)
IN_KERNEL(resets)
IN_KERNEL(syns)
IN_KERNEL(data)
IN_KERNEL(ends)
IN_KERNEL(windows)
IN_KERNEL(unopened)
IN_KERNEL(storms)
IN_KERNEL(repeated)
IN_KERNEL(late_close)
IN_KERNEL(crossing_ends)
IN_KERNEL(short_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"who_connects_without_memory_is_not_heard", no_memory, NULL, NULL, NULL},
        {"who_can_not_be_reached_is_told_at_once", ways, NULL, NULL, NULL},
        {"only_an_exact_reset_resets", resets, NULL, NULL, NULL},
        {"a_syn_within_a_connection_is_challenged", syns, NULL, NULL, NULL},
        {"data_with_a_wrong_acknowledgement_is_not_taken", data, NULL, NULL, NULL},
        {"an_end_with_a_wrong_acknowledgement_is_none", ends, NULL, NULL, NULL},
        {"a_window_is_not_closed_from_outside", windows, NULL, NULL, NULL},
        {"a_wrong_acknowledgement_of_an_offer_is_answered_with_a_reset", unopened, NULL, NULL,
         NULL},
        {"challenges_are_few", storms, NULL, NULL, NULL},
        {"what_comes_twice_is_acknowledged_twice", repeated, NULL, NULL, NULL},
        {"a_connection_that_is_over_is_closed_late", late_close, NULL, NULL, NULL},
        {"who_waits_to_be_served_is_not_silent", short_memory, NULL, NULL, NULL},
        {"so_is_one_whose_ends_crossed", crossing_ends, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
