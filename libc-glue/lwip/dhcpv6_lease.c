/* SPDX-License-Identifier: BSD-2-Clause */
#include "dhcpv6_lease.h"

#include <netinet/in.h>

#include <sprat/clock.h>
#include <sprat/port.h>

#include "interface.h"
#include "socket.h"

#define NS_PER_S      1000000000ull
#define RENEW_LEAST_S 10 /* however short a lease is: what the first try to renew it takes */

/* Where the address is. @return -1: there is none, or it is no more. */
static s8_t find(const struct dhcpv6 *client)
{
    if (ip6_addr_isany_val(client->lease.address))
        return -1;
    return netif_get_ip6_addr_match(&client->interface->netif, &client->lease.address);
}

u8_t dhcpv6_lease_state(const struct dhcpv6 *client)
{
    s8_t at = find(client);

    return at < 0 ? IP6_ADDR_INVALID : netif_ip6_addr_state(&client->interface->netif, at);
}

void dhcpv6_lease_end(const struct dhcpv6 *client)
{
    s8_t at = find(client);

    if (at > 0)
        netif_ip6_addr_set_state(&client->interface->netif, at, IP6_ADDR_INVALID);
}

void dhcpv6_lease_tell(const struct dhcpv6 *client, const char *what, const char *more)
{
    char text[INET6_ADDRSTRLEN];

    address_text(AF_INET6, client->lease.address.addr, text);
    port_log("vif%u: %s%s%s", client->interface->number, what, text, more);
}

/* What the server leaves to the client, or would have it do too late. For ever is as long as 32
 * bits of seconds. */
static void choose_times(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    uint64_t now_ns = clock_monotonic();
    uint32_t of_s = answer->preferred_s ? answer->preferred_s : answer->valid_s;
    uint32_t rebind_s = answer->rebind_s, renew_s = answer->renew_s;

    if (!rebind_s || rebind_s > of_s)
        rebind_s = of_s / 10 * 8;
    if (!renew_s || renew_s > rebind_s)
        renew_s = of_s / 2;
    if (renew_s < RENEW_LEAST_S)
        renew_s = RENEW_LEAST_S;
    client->renew_ns = now_ns + renew_s * NS_PER_S;
    client->rebind_ns = now_ns + rebind_s * NS_PER_S;
    client->expire_ns = now_ns + answer->valid_s * NS_PER_S;
}

bool dhcpv6_lease_take(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    struct netif *netif = &client->interface->netif;
    s8_t at;

    if (!ip6_addr_cmp_zoneless(&client->lease.address, &answer->lease.address)) {
        dhcpv6_lease_end(client);
        client->told = false;
    }
    client->lease = answer->lease;
    choose_times(client, answer);
    if (netif_add_ip6_address(netif, &client->lease.address, &at) != ERR_OK) {
        dhcpv6_lease_tell(client, "no room for address ", ": routers' prefixes have taken it");
        return false;
    }
    netif_ip6_addr_set_valid_life(netif, at, answer->valid_s);
    netif_ip6_addr_set_pref_life(netif, at, answer->preferred_s);
    if (ip6_addr_isvalid(netif_ip6_addr_state(netif, at)))
        netif_ip6_addr_set_state(netif, at,
                                 answer->preferred_s ? IP6_ADDR_PREFERRED : IP6_ADDR_DEPRECATED);
    return true;
}
