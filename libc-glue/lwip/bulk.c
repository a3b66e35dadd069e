/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment's first page is lwIP's: tcp_write() makes the segment. Those behind it are added here,
 * many at a time, each as full as a page gets: tcp_write() looks for the end of all that is queued,
 * and of the segment, for each that it adds.
 */
#include "bulk.h"

#include <assert.h>
#include <string.h>

#include "lwip/priv/tcp_priv.h"

#include "memory.h"
#include "socket.h"

#define PAGE_MIN 2000 /* bytes: for less a page is too much */

static struct tcp_seg *last_unsent(const struct tcp_pcb *pcb)
{
    struct tcp_seg *seg = pcb->unsent;

    while (seg && seg->next)
        seg = seg->next;
    return seg;
}

/* Bytes that a segment can still take, by tcp_write()'s own sum. */
static size_t space_of(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
    size_t half = pcb->snd_wnd_max / 2, max = half && half < pcb->mss ? half : pcb->mss;
    size_t used = seg->len + LWIP_TCP_OPT_LENGTH(seg->flags);

    return seg->len && used < max ? max - used : 0;
}

/* Pages of data, one behind the other. @return how many bytes they hold: fewer without memory. */
static size_t fill_pages(struct pbuf **first, const char *from, size_t n)
{
    struct pbuf **end = first;
    size_t done = 0;

    *first = NULL;
    while (done < n) {
        size_t part = n - done < MEMORY_PAGE ? n - done : MEMORY_PAGE;
        struct pbuf *p = pbuf_alloc(PBUF_RAW, MEMORY_PAGE, PBUF_RAM);
        if (!p)
            break;
        memcpy(p->payload, from + done, part);
        p->len = (u16_t)part;
        *end = p;
        end = &p->next;
        done += part;
    }
    size_t left = done;
    for (struct pbuf *p = *first; p; p = p->next) {
        p->tot_len = (u16_t)left;
        left -= p->len;
    }
    return done;
}

/* Append pages to the last segment, which has so much space. */
static size_t append(struct tcp_pcb *pcb, struct tcp_seg *last, size_t space, const char *from,
                     size_t n)
{
    struct pbuf *pages;

    n = fill_pages(&pages, from, n < space ? n : space);
    if (!n)
        return 0;
    pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen + pbuf_clen(pages));
    pbuf_cat(last->p, pages);
    last->len = (u16_t)(last->len + n);
    pcb->snd_lbb += (u32_t)n;
    pcb->snd_buf -= (tcpwnd_size_t)n;
    /* What is written next is copied behind it: so much of the page is left, and of the segment. */
    size_t room = (MEMORY_PAGE - n % MEMORY_PAGE) % MEMORY_PAGE;
    pcb->unsent_oversize = (u16_t)(room < space - n ? room : space - n);
    return n;
}

ssize_t bulk_write(struct tcp_pcb *pcb, const char *from, size_t n)
{
    struct tcp_seg *last = last_unsent(pcb);
    size_t done = 0, space = last ? space_of(pcb, last) : 0;

    if (space < PAGE_MIN || pcb->unsent_oversize) {
        size_t part = !space ? MEMORY_CHUNK : pcb->unsent_oversize ? pcb->unsent_oversize : space;
        done = n < part ? n : part;
        net_more_oversize = (unsigned)(part - done);
        err_t error = tcp_write(pcb, from, (u16_t)done, TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
        if (error)
            return socket_errno(error);
        last = last_unsent(pcb);
        space = space_of(pcb, last);
    }
    if (space >= PAGE_MIN)
        done += append(pcb, last, space, from + done, n - done);
    return done ? (ssize_t)done : socket_errno(ERR_MEM);
}

void bulk_end(const struct tcp_pcb *pcb)
{
    struct tcp_seg *seg = last_unsent(pcb);

    if (seg)
        TCPH_SET_FLAG(seg->tcphdr, TCP_PSH);
}
