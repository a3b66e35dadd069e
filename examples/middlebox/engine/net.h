/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Protocol headers, checked access to them, and Internet checksums.
 *
 * Fields are in network order, as in the packet. The structs are packed: headers may lie anywhere.
 */
#ifndef SPRAT_MIDDLEBOX_NET_H
#define SPRAT_MIDDLEBOX_NET_H

#include "bytes.h"
#include "packet.h"

#define ETHER_LEN     14
#define ETHERTYPE_IP  0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IP6 0x86dd
#define ETHERTYPE_TEB 0x6558

#define IPPROTO_ICMP  1
#define IPPROTO_IPIP  4
#define IPPROTO_TCP   6
#define IPPROTO_UDP   17
#define IPPROTO_GRE   47
#define IPPROTO_ICMP6 58

#define IP_DF      0x4000
#define IP_MF      0x2000
#define IP_OFFMASK 0x1fff

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_PSH 8
#define TCP_ACK 16

struct ether_hdr {
    uint8_t dst[6], src[6];
    uint16_t type;
} __attribute__((packed));

struct ip_hdr {
    uint8_t vhl, tos;
    uint16_t len, id, off;
    uint8_t ttl, proto;
    uint16_t sum;
    uint32_t src, dst;
} __attribute__((packed));

struct ip6_hdr {
    uint32_t flow;
    uint16_t len;
    uint8_t next, hop_limit;
    uint8_t src[16], dst[16];
} __attribute__((packed));

struct udp_hdr {
    uint16_t sport, dport, len, sum;
} __attribute__((packed));

struct tcp_hdr {
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t off, flags;
    uint16_t win, sum, urp;
} __attribute__((packed));

struct icmp_hdr {
    uint8_t type, code;
    uint16_t sum;
    uint16_t id, seq; /* depends on the type */
} __attribute__((packed));

struct arp_pkt {
    struct ether_hdr ether;
    uint16_t htype, ptype;
    uint8_t hlen, plen;
    uint16_t op;
    uint8_t sha[6];
    uint32_t spa;
    uint8_t tha[6];
    uint32_t tpa;
} __attribute__((packed));

_Static_assert(sizeof(struct ip_hdr) == 20, "IPv4 header");
_Static_assert(sizeof(struct ip6_hdr) == 40, "IPv6 header");
_Static_assert(sizeof(struct arp_pkt) == 42, "ARP packet");

static inline unsigned ip_hdr_len(const struct ip_hdr *ip)
{
    return (ip->vhl & 15u) * 4;
}

/** Bytes from the network header to the end of the data; 0 if the header is not inside the data. */
static inline uint32_t packet_net_len(const struct packet *p)
{
    if (!p->net || p->net < p->data || p->net > p->data + p->len)
        return 0;
    return (uint32_t)(p->data + p->len - p->net);
}

/** The IPv4 header with its options, whole inside the data, or NULL. */
static inline struct ip_hdr *packet_ip(const struct packet *p)
{
    struct ip_hdr *ip = (struct ip_hdr *)p->net;
    uint32_t len = packet_net_len(p);

    if (len < 20 || ip->vhl >> 4 != 4 || (ip->vhl & 15) < 5 || ip_hdr_len(ip) > len)
        return NULL;
    return ip;
}

/** Say that the network header is `offset` bytes in. Is an IPv4 header there, whole? */
static inline bool packet_mark_ip(struct packet *p, uint32_t offset)
{
    p->net = p->data + offset;
    return packet_ip(p);
}

/** First fragment or unfragmented? */
static inline bool ip_is_first(const struct ip_hdr *ip)
{
    return !(ip->off & host_to_be16(IP_OFFMASK));
}

/**
 * The transport header, if `need` bytes of it are in the data and belong to the IP packet; else
 * NULL.
 *
 * @param len  set to the bytes of transport data (header included); may be NULL.
 */
static inline uint8_t *ip_transport(const struct packet *p, const struct ip_hdr *ip, uint32_t need,
                                    uint32_t *len)
{
    uint32_t hl = ip_hdr_len(ip), total = be16_to_host(ip->len), have = packet_net_len(p);

    if (total < have)
        have = total;
    if (have < hl + need || !ip_is_first(ip))
        return NULL;
    if (len)
        *len = have - hl;
    return (uint8_t *)ip + hl;
}

/* ---- checksums ---- */

/** Sum of 16-bit words, not folded; data need not be aligned. */
uint32_t sum_bytes(const void *data, uint32_t len, uint32_t sum);

/** Fold and complement. */
static inline uint16_t sum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return (uint16_t)~sum;
}

static inline uint16_t checksum(const void *data, uint32_t len)
{
    return sum_fold(sum_bytes(data, len, 0));
}

void ip_set_checksum(struct ip_hdr *ip);

/** Checksum of a TCP or UDP segment with its pseudo-header. */
uint16_t transport_checksum(const struct ip_hdr *ip, const void *data, uint32_t len);

/** Correct a checksum after a 16-bit word of what it covers changed (RFC 1624). */
static inline void sum_update16(uint16_t *sum, uint16_t from, uint16_t to)
{
    uint32_t s = (uint16_t) ~*sum + (uint32_t)(uint16_t)~from + to;

    s = (s & 0xffff) + (s >> 16);
    *sum = (uint16_t) ~(s + (s >> 16));
}

static inline void sum_update32(uint16_t *sum, uint32_t from, uint32_t to)
{
    sum_update16(sum, (uint16_t)from, (uint16_t)to);
    sum_update16(sum, (uint16_t)(from >> 16), (uint16_t)(to >> 16));
}

/** Fill in an IPv4 header without options; the checksum too. */
void ip_fill(struct ip_hdr *ip, uint8_t proto, uint32_t src, uint32_t dst, uint16_t len,
             uint16_t id);

/** Set the packet type annotation from an Ethernet destination. */
uint8_t ether_packet_type(const uint8_t dst[6], const uint8_t own[6]);

#endif
