/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * An interface's addresses. The command line says (N is the vif's number, left out for vif 0)
 *
 *     sprat.ipN=ADDRESS/LENGTH[,gw=ADDRESS][,dns=ADDRESS]...   or dhcp, or off
 *     sprat.ip6N=ADDRESS/LENGTH[,gw=ADDRESS][,dns=ADDRESS]...  or auto (SLAAC, and DHCPv6 as
 * routers say), or dhcp (DHCPv6 in any case), or off
 *
 * An interface with both off is left alone: the application may open it by netfront's calls.
 * Otherwise what xl's vif says with ip=, as a /24 unless it names a length; otherwise dhcp and
 * auto.
 */
#ifndef SPRAT_NET_CONFIG_H
#define SPRAT_NET_CONFIG_H

#include "interface.h"

/** Queues that each interface may have at most: sprat.queues=N, or 1. */
unsigned config_queues(void);

/** Learn how the interface is configured. May ask xenstore, and wait for it. */
void config_read(struct interface *interface);

/** The link is up for the first time: set addresses, or begin to ask for them. */
void config_apply(struct interface *interface);

/** Has it the IPv4 address that it shall have, or where it has none, one of IPv6? */
bool config_done(const struct interface *interface);

#endif
