/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets and multicast: which groups a socket is in, and how it sends to groups. */
#include "multicast.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"

#include <netinet/in.h>

#include "net.h"

/** A group that a socket is in, on one interface. */
struct membership {
    struct membership *next;
    ip_addr_t group;
    u8_t index; /**< the interface's */
};

/* The first one of a group, from *link on. @param index  0: on any interface. */
static struct membership **find(struct membership **link, const ip_addr_t *group, u8_t index)
{
    while (*link && !(ip_addr_cmp_zoneless(&(*link)->group, group) &&
                      (index == NETIF_NO_INDEX || index == (*link)->index)))
        link = &(*link)->next;
    return link;
}

static void leave_first(struct membership **link)
{
    struct membership *membership = *link;
    struct netif *netif = netif_get_by_index(membership->index);

    if (netif && IP_IS_V4_VAL(membership->group))
        igmp_leavegroup_netif(netif, ip_2_ip4(&membership->group));
    else if (netif)
        mld6_leavegroup_netif(netif, ip_2_ip6(&membership->group));
    *link = membership->next;
    free(membership);
}

static void leave_all(struct socket *socket)
{
    while (socket->memberships)
        leave_first(&socket->memberships);
}

static int leave(struct socket *socket, const ip_addr_t *group, u8_t index)
{
    struct membership **link = find(&socket->memberships, group, index);

    if (!*link)
        return -EADDRNOTAVAIL;
    for (; *link; link = find(link, group, index))
        leave_first(link);
    return 0;
}

static int join_on(struct socket *socket, const ip_addr_t *group, struct netif *netif)
{
    u8_t index = netif_get_index(netif);

    if (*find(&socket->memberships, group, index))
        return -EADDRINUSE;
    struct membership *membership = malloc(sizeof(*membership));
    if (!membership)
        return -ENOBUFS;
    *membership = (struct membership){socket->memberships, *group, index};
    err_t error = IP_IS_V4(group) ? igmp_joingroup_netif(netif, ip_2_ip4(group))
                                  : mld6_joingroup_netif(netif, ip_2_ip6(group));
    if (error) {
        free(membership);
        return socket_errno(error);
    }
    socket->memberships = membership;
    socket->leave_groups = leave_all;
    return 0;
}

/* @param index  0: on all interfaces, as there is no telling where the group's packets come from.
 * It is joined once more on those only that the socket is not in it yet. */
static int join(struct socket *socket, const ip_addr_t *group, u8_t index)
{
    u8_t flag = IP_IS_V4(group) ? NETIF_FLAG_IGMP : NETIF_FLAG_MLD6;
    int result = -ENODEV;
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        if (index != NETIF_NO_INDEX ? index != netif_get_index(netif) : !(netif->flags & flag))
            continue;
        int error = join_on(socket, group, netif);
        if (error && error != -EADDRINUSE)
            return error;
        if (result)
            result = error;
    }
    return result;
}

static int change(struct socket *socket, bool join_it, const ip_addr_t *group, u8_t index)
{
    if (!ip_addr_ismulticast(group))
        return -EINVAL;
    return join_it ? join(socket, group, index) : leave(socket, group, index);
}

/* An interface that a program names. @return 0, -ENODEV, -EINVAL. */

static int take_index(unsigned number, u8_t *index)
{
    *index = (u8_t)number;
    return !number || (number <= UINT8_MAX && netif_get_by_index(*index)) ? 0 : -ENODEV;
}

static int take_address(struct in_addr address, u8_t *index)
{
    struct netif *netif;

    *index = NETIF_NO_INDEX;
    if (address.s_addr == INADDR_ANY)
        return 0;
    NETIF_FOREACH(netif)
    if (netif_ip4_addr(netif)->addr == address.s_addr) {
        *index = netif_get_index(netif);
        return 0;
    }
    return -ENODEV;
}

/* A struct ip_mreqn, or its beginnings. The interface's number is worth more than its address. */
static int take_request(const void *value, socklen_t len, struct ip_mreqn *request, u8_t *index)
{
    memset(request, 0, sizeof(*request));
    memcpy(request, value, len < sizeof(*request) ? len : sizeof(*request));
    net_wait_ready(); /* or the interfaces are not there yet */
    return request->imr_ifindex ? take_index((unsigned)request->imr_ifindex, index)
                                : take_address(request->imr_address, index);
}

/* Which group, and on which interface. @return 0, -errno. */
static int take_group4(const void *value, socklen_t len, ip_addr_t *group, u8_t *index)
{
    struct ip_mreqn request;

    if (len < sizeof(struct ip_mreq))
        return -EINVAL;
    int error = take_request(value, len, &request, index);
    ip_addr_set_ip4_u32_val(*group, request.imr_multiaddr.s_addr);
    return error;
}

static int take_group6(const void *value, socklen_t len, ip_addr_t *group, u8_t *index)
{
    struct ipv6_mreq request;

    if (len < sizeof(request))
        return -EINVAL;
    memcpy(&request, value, sizeof(request));
    net_wait_ready();
    ip_addr_set_zero_ip6(group);
    memcpy(ip_2_ip6(group)->addr, request.ipv6mr_multiaddr.s6_addr,
           sizeof(request.ipv6mr_multiaddr));
    return take_index(request.ipv6mr_interface, index);
}

/* How it sends: UDP's and raw sockets' blocks have it in places of their own. */

static u8_t *hops_of(const struct socket *socket)
{
    return socket->type == SOCK_DGRAM ? &socket->dgram.udp->mcast_ttl
                                      : &socket->dgram.raw->mcast_ttl;
}

static u8_t *index_of(const struct socket *socket)
{
    return socket->type == SOCK_DGRAM ? &socket->dgram.udp->mcast_ifindex
                                      : &socket->dgram.raw->mcast_ifindex;
}

static int set_hops(struct socket *socket, int number)
{
    if (number < -1 || number > 255)
        return -EINVAL;
    *hops_of(socket) = number < 0 ? MULTICAST_HOPS : (u8_t)number;
    return 0;
}

static void set_loop(struct socket *socket, bool loop)
{
    if (socket->type == SOCK_DGRAM && loop)
        udp_set_flags(socket->dgram.udp, UDP_FLAGS_MULTICAST_LOOP);
    else if (socket->type == SOCK_DGRAM)
        udp_clear_flags(socket->dgram.udp, UDP_FLAGS_MULTICAST_LOOP);
    else if (loop)
        raw_set_flags(socket->dgram.raw, RAW_FLAGS_MULTICAST_LOOP);
    else
        raw_clear_flags(socket->dgram.raw, RAW_FLAGS_MULTICAST_LOOP);
}

static bool loops(const struct socket *socket)
{
    return socket->type == SOCK_DGRAM
               ? udp_is_flag_set(socket->dgram.udp, UDP_FLAGS_MULTICAST_LOOP)
               : raw_is_flag_set(socket->dgram.raw, RAW_FLAGS_MULTICAST_LOOP);
}

/* The interface that packets to groups leave by. @return 0, -errno. */
static int take_interface4(const void *value, socklen_t len, u8_t *index)
{
    struct ip_mreqn request;

    if (len < sizeof(struct in_addr))
        return -EINVAL;
    if (len < sizeof(struct ip_mreq)) { /* an address alone is the interface's */
        struct ip_mreqn only = {0};
        memcpy(&only.imr_address, value, sizeof(only.imr_address));
        return take_interface4(&only, sizeof(only), index);
    }
    int error = take_request(value, len, &request, index);
    return error == -ENODEV ? -EADDRNOTAVAIL : error;
}

static int take_interface6(int number, u8_t *index)
{
    net_wait_ready();
    return take_index((unsigned)number, index);
}

/* What an option is about, whichever family's number it has. */
enum about { JOIN, LEAVE, HOPS, LOOP, INTERFACE, OTHER };

static const int numbers4[OTHER] = {
    [JOIN] = IP_ADD_MEMBERSHIP, [LEAVE] = IP_DROP_MEMBERSHIP,  [HOPS] = IP_MULTICAST_TTL,
    [LOOP] = IP_MULTICAST_LOOP, [INTERFACE] = IP_MULTICAST_IF,
};
static const int numbers6[OTHER] = {
    [JOIN] = IPV6_JOIN_GROUP,     [LEAVE] = IPV6_LEAVE_GROUP,      [HOPS] = IPV6_MULTICAST_HOPS,
    [LOOP] = IPV6_MULTICAST_LOOP, [INTERFACE] = IPV6_MULTICAST_IF,
};

static enum about about(const struct socket *socket, bool ip4, int name)
{
    enum about what = JOIN;

    while (what < OTHER && (ip4 ? numbers4 : numbers6)[what] != name)
        what++;
    return socket->type == SOCK_STREAM && what > LEAVE ? OTHER : what;
}

int multicast_set(struct socket *socket, int level, int name, int number, const void *value,
                  socklen_t len)
{
    bool ip4 = level == IPPROTO_IP;
    enum about what = about(socket, ip4, name);
    ip_addr_t group;
    int error = 0;
    u8_t index;

    switch (what) {
    case JOIN:
    case LEAVE:
        error =
            ip4 ? take_group4(value, len, &group, &index) : take_group6(value, len, &group, &index);
        return error ? error : change(socket, what == JOIN, &group, index);
    case HOPS:
        return set_hops(socket, number);
    case LOOP:
        set_loop(socket, number);
        return 0;
    case INTERFACE:
        error = ip4 ? take_interface4(value, len, &index) : take_interface6(number, &index);
        if (!error)
            *index_of(socket) = index;
        return error;
    default:
        return -ENOPROTOOPT;
    }
}

/* The address of the interface that was set. */
static int address_at(u8_t index)
{
    const struct netif *netif = netif_get_by_index(index);

    return netif ? (int)netif_ip4_addr(netif)->addr : (int)INADDR_ANY;
}

int multicast_get(const struct socket *socket, int level, int name, int *number)
{
    bool ip4 = level == IPPROTO_IP;

    switch (about(socket, ip4, name)) {
    case HOPS:
        *number = *hops_of(socket);
        return 0;
    case LOOP:
        *number = loops(socket);
        return 0;
    case INTERFACE:
        *number = ip4 ? address_at(*index_of(socket)) : *index_of(socket);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}
