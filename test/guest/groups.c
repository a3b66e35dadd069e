/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups that sockets are in and send to, over the loopback interface. */
#include <stdbool.h>

#include "loopback.h"

#define GROUP 0xef070707 /* 239.7.7.7 */
#define PORT  1101

static struct ip_mreqn request(in_addr_t interface)
{
    return (struct ip_mreqn){.imr_multiaddr.s_addr = htonl(GROUP),
                             .imr_address.s_addr = htonl(interface)};
}

static int bound(int family, in_port_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(family, SOCK_DGRAM, 0);

    CHECK(fd >= 0);
    CHECK(family == AF_INET ? bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0
                            : bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0);
    return fd;
}

/* Does what is sent to the group come to a socket, and how often? A datagram to the socket's own
 * address is behind it. */
static int copies(int from, int to, const void *group, socklen_t group_len, int family)
{
    socklen_t len;
    struct sockaddr_storage end = here(family, PORT, &len);
    char c;
    int n = 0;

    CHECK(sendto(from, "g", 1, 0, group, group_len) == 1);
    CHECK(sendto(from, "e", 1, 0, (struct sockaddr *)&end, len) == 1);
    while (recv(to, &c, 1, 0) == 1 && c == 'g')
        n++;
    CHECK(c == 'e');
    return n;
}

static int copies4(int from, int to)
{
    struct sockaddr_in group = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(GROUP)};
    return copies(from, to, &group, sizeof(group), AF_INET);
}

static int copies6(int from, int to, unsigned index)
{
    struct sockaddr_in6 group = {.sin6_family = AF_INET6,
                                 .sin6_port = htons(PORT),
                                 .sin6_addr.s6_addr = {0xff, 0x02, [15] = 0x77},
                                 .sin6_scope_id = index};
    return copies(from, to, &group, sizeof(group), AF_INET6);
}

static void groups_are_joined_once_and_left_by_close(void)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    struct ip_mreqn on = request(INADDR_LOOPBACK), any = request(INADDR_ANY);
    int receiver = bound(AF_INET, PORT), member = socket(AF_INET, SOCK_DGRAM, 0);
    int second = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback)) == 0);
    CHECK(copies4(sender, receiver) == 0);
    CHECK(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &on, sizeof(struct ip_mreq)) == 0);
    CHECK(copies4(sender, receiver) == 1);
    CHECK_FAILS(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &on, sizeof(on)), EADDRINUSE);
    CHECK_FAILS(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &any, sizeof(any)), EADDRINUSE);
    CHECK(setsockopt(second, IPPROTO_IP, IP_ADD_MEMBERSHIP, &any, sizeof(any)) == 0);
    CHECK(close(member) == 0);
    CHECK(copies4(sender, receiver) == 1);
    CHECK(setsockopt(second, IPPROTO_IP, IP_DROP_MEMBERSHIP, &any, sizeof(any)) == 0);
    CHECK(copies4(sender, receiver) == 0);
    CHECK_FAILS(setsockopt(second, IPPROTO_IP, IP_DROP_MEMBERSHIP, &any, sizeof(any)),
                EADDRNOTAVAIL);
    CHECK(setsockopt(second, IPPROTO_IP, IP_ADD_MEMBERSHIP, &any, sizeof(any)) == 0);
    CHECK(close(second) == 0);
    CHECK(copies4(sender, receiver) == 0);
    close(receiver);
    close(sender);
}

static void groups_over_ipv6(void)
{
    const int first = 1;
    struct ipv6_mreq on = {.ipv6mr_multiaddr.s6_addr = {0xff, 0x02, [15] = 0x77},
                           .ipv6mr_interface = first};
    int receiver = bound(AF_INET6, PORT), member = socket(AF_INET6, SOCK_DGRAM, 0);
    int sender = socket(AF_INET6, SOCK_DGRAM, 0);

    CHECK(setsockopt(sender, IPPROTO_IPV6, IPV6_MULTICAST_IF, &first, sizeof(first)) == 0);
    CHECK(copies6(sender, receiver, first) == 0);
    CHECK(setsockopt(member, IPPROTO_IPV6, IPV6_JOIN_GROUP, &on, sizeof(on)) == 0);
    CHECK(copies6(sender, receiver, first) == 1);
    CHECK_FAILS(setsockopt(member, IPPROTO_IPV6, IPV6_JOIN_GROUP, &on, sizeof(on)), EADDRINUSE);
    CHECK(close(member) == 0);
    CHECK(copies6(sender, receiver, first) == 0);
    CHECK_FAILS(setsockopt(receiver, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &on, sizeof(on)),
                EADDRNOTAVAIL);
    close(receiver);
    close(sender);
}

static void groups_need_an_interface_and_a_group(void)
{
    struct ip_mreqn strange = request(0x01020304), none = {.imr_multiaddr.s_addr = htonl(1)};
    struct ip_mreqn index = {.imr_multiaddr.s_addr = htonl(GROUP), .imr_ifindex = 99};
    struct ip_mreqn wide = {.imr_multiaddr.s_addr = htonl(GROUP), .imr_ifindex = 257};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &strange, sizeof(strange)), ENODEV);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &index, sizeof(index)), ENODEV);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &wide, sizeof(wide)), ENODEV);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &none, sizeof(none)), EINVAL);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &none, 4), EINVAL);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &strange, sizeof(strange)),
                EADDRNOTAVAIL);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &strange, 3), EINVAL);
    close(fd);
}

static void how_groups_are_sent_to_can_be_read(int type, int protocol)
{
    int fd = socket(AF_INET, type, protocol), fd6 = socket(AF_INET6, type, protocol), far = 256;

    CHECK(option(fd, IPPROTO_IP, IP_MULTICAST_TTL) == 1);
    CHECK(option(fd, IPPROTO_IP, IP_MULTICAST_LOOP) == 1);
    CHECK((unsigned)option(fd, IPPROTO_IP, IP_MULTICAST_IF) == INADDR_ANY);
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == 1);
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP) == 1);
    set(fd, IPPROTO_IP, IP_MULTICAST_TTL, 7);
    set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    set(fd, IPPROTO_IP, IP_MULTICAST_IF, (int)htonl(INADDR_LOOPBACK));
    set(fd6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 8);
    set(fd6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    set(fd6, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1);
    CHECK(option(fd, IPPROTO_IP, IP_MULTICAST_TTL) == 7);
    CHECK(option(fd, IPPROTO_IP, IP_MULTICAST_LOOP) == 0);
    CHECK((unsigned)option(fd, IPPROTO_IP, IP_MULTICAST_IF) == htonl(INADDR_LOOPBACK));
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == 8);
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP) == 0);
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_IF) == 1);
    set(fd6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, -1);
    CHECK(option(fd6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS) == 1);
    CHECK_FAILS(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &far, sizeof(far)), EINVAL);
    CHECK_FAILS(setsockopt(fd6, IPPROTO_IPV6, IPV6_MULTICAST_IF, &far, sizeof(far)), ENODEV);
    close(fd);
    close(fd6);
}

static void how_datagrams_are_sent_to_groups(void)
{
    how_groups_are_sent_to_can_be_read(SOCK_DGRAM, 0);
}

static void how_raw_sockets_send_to_groups(void)
{
    how_groups_are_sent_to_can_be_read(SOCK_RAW, IPPROTO_UDP);
}

int main(void)
{
    RUN(groups_need_an_interface_and_a_group);
    RUN(groups_are_joined_once_and_left_by_close);
    RUN(groups_over_ipv6);
    RUN(how_datagrams_are_sent_to_groups);
    RUN(how_raw_sockets_send_to_groups);
    puts("all passed");
    return EXIT_SUCCESS;
}
