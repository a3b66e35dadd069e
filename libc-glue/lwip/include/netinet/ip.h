/* SPDX-License-Identifier: BSD-2-Clause */
/** IPv4's header, for raw sockets; by BSD's names and by Linux's. */
#ifndef _NETINET_IP_H
#define _NETINET_IP_H

#include <netinet/in.h>

struct ip {
    unsigned ip_hl : 4; /**< in words of 4 bytes */
    unsigned ip_v : 4;
    uint8_t ip_tos;
    uint16_t ip_len, ip_id, ip_off;
    uint8_t ip_ttl, ip_p;
    uint16_t ip_sum;
    struct in_addr ip_src, ip_dst;
};

struct iphdr {
    unsigned ihl : 4;
    unsigned version : 4;
    uint8_t tos;
    uint16_t tot_len, id, frag_off;
    uint8_t ttl, protocol;
    uint16_t check;
    uint32_t saddr, daddr;
};

#define IPVERSION    4
#define IPDEFTTL     64
#define IP_MAXPACKET 65535
#define MAXTTL       255

/* ip_off */
#define IP_RF      0x8000
#define IP_DF      0x4000
#define IP_MF      0x2000
#define IP_OFFMASK 0x1fff

/* ip_tos */
#define IPTOS_LOWDELAY    0x10
#define IPTOS_THROUGHPUT  0x08
#define IPTOS_RELIABILITY 0x04
#define IPTOS_MINCOST     0x02

#endif
