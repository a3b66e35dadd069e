/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets' options: the calls, and the options that are about all kinds of sockets. */
#include "sockopt.h"

#include <errno.h>
#include <string.h>

#include "lwip/priv/tcp_priv.h"

#include <netinet/in.h>

#include <sprat/compiler.h>

#include "ifname.h"
#include "net.h"

#define NS_PER_S      1000000000ull
#define NS_PER_US     1000ull
#define QUEUE_MAX     0x400000    /* bytes of datagrams that may wait */
#define TIMEOUT_MAX_S 0x100000000 /* 136 years are for ever */

/* Where the connection is gone, nothing comes of it. */
static int set_flag(struct socket *socket, u8_t flag, int value)
{
    struct ip_pcb *block = socket_block(socket);

    if (block && value)
        ip_set_option(block, flag);
    else if (block)
        ip_reset_option(block, flag);
    return 0;
}

static bool get_flag(const struct socket *socket, u8_t flag)
{
    const struct ip_pcb *block = socket_block(socket);

    return block && ip_get_option(block, flag) != 0;
}

static int set_timeout(uint64_t *timeout_ns, const struct sockopt_new *value)
{
    struct timeval tv;

    if (value->len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, value->at, sizeof(tv));
    if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    *timeout_ns = WAIT_FOREVER;
    if (tv.tv_sec < TIMEOUT_MAX_S)
        *timeout_ns = (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
    return 0;
}

static void get_timeout(uint64_t ns, struct sockopt_value *value)
{
    value->time = (struct timeval){.tv_sec = (time_t)(ns / NS_PER_S),
                                   .tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US)};
    value->size = sizeof(value->time);
}

/* lwIP then looks at packets of this interface only, and sends by it alone. */
static int set_interface(struct socket *socket, const struct netif *netif)
{
    struct ip_pcb *block = socket_block(socket);

    if (block)
        block->netif_idx = netif ? netif_get_index(netif) : NETIF_NO_INDEX;
    return 0;
}

static int set_interface_name(struct socket *socket, const struct sockopt_new *value)
{
    char name[IF_NAMESIZE] = {0};

    memcpy(name, value->at, value->len < sizeof(name) ? value->len : sizeof(name) - 1);
    if (!name[0])
        return set_interface(socket, NULL);
    net_wait_ready();
    const struct netif *netif = ifname_find(name);
    return netif ? set_interface(socket, netif) : -ENODEV;
}

static int set_interface_index(struct socket *socket, int index)
{
    if (!index)
        return set_interface(socket, NULL);
    if (index < 0)
        return -EINVAL;
    net_wait_ready();
    const struct netif *netif = index <= (int)UINT8_MAX ? netif_get_by_index((u8_t)index) : NULL;
    return netif ? set_interface(socket, netif) : -ENODEV;
}

static struct netif *interface_of(const struct socket *socket)
{
    const struct ip_pcb *block = socket_block(socket);

    return block ? netif_get_by_index(block->netif_idx) : NULL;
}

static int set_linger(struct socket *socket, const struct sockopt_new *value)
{
    struct linger linger;

    if (value->len < sizeof(linger))
        return -EINVAL;
    memcpy(&linger, value->at, sizeof(linger));
    socket->linger.l_onoff = !!linger.l_onoff;
    if (linger.l_onoff)
        socket->linger.l_linger = linger.l_linger < 0 ? INT32_MAX : linger.l_linger;
    return 0;
}

static int set_socket_option(struct socket *socket, int name, const struct sockopt_new *value)
{
    bool tcp = socket->type == SOCK_STREAM;
    int number = value->number;

    if (name == SO_BINDTODEVICE)
        return set_interface_name(socket, value);
    if (value->len < sizeof(number))
        return -EINVAL;
    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        *(name == SO_REUSEADDR ? &socket->reuse_address : &socket->reuse_port) = number;
        return set_flag(socket, SOF_REUSEADDR, socket->reuse_address || socket->reuse_port);
    case SO_KEEPALIVE:
        return set_flag(socket, SOF_KEEPALIVE, number);
    case SO_BROADCAST:
        return set_flag(socket, SOF_BROADCAST, number);
    case SO_RCVTIMEO:
        return set_timeout(&socket->receive_timeout_ns, value);
    case SO_SNDTIMEO:
        return set_timeout(&socket->send_timeout_ns, value);
    case SO_RCVBUF:
        if (!tcp)
            socket->dgram.queued_max = (unsigned)number < QUEUE_MAX ? (unsigned)number : QUEUE_MAX;
        return 0; /* TCP's windows follow the guest's memory */
    case SO_SNDBUF:
        return 0;
    case SO_RCVLOWAT:
        /* As Linux has it: what fills more than half of the window may never come. */
        socket->low_water = (unsigned)number < TCP_WND / 2 ? (unsigned)number : TCP_WND / 2;
        socket->low_water += !number;
        return 0;
    case SO_LINGER:
        return set_linger(socket, value);
    case SO_BINDTOIFINDEX:
        return set_interface_index(socket, number);
    default:
        return -ENOPROTOOPT;
    }
}

static int set_option(struct socket *socket, int level, int name, struct sockopt_new *value)
{
    if (!value->at || !value->len)
        return level == SOL_SOCKET && name == SO_BINDTODEVICE ? set_interface(socket, NULL)
                                                              : -EINVAL;
    if (value->len >= sizeof(value->number))
        memcpy(&value->number, value->at, sizeof(value->number));
    else
        value->number = *(const unsigned char *)value->at;
    switch (level) {
    case SOL_SOCKET:
        return set_socket_option(socket, name, value);
    case IPPROTO_TCP:
        return socket->type == SOCK_STREAM ? tcp_option_set(socket, name, value) : -ENOPROTOOPT;
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return ip_option_set(socket, level, name, value);
    default:
        return -ENOPROTOOPT;
    }
}

SPRAT_API int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct sockopt_new new_value = {.at = value, .len = len};
    struct socket *socket;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    return (int)socket_release(socket, set_option(socket, level, name, &new_value));
}

/* Reading. */

static int get_socket_option(struct socket *socket, int name, struct sockopt_value *value)
{
    bool tcp = socket->type == SOCK_STREAM;
    const struct netif *netif;

    switch (name) {
    case SO_TYPE:
        value->number = socket->type;
        return 0;
    case SO_DOMAIN:
        value->number = socket->domain;
        return 0;
    case SO_PROTOCOL:
        value->number = socket->protocol;
        return 0;
    case SO_ERROR:
        value->number = -socket_take_error(socket);
        return 0;
    case SO_ACCEPTCONN:
        value->number = tcp && socket->tcp.state == TCP_LISTENING;
        return 0;
    case SO_REUSEADDR:
        value->number = socket->reuse_address;
        return 0;
    case SO_REUSEPORT:
        value->number = socket->reuse_port;
        return 0;
    case SO_KEEPALIVE:
        value->number = get_flag(socket, SOF_KEEPALIVE);
        return 0;
    case SO_BROADCAST:
        value->number = get_flag(socket, SOF_BROADCAST);
        return 0;
    case SO_RCVBUF:
        value->number = tcp ? (int)TCP_WND : (int)socket->dgram.queued_max;
        return 0;
    case SO_SNDBUF:
        value->number = (int)TCP_SND_BUF;
        return 0;
    case SO_RCVLOWAT:
        value->number = (int)socket->low_water;
        return 0;
    case SO_SNDLOWAT:
        value->number = 1;
        return 0;
    case SO_RCVTIMEO:
        get_timeout(socket->receive_timeout_ns, value);
        return 0;
    case SO_SNDTIMEO:
        get_timeout(socket->send_timeout_ns, value);
        return 0;
    case SO_LINGER:
        value->linger = socket->linger;
        value->size = sizeof(value->linger);
        return 0;
    case SO_BINDTOIFINDEX:
        netif = interface_of(socket);
        value->number = netif ? netif_get_index(netif) : 0;
        return 0;
    case SO_BINDTODEVICE:
        netif = interface_of(socket);
        if (netif)
            ifname_of(netif, value->name);
        value->size = netif ? strlen(value->name) + 1 : 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_option(struct socket *socket, int level, int name, struct sockopt_value *value)
{
    switch (level) {
    case SOL_SOCKET:
        return get_socket_option(socket, name, value);
    case IPPROTO_TCP:
        return socket->type == SOCK_STREAM ? tcp_option_get(socket, name, value) : -ENOPROTOOPT;
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return ip_option_get(socket, level, name, &value->number);
    default:
        return -ENOPROTOOPT;
    }
}

SPRAT_API int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct sockopt_value found = {.size = sizeof(found.number)};
    struct socket *socket;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    error = get_option(socket, level, name, &found);
    if (!error) {
        if (*len > found.size)
            *len = (socklen_t)found.size;
        memcpy(value, &found.number, *len);
    }
    return (int)socket_release(socket, error);
}
