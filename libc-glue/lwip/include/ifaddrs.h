/* SPDX-License-Identifier: BSD-2-Clause */
/** Interfaces' addresses: <ifaddrs.h>, as the BSDs and Linux have it. */
#ifndef _IFADDRS_H
#define _IFADDRS_H

#include <sys/socket.h>

/** One of an interface's addresses. An interface without any is there once, with NULL. */
struct ifaddrs {
    struct ifaddrs *ifa_next;
    char *ifa_name;
    unsigned ifa_flags; /**< IFF_* of <net/if.h> */
    struct sockaddr *ifa_addr, *ifa_netmask;
    union {
        struct sockaddr *ifu_broadaddr, *ifu_dstaddr;
    } ifa_ifu; /**< where IFF_BROADCAST is set */
    void *ifa_data;
#define ifa_broadaddr ifa_ifu.ifu_broadaddr
#define ifa_dstaddr   ifa_ifu.ifu_dstaddr
};

/** The list is the caller's: freeifaddrs(). Waits for the network at the start. */
int getifaddrs(struct ifaddrs **list);
void freeifaddrs(struct ifaddrs *list);

#endif
