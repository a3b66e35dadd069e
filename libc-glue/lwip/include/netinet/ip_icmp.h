/* SPDX-License-Identifier: BSD-2-Clause */
/** ICMP's messages, for raw sockets; by BSD's names and by Linux's. */
#ifndef _NETINET_IP_ICMP_H
#define _NETINET_IP_ICMP_H

#include <netinet/ip.h>

#define ICMP_ECHOREPLY     0
#define ICMP_UNREACH       3
#define ICMP_DEST_UNREACH  ICMP_UNREACH
#define ICMP_REDIRECT      5
#define ICMP_ECHO          8
#define ICMP_TIMXCEED      11
#define ICMP_TIME_EXCEEDED ICMP_TIMXCEED
#define ICMP_PARAMPROB     12
#define ICMP_PARAMETERPROB ICMP_PARAMPROB
#define ICMP_MINLEN        8

/* Codes of ICMP_UNREACH. */
#define ICMP_UNREACH_NET      0
#define ICMP_NET_UNREACH      ICMP_UNREACH_NET
#define ICMP_UNREACH_HOST     1
#define ICMP_HOST_UNREACH     ICMP_UNREACH_HOST
#define ICMP_UNREACH_PROTOCOL 2
#define ICMP_PROT_UNREACH     ICMP_UNREACH_PROTOCOL
#define ICMP_UNREACH_PORT     3
#define ICMP_PORT_UNREACH     ICMP_UNREACH_PORT
#define ICMP_UNREACH_NEEDFRAG 4
#define ICMP_FRAG_NEEDED      ICMP_UNREACH_NEEDFRAG

struct icmp {
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_cksum;
    union {
        struct {
            uint16_t icmp_id, icmp_seq;
        };
        struct in_addr icmp_gwaddr;
        uint32_t icmp_void;
        uint8_t icmp_pptr;
    };
    union {
        struct ip icmp_ip; /**< that an error is about; its options and 8 bytes follow */
        uint32_t icmp_mask;
        uint8_t icmp_data[1];
    };
};

struct icmphdr {
    uint8_t type, code;
    uint16_t checksum;
    union {
        struct {
            uint16_t id, sequence;
        } echo;
        uint32_t gateway;
        struct {
            uint16_t reserved, mtu;
        } frag;
    } un;
};

#endif
