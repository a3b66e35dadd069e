/* SPDX-License-Identifier: BSD-2-Clause */
/** UDP's header, for raw sockets; by BSD's names and by Linux's. */
#ifndef _NETINET_UDP_H
#define _NETINET_UDP_H

#include <stdint.h>

struct udphdr {
    union {
        struct {
            uint16_t uh_sport, uh_dport, uh_ulen, uh_sum;
        };
        struct {
            uint16_t source, dest, len, check;
        };
    };
};

#endif
