/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP sockets. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "bulk.h"
#include "memory.h"
#include "net.h"
#include "socket.h"

#define OVERSIZE_FEW 255 /* bytes: room for a little more behind what is written */
#define MEMORY_RETRY_NS                                                                            \
    50000000u /* when there is no memory, and no acknowledgement will free some */
#define QUEUED_WINDOWS 3
#define HELD_FLIGHTS   2 /* segments in flight: another follows soon, or an acknowledgement */
#define QUEUED_MIN     16384
#define RECVED_MAX     0xffffu /* what tcp_recved() takes */

unsigned net_more_oversize = OVERSIZE_FEW;

/* What lwIP tells. All of these are called in the network thread, or in a call of a program's. */

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct socket *socket = arg;

    (void)pcb;
    (void)error;
    if (!p) {
        socket->tcp.ended = true;
    } else if (socket->read_shut) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
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

/*
 * Bytes that may be queued in all: a few windows, so that the next one is there when this one is
 * acknowledged. More would only be cut into segments now that are smaller than they could be later
 * (tso.c), and take memory from others.
 */
static size_t queue_limit(const struct tcp_pcb *pcb)
{
    size_t limit = QUEUED_WINDOWS * (size_t)pcb->cwnd;

    limit = limit > QUEUED_MIN ? limit : QUEUED_MIN;
    return limit < TCP_SND_BUF ? limit : TCP_SND_BUF;
}

/* Bytes that may be written now. (tcp_sndbuf() tells of 64 KiB at most.) */
static size_t room_of(const struct tcp_pcb *pcb)
{
    size_t limit = queue_limit(pcb), queued = TCP_SND_BUF - pcb->snd_buf;

    if (tcp_sndqueuelen(pcb) >= TCP_SND_QUEUELEN - 2 || queued >= limit)
        return 0;
    return limit - queued;
}

/* Is there so much room that it is worth waking a writer? */
static bool room_to_send(const struct tcp_pcb *pcb)
{
    return room_of(pcb) > queue_limit(pcb) / 3 && tcp_sndqueuelen(pcb) < TCP_SNDQUEUELOWAT;
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)len;
    if (room_to_send(pcb))
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
    tcp_recv(pcb, received);
    tcp_sent(pcb, sent);
    tcp_err(pcb, failed);
    /* lwIP's Nagle would wait for a segment that is full by its own, larger measure: see push(). */
    tcp_nagle_disable(pcb);
}

static void detach(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
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
    socket->receive_timeout_ns = listener->receive_timeout_ns;
    socket->send_timeout_ns = listener->send_timeout_ns;
    socket->tcp.nodelay = listener->tcp.nodelay;
    pcb->keep_idle = listener->tcp.keepalive.idle;
    pcb->keep_intvl = listener->tcp.keepalive.interval;
    pcb->keep_cnt = listener->tcp.keepalive.count;
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

static int take_error(struct socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

/* There was no address to connect from, and now there is, or there is none. */
static void look_for_source(struct source_waiter *waiter)
{
    struct socket *socket = CONTAINER_OF(waiter, struct socket, tcp.source);
    struct tcp_pcb *pcb = socket->tcp.pcb;
    err_t result = tcp_connect(pcb, &pcb->remote_ip, pcb->remote_port, connected);

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
        err_t result = tcp_connect(pcb, to, port, connected);
        if (result != ERR_OK)
            return socket_errno(result);
    }
    socket->tcp.state = TCP_CONNECTING;
    return 0;
}

static int tcp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port)
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
        return socket->error ? take_error(socket) : -ECONNABORTED;
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
    return socket->tcp.state == TCP_CONNECTED ? 0 : take_error(socket);
}

/* While much is being written, only segments go out that are as large as they get: that is lwIP's
 * Nagle. */
static void fill_segments(const struct socket *socket, bool fill)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state != TCP_CONNECTED || !pcb)
        return;
    if (fill)
        tcp_nagle_enable(pcb);
    else
        tcp_nagle_disable(pcb);
}

/*
 * Where much is in flight already, the end of what a program writes in bulk waits until the program
 * does: what it writes next may make a large segment of it. Then the network thread sends it.
 */
static struct socket *held;

static bool may_hold(const struct socket *socket)
{
    const struct tcp_pcb *pcb = socket->tcp.pcb;

    return socket->tcp.state == TCP_CONNECTED && pcb && !socket->tcp.nodelay &&
           pcb->snd_nxt - pcb->lastack >= HELD_FLIGHTS * (u32_t)pcb->mss;
}

void tcp_socket_send_held(void)
{
    struct socket *socket = held;

    held = NULL;
    if (socket && socket->tcp.state == TCP_CONNECTED && socket->tcp.pcb)
        tcp_output(socket->tcp.pcb);
}

static void hold(struct socket *socket)
{
    if (held && held != socket)
        tcp_socket_send_held();
    held = socket;
    net_kick();
}

/*
 * Send what is worth it. Nagle's rule: a segment that is not full waits while data is in flight.
 * (It waits until the next acknowledgement of any of it, at most: lwIP then sends what there is.)
 */
static void push(struct socket *socket, int flags)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state != TCP_CONNECTED || !pcb || !pcb->unsent)
        return;
    const struct tcp_seg *next = pcb->unsent;
    bool full = next->next || next->len >= tso_real_size(pcb);
    bool hold = socket->tcp.cork || flags & MSG_MORE;
    if (full || (!hold && (socket->tcp.nodelay || !pcb->unacked)))
        tcp_output(pcb);
}

/* @return 0 when data can be written now, or why not. */
static int may_send(struct socket *socket, int flags, uint64_t *started_ns)
{
    for (;;) {
        if (socket->error)
            return take_error(socket);
        if (socket->tcp.state == TCP_FRESH || socket->tcp.state == TCP_LISTENING)
            return -ENOTCONN;
        if (socket->tcp.state == TCP_DEAD || socket->write_shut)
            return -EPIPE;
        if (socket->tcp.state == TCP_CONNECTED && room_of(socket->tcp.pcb))
            return 0;
        if (socket->tcp.state == TCP_CONNECTED)
            tcp_output(socket->tcp.pcb);
        int error =
            socket_wait(socket, &socket->writers, socket->send_timeout_ns, flags, started_ns);
        if (error)
            return error;
    }
}

/* No memory: what is in flight will free some when it is acknowledged, or somebody else does. */
static int wait_for_memory(struct socket *socket, int flags)
{
    if (file_nonblocking(&socket->file) || flags & MSG_DONTWAIT) {
        /* poll() says that there is room, so the program may ask again and again: the network must
         * run in between, or no acknowledgement ever frees any memory. */
        net_leave();
        thread_yield();
        return -EAGAIN;
    }
    tcp_output(socket->tcp.pcb);
    net_leave();
    thread_wait(&socket->writers, clock_monotonic() + MEMORY_RETRY_NS);
    return 0;
}

/* Copy up to n bytes to the end of what is to be sent. @return how many, or -errno. */
static ssize_t write_some(struct socket *socket, const char *from, size_t n, bool bulk, bool last)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;
    size_t room = room_of(pcb);

    n = n < room ? n : room;
    if (bulk)
        return bulk_write(pcb, from, n);
    net_more_oversize = OVERSIZE_FEW;
    err_t result =
        tcp_write(pcb, from, (u16_t)n,
                  last ? TCP_WRITE_FLAG_COPY : TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
    return result == ERR_OK ? (ssize_t)n : socket_errno(result);
}

static ssize_t tcp_socket_send(struct socket *socket, const struct msghdr *message, int flags,
                               const ip_addr_t *to, u16_t port)
{
    size_t total = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen), done = 0;
    bool bulk = total >= BULK_MIN;
    uint64_t started_ns = 0;
    int error = 0;

    (void)to;
    (void)port;
    if (held == socket)
        held = NULL;
    for (size_t i = 0; i < message->msg_iovlen && !error; i++) {
        const struct iovec *iov = &message->msg_iov[i];
        for (size_t at = 0; at < iov->iov_len;) {
            error = may_send(socket, flags, &started_ns);
            if (error)
                break;
            tso_grow(socket->tcp.pcb);
            fill_segments(socket, bulk);
            size_t left = iov->iov_len - at;
            ssize_t n = write_some(socket, (const char *)iov->iov_base + at, left, bulk,
                                   done + left == total);
            if (n == -ENOBUFS) {
                error = wait_for_memory(socket, flags);
                if (error)
                    break;
                continue;
            }
            if (n < 0) {
                error = (int)n;
                break;
            }
            at += (size_t)n;
            done += (size_t)n;
            if (bulk && done == total)
                bulk_end(socket->tcp.pcb);
            if (socket->tcp.pcb->unsent && socket->tcp.pcb->unsent->next)
                tcp_output(socket->tcp.pcb);
        }
    }
    bool holds = bulk && !error && may_hold(socket);
    fill_segments(socket, holds);
    push(socket, flags);
    fill_segments(socket, false);
    if (holds)
        hold(socket);
    return done ? (ssize_t)done : error;
}

/* The first `n` bytes that wait are read. */
static void consume(struct socket *socket, size_t n)
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

static ssize_t tcp_socket_receive(struct socket *socket, struct msghdr *message, int flags,
                                  ip_addr_t *from, u16_t *port)
{
    size_t done = 0, max = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen);
    uint64_t started_ns = 0;

    (void)from;
    (void)port;
    if (socket->tcp.state == TCP_FRESH || socket->tcp.state == TCP_LISTENING)
        return -ENOTCONN;
    while (done < max) {
        if (socket->tcp.received) {
            size_t n = copy_received(socket, message, done, max);
            done += n;
            if (flags & MSG_PEEK)
                break;
            consume(socket, n);
            if (!(flags & MSG_WAITALL))
                break;
            continue;
        }
        if (done && !(flags & MSG_WAITALL))
            break;
        if (socket->error)
            return done ? (ssize_t)done : take_error(socket);
        if (socket->tcp.ended || socket->read_shut || socket->tcp.state == TCP_DEAD)
            break;
        int error =
            socket_wait(socket, &socket->readers, socket->receive_timeout_ns, flags, &started_ns);
        if (error)
            return done ? (ssize_t)done : error;
    }
    return (ssize_t)done;
}

static int tcp_socket_shutdown(struct socket *socket, int how)
{
    if (socket->tcp.state != TCP_CONNECTED)
        return -ENOTCONN;
    if (how != SHUT_WR && !socket->read_shut) {
        socket->read_shut = true;
        consume(socket, socket->tcp.received);
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
    if (socket->tcp.received || socket->tcp.ended || socket->read_shut)
        events |= POLLIN | POLLRDNORM;
    if (socket->tcp.ended || socket->read_shut)
        events |= POLLRDHUP;
    if (socket->tcp.ended && socket->write_shut)
        events |= POLLHUP;
    if (socket->write_shut || room_to_send(socket->tcp.pcb))
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

/* What is not sent yet is sent, and the end after it, by lwIP alone. */
static void tcp_socket_close(struct socket *socket)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (held == socket)
        held = NULL;
    while (socket->tcp.state == TCP_LISTENING && socket->tcp.accepted) {
        struct socket *never = socket->tcp.accepted;
        socket->tcp.accepted = never->tcp.accepted_next;
        never->tcp.linger_reset = true;
        file_release(&never->file);
    }
    socket->tcp.pcb = NULL;
    bool unread = socket->tcp.received;
    consume(socket, socket->tcp.received);
    if (!pcb)
        return;
    if (socket->tcp.state == TCP_LISTENING) {
        tcp_arg(pcb, NULL);
        tcp_accept(pcb, NULL);
        tcp_close(pcb);
        return;
    }
    source_forget(&socket->tcp.source);
    detach(pcb);
    if (socket->tcp.linger_reset || unread || tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

const struct socket_ops tcp_socket_ops = {
    .open = tcp_socket_open,
    .bind = tcp_socket_bind,
    .connect = tcp_socket_connect,
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
