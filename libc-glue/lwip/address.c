/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: the sockets' form, and lwIP's. */
#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include <sprat/compiler.h>

#include "net.h"
#include "socket.h"

SPRAT_API const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
SPRAT_API const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* Link-local addresses are an interface's: one that is named, or that the socket is bound to. */
static int take_scope(ip6_addr_t *ip6, uint32_t scope, u8_t bound)
{
    if (!ip6_addr_has_scope(ip6, IP6_UNKNOWN))
        return 0;
    if (!scope)
        scope = bound;
    if (!scope)
        return ip6_addr_ismulticast(ip6) ? 0 : -EINVAL;
    if (scope <= UINT8_MAX && !netif_get_by_index((u8_t)scope))
        net_wait_ready(); /* it may come yet */
    if (scope > UINT8_MAX || !netif_get_by_index((u8_t)scope))
        return -ENODEV;
    ip6_addr_set_zone(ip6, (u8_t)scope);
    return 0;
}

int address_take(const struct socket *socket, const struct sockaddr *address, socklen_t len,
                 ip_addr_t *ip, u16_t *port)
{
    const bool six = socket->domain == AF_INET6;

    if (!address || len < (six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)))
        return -EINVAL;
    if (address->sa_family != socket->domain)
        return -EAFNOSUPPORT;
    if (!six) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        ip_addr_set_ip4_u32_val(*ip, in.sin_addr.s_addr);
        *port = ntohs(in.sin_port);
        return 0;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    *port = ntohs(in6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
        if (socket->v6_only)
            return -ENETUNREACH;
        ip_addr_set_ip4_u32_val(*ip, in6.sin6_addr.s6_addr32[3]);
        return 0;
    }
    ip_addr_set_zero_ip6(ip);
    memcpy(ip_2_ip6(ip)->addr, in6.sin6_addr.s6_addr, sizeof(in6.sin6_addr));
    const struct ip_pcb *block = socket_block(socket);
    int error = take_scope(ip_2_ip6(ip), in6.sin6_scope_id, block ? block->netif_idx : 0);
    if (error)
        return error;
    /* An address of all sockets takes IPv4 as well, unless the program says no. */
    if (ip6_addr_isany(ip_2_ip6(ip)) && !socket->v6_only)
        IP_SET_TYPE(ip, IPADDR_TYPE_ANY);
    return 0;
}

void address_give(int domain, const ip_addr_t *ip, u16_t port, struct sockaddr *address,
                  socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const void *from = &in6;
    socklen_t size = sizeof(in6);

    if (domain == AF_INET) {
        in.sin_addr.s_addr = IP_IS_V4(ip) ? ip4_addr_get_u32(ip_2_ip4(ip)) : INADDR_ANY;
        from = &in;
        size = sizeof(in);
    } else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V4) {
        in6.sin6_addr.s6_addr32[2] = htonl(0xffff);
        in6.sin6_addr.s6_addr32[3] = ip4_addr_get_u32(ip_2_ip4(ip));
    } else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V6) {
        memcpy(in6.sin6_addr.s6_addr, ip_2_ip6(ip)->addr, sizeof(in6.sin6_addr));
        in6.sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
    }
    memcpy(address, from, *len < size ? *len : size);
    *len = size;
}

bool address_is_any(const ip_addr_t *ip)
{
    return ip_addr_isany(ip);
}

bool address6_is_hosts(const ip6_addr_t *ip6)
{
    return !ip6_addr_isany(ip6) && !ip6_addr_ismulticast(ip6) && !ip6_addr_isloopback(ip6);
}

bool address_is_own(const ip_addr_t *ip)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        if (IP_IS_V6(ip) ? netif_get_ip6_addr_match(netif, ip_2_ip6(ip)) >= 0
                         : ip4_addr_cmp(netif_ip4_addr(netif), ip_2_ip4(ip)))
            return true;
    }
    return false;
}

bool address_overlaps(const ip_addr_t *one, const ip_addr_t *other)
{
    if (IP_IS_ANY_TYPE_VAL(*one) || IP_IS_ANY_TYPE_VAL(*other))
        return true;
    if (IP_GET_TYPE(one) != IP_GET_TYPE(other))
        return false;
    return address_is_any(one) || address_is_any(other) ||
           memcmp(one, other, IP_IS_V6_VAL(*one) ? sizeof(ip6_addr_t) : sizeof(ip4_addr_t)) == 0;
}

void message_scatter(const struct msghdr *message, size_t offset, const struct pbuf *p, size_t skip,
                     size_t len)
{
    const struct iovec *iov = message->msg_iov;

    while (len) {
        if (offset >= iov->iov_len) {
            offset -= iov++->iov_len;
        } else if (skip >= p->len) {
            skip -= p->len;
            p = p->next;
        } else {
            size_t room = iov->iov_len - offset, part = p->len - skip;
            part = part < room ? part : room;
            part = part < len ? part : len;
            memcpy((char *)iov->iov_base + offset, (const char *)p->payload + skip, part);
            offset += part;
            skip += part;
            len -= part;
        }
    }
}
