/* SPDX-License-Identifier: BSD-2-Clause */
/* What a TCP socket received. */
#include "tcp_socket.h"

#include <errno.h>

#define RECVED_MAX 0xffffu /* what tcp_recved() takes */

/* Data for a socket that has nobody any more: the peer shall know. */
static err_t refuse(struct socket *socket, struct tcp_pcb *pcb, struct pbuf *p)
{
    pbuf_free(p);
    tcp_abort(pcb); /* the socket is told of it, as of what lwIP gives up */
    socket->error = ECONNRESET;
    return ERR_ABRT;
}

err_t tcp_socket_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct socket *socket = arg;

    (void)error;
    if (!p) {
        socket->tcp.ended = true;
        if (pcb->state == CLOSING || pcb->state == TIME_WAIT)
            tcp_socket_let_go(socket);
    } else if (socket->read_shut && socket->write_shut) {
        return refuse(socket, pcb, p);
    } else {
        socket->tcp.received += p->tot_len;
        if (socket->tcp.last)
            socket->tcp.last->next = p;
        else
            socket->tcp.first = p;
        while (p->next)
            p = p->next;
        socket->tcp.last = p;
    }
    socket_wake_readers(socket);
    return ERR_OK;
}

void tcp_socket_consume(struct socket *socket, size_t n)
{
    socket->tcp.received -= n;
    for (size_t left = n; left && socket->tcp.pcb;) {
        size_t part = left < RECVED_MAX ? left : RECVED_MAX;
        tcp_recved(socket->tcp.pcb, (u16_t)part);
        left -= part;
    }
    n += socket->tcp.offset;
    while (socket->tcp.first && n >= socket->tcp.first->len) {
        struct pbuf *p = socket->tcp.first;
        n -= p->len;
        socket->tcp.first = p->next;
        if (!socket->tcp.first)
            socket->tcp.last = NULL;
        p->next = NULL; /* the chain is ours, packets' ends in it or not */
        pbuf_free(p);
    }
    socket->tcp.offset = n;
}

static size_t copy_received(const struct socket *socket, const struct msghdr *message, size_t done,
                            size_t max)
{
    size_t skip = socket->tcp.offset, n = 0;

    for (const struct pbuf *p = socket->tcp.first; p && done + n < max; p = p->next) {
        size_t part = p->len - skip;
        part = part < max - done - n ? part : max - done - n;
        vector_scatter(message->msg_iov, message->msg_iovlen, done + n,
                       (const char *)p->payload + skip, part);
        n += part;
        skip = 0;
    }
    return n;
}

/* MSG_TRUNC: the program does not want to have it. */
static size_t skip_received(const struct socket *socket, size_t max)
{
    return socket->tcp.received < max ? socket->tcp.received : max;
}

ssize_t tcp_socket_receive(struct socket *socket, struct msghdr *message, int flags,
                           ip_addr_t *from, u16_t *port)
{
    size_t done = 0, max = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen);
    size_t low = flags & MSG_WAITALL ? max : socket->low_water, enough = low < max ? low
                                                                         : max     ? max
                                                                                   : 1;
    uint64_t started_ns = 0;

    (void)from;
    (void)port;
    if (socket->tcp.state == TCP_FRESH || socket->tcp.state == TCP_LISTENING)
        return -ENOTCONN;
    while (done < enough) {
        if (socket->tcp.received) {
            size_t n = flags & MSG_TRUNC ? skip_received(socket, max - done)
                                         : copy_received(socket, message, done, max);
            done += n;
            if (flags & MSG_PEEK || !max)
                break;
            tcp_socket_consume(socket, n);
            continue;
        }
        if (socket->tcp.ended)
            break;
        if (socket->error)
            return done ? (ssize_t)done : socket_take_error(socket);
        if (socket->read_shut || socket->tcp.state == TCP_DEAD || socket->tcp.state == TCP_FAILED)
            break;
        int error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, flags, &started_ns);
        if (error)
            return done ? (ssize_t)done : error;
    }
    return (ssize_t)done;
}
