/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets' options: each is what it is on Linux, and what there is none of is refused. */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/time.h>

#include <net/if.h>
#include <netinet/tcp.h>

#include "loopback.h"

#define PORT   1101
#define ABSENT 9999

/* Kinds of sockets. */
enum {
    T4 = 1,
    T6 = 2,
    U4 = 4,
    U6 = 8,
    R4 = 16,
    R6 = 32,
    TCP = T4 | T6,
    UDP = U4 | U6,
    RAW = R4 | R6,
    SIX = T6 | U6 | R6,
    ALL = TCP | UDP | RAW,
};

static const struct kind {
    int bit, domain, type, protocol;
} kinds[] = {
    {T4, AF_INET, SOCK_STREAM, 0},        {T6, AF_INET6, SOCK_STREAM, 0},
    {U4, AF_INET, SOCK_DGRAM, 0},         {U6, AF_INET6, SOCK_DGRAM, 0},
    {R4, AF_INET, SOCK_RAW, IPPROTO_UDP}, {R6, AF_INET6, SOCK_RAW, IPPROTO_UDP},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Whole numbers that are set and read: `given` is read as `kept`, `bad` fails with EINVAL. */
static const struct row {
    const char *name;
    int kinds, level, number, initial, given, kept, bad;
} rows[] = {
#define ROW(kinds, level, name, ...)                                                               \
    {                                                                                              \
#name, kinds, level, name, __VA_ARGS__                                                     \
    }
#define FLAG(kinds, level, name)                                                                   \
    {                                                                                              \
#name, kinds, level, name, 0, 7, 1, ABSENT                                                 \
    }
    FLAG(ALL, SOL_SOCKET, SO_REUSEADDR),
    FLAG(ALL, SOL_SOCKET, SO_REUSEPORT),
    FLAG(ALL, SOL_SOCKET, SO_KEEPALIVE),
    FLAG(ALL, SOL_SOCKET, SO_BROADCAST),
    ROW(ALL, SOL_SOCKET, SO_RCVLOWAT, 1, 5, 5, ABSENT),
    ROW(ALL, SOL_SOCKET, SO_RCVLOWAT, 1, 0, 1, ABSENT),
    ROW(ALL, SOL_SOCKET, SO_BINDTOIFINDEX, 0, 1, 1, -1),
    ROW(UDP | RAW, SOL_SOCKET, SO_RCVBUF, 65536, 5000, 5000, ABSENT),
    FLAG(TCP, IPPROTO_TCP, TCP_NODELAY),
    FLAG(TCP, IPPROTO_TCP, TCP_CORK),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPIDLE, 7200, 32767, 32767, 32768),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPIDLE, 7200, 1, 1, 0),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPINTVL, 75, 32767, 32767, 32768),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 1, 0),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPCNT, 9, 127, 127, 128),
    ROW(TCP, IPPROTO_TCP, TCP_KEEPCNT, 9, 1, 1, 0),
    ROW(ALL & ~R6, IPPROTO_IP, IP_TTL, 64, 7, 7, 0),
    ROW(ALL & ~R6, IPPROTO_IP, IP_TTL, 64, -1, 64, 256),
    ROW(ALL & ~R6, IPPROTO_IP, IP_TOS, 0, 0x10, 0x10, ABSENT),
    FLAG(ALL & ~R6, IPPROTO_IP, IP_PKTINFO),
    FLAG(ALL & ~R6, IPPROTO_IP, IP_RECVTTL),
    FLAG(ALL & ~R6, IPPROTO_IP, IP_RECVTOS),
    FLAG(R4, IPPROTO_IP, IP_HDRINCL),
    FLAG(SIX, IPPROTO_IPV6, IPV6_V6ONLY),
    ROW(SIX, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, 0, 0, 256),
    ROW(SIX, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, -1, 64, -2),
    ROW(SIX, IPPROTO_IPV6, IPV6_TCLASS, 0, 255, 255, 256),
    ROW(SIX, IPPROTO_IPV6, IPV6_TCLASS, 0, -1, 0, -2),
    FLAG(SIX, IPPROTO_IPV6, IPV6_RECVPKTINFO),
    FLAG(SIX, IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
    FLAG(SIX, IPPROTO_IPV6, IPV6_RECVTCLASS),
    ROW(R6, IPPROTO_IPV6, IPV6_CHECKSUM, -1, 6, 6, 3),
};

static int open_kind(const struct kind *kind)
{
    int fd = socket(kind->domain, kind->type, kind->protocol);

    CHECK(fd >= 0);
    return fd;
}

/* Where another kind of socket has it for reading alone, that is not looked at. */
static void check_absent(const struct row *row, int fd)
{
    int value = row->given;

    CHECK_FAILS(setsockopt(fd, row->level, row->number, &value, sizeof(value)), ENOPROTOOPT);
}

static void check_present(const struct row *row, int fd)
{
    char one = 1;

    CHECK(option(fd, row->level, row->number) == row->initial);
    set(fd, row->level, row->number, row->given);
    CHECK(option(fd, row->level, row->number) == row->kept);
    if (row->bad != ABSENT) {
        CHECK_FAILS(setsockopt(fd, row->level, row->number, &row->bad, sizeof(row->bad)), EINVAL);
        CHECK(option(fd, row->level, row->number) == row->kept);
    }
    if (row->level != IPPROTO_IP) /* where a byte will do */
        CHECK_FAILS(setsockopt(fd, row->level, row->number, &one, sizeof(one)), EINVAL);
    CHECK_FAILS(setsockopt(fd, row->level, row->number, &one, 0), EINVAL);
}

static void numbers_are_as_on_linux(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        for (size_t j = 0; j < N_KINDS; j++) {
            int fd = open_kind(&kinds[j]);
            printf("%s on %#x\n", row->name, kinds[j].bit);
            if (row->kinds & kinds[j].bit)
                check_present(row, fd);
            else if (row->number != SO_RCVBUF && row->number != IP_HDRINCL)
                check_absent(row, fd);
            CHECK(close(fd) == 0);
        }
    }
}

static void what_can_only_be_read_is_not_set(void)
{
    static const int names[] = {SO_TYPE,       SO_DOMAIN, SO_PROTOCOL,
                                SO_ACCEPTCONN, SO_ERROR,  SO_SNDLOWAT};

    for (size_t i = 0; i < N_KINDS; i++) {
        const struct kind *kind = &kinds[i];
        int fd = open_kind(kind), one = 1;
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
            CHECK_FAILS(setsockopt(fd, SOL_SOCKET, names[j], &one, sizeof(one)), ENOPROTOOPT);
        CHECK(option(fd, SOL_SOCKET, SO_TYPE) == kind->type);
        CHECK(option(fd, SOL_SOCKET, SO_DOMAIN) == kind->domain);
        CHECK(option(fd, SOL_SOCKET, SO_PROTOCOL) ==
              (kind->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP));
        CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
        CHECK(option(fd, SOL_SOCKET, SO_ERROR) == 0);
        CHECK(option(fd, SOL_SOCKET, SO_SNDLOWAT) == 1);
        CHECK(option(fd, SOL_SOCKET, SO_SNDBUF) > 0);
        CHECK(option(fd, SOL_SOCKET, SO_RCVBUF) > 0);
        close(fd);
    }
}

static void what_there_is_none_of_is_refused(void)
{
    static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6, ABSENT};

    for (size_t i = 0; i < N_KINDS; i++) {
        int fd = open_kind(&kinds[i]), value = 1;
        socklen_t len = sizeof(value);
        for (size_t j = 0; j < sizeof(levels) / sizeof(levels[0]); j++) {
            CHECK_FAILS(setsockopt(fd, levels[j], ABSENT, &value, sizeof(value)), ENOPROTOOPT);
            CHECK_FAILS(getsockopt(fd, levels[j], ABSENT, &value, &len), ENOPROTOOPT);
        }
        close(fd);
    }
}

static void time_outs_are_read_as_they_were_set(void)
{
    static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    const struct timeval given = {3, 250000}, none = {0}, bad = {1, 1000000};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    for (int i = 0; i < 2; i++) {
        struct timeval found = bad;
        socklen_t len = sizeof(found);
        CHECK(getsockopt(fd, SOL_SOCKET, names[i], &found, &len) == 0 && len == sizeof(found));
        CHECK(memcmp(&found, &none, sizeof(none)) == 0);
        CHECK(setsockopt(fd, SOL_SOCKET, names[i], &given, sizeof(given)) == 0);
        CHECK(getsockopt(fd, SOL_SOCKET, names[i], &found, &len) == 0);
        CHECK(memcmp(&found, &given, sizeof(given)) == 0);
        CHECK_FAILS(setsockopt(fd, SOL_SOCKET, names[i], &bad, sizeof(bad)), EDOM);
        CHECK_FAILS(setsockopt(fd, SOL_SOCKET, names[i], &given, 4), EINVAL);
        CHECK(setsockopt(fd, SOL_SOCKET, names[i], &none, sizeof(none)) == 0);
    }
    close(fd);
}

static void lingering_is_read_as_it_was_set(void)
{
    const struct linger given = {7, 5}, kept = {1, 5};
    struct linger found = given;
    socklen_t len = sizeof(found);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &found, &len) == 0 && len == sizeof(found));
    CHECK(found.l_onoff == 0 && found.l_linger == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &given, sizeof(given)) == 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &found, &len) == 0);
    CHECK(memcmp(&found, &kept, sizeof(kept)) == 0);
    CHECK_FAILS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &given, 4), EINVAL);
    close(fd);
}

static void an_interface_is_named_and_let_go(void)
{
    char name[IF_NAMESIZE];

    for (size_t i = 0; i < N_KINDS; i++) {
        socklen_t len = sizeof(name);
        int fd = open_kind(&kinds[i]);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 && len == 0);
        CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
        len = sizeof(name);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len) == 0 && len == 3);
        CHECK(strcmp(name, "lo") == 0);
        CHECK_FAILS(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "vif77", 6), ENODEV);
        CHECK(option(fd, SOL_SOCKET, SO_BINDTOIFINDEX) == (int)if_nametoindex("lo"));
        CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0);
        CHECK(option(fd, SOL_SOCKET, SO_BINDTOIFINDEX) == 0);
        close(fd);
    }
}

static void one_port_for_two(void)
{
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, PORT, &len);
    int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(first, (struct sockaddr *)&address, len) == 0);
    CHECK_FAILS(bind(second, (struct sockaddr *)&address, len), EADDRINUSE);
    close(first);
    first = socket(AF_INET, SOCK_STREAM, 0);
    set(first, SOL_SOCKET, SO_REUSEADDR, 1);
    set(second, SOL_SOCKET, SO_REUSEADDR, 1);
    CHECK(bind(first, (struct sockaddr *)&address, len) == 0);
    CHECK(bind(second, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(first, 1) == 0);
    CHECK_FAILS(listen(second, 1), EADDRINUSE);
    close(first);
    close(second);
}

static void ipv6_alone_leaves_ipv4_to_others(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, PORT, &len);
    int six = socket(AF_INET6, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CHECK(bind(six, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(six, 1) == 0);
    CHECK_FAILS(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), EINVAL);
    CHECK_FAILS(connect(client, (struct sockaddr *)&address, len), ECONNREFUSED);
    close(client);
    CHECK(bind(four, (struct sockaddr *)&address, len) == 0 && listen(four, 1) == 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(client, (struct sockaddr *)&address, len) == 0);
    close(client);
    close(four);
    close(six);
}

static void an_error_is_told_once(void)
{
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, PORT, &len);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    if (connect(fd, (struct sockaddr *)&address, len))
        CHECK(errno == EINPROGRESS && poll(&wait, 1, -1) == 1 && wait.revents & POLLERR);
    CHECK(option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    CHECK(option(fd, SOL_SOCKET, SO_ERROR) == 0);
    close(fd);
}

static void broadcasts_need_permission(void)
{
    struct sockaddr_in all = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = INADDR_BROADCAST};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
    CHECK_FAILS(sendto(fd, "x", 1, 0, (struct sockaddr *)&all, sizeof(all)), EACCES);
    close(fd);
}

/* How a connection is, for who wants to know. */
static void a_connection_describes_itself(void)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    int client, server;

    connect_pair(AF_INET, PORT, &client, &server);
    CHECK(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && len == sizeof(info));
    CHECK(info.tcpi_state == TCP_ESTABLISHED && info.tcpi_unacked == 0 && info.tcpi_rto);
    CHECK(info.tcpi_snd_mss == (uint32_t)option(client, IPPROTO_TCP, TCP_MAXSEG));
    CHECK(info.tcpi_snd_cwnd > 0 && info.tcpi_options & TCPI_OPT_WSCALE);
    CHECK(shutdown(server, SHUT_WR) == 0);
    char c;
    CHECK(read(client, &c, 1) == 0);
    len = 1; /* the first byte is the state */
    CHECK(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && len == 1);
    CHECK(info.tcpi_state == TCP_CLOSE_WAIT);
    close(client);
    close(server);
}

static void check_keepalive(int fd, int idle)
{
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == idle);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 12);
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 13);
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
}

/* What is set before listen() and after. */
static void accepted_connections_have_the_listeners_options(void)
{
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, PORT, &len);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    const struct linger linger = {1, 44};
    struct linger inherited;
    int none = 0;

    set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
    set(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(listener, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set(listener, IPPROTO_TCP, TCP_KEEPINTVL, 12);
    set(listener, IPPROTO_TCP, TCP_KEEPCNT, 13);
    set(listener, IPPROTO_IP, IP_TTL, 33);
    set(listener, IPPROTO_IP, IP_TOS, 0x20);
    set(listener, SOL_SOCKET, SO_RCVLOWAT, 3);
    CHECK(setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    CHECK(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    check_keepalive(listener, 10);
    set(listener, IPPROTO_TCP, TCP_KEEPIDLE, 11);
    CHECK_FAILS(setsockopt(listener, IPPROTO_TCP, TCP_KEEPCNT, &none, sizeof(none)), EINVAL);
    CHECK(connect(client, (struct sockaddr *)&address, len) == 0);
    int server = accept(listener, NULL, NULL);
    CHECK(server >= 0);
    check_keepalive(server, 11);
    CHECK(option(server, IPPROTO_IP, IP_TTL) == 33 && option(server, IPPROTO_IP, IP_TOS) == 0x20);
    CHECK(option(server, SOL_SOCKET, SO_RCVLOWAT) == 3);
    len = sizeof(inherited);
    CHECK(getsockopt(server, SOL_SOCKET, SO_LINGER, &inherited, &len) == 0);
    CHECK(memcmp(&inherited, &linger, sizeof(linger)) == 0);
    CHECK(option(client, SOL_SOCKET, SO_KEEPALIVE) == 0);
    close(server);
    close(client);
    close(listener);
}

int main(void)
{
    RUN(numbers_are_as_on_linux);
    RUN(what_can_only_be_read_is_not_set);
    RUN(what_there_is_none_of_is_refused);
    RUN(time_outs_are_read_as_they_were_set);
    RUN(lingering_is_read_as_it_was_set);
    RUN(an_interface_is_named_and_let_go);
    RUN(one_port_for_two);
    RUN(ipv6_alone_leaves_ipv4_to_others);
    RUN(an_error_is_told_once);
    RUN(broadcasts_need_permission);
    RUN(a_connection_describes_itself);
    RUN(accepted_connections_have_the_listeners_options);
    puts("all passed");
    return EXIT_SUCCESS;
}
