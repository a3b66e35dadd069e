/* SPDX-License-Identifier: BSD-2-Clause */
/* What socket calls make of arguments that are wrong, as Linux does. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest_libc.h"
#include "kernel.h"
#include "peer.h"
#include "world.h"

#define LOOPBACK_MTU 65536

#define FAILS(call, error)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal(call, -1);                                                                \
        assert_int_equal(errno, error);                                                            \
    } while (0)

static const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7)};
static const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)};

static int open4(int type)
{
    return socket(AF_INET, type, type == SOCK_RAW ? IPPROTO_UDP : 0);
}

static int open6(int type)
{
    return socket(AF_INET6, type, type == SOCK_RAW ? IPPROTO_UDP : 0);
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

static int get(int fd, int level, int name)
{
    int value = -99;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

static int bind4(int fd, in_addr_t ip, socklen_t len)
{
    struct sockaddr_in in = any;

    in.sin_addr.s_addr = ip;
    return bind(fd, (struct sockaddr *)&in, len);
}

static void kinds_body(void)
{
    peer_start();
    FAILS(socket(AF_UNSPEC, SOCK_STREAM, 0), EAFNOSUPPORT);
    FAILS(socket(AF_INET, SOCK_STREAM | 0x10, 0), EINVAL);
    FAILS(socket(AF_INET, 7, 0), EPROTOTYPE);
    FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    FAILS(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
    FAILS(socket(AF_INET, SOCK_RAW, -1), EPROTONOSUPPORT);
    FAILS(socket(AF_INET, SOCK_RAW, 256), EPROTONOSUPPORT);
    unsigned n = fake_libc_blocks();
    for (unsigned after = 0; after < 2; after++) {
        fake_libc_fails(after);
        assert_int_equal(socket(AF_INET, SOCK_STREAM, 0), -1);
        assert_int_equal(errno, after ? ENOBUFS : ENOMEM);
        fake_libc_fails(UINT_MAX);
        assert_int_equal(fake_libc_blocks(), n);
    }
}

static void files_body(void)
{
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    struct sockaddr_in in = any;
    socklen_t len = sizeof(in);

    peer_start();
    int fd = open4(SOCK_STREAM);
    assert_int_equal(close(fd), 0);
    FAILS(bind(fd, (struct sockaddr *)&in, len), EBADF);
    FAILS(connect(fd, (struct sockaddr *)&in, len), EBADF);
    FAILS(listen(fd, 1), EBADF);
    FAILS(accept(fd, NULL, NULL), EBADF);
    FAILS(shutdown(fd, SHUT_RD), EBADF);
    FAILS(getsockname(fd, (struct sockaddr *)&in, &len), EBADF);
    FAILS(recvmsg(fd, &message, 0), EBADF);
    FAILS(recv(fd, &byte, 1, 0), EBADF);
    FAILS(sendmsg(fd, &message, 0), EBADF);
    FAILS(send(fd, &byte, 1, 0), EBADF);
    FAILS(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1), EBADF);
    FAILS(get(fd, SOL_SOCKET, SO_KEEPALIVE), EBADF);
}

static void addresses_body(void)
{
    struct sockaddr_in6 in6 = any6;

    peer_start();
    int fd = open4(SOCK_STREAM), six = open6(SOCK_DGRAM);
    FAILS(bind(fd, NULL, sizeof(any)), EINVAL);
    FAILS(bind4(fd, 0, sizeof(any) - 1), EINVAL);
    FAILS(bind4(fd, htonl(0x0a000003), sizeof(any)), EADDRNOTAVAIL);
    FAILS(bind(fd, (const struct sockaddr *)&any6, sizeof(any6)), EAFNOSUPPORT);
    FAILS(bind(six, (const struct sockaddr *)&any6, sizeof(any6) - 1), EINVAL);
    FAILS(connect(fd, (const struct sockaddr *)&any, 1), EINVAL);
    in6.sin6_addr.s6_addr[0] = 0xfe;
    in6.sin6_addr.s6_addr[1] = 0x80;
    FAILS(connect(six, (struct sockaddr *)&in6, sizeof(in6)), EINVAL); /* on which link? */
    in6.sin6_scope_id = 99;
    FAILS(connect(six, (struct sockaddr *)&in6, sizeof(in6)), ENODEV);
    in6.sin6_scope_id = 256 + 2;
    FAILS(connect(six, (struct sockaddr *)&in6, sizeof(in6)), ENODEV);
    assert_int_equal(set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
    in6 = any6;
    in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff; /* IPv4's */
    FAILS(connect(six, (struct sockaddr *)&in6, sizeof(in6)), ENETUNREACH);
}

static void states_body(void)
{
    peer_start();
    int tcp = open4(SOCK_STREAM), udp = open4(SOCK_DGRAM);
    FAILS(listen(udp, 1), EOPNOTSUPP);
    FAILS(accept(udp, NULL, NULL), EOPNOTSUPP);
    FAILS(shutdown(udp, SHUT_WR), ENOTCONN);
    FAILS(shutdown(tcp, SHUT_WR), ENOTCONN);
    FAILS(shutdown(tcp, 3), EINVAL);
    FAILS(shutdown(tcp, -1), EINVAL);
    FAILS(send(udp, "", 0, 0), EDESTADDRREQ);
    assert_int_equal(bind4(tcp, 0, sizeof(any)), 0);
    assert_int_equal(listen(tcp, 1), 0);
    FAILS(accept4(tcp, NULL, NULL, SOCK_NONBLOCK | 1), EINVAL);
    FAILS(connect(tcp, (const struct sockaddr *)&any, sizeof(any)), EISCONN);
}

/* A vector is of so many parts, and its bytes can be counted. */
static void vectors_body(void)
{
    static struct iovec parts[IOV_MAX + 1];
    struct sockaddr_in to = any;
    struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = parts, .msg_iovlen = IOV_MAX + 1};

    peer_start();
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        int fd = open4(SOCK_DGRAM | SOCK_NONBLOCK);
        FAILS(sendmsg(fd, &message, 0), EMSGSIZE);
        FAILS(recvmsg(fd, &message, 0), EMSGSIZE);
        message.msg_iovlen = (typeof(message.msg_iovlen))0x100000001;
        if (message.msg_iovlen > 1) {
            FAILS(sendmsg(fd, &message, 0), EMSGSIZE);
            FAILS(recvmsg(fd, &message, 0), EMSGSIZE);
        }
        message.msg_iovlen = 2;
        parts[0].iov_len = parts[1].iov_len = SIZE_MAX / 2 + 1;
        FAILS(sendmsg(fd, &message, 0), EINVAL);
        FAILS(recvmsg(fd, &message, 0), EINVAL);
        parts[0].iov_len = parts[1].iov_len = 0;
        message.msg_iovlen = IOV_MAX;
        assert_int_equal(sendmsg(fd, &message, 0), 0);
        message.msg_iovlen = IOV_MAX + 1;
        close(fd);
    }
}

static void datagrams_body(void)
{
    static const char large[65536];
    struct sockaddr_in to = any;

    peer_start();
    to.sin_addr.s_addr = htonl(0x0a000063);
    int fd = open4(SOCK_DGRAM), raw = open4(SOCK_RAW);
    FAILS(sendto(fd, large, 65508, 0, (struct sockaddr *)&to, sizeof(to)), EMSGSIZE);
    FAILS(sendto(raw, large, 65516, 0, (struct sockaddr *)&to, sizeof(to)), EMSGSIZE);
    to.sin_port = 0;
    FAILS(sendto(fd, large, 1, 0, (struct sockaddr *)&to, sizeof(to)), EINVAL);
    FAILS(sendto(fd, large, 1, 0, (struct sockaddr *)&to, sizeof(to) - 1), EINVAL);
    to.sin_port = htons(7);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    FAILS(send(fd, large, 1, 0), EPIPE);
}

static void options_body(void)
{
    struct timeval bad[] = {{-1, 0}, {0, -1}, {0, 1000000}}, one = {1, 0};

    peer_start();
    int tcp = open4(SOCK_STREAM), six = open6(SOCK_RAW), udp = open4(SOCK_DGRAM);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        FAILS(setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &bad[i], sizeof(bad[i])), EDOM);
    FAILS(setsockopt(tcp, SOL_SOCKET, SO_SNDTIMEO, &one, sizeof(one) - 1), EINVAL);
    FAILS(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), EINVAL);
    FAILS(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "none", 5), ENODEV);
    assert_int_equal(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    assert_int_equal(setsockopt(tcp, SOL_SOCKET, SO_BINDTODEVICE, "", 1), 0);
    assert_int_equal(get(tcp, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
    assert_int_equal(set(tcp, SOL_SOCKET, SO_BINDTOIFINDEX, 1), 0);
    FAILS(set(tcp, SOL_SOCKET, SO_BINDTOIFINDEX, -1), EINVAL);
    FAILS(set(tcp, SOL_SOCKET, SO_BINDTOIFINDEX, 256 + 1), ENODEV);
    FAILS(set(tcp, SOL_SOCKET, SO_BINDTOIFINDEX, 9), ENODEV);
    assert_int_equal(set(tcp, SOL_SOCKET, SO_BINDTOIFINDEX, 0), 0);
    assert_int_equal(get(tcp, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
    FAILS(set(six, IPPROTO_IPV6, IPV6_CHECKSUM, -2), EINVAL);
    FAILS(set(six, IPPROTO_IPV6, IPV6_CHECKSUM, 65536), EINVAL);
    assert_int_equal(set(six, IPPROTO_IPV6, IPV6_CHECKSUM, 65534), 0);
    assert_int_equal(set(six, IPPROTO_IPV6, IPV6_CHECKSUM, -1), 0);
    FAILS(get(open6(SOCK_DGRAM), IPPROTO_IPV6, IPV6_CHECKSUM), ENOPROTOOPT);
    FAILS(get(tcp, IPPROTO_IPV6, IPV6_V6ONLY), ENOPROTOOPT);
    FAILS(get(tcp, 99, SO_KEEPALIVE), ENOPROTOOPT);
    FAILS(get(udp, IPPROTO_IP, IP_MTU), ENOTCONN);
    struct sockaddr_in to = any;
    assert_int_equal(connect(udp, (struct sockaddr *)&to, sizeof(to)), 0); /* this host */
    assert_int_equal(get(udp, IPPROTO_IP, IP_MTU), LOOPBACK_MTU);
    to.sin_addr.s_addr = htonl(0x0a000063);
    assert_int_equal(connect(udp, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(get(udp, IPPROTO_IP, IP_MTU), 1500);
}

IN_KERNEL(kinds)
IN_KERNEL(files)
IN_KERNEL(addresses)
IN_KERNEL(states)
IN_KERNEL(vectors)
IN_KERNEL(datagrams)
IN_KERNEL(options)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"of_what_there_is_none_no_socket_is_made", kinds, NULL, NULL, NULL},
        {"what_is_closed_is_refused_by_each_call", files, NULL, NULL, NULL},
        {"addresses_are_whole_and_of_the_sockets_kind", addresses, NULL, NULL, NULL},
        {"what_a_socket_can_not_do_has_its_errno", states, NULL, NULL, NULL},
        {"a_vector_has_so_many_parts_and_bytes", vectors, NULL, NULL, NULL},
        {"a_datagram_has_a_destination_and_a_size", datagrams, NULL, NULL, NULL},
        {"an_options_value_is_one_that_it_has", options, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
