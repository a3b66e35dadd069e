/* SPDX-License-Identifier: BSD-2-Clause */
/** The address that a DHCPv6 server has given an interface, and for how long: RFC 8415, 14.2. */
#ifndef SPRAT_DHCPV6_LEASE_H
#define SPRAT_DHCPV6_LEASE_H

#include <stdbool.h>

#include "dhcpv6_message.h"

/** Have what an answer gives in place of what there was. @return false: the interface has no room
 * for another address. */
bool dhcpv6_lease_take(struct dhcpv6 *client, const struct dhcpv6_answer *answer);

/** The interface has the address no more. What is known of the lease stays. */
void dhcpv6_lease_end(const struct dhcpv6 *client);

/** lwIP's state of the address: IP6_ADDR_INVALID, IP6_ADDR_TENTATIVE and their like. */
u8_t dhcpv6_lease_state(const struct dhcpv6 *client);

/** Log: the interface's name, what, the address, more. */
void dhcpv6_lease_tell(const struct dhcpv6 *client, const char *what, const char *more);

#endif
