/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets' options. */
#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "lwip/priv/tcp_priv.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <sprat/compiler.h>

#include "multicast.h"
#include "net.h"
#include "socket.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

/* The part that all control blocks begin with. NULL: the connection is gone. */
static struct ip_pcb *block_of(const struct socket *socket)
{
    switch (socket->type) {
    case SOCK_STREAM:
        return (struct ip_pcb *)socket->tcp.pcb;
    case SOCK_DGRAM:
        return (struct ip_pcb *)socket->dgram.udp;
    default:
        return (struct ip_pcb *)socket->dgram.raw;
    }
}

/* A connection's block, not a listener's, which is a smaller struct. */
static struct tcp_pcb *connection_of(const struct socket *socket)
{
    return socket->tcp.state == TCP_LISTENING ? NULL : socket->tcp.pcb;
}

/* NULL: the connection is gone. */
static u32_t *keepalive_of(struct socket *socket, int name)
{
    struct tcp_pcb *pcb = connection_of(socket);
    struct tcp_keepalive *listeners = &socket->tcp.keepalive;

    if (!socket->tcp.pcb)
        return NULL;
    switch (name) {
    case TCP_KEEPIDLE:
        return pcb ? &pcb->keep_idle : &listeners->idle;
    case TCP_KEEPINTVL:
        return pcb ? &pcb->keep_intvl : &listeners->interval;
    default:
        return pcb ? &pcb->keep_cnt : &listeners->count;
    }
}

static u32_t keepalive_unit(int name)
{
    return name == TCP_KEEPCNT ? 1 : 1000;
}

static bool is_keepalive(int name)
{
    return name == TCP_KEEPIDLE || name == TCP_KEEPINTVL || name == TCP_KEEPCNT;
}

static int set_flag(struct socket *socket, u8_t flag, int value)
{
    struct ip_pcb *block = block_of(socket);

    if (!block)
        return -EINVAL;
    if (value)
        ip_set_option(block, flag);
    else
        ip_reset_option(block, flag);
    return 0;
}

static int get_flag(const struct socket *socket, u8_t flag)
{
    const struct ip_pcb *block = block_of(socket);
    return block && ip_get_option(block, flag) != 0;
}

static int set_timeout(uint64_t *timeout_ns, const void *value, socklen_t len)
{
    struct timeval tv;

    if (len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, value, sizeof(tv));
    if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    *timeout_ns = (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * NS_PER_US;
    return 0;
}

static int set_socket_option(struct socket *socket, int name, int number, const void *value,
                             socklen_t len)
{
    switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        return set_flag(socket, SOF_REUSEADDR, number);
    case SO_KEEPALIVE:
        return set_flag(socket, SOF_KEEPALIVE, number);
    case SO_BROADCAST:
        return set_flag(socket, SOF_BROADCAST, number);
    case SO_RCVTIMEO:
        return set_timeout(&socket->receive_timeout_ns, value, len);
    case SO_SNDTIMEO:
        return set_timeout(&socket->send_timeout_ns, value, len);
    case SO_RCVBUF:
        if (number < 0)
            return -EINVAL;
        if (socket->type != SOCK_STREAM)
            socket->dgram.queued_max = (size_t)number;
        return 0; /* TCP's windows follow the guest's memory */
    case SO_SNDBUF:
        return number < 0 ? -EINVAL : 0;
    case SO_LINGER: {
        struct linger linger;
        if (len < sizeof(linger))
            return -EINVAL;
        memcpy(&linger, value, sizeof(linger));
        if (socket->type == SOCK_STREAM)
            socket->tcp.linger_reset = linger.l_onoff && linger.l_linger == 0;
        return 0;
    }
    default:
        return -ENOPROTOOPT;
    }
}

static int set_tcp_option(struct socket *socket, int name, int number)
{
    struct tcp_pcb *pcb = connection_of(socket);

    if (name == TCP_NODELAY) {
        socket->tcp.nodelay = number;
        return 0;
    }
    if (name == TCP_CORK) {
        socket->tcp.cork = number;
        if (!number && pcb)
            tcp_output(pcb);
        return 0;
    }
    if (!is_keepalive(name))
        return -ENOPROTOOPT;
    u32_t *value = keepalive_of(socket, name);
    if (!value || number < 1 || number > 32767)
        return -EINVAL;
    *value = (u32_t)number * keepalive_unit(name);
    return 0;
}

static int set_ip_option(struct socket *socket, int name, int number, const void *value,
                         socklen_t len)
{
    struct ip_pcb *block = block_of(socket);

    if (!block)
        return -EINVAL;
    switch (name) {
    case IP_TTL:
        if (number < 1 || number > 255)
            return -EINVAL;
        block->ttl = (u8_t)number;
        return 0;
    case IP_TOS:
        block->tos = (u8_t)number;
        return 0;
    case IP_HDRINCL:
        if (socket->type != SOCK_RAW)
            return -ENOPROTOOPT;
        if (number)
            raw_setflags(socket->dgram.raw, raw_flags(socket->dgram.raw) | RAW_FLAGS_HDRINCL);
        else
            raw_clear_flags(socket->dgram.raw, RAW_FLAGS_HDRINCL);
        return 0;
    default:
        return multicast_set(socket, IPPROTO_IP, name, number, value, len);
    }
}

static int set_ip6_option(struct socket *socket, int name, int number, const void *value,
                          socklen_t len)
{
    struct ip_pcb *block = block_of(socket);

    if (!block || socket->domain != AF_INET6)
        return -EINVAL;
    switch (name) {
    case IPV6_V6ONLY:
        socket->v6_only = number;
        return 0;
    case IPV6_UNICAST_HOPS:
        if (number < 1 || number > 255)
            return -EINVAL;
        block->ttl = (u8_t)number;
        return 0;
    default:
        return multicast_set(socket, IPPROTO_IPV6, name, number, value, len);
    }
}

static int set_option(struct socket *socket, int level, int name, const void *value, socklen_t len)
{
    int number = 0;

    if (!value || !len)
        return -EINVAL;
    if (len >= sizeof(number))
        memcpy(&number, value, sizeof(number));
    else
        number = *(const unsigned char *)value;
    switch (level) {
    case SOL_SOCKET:
        return set_socket_option(socket, name, number, value, len);
    case IPPROTO_TCP:
        return socket->type == SOCK_STREAM ? set_tcp_option(socket, name, number) : -ENOPROTOOPT;
    case IPPROTO_IP:
        return set_ip_option(socket, name, number, value, len);
    case IPPROTO_IPV6:
        return set_ip6_option(socket, name, number, value, len);
    default:
        return -ENOPROTOOPT;
    }
}

SPRAT_API int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct socket *socket;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    error = set_option(socket, level, name, value, len);
    net_leave();
    file_release(&socket->file);
    return (int)file_result(error);
}

/* Reading. */

static int get_socket_option(struct socket *socket, int name, int *number)
{
    switch (name) {
    case SO_TYPE:
        *number = socket->type;
        return 0;
    case SO_DOMAIN:
        *number = socket->domain;
        return 0;
    case SO_PROTOCOL:
        *number = socket->protocol;
        return 0;
    case SO_ERROR:
        *number = socket->error;
        socket->error = 0;
        return 0;
    case SO_ACCEPTCONN:
        *number = socket->type == SOCK_STREAM && socket->tcp.state == TCP_LISTENING;
        return 0;
    case SO_REUSEADDR:
    case SO_REUSEPORT:
        *number = get_flag(socket, SOF_REUSEADDR);
        return 0;
    case SO_KEEPALIVE:
        *number = get_flag(socket, SOF_KEEPALIVE);
        return 0;
    case SO_BROADCAST:
        *number = get_flag(socket, SOF_BROADCAST);
        return 0;
    case SO_RCVBUF:
        *number = socket->type == SOCK_STREAM ? (int)TCP_WND : (int)socket->dgram.queued_max;
        return 0;
    case SO_SNDBUF:
        *number = (int)TCP_SND_BUF;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_option(struct socket *socket, int level, int name, int *number)
{
    const struct ip_pcb *block = block_of(socket);
    const struct tcp_pcb *pcb = socket->type == SOCK_STREAM ? connection_of(socket) : NULL;

    if (level == SOL_SOCKET)
        return get_socket_option(socket, name, number);
    if (level == IPPROTO_TCP && socket->type == SOCK_STREAM) {
        if (name == TCP_NODELAY)
            *number = socket->tcp.nodelay;
        else if (name == TCP_CORK)
            *number = socket->tcp.cork;
        else if (is_keepalive(name) && keepalive_of(socket, name))
            *number = (int)(*keepalive_of(socket, name) / keepalive_unit(name));
        else if (name == TCP_MAXSEG && pcb)
            *number = tso_real_size(pcb);
        else
            return is_keepalive(name) || name == TCP_MAXSEG ? -EINVAL : -ENOPROTOOPT;
        return 0;
    }
    if (!block)
        return -EINVAL;
    if ((level == IPPROTO_IP && name == IP_TTL) ||
        (level == IPPROTO_IPV6 && name == IPV6_UNICAST_HOPS))
        *number = block->ttl;
    else if (level == IPPROTO_IP && name == IP_TOS)
        *number = block->tos;
    else if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
        *number = socket->v6_only;
    else if (level == IPPROTO_IP || level == IPPROTO_IPV6)
        return multicast_get(socket, level, name, number);
    else
        return -ENOPROTOOPT;
    return 0;
}

static void give(void *value, socklen_t *len, const void *from, size_t size)
{
    if (*len > size)
        *len = (socklen_t)size;
    memcpy(value, from, *len);
}

SPRAT_API int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct socket *socket;
    int number, error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
        uint64_t ns = name == SO_RCVTIMEO ? socket->receive_timeout_ns : socket->send_timeout_ns;
        struct timeval tv = {.tv_sec = (time_t)(ns / NS_PER_S),
                             .tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US)};
        give(value, len, &tv, sizeof(tv));
    } else if (level == SOL_SOCKET && name == SO_LINGER) {
        struct linger linger = {.l_onoff = socket->type == SOCK_STREAM && socket->tcp.linger_reset};
        give(value, len, &linger, sizeof(linger));
    } else {
        error = get_option(socket, level, name, &number);
        if (!error)
            give(value, len, &number, sizeof(number));
    }
    file_release(&socket->file);
    return (int)file_result(error);
}
