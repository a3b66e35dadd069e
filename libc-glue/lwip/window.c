/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The congestion window (RFC 5681). lwIP counts segments by how many acknowledgements come, and
 * halves what was allowed, not what was sent. So when it has taken a segment, the window is put
 * back to what it was, and counted here: by the bytes that were acknowledged (RFC 3465, without its
 * bound in slow start, as on Linux: one acknowledgement may be of a large segment), and only when
 * about half of it or more was in use (RFC 7661).
 *
 * Segments are as large as the window allowed when they were made (tso.c). One that has become too
 * large for it is cut; while anything is in flight, not for a small part of the window.
 */
#include "window.h"

#include "lwip/priv/tcp_priv.h"

#include "bytes.h"
#include "connections.h"
#include "net.h"
#include "net_hooks.h"
#include "options.h"

#define FIRST_SEGMENTS 10 /* RFC 6928 */
#define FIRST_BYTES    14600u
#define MSS_LEAST      48 /* as Linux: a window of single bytes would be too many segments */
#define WAITS          4  /* a fourth of the window: less is not worth a packet of its own */

#define BLOCK      8 /* bytes: the numbers of a first byte and of that behind the last */
#define BLOCKS_MAX 4

static struct {
    const struct tcp_pcb *pcb; /* whose segment lwIP takes now */
    tcpwnd_size_t window, counted;
    u32_t acked, in_flight;
    u8_t repeated;
    tcpwnd_size_t peer_window;
    bool is_empty, established;
    struct scoreboard_range ranges[BLOCKS_MAX]; /* what the segment acknowledges selectively */
    unsigned n_ranges;
} before;

/* RFC 2018. */
static void read_blocks(const struct tcp_hdr *header)
{
    const u8_t *option = options_find(header, OPTION_HAS);

    for (unsigned at = 2; option && at + BLOCK <= option[1]; at += BLOCK)
        before.ranges[before.n_ranges++] = (struct scoreboard_range){
            bytes_get32(option + at), bytes_get32(option + at + BLOCK / 2)};
}

void window_segment_comes(const struct tcp_pcb *pcb, const struct tcp_hdr *header,
                          const struct pbuf *p)
{
    before.pcb = pcb;
    before.window = pcb->cwnd;
    before.counted = pcb->bytes_acked;
    before.acked = pcb->lastack;
    before.in_flight = window_in_flight(pcb);
    before.repeated = pcb->dupacks;
    before.peer_window = pcb->snd_wnd;
    before.is_empty = !p->tot_len;
    before.established = pcb->state >= ESTABLISHED;
    before.n_ranges = 0;
    if (pcb->flags & TF_SACK && options_are_whole(header, p))
        read_blocks(header);
}

static tcpwnd_size_t first_window(const struct tcp_pcb *pcb)
{
    u32_t least = 2 * (u32_t)pcb->mss, most = FIRST_SEGMENTS * (u32_t)pcb->mss;
    u32_t usual = least > FIRST_BYTES ? least : FIRST_BYTES;

    return usual < most ? usual : most;
}

static void grow(struct tcp_pcb *pcb, u32_t acked)
{
    if (2 * (before.in_flight + pcb->mss) < pcb->cwnd)
        return;
    if (pcb->cwnd < pcb->ssthresh) {
        u32_t most = pcb->ssthresh - pcb->cwnd;
        if (pcb->flags & TF_RTO && most > pcb->mss)
            most = pcb->mss;
        pcb->cwnd += acked < most ? acked : most;
        return;
    }
    pcb->bytes_acked += acked;
    if (pcb->bytes_acked >= pcb->cwnd) {
        pcb->bytes_acked -= pcb->cwnd;
        pcb->cwnd += pcb->mss;
    }
}

static void count(struct tcp_pcb *pcb)
{
    u32_t acked = pcb->lastack - before.acked;

    if (acked)
        timeout_acked(pcb);
    if (!before.established) {
        pcb->mss = pcb->mss > MSS_LEAST ? pcb->mss : MSS_LEAST;
        pcb->cwnd = first_window(pcb);
        connection_of(pcb)->highest = pcb->lastack;
        return;
    }
    pcb->cwnd = before.window;
    pcb->bytes_acked = before.counted;
    bool says_nothing = before.is_empty && !acked && pcb->snd_wnd == before.peer_window;
    bool repeats = pcb->flags & TF_SACK ? says_nothing : pcb->dupacks > before.repeated;
    bool more = recovery_has(pcb, before.ranges, before.n_ranges, repeats);
    pcb->dupacks = 0; /* lwIP counts no further than a byte does */
    if (acked && !recovery_acked(pcb))
        grow(pcb, acked);
    if (more)
        recovery_repeated(pcb);
}

err_t net_answer(struct tcp_pcb *pcb)
{
    if (before.pcb == pcb && pcb->state >= ESTABLISHED && pcb->state != TIME_WAIT)
        count(pcb);
    before.pcb = NULL;
    return net_output(pcb);
}

bool window_fit(struct tcp_pcb *pcb)
{
    u32_t window = pcb->cwnd < pcb->snd_wnd ? pcb->cwnd : pcb->snd_wnd, end = 0;
    struct tcp_seg *segment;

    if (!pcb->unsent)
        return true;
    if (!cut_acked(pcb, &pcb->unsent))
        return false;
    for (segment = pcb->unsent; segment; segment = segment->next) {
        end = lwip_ntohl(segment->tcphdr->seqno) - pcb->lastack + segment->len;
        if (end > window)
            break;
    }
    if (!segment)
        return true;
    u32_t over = end - window, room = over < segment->len ? segment->len - over : 0;
    room -= room % tso_real_size(pcb);
    if (!room || (pcb->unacked && room < window / WAITS))
        return true;
    return cut_segment(pcb, segment, (u16_t)room);
}

err_t net_output(struct tcp_pcb *pcb)
{
    if (!window_fit(pcb) && !pcb->unacked)
        return ERR_MEM; /* it is tried again when there is memory: lwIP would wait for a window */
    const u32_t next = pcb->snd_nxt;
    err_t error = tcp_output(pcb);
    recovery_sent(pcb);
    if (pcb->unacked)
        timeout_sent(pcb, pcb->snd_nxt != next);
    return error;
}
