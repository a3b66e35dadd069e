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
        tcp_socket_let_go_when_over(socket);
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

static bool is_unconnected(const struct socket *socket)
{
    return socket->tcp.state == TCP_FRESH || socket->tcp.state == TCP_LISTENING;
}

static bool is_over(const struct socket *socket)
{
    return socket->tcp.state == TCP_DEAD || socket->tcp.state == TCP_FAILED;
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
    while (done < enough) {
        if (socket->tcp.received) {
            size_t left = max - done, n = socket->tcp.received < left ? socket->tcp.received : left;
            if (!(flags & MSG_TRUNC)) /* or the program does not want to have it */
                message_scatter(message, done, socket->tcp.first, socket->tcp.offset, n);
            done += n;
            if (max && !(flags & MSG_PEEK)) {
                tcp_socket_consume(socket, n);
                continue;
            }
            if (!max || done >= enough)
                break;
        }
        if (socket->tcp.ended || (done && socket->error))
            break;
        int error = socket_take_error(socket);
        if (!error && (socket->read_shut || is_over(socket)))
            break;
        if (!error)
            error = is_unconnected(socket)
                        ? -ENOTCONN
                        : socket_wait(socket, &socket->readers, socket->receive_timeout_ns, flags,
                                      &started_ns);
        if (error)
            return done ? (ssize_t)done : error;
        if (flags & MSG_PEEK)
            done = 0; /* it is looked at again, with what follows */
    }
    return (ssize_t)done;
}
