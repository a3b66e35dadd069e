/* SPDX-License-Identifier: BSD-2-Clause */
/** IPv6's header: RFC 3542. */
#ifndef _NETINET_IP6_H
#define _NETINET_IP6_H

#include <netinet/in.h>

struct ip6_hdr {
    union {
        struct ip6_hdrctl {
            uint32_t ip6_un1_flow; /**< 4 bits of version, 8 of class, 20 of flow */
            uint16_t ip6_un1_plen;
            uint8_t ip6_un1_nxt, ip6_un1_hlim;
        } ip6_un1;
        uint8_t ip6_un2_vfc;
    } ip6_ctlun;
    struct in6_addr ip6_src, ip6_dst;
};

#define ip6_vfc  ip6_ctlun.ip6_un2_vfc
#define ip6_flow ip6_ctlun.ip6_un1.ip6_un1_flow
#define ip6_plen ip6_ctlun.ip6_un1.ip6_un1_plen
#define ip6_nxt  ip6_ctlun.ip6_un1.ip6_un1_nxt
#define ip6_hlim ip6_ctlun.ip6_un1.ip6_un1_hlim
#define ip6_hops ip6_hlim

#endif
