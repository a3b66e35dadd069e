/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What tells one flow from another: addresses, ports and protocol. */
#ifndef SPRAT_MIDDLEBOX_FLOWID_H
#define SPRAT_MIDDLEBOX_FLOWID_H

#include "../engine/element.h"
#include "../engine/net.h"

/** Addresses and ports in network order. ICMP echo: both ports are the identifier. */
struct flowid {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint32_t proto;
};

_Static_assert(sizeof(struct flowid) == 16, "a key without padding");

static inline struct flowid flowid_reverse(struct flowid f)
{
    return (struct flowid){f.dst, f.src, f.dport, f.sport, f.proto};
}

/** Read a flow from the first 8 bytes of a TCP, UDP or ICMP echo header and the IP header. */
static inline struct flowid flowid_read(const struct ip_hdr *ip, const uint8_t *transport)
{
    bool echo = ip->proto == IPPROTO_ICMP;

    return (struct flowid){ip->src, ip->dst, get_raw16(transport + (echo ? 4 : 0)),
                           get_raw16(transport + (echo ? 4 : 2)), ip->proto};
}

/**
 * Make a packet one of another flow, with its checksums: those that were right stay right.
 *
 * @param len  bytes of the transport header that are there, at least 8; a TCP checksum beyond them
 *             (in what an ICMP error quotes) is left out.
 * @param from  what flowid_read() gives.
 */
void flowid_write(struct ip_hdr *ip, uint8_t *transport, uint32_t len, const struct flowid *from,
                  const struct flowid *to);

/** "(1.2.3.4, 80, 5.6.7.8, 1024)" */
void flowid_print(const struct flowid *f, struct text *out);

#endif
