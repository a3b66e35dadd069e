/* SPDX-License-Identifier: BSD-2-Clause */
/* What a TCP socket sends. */
#include "tcp_socket.h"

#include <errno.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "bulk.h"
#include "net.h"
#include "net_hooks.h"
#include "window.h"

#define OVERSIZE_FEW 255 /* bytes: room for a little more behind what is written */
#define MEMORY_RETRY_NS                                                                            \
    50000000u /* when there is no memory, and no acknowledgement will free some */
#define QUEUED_WINDOWS 3
#define HELD_FLIGHTS   2 /* segments in flight: another follows soon, or an acknowledgement */
#define QUEUED_MIN     16384

unsigned net_more_oversize = OVERSIZE_FEW;

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

bool tcp_socket_has_room(const struct tcp_pcb *pcb)
{
    return room_of(pcb) > queue_limit(pcb) / 3 && tcp_sndqueuelen(pcb) < TCP_SNDQUEUELOWAT;
}

/* While much is being written, only segments go out that are as large as they get: that is lwIP's
 * Nagle. */
static void fill_segments(struct tcp_pcb *pcb, bool fill)
{
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

    return !socket->tcp.nodelay && window_in_flight(pcb) >= HELD_FLIGHTS * (u32_t)pcb->mss;
}

void tcp_socket_send_held(void)
{
    struct socket *socket = held;

    held = NULL;
    if (socket && socket->tcp.state == TCP_CONNECTED && socket->tcp.pcb)
        net_output(socket->tcp.pcb);
}

void tcp_socket_forget_held(const struct socket *socket)
{
    if (held == socket)
        held = NULL;
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
    const struct tcp_seg *next = pcb->unsent;

    if (!next)
        return;
    bool full = next->next || next->len >= tso_real_size(pcb);
    bool hold = socket->tcp.cork || flags & MSG_MORE;
    if (full || (!hold && (socket->tcp.nodelay || !pcb->unacked)))
        net_output(pcb);
}

/* @return 0 when data can be written now, or why not. */
static int may_send(struct socket *socket, int flags, uint64_t *started_ns)
{
    for (;;) {
        if (socket->error)
            return -socket->error;
        if ((socket->tcp.state != TCP_CONNECTED && socket->tcp.state != TCP_CONNECTING) ||
            socket->write_shut)
            return -EPIPE;
        if (socket->tcp.state == TCP_CONNECTED && room_of(socket->tcp.pcb))
            return 0;
        if (socket->tcp.state == TCP_CONNECTED)
            net_output(socket->tcp.pcb);
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
    net_output(socket->tcp.pcb);
    net_leave();
    thread_wait(&socket->writers, clock_monotonic() + MEMORY_RETRY_NS);
    return 0;
}

/* Copy up to n bytes to the end of what is to be sent. @return how many, or -errno. */
static ssize_t copy_some(struct tcp_pcb *pcb, const char *from, size_t n, bool bulk, bool last)
{
    if (bulk)
        return bulk_write(pcb, from, n);
    net_more_oversize = OVERSIZE_FEW;
    err_t result =
        tcp_write(pcb, from, (u16_t)n,
                  last ? TCP_WRITE_FLAG_COPY : TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
    return result == ERR_OK ? (ssize_t)n : socket_errno(result);
}

/* The same, as far as there is room; segments that are full go out. */
static ssize_t write_some(struct socket *socket, const char *from, size_t n, bool bulk, bool last)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;
    size_t room = room_of(pcb);

    fill_segments(pcb, bulk);
    tso_begin(pcb, n);
    ssize_t done = copy_some(pcb, from, n < room ? n : room, bulk, last);
    if (done == (ssize_t)n && bulk && last)
        bulk_end(pcb);
    if (done > 0 && pcb->unsent && pcb->unsent->next)
        net_output(pcb);
    tso_end(pcb);
    return done;
}

/* All is written, or no more can be. */
static void end_writing(struct socket *socket, size_t n, bool bulk, int flags)
{
    struct tcp_pcb *pcb = socket->tcp.pcb;

    if (socket->tcp.state != TCP_CONNECTED || !pcb)
        return;
    tso_begin(pcb, n);
    bool holds = bulk && may_hold(socket);
    fill_segments(pcb, holds);
    push(socket, flags);
    tso_end(pcb);
    fill_segments(pcb, false);
    if (holds)
        hold(socket);
}

ssize_t tcp_socket_send(struct socket *socket, const struct msghdr *message, int flags,
                        const ip_addr_t *to, u16_t port, const struct control *control)
{
    size_t total = (size_t)file_iov_bytes(message->msg_iov, (int)message->msg_iovlen), done = 0;
    bool bulk = total >= BULK_MIN;
    uint64_t started_ns = 0;
    int error = 0;

    (void)to;
    (void)port;
    (void)control;
    tcp_socket_forget_held(socket);
    for (size_t i = 0; i < message->msg_iovlen && !error; i++) {
        const struct iovec *iov = &message->msg_iov[i];
        for (size_t at = 0; at < iov->iov_len;) {
            error = may_send(socket, flags, &started_ns);
            if (error)
                break;
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
        }
    }
    end_writing(socket, total, bulk && !error, flags);
    if (done)
        return (ssize_t)done; /* an error is the next call's */
    return socket->error ? socket_take_error(socket) : error;
}
