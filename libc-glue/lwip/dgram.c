/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP and raw sockets. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/icmp6.h"
#include "lwip/prot/ip4.h"

#include <netinet/in.h>

#include "control.h"
#include "net.h"

#define QUEUE_DEFAULT 0x10000 /* bytes that wait to be read; more are dropped, as UDP may */
#define CHECKSUM      2       /* bytes */
#define DATAGRAM_COST 256     /* what each counts beside its bytes */

/* The header that lwIP works on, of the packet that just came. */
static void describe(struct datagram *datagram)
{
    datagram->to = *ip_current_dest_addr();
    datagram->index = netif_get_index(ip_current_input_netif());
    if (ip_current_is_v6()) {
        datagram->hops = IP6H_HOPLIM(ip6_current_header());
        datagram->traffic_class = (u8_t)IP6H_TC(ip6_current_header());
    } else {
        datagram->hops = IPH_TTL(ip4_current_header());
        datagram->traffic_class = IPH_TOS(ip4_current_header());
    }
}

/* Keep a datagram. Takes the pbuf. */
static void keep(struct socket *socket, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    size_t cost = p->tot_len + DATAGRAM_COST;
    struct datagram *datagram = NULL;

    if (socket->dgram.queued + cost <= socket->dgram.queued_max)
        datagram = malloc(sizeof(*datagram));
    if (!datagram) {
        net_drop(NET_DROP_UNREAD);
        pbuf_free(p);
        return;
    }
    *datagram = (struct datagram){.p = p, .from = *from, .port = port};
    describe(datagram);
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

void dgram_fail(struct udp_pcb *udp, int error)
{
    struct socket *socket = udp->recv_arg;

    if (udp->recv != udp_received)
        return;
    socket->error = error;
    socket_wake_readers(socket); /* no writer waits */
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
    if (socket->protocol == IPPROTO_RAW) /* it only sends, and what it is given */
        raw_set_flags(socket->dgram.raw, RAW_FLAGS_HDRINCL);
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

int udp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    struct udp_pcb *udp = socket->dgram.udp;

    if (socket->dgram.chose_local) {
        udp->local_ip = *IP4_ADDR_ANY;
        if (socket->domain == AF_INET6)
            udp->local_ip = socket->v6_only ? *IP6_ADDR_ANY : *IP_ANY_TYPE;
        socket->dgram.chose_local = false;
    }
    if (!ip) {
        udp_disconnect(udp);
        return remember_peer(socket, NULL, 0);
    }
    struct netif *netif = net_route((const struct ip_pcb *)udp, ip);
    if (!netif)
        return -ENETUNREACH;
    const ip_addr_t *local = ip_netif_get_local_ip(netif, ip);
    err_t error = udp_connect(udp, ip, port);
    if (error)
        return socket_errno(error);
    if (local && address_is_any(&udp->local_ip)) {
        udp->local_ip = *local;
        socket->dgram.chose_local = true;
    }
    return remember_peer(socket, ip, port);
}

int raw_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    return remember_peer(socket, ip, port);
}

/* Copy a message into one pbuf with room for headers. */
static struct pbuf *gather(const struct msghdr *message, pbuf_layer layer, size_t len)
{
    struct pbuf *p = pbuf_alloc(layer, (u16_t)len, PBUF_RAM);

    char *at = p ? p->payload : NULL;

    for (size_t i = 0; p && i < message->msg_iovlen; i++) {
        const struct iovec *iov = &message->msg_iov[i];
        if (iov->iov_len)
            memcpy(at, iov->iov_base, iov->iov_len);
        at += iov->iov_len;
    }
    return p;
}

/* Where lwIP puts a raw socket's checksum: there must be room, and nothing that is added to it.
 * @return -EINVAL. */
static int prepare_checksum(const struct socket *socket, struct pbuf *p)
{
    const struct raw_pcb *raw = socket->dgram.raw;

    if (socket->type != SOCK_RAW || !raw->chksum_reqd)
        return 0;
    if (p->len < raw->chksum_offset + CHECKSUM)
        return -EINVAL;
    memset((char *)p->payload + raw->chksum_offset, 0, CHECKSUM);
    return 0;
}

/* By the interface and from the address that the program named. */
static err_t send_from(struct socket *socket, struct pbuf *p, const ip_addr_t *to, u16_t port,
                       const struct control *control)
{
    const ip_addr_t *from = &control->from;
    struct netif *netif = control->index ? netif_get_by_index(control->index) : ip_route(from, to);

    if (netif && (address_is_any(from) || IP_IS_V6(from) != IP_IS_V6(to)))
        from = ip_netif_get_local_ip(netif, to);
    if (!netif || !from)
        return ERR_RTE;
    return socket->type == SOCK_DGRAM
               ? udp_sendto_if_src(socket->dgram.udp, p, to, port, netif, from)
               : raw_sendto_if_src(socket->dgram.raw, p, to, netif, from);
}

static err_t send_plainly(struct socket *socket, struct pbuf *p, const ip_addr_t *to, u16_t port)
{
    return socket->type == SOCK_DGRAM ? udp_sendto(socket->dgram.udp, p, to, port)
                                      : raw_sendto(socket->dgram.raw, p, to);
}

/* The socket's own numbers make way for one datagram's. */
static err_t send_specially(struct socket *socket, struct pbuf *p, const ip_addr_t *to, u16_t port,
                            const struct control *control)
{
    struct ip_pcb *block = socket_block(socket);
    u8_t *group_hops =
        socket->type == SOCK_DGRAM ? &socket->dgram.udp->mcast_ttl : &socket->dgram.raw->mcast_ttl;
    const u8_t hops = block->ttl, traffic_class = block->tos, kept = *group_hops;

    if (control->hops >= 0)
        block->ttl = *group_hops = (u8_t)control->hops;
    if (control->traffic_class >= 0)
        block->tos = (u8_t)control->traffic_class;
    err_t error = control->index || !address_is_any(&control->from)
                      ? send_from(socket, p, to, port, control)
                      : send_plainly(socket, p, to, port);
    block->ttl = hops;
    block->tos = traffic_class;
    *group_hops = kept;
    return error;
}

/* lwIP has one error for this and others. */
static bool needs_permission(const struct socket *socket, const ip_addr_t *to)
{
    const struct ip_pcb *block = socket_block(socket);
    const struct netif *netif = net_route(block, to);

    return netif && ip_addr_isbroadcast(to, netif) && !ip_get_option(block, SOF_BROADCAST);
}

static ssize_t dgram_send(struct socket *socket, const struct msghdr *message, int flags,
                          const ip_addr_t *to, u16_t port, const struct control *control)
{
    size_t len = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen);
    bool udp = socket->type == SOCK_DGRAM;

    (void)flags; /* nothing here waits */
    if (!to && !socket->dgram.connected)
        return -EDESTADDRREQ;
    if (udp && to && !port)
        return -EINVAL;
    if (len > 0xffff - (udp ? 28 : 20))
        return -EMSGSIZE;
    if (!to) {
        to = &socket->dgram.peer;
        port = socket->dgram.peer_port;
    }
    int error = socket_take_error(socket);
    if (error)
        return error;
    if (socket->write_shut)
        return -EPIPE;
    struct pbuf *p = gather(message, udp ? PBUF_TRANSPORT : PBUF_IP, len);
    if (!p)
        return -ENOBUFS;
    error = prepare_checksum(socket, p);
    if (!error)
        error = socket_errno(control ? send_specially(socket, p, to, port, control)
                                     : send_plainly(socket, p, to, port));
    pbuf_free(p);
    if (error == -EINVAL && needs_permission(socket, to))
        error = -EACCES;
    return error ? error : (ssize_t)len;
}

/* Wait for a datagram, or an error. @return 1, 0: none will come any more, -errno. */
static int wait_for_datagram(struct socket *socket, int flags)
{
    uint64_t started_ns = 0;
    int error;

    while (!(error = socket_take_error(socket)) && !socket->dgram.first) {
        if (socket->read_shut && !file_nonblocking(&socket->file) && !(flags & MSG_DONTWAIT))
            return 0;
        error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, flags, &started_ns);
        if (error)
            return error;
    }
    return error ? error : 1;
}

static ssize_t dgram_receive(struct socket *socket, struct msghdr *message, int flags,
                             ip_addr_t *from, u16_t *port)
{
    size_t max = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen);
    int there = wait_for_datagram(socket, flags);

    if (there <= 0)
        return there;
    struct datagram *datagram = socket->dgram.first;
    size_t len = datagram->p->tot_len, done = len < max ? len : max;
    message_scatter(message, 0, datagram->p, 0, done);
    if (len > max)
        message->msg_flags |= MSG_TRUNC;
    if (socket->give_control)
        socket->give_control(socket, datagram, message);
    else
        message->msg_controllen = 0;
    if (from) {
        *from = datagram->from;
        *port = datagram->port;
    }
    if (!(flags & MSG_PEEK))
        drop_first(socket);
    return (ssize_t)(flags & MSG_TRUNC ? len : done);
}

int dgram_shutdown(struct socket *socket, int how)
{
    if (how != SHUT_WR)
        socket->read_shut = true;
    if (how != SHUT_RD)
        socket->write_shut = true;
    socket_wake_readers(socket);
    return socket->dgram.connected ? 0 : -ENOTCONN; /* as Linux: it says so, and does it */
}

static short dgram_poll(struct socket *socket)
{
    short events = POLLOUT | POLLWRNORM;

    if (socket->dgram.first || socket->read_shut)
        events |= POLLIN | POLLRDNORM;
    if (socket->read_shut)
        events |= socket->write_shut ? POLLRDHUP | POLLHUP : POLLRDHUP;
    if (socket->error)
        events |= POLLERR;
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
    .send = dgram_send,
    .receive = dgram_receive,
    .poll = dgram_poll,
    .readable = dgram_readable,
    .name = dgram_name,
    .close = udp_socket_close,
};

const struct socket_ops raw_socket_ops = {
    .open = raw_open,
    .bind = raw_socket_bind,
    .send = dgram_send,
    .receive = dgram_receive,
    .poll = dgram_poll,
    .readable = dgram_readable,
    .name = dgram_name,
    .close = raw_socket_close,
};
