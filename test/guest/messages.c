/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: their flags, what is beside them, raw ones; interfaces' names and addresses. */
#define _GNU_SOURCE /* sendmmsg() */
#include <ifaddrs.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/icmp6.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include "loopback.h"

#define PORT 1201

/* Headers are as in packets. */
_Static_assert(sizeof(struct ip) == 20 && offsetof(struct ip, ip_p) == 9, "IPv4");
_Static_assert(sizeof(struct iphdr) == 20 && offsetof(struct iphdr, daddr) == 16, "IPv4");
_Static_assert(sizeof(struct ip6_hdr) == 40 && offsetof(struct ip6_hdr, ip6_hlim) == 7, "IPv6");
_Static_assert(sizeof(struct udphdr) == 8 && offsetof(struct udphdr, check) == 6, "UDP");
_Static_assert(sizeof(struct icmphdr) == 8 && offsetof(struct icmphdr, un.frag.mtu) == 6, "ICMP");
_Static_assert(offsetof(struct icmp, icmp_seq) == 6 && offsetof(struct icmp, icmp_ip) == 8, "ICMP");
_Static_assert(sizeof(struct icmp6_hdr) == 8 && offsetof(struct icmp6_hdr, icmp6_mtu) == 4, "v6");

/* Two datagram sockets, the first one connected to the second. */
static void datagram_pair(int family, int *from, int *to)
{
    socklen_t len;
    struct sockaddr_storage address = here(family, PORT, &len);

    *from = socket(family, SOCK_DGRAM, 0);
    *to = socket(family, SOCK_DGRAM, 0);
    CHECK(bind(*to, (struct sockaddr *)&address, len) == 0);
    CHECK(connect(*from, (struct sockaddr *)&address, len) == 0);
}

static void datagrams_are_peeked_at_and_cut(void)
{
    int from, to;
    char bytes[8];
    struct iovec iov = {bytes, 4};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    datagram_pair(AF_INET, &from, &to);
    CHECK_FAILS(recv(to, bytes, 8, MSG_DONTWAIT), EAGAIN);
    CHECK(send(from, "abcdef", 6, MSG_NOSIGNAL) == 6);
    CHECK(recv(to, bytes, 4, MSG_PEEK) == 4);
    CHECK(recv(to, bytes, 4, MSG_PEEK | MSG_TRUNC) == 6);
    CHECK(recvmsg(to, &message, MSG_PEEK) == 4 && message.msg_flags == MSG_TRUNC);
    CHECK(recv(to, bytes, 8, MSG_WAITALL) == 6 && memcmp(bytes, "abcdef", 6) == 0);
    CHECK_FAILS(recv(to, bytes, 8, MSG_DONTWAIT), EAGAIN);
    close(from);
    close(to);
}

static void many_messages_are_one_call(void)
{
    char bytes[3][8] = {"a", "bc", "def"}, got[4][8];
    struct iovec out[3], in[4];
    struct mmsghdr send[3] = {0}, receive[4] = {0};
    struct timespec timeout = {-1, 0};
    int from, to;

    datagram_pair(AF_INET, &from, &to);
    for (unsigned i = 0; i < 4; i++) {
        in[i] = (struct iovec){got[i], 8};
        receive[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
        if (i == 3)
            break;
        out[i] = (struct iovec){bytes[i], i + 1};
        send[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
    }
    CHECK(sendmmsg(from, send, 0, 0) == 0 && recvmmsg(to, receive, 0, 0, NULL) == 0);
    CHECK_FAILS(recvmmsg(to, receive, 4, MSG_DONTWAIT, NULL), EAGAIN);
    CHECK_FAILS(recvmmsg(to, receive, 4, 0, &timeout), EINVAL);
    timeout = (struct timespec){0, 1000000000};
    CHECK_FAILS(recvmmsg(to, receive, 4, 0, &timeout), EINVAL);
    CHECK(sendmmsg(from, send, 3, 0) == 3 && send[0].msg_len == 1 && send[2].msg_len == 3);
    CHECK(recvmmsg(to, receive, 2, 0, NULL) == 2 && receive[1].msg_len == 2);
    CHECK(memcmp(got[1], "bc", 2) == 0);
    CHECK(recvmmsg(to, receive, 4, MSG_WAITFORONE, NULL) == 1 && receive[0].msg_len == 3);
    /* The time is over with the first one that comes. */
    CHECK(sendmmsg(from, send, 3, 0) == 3);
    timeout = (struct timespec){0, 1};
    CHECK(recvmmsg(to, receive, 4, 0, &timeout) == 1 && !timeout.tv_sec && !timeout.tv_nsec);
    timeout = (struct timespec){INT64_MAX, 0};
    CHECK(recvmmsg(to, receive, 2, 0, &timeout) == 2 && timeout.tv_sec > 1000000);
    /* What comes before one that can't be sent is sent. */
    send[1].msg_hdr.msg_iovlen = IOV_MAX + 1;
    CHECK(sendmmsg(from, send, 3, 0) == 1);
    CHECK_FAILS(sendmmsg(from, send + 1, 2, 0), EMSGSIZE);
    CHECK(recvmmsg(to, receive, 4, MSG_WAITFORONE, NULL) == 1);
    CHECK(close(from) == 0 && close(to) == 0);
    CHECK_FAILS(sendmmsg(from, send, 3, 0), EBADF);
    CHECK_FAILS(recvmmsg(to, receive, 4, 0, NULL), EBADF);
}

static void streams_are_peeked_at_waited_for_and_thrown_away(void)
{
    int client, server;
    char bytes[8] = "";

    connect_pair(AF_INET6, PORT, &client, &server);
    CHECK_FAILS(recv(server, bytes, 8, MSG_DONTWAIT), EAGAIN);
    CHECK(send(client, "abc", 3, 0) == 3);
    CHECK(recv(server, bytes, 8, MSG_PEEK) == 3);
    CHECK(recv(server, bytes, 2, MSG_PEEK) == 2 && memcmp(bytes, "abc", 3) == 0);
    CHECK(send(client, "def", 3, MSG_NOSIGNAL | MSG_MORE) == 3 && send(client, "gh", 2, 0) == 2);
    memset(bytes, 0, sizeof(bytes));
    CHECK(recv(server, bytes, 2, MSG_TRUNC) == 2 && !bytes[0]); /* not even copied */
    CHECK(recv(server, bytes, 6, MSG_WAITALL) == 6 && memcmp(bytes, "cdefgh", 6) == 0);
    CHECK(send(client, "ij", 2, 0) == 2 && shutdown(client, SHUT_WR) == 0);
    CHECK(recv(server, bytes, 8, MSG_WAITALL) == 2); /* no more will come */
    close(client);
    close(server);
}

/* The ancillary data of a type, as long as it has to be. */
static const void *beside(struct msghdr *message, int level, int type, size_t len)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at))
        if (at->cmsg_level == level && at->cmsg_type == type && at->cmsg_len == CMSG_LEN(len))
            return CMSG_DATA(at);
    return NULL;
}

/* The number of a type. */
static int number_beside(struct msghdr *message, int level, int type)
{
    const void *found = beside(message, level, type, sizeof(int));
    int number;

    CHECK(found);
    memcpy(&number, found, sizeof(number));
    return number;
}

/* Room for what is beside a message, aligned as it has to be. */
union room {
    char bytes[256];
    size_t align;
};

static struct msghdr with_room(struct iovec *iov, union room *room)
{
    return (struct msghdr){.msg_iov = iov,
                           .msg_iovlen = 1,
                           .msg_control = room->bytes,
                           .msg_controllen = sizeof(room->bytes)};
}

static void put(struct msghdr *message, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);

    header->cmsg_len = CMSG_LEN(len);
    header->cmsg_level = level;
    header->cmsg_type = type;
    memcpy(CMSG_DATA(header), data, len);
    message->msg_controllen = CMSG_SPACE(len);
}

static void ipv4_datagrams_tell_where_they_came_to(void)
{
    int from, to;
    char bytes[8];
    struct iovec iov = {bytes, sizeof(bytes)};
    union room room;
    struct msghdr message = with_room(&iov, &room);
    struct in_pktinfo info;
    const void *found;

    datagram_pair(AF_INET, &from, &to);
    CHECK(send(from, "a", 1, 0) == 1);
    CHECK(recvmsg(to, &message, 0) == 1 && message.msg_controllen == 0); /* nobody asked */
    set(to, IPPROTO_IP, IP_PKTINFO, 1);
    set(to, IPPROTO_IP, IP_RECVTTL, 1);
    set(to, IPPROTO_IP, IP_RECVTOS, 1);
    set(from, IPPROTO_IP, IP_TTL, 9);
    set(from, IPPROTO_IP, IP_TOS, 0x28);
    CHECK(send(from, "b", 1, 0) == 1);
    message = with_room(&iov, &room);
    CHECK(recvmsg(to, &message, 0) == 1 && message.msg_flags == 0);
    CHECK((found = beside(&message, IPPROTO_IP, IP_PKTINFO, sizeof(info))));
    memcpy(&info, found, sizeof(info));
    CHECK(info.ipi_ifindex == (int)if_nametoindex("lo"));
    CHECK(info.ipi_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(info.ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(number_beside(&message, IPPROTO_IP, IP_TTL) == 9);
    CHECK((found = beside(&message, IPPROTO_IP, IP_TOS, 1)) && *(const uint8_t *)found == 0x28);
    /* Less room than it takes. */
    CHECK(send(from, "c", 1, 0) == 1);
    message = with_room(&iov, &room);
    message.msg_controllen = CMSG_LEN(sizeof(info));
    CHECK(recvmsg(to, &message, 0) == 1 && message.msg_flags == MSG_CTRUNC);
    CHECK(beside(&message, IPPROTO_IP, IP_PKTINFO, sizeof(info)));
    close(from);
    close(to);
}

static void ipv6_datagrams_tell_where_they_came_to(void)
{
    int from, to;
    char bytes[8];
    struct iovec iov = {bytes, sizeof(bytes)};
    union room room;
    struct msghdr message = with_room(&iov, &room);
    struct in6_pktinfo info;
    const void *found;

    datagram_pair(AF_INET6, &from, &to);
    set(to, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set(to, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    set(to, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set(from, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 11);
    set(from, IPPROTO_IPV6, IPV6_TCLASS, 0x48);
    CHECK(send(from, "a", 1, 0) == 1);
    CHECK(recvmsg(to, &message, 0) == 1 && message.msg_flags == 0);
    CHECK((found = beside(&message, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(info))));
    memcpy(&info, found, sizeof(info));
    CHECK(info.ipi6_ifindex == if_nametoindex("lo") && IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
    CHECK(number_beside(&message, IPPROTO_IPV6, IPV6_HOPLIMIT) == 11);
    CHECK(number_beside(&message, IPPROTO_IPV6, IPV6_TCLASS) == 0x48);
    close(from);
    close(to);
}

static void ipv4_comes_to_ipv6_sockets_as_mapped_addresses(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, PORT, &len);
    int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET6, SOCK_DGRAM, 0);
    char bytes[8];
    struct iovec iov = {bytes, sizeof(bytes)};
    union room room;
    struct msghdr message = with_room(&iov, &room);
    struct in6_pktinfo info;

    CHECK(bind(to, (struct sockaddr *)&any, sizeof(any)) == 0);
    set(to, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    CHECK(sendto(from, "a", 1, 0, (struct sockaddr *)&address, len) == 1);
    CHECK(recvmsg(to, &message, 0) == 1);
    const void *found = beside(&message, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(info));
    CHECK(found);
    memcpy(&info, found, sizeof(info));
    CHECK(IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr));
    CHECK(info.ipi6_addr.s6_addr32[3] == htonl(INADDR_LOOPBACK));
    close(from);
    close(to);
}

static void one_datagram_is_sent_in_its_own_way(void)
{
    int from, to, hops = 5, bad = 256;
    struct iovec iov = {"xyz", 3};
    union room room;
    char bytes[8];
    struct iovec back = {bytes, sizeof(bytes)};
    struct msghdr message = with_room(&iov, &room), got;
    struct in_pktinfo origin = {.ipi_ifindex = 1, .ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK)};

    datagram_pair(AF_INET, &from, &to);
    set(to, IPPROTO_IP, IP_RECVTTL, 1);
    put(&message, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    CHECK(sendmsg(from, &message, 0) == 3);
    CHECK(option(from, IPPROTO_IP, IP_TTL) == 64);
    got = with_room(&back, &room);
    CHECK(recvmsg(to, &got, 0) == 3);
    CHECK(number_beside(&got, IPPROTO_IP, IP_TTL) == hops);
    message = with_room(&iov, &room);
    put(&message, IPPROTO_IP, IP_TTL, &bad, sizeof(bad));
    CHECK_FAILS(sendmsg(from, &message, 0), EINVAL);
    message = with_room(&iov, &room);
    put(&message, IPPROTO_IP, IP_PKTINFO, &origin, sizeof(origin));
    CHECK(sendmsg(from, &message, 0) == 3 && recv(to, bytes, 8, 0) == 3);
    origin.ipi_spec_dst.s_addr = htonl(0x08080808); /* not the guest's */
    message = with_room(&iov, &room);
    put(&message, IPPROTO_IP, IP_PKTINFO, &origin, sizeof(origin));
    CHECK_FAILS(sendmsg(from, &message, 0), EINVAL);
    origin = (struct in_pktinfo){.ipi_ifindex = 257};
    message = with_room(&iov, &room);
    put(&message, IPPROTO_IP, IP_PKTINFO, &origin, sizeof(origin));
    CHECK_FAILS(sendmsg(from, &message, 0), ENODEV);
    close(from);
    close(to);
}

/* The system fills in the checksum, and answers; a raw socket sees no IPv6 header. */
static void an_ipv6_raw_socket_pings(void)
{
    const struct icmp6_hdr request = {.icmp6_type = ICMP6_ECHO_REQUEST,
                                      .icmp6_cksum = 0x5555,
                                      .icmp6_id = 0x1234,
                                      .icmp6_seq = 1};
    struct icmp6_hdr answer;
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET6, 0, &len);
    int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

    CHECK(fd >= 0);
    CHECK(sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&address, len) ==
          sizeof(request));
    ssize_t n;
    do /* its own request comes by as well, and what else there is on the link */
        CHECK((n = recv(fd, &answer, sizeof(answer), MSG_TRUNC)) > 0);
    while (answer.icmp6_type != ICMP6_ECHO_REPLY);
    CHECK(n == sizeof(request) && answer.icmp6_id == 0x1234 && answer.icmp6_seq == 1);
    CHECK_FAILS(sendto(fd, &request, 3, 0, (struct sockaddr *)&address, len), EINVAL);
    int two = 2;
    CHECK_FAILS(setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &two, sizeof(two)), EINVAL);
    close(fd);
}

/* UDP by hand: the checksum is where the program says. */
static void an_ipv6_raw_socket_has_its_checksum_filled_in(void)
{
    const unsigned char datagram[] = {4, 0, PORT >> 8, PORT & 255, 0, 10, 0, 0, 'h', 'i'};
    char bytes[8];
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET6, PORT, &len),
                            raw_address = here(AF_INET6, 0, &len);
    int raw = socket(AF_INET6, SOCK_RAW, IPPROTO_UDP), to = socket(AF_INET6, SOCK_DGRAM, 0);

    CHECK(bind(to, (struct sockaddr *)&address, len) == 0);
    set(raw, IPPROTO_IPV6, IPV6_CHECKSUM, 6);
    CHECK(sendto(raw, datagram, sizeof(datagram), 0, (struct sockaddr *)&raw_address, len) ==
          sizeof(datagram));
    CHECK(recv(to, bytes, sizeof(bytes), 0) == 2 && memcmp(bytes, "hi", 2) == 0);
    close(raw);
    close(to);
}

static void link_local_addresses_need_their_interface(void)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(PORT),
                              .sin6_addr.s6_addr = {0xfe, 0x80, [15] = 1}};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    CHECK_FAILS(connect(fd, (struct sockaddr *)&to, sizeof(to)), EINVAL);
    to.sin6_scope_id = 257; /* not 1 */
    CHECK_FAILS(connect(fd, (struct sockaddr *)&to, sizeof(to)), ENODEV);
    to.sin6_scope_id = if_nametoindex("lo");
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    socklen_t len = sizeof(to);
    to.sin6_scope_id = 0;
    CHECK(getpeername(fd, (struct sockaddr *)&to, &len) == 0);
    CHECK(to.sin6_scope_id == if_nametoindex("lo"));
    close(fd);
    fd = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
    to.sin6_scope_id = 0;
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    close(fd);
}

static void texts_name_the_interface_behind_a_percent_sign(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list;
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE];

    CHECK(getaddrinfo("fe80::1%lo", "9", &hints, &list) == 0);
    CHECK(((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id == if_nametoindex("lo"));
    CHECK(getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0,
                      NI_NUMERICHOST) == 0);
    CHECK(strcmp(text, "fe80::1%lo") == 0);
    CHECK(getnameinfo(list->ai_addr, list->ai_addrlen, text, 9, NULL, 0, NI_NUMERICHOST) ==
          EAI_OVERFLOW);
    freeaddrinfo(list);
    CHECK(getaddrinfo("fe80::1%1", "9", &hints, &list) == 0);
    CHECK(((struct sockaddr_in6 *)list->ai_addr)->sin6_scope_id == 1);
    freeaddrinfo(list);
    CHECK(getaddrinfo("fe80::1%vif77", "9", &hints, &list) == EAI_NONAME);
    CHECK(getaddrinfo("fe80::1%257", "9", &hints, &list) == EAI_NONAME);
}

static void interfaces_have_names_and_numbers(void)
{
    char name[IF_NAMESIZE];
    struct if_nameindex *list = if_nameindex();

    CHECK(if_nametoindex("lo") == 1 && if_indextoname(1, name) && strcmp(name, "lo") == 0);
    errno = 0;
    CHECK(if_nametoindex("vif77") == 0 && errno == ENODEV);
    CHECK(!if_indextoname(99, name) && errno == ENXIO);
    CHECK(!if_indextoname(257, name) && errno == ENXIO);
    CHECK(list && list[0].if_index == 1 && strcmp(list[0].if_name, "lo") == 0);
    CHECK(list[1].if_index == 0 && !list[1].if_name);
    if_freenameindex(list);
}

static void interfaces_have_addresses(void)
{
    struct ifaddrs *list;
    bool four = false, six = false;

    CHECK(getifaddrs(&list) == 0);
    for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
        CHECK(strcmp(at->ifa_name, "lo") == 0);
        CHECK(at->ifa_flags == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
        if (at->ifa_addr->sa_family == AF_INET) {
            four =
                ((struct sockaddr_in *)at->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK) &&
                ((struct sockaddr_in *)at->ifa_netmask)->sin_addr.s_addr == htonl(0xff000000);
        } else {
            const struct in6_addr *mask = &((struct sockaddr_in6 *)at->ifa_netmask)->sin6_addr;
            six = IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr) &&
                  mask->s6_addr[0] == 0xff && mask->s6_addr[15] == 0xff;
        }
    }
    CHECK(four && six);
    freeifaddrs(list);
}

static void hosts_are_found_into_ones_own_room(void)
{
    char room[200];
    struct hostent entry, *found = NULL;
    int error = -1;

    memset(room, 'x', sizeof(room));
    CHECK(gethostbyname_r("127.0.0.9", &entry, room + 1, 150, &found, &error) == 0);
    CHECK(found == &entry && entry.h_addrtype == AF_INET && entry.h_length == 4);
    CHECK(memcmp(entry.h_addr, "\x7f\0\0\x09", 4) == 0 && !entry.h_addr_list[1]);
    CHECK(strcmp(entry.h_name, "127.0.0.9") == 0 && !entry.h_aliases[0]);
    CHECK(room[0] == 'x' && room[151] == 'x');
    size_t size = 0;
    memset(room, 'x', sizeof(room));
    while (gethostbyname2_r("::1", AF_INET6, &entry, room + 1, size, &found, &error) == ERANGE)
        CHECK(!found && room[1 + size++] == 'x');
    CHECK(found && size > 40 && room[1 + size] == 'x' && entry.h_length == 16);
    CHECK(memcmp(entry.h_addr, &in6addr_loopback, 16) == 0);
    CHECK(gethostbyname_r("::1", &entry, room, 150, &found, &error) == 0);
    CHECK(!found && error == HOST_NOT_FOUND);
    CHECK(gethostbyname2_r("::1", AF_UNIX, &entry, room, 150, &found, &error) == EINVAL);
    CHECK((found = gethostbyname2("localhost", AF_INET6)) && found->h_addrtype == AF_INET6);
    CHECK((found = gethostbyname2("localhost", AF_INET)) && found->h_addrtype == AF_INET);
    CHECK(!gethostbyname2("1.2.3.4", AF_INET6) && h_errno == HOST_NOT_FOUND);
    herror("expected");
}

static void ethernet_addresses_are_texts(void)
{
    static const char *const wrong[] = {"",
                                        "1:2:3:4:5",
                                        "1:2:3:4:5:",
                                        "1:2:3:4:5:g",
                                        "100:2:3:4:5:6",
                                        "001:2:3:4:5:6",
                                        "1-2-3-4-5-6",
                                        " 1:2:3:4:5:6",
                                        "+1:2:3:4:5:6"};
    struct ether_addr address;
    char text[18];

    CHECK(ether_aton_r("00:16:3e:0:A:fF", &address) == &address);
    CHECK(memcmp(&address, "\0\x16\x3e\0\x0a\xff", 6) == 0);
    CHECK(ether_ntoa_r(&address, text) == text && strcmp(text, "0:16:3e:0:a:ff") == 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK(!ether_aton(wrong[i]));
    CHECK(strcmp(ether_ntoa(ether_aton("ff:ff:ff:ff:ff:ff")), "ff:ff:ff:ff:ff:ff") == 0);
}

int main(void)
{
    RUN(datagrams_are_peeked_at_and_cut);
    RUN(many_messages_are_one_call);
    RUN(streams_are_peeked_at_waited_for_and_thrown_away);
    RUN(ipv4_datagrams_tell_where_they_came_to);
    RUN(ipv6_datagrams_tell_where_they_came_to);
    RUN(ipv4_comes_to_ipv6_sockets_as_mapped_addresses);
    RUN(one_datagram_is_sent_in_its_own_way);
    RUN(an_ipv6_raw_socket_pings);
    RUN(an_ipv6_raw_socket_has_its_checksum_filled_in);
    RUN(link_local_addresses_need_their_interface);
    RUN(texts_name_the_interface_behind_a_percent_sign);
    RUN(interfaces_have_names_and_numbers);
    RUN(interfaces_have_addresses);
    RUN(hosts_are_found_into_ones_own_room);
    RUN(ethernet_addresses_are_texts);
    puts("all passed");
    return EXIT_SUCCESS;
}
