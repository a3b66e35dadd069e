/* SPDX-License-Identifier: BSD-2-Clause */
/** Internet addresses: POSIX, <netinet/in.h>. Numbers as on Linux. */
#ifndef _NETINET_IN_H
#define _NETINET_IN_H

#include <arpa/inet.h>
#include <sys/socket.h>

#define IPPROTO_IP     0
#define IPPROTO_ICMP   1
#define IPPROTO_IGMP   2
#define IPPROTO_TCP    6
#define IPPROTO_UDP    17
#define IPPROTO_IPV6   41
#define IPPROTO_ICMPV6 58
#define IPPROTO_RAW    255

#define INADDR_ANY       ((in_addr_t)0x00000000)
#define INADDR_LOOPBACK  ((in_addr_t)0x7f000001)
#define INADDR_BROADCAST ((in_addr_t)0xffffffff)
#define INADDR_NONE      ((in_addr_t)0xffffffff)

struct sockaddr_in {
    sa_family_t sin_family;
    in_port_t sin_port;
    struct in_addr sin_addr;
    char sin_zero[8];
};

struct in6_addr {
    union {
        uint8_t __bytes[16];
        uint16_t __shorts[8];
        uint32_t __words[4];
    } __u;
#define s6_addr   __u.__bytes
#define s6_addr16 __u.__shorts
#define s6_addr32 __u.__words
};

struct sockaddr_in6 {
    sa_family_t sin6_family;
    in_port_t sin6_port;
    uint32_t sin6_flowinfo;
    struct in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};

extern const struct in6_addr in6addr_any, in6addr_loopback;
#define IN6ADDR_ANY_INIT                                                                           \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define IN6ADDR_LOOPBACK_INIT                                                                      \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1                                     \
            }                                                                                      \
        }                                                                                          \
    }

#define IN6_IS_ADDR_UNSPECIFIED(a)                                                                 \
    (((a)->s6_addr32[0] | (a)->s6_addr32[1] | (a)->s6_addr32[2] | (a)->s6_addr32[3]) == 0)
#define IN6_IS_ADDR_LOOPBACK(a)                                                                    \
    (((a)->s6_addr32[0] | (a)->s6_addr32[1] | (a)->s6_addr32[2]) == 0 &&                           \
     (a)->s6_addr32[3] == htonl(1))
#define IN6_IS_ADDR_MULTICAST(a) ((a)->s6_addr[0] == 0xff)
#define IN6_IS_ADDR_LINKLOCAL(a) ((a)->s6_addr[0] == 0xfe && ((a)->s6_addr[1] & 0xc0) == 0x80)
#define IN6_IS_ADDR_V4MAPPED(a)                                                                    \
    (((a)->s6_addr32[0] | (a)->s6_addr32[1]) == 0 && (a)->s6_addr32[2] == htonl(0xffff))
#define IN_MULTICAST(a) (((a)&0xf0000000) == 0xe0000000)

#define INET_ADDRSTRLEN  16
#define INET6_ADDRSTRLEN 46

#define IP_TOS             1
#define IP_TTL             2
#define IP_HDRINCL         3
#define IP_PKTINFO         8  /**< as ancillary data, too: struct in_pktinfo */
#define IP_RECVTTL         12 /**< as ancillary data of the type IP_TTL: an int */
#define IP_RECVTOS         13 /**< as ancillary data of the type IP_TOS: a byte */
#define IP_MTU             14 /**< of the path to the peer; to read */
#define IP_MULTICAST_IF    32
#define IP_MULTICAST_TTL   33
#define IP_MULTICAST_LOOP  34
#define IP_ADD_MEMBERSHIP  35
#define IP_DROP_MEMBERSHIP 36

#define IPV6_CHECKSUM        7 /**< where in a raw socket's packets it is */
#define IPV6_UNICAST_HOPS    16
#define IPV6_MULTICAST_IF    17
#define IPV6_MULTICAST_HOPS  18
#define IPV6_MULTICAST_LOOP  19
#define IPV6_JOIN_GROUP      20
#define IPV6_LEAVE_GROUP     21
#define IPV6_ADD_MEMBERSHIP  IPV6_JOIN_GROUP
#define IPV6_DROP_MEMBERSHIP IPV6_LEAVE_GROUP
#define IPV6_MTU             24 /**< of the path to the peer; to read */
#define IPV6_V6ONLY          26
#define IPV6_RECVPKTINFO     49
#define IPV6_PKTINFO         50 /**< ancillary data only: struct in6_pktinfo */
#define IPV6_RECVHOPLIMIT    51
#define IPV6_HOPLIMIT        52 /**< ancillary data only: an int */
#define IPV6_RECVTCLASS      66
#define IPV6_TCLASS          67 /**< as ancillary data, too: an int */

/** Where a datagram came to, and on which interface; or whence it is to go, and by which. */
struct in_pktinfo {
    int ipi_ifindex;
    struct in_addr ipi_spec_dst; /**< the guest's address */
    struct in_addr ipi_addr;     /**< the header's destination; ignored in sending */
};

struct in6_pktinfo {
    struct in6_addr ipi6_addr;
    unsigned ipi6_ifindex;
};

struct ip_mreq {
    struct in_addr imr_multiaddr, imr_interface;
};

struct ip_mreqn {
    struct in_addr imr_multiaddr, imr_address;
    int imr_ifindex; /**< 0: the interface is the address's */
};

struct ipv6_mreq {
    struct in6_addr ipv6mr_multiaddr;
    unsigned ipv6mr_interface;
};

#endif
