/* SPDX-License-Identifier: BSD-2-Clause */
/** Ethernet's addresses and headers. */
#ifndef _NET_ETHERNET_H
#define _NET_ETHERNET_H

#include <stdint.h>

#define ETH_ALEN       6
#define ETHER_ADDR_LEN ETH_ALEN
#define ETHER_HDR_LEN  14
#define ETHERTYPE_IP   0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV6 0x86dd

struct ether_addr {
    uint8_t ether_addr_octet[ETH_ALEN];
};

struct ether_header {
    uint8_t ether_dhost[ETH_ALEN], ether_shost[ETH_ALEN];
    uint16_t ether_type; /**< as in packets */
};

#endif
