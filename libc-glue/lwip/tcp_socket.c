/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP socket's life. */
#include "tcp_socket.h"

#include <errno.h>
#include <poll.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "connections.h"
#include "net.h"

#define NS_PER_S 1000000000ull

/* What lwIP tells. All of these are called in the network thread, or in a call of a program's. */

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)len;
    net_recovery_goes_on(pcb);
    if (tcp_socket_has_room(pcb))
        socket_wake_writers(arg);
    return ERR_OK;
}

/* The control block is gone. */
static void failed(void *arg, err_t error)
{
    struct socket *socket = arg;
    bool connecting = socket->tcp.state == TCP_CONNECTING;

    source_forget(&socket->tcp.source);
    socket->tcp.pcb = NULL;
    socket->tcp.state = TCP_DEAD;
    if (error == ERR_RST)
        socket->error = connecting ? ECONNREFUSED : ECONNRESET;
    else if (error == ERR_ABRT)
        socket->error = ETIMEDOUT; /* lwIP gave up */
    else if (error != ERR_CLSD)
        socket->error = -socket_errno(error);
    socket_wake_readers(socket);
    socket_wake_writers(socket);
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = arg;

    (void)pcb;
    (void)error; /* always ERR_OK */
    socket->tcp.state = TCP_CONNECTED;
    socket_wake_readers(socket);
    socket_wake_writers(socket);
    return ERR_OK;
}

static void attach(struct socket *socket, struct tcp_pcb *pcb)
{
    socket->tcp.pcb = pcb;
    tcp_arg(pcb, socket);
    tcp_recv(pcb, tcp_socket_received);
    tcp_sent(pcb, sent);
    tcp_err(pcb, failed);
    /* lwIP's Nagle would wait for a segment that is full by its own, larger measure: see push(). */
    tcp_nagle_disable(pcb);
}

void tcp_socket_let_go(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    socket->tcp.pcb = NULL;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
}

/* What an accepted connection has of its listener. */
static void inherit(struct socket *socket, struct tcp_pcb *pcb, const struct socket *listener)
{
    socket->receive_timeout_ns = listener->receive_timeout_ns;
    socket->send_timeout_ns = listener->send_timeout_ns;
    socket->reuse_address = listener->reuse_address;
    socket->reuse_port = listener->reuse_port;
    socket->v6_only = listener->v6_only;
    socket->tcp.nodelay = listener->tcp.nodelay;
    socket->tcp.cork = listener->tcp.cork;
    socket->tcp.linger = listener->tcp.linger;
    socket->low_water = listener->low_water;
    pcb->keep_idle = listener->tcp.keepalive.idle;
    pcb->keep_intvl = listener->tcp.keepalive.interval;
    pcb->keep_cnt = listener->tcp.keepalive.count;
    pcb->ttl = listener->tcp.pcb->ttl;
    pcb->tos = listener->tcp.pcb->tos;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct socket *listener = arg;

    if (!pcb || error != ERR_OK)
        return ERR_VAL; /* no memory for the connection: the peer tries again */
    struct socket *socket =
        socket_make(listener->domain, SOCK_STREAM, listener->protocol, &tcp_socket_ops);
    if (!socket)
        return ERR_MEM; /* lwIP resets it */
    socket->tcp.state = TCP_CONNECTED;
    inherit(socket, pcb, listener);
    attach(socket, pcb);
    tcp_backlog_delayed(pcb);
    *listener->tcp.accepted_last = socket;
    listener->tcp.accepted_last = &socket->tcp.accepted_next;
    socket_wake_readers(listener);
    return ERR_OK;
}

/* What programs call. */

static int tcp_socket_open(struct socket *socket)
{
    struct tcp_pcb *pcb =
        tcp_new_ip_type(socket->domain == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY);

    if (!pcb)
        return -ENOBUFS;
    attach(socket, pcb);
    socket->tcp.accepted_last = &socket->tcp.accepted;
    return 0;
}

static int tcp_socket_bind(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state != TCP_FRESH || pcb->local_port)
        return -EINVAL;
    if (socket->v6_only && IP_IS_ANY_TYPE_VAL(*ip))
        return socket_errno(tcp_bind(pcb, IP6_ADDR_ANY, port));
    return socket_errno(tcp_bind(pcb, ip, port));
}

static int tcp_socket_listen(struct socket *socket, int backlog)
{
    err_t error = ERR_OK;

    if (socket->tcp.state == TCP_LISTENING)
        return 0;
    if (socket->tcp.state != TCP_FRESH)
        return -EINVAL;
    if (!socket->tcp.pcb->local_port) {
        error = tcp_bind(socket->tcp.pcb, &socket->tcp.pcb->local_ip, 0);
        if (error)
            return socket_errno(error);
    }
    const struct tcp_keepalive keepalive = {socket->tcp.pcb->keep_idle, socket->tcp.pcb->keep_intvl,
                                            socket->tcp.pcb->keep_cnt};
    backlog = backlog < 1 ? 1 : backlog > 255 ? 255 : backlog;
    struct tcp_pcb *pcb = tcp_listen_with_backlog_and_err(socket->tcp.pcb, (u8_t)backlog, &error);
    if (!pcb)
        return socket_errno(error);
    socket->tcp.pcb = pcb;
    socket->tcp.state = TCP_LISTENING;
    socket->tcp.keepalive = keepalive; /* lwIP's listeners have none */
    tcp_accept(pcb, accepted);
    return 0;
}

static int tcp_socket_accept(struct socket *socket, struct socket **out)
{
    uint64_t started_ns = 0;

    if (socket->tcp.state != TCP_LISTENING)
        return -EINVAL;
    while (!socket->tcp.accepted) {
        int error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, 0, &started_ns);
        if (error)
            return error;
    }
    struct socket *first = socket->tcp.accepted;
    socket->tcp.accepted = first->tcp.accepted_next;
    if (!socket->tcp.accepted)
        socket->tcp.accepted_last = &socket->tcp.accepted;
    if (first->tcp.pcb)
        tcp_backlog_accepted(first->tcp.pcb);
    *out = first;
    return 0;
}

/* From a port that connections to elsewhere may have, too, unless the program has bound one. */
static err_t begin(struct tcp_pcb *pcb, const ip_addr_t *to, u16_t port)
{
    struct netif *netif = net_route((const struct ip_pcb *)pcb, to);
    const ip_addr_t *local = &pcb->local_ip;
    bool bound = pcb->local_port;

    if (netif && ip_addr_isany(local))
        local = ip_netif_get_local_ip(netif, to);
    if (!netif || !local)
        return ERR_RTE;
    if (bound)
        return tcp_connect(pcb, to, port, connected);
    const u8_t options = pcb->so_options;
    ip_reset_option(pcb, SOF_REUSEADDR); /* lwIP would look for others with these ends */
    pcb->local_port = connections_port(local, to, port);
    err_t result = pcb->local_port ? tcp_connect(pcb, to, port, connected) : ERR_BUF;
    if (result != ERR_OK)
        pcb->local_port = 0;
    pcb->so_options = options;
    return result;
}

/* There was no address to connect from, and now there is, or there is none. */
static void look_for_source(struct source_waiter *waiter)
{
    struct socket *socket = CONTAINER_OF(waiter, struct socket, tcp.source);
    struct tcp_pcb *pcb = socket->tcp.pcb;
    err_t result = begin(pcb, &pcb->remote_ip, pcb->remote_port);

    if (result == ERR_OK)
        return;
    socket->error = -socket_errno(result);
    socket->tcp.state = TCP_FRESH;
    socket_wake_readers(socket);
    socket_wake_writers(socket);
}

/* @return 0: it is being connected, or -errno. */
static int begin_to_connect(struct socket *socket, const ip_addr_t *to, u16_t port)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (source_tentative(to)) {
        pcb->remote_ip = *to;
        pcb->remote_port = port;
        socket->tcp.source = (struct source_waiter){.to = &pcb->remote_ip, .look = look_for_source};
        source_await(&socket->tcp.source);
    } else {
        err_t result = begin(pcb, to, port);
        if (result != ERR_OK)
            return socket_errno(result);
    }
    socket->tcp.state = TCP_CONNECTING;
    return 0;
}

int tcp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    uint64_t started_ns = 0;
    ip_addr_t to = *ip;

    switch (socket->tcp.state) {
    case TCP_CONNECTING:
        return -EALREADY;
    case TCP_CONNECTED:
        return -EISCONN;
    case TCP_LISTENING:
        return -EINVAL;
    case TCP_DEAD:
        return socket->error ? socket_take_error(socket) : -ECONNABORTED;
    case TCP_FRESH:
        break;
    }
    if (ip_addr_isany(&to)) /* as everywhere: this host */
        to = IP_IS_V6_VAL(to) ? (ip_addr_t)IPADDR6_INIT_HOST(0, 0, 0, 1)
                              : (ip_addr_t)IPADDR4_INIT_BYTES(127, 0, 0, 1);
    int error = begin_to_connect(socket, &to, port);
    if (error)
        return error;
    while (socket->tcp.state == TCP_CONNECTING)
        if (socket_wait(socket, &socket->writers, socket->send_timeout_ns, 0, &started_ns))
            return -EINPROGRESS;
    return socket->tcp.state == TCP_CONNECTED ? 0 : socket_take_error(socket);
}

static int tcp_socket_shutdown(struct socket *socket, int how)
{
    if (socket->tcp.state != TCP_CONNECTED)
        return -ENOTCONN;
    if (how != SHUT_WR && !socket->read_shut) {
        socket->read_shut = true;
        tcp_socket_consume(socket, socket->tcp.received);
        socket_wake_readers(socket);
    }
    if (how != SHUT_RD && !socket->write_shut) {
        socket->write_shut = true;
        err_t error = tcp_shutdown(socket->tcp.pcb, 0, 1);
        socket_wake_writers(socket);
        return socket_errno(error);
    }
    return 0;
}

static short tcp_socket_poll(struct socket *socket)
{
    short events = 0;

    switch (socket->tcp.state) {
    case TCP_FRESH:
        return POLLOUT | POLLHUP;
    case TCP_LISTENING:
        return socket->tcp.accepted ? POLLIN | POLLRDNORM : 0;
    case TCP_CONNECTING:
        return 0;
    case TCP_DEAD:
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP |
               (socket->error ? POLLERR : 0);
    case TCP_CONNECTED:
        break;
    }
    if (socket->tcp.received >= socket->low_water || socket->tcp.ended || socket->read_shut)
        events |= POLLIN | POLLRDNORM;
    if (socket->tcp.ended || socket->read_shut)
        events |= POLLRDHUP;
    if (socket->tcp.ended && socket->write_shut)
        events |= POLLHUP;
    if (socket->write_shut || tcp_socket_has_room(socket->tcp.pcb))
        events |= POLLOUT | POLLWRNORM;
    return events;
}

static size_t tcp_socket_readable(struct socket *socket)
{
    return socket->tcp.received;
}

static int tcp_socket_name(struct socket *socket, bool peer, ip_addr_t *ip, u16_t *port)
{
    const struct tcp_pcb *pcb = socket->tcp.pcb;

    if (!pcb)
        return peer ? -ENOTCONN : -EINVAL;
    if (peer && socket->tcp.state != TCP_CONNECTED)
        return -ENOTCONN;
    *ip = peer ? pcb->remote_ip : pcb->local_ip;
    *port = peer ? pcb->remote_port : pcb->local_port;
    return 0;
}

/* SO_LINGER: wait until the peer has all that was written, or time is up. */
static void wait_until_sent(struct socket *socket)
{
    uint64_t deadline_ns = clock_monotonic() + (uint64_t)socket->tcp.linger.l_linger * NS_PER_S;

    if (!socket->write_shut && tcp_shutdown(socket->tcp.pcb, 0, 1) != ERR_OK)
        return;
    while (socket->tcp.pcb && socket->tcp.pcb->snd_buf != TCP_SND_BUF &&
           clock_monotonic() < deadline_ns) {
        net_leave();
        thread_wait(&socket->writers, deadline_ns);
    }
}

static void close_listener(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    while (socket->tcp.accepted) {
        struct socket *never = socket->tcp.accepted;
        socket->tcp.accepted = never->tcp.accepted_next;
        never->tcp.linger = (struct linger){.l_onoff = 1}; /* it is reset */
        file_release(&never->file);
    }
    tcp_arg(pcb, NULL);
    tcp_accept(pcb, NULL);
    tcp_close(pcb);
}

/* What is not sent yet is sent, and the end after it, by lwIP alone, unless the program lingers. */
static void tcp_socket_close(struct socket *socket)
{
    const struct linger *linger = &socket->tcp.linger;
    bool reset = socket->tcp.received || (linger->l_onoff && !linger->l_linger);

    if (socket->tcp.state == TCP_LISTENING) {
        close_listener(socket);
        return;
    }
    if (linger->l_onoff && !reset && socket->tcp.state == TCP_CONNECTED && socket->tcp.pcb)
        wait_until_sent(socket);
    struct tcp_pcb *pcb = socket->tcp.pcb;
    tcp_socket_forget_held(socket);
    source_forget(&socket->tcp.source);
    if (pcb)
        tcp_socket_let_go(socket);
    tcp_socket_consume(socket, socket->tcp.received);
    if (pcb && (reset || tcp_close(pcb) != ERR_OK))
        tcp_abort(pcb);
}

const struct socket_ops tcp_socket_ops = {
    .open = tcp_socket_open,
    .bind = tcp_socket_bind,
    .listen = tcp_socket_listen,
    .accept = tcp_socket_accept,
    .send = tcp_socket_send,
    .receive = tcp_socket_receive,
    .shutdown = tcp_socket_shutdown,
    .poll = tcp_socket_poll,
    .readable = tcp_socket_readable,
    .name = tcp_socket_name,
    .close = tcp_socket_close,
};
