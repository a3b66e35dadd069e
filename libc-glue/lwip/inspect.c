/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lwIP takes on trust of a packet and must not: each check here stands for a read beyond the
 * packet, or worse, that the fuzzer showed (test/fuzz/fuzz_lwip.c, with the seeds of these names).
 */
#include "net.h"

#include <string.h>

#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/nd6.h"
#include "lwip/priv/nd6_priv.h"

#include "pathmtu.h"

#define HEADER_UNIT    8 /* IPv6's extension headers are a multiple of it */
#define OPTION_HEADER  2 /* type and length */
#define FRAGMENT_START 0xfff8
#define NA_TARGET      8 /* where an advertisement has the address that it is about */
#define ADDRESS        16

/* The bytes of a header, those that are in the packet's first piece. */
struct span {
    const uint8_t *at;
    size_t left;
};

/* ip6-option: an option that begins in an options header ends in it. */
static bool options_fit(const uint8_t *header, size_t len)
{
    size_t at = OPTION_HEADER;

    while (at < len) {
        if (header[at] == IP6_PAD1_OPTION) {
            at++;
            continue;
        }
        if (len - at < OPTION_HEADER)
            return false;
        at += OPTION_HEADER + header[at + 1];
    }
    return at == len;
}

/* ip6-claim: somebody says that an address is his which is the guest's, and which nobody had when
 * it was asked for. lwIP would give it up. */
static bool claims_ours(const struct interface *interface, struct span span)
{
    const struct netif *netif = &interface->netif;

    if (span.left < sizeof(struct na_header))
        return false;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            memcmp(netif_ip6_addr(netif, i)->addr, span.at + NA_TARGET, ADDRESS) == 0)
            return true;
    return false;
}

/* What an ICMPv6 message says of MTUs is for pathmtu.c. Its first 8 bytes are there in any case. */
static bool inspect_icmp6(struct interface *interface, const struct ip6_hdr *ip, struct span span)
{
    if (span.left < HEADER_UNIT)
        return false;
    if (span.at[0] == ICMP6_TYPE_NA)
        return !claims_ours(interface, span);
    if (span.at[0] == ICMP6_TYPE_PTB)
        return pathmtu_too_big(interface, span.at, span.left);
    if (span.at[0] == ICMP6_TYPE_RA && IP6H_HOPLIM(ip) == ND6_HOPLIM)
        pathmtu_advertised(interface, span.at, span.left);
    return true;
}

/* ip6-header: what an IPv6 header announces behind it is there, as far as the payload. */
static bool headers_fit(struct interface *interface, const struct ip6_hdr *ip, struct span span)
{
    uint8_t next = IP6H_NEXTH(ip);

    for (;;) {
        if (next == IP6_NEXTH_ICMP6)
            return inspect_icmp6(interface, ip, span);
        if (next != IP6_NEXTH_HOPBYHOP && next != IP6_NEXTH_DESTOPTS && next != IP6_NEXTH_ROUTING &&
            next != IP6_NEXTH_FRAGMENT)
            return true;
        if (span.left < HEADER_UNIT)
            return false;
        size_t len = next == IP6_NEXTH_FRAGMENT ? HEADER_UNIT : HEADER_UNIT * (1u + span.at[1]);
        if (span.left < len)
            return false;
        if ((next == IP6_NEXTH_HOPBYHOP || next == IP6_NEXTH_DESTOPTS) &&
            !options_fit(span.at, len))
            return false;
        if (next == IP6_NEXTH_FRAGMENT && (span.at[2] << 8 | span.at[3]) & FRAGMENT_START)
            return true; /* the first fragment has the headers, and was or will be looked at */
        next = span.at[0];
        span = (struct span){span.at + len, span.left - len};
    }
}

static bool inspect_ip6(struct interface *interface, struct span span)
{
    const struct ip6_hdr *ip = (const struct ip6_hdr *)span.at;

    if (span.left < IP6_HLEN) /* ip6-short */
        return false;
    span = (struct span){span.at + IP6_HLEN, span.left - IP6_HLEN};
    if (span.left > IP6H_PLEN(ip))
        span.left = IP6H_PLEN(ip); /* what is behind it, lwIP cuts off */
    return headers_fit(interface, ip, span);
}

static bool is_sound(struct interface *interface, const struct pbuf *p)
{
    const struct eth_hdr *eth = p->payload;
    struct span span = {(const uint8_t *)p->payload + SIZEOF_ETH_HDR, p->len - SIZEOF_ETH_HDR};

    if (p->len < SIZEOF_ETH_HDR)
        return false;
    switch (eth->type) {
    case PP_HTONS(ETHTYPE_ARP):
        return span.left >= SIZEOF_ETHARP_HDR; /* arp-short */
    case PP_HTONS(ETHTYPE_IP):
        return span.left >= IP_HLEN; /* ip4-short */
    case PP_HTONS(ETHTYPE_IPV6):
        return inspect_ip6(interface, span);
    default:
        return true;
    }
}

bool inspect_frame(struct interface *interface, const struct pbuf *p)
{
    if (is_sound(interface, p))
        return true;
    net_drop(NET_DROP_MALFORMED);
    return false;
}
