/* SPDX-License-Identifier: BSD-2-Clause */
/** One interface: netfront below, lwIP above. */
#ifndef SPRAT_NET_INTERFACE_H
#define SPRAT_NET_INTERFACE_H

#include <stdbool.h>

#include "lwip/netif.h"

#include <sprat/app.h>
#include <sprat/netfront.h>

#include "dhcpv6.h"

#define INTERFACES_MAX 8
#define INTERFACE_KEPT 128 /* packets that wait for room at netback; TCP is told to wait then */

/** How it gets its addresses; see config.h. */
struct interface_config {
    /** AUTO: of IPv6, as routers say; DHCP: whatever they say. */
    enum { CONFIG_AUTO, CONFIG_STATIC, CONFIG_OFF, CONFIG_DHCP } ip4, ip6;
    ip4_addr_t address, mask, gateway;
    ip6_addr_t address6, gateway6;
    ip_addr_t dns[2];
    unsigned n_dns;
};

struct interface {
    struct interface *next;
    unsigned number; /* of the vif */
    struct netif netif;
    struct netfront *nf;
    struct netfront_features features;
    unsigned mtu6; /**< of IPv6, as routers say: pathmtu.h */
    unsigned n_queues;
    struct interface_config config;
    struct dhcpv6 dhcpv6;
    bool connecting;      /* it never had a backend yet */
    uint64_t connections; /* the one that lwIP knows of */
    struct netbuf *kept[INTERFACE_KEPT];
    unsigned n_kept;
};

/**
 * Take a burst of packets. receive.c
 *
 * @param more  set when there may be more; otherwise netfront tells when they come.
 * @return false when there was nothing.
 */
bool receive_burst(struct interface *interface, bool *more);

/** Tell the backend of the multicast groups that come and go. groups.c */
void groups_watch(struct netif *netif);

/** Tell a new connection of those that there are. */
void groups_tell_all(struct interface *interface);

#endif
