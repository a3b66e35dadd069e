/* SPDX-License-Identifier: BSD-2-Clause */
/* Ancillary data, in memory that ends where it ends. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "peer.h"
#include "world.h"

#define PORT 1200
#define ROOM 128

static int from, to;

/* Two sockets on the loopback interface: the first is connected to the second. */
static void open_pair(int family)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
    socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);

    from = socket(family, SOCK_DGRAM, 0);
    to = socket(family, SOCK_DGRAM, 0);
    assert_int_equal(bind(to, address, len), 0);
    assert_int_equal(connect(from, address, len), 0);
}

static void close_pair(void)
{
    close(from);
    close(to);
}

/* Send a byte with so many bytes of control data. @return 0 or errno. */
static int send_with(const void *control, size_t len)
{
    struct iovec iov = {"x", 1};
    void *exact = malloc(len);
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = exact, .msg_controllen = len};

    memcpy(exact, control, len);
    ssize_t n = sendmsg(from, &message, 0);
    free(exact);
    return n == 1 ? 0 : errno;
}

static const struct row {
    int family, level, type;
    size_t len;
    int number; /* the first bytes; the others are 0 */
    int error;
} rows[] = {
    {AF_INET, IPPROTO_IP, IP_TTL, 4, 5, 0},
    {AF_INET, IPPROTO_IP, IP_TTL, 4, 255, 0},
    {AF_INET, IPPROTO_IP, IP_TTL, 4, 256, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TTL, 4, 0, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TTL, 4, -1, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TTL, 3, 5, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TTL, 5, 5, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TTL, 0, 5, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TOS, 1, 255, 0},
    {AF_INET, IPPROTO_IP, IP_TOS, 4, 255, 0},
    {AF_INET, IPPROTO_IP, IP_TOS, 4, 256, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TOS, 0, 1, EINVAL},
    {AF_INET, IPPROTO_IP, IP_TOS, 2, 1, EINVAL},
    {AF_INET, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo), 1, 0},
    {AF_INET, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo), 77, ENODEV},
    {AF_INET, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo), 257, ENODEV},
    {AF_INET, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo) - 1, 1, EINVAL},
    {AF_INET, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo) + 1, 1, EINVAL},
    {AF_INET, IPPROTO_IP, 99, 4, 1, EINVAL},
    {AF_INET, SOL_SOCKET, 1, 4, 1, EINVAL},
    {AF_INET, IPPROTO_TCP, 1, 4, 1, 0}, /* not for this socket */
    {AF_INET, IPPROTO_IPV6, IPV6_HOPLIMIT, 1, 1, 0},
    {AF_INET6, IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 0, 0},
    {AF_INET6, IPPROTO_IPV6, IPV6_HOPLIMIT, 4, -1, 0},
    {AF_INET6, IPPROTO_IPV6, IPV6_HOPLIMIT, 4, -2, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_HOPLIMIT, 4, 256, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_HOPLIMIT, 1, 5, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, 4, 255, 0},
    {AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, 4, 256, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_TCLASS, 8, 1, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo), 0, 0},
    {AF_INET6, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo), 1, EINVAL}, /* 100:: */
    {AF_INET6, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo) - 1, 0, EINVAL},
    {AF_INET6, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo) + 1, 0, EINVAL},
    {AF_INET6, IPPROTO_IPV6, 99, 4, 1, EINVAL},
    {AF_INET6, IPPROTO_IP, IP_TTL, 1, 5, 0},
};

static size_t put(char *at, const struct row *row)
{
    const struct cmsghdr header = {CMSG_LEN(row->len), row->level, row->type};

    memcpy(at, &header, sizeof(header));
    memset(at + sizeof(header), 0, row->len + sizeof(int));
    memcpy(at + sizeof(header), &row->number, sizeof(int));
    return CMSG_LEN(row->len);
}

static void each_body(void)
{
    _Alignas(struct cmsghdr) char control[ROOM];

    peer_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_pair(rows[i].family);
        assert_int_equal(send_with(control, put(control, &rows[i])), rows[i].error);
        close_pair();
    }
}

/* Two of them, the second behind as much room as it may have; and lengths that are none. */
static void lengths_body(void)
{
    static const struct row ttl = {AF_INET, IPPROTO_IP, IP_TTL, 4, 5, 0},
                            bad = {AF_INET, IPPROTO_IP, IP_TTL, 4, 256, EINVAL},
                            tos = {AF_INET, IPPROTO_IP, IP_TOS, 1, 8, 0},
                            other = {AF_INET, IPPROTO_TCP, 1, 4, 1, 0};
    static const size_t lens[] = {
        0, 1, sizeof(struct cmsghdr) - 1, CMSG_LEN(4) + 1, SIZE_MAX, SIZE_MAX - 6};
    _Alignas(struct cmsghdr) char control[ROOM];

    peer_start();
    open_pair(AF_INET);
    put(control, &tos);
    size_t len = put(control + CMSG_SPACE(1), &bad);
    assert_int_equal(send_with(control, CMSG_SPACE(1) + len), EINVAL);
    assert_int_equal(send_with(control, CMSG_SPACE(1) + len - 1), EINVAL); /* it is cut */
    assert_int_equal(send_with(control, CMSG_SPACE(1) + sizeof(struct cmsghdr) - 1), 0);
    assert_int_equal(send_with(control, CMSG_LEN(1)), 0);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        len = put(control, &ttl);
        memcpy(control, &lens[i], sizeof(lens[i]));
        assert_int_equal(send_with(control, len), EINVAL);
        put(control, &other);
        memcpy(control, &lens[i], sizeof(lens[i]));
        assert_int_equal(send_with(control, len), EINVAL);
    }
    for (size_t cut = 1; cut < sizeof(struct cmsghdr); cut++) {
        put(control, &bad);
        assert_int_equal(send_with(control, cut), 0); /* that is none */
    }
    close_pair();
}

/* Whatever room there is for what came beside a datagram, no more is written. */
static void room_body(int family)
{
    const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, on = 1;
    static const int names4[] = {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS},
                     names6[] = {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS};
    size_t least_whole = 0;
    char byte;

    open_pair(family);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            setsockopt(to, level, family == AF_INET ? names4[i] : names6[i], &on, sizeof(on)), 0);
    for (size_t room = 0; room <= ROOM; room++) {
        struct iovec iov = {&byte, 1};
        void *exact = malloc(room + 1);
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = (char *)exact + 1,
                                 .msg_controllen = room};
        assert_int_equal(send(from, "x", 1, 0), 1);
        assert_int_equal(recvmsg(to, &message, 0), 1);
        assert_true(message.msg_controllen <= room);
        if (message.msg_flags & MSG_CTRUNC)
            assert_int_equal(least_whole, 0);
        else if (!least_whole)
            least_whole = room;
        free(exact);
    }
    assert_int_equal(least_whole, family == AF_INET
                                      ? CMSG_SPACE(sizeof(struct in_pktinfo)) +
                                            CMSG_SPACE(sizeof(int)) + CMSG_LEN(1)
                                      : CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                            CMSG_SPACE(sizeof(int)) + CMSG_LEN(sizeof(int)));
    close_pair();
}

static void rooms_body(void)
{
    peer_start();
    room_body(AF_INET);
    room_body(AF_INET6);
}

IN_KERNEL(each)
IN_KERNEL(lengths)
IN_KERNEL(rooms)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"each_kind_has_its_length_and_its_numbers", each, NULL, NULL, NULL},
        {"lengths_that_do_not_fit_are_refused", lengths, NULL, NULL, NULL},
        {"no_more_is_written_than_there_is_room_for", rooms, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
