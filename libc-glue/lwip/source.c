/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address of IPv6 is tentative for a second or two, while its link is asked whether somebody
 * else has it (RFC 4862): nothing may come from it yet. Who has no other for a destination waits.
 * To use it at once (RFC 4429) is for addresses that are hardly ever double; one that was typed may
 * be.
 */
#include "source.h"

#include "lwip/netif.h"

static struct source_waiter *waiters;

/* How well an address suits a destination: not at all, by its scope, by its prefix. */
static unsigned suits(const ip6_addr_t *from, const ip6_addr_t *to)
{
    bool link = ip6_addr_islinklocal(to) || ip6_addr_ismulticast_linklocal(to);

    if (ip6_addr_isloopback(from) || link != !!ip6_addr_islinklocal(from))
        return 0;
    return 1 + !!ip6_addr_netcmp_zoneless(from, to);
}

bool source_tentative(const ip_addr_t *to)
{
    unsigned tentative = 0, valid = 0;
    struct netif *netif;

    if (!IP_IS_V6_VAL(*to) || ip_addr_isloopback(to))
        return false;
    NETIF_FOREACH(netif)
    {
        if (!netif_is_up(netif) || !netif_is_link_up(netif))
            continue; /* it would stay tentative until the link is there */
        for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
            unsigned how = suits(netif_ip6_addr(netif, i), ip_2_ip6(to));
            if (ip6_addr_istentative(netif_ip6_addr_state(netif, i)))
                tentative = how > tentative ? how : tentative;
            else if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
                valid = how > valid ? how : valid;
        }
    }
    return tentative > valid;
}

void source_await(struct source_waiter *waiter)
{
    waiter->next = waiters;
    waiters = waiter;
}

void source_forget(struct source_waiter *waiter)
{
    for (struct source_waiter **link = &waiters; *link; link = &(*link)->next) {
        if (*link == waiter) {
            *link = waiter->next;
            return;
        }
    }
}

void source_changed(void)
{
    for (struct source_waiter **link = &waiters; *link;) {
        struct source_waiter *waiter = *link;
        if (source_tentative(waiter->to)) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->look(waiter);
    }
}
