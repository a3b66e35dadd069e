/* SPDX-License-Identifier: BSD-2-Clause */
/* What calls on sockets do when another thread, or the peer, comes in between. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sprat/thread.h>

#include "kernel.h"
#include "peer.h"
#include "world.h"

#define PORT        7
#define CLIENT_PORT 5000
#define STACK       0x20000
#define PENDING     (-2) /* a call that has not returned */

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

IN_KERNEL(no_room)
IN_KERNEL(shut_listener)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"who_has_no_room_gets_nothing_at_once", no_room, NULL, NULL, NULL},
        {"accept_ends_when_its_listener_is_shut", shut_listener, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
