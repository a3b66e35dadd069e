/* SPDX-License-Identifier: BSD-2-Clause */
/* How a TCP socket is connected, and what becomes of it when that fails. */
#include "tcp_socket.h"

#include <errno.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/compiler.h>

#include "connections.h"
#include "net.h"

/* What lwIP tells. */
static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = arg;

    (void)error; /* always ERR_OK */
    socket->tcp.state = TCP_CONNECTED;
    tcp_socket_name_ends(socket, pcb);
    socket_wake_readers(socket);
    socket_wake_writers(socket);
    return ERR_OK;
}

/* From a port that connections to elsewhere may have, too, unless the program has bound one. */
static err_t begin(struct tcp_pcb *pcb, const ip_addr_t *to, u16_t port)
{
    struct netif *netif = net_route((const struct ip_pcb *)pcb, to);
    const ip_addr_t *local = &pcb->local_ip;
    bool bound = pcb->local_port;

    if (netif && address_is_any(local))
        local = ip_netif_get_local_ip(netif, to);
    if (!netif || !local || ip_addr_isbroadcast(to, netif) || ip_addr_ismulticast(to))
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

static void remember(struct socket *socket)
{
    const struct tcp_pcb *pcb = socket->tcp.pcb;

    socket->tcp.before = (struct tcp_before){
        .local_ip = pcb->local_ip,
        .local_port = pcb->local_port,
        .so_options = pcb->so_options,
        .tos = pcb->tos,
        .ttl = pcb->ttl,
        .netif_idx = pcb->netif_idx,
        .keepalive = {pcb->keep_idle, pcb->keep_intvl, pcb->keep_cnt},
    };
}

static int restore(const struct tcp_before *before, struct tcp_pcb *pcb)
{
    pcb->so_options = before->so_options;
    pcb->tos = before->tos;
    pcb->ttl = before->ttl;
    pcb->netif_idx = before->netif_idx;
    pcb->keep_idle = before->keepalive.idle;
    pcb->keep_intvl = before->keepalive.interval;
    pcb->keep_cnt = before->keepalive.count;
    return before->local_port ? socket_errno(tcp_bind(pcb, &before->local_ip, before->local_port))
                              : 0;
}

/* As Linux has it: it may be connected again. @param before  what the program had set, if known. */
static int begin_anew(struct socket *socket, const struct tcp_before *before)
{
    tcp_socket_consume(socket, socket->tcp.received);
    socket->tcp.ended = socket->tcp.told = socket->read_shut = socket->write_shut = false;
    int error = socket->ops->open(socket);
    if (error)
        return error;
    socket->tcp.state = TCP_FRESH;
    return before ? restore(before, socket->tcp.pcb) : 0;
}

/* There is no connection. @return why. */
static int give_up(struct socket *socket)
{
    int error = socket_take_error(socket), anew = 0;

    if (socket->tcp.state != TCP_FRESH)
        anew = begin_anew(socket, socket->tcp.state == TCP_FAILED ? &socket->tcp.before : NULL);
    return error ? error : anew ? anew : -ECONNABORTED;
}

/* The connection, or what is to be one, is reset; the socket is as before it. */
static int disconnect(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state == TCP_FRESH)
        return 0;
    if (socket->tcp.state == TCP_LISTENING)
        return tcp_socket_shutdown(socket, SHUT_RDWR);
    tcp_socket_forget_held(socket);
    source_forget(&socket->tcp.source);
    socket->error = 0;
    if (pcb) {
        remember(socket);
        socket->tcp.before.local_port = 0; /* who chose it is not known */
        tcp_socket_let_go(socket);
        tcp_abort(pcb);
        socket->error = ECONNRESET;
    }
    socket_wake_readers(socket);
    socket_wake_writers(socket);
    return begin_anew(socket, pcb ? &socket->tcp.before : NULL);
}

int tcp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    uint64_t started_ns = 0;

    if (!ip)
        return disconnect(socket);
    switch (socket->tcp.state) {
    case TCP_CONNECTING:
        return -EALREADY;
    case TCP_CONNECTED:
    case TCP_DEAD:
        if (socket->tcp.told)
            return -EISCONN;
        break;
    case TCP_FAILED:
        break;
    case TCP_LISTENING:
        return -EISCONN;
    case TCP_FRESH:
        remember(socket);
        int error = begin_to_connect(socket, ip, port);
        if (error)
            return error;
        break;
    }
    while (socket->tcp.state == TCP_CONNECTING)
        if (socket_wait(socket, &socket->writers, socket->send_timeout_ns, 0, &started_ns))
            return -EINPROGRESS;
    if (socket->tcp.state != TCP_CONNECTED)
        return give_up(socket);
    socket->tcp.told = true;
    return 0;
}
