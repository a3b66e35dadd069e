/* SPDX-License-Identifier: BSD-2-Clause */
#include "services.h"

#include <netdb.h>
#include <string.h>

#include <netinet/in.h>

#include <sprat/compiler.h>

static const struct service services[] = {
    {"echo", 7, true, true},      {"discard", 9, true, true}, {"daytime", 13, true, true},
    {"ftp", 21, true, false},     {"ssh", 22, true, false},   {"telnet", 23, true, false},
    {"smtp", 25, true, false},    {"domain", 53, true, true}, {"tftp", 69, false, true},
    {"http", 80, true, false},    {"ntp", 123, false, true},  {"https", 443, true, false},
    {"syslog", 514, false, true},
};

static char *no_aliases[] = {NULL};

const struct service *service_find(const char *name, unsigned port)
{
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (name ? strcmp(name, services[i].name) == 0 : port == services[i].port)
            return &services[i];
    return NULL;
}

/* As old programs have it: a protocol that is not named may be either. */
static struct servent *tell(const struct service *service, const char *protocol)
{
    static struct servent entry = {.s_aliases = no_aliases};

    if (!service)
        return NULL;
    if (!protocol)
        protocol = service->tcp ? "tcp" : "udp";
    if (!(strcmp(protocol, "tcp") == 0 && service->tcp) &&
        !(strcmp(protocol, "udp") == 0 && service->udp))
        return NULL;
    entry.s_name = (char *)(uintptr_t)service->name;
    entry.s_port = htons(service->port);
    entry.s_proto = strcmp(protocol, "tcp") == 0 ? "tcp" : "udp";
    return &entry;
}

SPRAT_API struct servent *getservbyname(const char *name, const char *protocol)
{
    return tell(service_find(name, 0), protocol);
}

SPRAT_API struct servent *getservbyport(int port, const char *protocol)
{
    return tell(service_find(NULL, ntohs((uint16_t)port)), protocol);
}

static struct protoent protocols[] = {
    {"ip", no_aliases, IPPROTO_IP},     {"icmp", no_aliases, IPPROTO_ICMP},
    {"tcp", no_aliases, IPPROTO_TCP},   {"udp", no_aliases, IPPROTO_UDP},
    {"ipv6", no_aliases, IPPROTO_IPV6}, {"ipv6-icmp", no_aliases, IPPROTO_ICMPV6},
};

static struct protoent *find_protocol(const char *name, int number)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (name ? strcmp(name, protocols[i].p_name) == 0 : number == protocols[i].p_proto)
            return &protocols[i];
    return NULL;
}

SPRAT_API struct protoent *getprotobyname(const char *name)
{
    return find_protocol(name, 0);
}

SPRAT_API struct protoent *getprotobynumber(int number)
{
    return find_protocol(NULL, number);
}
