/* SPDX-License-Identifier: BSD-2-Clause */
/** The packet that an error of ICMP's quotes: it is said to be the guest's. */
#ifndef SPRAT_QUOTED_H
#define SPRAT_QUOTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

#define QUOTED_TRANSPORT 8 /* bytes of the transport's header that must be shown */

struct quoted {
    ip_addr_t from, to;
    uint8_t protocol;
    uint16_t from_port, to_port; /**< of UDP and TCP */
    uint32_t sequence;           /**< of TCP */
};

/** Read one of IPv4's or IPv6's, as the header says. @return false: too little of it is there. */
bool quoted_read(struct quoted *quoted, const uint8_t *packet, size_t len);

/** The same address, whatever the interface? */
bool quoted_same(const ip_addr_t *quoted, const ip_addr_t *own);

#endif
