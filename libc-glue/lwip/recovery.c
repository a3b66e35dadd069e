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

#define HOLE_MAX    3  /* segments: what is further behind has not only been overtaken */
#define RESENDS_MAX 64 /* packets for an acknowledgement: a peer may ask for the smallest */

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

/* Have a packet begin with this byte, or where one began that has it. @return the link in the
 * queue to it; NULL: it is there no more, or there is no memory. */
static struct tcp_seg **cut_packet(struct tcp_pcb *pcb, u32_t sequence)
{
    struct tcp_seg **at = &pcb->unacked;

    if (!*at || !cut_acked(pcb, at))
        return NULL;
    while (*at && sequence - first_byte(*at) >= TCP_TCPLEN(*at))
        at = &(*at)->next;
    if (!*at)
        return NULL;
    u32_t before = sequence - first_byte(*at);
    if (before && before < (*at)->len) {
        if (!cut_segment(pcb, *at, (u16_t)before))
            return NULL;
        at = &(*at)->next;
    }
    u32_t most = pcb->mss - LWIP_TCP_OPT_LENGTH((*at)->flags);
    return (*at)->len <= most || cut_segment(pcb, *at, (u16_t)most) ? at : NULL;
}

static void insert(struct tcp_seg **at, struct tcp_seg *packet)
{
    while (*at && TCP_SEQ_LT(first_byte(*at), first_byte(packet)))
        at = &(*at)->next;
    packet->next = *at;
    *at = packet;
}

/* Have the packet sent again that begins with this byte. @param end  the byte behind its last.
 * @return false: it is not to be had now. */
static bool resend(struct tcp_pcb *pcb, u32_t sequence, u32_t *end)
{
    struct tcp_seg **at = cut_packet(pcb, sequence), *packet = at ? *at : NULL;

    if (!packet || packet->p->ref != 1)
        return false; /* the backend still has it */
    *at = packet->next;
    insert(&pcb->unsent, packet);
    if (!packet->next)
        pcb->unsent_oversize = 0;
    timeout_forget(pcb);
    *end = first_byte(packet) + TCP_TCPLEN(packet);
    return true;
}

bool recovery_resend_last(struct tcp_pcb *pcb)
{
    struct tcp_seg *last = pcb->unacked;
    u32_t sequence, end;

    while (last && last->next)
        last = last->next;
    if (!last)
        return false;
    u32_t most = pcb->mss - LWIP_TCP_OPT_LENGTH(last->flags), len = last->len ? last->len : 1;
    sequence = first_byte(last) + (len - 1) / most * most;
    if (!resend(pcb, sequence, &end))
        return false;
    if (pcb->cwnd < window_in_flight(pcb))
        pcb->cwnd = window_in_flight(pcb); /* or it could not be sent */
    if (!connection_of(pcb)->recovering) {
        connection_of(pcb)->asks = true;
        connection_of(pcb)->recover = pcb->snd_nxt;
    }
    return true;
}

void recovery_sent(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection || pcb->flags & TF_RTO || pcb->persist_backoff ||
        !(connection->recovering || connection->probed))
        return;
    for (struct tcp_seg *packet; (packet = pcb->unsent);) {
        if (TCP_SEQ_GT(first_byte(packet) + TCP_TCPLEN(packet), pcb->snd_nxt))
            return;
        pcb->unsent = packet->next;
        if (!pcb->unsent)
            pcb->unsent_oversize = 0;
        insert(&pcb->unacked, packet);
        connection->asks = false;
        if (TCP_SEQ_LT(first_byte(packet), connection->resent))
            connection->resent = first_byte(packet);
    }
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
    const struct scoreboard_range filled = {pcb->lastack, connection->resent};
    u32_t behind = pcb->snd_nxt - connection->highest;

    return connection->recovering ? behind + scoreboard_lacks(connection->board, filled) : behind;
}

/* The first hole that was not filled and is lost. A peer that does not tell of holes has another
 * before what is not acknowledged yet. */
static bool find_hole(const struct tcp_pcb *pcb, u32_t *hole)
{
    const struct connection *connection = connection_of(pcb);

    *hole = pcb->lastack;
    if (TCP_SEQ_LEQ(connection->resent, *hole))
        return !(pcb->flags & TF_SACK) || is_lost(pcb, *hole);
    *hole = connection->resent;
    return scoreboard_hole(connection->board, hole) && is_lost(pcb, *hole);
}

bool recovery_waits(const struct tcp_pcb *pcb)
{
    const struct connection *connection = connection_of(pcb);

    return connection->recovering && TCP_SEQ_GT(connection->resent, pcb->lastack);
}

/* Fill holes, as far as the window allows. @param first  one in any case. */
static void fill(struct tcp_pcb *pcb, bool first)
{
    struct connection *connection = connection_of(pcb);
    u32_t hole;

    for (unsigned n = 0; n < RESENDS_MAX; n++, first = false) {
        if (!first && on_its_way(pcb) + pcb->mss > pcb->ssthresh)
            break;
        if (!find_hole(pcb, &hole) || !resend(pcb, hole, &connection->resent))
            break;
        connection->resent_at = pcb->snd_nxt;
    }
    pcb->cwnd = pcb->ssthresh + window_in_flight(pcb) - on_its_way(pcb);
}

static void recover(struct tcp_pcb *pcb)
{
    u32_t sent = window_in_flight(pcb);
    struct connection *connection = connection_of(pcb);

    if (!resend(pcb, pcb->lastack, &connection->resent))
        return;
    connection->resent_at = pcb->snd_nxt;
    connection->recovering = true;
    connection->asks = false;
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
    if (connection->asks && TCP_SEQ_GEQ(pcb->lastack, connection->recover) &&
        (n ? TCP_SEQ_LT(ranges->from, pcb->lastack) : repeats)) {
        connection->asks = false; /* nothing was lost: the question came too early */
        connection->trip_ns *= 2;
    }
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

    if (connection->asks && TCP_SEQ_GT(pcb->lastack, connection->recover)) {
        connection->asks = false;
        pcb->cwnd = pcb->ssthresh = half(pcb, pcb->cwnd);
        return true;
    }
    if (!connection->recovering)
        return false;
    if (TCP_SEQ_GEQ(pcb->lastack, connection->recover))
        recovered(pcb);
    else
        fill(pcb, true);
    return true;
}

/* The peer has what was sent behind all that filled holes: where there still are some, that was
 * lost, too, and they are filled from the first on. */
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
        connection->resent_at = pcb->snd_nxt;
        pcb->ssthresh = half(pcb, pcb->ssthresh);
    }
    fill(pcb, again);
}

void recovery_forget(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);

    if (!connection)
        return;
    connection->recovering = connection->asks = false;
    connection->highest = pcb->lastack;
    scoreboard_forget(&connection->board);
}

void net_rexmit_rto_commit(struct tcp_pcb *pcb)
{
    bool is_open = pcb->state >= ESTABLISHED && connection_of(pcb);

    pcb->ssthresh = is_open ? half(pcb, on_its_way(pcb)) : TCP_SND_BUF;
    recovery_forget(pcb);
    timeout_forget(pcb);
    window_fit(pcb);
    tcp_rexmit_rto_commit(pcb);
}
