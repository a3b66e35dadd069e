/* SPDX-License-Identifier: BSD-2-Clause */
/** Interfaces' names: lo, vif0, vif1, ... */
#ifndef SPRAT_IFNAME_H
#define SPRAT_IFNAME_H

#include "lwip/netif.h"

#include <net/if.h>

void ifname_of(const struct netif *netif, char name[IF_NAMESIZE]);

/** @return NULL: there is none of this name. */
struct netif *ifname_find(const char *name);

#endif
