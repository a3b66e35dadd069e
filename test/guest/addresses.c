/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network's servers give a guest: it asks for names, pings its neighbour with a raw socket,
 * listens to two groups, and tells what it finds.
 *
 *     addresses NEIGHBOUR NAME...      NEIGHBOUR: an address, or - for none
 *
 * To a neighbour of IPv6 it makes connections, at once and without a server there, that wait and
 * that do not; to each it sends a datagram that nobody there takes.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define GROUP4 "239.7.7.7"
#define GROUP6 "ff02::7777"
#define PORT   7000

static void resolve(const char *name)
{
    struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(name, NULL, &hints, &list);

    if (error) {
        printf("%s: %s\n", name, gai_strerror(error));
        return;
    }
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        char text[64];
        getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
        printf("%s is %s\n", name, text);
    }
    freeaddrinfo(list);
}

static uint16_t checksum(const uint8_t *at, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void ping(const char *neighbour)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint8_t request[8] = {8, 0, 0, 0, 0x12, 0x34, 0, 1}, answer[64];
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint16_t sum = checksum(request, sizeof(request));

    inet_aton(neighbour, &to.sin_addr);
    memcpy(request + 2, &sum, sizeof(sum));
    if (fd < 0 || sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
        perror("ping");
        return;
    }
    while (poll(&wait, 1, 10000) == 1) {
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        if (n >= 28 && answer[20] == 0 && memcmp(answer + 24, request + 4, 4) == 0) {
            printf("%s answers\n", neighbour);
            return;
        }
    }
    printf("%s does not answer\n", neighbour);
}

static int connect_to(const char *neighbour, int type, int *fd)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    inet_pton(AF_INET6, neighbour, &to.sin6_addr);
    *fd = socket(AF_INET6, type, 0);
    return connect(*fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
}

static void meet(const char *neighbour)
{
    int later, now, error = connect_to(neighbour, SOCK_STREAM | SOCK_NONBLOCK, &later);
    socklen_t len = sizeof(error);

    printf("%s, later: %s\n", neighbour, strerror(error));
    printf("%s: %s\n", neighbour, strerror(connect_to(neighbour, SOCK_STREAM, &now)));
    struct pollfd wait = {.fd = later, .events = POLLOUT};
    if (poll(&wait, 1, 60000) == 1 && getsockopt(later, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
        printf("%s, in the end: %s\n", neighbour, strerror(error));
}

/* A datagram to where nobody listens. */
static void be_refused(const char *neighbour)
{
    int fd, error = connect_to(neighbour, SOCK_DGRAM, &fd);
    char byte;

    if (!error && send(fd, "x", 1, 0) == 1 && recv(fd, &byte, 1, 0) < 0)
        error = errno;
    printf("%s, by a datagram: %s\n", neighbour, strerror(error));
}

static int listen_to_groups(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    struct ip_mreq group4 = {.imr_interface = {INADDR_ANY}};
    struct ipv6_mreq group6 = {.ipv6mr_interface = 0};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    inet_aton(GROUP4, &group4.imr_multiaddr);
    inet_pton(AF_INET6, GROUP6, &group6.ipv6mr_multiaddr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group4, sizeof(group4)) ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof(group6))) {
        perror("groups");
        exit(EXIT_FAILURE);
    }
    return fd;
}

int main(int argc, char **argv)
{
    char text[128];
    ssize_t n;

    for (int i = 2; i < argc; i++)
        resolve(argv[i]);
    if (argc > 1 && strchr(argv[1], ':')) {
        meet(argv[1]);
        be_refused(argv[1]);
    } else if (argc > 1 && strcmp(argv[1], "-") != 0) {
        char mapped[64];
        ping(argv[1]);
        snprintf(mapped, sizeof(mapped), "::ffff:%s", argv[1]);
        be_refused(mapped);
    }
    int fd = listen_to_groups();
    puts("listening");
    while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
        text[n] = '\0';
        printf("heard %s\n", text);
    }
    perror("recv");
    return EXIT_FAILURE;
}
