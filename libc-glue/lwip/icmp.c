/* SPDX-License-Identifier: BSD-2-Clause */
#include "icmp.h"

#include "lwip/prot/icmp.h"

#include <sprat/clock.h>

#include "net.h"

#define ERROR_NS  1000000u /* 1000 errors a second, as Linux's, ... */
#define BURST     50       /* ... and so many at once */
#define QUERIES_6 128      /* ICMPv6's types from here on are no errors */

static bool is_error(bool v6, uint8_t type)
{
    if (v6)
        return type < QUERIES_6;
    return type == ICMP_DUR || type == ICMP_TE || type == ICMP_PP;
}

bool icmp_may_send(bool v6, const struct pbuf *p, unsigned header_bytes)
{
    static uint64_t paid_ns; /* the time that errors have used up */

    if (p->len <= header_bytes || !is_error(v6, ((const uint8_t *)p->payload)[header_bytes]))
        return true;
    uint64_t now_ns = clock_monotonic();
    if (paid_ns + BURST * ERROR_NS < now_ns)
        paid_ns = now_ns - BURST * ERROR_NS;
    if (paid_ns >= now_ns) {
        net_drop(NET_DROP_ERROR);
        return false;
    }
    paid_ns += ERROR_NS;
    return true;
}
