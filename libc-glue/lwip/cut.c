/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large segments that are to be sent in part. The pages behind the cut go to a segment of their
 * own; of the one that it goes through, the end is copied. Pages may be on their way to the backend
 * meanwhile: what it sees of them is not touched.
 */
#include "window.h"

#include <string.h>

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"

#include "net_hooks.h"

/* A segment's headers. */
static void describe(struct tcp_seg *segment, const struct tcp_seg *like, u32_t sequence,
                     u8_t flags)
{
    struct tcp_hdr *header = segment->p->payload;

    segment->tcphdr = header;
    header->src = like->tcphdr->src;
    header->dest = like->tcphdr->dest;
    header->seqno = lwip_htonl(sequence);
    TCPH_HDRLEN_FLAGS_SET(header, TCPH_HDRLEN(like->tcphdr), flags);
    header->urgp = 0;
}

bool cut_segment(struct tcp_pcb *pcb, struct tcp_seg *segment, u16_t first_bytes)
{
    const u16_t option_bytes = LWIP_TCP_OPT_LENGTH(segment->flags);
    const u16_t n = (u16_t)(segment->len - first_bytes); /* behind the cut */
    u32_t at = (u32_t)(segment->p->tot_len - n);
    struct pbuf *p = segment->p;

    while (at > p->len) {
        at -= p->len;
        p = p->next;
    }
    const u16_t end = (u16_t)(p->len - at);
    struct pbuf *first = pbuf_alloc(PBUF_TRANSPORT, (u16_t)(option_bytes + end), PBUF_RAM);
    struct tcp_seg *rest = first ? memp_malloc(MEMP_TCP_SEG) : NULL;
    if (!rest) {
        if (first)
            pbuf_free(first);
        return false;
    }
    memcpy((u8_t *)first->payload + option_bytes, (u8_t *)p->payload + at, end);
    first->next = p->next;
    first->tot_len = (u16_t)(option_bytes + n);
    p->next = NULL;
    p->len = (u16_t)at;
    for (p = segment->p; p; p = p->next)
        p->tot_len = (u16_t)(p->tot_len - n);
    pbuf_add_header(first, TCP_HLEN);
    u8_t flags = TCPH_FLAGS(segment->tcphdr) & (TCP_FIN | TCP_PSH);
    TCPH_UNSET_FLAG(segment->tcphdr, TCP_FIN | TCP_PSH);
    *rest = (struct tcp_seg){.next = segment->next, .p = first, .len = n, .flags = segment->flags};
    describe(rest, segment, lwip_ntohl(segment->tcphdr->seqno) + first_bytes, flags);
    segment->next = rest;
    segment->len = first_bytes;
    pcb->snd_queuelen++;
    if (!rest->next)
        pcb->unsent_oversize = 0; /* of a page that was cut, nothing is left to write to */
    return true;
}

err_t net_split_unsent(struct tcp_pcb *pcb, u16_t first_bytes)
{
    struct tcp_seg *first = pcb->unsent;

    return first->len <= first_bytes || cut_segment(pcb, first, first_bytes) ? ERR_OK : ERR_MEM;
}

bool cut_acked(struct tcp_pcb *pcb, struct tcp_seg **queue)
{
    struct tcp_seg *first = *queue;
    u32_t n = pcb->lastack - lwip_ntohl(first->tcphdr->seqno);

    if ((s32_t)n <= 0 || n >= first->len)
        return true;
    if (!cut_segment(pcb, first, (u16_t)n))
        return false;
    *queue = first->next;
    pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen - pbuf_clen(first->p));
    pcb->snd_buf += n;
    tcp_seg_free(first);
    return true;
}
