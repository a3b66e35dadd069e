/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP and raw sockets. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "lwip/icmp6.h"
#include "lwip/prot/ip4.h"

#include "net.h"
#include "socket.h"

#define QUEUE_DEFAULT 0x10000 /* bytes that wait to be read; more are dropped, as UDP may */
#define DATAGRAM_COST 256     /* what each counts beside its bytes */

/* Keep a datagram. Takes the pbuf. */
static void keep(struct socket *socket, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    size_t cost = p->tot_len + DATAGRAM_COST;
    struct datagram *datagram = NULL;

    if (!socket->read_shut && socket->dgram.queued + cost <= socket->dgram.queued_max)
        datagram = malloc(sizeof(*datagram));
    if (!datagram) {
        net_drop(NET_DROP_UNREAD);
        pbuf_free(p);
        return;
    }
    *datagram = (struct datagram){.p = p, .from = *from, .port = port};
    *socket->dgram.last = datagram;
    socket->dgram.last = &datagram->next;
    socket->dgram.queued += cost;
    socket_wake_readers(socket);
}

static void drop_first(struct socket *socket)
{
    struct datagram *first = socket->dgram.first;

    socket->dgram.queued -= first->p->tot_len + DATAGRAM_COST;
    socket->dgram.first = first->next;
    if (!socket->dgram.first)
        socket->dgram.last = &socket->dgram.first;
    pbuf_free(first->p);
    free(first);
}

static void udp_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                         u16_t port)
{
    (void)pcb;
    keep(arg, p, from, port);
}

/* lwIP's own protocols see the packet as well: the socket has a copy. */
static u8_t raw_received(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    struct socket *socket = arg;

    (void)pcb;
    if (socket->dgram.connected && !ip_addr_cmp(from, &socket->dgram.peer))
        return 0;
    struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    if (!copy)
        return 0;
    /* IPv6 raw sockets do not see the header. */
    if (IP_IS_V6(from))
        pbuf_remove_header(copy, ip_current_header_tot_len());
    keep(socket, copy, from, 0);
    return 0;
}

static u8_t address_type(const struct socket *socket)
{
    return socket->domain == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY;
}

static int udp_open(struct socket *socket)
{
    socket->dgram.udp = udp_new_ip_type(address_type(socket));
    if (!socket->dgram.udp)
        return -ENOBUFS;
    socket->dgram.last = &socket->dgram.first;
    socket->dgram.queued_max = QUEUE_DEFAULT;
    udp_set_multicast_ttl(socket->dgram.udp, MULTICAST_HOPS);
    udp_set_flags(socket->dgram.udp, UDP_FLAGS_MULTICAST_LOOP);
    udp_recv(socket->dgram.udp, udp_received, socket);
    return 0;
}

static int raw_open(struct socket *socket)
{
    u8_t type = socket->domain == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6;

    if (socket->protocol < 0 || socket->protocol > 255)
        return -EPROTONOSUPPORT;
    socket->dgram.raw = raw_new_ip_type(type, (u8_t)socket->protocol);
    if (!socket->dgram.raw)
        return -ENOBUFS;
    socket->dgram.last = &socket->dgram.first;
    socket->dgram.queued_max = QUEUE_DEFAULT;
    if (socket->protocol == IP6_NEXTH_ICMP6 && socket->domain == AF_INET6) {
        socket->dgram.raw->chksum_reqd = 1; /* RFC 3542: the system fills it in */
        socket->dgram.raw->chksum_offset = 2;
    }
    raw_set_multicast_ttl(socket->dgram.raw, MULTICAST_HOPS);
    raw_set_flags(socket->dgram.raw, RAW_FLAGS_MULTICAST_LOOP);
    raw_recv(socket->dgram.raw, raw_received, socket);
    return 0;
}

static int udp_socket_bind(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    if (socket->dgram.udp->local_port)
        return -EINVAL;
    if (socket->v6_only && IP_IS_ANY_TYPE_VAL(*ip))
        ip = IP6_ADDR_ANY;
    return socket_errno(udp_bind(socket->dgram.udp, ip, port));
}

static int raw_socket_bind(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    (void)port;
    return socket_errno(raw_bind(socket->dgram.raw, ip));
}

static int remember_peer(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    socket->dgram.connected = ip != NULL;
    if (ip)
        socket->dgram.peer = *ip;
    socket->dgram.peer_port = port;
    return 0;
}

static int udp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    if (!ip) {
        udp_disconnect(socket->dgram.udp);
        return remember_peer(socket, NULL, 0);
    }
    err_t error = udp_connect(socket->dgram.udp, ip, port);
    return error ? socket_errno(error) : remember_peer(socket, ip, port);
}

/* Copy a message into one pbuf with room for headers. */
static struct pbuf *gather(const struct msghdr *message, pbuf_layer layer, size_t len)
{
    struct pbuf *p = pbuf_alloc(layer, (u16_t)len, PBUF_RAM);

    if (p)
        vector_gather(message->msg_iov, message->msg_iovlen, 0, p->payload, len);
    return p;
}

static ssize_t send_to(struct socket *socket, const struct msghdr *message, const ip_addr_t *to,
                       u16_t port)
{
    size_t len = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen);
    bool udp = socket->type == SOCK_DGRAM;

    if (!to && !socket->dgram.connected)
        return -EDESTADDRREQ;
    if (socket->write_shut)
        return -EPIPE;
    if (len > 0xffff - (udp ? 28 : 20))
        return -EMSGSIZE;
    struct pbuf *p = gather(message, udp ? PBUF_TRANSPORT : PBUF_IP, len);
    if (!p)
        return -ENOBUFS;
    if (!to) {
        to = &socket->dgram.peer;
        port = socket->dgram.peer_port;
    }
    err_t error =
        udp ? udp_sendto(socket->dgram.udp, p, to, port) : raw_sendto(socket->dgram.raw, p, to);
    pbuf_free(p);
    return error ? socket_errno(error) : (ssize_t)len;
}

static ssize_t dgram_send(struct socket *socket, const struct msghdr *message, int flags,
                          const ip_addr_t *to, u16_t port)
{
    (void)flags; /* nothing here waits */
    return send_to(socket, message, to, port);
}

static ssize_t dgram_receive(struct socket *socket, struct msghdr *message, int flags,
                             ip_addr_t *from, u16_t *port)
{
    size_t max = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen), done = 0;
    uint64_t started_ns = 0;

    while (!socket->dgram.first) {
        if (socket->read_shut)
            return 0;
        int error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, flags, &started_ns);
        if (error)
            return error;
    }
    struct datagram *datagram = socket->dgram.first;
    size_t len = datagram->p->tot_len;
    for (const struct pbuf *p = datagram->p; p && done < max; p = p->next) {
        size_t part = p->len < max - done ? p->len : max - done;
        vector_scatter(message->msg_iov, message->msg_iovlen, done, p->payload, part);
        done += part;
    }
    if (len > max)
        message->msg_flags |= MSG_TRUNC;
    if (from) {
        *from = datagram->from;
        *port = datagram->port;
    }
    if (!(flags & MSG_PEEK))
        drop_first(socket);
    return (ssize_t)(flags & MSG_TRUNC ? len : done);
}

static int dgram_shutdown(struct socket *socket, int how)
{
    if (!socket->dgram.connected)
        return -ENOTCONN;
    if (how != SHUT_WR)
        socket->read_shut = true;
    if (how != SHUT_RD)
        socket->write_shut = true;
    socket_wake_readers(socket);
    return 0;
}

static short dgram_poll(struct socket *socket)
{
    short events = POLLOUT | POLLWRNORM;

    if (socket->dgram.first || socket->read_shut)
        events |= POLLIN | POLLRDNORM;
    return events;
}

static size_t dgram_readable(struct socket *socket)
{
    return socket->dgram.first ? socket->dgram.first->p->tot_len : 0;
}

static int dgram_name(struct socket *socket, bool peer, ip_addr_t *ip, u16_t *port)
{
    if (peer && !socket->dgram.connected)
        return -ENOTCONN;
    if (peer) {
        *ip = socket->dgram.peer;
        *port = socket->dgram.peer_port;
    } else if (socket->type == SOCK_DGRAM) {
        *ip = socket->dgram.udp->local_ip;
        *port = socket->dgram.udp->local_port;
    } else {
        *ip = socket->dgram.raw->local_ip;
        *port = 0;
    }
    return 0;
}

static void drop_all(struct socket *socket)
{
    while (socket->dgram.first)
        drop_first(socket);
}

static void udp_socket_close(struct socket *socket)
{
    udp_remove(socket->dgram.udp);
    drop_all(socket);
}

static void raw_socket_close(struct socket *socket)
{
    raw_remove(socket->dgram.raw);
    drop_all(socket);
}

const struct socket_ops udp_socket_ops = {
    .open = udp_open,
    .bind = udp_socket_bind,
    .connect = udp_socket_connect,
    .send = dgram_send,
    .receive = dgram_receive,
    .shutdown = dgram_shutdown,
    .poll = dgram_poll,
    .readable = dgram_readable,
    .name = dgram_name,
    .close = udp_socket_close,
};

const struct socket_ops raw_socket_ops = {
    .open = raw_open,
    .bind = raw_socket_bind,
    .connect = remember_peer,
    .send = dgram_send,
    .receive = dgram_receive,
    .shutdown = dgram_shutdown,
    .poll = dgram_poll,
    .readable = dgram_readable,
    .name = dgram_name,
    .close = raw_socket_close,
};
