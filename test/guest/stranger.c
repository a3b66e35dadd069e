/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host on a bridge of dom0's that is not dom0. (What dom0 sends itself, netback does not filter.)
 *
 *     stranger BRIDGE GROUP PORT TEXT N     send N datagrams to a group of IPv4's
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SIOCBRADDIF
#define SIOCBRADDIF 0x89a2 /* <linux/sockios.h> */
#endif

static struct frame {
    struct ether_header ether;
    struct iphdr ip;
    struct udphdr udp;
    char text[64];
} __attribute__((packed)) frame;

static void check(int is_so, const char *what)
{
    if (is_so)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

/* An interface on the bridge; what is written to it, it receives. */
static int plug(const char *bridge)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open("/dev/net/tun", O_RDWR), control = socket(AF_INET, SOCK_DGRAM, 0);

    check(tap >= 0 && control >= 0 && ioctl(tap, TUNSETIFF, &request) == 0, "tap");
    check(ioctl(control, SIOCGIFINDEX, &request) == 0, request.ifr_name);
    struct ifreq port = {.ifr_ifindex = request.ifr_ifindex};
    strncpy(port.ifr_name, bridge, IFNAMSIZ - 1);
    check(ioctl(control, SIOCBRADDIF, &port) == 0, bridge);
    request.ifr_flags = IFF_UP;
    check(ioctl(control, SIOCSIFFLAGS, &request) == 0, "up");
    return tap;
}

static uint16_t checksum(const void *at, size_t bytes)
{
    const uint16_t *words = at;
    uint32_t sum = 0;

    for (size_t i = 0; i < bytes / 2; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static size_t make_frame(const char *group, const char *port, const char *text)
{
    size_t len = strlen(text);
    uint32_t to;

    check(inet_pton(AF_INET, group, &to) == 1 && len <= sizeof(frame.text), group);
    uint32_t low = ntohl(to) & 0x7fffff;
    uint8_t mac[] = {1, 0, 0x5e, (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low};
    memcpy(frame.ether.ether_dhost, mac, sizeof(mac));
    memcpy(frame.ether.ether_shost, "\x02\0\0\0\0\x77", 6);
    frame.ether.ether_type = htons(ETHERTYPE_IP);
    frame.ip = (struct iphdr){.ihl = 5, .version = 4, .ttl = 1, .protocol = IPPROTO_UDP};
    frame.ip.tot_len = htons((uint16_t)(sizeof(frame.ip) + sizeof(frame.udp) + len));
    frame.ip.saddr = inet_addr("192.0.2.77");
    frame.ip.daddr = to;
    frame.ip.check = checksum(&frame.ip, sizeof(frame.ip));
    frame.udp.source = frame.udp.dest = htons((uint16_t)atoi(port));
    frame.udp.len = htons((uint16_t)(sizeof(frame.udp) + len)); /* a checksum of 0 is none */
    memcpy(frame.text, text, len);
    return sizeof(frame) - sizeof(frame.text) + len;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: stranger BRIDGE GROUP PORT TEXT N\n");
        return EXIT_FAILURE;
    }
    int tap = plug(argv[1]);
    size_t len = make_frame(argv[2], argv[3], argv[4]);
    for (int n = atoi(argv[5]); n; n--)
        check(write(tap, &frame, len) == (ssize_t)len, "write");
    return EXIT_SUCCESS;
}
