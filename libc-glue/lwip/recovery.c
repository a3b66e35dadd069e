/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lost segments (RFC 6582, 6675). What is missing before something that the peer has is a hole:
 * selective acknowledgements tell of all, and of a peer without them, each acknowledgement that
 * comes again is taken for one segment more behind the first. When enough is behind a hole, or all
 * that is in flight (RFC 5827), it is lost. Then the window is halved once, until all is
 * acknowledged that was sent before; and holes are filled in their order, segments cut to the
 * network's size, as far as the window allows: what is lost is not in flight any more. What fills
 * them may be lost, too, as what was sent behind it shows.
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

static u32_t first_byte(const struct tcp_seg *segment)
{
    return lwip_ntohl(segment->tcphdr->seqno);
}

/* The link in the queue to the packet that has this byte, a segment of its own then. NULL: it is
 * there no more, or there is no memory. */
static struct tcp_seg **find_packet(struct tcp_pcb *pcb, u32_t sequence)
{
    struct tcp_seg **at = &pcb->unacked;

    if (!*at || !cut_acked(pcb, at))
        return NULL;
    while (*at && sequence - first_byte(*at) >= TCP_TCPLEN(*at))
        at = &(*at)->next;
    if (!*at)
        return NULL;
    u32_t before = sequence - first_byte(*at);
    before -= before % pcb->mss;
    if (before && before < (*at)->len) {
        if (!cut_segment(pcb, *at, (u16_t)before))
            return NULL;
        at = &(*at)->next;
    }
    return (*at)->len <= pcb->mss || cut_segment(pcb, *at, pcb->mss) ? at : NULL;
}

bool recovery_resend(struct tcp_pcb *pcb, u32_t sequence)
{
    struct tcp_seg **at = find_packet(pcb, sequence), *packet = at ? *at : NULL;

    if (!packet || packet->p->ref != 1)
        return false; /* the backend has it yet */
    *at = packet->next;
    for (at = &pcb->unsent; *at && TCP_SEQ_LT(first_byte(*at), first_byte(packet));)
        at = &(*at)->next;
    packet->next = *at;
    *at = packet;
    if (!packet->next)
        pcb->unsent_oversize = 0;
    timeout_forget(pcb);
    return true;
}

/* Has the peer so much beyond a hole that what is missing must be lost? */
static bool is_lost(const struct tcp_pcb *pcb, u32_t hole)
{
    u32_t highest = connection_of(pcb)->highest;

    return highest - hole > HOLE_MAX * (u32_t)pcb->mss || highest == pcb->snd_nxt;
}

/* What was sent behind all that the peer has, and what was sent again. */
static u32_t on_its_way(const struct tcp_pcb *pcb)
{
    const struct connection *connection = connection_of(pcb);
    const struct scoreboard_range again = {pcb->lastack, connection->resent};

    return pcb->snd_nxt - connection->highest + scoreboard_lacks(connection->board, again);
}

/* The first hole that was not filled: behind the first, those alone that are known to be lost. */
static bool find_hole(const struct tcp_pcb *pcb, u32_t *hole)
{
    const struct connection *connection = connection_of(pcb);

    *hole = pcb->lastack;
    if (TCP_SEQ_LEQ(connection->resent, *hole))
        return true;
    *hole = connection->resent;
    return scoreboard_hole(connection->board, hole) && is_lost(pcb, *hole);
}

/* Fill holes, as far as the window allows; and one in any case, when more was acknowledged. */
static void fill(struct tcp_pcb *pcb, bool more)
{
    struct connection *connection = connection_of(pcb);
    u32_t hole;

    while ((more || on_its_way(pcb) + pcb->mss <= pcb->ssthresh) && find_hole(pcb, &hole) &&
           recovery_resend(pcb, hole)) {
        connection->resent = hole + pcb->mss;
        connection->resent_at = pcb->snd_nxt;
        more = false;
    }
    pcb->cwnd = pcb->ssthresh + window_in_flight(pcb) - on_its_way(pcb);
}

static void recover(struct tcp_pcb *pcb)
{
    u32_t sent = window_in_flight(pcb);
    struct connection *connection = connection_of(pcb);

    connection->resent = pcb->lastack;
    if (!recovery_resend(pcb, pcb->lastack))
        return;
    connection->resent = pcb->lastack + pcb->mss;
    connection->resent_at = pcb->snd_nxt;
    connection->recovering = true;
    connection->recover = pcb->snd_nxt;
    pcb->ssthresh = half(pcb, sent < pcb->cwnd ? sent : pcb->cwnd);
    pcb->bytes_acked = 0;
    pcb->rtime = 0;
    fill(pcb, false);
}

/* All is there that was sent when the recovery began. */
static void recovered(struct tcp_pcb *pcb)
{
    u32_t sent = window_in_flight(pcb);
    u32_t least = (sent > pcb->mss ? sent : pcb->mss) + pcb->mss;

    connection_of(pcb)->recovering = false;
    pcb->cwnd = least < pcb->ssthresh ? least : pcb->ssthresh; /* or there would be a burst */
}

bool recovery_has(const struct tcp_pcb *pcb, const struct scoreboard_range *ranges, unsigned n,
                  bool repeats)
{
    struct connection *connection = connection_of(pcb);
    bool more = false;

    scoreboard_acked(&connection->board, pcb->lastack);
    if (TCP_SEQ_LT(connection->highest, pcb->lastack))
        connection->highest = pcb->lastack;
    u32_t highest = connection->highest;
    for (; n; n--, ranges++) {
        if (TCP_SEQ_LEQ(ranges->from, pcb->lastack) || TCP_SEQ_LEQ(ranges->to, ranges->from) ||
            TCP_SEQ_GT(ranges->to, pcb->snd_nxt))
            continue;
        more |= scoreboard_add(&connection->board, *ranges);
        highest = TCP_SEQ_GT(ranges->to, highest) ? ranges->to : highest;
    }
    if (repeats && !(pcb->flags & TF_SACK)) {
        highest += highest != pcb->lastack ? pcb->mss : 2 * (u32_t)pcb->mss;
        highest = TCP_SEQ_LT(highest, pcb->snd_nxt) ? highest : pcb->snd_nxt;
    }
    more |= highest != connection->highest;
    connection->highest = highest;
    return more;
}

bool recovery_acked(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection->recovering)
        return false;
    if (TCP_SEQ_GEQ(pcb->lastack, connection->recover))
        recovered(pcb);
    else
        fill(pcb, true);
    return true;
}

/* The peer has what was sent behind all that filled holes: where there are any yet, that was lost,
 * too, and they are filled from the first on. */
static bool is_lost_again(const struct tcp_pcb *pcb)
{
    const struct connection *connection = connection_of(pcb);

    return TCP_SEQ_GT(connection->highest, connection->resent_at + HOLE_MAX * (u32_t)pcb->mss);
}

void recovery_repeated(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection->recovering) {
        if (!(pcb->flags & TF_RTO) && is_lost(pcb, pcb->lastack))
            recover(pcb);
        return;
    }
    bool again = is_lost_again(pcb);
    if (again) {
        connection->resent = pcb->lastack;
        pcb->ssthresh = half(pcb, pcb->ssthresh);
    }
    fill(pcb, again);
}

void net_rexmit_rto_commit(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    pcb->ssthresh = TCP_SND_BUF;
    if (connection) {
        if (pcb->state >= ESTABLISHED)
            pcb->ssthresh = half(pcb, on_its_way(pcb));
        connection->recovering = false;
        connection->highest = pcb->lastack;
        scoreboard_forget(&connection->board);
    }
    timeout_forget(pcb);
    window_fit(pcb);
    tcp_rexmit_rto_commit(pcb);
}
