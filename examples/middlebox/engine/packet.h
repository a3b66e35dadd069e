/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * A packet: a window of data inside a buffer, and annotations.
 *
 * Packets travel in batches, lists linked by `next`. A packet has exactly one owner and its buffer
 * is never shared, so whoever holds a packet may write into it; Tee and its like copy.
 */
#ifndef SPRAT_MIDDLEBOX_PACKET_H
#define SPRAT_MIDDLEBOX_PACKET_H

#include <string.h>

#include "port.h"

/** How the packet reached us on the link, as Click's packet type annotation. */
enum packet_type {
    PACKET_HOST,
    PACKET_BROADCAST,
    PACKET_MULTICAST,
    PACKET_OTHERHOST,
    PACKET_OUTGOING,
};

/* Offsets of the named annotations; the same as Click's, so numeric ANNO arguments mean the
 * same. */
#define ANNO_SIZE            48
#define ANNO_DST_IP          0
#define ANNO_PAINT           16
#define ANNO_ICMP_PARAMPROB  17
#define ANNO_FIX_IP_SRC      19
#define ANNO_AGGREGATE       20
#define ANNO_VLAN_TCI        20
#define ANNO_FWD_RATE        20
#define ANNO_REV_RATE        24
#define ANNO_FIRST_TIMESTAMP 32

#define PACKET_HEADROOM 64 /* room for Ethernet, IP, UDP and VXLAN headers, rounded up */

struct packet {
    struct packet *next;
    uint8_t *data;
    uint32_t len;
    uint32_t extra_len; /* bytes of the original that a trace did not keep */
    uint8_t *mac;       /* link header, or NULL */
    uint8_t *net;       /* IP header, or NULL: read it through packet_ip() */
    uint8_t *head;      /* the buffer: [head, end) */
    uint8_t *end;
    uint64_t time_ns; /* wall clock */
    uint8_t type;     /* enum packet_type */
    uint8_t owner;    /* for the port's own use */
    union {
        uint8_t b[ANNO_SIZE];
        uint32_t w[ANNO_SIZE / 4];
        uint64_t q[ANNO_SIZE / 8];
    } anno;
};

/** A packet of `len` bytes (contents undefined) after `headroom` free ones; NULL without memory. */
struct packet *packet_new(uint32_t headroom, uint32_t len);

/** A copy with its annotations; NULL without memory. */
struct packet *packet_clone(const struct packet *p);

/** A copy of a whole batch, shorter when memory runs out. */
struct packet *packet_clone_batch(const struct packet *batch);

/**
 * All but the buffer's bounds and the owner's mark to zero. Field by field: gcc would clear it in a
 * loop, which takes three times as long.
 */
static inline void packet_clear(struct packet *p)
{
    p->next = NULL;
    p->data = p->mac = p->net = NULL;
    p->len = p->extra_len = 0;
    p->time_ns = 0;
    p->type = 0;
    _Static_assert(ANNO_SIZE == 6 * 8, "all of them are cleared here");
    p->anno.q[0] = p->anno.q[1] = p->anno.q[2] = 0;
    p->anno.q[3] = p->anno.q[4] = p->anno.q[5] = 0;
}

static inline void packet_kill(struct packet *p)
{
    port_packet_free(p);
}

/** Free a batch; returns how many packets it had. */
unsigned packet_kill_batch(struct packet *batch);

static inline uint32_t packet_headroom(const struct packet *p)
{
    return (uint32_t)(p->data - p->head);
}

static inline uint32_t packet_tailroom(const struct packet *p)
{
    return (uint32_t)(p->end - p->data) - p->len;
}

/**
 * Make room for `n` more bytes at the front (undefined contents).
 *
 * @return the packet, perhaps another one, or NULL: then the packet is gone (no memory).
 */
struct packet *packet_push_slow(struct packet *p, uint32_t n);

static inline struct packet *packet_push(struct packet *p, uint32_t n)
{
    if (packet_headroom(p) < n)
        return packet_push_slow(p, n);
    p->data -= n;
    p->len += n;
    return p;
}

/** Like packet_push(), at the end. */
struct packet *packet_put(struct packet *p, uint32_t n);

/** Cut `n` bytes off the front; n is at most the length. */
static inline void packet_pull(struct packet *p, uint32_t n)
{
    p->data += n;
    p->len -= n;
}

/* Annotations */

static inline uint32_t packet_dst_ip(const struct packet *p)
{
    return p->anno.w[ANNO_DST_IP / 4];
}

static inline void packet_set_dst_ip(struct packet *p, uint32_t ip)
{
    p->anno.w[ANNO_DST_IP / 4] = ip;
}

static inline uint32_t packet_anno32(const struct packet *p, unsigned offset)
{
    uint32_t v;

    memcpy(&v, p->anno.b + offset, 4);
    return v;
}

static inline void packet_set_anno32(struct packet *p, unsigned offset, uint32_t v)
{
    memcpy(p->anno.b + offset, &v, 4);
}

/* Batches */

static inline unsigned packet_count(const struct packet *batch)
{
    unsigned n = 0;

    for (; batch; batch = batch->next)
        n++;
    return n;
}

#endif
