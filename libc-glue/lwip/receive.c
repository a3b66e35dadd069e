/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from netfront into lwIP. */
#include <string.h>

#include "lwip/pbuf.h"
#include "netif/ethernet.h"

#include <sprat/compiler.h>

#include "interface.h"
#include "net.h"

#define BURST       32      /* packets between two looks at timers and threads */
#define SMALL_MAX   256     /* bytes: such packets are copied, so that no page waits for them */
#define SMALL_SPARE 64      /* in front of them: an answer may be made in the same place */
#define SMALL_KEPT  64      /* descriptions that were used once */
#define HEADERS_MAX 128     /* what lwIP wants to find in a packet's first piece */
#define FRAME_MAX   0xffffu /* bytes that lwIP counts in a packet */

#define CHECKS (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* A piece that stays where it is. */
struct wrapped {
    struct pbuf_custom custom;
    struct netbuf *netbuf;
};

/* A copy, or a part of it. */
struct small {
    struct pbuf_custom custom;
    struct small *next;
    char spare[SMALL_SPARE];
    char bytes[SMALL_MAX];
};

static struct wrapped *free_wrapped;

static struct {
    struct small *first;
    unsigned n;
} free_small;

static void release_wrapped(struct pbuf *p)
{
    struct wrapped *wrapped = (struct wrapped *)p;

    netbuf_free(wrapped->netbuf);
    wrapped->netbuf = (struct netbuf *)free_wrapped;
    free_wrapped = wrapped;
}

static struct pbuf *wrap_piece(struct netbuf *piece)
{
    struct wrapped *wrapped = free_wrapped;

    if (wrapped)
        free_wrapped = (struct wrapped *)wrapped->netbuf;
    else if (!(wrapped = port_alloc(sizeof(*wrapped))))
        return NULL;
    wrapped->netbuf = piece;
    wrapped->custom.custom_free_function = release_wrapped;
    piece->piece = NULL;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)piece->len, PBUF_REF, &wrapped->custom, piece->data,
                               (u16_t)piece->len);
}

/* Where netfront's pieces stay where they are: each becomes a pbuf. */
static struct pbuf *wrap(struct netbuf *packet)
{
    struct pbuf *head = NULL, *tail = NULL;
    u16_t left = (u16_t)packet->total;

    while (packet) {
        struct netbuf *next = packet->piece;
        struct pbuf *p = wrap_piece(packet);
        if (!p) {
            packet->piece = next;
            netbuf_free(packet);
            if (head)
                pbuf_free(head);
            return NULL;
        }
        p->tot_len = left;
        left = (u16_t)(left - p->len);
        if (tail)
            tail->next = p;
        else
            head = p;
        tail = p;
        packet = next;
    }
    return head;
}

static void release_small(struct pbuf *p)
{
    struct small *small = (struct small *)p;

    if (free_small.n == SMALL_KEPT) {
        port_free(small);
        return;
    }
    small->next = free_small.first;
    free_small.first = small;
    free_small.n++;
}

static struct pbuf *small_alloc(u16_t len)
{
    struct small *small = free_small.first;

    if (small) {
        free_small.first = small->next;
        free_small.n--;
    } else if (!(small = port_alloc(sizeof(*small)))) {
        return NULL;
    }
    small->custom.custom_free_function = release_small;
    return pbuf_alloced_custom(PBUF_RAW, len, PBUF_RAM, &small->custom, small->bytes, SMALL_MAX);
}

static struct pbuf *copy(struct netbuf *packet)
{
    u16_t len = (u16_t)packet->total;
    struct pbuf *p = len <= SMALL_MAX ? small_alloc(len) : pbuf_alloc(PBUF_RAW, len, PBUF_RAM);

    if (p) {
        uint8_t *to = p->payload;
        for (const struct netbuf *piece = packet; piece; piece = piece->piece) {
            memcpy(to, piece->data, piece->len);
            to += piece->len;
        }
    }
    netbuf_free(packet);
    return p;
}

static void receive(struct interface *interface, struct netbuf *packet)
{
    bool checked = packet->csum != NETBUF_CSUM_UNKNOWN;

    if (packet->total > FRAME_MAX) {
        netbuf_free(packet);
        return;
    }
    bool small = packet->total <= SMALL_MAX || packet->len < HEADERS_MAX;
    struct pbuf *p = small ? copy(packet) : wrap(packet);
    if (!p)
        return; /* no memory: the sender will notice */
    u16_t flags = NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP;
    interface->netif.chksum_flags = checked ? flags & ~CHECKS : flags;
    if (!inspect_frame(interface, p) || ethernet_input(p, &interface->netif) != ERR_OK)
        pbuf_free(p);
}

bool receive_burst(struct interface *interface, bool *more)
{
    struct netbuf *packets[BURST];
    bool found = false;

    for (unsigned queue = 0; queue < interface->n_queues; queue++) {
        unsigned n = netfront_receive(interface->nf, queue, packets, BURST);
        for (unsigned i = 0; i < n; i++)
            receive(interface, packets[i]);
        found |= n != 0;
        *more |= n == BURST;
    }
    return found;
}
