/* SPDX-License-Identifier: BSD-2-Clause */
/* IP's and IPv6's options, but for multicast's. */
#include <errno.h>

#include <netinet/in.h>

#include <sprat/compiler.h>

#include "control.h"
#include "multicast.h"
#include "net.h"
#include "pathmtu.h"
#include "sockopt.h"

#define HOPS_DEFAULT IP_DEFAULT_TTL
#define LOOPBACK_MTU 65536 /* as Linux's */

/* What a program wants to be told beside datagrams: either family's option for a bit. */
static const struct wish {
    u8_t level, name, bit;
} wishes[] = {
    {IPPROTO_IP, IP_PKTINFO, CONTROL_PKTINFO},
    {IPPROTO_IP, IP_RECVTTL, CONTROL_HOPS},
    {IPPROTO_IP, IP_RECVTOS, CONTROL_CLASS},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, CONTROL_PKTINFO},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, CONTROL_HOPS},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, CONTROL_CLASS},
};

static u8_t wish(int level, int name)
{
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
        if (wishes[i].level == level && wishes[i].name == name)
            return wishes[i].bit;
    return 0;
}

/* IPv6's sockets have IPv4's options for IPv4's packets, which raw ones do not see. */
static bool has_level(const struct socket *socket, int level)
{
    if (socket->domain == AF_INET)
        return level == IPPROTO_IP;
    return level == IPPROTO_IPV6 || socket->type != SOCK_RAW;
}

/* @param least  what the family allows. */
static int set_hops(struct socket *socket, int number, int least)
{
    struct ip_pcb *block = socket_block(socket);

    if (number != -1 && (number < least || number > 255))
        return -EINVAL;
    if (block)
        block->ttl = number == -1 ? HOPS_DEFAULT : (u8_t)number;
    return 0;
}

static int set_class(struct socket *socket, int number)
{
    struct ip_pcb *block = socket_block(socket);

    if (block)
        block->tos = (u8_t)number;
    return 0;
}

static int set_header_included(struct socket *socket, int number)
{
    if (number)
        raw_set_flags(socket->dgram.raw, RAW_FLAGS_HDRINCL);
    else
        raw_clear_flags(socket->dgram.raw, RAW_FLAGS_HDRINCL);
    return 0;
}

/* RFC 3542: the sum's offset in the packet; -1: there is none. */
static int set_checksum(struct socket *socket, int offset)
{
    struct raw_pcb *raw = socket->dgram.raw;

    if (socket->protocol == IPPROTO_ICMPV6 || (offset != -1 && (offset & 1 || offset < 0)) ||
        offset > (int)UINT16_MAX)
        return -EINVAL;
    raw->chksum_reqd = offset >= 0;
    raw->chksum_offset = offset >= 0 ? (u16_t)offset : 0;
    return 0;
}

static int set_v6_only(struct socket *socket, int number)
{
    ip_addr_t ip;
    u16_t port;

    if (socket->ops->name(socket, false, &ip, &port) == 0 && port)
        return -EINVAL; /* it is bound */
    socket->v6_only = number;
    return 0;
}

static int set4(struct socket *socket, int name, const struct sockopt_new *value)
{
    switch (name) {
    case IP_TTL:
        return set_hops(socket, value->number, 1);
    case IP_TOS:
        return set_class(socket, value->number);
    case IP_HDRINCL:
        return socket->type == SOCK_RAW ? set_header_included(socket, value->number) : -ENOPROTOOPT;
    default:
        return multicast_set(socket, IPPROTO_IP, name, value->number, value->at, value->len);
    }
}

static int set6(struct socket *socket, int name, const struct sockopt_new *value)
{
    int number = value->number;

    switch (name) {
    case IPV6_V6ONLY:
        return set_v6_only(socket, number);
    case IPV6_UNICAST_HOPS:
        return set_hops(socket, number, 0);
    case IPV6_TCLASS:
        return number < -1 || number > 255 ? -EINVAL : set_class(socket, number == -1 ? 0 : number);
    case IPV6_CHECKSUM:
        return socket->type == SOCK_RAW ? set_checksum(socket, number) : -ENOPROTOOPT;
    default:
        return multicast_set(socket, IPPROTO_IPV6, name, number, value->at, value->len);
    }
}

int ip_option_set(struct socket *socket, int level, int name, const struct sockopt_new *value)
{
    u8_t bit = wish(level, name);

    if (!has_level(socket, level))
        return -ENOPROTOOPT;
    if (level == IPPROTO_IPV6 && value->len < sizeof(value->number))
        return -EINVAL;
    if (bit) {
        socket->give_control = control_give;
        socket->control = value->number ? socket->control | bit : socket->control & ~bit;
        return 0;
    }
    return level == IPPROTO_IP ? set4(socket, name, value) : set6(socket, name, value);
}

/* What a packet to the peer may have, as far as is known. */
static int get_mtu(struct socket *socket, int *number)
{
    ip_addr_t peer;
    u16_t port;
    int error = socket->ops->name(socket, true, &peer, &port);

    if (error)
        return error;
    const struct netif *netif = net_route(socket_block(socket), &peer);
    if (!netif)
        return -ENETUNREACH;
    const struct interface *interface = netif->state;
    if (!interface)
        *number = LOOPBACK_MTU;
    else if (IP_IS_V6_VAL(peer))
        *number = (int)pathmtu_to(interface, ip_2_ip6(&peer));
    else
        *number = interface->features.mtu;
    return 0;
}

static int get4(struct socket *socket, int name, int *number)
{
    const struct ip_pcb *block = socket_block(socket);

    switch (name) {
    case IP_MTU:
        return get_mtu(socket, number);
    case IP_TTL:
        *number = block ? block->ttl : HOPS_DEFAULT;
        return 0;
    case IP_TOS:
        *number = block ? block->tos : 0;
        return 0;
    case IP_HDRINCL:
        *number = socket->type == SOCK_RAW && raw_is_flag_set(socket->dgram.raw, RAW_FLAGS_HDRINCL);
        return 0;
    default:
        return multicast_get(socket, IPPROTO_IP, name, number);
    }
}

static int get6(struct socket *socket, int name, int *number)
{
    switch (name) {
    case IPV6_MTU:
        return get_mtu(socket, number);
    case IPV6_V6ONLY:
        *number = socket->v6_only;
        return 0;
    case IPV6_UNICAST_HOPS:
        return get4(socket, IP_TTL, number);
    case IPV6_TCLASS:
        return get4(socket, IP_TOS, number);
    case IPV6_CHECKSUM:
        if (socket->type != SOCK_RAW)
            return -ENOPROTOOPT;
        *number = socket->dgram.raw->chksum_reqd ? socket->dgram.raw->chksum_offset : -1;
        return 0;
    default:
        return multicast_get(socket, IPPROTO_IPV6, name, number);
    }
}

int ip_option_get(struct socket *socket, int level, int name, int *number)
{
    u8_t bit = wish(level, name);

    if (!has_level(socket, level))
        return -ENOPROTOOPT;
    if (bit) {
        *number = !!(socket->control & bit);
        return 0;
    }
    return level == IPPROTO_IP ? get4(socket, name, number) : get6(socket, name, number);
}
