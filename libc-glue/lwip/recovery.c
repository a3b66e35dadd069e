/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lost segments: NewReno (RFC 6582), by what the peer has beyond a hole. Selective acknowledgements
 * tell up to where that is; of a peer without them, each acknowledgement that comes again is taken
 * for one segment more. When that is far enough from the hole (RFC 6675), or all that is in flight
 * (RFC 5827), the first segment is lost. It alone is sent again, cut to the network's size; and
 * until all is acknowledged that was sent when the recovery began, each new acknowledgement has the
 * next hole filled. The window is halved once; what is not in flight any more goes out of it.
 */
#include "window.h"

#include "lwip/priv/tcp_priv.h"

#include "connections.h"
#include "net_hooks.h"

#define HOLE_MAX 3 /* segments: what is further behind has not only been overtaken */

/* RFC 5681, (4). */
static tcpwnd_size_t half(const struct tcp_pcb *pcb, u32_t sent)
{
    u32_t least = 2 * (u32_t)pcb->mss;

    return sent / 2 > least ? sent / 2 : least;
}

static bool resend_first(struct tcp_pcb *pcb)
{
    struct tcp_seg *first = pcb->unacked;

    if (!first || !cut_acked(pcb, &pcb->unacked))
        return false;
    first = pcb->unacked;
    if (first->len > pcb->mss && !cut_segment(pcb, first, pcb->mss))
        return false;
    timeout_forget(pcb);
    return tcp_rexmit(pcb) == ERR_OK;
}

/* Has the peer so much beyond a hole that what is missing must be lost? */
static bool is_lost(const struct tcp_pcb *pcb, u32_t beyond)
{
    return beyond > HOLE_MAX * (u32_t)pcb->mss || beyond == window_in_flight(pcb);
}

static void recover(struct tcp_pcb *pcb, u32_t beyond)
{
    tcpwnd_size_t sent = window_in_flight(pcb);
    tcpwnd_size_t threshold = half(pcb, sent < pcb->cwnd ? sent : pcb->cwnd);
    struct connection *connection = connection_of(pcb);

    if (!resend_first(pcb))
        return;
    connection->recovering = true;
    connection->recover = pcb->snd_nxt;
    pcb->ssthresh = threshold;
    pcb->cwnd = threshold + beyond;
    pcb->bytes_acked = 0;
    pcb->rtime = 0;
}

/* All is there that was sent when the recovery began. */
static void recovered(struct tcp_pcb *pcb)
{
    u32_t sent = window_in_flight(pcb);
    u32_t least = (sent > pcb->mss ? sent : pcb->mss) + pcb->mss;

    connection_of(pcb)->recovering = false;
    pcb->cwnd = least < pcb->ssthresh ? least : pcb->ssthresh; /* or there would be a burst */
}

/* Bytes from what is acknowledged to the highest that the peer has. */
static u32_t beyond_hole(const struct tcp_pcb *pcb)
{
    return connection_of(pcb)->highest - pcb->lastack;
}

bool recovery_has(const struct tcp_pcb *pcb, u32_t highest, bool repeats)
{
    struct connection *connection = connection_of(pcb);

    if (TCP_SEQ_LT(connection->highest, pcb->lastack))
        connection->highest = pcb->lastack;
    if (repeats && !(pcb->flags & TF_SACK)) {
        bool again = connection->highest != pcb->lastack;
        highest = connection->highest + (again ? pcb->mss : 2 * (u32_t)pcb->mss);
        highest = TCP_SEQ_LT(highest, pcb->snd_nxt) ? highest : pcb->snd_nxt;
    }
    if (TCP_SEQ_LEQ(highest, connection->highest) || TCP_SEQ_GT(highest, pcb->snd_nxt))
        return false;
    connection->highest = highest;
    return true;
}

bool recovery_acked(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection->recovering)
        return false;
    if (TCP_SEQ_GEQ(pcb->lastack, connection->recover)) {
        recovered(pcb);
        return true;
    }
    pcb->cwnd = pcb->ssthresh + beyond_hole(pcb);
    resend_first(pcb);
    return true;
}

void recovery_repeated(struct tcp_pcb *pcb)
{
    u32_t beyond = beyond_hole(pcb);

    if (connection_of(pcb)->recovering)
        pcb->cwnd = pcb->ssthresh + beyond;
    else if (!(pcb->flags & TF_RTO) && is_lost(pcb, beyond))
        recover(pcb, beyond);
}

void net_rexmit_rto_commit(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (connection) {
        connection->recovering = false;
        connection->highest = pcb->lastack;
    }
    timeout_forget(pcb);
    pcb->ssthresh = pcb->state >= ESTABLISHED ? half(pcb, window_in_flight(pcb)) : TCP_SND_BUF;
    window_fit(pcb);
    tcp_rexmit_rto_commit(pcb);
}
