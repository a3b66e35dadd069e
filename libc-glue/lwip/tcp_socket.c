/* SPDX-License-Identifier: BSD-2-Clause */
/* A TCP socket's life. */
#include "tcp_socket.h"

#include <errno.h>
#include <poll.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "net.h"

#define NS_PER_S 1000000000ull

/* What lwIP tells. All of these are called in the network thread, or in a call of a program's. */

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct socket *socket = arg;

    (void)len;
    if (tcp_socket_has_room(pcb))
        socket_wake_writers(socket);
    if (socket->tcp.ended)
        tcp_socket_let_go_when_over(socket);
    return ERR_OK;
}

/* The control block is gone. */
static void failed(void *arg, err_t error)
{
    struct socket *socket = arg;
    bool connecting = socket->tcp.state == TCP_CONNECTING;

    source_forget(&socket->tcp.source);
    socket->tcp.pcb = NULL;
    socket->tcp.state = connecting ? TCP_FAILED : TCP_DEAD;
    if (error == ERR_RST)
        socket->error = connecting ? ECONNREFUSED : socket->tcp.ended ? EPIPE : ECONNRESET;
    else if (error == ERR_ABRT)
        socket->error = ETIMEDOUT; /* lwIP gave up */
    else if (error != ERR_CLSD)
        socket->error = -socket_errno(error);
    socket_wake_readers(socket);
    socket_wake_writers(socket);
}

void tcp_socket_attach(struct socket *socket, struct tcp_pcb *pcb)
{
    socket->tcp.pcb = pcb;
    tcp_arg(pcb, socket);
    tcp_recv(pcb, tcp_socket_received);
    tcp_sent(pcb, sent);
    tcp_err(pcb, failed);
    /* lwIP's Nagle would wait for a segment that is full by its own, larger measure: see push(). */
    tcp_nagle_disable(pcb);
}

void tcp_socket_name_ends(struct socket *socket, const struct tcp_pcb *pcb)
{
    socket->tcp.ends =
        (struct tcp_ends){pcb->local_ip, pcb->local_port, pcb->remote_port, pcb->remote_ip};
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

/* From then on lwIP does not tell when it forgets the block. */
void tcp_socket_let_go_when_over(struct socket *socket)
{
    const struct tcp_pcb *pcb = socket->tcp.pcb;

    if (pcb->state == TIME_WAIT || (pcb->state == CLOSING && pcb->snd_buf == TCP_SND_BUF))
        tcp_socket_let_go(socket);
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
    socket->linger = listener->linger;
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
    socket->tcp.told = true;
    inherit(socket, pcb, listener);
    tcp_socket_attach(socket, pcb);
    tcp_socket_name_ends(socket, pcb);
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
    if (socket->reuse_address || socket->reuse_port)
        ip_set_option(pcb, SOF_REUSEADDR);
    tcp_socket_attach(socket, pcb);
    return 0;
}

/* Where somebody listens already, nobody else can; lwIP does not see that an address of both
 * families takes what one of IPv6 does. */
static bool is_taken(const ip_addr_t *ip, u16_t port)
{
    const struct tcp_pcb *pcb = tcp_listen_pcbs.pcbs;

    while (pcb && !(pcb->local_port == port && address_overlaps(&pcb->local_ip, ip)))
        pcb = pcb->next;
    return pcb;
}

static int tcp_socket_bind(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state != TCP_FRESH || pcb->local_port)
        return -EINVAL;
    if (socket->v6_only && IP_IS_ANY_TYPE_VAL(*ip))
        ip = IP6_ADDR_ANY;
    return is_taken(ip, port) ? -EADDRINUSE : socket_errno(tcp_bind(pcb, ip, port));
}

static int tcp_socket_listen(struct socket *socket, int backlog)
{
    err_t error = ERR_OK;

    backlog = (unsigned)backlog > SOMAXCONN ? SOMAXCONN : backlog; /* 0 is 1 to lwIP */
    if (socket->tcp.state == TCP_LISTENING) {
        tcp_backlog_set(socket->tcp.pcb, (u8_t)backlog);
        return 0;
    }
    if (socket->tcp.state != TCP_FRESH)
        return -EINVAL;
    if (!socket->tcp.pcb->local_port) {
        error = tcp_bind(socket->tcp.pcb, &socket->tcp.pcb->local_ip, 0);
        if (error)
            return socket_errno(error);
    }
    const struct tcp_pcb *own = socket->tcp.pcb;
    if (is_taken(&own->local_ip, own->local_port))
        return -EADDRINUSE;
    const struct tcp_keepalive keepalive = {own->keep_idle, own->keep_intvl, own->keep_cnt};
    struct tcp_pcb *pcb = tcp_listen_with_backlog_and_err(socket->tcp.pcb, (u8_t)backlog, &error);
    if (!pcb)
        return socket_errno(error);
    socket->tcp.pcb = pcb;
    socket->tcp.state = TCP_LISTENING;
    socket->tcp.keepalive = keepalive; /* lwIP's listeners have none */
    socket->tcp.accepted = NULL;
    socket->tcp.accepted_last = &socket->tcp.accepted;
    tcp_accept(pcb, accepted);
    return 0;
}

static int tcp_socket_accept(struct socket *socket, struct socket **out)
{
    uint64_t started_ns = 0;

    for (;;) {
        if (socket->tcp.state != TCP_LISTENING)
            return -EINVAL;
        if (socket->tcp.accepted)
            break;
        int error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, 0, &started_ns);
        if (error)
            return error;
    }
    *out = socket->tcp.accepted;
    return 0;
}

static void close_listener(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    while (socket->tcp.accepted) {
        struct socket *never = socket->tcp.accepted;
        socket->tcp.accepted = never->tcp.accepted_next;
        never->linger = (struct linger){.l_onoff = 1}; /* it is reset */
        file_release(&never->file);
    }
    tcp_arg(pcb, NULL);
    tcp_accept(pcb, NULL);
    tcp_close(pcb);
}

/* Who waits in accept() is told, and the socket is as it was before listen(). */
static int stop_listening(struct socket *socket)
{
    const struct tcp_pcb *pcb = socket->tcp.pcb;
    const ip_addr_t local_ip = pcb->local_ip;
    const u16_t local_port = pcb->local_port;
    const u8_t so_options = pcb->so_options;

    close_listener(socket);
    socket->tcp.pcb = NULL;
    socket->tcp.state = TCP_DEAD;
    socket_wake_readers(socket);
    int error = tcp_socket_open(socket);
    if (error)
        return error;
    socket->tcp.state = TCP_FRESH;
    socket->tcp.pcb->so_options = so_options;
    return socket_errno(tcp_bind(socket->tcp.pcb, &local_ip, local_port));
}

int tcp_socket_shutdown(struct socket *socket, int how)
{
    if (socket->tcp.state == TCP_LISTENING && how != SHUT_WR)
        return stop_listening(socket);
    if (socket->tcp.state == TCP_LISTENING)
        return 0;
    if (socket->tcp.state == TCP_CONNECTING) {
        tcp_abort(socket->tcp.pcb); /* who waits is told */
        socket->error = ECONNRESET;
        return 0;
    }
    if (socket->tcp.state != TCP_CONNECTED)
        return -ENOTCONN;
    socket->tcp.told = true;
    if (how != SHUT_WR) {
        socket->read_shut = true;
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
        return POLLOUT | POLLWRNORM | POLLHUP;
    case TCP_LISTENING:
        return socket->tcp.accepted ? POLLIN | POLLRDNORM : 0;
    case TCP_CONNECTING:
        return 0;
    case TCP_DEAD:
    case TCP_FAILED:
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP |
               (socket->error ? POLLERR : 0);
    case TCP_CONNECTED:
        break;
    }
    if (socket->tcp.received >= socket->low_water || socket->tcp.ended || socket->read_shut)
        events |= POLLIN | POLLRDNORM;
    if (socket->tcp.ended || socket->read_shut)
        events |= POLLRDHUP;
    if ((socket->tcp.ended || socket->read_shut) && socket->write_shut)
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
    const struct tcp_ends *ends = &socket->tcp.ends;

    if (peer && (socket->tcp.state != TCP_CONNECTED || !pcb))
        return -ENOTCONN;
    *ip = peer ? ends->peer_ip : pcb ? pcb->local_ip : ends->local_ip;
    *port = peer ? ends->peer_port : pcb ? pcb->local_port : ends->local_port;
    return 0;
}

/* SO_LINGER: wait until the peer has all that was written, or time is up. */
static void wait_until_sent(struct socket *socket)
{
    uint64_t deadline_ns = clock_monotonic() + (uint64_t)socket->linger.l_linger * NS_PER_S;

    if (!socket->write_shut && tcp_shutdown(socket->tcp.pcb, 0, 1) != ERR_OK)
        return;
    while (socket->tcp.pcb && socket->tcp.pcb->snd_buf != TCP_SND_BUF) {
        net_leave();
        if (thread_wait(&socket->writers, deadline_ns))
            break;
    }
}

/* What is not sent yet is sent, and the end after it, by lwIP alone, unless the program lingers. */
static void tcp_socket_close(struct socket *socket)
{
    const struct linger *linger = &socket->linger;
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
    .poll = tcp_socket_poll,
    .readable = tcp_socket_readable,
    .name = tcp_socket_name,
    .close = tcp_socket_close,
};
