/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers ARP requests and pings for one IPv4 address, straight on the driver: no network stack is
 * in the image. The smallest program that receives and sends packets.
 *
 *     pong 10.0.0.2
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/netfront.h>

#define BURST 32

#define ETHER_BYTES 14
#define ARP_BYTES   28
#define IP_BYTES    20
#define ICMP_BYTES  8

enum { ETHERTYPE = 12, ETHER_PAYLOAD = 14 };
enum {
    ARP_OPERATION = 6,
    ARP_SENDER_MAC = 8,
    ARP_SENDER_IP = 14,
    ARP_TARGET_MAC = 18,
    ARP_TARGET_IP = 24
};
enum { IP_VERSION = 0, IP_FRAGMENT = 6, IP_PROTOCOL = 9, IP_SOURCE = 12, IP_DESTINATION = 16 };
enum { ICMP_TYPE = 0, ICMP_CHECKSUM = 2 };

static uint8_t my_ip[4], my_mac[6];

static bool parse_address(const char *text, uint8_t address[4])
{
    for (int i = 0; i < 4; i++) {
        char *end;
        unsigned long part = strtoul(text, &end, 10);
        if (end == text || part > 255 || *end != (i < 3 ? '.' : '\0'))
            return false;
        address[i] = (uint8_t)part;
        text = end + 1;
    }
    return true;
}

static void answer_ether(uint8_t *frame)
{
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, my_mac, 6);
}

/* @return whether the frame has become an answer. */
static bool answer_arp(uint8_t *frame, uint32_t len)
{
    static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, request */
    uint8_t *arp = frame + ETHER_BYTES;

    if (len < ETHER_BYTES + ARP_BYTES || memcmp(arp, request, sizeof(request)) != 0 ||
        memcmp(arp + ARP_TARGET_IP, my_ip, 4) != 0)
        return false;
    answer_ether(frame);
    arp[ARP_OPERATION + 1] = 2;
    memcpy(arp + ARP_TARGET_MAC, arp + ARP_SENDER_MAC, 10);
    memcpy(arp + ARP_SENDER_MAC, my_mac, 6);
    memcpy(arp + ARP_SENDER_IP, my_ip, 4);
    return true;
}

static bool answer_ping(uint8_t *frame, uint32_t len)
{
    uint8_t *ip = frame + ETHER_BYTES, *icmp = ip + IP_BYTES;

    if (len < ETHER_BYTES + IP_BYTES + ICMP_BYTES || ip[IP_VERSION] != 0x45 ||
        ip[IP_PROTOCOL] != 1 || (ip[IP_FRAGMENT] & 0x3f) || ip[IP_FRAGMENT + 1] ||
        memcmp(ip + IP_DESTINATION, my_ip, 4) != 0 || icmp[ICMP_TYPE] != 8)
        return false;
    answer_ether(frame);
    memcpy(ip + IP_DESTINATION, ip + IP_SOURCE, 4);
    memcpy(ip + IP_SOURCE, my_ip, 4);
    /* The type goes from 8 to 0: the sum grows by 0x0800 (RFC 1624). */
    icmp[ICMP_TYPE] = 0;
    uint32_t sum = (uint32_t)(icmp[ICMP_CHECKSUM] << 8 | icmp[ICMP_CHECKSUM + 1]) + 0x0800;
    sum += sum >> 16;
    icmp[ICMP_CHECKSUM] = (uint8_t)(sum >> 8);
    icmp[ICMP_CHECKSUM + 1] = (uint8_t)sum;
    return true;
}

static bool answer(struct netbuf *packet)
{
    uint8_t *frame = packet->data;

    if (packet->len < ETHER_BYTES)
        return false;
    switch (frame[ETHERTYPE] << 8 | frame[ETHERTYPE + 1]) {
    case 0x0806:
        return answer_arp(frame, packet->len);
    case 0x0800:
        return answer_ping(frame, packet->len);
    default:
        return false;
    }
}

static void serve(struct netfront *nf)
{
    struct netbuf *packets[BURST], *answers[BURST];
    unsigned n, n_answers = 0;

    while ((n = netfront_receive(nf, 0, packets, BURST))) {
        n_answers = 0;
        for (unsigned i = 0; i < n; i++) {
            if (answer(packets[i]))
                answers[n_answers++] = packets[i];
            else
                netbuf_free(packets[i]);
        }
        unsigned sent = netfront_transmit(nf, 0, answers, n_answers);
        while (sent < n_answers)
            netbuf_free(answers[sent++]); /* the sender asks again */
    }
}

int main(int argc, char **argv)
{
    struct netfront *nf;

    if (argc != 2 || !parse_address(argv[1], my_ip)) {
        printf("usage: pong ADDRESS, such as pong 10.0.0.2\n");
        return 2;
    }
    int error = netfront_open(0, NULL, NULL, NULL, &nf);
    if (error) {
        printf("pong: no network interface 0 (%s): give the guest a vif\n", strerror(-error));
        return EXIT_FAILURE;
    }
    enum netfront_link link = NETFRONT_DOWN;
    while (netfront_link(nf) != NETFRONT_GONE) {
        if (netfront_link(nf) != link) {
            link = netfront_link(nf);
            memcpy(my_mac, netfront_features(nf)->mac, sizeof(my_mac));
            printf("pong: link %s\n", link == NETFRONT_UP ? "up" : "down");
        }
        serve(nf);
        netfront_wait(nf, UINT64_MAX);
    }
    netfront_close(nf);
    printf("pong: the interface is gone\n");
    return EXIT_SUCCESS;
}
