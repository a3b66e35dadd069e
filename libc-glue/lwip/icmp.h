/* SPDX-License-Identifier: BSD-2-Clause */
/** How many ICMP errors are sent. */
#ifndef SPRAT_ICMP_H
#define SPRAT_ICMP_H

#include <stdbool.h>

#include "lwip/pbuf.h"

/**
 * May this packet of ICMP's or ICMPv6's be sent? Errors are few; what answers a ping and what finds
 * neighbours always may.
 *
 * @param header_bytes  IP's, in front of ICMP's.
 */
bool icmp_may_send(bool v6, const struct pbuf *p, unsigned header_bytes);

#endif
