/* SPDX-License-Identifier: BSD-2-Clause */
#include "ifname.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/format.h>

#include "interface.h"
#include "net.h"

void ifname_of(const struct netif *netif, char name[IF_NAMESIZE])
{
    const struct interface *interface = netif->state; /* the loopback interface has none */

    if (interface)
        format(name, IF_NAMESIZE, "vif%u", interface->number);
    else
        strcpy(name, "lo");
}

struct netif *ifname_find(const char *name)
{
    char found[IF_NAMESIZE];
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        ifname_of(netif, found);
        if (strcmp(name, found) == 0)
            return netif;
    }
    return NULL;
}

SPRAT_API unsigned if_nametoindex(const char *name)
{
    net_wait_ready();
    const struct netif *netif = ifname_find(name);
    if (netif)
        return netif_get_index(netif);
    errno = ENODEV;
    return 0;
}

SPRAT_API char *if_indextoname(unsigned index, char name[IF_NAMESIZE])
{
    net_wait_ready();
    const struct netif *netif = index <= UINT8_MAX ? netif_get_by_index((u8_t)index) : NULL;
    if (netif) {
        ifname_of(netif, name);
        return name;
    }
    errno = ENXIO;
    return NULL;
}

/* The list and the names in one block. */
SPRAT_API struct if_nameindex *if_nameindex(void)
{
    struct netif *netif;
    size_t n = 0;

    net_wait_ready();
    NETIF_FOREACH(netif)
    n++;
    struct if_nameindex *list = malloc((n + 1) * sizeof(*list) + n * IF_NAMESIZE);
    if (!list) {
        errno = ENOBUFS;
        return NULL;
    }
    char *name = (char *)(list + n + 1);
    list[n] = (struct if_nameindex){0};
    NETIF_FOREACH(netif) /* the newest is first */
    {
        ifname_of(netif, name);
        list[--n] = (struct if_nameindex){netif_get_index(netif), name};
        name += IF_NAMESIZE;
    }
    return list;
}

SPRAT_API void if_freenameindex(struct if_nameindex *list)
{
    free(list);
}
