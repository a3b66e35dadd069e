/* SPDX-License-Identifier: BSD-2-Clause */
/* What calls on sockets do when another thread, or the peer, comes in between. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <sprat/thread.h>

#include "guest_libc.h"
#include "kernel.h"
#include "peer.h"
#include "world.h"

#define PORT        7
#define CLIENT_PORT 5000
#define STACK       0x20000
#define PENDING     (-2)   /* a call that has not returned */
#define FORGET_MS   130000 /* more than TIME_WAIT's two minutes */

static struct peer_tcp peer;
static int listener, server;

/* Another thread's call. */
static struct {
    ssize_t (*call)(void);
    ssize_t result;
    int error;
} other;

static void make_call(void *arg)
{
    (void)arg;
    other.result = other.call();
    other.error = other.result < 0 ? errno : 0;
}

static void begin(ssize_t (*call)(void))
{
    other.call = call;
    other.result = PENDING;
    assert_true(thread_start("other", STACK, make_call, NULL));
    peer_wait_ms(1);
    assert_int_equal(other.result, PENDING);
}

static void assert_ended(ssize_t result, int error)
{
    peer_wait_ms(1);
    assert_int_equal(other.result, result);
    assert_int_equal(other.error, error);
}

static struct sockaddr_in address_of(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port)};
}

static void start_listening(void)
{
    struct sockaddr_in any = address_of(INADDR_ANY, PORT);

    peer_start();
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 5), 0);
}

static void connect_peer(void)
{
    start_listening();
    peer = peer_connect(PEER_HONEST, CLIENT_PORT, PORT);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
}

static short events(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN | POLLRDHUP};

    assert_true(poll(&wait, 1, 0) >= 0);
    return wait.revents;
}

static ssize_t call_recv(void)
{
    char byte;

    return recv(server, &byte, 1, 0);
}

static ssize_t call_accept(void)
{
    return accept(listener, NULL, NULL);
}

/* A buffer that is full already. */
static void no_room_body(void)
{
    struct msghdr none = {0};
    char bytes[8];

    connect_peer();
    peer_say(&peer, "honest", 6);
    assert_int_equal(recv(server, bytes, 0, 0), 0);
    assert_int_equal(recvmsg(server, &none, MSG_WAITALL), 0);
    assert_int_equal(recv(server, bytes, sizeof(bytes), 0), 6);
}

static void shut_listener_body(void)
{
    struct sockaddr_in to = address_of(PEER_HONEST, 9);

    start_listening();
    begin(call_accept);
    assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(connect(listener, (struct sockaddr *)&to, sizeof(to)), -1);
    assert_int_equal(errno, EINPROGRESS);
    assert_ended(-1, EINVAL);
}

/* 1. A call has written what there is room for, and waits. 2. The peer resets the connection.
 * 3. The call tells what it wrote, and the next one why no more. */
static char much[0x40000];

static ssize_t call_send(void)
{
    return send(server, much, sizeof(much), 0);
}

static void reset_within_body(void)
{
    char byte;

    connect_peer();
    begin(call_send);
    peer_segment(&peer, PEER_RST, peer.next, 0, NULL, 0);
    peer_wait_ms(1);
    assert_in_range(other.result, 1, sizeof(much) - 1);
    assert_int_equal(recv(server, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(recv(server, &byte, 1, 0), 0);
    assert_int_equal(send(server, &byte, 1, 0), -1);
    assert_int_equal(errno, EPIPE);
}

static void shut_datagrams_body(void)
{
    struct sockaddr_in own = address_of(INADDR_ANY, PORT), to = address_of(PEER_HONEST, PORT);

    peer_start();
    server = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&own, sizeof(own)), 0);
    begin(call_recv);
    assert_int_equal(shutdown(server, SHUT_RD), -1);
    assert_int_equal(errno, ENOTCONN);
    assert_ended(0, 0);
    assert_int_equal(events(server), POLLIN | POLLRDHUP);
    assert_int_equal(sendto(server, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    shutdown(server, SHUT_WR);
    assert_int_equal(sendto(server, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(events(server), POLLIN | POLLRDHUP | POLLHUP);
}

static ssize_t call_close(void)
{
    return close(server);
}

/* Both ends cross, the peer's before it has the guest's last bytes: who lingers waits for these,
 * and no longer. */
static void linger(bool end_too)
{
    const struct linger linger = {1, 100};

    connect_peer();
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    assert_int_equal(send(server, "last", 4, 0), 4);
    begin(call_close);
    peer_segment(&peer, PEER_ACK | PEER_FIN, peer.next++, peer.guest_next, NULL, 0);
    peer_wait_ms(1);
    assert_int_equal(other.result, PENDING);
    peer.guest_next += end_too ? 5 : 4;
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next, NULL, 0);
    assert_ended(0, 0);
    peer_wait_ms(FORGET_MS);
}

static void crossing_linger_body(void)
{
    linger(false);
}

static void crossing_linger_end_body(void)
{
    linger(true);
}

static ssize_t call_connect(void)
{
    struct sockaddr_in to = address_of(PEER_HONEST, CLIENT_PORT);

    return connect(server, (struct sockaddr *)&to, sizeof(to));
}

static void disconnect_body(void)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    connect_peer();
    begin(call_recv);
    assert_int_equal(connect(server, &nobody, sizeof(nobody)), 0);
    assert_ended(-1, ECONNRESET);
    assert_int_equal(recv(server, much, 1, 0), -1);
    assert_int_equal(errno, ENOTCONN);
    close(server);

    peer = peer_connect(PEER_HONEST, CLIENT_PORT + 1, PORT);
    server = accept(listener, NULL, NULL);
    begin(call_send);
    assert_int_equal(connect(server, &nobody, sizeof(nobody)), 0);
    peer_wait_ms(1);
    assert_in_range(other.result, 1, sizeof(much) - 1);

    begin(call_connect);
    assert_int_equal(connect(server, &nobody, sizeof(nobody)), 0);
    assert_ended(-1, ECONNRESET);
}

static void shut_connect_body(void)
{
    peer_start();
    server = socket(AF_INET, SOCK_STREAM, 0);
    for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
        begin(call_connect);
        assert_int_equal(shutdown(server, how), 0);
        assert_ended(-1, ECONNRESET);
        assert_int_equal(shutdown(server, how), -1);
        assert_int_equal(errno, ENOTCONN);
    }
}

static ssize_t call_peek(void)
{
    return recv(server, much, 6, MSG_PEEK | MSG_WAITALL);
}

static void peek_all_body(void)
{
    connect_peer();
    peer_say(&peer, "abc", 3);
    begin(call_peek);
    peer_say(&peer, "defg", 4);
    assert_ended(6, 0);
    assert_memory_equal(much, "abcdef", 6);
    assert_int_equal(recv(server, much, 4, 0), 4);
    begin(call_peek);
    peer_segment(&peer, PEER_ACK | PEER_FIN, peer.next, peer.guest_next, NULL, 0);
    assert_ended(3, 0); /* there is no more */
    assert_memory_equal(much, "efg", 3);
    assert_int_equal(recv(server, much, 6, 0), 3);
    assert_int_equal(recv(server, much, 6, MSG_PEEK | MSG_WAITALL), 0);
}

static void empty_write_body(void)
{
    struct sockaddr_in to = address_of(PEER_HONEST, PORT);

    peer_start();
    server = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(connect(server, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(write(server, "", 0), 0);
    peer_wait_ms(1);
    assert_int_equal(peer_count(PEER_UDP), 1);
    assert_int_equal(peer_last(PEER_UDP).len, 8);
}

static void for_ever_body(void)
{
    const struct timeval for_ever = {.tv_sec = LONG_MAX}, longest = {.tv_sec = 0x1000000000};
    struct timeval moment = {.tv_usec = 1000};
    socklen_t len = sizeof(moment);

    connect_peer();
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &longest, len), 0);
    begin(call_recv);
    peer_say(&peer, "x", 1);
    assert_ended(1, 0);
    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &for_ever, len), 0);
    assert_int_equal(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &moment, &len), 0);
    assert_int_equal(moment.tv_sec, 0);
    assert_int_equal(moment.tv_usec, 0);
    begin(call_recv);
    peer_say(&peer, "x", 1);
    assert_ended(1, 0);
}

static int set_low_water(int value)
{
    socklen_t len = sizeof(value);

    assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &value, len), 0);
    assert_int_equal(getsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &value, &len), 0);
    return value;
}

/* Readers are woken at half a window at the latest: more might never come. */
static void low_water_body(void)
{
    int window;
    socklen_t len = sizeof(window);

    connect_peer();
    assert_int_equal(getsockopt(server, SOL_SOCKET, SO_RCVBUF, &window, &len), 0);
    assert_int_equal(set_low_water(0), 1);
    assert_int_equal(set_low_water(1), 1);
    assert_int_equal(set_low_water(1000), 1000);
    assert_int_equal(set_low_water(INT_MAX), window / 2);
    assert_int_equal(set_low_water(-1), window / 2);
}

static void speak(void *arg)
{
    (void)arg;
    peer_say(&peer, "x", 1);
}

/* Who asks again and again, with a processor of its own, does not keep the answer away. */
static void insist_body(void)
{
    ssize_t n = -1;

    connect_peer();
    assert_true(thread_start("speaks", STACK, speak, NULL));
    for (int i = 0; n < 0 && i < 1000; i++)
        n = recv(server, much, 1, MSG_DONTWAIT);
    assert_int_equal(n, 1);
}

/* No descriptor is free: the connection waits for one. */
static void no_descriptor_body(void)
{
    int fds[64], n = 0;

    start_listening();
    peer = peer_connect(PEER_HONEST, CLIENT_PORT, PORT);
    peer_say(&peer, "first", 5);
    fake_libc_fails(0);
    while ((fds[n] = dup(listener)) >= 0)
        n++;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(accept4(listener, NULL, NULL, SOCK_NONBLOCK), -1);
        assert_int_equal(errno, ENOMEM);
    }
    assert_int_equal(events(listener), POLLIN);
    close(fds[--n]);
    server = accept(listener, NULL, NULL);
    assert_int_equal(server, fds[n]);
    assert_int_equal(fcntl(server, F_GETFL, 0), O_RDWR);
    assert_int_equal(recv(server, much, 8, 0), 5);
    assert_int_equal(events(listener), 0);
    fake_libc_fails(UINT_MAX);
}

static int look_up(int type, int protocol, int found[4])
{
    const struct addrinfo hints = {.ai_socktype = type, .ai_protocol = protocol};
    struct addrinfo *list;
    int n = 0, error = getaddrinfo("10.0.0.9", "7", &hints, &list);

    if (error)
        return error;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        assert_true(n < 4);
        found[n++] = at->ai_socktype;
        found[n++] = at->ai_protocol;
    }
    freeaddrinfo(list);
    return n / 2;
}

static void protocols_body(void)
{
    int found[4];

    peer_start();
    assert_int_equal(look_up(0, 0, found), 2);
    assert_int_equal(found[0], SOCK_STREAM);
    assert_int_equal(found[2], SOCK_DGRAM);
    assert_int_equal(look_up(0, IPPROTO_UDP, found), 1);
    assert_int_equal(found[0], SOCK_DGRAM);
    assert_int_equal(found[1], IPPROTO_UDP);
    assert_int_equal(look_up(SOCK_STREAM, IPPROTO_TCP, found), 1);
    assert_int_equal(found[1], IPPROTO_TCP);
    assert_int_equal(look_up(SOCK_STREAM, IPPROTO_UDP, found), EAI_SOCKTYPE);
    assert_int_equal(look_up(0, 99, found), EAI_SOCKTYPE);
    assert_int_equal(look_up(99, 0, found), EAI_SOCKTYPE);
    assert_int_equal(look_up(SOCK_RAW, 99, found), 1);
    assert_int_equal(found[0], SOCK_RAW);
    assert_int_equal(found[1], 99);
    assert_int_equal(look_up(SOCK_RAW, 0, found), 1);
    assert_int_equal(found[1], 0);
}

IN_KERNEL(no_room)
IN_KERNEL(shut_listener)
IN_KERNEL(reset_within)
IN_KERNEL(shut_datagrams)
IN_KERNEL(crossing_linger)
IN_KERNEL(crossing_linger_end)
IN_KERNEL(disconnect)
IN_KERNEL(shut_connect)
IN_KERNEL(peek_all)
IN_KERNEL(empty_write)
IN_KERNEL(for_ever)
IN_KERNEL(low_water)
IN_KERNEL(insist)
IN_KERNEL(no_descriptor)
IN_KERNEL(protocols)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"who_has_no_room_gets_nothing_at_once", no_room, NULL, NULL, NULL},
        {"accept_ends_when_its_listener_is_shut", shut_listener, NULL, NULL, NULL},
        {"a_reset_within_a_call_is_the_next_ones_error", reset_within, NULL, NULL, NULL},
        {"datagrams_of_nobody_are_shut_all_the_same", shut_datagrams, NULL, NULL, NULL},
        {"who_lingers_waits_for_its_bytes_when_ends_cross", crossing_linger, NULL, NULL, NULL},
        {"and_for_no_more_than_they_and_the_end", crossing_linger_end, NULL, NULL, NULL},
        {"to_disconnect_ends_all_calls", disconnect, NULL, NULL, NULL},
        {"to_shut_ends_a_connect", shut_connect, NULL, NULL, NULL},
        {"a_look_at_all_waits_for_all", peek_all, NULL, NULL, NULL},
        {"nothing_written_is_a_datagram", empty_write, NULL, NULL, NULL},
        {"for_ever_is_long", for_ever, NULL, NULL, NULL},
        {"low_water_is_half_a_window_at_most", low_water, NULL, NULL, NULL},
        {"who_insists_lets_others_run", insist, NULL, NULL, NULL},
        {"a_connection_waits_for_a_descriptor", no_descriptor, NULL, NULL, NULL},
        {"a_protocol_is_a_choice", protocols, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
