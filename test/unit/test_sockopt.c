/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of sockets, beside what options.c tests in a guest. */
#include "run.h"

#include <string.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include "kernel.h"
#include "peer.h"
#include "world.h"

/* What lwIP produced within a call leaves with the call, as when a late timer runs first. */
static void leave_body(void)
{
    socklen_t len = sizeof(int);
    int value = 0;

    peer_start();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, 60, PBUF_RAM);
    memset(p->payload, 0, p->len);
    memcpy(p->payload, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\0\x45\0\0\x2e\0\0\0\0\x40\x63", 24);
    assert_int_equal(netif_default->linkoutput(netif_default, p), 0);
    pbuf_free(p);
    assert_int_equal(peer_count(0x63), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), 0);
    assert_int_equal(peer_count(0x63), 1);
}

static void reading_an_option_ends_as_every_call_does(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(leave_body), FAKE_RETURNED);
}

static int set(int fd, int name, int value)
{
    return setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)) ? -errno : 0;
}

static int get(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, name, &value, &len), 0);
    return value;
}

/* A listener's are its connections', too. */
static void numbers_body(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7)};

    peer_start();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(set(fd, TCP_KEEPIDLE, 0), -EINVAL);
        assert_int_equal(set(fd, TCP_KEEPIDLE, 32768), -EINVAL);
        assert_int_equal(set(fd, TCP_KEEPCNT, 128), -EINVAL);
        assert_int_equal(set(fd, TCP_KEEPIDLE, 32767), 0);
        assert_int_equal(set(fd, TCP_KEEPCNT, 127), 0);
        assert_int_equal(get(fd, TCP_KEEPIDLE), 32767);
        assert_int_equal(get(fd, TCP_KEEPCNT), 127);
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &turn, 2), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(listen(fd, 1), 0);
    }
    struct peer_tcp peer = peer_connect(PEER_HONEST, 5000, 7);
    assert_int_equal(get(accept(fd, NULL, NULL), TCP_KEEPIDLE), 32767);
    peer_segment(&peer, PEER_RST, peer.next, 0, NULL, 0);
}

/* Where nothing is left of a connection. */
static void over_body(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7)};
    struct tcp_info info;
    socklen_t len = sizeof(info);

    peer_start();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 1), 0);
    struct peer_tcp peer = peer_connect(PEER_HONEST, 5000, 7);
    int fd = accept(listener, NULL, NULL);
    peer_segment(&peer, PEER_RST, peer.next, 0, NULL, 0);
    assert_int_equal(set(fd, TCP_KEEPIDLE, 5), 0);
    assert_int_equal(set(fd, TCP_NODELAY, 1), 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, TCP_CLOSE);
    len = sizeof(info);
    assert_int_equal(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, TCP_LISTEN);
}

/* Until it is taken out of the bottle. */
static void cork_body(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7)};

    peer_start();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 1), 0);
    peer_connect(PEER_HONEST, 5000, 7);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(set(fd, TCP_CORK, 1), 0);
    peer_forget();
    assert_int_equal(send(fd, "wine", 4, 0), 4);
    assert_int_equal(peer_count(PEER_TCP), 0);
    assert_int_equal(set(fd, TCP_CORK, 0), 0);
    assert_int_equal(peer_count(PEER_TCP), 1);
}

IN_KERNEL(numbers)
IN_KERNEL(over)
IN_KERNEL(cork)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_an_option_ends_as_every_call_does),
        {"numbers_of_tcp_have_their_bounds", numbers, NULL, NULL, NULL},
        {"options_of_a_connection_that_is_over_hurt_nobody", over, NULL, NULL, NULL},
        {"what_a_cork_held_goes_out_without_it", cork, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
