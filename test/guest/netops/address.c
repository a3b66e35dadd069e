/* SPDX-License-Identifier: BSD-2-Clause */
#include "netops.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void put_address(int family, const char *text, in_port_t port, struct address *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->any;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->any;

    *address = (struct address){0};
    address->any.ss_family = (sa_family_t)family;
    if (family == AF_INET6) {
        in6->sin6_port = htons(port);
        inet_pton(AF_INET6, text, &in6->sin6_addr);
        address->len = sizeof(*in6);
    } else { /* or of no family */
        in->sin_port = htons(port);
        inet_pton(AF_INET, text, &in->sin_addr);
        address->len = family == AF_INET ? sizeof(*in) : sizeof(*in6);
    }
}

void loopback_address(int family, in_port_t port, struct address *address)
{
    put_address(family, family == AF_INET6 ? "::1" : "127.0.0.1", port, address);
}

void any_address(int family, in_port_t port, struct address *address)
{
    put_address(family, family == AF_INET6 ? "::" : "0.0.0.0", port, address);
}

/* What the socket has, or 0. */
static void own_name(unsigned i, struct sockaddr_in6 *own)
{
    socklen_t len = sizeof(*own);

    memset(own, 0, len);
    getsockname(fds[i], (struct sockaddr *)own, &len);
}

/* Of IPv6's; a socket that has an address of one kind does not speak to the other. */
static const char *some_host6(const struct sockaddr_in6 *own)
{
    static const char *const hosts[] = {"::1", "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"};
    const char *host = hosts[below(5)];
    bool mapped = strncmp(host, "::ffff", 6) == 0;

    if (IN6_IS_ADDR_UNSPECIFIED(&own->sin6_addr) || IN6_IS_ADDR_V4MAPPED(&own->sin6_addr) == mapped)
        return host;
    return mapped ? "::1" : "::ffff:127.0.0.1";
}

/* Odd ones are for sockets that have no name yet: which of two mistakes is told is nobody's
 * business. */
void some_address(unsigned i, struct address *address)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.1", "127.0.0.1", "0.0.0.0"};
    static const int families[] = {AF_INET, AF_INET6, AF_UNSPEC, 77};
    struct sockaddr_in6 own;

    own_name(i, &own);
    bool fresh = !is_named(i);
    in_port_t port = (in_port_t)(PORT_FIRST + below(N_PORTS));
    const char *host4 = hosts[below(4)], *host6 = some_host6(&own);
    int family = own.sin6_family ? own.sin6_family : AF_INET;
    if (fresh && is_type(i, SOCK_STREAM) && below(10) == 0)
        family = families[below(4)];
    if (fresh && is_type(i, SOCK_STREAM) && below(15) == 0) { /* nobody's */
        host4 = "192.0.2.1";
        host6 = "fd99::1";
    }
    if (below(20) == 0 && is_type(i, SOCK_STREAM))
        port = 0;
    put_address(family, family == AF_INET6 ? host6 : host4, port, address);
    if (fresh && below(20) == 0)
        address->len = (socklen_t)below(24);
}

const char *told(const struct sockaddr_storage *any, socklen_t whole)
{
    static char texts[2][100];
    static unsigned turn;
    char *text = texts[turn++ % 2], host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in = (const struct sockaddr_in *)any;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)any;
    unsigned port = ntohs(in->sin_port);

    if (any->ss_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
    else if (any->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    int n = sprintf(text, "%u/%u %s ", (unsigned)any->ss_family, (unsigned)whole, host);
    if (port == 0 || (port >= PORT_OWN && port < PORT_FIRST + N_PORTS))
        sprintf(text + n, "%u", port);
    else
        sprintf(text + n, "some");
    return text;
}
