/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nobody should send, from dom0 to a guest:
 *
 *     flood syn ADDRESS PORT N        requests for a connection from hosts that do not answer
 *     flood fragments ADDRESS PORT N  first fragments of datagrams, and no others
 *     flood datagrams ADDRESS PORT N  datagrams of 1400 bytes
 *     flood noise ADDRESS PORT N      packets of random protocols, lengths and bytes
 *     flood slow ADDRESS PORT N       N connections that send a byte now and then, without an end;
 *                                     those that the guest closes are opened again
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SLOW_MAX = 4000,
    SLOW_US = 300000,
    PACKET = 1500,
    DATA = 1400,
    FRAGMENT = 512,
    BURST = 50, /* packets between two short rests: what the bridge holds */
    REST_US = 1000,
};

static struct sockaddr_in to;
static uint8_t packet[PACKET];

static void check(int is_so, const char *what)
{
    if (is_so)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

static uint16_t sum(const void *bytes, size_t len, uint32_t start)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        start += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return htons((uint16_t)~start);
}

/* An IP header; the kernel fills in its length and checksum. */
static struct iphdr *begin(unsigned protocol, unsigned i)
{
    struct iphdr *ip = (struct iphdr *)packet;
    uint8_t source[4];

    /* Neighbours of the guest's, from .200 on, that there are not. */
    memcpy(source, &to.sin_addr, 4);
    source[3] = (uint8_t)(200 + i % 50);
    *ip = (struct iphdr){.version = 4,
                         .ihl = 5,
                         .ttl = 64,
                         .protocol = (uint8_t)protocol,
                         .id = htons((uint16_t)(i + 1)),
                         .daddr = to.sin_addr.s_addr};
    memcpy(&ip->saddr, source, 4);
    return ip;
}

static void syn(int fd, unsigned i)
{
    const struct iphdr *ip = begin(IPPROTO_TCP, i);
    struct tcphdr *tcp = (struct tcphdr *)(packet + sizeof(*ip));

    *tcp = (struct tcphdr){.source = htons((uint16_t)(1024 + i)),
                           .dest = to.sin_port,
                           .seq = htonl(i * 7919),
                           .doff = sizeof(*tcp) / 4,
                           .syn = 1,
                           .window = htons(8192)};
    uint32_t pseudo = (uint16_t)~ntohs(sum(&ip->saddr, 8, IPPROTO_TCP + sizeof(*tcp)));
    tcp->check = sum(tcp, sizeof(*tcp), pseudo);
    sendto(fd, packet, sizeof(*ip) + sizeof(*tcp), 0, (struct sockaddr *)&to, sizeof(to));
}

static void fragment(int fd, unsigned i)
{
    struct iphdr *ip = begin(IPPROTO_UDP, i);

    ip->frag_off = htons(IP_MF);
    memset(ip + 1, (int)i, FRAGMENT);
    sendto(fd, packet, sizeof(*ip) + FRAGMENT, 0, (struct sockaddr *)&to, sizeof(to));
}

static void noise(int fd, unsigned i)
{
    static const uint8_t protocols[] = {IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP};
    struct iphdr *ip = begin(rand() % 2 ? protocols[rand() % 4] : (unsigned)rand() % 256, i);
    size_t len = (size_t)rand() % 200;
    uint8_t *at = (uint8_t *)(ip + 1);

    if (rand() % 4 == 0)
        ip->frag_off = htons((uint16_t)rand() & 0x3fff);
    for (size_t n = 0; n < len; n++)
        at[n] = (uint8_t)rand();
    if (len >= 4 && rand() % 2)
        memcpy(at + 2, &to.sin_port, 2);
    if (len >= 14 && rand() % 2)
        at[12] = 0x50, at[13] = 2;
    sendto(fd, packet, sizeof(*ip) + len, 0, (struct sockaddr *)&to, sizeof(to));
}

static void datagram(int fd, unsigned i)
{
    memset(packet, (int)i, DATA);
    sendto(fd, packet, DATA, 0, (struct sockaddr *)&to, sizeof(to));
}

static int connect_slowly(void)
{
    static const char start[] = "GET / HTTP/1.1\r\nX-";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    check(fd >= 0, "socket");
    connect(fd, (struct sockaddr *)&to, sizeof(to));
    send(fd, start, sizeof(start) - 1, MSG_NOSIGNAL);
    return fd;
}

static void slow(unsigned n)
{
    static int fds[SLOW_MAX];

    for (unsigned i = 0; i < n; i++)
        fds[i] = connect_slowly();
    puts("slow");
    fflush(stdout);
    for (;;) {
        usleep(SLOW_US);
        for (unsigned i = 0; i < n; i++) {
            char byte;
            if (recv(fds[i], &byte, 1, 0) == 0 || send(fds[i], "x", 1, MSG_NOSIGNAL) == 1)
                if (recv(fds[i], &byte, 1, MSG_PEEK) != 0)
                    continue;
            close(fds[i]);
            fds[i] = connect_slowly();
        }
    }
}

static const struct kind {
    const char *name;
    int type, protocol;
    void (*send)(int fd, unsigned i);
} kinds[] = {
    {"syn", SOCK_RAW, IPPROTO_RAW, syn},
    {"fragments", SOCK_RAW, IPPROTO_RAW, fragment},
    {"noise", SOCK_RAW, IPPROTO_RAW, noise},
    {"datagrams", SOCK_DGRAM, 0, datagram},
};

int main(int argc, char **argv)
{
    check(argc == 5 && inet_pton(AF_INET, argv[2], &to.sin_addr) == 1,
          "usage: flood KIND ADDRESS PORT N");
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    unsigned n = (unsigned)strtoul(argv[4], NULL, 10);

    if (strcmp(argv[1], "slow") == 0) {
        check(n <= SLOW_MAX, "too many");
        slow(n);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        int fd = socket(AF_INET, kinds[i].type, kinds[i].protocol);
        check(fd >= 0, "socket");
        for (unsigned at = 0; at < n; at++) {
            kinds[i].send(fd, at);
            if (at % BURST == BURST - 1)
                usleep(REST_US);
        }
        return EXIT_SUCCESS;
    }
    check(0, argv[1]);
}
