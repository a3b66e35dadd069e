/* SPDX-License-Identifier: BSD-2-Clause */
/** How large IPv6's packets may be: on the link as routers say, and on paths. */
#ifndef SPRAT_PATHMTU_H
#define SPRAT_PATHMTU_H

#include <stdbool.h>

#include "interface.h"

/**
 * A message that a packet was too big came in: what it says counts for TCP from now on.
 *
 * @param icmp  the ICMPv6 message, `len` bytes that are there: 8 or more.
 * @return may lwIP believe it? It then cuts datagrams accordingly.
 */
bool pathmtu_too_big(const struct interface *interface, const uint8_t *icmp, size_t len);

/** A router's advertisement came in, from a neighbour: see what it says of the link. */
void pathmtu_advertised(struct interface *interface, const uint8_t *icmp, size_t len);

/** Bytes that an IPv6 packet to this address may have. */
unsigned pathmtu_to(const struct interface *interface, const ip6_addr_t *to);

#endif
