/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups, as the backend is told of them: by their Ethernet addresses, each once, however
 * many groups share it.
 */
#include "interface.h"

#include <limits.h>
#include <string.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/prot/ethernet.h"

#define MAC_BYTES 6

/* ff02::1, in which everybody is, and which nobody joins. */
static const uint8_t all_nodes[MAC_BYTES] = {
    LL_IP6_MULTICAST_ADDR_0, LL_IP6_MULTICAST_ADDR_1, 0, 0, 0, 1};

static void mac4(const ip4_addr_t *group, uint8_t mac[MAC_BYTES])
{
    const uint8_t mapped[] = {LL_IP4_MULTICAST_ADDR_0,   LL_IP4_MULTICAST_ADDR_1,
                              LL_IP4_MULTICAST_ADDR_2,   ip4_addr2(group) & 0x7f,
                              (uint8_t)ip4_addr3(group), (uint8_t)ip4_addr4(group)};
    memcpy(mac, mapped, MAC_BYTES);
}

static void mac6(const ip6_addr_t *group, uint8_t mac[MAC_BYTES])
{
    mac[0] = LL_IP6_MULTICAST_ADDR_0;
    mac[1] = LL_IP6_MULTICAST_ADDR_1;
    memcpy(mac + 2, &group->addr[3], sizeof(group->addr[3]));
}

/* A walk along the groups of both families: their Ethernet addresses differ in the first byte. */
struct walk {
    const struct igmp_group *next4;
    const struct mld_group *next6;
};

static struct walk begin(const struct netif *netif)
{
    return (struct walk){netif_igmp_data(netif), netif_mld6_data(netif)};
}

/* @return false at the end. */
static bool next(struct walk *walk, uint8_t mac[MAC_BYTES])
{
    if (walk->next4) {
        mac4(&walk->next4->group_address, mac);
        walk->next4 = walk->next4->next;
    } else if (walk->next6) {
        mac6(&walk->next6->group_address, mac);
        walk->next6 = walk->next6->next;
    } else {
        return false;
    }
    return true;
}

/* How many of the first `end` groups have the address. */
static unsigned count(const struct netif *netif, unsigned end, const uint8_t mac[MAC_BYTES])
{
    unsigned n = memcmp(mac, all_nodes, MAC_BYTES) == 0;
    struct walk walk = begin(netif);
    uint8_t other[MAC_BYTES];

    while (end-- && next(&walk, other))
        n += memcmp(mac, other, MAC_BYTES) == 0;
    return n;
}

/* A group that is joined is on its list already, one that was left no more. */
static err_t changed(struct netif *netif, const uint8_t mac[MAC_BYTES],
                     enum netif_mac_filter_action action)
{
    const struct interface *interface = netif->state;
    bool join = action == NETIF_ADD_MAC_FILTER;

    if (count(netif, UINT_MAX, mac) == join && netif_is_link_up(netif))
        netfront_multicast(interface->nf, mac, join);
    return ERR_OK;
}

static err_t changed4(struct netif *netif, const ip4_addr_t *group,
                      enum netif_mac_filter_action action)
{
    uint8_t mac[MAC_BYTES];

    mac4(group, mac);
    return changed(netif, mac, action);
}

static err_t changed6(struct netif *netif, const ip6_addr_t *group,
                      enum netif_mac_filter_action action)
{
    uint8_t mac[MAC_BYTES];

    mac6(group, mac);
    return changed(netif, mac, action);
}

void groups_watch(struct netif *netif)
{
    netif_set_igmp_mac_filter(netif, changed4);
    netif_set_mld_mac_filter(netif, changed6);
}

void groups_tell_all(struct interface *interface)
{
    const struct netif *netif = &interface->netif;
    struct walk walk = begin(netif);
    uint8_t mac[MAC_BYTES];

    if (!interface->features.multicast)
        return;
    netfront_multicast(interface->nf, all_nodes, true);
    for (unsigned i = 0; next(&walk, mac); i++)
        if (!count(netif, i, mac))
            netfront_multicast(interface->nf, mac, true);
}
