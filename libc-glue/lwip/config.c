/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ip6_addr.h"
#include "lwip/nd6.h"

#include <sprat/decimal.h>
#include <sprat/format.h>
#include <sprat/option.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/xenstore.h>

#include "net.h"
#include "socket.h"

#define TEXT_MAX        160
#define DEFAULT_LENGTH  24 /* of a prefix that xl's ip= does not name */
#define STATUS_BAD_LINE 64 /* EX_USAGE of <sysexits.h> */
#define LOOPBACK_NET    127
#define FIRST_GROUP_NET 224
#define NO_HOSTS        "an address that a host can have is needed, and another one for gw="

static const char *ip_options[INTERFACES_MAX], *ip6_options[INTERFACES_MAX], *queues_option;

void interface_take_options(void)
{
    char name[16];

    queues_option = option_take("queues");
    for (unsigned i = 0; i < INTERFACES_MAX; i++) {
        format(name, sizeof(name), i ? "ip%u" : "ip", i);
        ip_options[i] = option_take(name);
        format(name, sizeof(name), i ? "ip6%u" : "ip6", i);
        ip6_options[i] = option_take(name);
    }
}

/* A mistake on the command line ends the guest: it would be deaf, and nobody would know why. */
static _Noreturn void refuse(const struct interface *interface, const char *text, const char *why)
{
    port_log("vif%u: \"%s\": %s", interface->number, text, why);
    shutdown_exit(STATUS_BAD_LINE);
}

unsigned config_queues(void)
{
    uint64_t n = 1;

    if (queues_option && (!decimal_parse(queues_option, &n) || !n || n > NETFRONT_QUEUES_MAX)) {
        port_log("sprat.queues: \"%s\": from 1 to %u are possible", queues_option,
                 NETFRONT_QUEUES_MAX);
        shutdown_exit(STATUS_BAD_LINE);
    }
    return (unsigned)n;
}

/* @return false when the text is no ADDRESS/LENGTH of this family. */
static bool parse_prefix(char *text, int family, ip_addr_t *address, uint64_t *length)
{
    char *slash = strchr(text, '/');

    if (slash)
        *slash = '\0';
    bool ok = address_parse(family, text, address);
    if (!slash)
        return ok;
    *slash = '/';
    return ok && decimal_parse(slash + 1, length) && *length <= (family == AF_INET ? 32 : 128);
}

/* Can it be an interface's? No network's, nor everybody's in it, by the length of its prefix. */
static bool is_hosts(const ip_addr_t *address, int family, uint64_t length)
{
    if (family == AF_INET6)
        return address6_is_hosts(ip_2_ip6(address));
    u32_t ip = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(address))), net = ip >> 24;
    u32_t most = ~0u >> length % 32, host = ip & most;
    return net && net != LOOPBACK_NET && net < FIRST_GROUP_NET &&
           (length >= 31 || (host && host != most));
}

/* ADDRESS/LENGTH,gw=ADDRESS,dns=ADDRESS */
static const char *parse(struct interface_config *config, char *text, int family)
{
    uint64_t length = family == AF_INET ? DEFAULT_LENGTH : 64;
    char *rest = text, *part = strsep(&rest, ",");
    ip_addr_t address;

    if (!parse_prefix(part, family, &address, &length))
        return "an address and the length of its prefix are needed, as in 10.0.0.2/24 or "
               "fd00::2/64";
    if (!is_hosts(&address, family, length))
        return NO_HOSTS;
    const ip_addr_t own = address;
    if (family == AF_INET) {
        config->address = *ip_2_ip4(&address);
        ip4_addr_set_u32(&config->mask, length ? lwip_htonl(~0u << (32 - length)) : 0);
    } else {
        if (length != 64)
            return "the prefix of an IPv6 address has 64 bits";
        config->address6 = *ip_2_ip6(&address);
    }
    while ((part = strsep(&rest, ","))) {
        char *equals = strchr(part, '=');
        int its = equals && strchr(equals, ':') ? AF_INET6 : AF_INET;
        bool ok = equals && address_parse(its, equals + 1, &address);
        if (ok)
            *equals = '\0';
        if (ok && strcmp(part, "gw") == 0 && its == family) {
            if (!is_hosts(&address, family, 32) || ip_addr_cmp(&address, &own))
                return NO_HOSTS;
            if (family == AF_INET)
                config->gateway = *ip_2_ip4(&address);
            else
                config->gateway6 = *ip_2_ip6(&address);
        } else if (ok && strcmp(part, "dns") == 0 && config->n_dns < LWIP_ARRAYSIZE(config->dns)) {
            config->dns[config->n_dns++] = address;
        } else {
            return "gw=ADDRESS, of the same family, and two dns=ADDRESS at most may follow";
        }
    }
    return NULL;
}

static int parse_option(struct interface *interface, const char *option, const char *automatic,
                        int family)
{
    char text[TEXT_MAX];

    if (strcmp(option, automatic) == 0)
        return CONFIG_AUTO;
    if (strcmp(option, "off") == 0)
        return CONFIG_OFF;
    if (strlen(option) >= sizeof(text))
        refuse(interface, option, "too long");
    strcpy(text, option);
    const char *why = parse(&interface->config, text, family);
    if (why)
        refuse(interface, option, why);
    return CONFIG_STATIC;
}

/* What xl's ip= left with the backend: addresses with blanks between; the first one is taken. */
static void read_from_toolstack(struct interface *interface)
{
    char path[64], backend[TEXT_MAX], text[TEXT_MAX];

    format(path, sizeof(path), "device/vif/%u/backend", interface->number);
    if (xenstore_read(0, path, backend, sizeof(backend) - 3) < 0)
        return;
    strcat(backend, "/ip");
    if (xenstore_read(0, backend, text, sizeof(text)) < 0 || !text[0])
        return;
    text[strcspn(text, " ,")] = '\0';
    const char *why = parse(&interface->config, text, AF_INET);
    if (why)
        port_log("vif%u: xl's ip=%s: %s; DHCP is asked", interface->number, text, why);
    else
        interface->config.ip4 = CONFIG_STATIC;
}

void config_read(struct interface *interface)
{
    const char *ip = NULL, *ip6 = NULL;

    if (interface->number < INTERFACES_MAX) {
        ip = ip_options[interface->number];
        ip6 = ip6_options[interface->number];
    }
    if (ip)
        interface->config.ip4 = parse_option(interface, ip, "dhcp", AF_INET);
    else
        read_from_toolstack(interface);
    if (ip6 && strcmp(ip6, "dhcp") == 0)
        interface->config.ip6 = CONFIG_DHCP;
    else if (ip6)
        interface->config.ip6 = parse_option(interface, ip6, "auto", AF_INET6);
}

static void told_status(struct netif *netif)
{
    const struct interface *interface = netif->state;
    static ip4_addr_t told;

    net_kick();
    if (ip4_addr_isany_val(*netif_ip4_addr(netif)) || ip4_addr_cmp(&told, netif_ip4_addr(netif)))
        return;
    told = *netif_ip4_addr(netif);
    port_log("vif%u: address %s", interface->number, ip4addr_ntoa(&told));
}

void config_apply(struct interface *interface)
{
    const struct interface_config *config = &interface->config;
    struct netif *netif = &interface->netif;

    if (config->ip4 == CONFIG_STATIC) {
        netif_set_addr(netif, &config->address, &config->mask, &config->gateway);
    } else if (config->ip4 == CONFIG_AUTO) {
        netif_set_status_callback(netif, told_status);
        if (dhcp_start(netif) != ERR_OK)
            port_log("vif%u: no memory for DHCP", interface->number);
    }
    if (config->ip6 != CONFIG_OFF)
        netif_create_ip6_linklocal_address(netif, 1);
    if (config->ip6 == CONFIG_STATIC) {
        s8_t slot;
        if (netif_add_ip6_address(netif, &config->address6, &slot) == ERR_OK)
            netif_ip6_addr_set_state(netif, slot, IP6_ADDR_TENTATIVE);
    } else if (config->ip6 == CONFIG_AUTO) {
        netif_set_ip6_autoconfig_enabled(netif, 1);
    }
    for (unsigned i = 0; i < config->n_dns; i++)
        dns_setserver((u8_t)i, &config->dns[i]);
}

/* The first is the link's own. */
static bool has_address6(const struct netif *netif)
{
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            return true;
    return false;
}

bool config_done(const struct interface *interface)
{
    if (interface->config.ip4 != CONFIG_OFF)
        return !ip4_addr_isany_val(*netif_ip4_addr(&interface->netif));
    return interface->config.ip6 == CONFIG_OFF || has_address6(&interface->netif);
}
