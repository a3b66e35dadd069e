/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet.h"

struct packet *packet_new(uint32_t headroom, uint32_t len)
{
    struct packet *p = port_packet_alloc(headroom + len);

    if (!p)
        return NULL;
    packet_clear(p);
    p->data = p->head + headroom;
    p->len = len;
    return p;
}

static uint8_t *moved(uint8_t *ptr, const struct packet *from, const struct packet *to)
{
    ptrdiff_t at;

    if (!ptr)
        return NULL;
    at = (ptr - from->data) + (to->data - to->head);
    return at < 0 || at > to->end - to->head ? NULL : to->head + at;
}

/* A copy with at least the given head- and tailroom. Bytes stripped from the front come along as
 * far as they fit, so that Unstrip works on copies. */
static struct packet *copy(const struct packet *p, uint32_t headroom, uint32_t tailroom)
{
    struct packet *q = packet_new(headroom, p->len + tailroom);
    uint32_t keep = packet_headroom(p);
    uint8_t *head, *end, *data;
    uint8_t owner;

    if (!q)
        return NULL;
    if (keep > headroom)
        keep = headroom;
    memcpy(q->data - keep, p->data - keep, keep + p->len);
    head = q->head;
    end = q->end;
    data = q->data;
    owner = q->owner;
    *q = *p;
    q->head = head;
    q->end = end;
    q->data = data;
    q->owner = owner;
    q->next = NULL;
    q->mac = moved(p->mac, p, q);
    q->net = moved(p->net, p, q);
    return q;
}

struct packet *packet_clone(const struct packet *p)
{
    return copy(p, packet_headroom(p), 0);
}

struct packet *packet_clone_batch(const struct packet *batch)
{
    struct packet *first = NULL, **tail = &first;

    for (; batch; batch = batch->next) {
        *tail = packet_clone(batch);
        if (!*tail)
            break;
        tail = &(*tail)->next;
    }
    return first;
}

unsigned packet_kill_batch(struct packet *batch)
{
    unsigned n = 0;

    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        port_packet_free(p);
        n++;
    }
    return n;
}

/* Replace p by a copy with more room, keeping its place in the caller's list. */
static struct packet *roomier(struct packet *p, uint32_t headroom, uint32_t tailroom)
{
    struct packet *q = copy(p, headroom, tailroom);

    if (q)
        q->next = p->next;
    port_packet_free(p);
    return q;
}

#define PACKET_MAX (256u << 10) /* packets of this length grow no more at the front */

struct packet *packet_push_slow(struct packet *p, uint32_t n)
{
    if (p->len > PACKET_MAX) {
        port_packet_free(p);
        return NULL;
    }
    p = roomier(p, n + PACKET_HEADROOM, 0);
    if (!p)
        return NULL;
    p->data -= n;
    p->len += n;
    return p;
}

struct packet *packet_put(struct packet *p, uint32_t n)
{
    if (n > packet_tailroom(p)) {
        p = roomier(p, packet_headroom(p), n);
        if (!p)
            return NULL;
    }
    p->len += n;
    return p;
}
