/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * DHCPv6's client (RFC 8415): an address and name servers, or name servers alone, as routers or
 * the command line say. It stands in for lwIP's, which has no addresses: what routers say comes by
 * "lwip/dhcp6.h", dhcp6_nd6_ra_trigger().
 */
#ifndef SPRAT_DHCPV6_H
#define SPRAT_DHCPV6_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip6_addr.h"

#define DHCPV6_DUID_MAX 130 /* RFC 8415, 11.1 */

struct interface;

/** Who gives addresses, and what was given or offered. */
struct dhcpv6_lease {
    uint8_t server[DHCPV6_DUID_MAX];
    uint8_t server_len; /**< 0: there is none */
    uint8_t preference; /**< of an offer */
    ip6_addr_t address; /**< any: there is none */
};

/** One interface's client; part of struct interface. */
struct dhcpv6 {
    struct dhcpv6 *next; /**< of those that are running */
    struct interface *interface;
    enum {
        DHCPV6_OFF, /**< until a router says that there is something to get */
        DHCPV6_SOLICITING,
        DHCPV6_REQUESTING,
        DHCPV6_CONFIRMING,
        DHCPV6_RENEWING,
        DHCPV6_REBINDING,
        DHCPV6_DECLINING,
        DHCPV6_INFORMING,
        DHCPV6_BOUND,    /**< it has an address, which may be tentative yet */
        DHCPV6_INFORMED, /**< it has all that there is without one */
    } state;
    uint32_t xid;
    unsigned tries;
    uint32_t wait_ms;    /**< between the last two of them */
    uint64_t started_ns; /**< the exchange */
    uint64_t due_ns;     /**< there is something to do */
    uint64_t until_ns;   /**< the exchange is given up */
    uint32_t solicit_max_s, inform_max_s;
    struct dhcpv6_lease lease;
    uint64_t renew_ns, rebind_ns, expire_ns;
    bool told; /**< of the address, on the console */
};

/** The link is up: begin, or see whether it is another link now. */
void dhcpv6_link_up(struct interface *interface);

/** The interface goes away. */
void dhcpv6_stop(struct interface *interface);

/** When there is something to do. */
uint64_t dhcpv6_due_ns(void);

/** Do what is due. */
void dhcpv6_run(void);

#endif
