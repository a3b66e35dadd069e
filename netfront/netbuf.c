/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers that were used once are kept for the next packet: a page costs more to find than to keep.
 */
#include <sprat/netbuf.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <sprat/port.h>

#include "queue.h"

#define KEPT_MIN 128 /* pages: 512 KiB at most, when that many were in use at once */

/* In place of a domain's number: a page of zeros, and what only this guest knows. */
#define SEEN_ZEROS  0xffff
#define SEEN_NOBODY 0xfffe

static struct {
    struct netbuf *first;
    unsigned n, max;
} kept = {.max = KEPT_MIN};

void netbuf_keep(unsigned n)
{
    if (n > kept.max)
        kept.max = n;
}

static struct netbuf *make(void)
{
    struct netbuf *buf = port_alloc(sizeof(*buf));

    if (!buf)
        return NULL;
    buf->page = port_pages_alloc(1);
    if (!buf->page) {
        port_free(buf);
        return NULL;
    }
    buf->seen_by = SEEN_ZEROS;
    return buf;
}

struct netbuf *netbuf_alloc(void)
{
    struct netbuf *buf = kept.first;

    if (buf) {
        kept.first = buf->packet;
        kept.n--;
    } else {
        buf = make();
        if (!buf)
            return NULL;
    }
    /* Field by field: gcc would clear all of it in a loop. */
    buf->piece = buf->packet = NULL;
    buf->data = buf->page + NETBUF_HEADROOM;
    buf->len = buf->total = 0;
    buf->gso_size = 0;
    buf->gso = NETBUF_GSO_NONE;
    buf->csum = NETBUF_CSUM_UNKNOWN;
    buf->owner[0] = buf->owner[1] = NULL;
    buf->release = NULL;
    return buf;
}

unsigned netbuf_kept(void)
{
    return kept.n;
}

static void free_piece(struct netbuf *buf)
{
    if (buf->release) {
        buf->release(buf);
    } else if (kept.n < kept.max) {
        if (buf->seen_by == SEEN_ZEROS)
            buf->seen_by = SEEN_NOBODY;
        buf->packet = kept.first;
        kept.first = buf;
        kept.n++;
    } else {
        port_pages_free(buf->page);
        port_free(buf);
    }
}

void netbuf_free(struct netbuf *packet)
{
    while (packet) {
        struct netbuf *next = packet->piece;
        free_piece(packet);
        packet = next;
    }
}

/* A page that is somebody else's, so is its description. */
void netbuf_lose(struct netbuf *piece)
{
    if (!piece->release)
        port_free(piece);
}

/* @return whether there is something in the page that this domain has not seen. */
static bool show(struct netbuf *buf, domid_t domid)
{
    bool is_news = buf->seen_by != domid && buf->seen_by != SEEN_ZEROS;

    buf->seen_by = domid;
    return is_news;
}

void netbuf_show_empty(struct netbuf *buf, domid_t domid)
{
    if (show(buf, domid))
        memset(buf->page, 0, NETBUF_BYTES);
}

void netbuf_show_data(struct netbuf *piece, domid_t domid)
{
    if (piece->release || !show(piece, domid))
        return;
    memset(piece->page, 0, netbuf_headroom(piece));
    memset(piece->data + piece->len, 0, netbuf_tailroom(piece));
}
