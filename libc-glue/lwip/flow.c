/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of an interface's queues a packet goes out by: all packets of a connection by the same one,
 * so that they stay in order, and those of others by others.
 */
#include "transmit.h"

#include <string.h>

#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"

#define PORTS_BYTES 4 /* of TCP and UDP, at the header's start */
#define MULTIPLIER  0x9e3779b1u

static uint32_t mix(uint32_t hash, const void *words, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)words + at, sizeof(word));
        hash ^= hash >> 16;
        hash = (hash ^ word) * MULTIPLIER;
    }
    return hash;
}

static bool has_ports(uint8_t protocol)
{
    return protocol == IP_PROTO_TCP || protocol == IP_PROTO_UDP;
}

/* A fragment has no ports, or only the first one has: its addresses must do. */
static uint32_t hash_ip4(const uint8_t *packet, size_t len)
{
    const struct ip_hdr *ip = (const struct ip_hdr *)packet;

    if (len < IP_HLEN)
        return 0;
    uint32_t hash = mix(0, &ip->src, 2 * sizeof(ip->src));
    bool whole = !(IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF));
    if (whole && has_ports(IPH_PROTO(ip)) && len >= IPH_HL_BYTES(ip) + (size_t)PORTS_BYTES)
        hash = mix(hash, packet + IPH_HL_BYTES(ip), PORTS_BYTES);
    return hash;
}

static uint32_t hash_ip6(const uint8_t *packet, size_t len)
{
    const struct ip6_hdr *ip = (const struct ip6_hdr *)packet;

    if (len < IP6_HLEN)
        return 0;
    uint32_t hash = mix(0, &ip->src, 2 * sizeof(ip->src));
    if (has_ports(IP6H_NEXTH(ip)) && len >= IP6_HLEN + PORTS_BYTES)
        hash = mix(hash, packet + IP6_HLEN, PORTS_BYTES);
    return hash;
}

/* A product's highest bits are those that depend on all of its factors'. */
static unsigned pick(uint32_t hash, unsigned n)
{
    return (unsigned)((uint64_t)hash * n >> 32);
}

unsigned flow_queue(const struct netbuf *packet, unsigned n_queues)
{
    const struct eth_hdr *eth = (const struct eth_hdr *)packet->data;
    const uint8_t *inner = packet->data + SIZEOF_ETH_HDR;
    size_t len = packet->len - SIZEOF_ETH_HDR;

    if (n_queues == 1 || packet->len < SIZEOF_ETH_HDR)
        return 0;
    if (eth->type == PP_HTONS(ETHTYPE_IP))
        return pick(hash_ip4(inner, len), n_queues);
    if (eth->type == PP_HTONS(ETHTYPE_IPV6))
        return pick(hash_ip6(inner, len), n_queues);
    return 0;
}
