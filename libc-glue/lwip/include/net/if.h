/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Interfaces' names and numbers: POSIX, <net/if.h>. The loopback interface is lo, number 1; the
 * others are called vif0, vif1, ... as their backends are. Waits for the network at the start.
 */
#ifndef _NET_IF_H
#define _NET_IF_H

#include <sys/socket.h>

#define IF_NAMESIZE 16
#define IFNAMSIZ    IF_NAMESIZE

#define IFF_UP        0x1
#define IFF_BROADCAST 0x2
#define IFF_LOOPBACK  0x8
#define IFF_RUNNING   0x40 /**< a backend is there */
#define IFF_MULTICAST 0x1000

struct if_nameindex {
    unsigned if_index;
    char *if_name;
};

/** @return 0 and ENODEV: there is none of this name. */
unsigned if_nametoindex(const char *name);

/** @return name, or NULL and ENXIO. */
char *if_indextoname(unsigned index, char name[IF_NAMESIZE]);

/** All of them, and one with index 0 behind the last. The caller's: if_freenameindex(). */
struct if_nameindex *if_nameindex(void);
void if_freenameindex(struct if_nameindex *list);

#endif
