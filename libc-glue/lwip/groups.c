/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups, as the backend is told of them: by their Ethernet addresses, each once, however
 * many groups share it.
 */
#include "interface.h"

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

/* How many groups before this one (NULL: of all) have the address. */
static unsigned count4(const struct netif *netif, const struct igmp_group *end,
                       const uint8_t mac[MAC_BYTES])
{
    uint8_t other[MAC_BYTES];
    unsigned n = 0;

    for (const struct igmp_group *group = netif_igmp_data(netif); group != end;
         group = group->next) {
        mac4(&group->group_address, other);
        n += memcmp(mac, other, MAC_BYTES) == 0;
    }
    return n;
}

static unsigned count6(const struct netif *netif, const struct mld_group *end,
                       const uint8_t mac[MAC_BYTES])
{
    uint8_t other[MAC_BYTES];
    unsigned n = memcmp(mac, all_nodes, MAC_BYTES) == 0;

    for (const struct mld_group *group = netif_mld6_data(netif); group != end;
         group = group->next) {
        mac6(&group->group_address, other);
        n += memcmp(mac, other, MAC_BYTES) == 0;
    }
    return n;
}

/* A group that is joined is on its list already, one that was left no more. */
static void tell(struct netif *netif, const uint8_t mac[MAC_BYTES], unsigned n, bool join)
{
    const struct interface *interface = netif->state;

    if (n == join && netif_is_link_up(netif))
        netfront_multicast(interface->nf, mac, join);
}

static err_t changed4(struct netif *netif, const ip4_addr_t *group,
                      enum netif_mac_filter_action action)
{
    uint8_t mac[MAC_BYTES];

    mac4(group, mac);
    tell(netif, mac, count4(netif, NULL, mac), action == NETIF_ADD_MAC_FILTER);
    return ERR_OK;
}

static err_t changed6(struct netif *netif, const ip6_addr_t *group,
                      enum netif_mac_filter_action action)
{
    uint8_t mac[MAC_BYTES];

    mac6(group, mac);
    tell(netif, mac, count6(netif, NULL, mac), action == NETIF_ADD_MAC_FILTER);
    return ERR_OK;
}

void groups_watch(struct netif *netif)
{
    netif_set_igmp_mac_filter(netif, changed4);
    netif_set_mld_mac_filter(netif, changed6);
}

void groups_tell_all(struct interface *interface)
{
    const struct netif *netif = &interface->netif;
    uint8_t mac[MAC_BYTES];

    if (!interface->features.multicast)
        return;
    netfront_multicast(interface->nf, all_nodes, true);
    for (const struct igmp_group *group = netif_igmp_data(netif); group; group = group->next) {
        mac4(&group->group_address, mac);
        if (!count4(netif, group, mac))
            netfront_multicast(interface->nf, mac, true);
    }
    for (const struct mld_group *group = netif_mld6_data(netif); group; group = group->next) {
        mac6(&group->group_address, mac);
        if (!count6(netif, group, mac))
            netfront_multicast(interface->nf, mac, true);
    }
}
