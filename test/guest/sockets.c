/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets within a guest, over its loopback interface. */
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/poll.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "loopback.h"

static void a_connection_carries_bytes_both_ways_and_ends(int family)
{
    int client, server, n;
    char buffer[16];

    connect_pair(family, 1001, &client, &server);
    CHECK(write(client, "hello", 5) == 5);
    CHECK(recv(server, buffer, 16, MSG_PEEK) == 5);
    CHECK(ioctl(server, FIONREAD, &n) == 0 && n == 5);
    CHECK(read(server, buffer, 2) == 2 && read(server, buffer + 2, 14) == 3);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK(send(server, "you", 3, 0) == 3);
    CHECK(recv(client, buffer, 3, MSG_WAITALL) == 3);
    CHECK(shutdown(client, SHUT_WR) == 0);
    CHECK(read(server, buffer, 1) == 0);
    CHECK_FAILS(write(client, "x", 1), EPIPE);
    CHECK(write(server, "rest", 4) == 4);
    CHECK(read(client, buffer, 16) == 4);
    CHECK(close(server) == 0);
    CHECK(read(client, buffer, 1) == 0);
    CHECK(close(client) == 0);
}

static void connections_over_ipv4(void)
{
    a_connection_carries_bytes_both_ways_and_ends(AF_INET);
}

static void connections_over_ipv6(void)
{
    a_connection_carries_bytes_both_ways_and_ends(AF_INET6);
}

static void one_listener_takes_both_families(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(1002)}, peer;
    socklen_t len, peer_len = sizeof(peer);
    struct sockaddr_storage address = here(AF_INET, 1002, &len);
    int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(bind(listener, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(listener, 1) == 0);
    CHECK(connect(client, (struct sockaddr *)&address, len) == 0);
    int server = accept(listener, (struct sockaddr *)&peer, &peer_len);
    CHECK(server >= 0 && peer_len == sizeof(peer) && IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
    close(server);
    close(client);
    close(listener);
}

static void nobody_listens_means_refused(void)
{
    socklen_t len;
    struct sockaddr_storage address = here(AF_INET, 1003, &len);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK_FAILS(connect(fd, (struct sockaddr *)&address, len), ECONNREFUSED);
    close(fd);
}

static void a_full_connection_takes_no_more_and_loses_nothing(void)
{
    static char block[10000], back[10000];
    int client, server;
    size_t sent = 0, received = 0;
    ssize_t n;

    connect_pair(AF_INET, 1004, &client, &server);
    CHECK(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
    struct pollfd both[] = {{.fd = client, .events = POLLOUT}, {.fd = server, .events = POLLIN}};
    for (int i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizeof(block); at++)
            block[at] = (char)((sent + at) * 7);
        while ((n = write(client, block, sizeof(block))) < 0) {
            CHECK(errno == EAGAIN);
            CHECK(poll(both, 2, 5000) > 0);
            if (!both[1].revents)
                continue;
            n = read(server, back, sizeof(back));
            CHECK(n > 0);
            for (ssize_t at = 0; at < n; at++, received++)
                CHECK(back[at] == (char)(received * 7));
        }
        sent += (size_t)n;
    }
    CHECK(shutdown(client, SHUT_WR) == 0);
    while ((n = read(server, back, sizeof(back))) > 0)
        for (ssize_t at = 0; at < n; at++, received++)
            CHECK(back[at] == (char)(received * 7));
    CHECK(n == 0 && received == sent);
    close(client);
    close(server);
}

static void datagrams_keep_their_bounds_and_their_sender(int family)
{
    socklen_t len, from_len = sizeof(struct sockaddr_storage);
    struct sockaddr_storage address = here(family, 1005, &len), from;
    int server = socket(family, SOCK_DGRAM, 0), client = socket(family, SOCK_DGRAM, 0);
    char buffer[4];
    static char big[30000];

    CHECK(bind(server, (struct sockaddr *)&address, len) == 0);
    CHECK(sendto(client, "abcdef", 6, 0, (struct sockaddr *)&address, len) == 6);
    CHECK(sendto(client, "", 0, 0, (struct sockaddr *)&address, len) == 0);
    CHECK(recvfrom(server, buffer, 4, 0, (struct sockaddr *)&from, &from_len) == 4);
    CHECK(memcmp(buffer, "abcd", 4) == 0 && from_len == len);
    CHECK(recv(server, buffer, 4, 0) == 0);
    CHECK_FAILS(recv(server, buffer, 4, MSG_DONTWAIT), EAGAIN);
    CHECK(sendto(server, "back", 4, 0, (struct sockaddr *)&from, from_len) == 4);
    CHECK(recv(client, buffer, 4, 0) == 4);
    CHECK(connect(client, (struct sockaddr *)&address, len) == 0);
    CHECK(send(client, big, sizeof(big), 0) == sizeof(big));
    CHECK(recv(server, big, sizeof(big), 0) == sizeof(big));
    close(server);
    close(client);
}

static void datagrams_over_ipv4(void)
{
    datagrams_keep_their_bounds_and_their_sender(AF_INET);
}

static void datagrams_over_ipv6(void)
{
    datagrams_keep_their_bounds_and_their_sender(AF_INET6);
}

static void a_time_out_ends_a_wait(void)
{
    struct timeval moment = {.tv_usec = 20000};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char c;

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) == 0);
    CHECK_FAILS(recv(fd, &c, 1, 0), EAGAIN);
    close(fd);
}

static double now_s(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A connection that takes no more, because nobody reads. @return bytes that were written. */
static size_t fill(int fd)
{
    static const char block[4096];
    size_t total = 0;
    ssize_t n;

    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    do
        while ((n = write(fd, block, sizeof(block))) > 0)
            total += (size_t)n;
    while (poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100) > 0);
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
    return total;
}

static size_t read_all(int fd)
{
    char block[1000];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) > 0)
        total += (size_t)n;
    CHECK(n == 0);
    return total;
}

static void *reader(void *arg)
{
    return (void *)read_all(*(int *)arg);
}

static void who_lingers_waits_until_all_is_there(void)
{
    const struct linger linger = {1, 1000};
    pthread_t thread;
    int client, server;
    void *received;

    connect_pair(AF_INET, 1007, &client, &server);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    size_t written = fill(client);
    double started_s = now_s();
    CHECK(pthread_create(&thread, NULL, reader, &server) == 0);
    CHECK(close(client) == 0);
    CHECK(now_s() - started_s < 500);
    CHECK(pthread_join(thread, &received) == 0 && (size_t)received == written);
    close(server);
}

static void who_lingers_waits_no_longer_than_it_said(void)
{
    const struct linger linger = {1, 1};
    int client, server;

    connect_pair(AF_INET, 1007, &client, &server);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    size_t written = fill(client);
    double started_s = now_s();
    CHECK(close(client) == 0);
    CHECK(now_s() - started_s >= 1);
    CHECK(read_all(server) == written); /* it is sent all the same */
    close(server);
}

static void who_lingers_for_no_time_resets(void)
{
    const struct linger linger = {.l_onoff = 1};
    int client, server;
    char c;

    connect_pair(AF_INET6, 1008, &client, &server);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    CHECK(close(client) == 0);
    CHECK_FAILS(read(server, &c, 1), ECONNRESET);
    close(server);
}

/* Fewer bytes than a reader asks to be woken for are not read until more come, or the end. */
static void a_low_water_mark_holds_readers_back(void)
{
    int client, server;
    char bytes[8];

    connect_pair(AF_INET, 1009, &client, &server);
    set(server, SOL_SOCKET, SO_RCVLOWAT, 4);
    CHECK(write(client, "abc", 3) == 3);
    struct pollfd wait = {.fd = server, .events = POLLIN};
    CHECK(poll(&wait, 1, 50) == 0);
    CHECK(write(client, "d", 1) == 1);
    CHECK(poll(&wait, 1, -1) == 1);
    CHECK(read(server, bytes, 8) == 4);
    CHECK(write(client, "e", 1) == 1 && shutdown(client, SHUT_WR) == 0);
    CHECK(read(server, bytes, 8) == 1);
    close(client);
    close(server);
}

static void mistakes_have_their_errno(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1006)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0), value;
    socklen_t len = sizeof(value);

    CHECK_FAILS(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_FAILS(socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}), EAFNOSUPPORT);
    CHECK_FAILS(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}), EOPNOTSUPP);
    CHECK_FAILS(socket(AF_INET, 5, 0), EPROTOTYPE);
    CHECK_FAILS(socket(AF_INET, 99, 0), EINVAL);
    CHECK_FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_FAILS(bind(fd, (struct sockaddr *)&in, 4), EINVAL);
    CHECK_FAILS(listen(STDOUT_FILENO, 1), ENOTSOCK);
    CHECK_FAILS(accept(fd, NULL, NULL), EINVAL);
    CHECK_FAILS(send(fd, "x", 1, 0), EPIPE);
    CHECK(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    CHECK_FAILS(bind(fd, (struct sockaddr *)&in, sizeof(in)), EINVAL);
    CHECK_FAILS(bind(other, (struct sockaddr *)&in, sizeof(in)), EADDRINUSE);
    CHECK_FAILS(setsockopt(fd, SOL_SOCKET, 9999, &value, sizeof(value)), ENOPROTOOPT);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) == 0 && value == SOCK_STREAM);
    CHECK_FAILS(getpeername(fd, (struct sockaddr *)&in, &len), ENOTCONN);
    close(fd);
    close(other);
}

static void names_of_this_host_need_no_server(void)
{
    struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM};
    char host[INET6_ADDRSTRLEN], service[8];

    CHECK(getaddrinfo("localhost", "http", &hints, &list) == 0);
    CHECK(list->ai_family == AF_INET6 && list->ai_next->ai_family == AF_INET);
    CHECK(getnameinfo(list->ai_next->ai_addr, list->ai_next->ai_addrlen, host, sizeof(host),
                      service, sizeof(service), 0) == 0);
    CHECK(strcmp(host, "127.0.0.1") == 0 && strcmp(service, "80") == 0);
    freeaddrinfo(list);
    CHECK(getaddrinfo("10.0.0.300", "70000", &hints, &list) == EAI_SERVICE);
    CHECK(getaddrinfo("fd00::1", NULL, &hints, &list) == 0);
    CHECK(inet_ntop(AF_INET6, &((struct sockaddr_in6 *)list->ai_addr)->sin6_addr, host,
                    sizeof(host)));
    CHECK(strcmp(host, "fd00::1") == 0);
    freeaddrinfo(list);
    struct in_addr in;
    CHECK(inet_pton(AF_INET, "1.2.3", &in) == 0 && inet_pton(AF_INET, "1.2.3.4", &in) == 1);
    CHECK(in.s_addr == htonl(0x01020304));
}

static void services_and_protocols_have_names(void)
{
    struct servent *service = getservbyname("domain", "udp");

    CHECK(service && service->s_port == htons(53) && strcmp(service->s_proto, "udp") == 0);
    CHECK((service = getservbyname("tftp", NULL)) && strcmp(service->s_proto, "udp") == 0);
    CHECK((service = getservbyport(htons(80), "tcp")) && strcmp(service->s_name, "http") == 0);
    CHECK(!getservbyname("http", "udp") && !getservbyname("tftp", "tcp"));
    CHECK(!getservbyname("nothing", NULL) && !getservbyport(htons(9999), NULL));
    CHECK(getprotobyname("udp")->p_proto == IPPROTO_UDP && !getprotobyname("nothing"));
    CHECK(strcmp(getprotobynumber(IPPROTO_ICMPV6)->p_name, "ipv6-icmp") == 0);
    CHECK(!getprotobynumber(200));
    CHECK(!gethostbyname("10.0.0.0.1") && h_errno == TRY_AGAIN); /* no name server is known */
    CHECK(gethostbyname("10.0.0.1") && !gethostbyaddr("\12\0\0\1", 4, AF_INET));
    CHECK(h_errno == HOST_NOT_FOUND && strcmp(hstrerror(h_errno), "no such name") == 0);
}

/* What is read in any form is written in one: RFC 5952. */
static void addresses_are_written_in_one_form(void)
{
    static const struct {
        int family;
        const char *read, *written;
    } texts[] = {
        {AF_INET, "10.0.200.1", "10.0.200.1"},
        {AF_INET, "255.255.255.255", "255.255.255.255"},
        {AF_INET6, "0:0:0:0:0:0:0:0", "::"},
        {AF_INET6, "::1", "::1"},
        {AF_INET6, "1::", "1::"},
        {AF_INET6, "FE80::0216:3EFF:fe01:203", "fe80::216:3eff:fe01:203"},
        {AF_INET6, "1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"}, /* a single group is not shortened */
        {AF_INET6, "1:0:0:4:0:0:0:8", "1:0:0:4::8"},      /* the longest row is */
        {AF_INET6, "1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},    /* or the first */
        {AF_INET6, "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
        {AF_INET6, "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {AF_INET6, "::ffff:a00:2", "::ffff:10.0.0.2"},
        {AF_INET6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        socklen_t size = (socklen_t)strlen(texts[i].written) + 1;
        CHECK(inet_pton(texts[i].family, texts[i].read, &address) == 1);
        CHECK(inet_ntop(texts[i].family, &address, text, size) == text);
        CHECK(strcmp(text, texts[i].written) == 0);
        CHECK(inet_ntop(texts[i].family, &address, text, size - 1) == NULL && errno == ENOSPC);
    }
    CHECK(inet_ntop(AF_UNSPEC, &address, text, sizeof(text)) == NULL && errno == EAFNOSUPPORT);
}

/* A datagram that nobody takes: its sender hears of it, once it is connected. */
static void a_datagram_may_be_refused(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    char byte;

    for (int i = 0; i < 2; i++) {
        socklen_t len;
        struct sockaddr_storage nobody = here(families[i], 1015, &len);
        int fd = socket(families[i], SOCK_DGRAM, 0);
        CHECK(sendto(fd, "x", 1, 0, (struct sockaddr *)&nobody, len) == 1);
        CHECK(connect(fd, (struct sockaddr *)&nobody, len) == 0);
        CHECK(send(fd, "x", 1, 0) == 1);
        CHECK_FAILS(recv(fd, &byte, 1, 0), ECONNREFUSED);
        CHECK_FAILS(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
        if (families[i] == AF_INET)
            CHECK(option(fd, IPPROTO_IP, IP_MTU) == 65536);
        else
            CHECK(option(fd, IPPROTO_IPV6, IPV6_MTU) == 65536);
        close(fd);
    }
}

int main(void)
{
    RUN(mistakes_have_their_errno);
    RUN(datagrams_over_ipv4);
    RUN(datagrams_over_ipv6);
    RUN(a_time_out_ends_a_wait);
    RUN(connections_over_ipv4);
    RUN(connections_over_ipv6);
    RUN(one_listener_takes_both_families);
    RUN(nobody_listens_means_refused);
    RUN(a_full_connection_takes_no_more_and_loses_nothing);
    RUN(who_lingers_waits_until_all_is_there);
    RUN(who_lingers_waits_no_longer_than_it_said);
    RUN(who_lingers_for_no_time_resets);
    RUN(a_low_water_mark_holds_readers_back);
    RUN(names_of_this_host_need_no_server);
    RUN(services_and_protocols_have_names);
    RUN(addresses_are_written_in_one_form);
    RUN(a_datagram_may_be_refused);
    puts("all passed");
    return EXIT_SUCCESS;
}
