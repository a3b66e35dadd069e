/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/ip6_addr.h"

#include <netinet/in.h>

#include <sprat/compiler.h>

#include "ifname.h"
#include "net.h"
#include "socket.h"

#define PREFIX6 IPADDR6_INIT(~0u, ~0u, 0, 0) /* 64 bits, as all of ours have */

/* One element, and all that it points to. */
struct element {
    struct ifaddrs list;
    char name[IF_NAMESIZE];
    struct sockaddr_storage address, mask, broadcast;
};

static unsigned flags_of(const struct netif *netif)
{
    unsigned flags = 0;

    if (netif_is_up(netif))
        flags |= IFF_UP;
    if (netif_is_link_up(netif))
        flags |= IFF_RUNNING;
    if (!netif->state)
        return flags | IFF_LOOPBACK;
    return flags | IFF_BROADCAST | IFF_MULTICAST;
}

/* @return the new last one; NULL: no memory. */
static struct element *append(struct ifaddrs **last, const struct netif *netif)
{
    struct element *element = calloc(1, sizeof(*element));

    if (!element)
        return NULL;
    ifname_of(netif, element->name);
    element->list.ifa_name = element->name;
    element->list.ifa_flags = flags_of(netif);
    *last = &element->list;
    return element;
}

static struct sockaddr *put(struct sockaddr_storage *storage, const ip_addr_t *ip)
{
    struct sockaddr *address = (struct sockaddr *)storage;
    socklen_t len = sizeof(*storage);

    address_give(IP_IS_V6(ip) ? AF_INET6 : AF_INET, ip, 0, address, &len);
    return address;
}

static void put4(struct element *element, const struct netif *netif)
{
    ip_addr_t broadcast =
        IPADDR4_INIT(netif_ip4_addr(netif)->addr | ~netif_ip4_netmask(netif)->addr);

    element->list.ifa_addr = put(&element->address, netif_ip_addr4(netif));
    element->list.ifa_netmask = put(&element->mask, netif_ip_netmask4(netif));
    if (element->list.ifa_flags & IFF_BROADCAST)
        element->list.ifa_broadaddr = put(&element->broadcast, &broadcast);
}

static void put6(struct element *element, const struct netif *netif, s8_t i)
{
    static const ip_addr_t host = IPADDR6_INIT(~0u, ~0u, ~0u, ~0u), prefix = PREFIX6;

    element->list.ifa_addr = put(&element->address, netif_ip_addr6(netif, i));
    element->list.ifa_netmask = put(&element->mask, netif->state ? &prefix : &host);
}

/* @return where the next element goes; NULL: no memory. */
static struct ifaddrs **append_all(struct ifaddrs **last, const struct netif *netif)
{
    struct element *element = append(last, netif);

    if (element && !ip4_addr_isany(netif_ip4_addr(netif)))
        put4(element, netif);
    for (s8_t i = 0; element && i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        if (element->list.ifa_addr)
            element = append(&element->list.ifa_next, netif);
        if (element)
            put6(element, netif, i);
    }
    return element ? &element->list.ifa_next : NULL;
}

SPRAT_API int getifaddrs(struct ifaddrs **list)
{
    struct ifaddrs **last = list;

    *list = NULL;
    net_wait_ready();
    for (unsigned index = 1; last && index <= UINT8_MAX; index++) {
        const struct netif *netif = netif_get_by_index((u8_t)index);
        if (netif)
            last = append_all(last, netif);
    }
    if (last)
        return 0;
    freeifaddrs(*list);
    *list = NULL;
    errno = ENOMEM;
    return -1;
}

SPRAT_API void freeifaddrs(struct ifaddrs *list)
{
    while (list) {
        struct ifaddrs *next = list->ifa_next;
        free(list);
        list = next;
    }
}
