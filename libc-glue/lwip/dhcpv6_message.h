/* SPDX-License-Identifier: BSD-2-Clause */
/** DHCPv6's messages, as they are written and read: RFC 8415, 8 and 21. */
#ifndef SPRAT_DHCPV6_MESSAGE_H
#define SPRAT_DHCPV6_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/prot/dhcp6.h"

#include "dhcpv6.h"

#define DHCPV6_MESSAGE_MAX 256 /* bytes of what a client writes */

/** What goes into a message beside the client's own name. */
struct dhcpv6_request {
    uint8_t type;
    bool to_server; /**< to the lease's only */
    uint16_t elapsed_cs;
};

/** @return how many of the DHCPV6_MESSAGE_MAX bytes were written. */
size_t dhcpv6_write(const struct dhcpv6 *client, const struct dhcpv6_request *request,
                    uint8_t *message);

/** What a server says, as far as it counts. */
struct dhcpv6_answer {
    uint8_t type;
    struct dhcpv6_lease lease;
    bool rapid;
    uint16_t status; /**< the first that is no success */
    bool withdrawn;  /**< the address that the client has is no longer its own */
    uint32_t renew_s, rebind_s;
    uint32_t preferred_s, valid_s;        /**< of the address */
    uint32_t refresh_s;                   /**< until names are asked for again; 0: it is not said */
    uint32_t solicit_max_s, inform_max_s; /**< 0: it is not said */
    const uint8_t *names;                 /**< the name servers' addresses, in the message */
    size_t n_names;
};

/** Read an answer to the client's last message. @return false when it is none, or malformed. */
bool dhcpv6_read(const struct dhcpv6 *client, const uint8_t *message, size_t len,
                 struct dhcpv6_answer *answer);

#endif
