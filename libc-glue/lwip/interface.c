/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's interfaces on netfront's: how they come and go. */
#include "net.h"

#include <errno.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "netif/ethernet.h"

#include <sprat/format.h>
#include <sprat/netfront.h>
#include <sprat/page.h>
#include <sprat/xenstore.h>

#include "config.h"
#include "interface.h"
#include "transmit.h"

#define RX_MIN   32 /* pages posted for receiving: Linux netback stalls below 18 */
#define RX_MAX   255
#define RX_SHARE 8 /* of the free memory */

static void plugged(struct xenstore_watch *watch, const char *changed);

static struct {
    struct interface *first, **last;
    bool all_opened;
    bool plugged; /* the toolstack may have given the guest another one */
    struct xenstore_watch watch;
} interfaces = {.last = &interfaces.first, .watch = {.path = "device/vif", .handler = plugged}};

unsigned net_more_mss = 1500 - 40 - NET_MSS_MIN;

static err_t init_netif(struct netif *netif)
{
    netif->name[0] = 'v';
    netif->name[1] = 'i';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->mtu = netif->mtu6 = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    transmit_init(netif);
    groups_watch(netif);
    netif->hostname = app_name;
    return ERR_OK;
}

/* The smallest of all interfaces' MTUs decides what is offered to peers. */
static void limit_mss(unsigned mtu)
{
    unsigned mss = mtu - 40 > NET_MSS_MIN ? mtu - 40 : NET_MSS_MIN;

    if (mss - NET_MSS_MIN < net_more_mss)
        net_more_mss = mss - NET_MSS_MIN;
}

static void link_up(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    interface->features = *netfront_features(interface->nf);
    interface->n_queues = interface->features.n_queues;
    memcpy(netif->hwaddr, interface->features.mac, ETH_HWADDR_LEN);
    if (interface->features.mtu < 1280)
        interface->features.mtu = 1280; /* IPv6's least */
    interface->mtu6 = interface->features.mtu;
    limit_mss(interface->features.mtu);
    transmit_set_mtu(interface);
    interface->connections = netfront_stats(interface->nf)->connections;
    groups_tell_all(interface);
    netif_set_link_up(netif);
    if (interface->connecting) {
        interface->connecting = false;
        config_apply(interface);
    }
    dhcpv6_link_up(interface);
}

static void look_at_link(struct interface *interface)
{
    bool up = netfront_link(interface->nf) == NETFRONT_UP;
    bool another = interface->connections != netfront_stats(interface->nf)->connections;

    if (netif_is_link_up(&interface->netif) && (!up || another))
        netif_set_link_down(&interface->netif);
    if (up && !netif_is_link_up(&interface->netif))
        link_up(interface);
}

static void changed(void *arg)
{
    (void)arg;
    net_kick();
}

/* Room for a burst while another domain has the CPU, in a small part of the memory. */
static unsigned choose_rx_buffers(void)
{
    size_t pages = page_free_count() / RX_SHARE;

    return pages < RX_MIN ? RX_MIN : pages > RX_MAX ? RX_MAX : (unsigned)pages;
}

static void open_one(unsigned number)
{
    struct interface *interface = port_alloc(sizeof(*interface));

    if (!interface) {
        port_log("vif%u: no memory", number);
        return;
    }
    memset(interface, 0, sizeof(*interface));
    interface->number = number;
    config_read(interface);
    if (interface->config.ip4 == CONFIG_OFF && interface->config.ip6 == CONFIG_OFF) {
        port_free(interface); /* left to the application, for netfront's own calls */
        return;
    }
    interface->features.mtu = interface->mtu6 = 1500;
    interface->n_queues = 1; /* until a backend is there */
    const struct netfront_config config = {
        .rx_buffers = choose_rx_buffers(), .queues_max = config_queues(), .multicast = true};
    int error = netfront_open(number, &config, changed, NULL, &interface->nf);
    if (error) {
        port_log("vif%u: can't be opened: error %d", number, error);
        port_free(interface);
        return;
    }
    netif_add_noaddr(&interface->netif, interface, init_netif, ethernet_input);
    if (!netif_default)
        netif_set_default(&interface->netif);
    netif_set_up(&interface->netif);
    interface->connecting = true;
    *interfaces.last = interface;
    interfaces.last = &interface->next;
}

static struct interface *find(unsigned number)
{
    struct interface *interface = interfaces.first;

    while (interface && interface->number != number)
        interface = interface->next;
    return interface;
}

static void open_new(void)
{
    unsigned numbers[INTERFACES_MAX];
    int n = netfront_list(numbers, INTERFACES_MAX);

    for (int i = 0; i < n; i++)
        if (!find(numbers[i]))
            open_one(numbers[i]);
}

/* The first call is for the watch itself, which was set before the interfaces were listed. */
static void plugged(struct xenstore_watch *watch, const char *changed)
{
    static bool set;

    (void)watch;
    (void)changed;
    if (!set) {
        set = true;
        return;
    }
    interfaces.plugged = true;
    net_kick();
}

void interface_open_all(void)
{
    if (xenstore_watch_async(&interfaces.watch))
        port_log("net: interfaces that are plugged in later will not be seen");
    open_new();
    interfaces.all_opened = true;
}

/* It was unplugged. Connections from its addresses end. */
static void close_one(struct interface **link)
{
    struct interface *interface = *link;
    struct netif *netif = &interface->netif;

    *link = interface->next;
    if (!*link)
        interfaces.last = link;
    port_log("vif%u: unplugged", interface->number);
    netif_set_link_down(netif);
    dhcp_release_and_stop(netif);
    dhcp_cleanup(netif);
    dhcpv6_stop(interface);
    netif_remove(netif);
    if (!netif_default && interfaces.first)
        netif_set_default(&interfaces.first->netif);
    for (unsigned i = 0; i < interface->n_kept; i++)
        netbuf_free(interface->kept[i]);
    netfront_close(interface->nf);
    port_free(interface);
}

static void look_for_changes(void)
{
    for (struct interface **link = &interfaces.first; *link;) {
        if (netfront_link((*link)->nf) == NETFRONT_GONE)
            close_one(link);
        else
            link = &(*link)->next;
    }
    if (interfaces.plugged) {
        interfaces.plugged = false;
        open_new();
    }
}

bool interface_receive_all(bool *more)
{
    bool found = false;

    look_for_changes();
    for (struct interface *interface = interfaces.first; interface; interface = interface->next) {
        look_at_link(interface);
        if (!netif_is_link_up(&interface->netif))
            continue;
        transmit_reap(interface);
        found |= receive_burst(interface, more);
    }
    return found;
}

bool interface_flush_all(void)
{
    bool found = false;

    for (struct interface *interface = interfaces.first; interface; interface = interface->next) {
        if (!interface->n_kept)
            continue;
        transmit_flush(interface);
        found = true;
    }
    return found;
}

bool interface_all_ready(void)
{
    if (!interfaces.all_opened)
        return false;
    for (const struct interface *interface = interfaces.first; interface;
         interface = interface->next)
        if (interface->connecting || !config_done(interface))
            return false;
    return true;
}

bool interface_names_known(void)
{
    if (!ip_addr_isany(dns_getserver(0)))
        return true;
    for (const struct interface *interface = interfaces.first; interface;
         interface = interface->next)
        if (interface->config.ip4 == CONFIG_AUTO || interface->config.ip6 == CONFIG_AUTO ||
            interface->config.ip6 == CONFIG_DHCP)
            return false;
    return true;
}
