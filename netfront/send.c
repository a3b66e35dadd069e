/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets into a queue's ring. The backend's answers are checked as those of receive.c are. */
#include "queue.h"

#include <assert.h>
#include <errno.h>

#include <xen/io/netif.h>

#include <sprat/gnttab.h>

static_assert(sizeof(netif_tx_request_t) == 12, "netif ABI");

#define PACKET_MAX 65535 /* bytes: what a request's size field holds */
#define TX_LAZY    16    /* sent buffers that may lie around, 64 KiB at most */

/*
 * Nobody waits for a packet to be gone, so its response is not worth a wake-up: it is taken before
 * the next packet is sent. Only when that many would gather, or half of a full ring, the backend
 * tells.
 */
bool netfront_queue_reap(struct netfront_queue *queue)
{
    uint32_t after;

    do {
        int waiting = ring_waiting(&queue->tx);
        if (waiting < 0) {
            netfront_queue_fault(queue, "tx response producer out of range");
            return false;
        }
        while (waiting-- > 0) {
            netif_tx_response_t response;
            struct ring_slot slot;
            ring_take(&queue->tx, &response, sizeof(response));
            if (response.status == NETIF_RSP_NULL && queue->tx_extras) {
                queue->tx_extras--; /* it stands where an extra info stood */
                continue;
            }
            if (!ring_ids_take(&queue->tx_ids, response.id, &slot)) {
                netfront_queue_fault(queue, "tx id not in flight");
                return false;
            }
            if (slot.ref == NO_PAGE) {
                if (response.status != NETIF_RSP_OKAY)
                    netfront_multicast_refused(queue->nf);
                continue;
            }
            if (gnttab_revoke(slot.ref)) {
                queue->nf->stats.pages_lost++;
                netbuf_lose(slot.item);
                netfront_queue_fault(queue, "tx page still mapped after its response");
                return false;
            }
            if (response.status != NETIF_RSP_OKAY)
                queue->nf->stats.tx_errors++;
            struct netbuf *buf = slot.item;
            buf->piece = NULL;
            netbuf_free(buf);
        }
        uint32_t on_its_way = queue->tx.req_next - queue->tx.rsp_next;
        after = on_its_way / 2 + 1 > TX_LAZY ? on_its_way / 2 + 1 : TX_LAZY;
    } while (ring_arm(&queue->tx, after));
    return true;
}

static bool may_send(const struct netfront *nf, const struct netbuf *packet, unsigned *slots)
{
    unsigned n = 0;
    uint32_t total = 0;

    for (const struct netbuf *piece = packet; piece; piece = piece->piece) {
        if (!piece->len || piece->data < piece->page ||
            piece->len > NETBUF_BYTES - netbuf_headroom(piece))
            return false;
        total += piece->len;
        n++;
    }
    *slots = n + (packet->gso != NETBUF_GSO_NONE);
    if (n > 1 && !nf->features.sg)
        return false;
    if ((packet->gso == NETBUF_GSO_TCPV4 && !nf->features.gso_tcpv4) ||
        (packet->gso == NETBUF_GSO_TCPV6 && !nf->features.gso_tcpv6))
        return false;
    return n <= SLOTS_MAX && total <= PACKET_MAX && total == packet->total;
}

/* Let the backend read a piece. @return its id, or -ENOSPC. */
static int grant_piece(struct netfront_queue *queue, struct netbuf *piece)
{
    grant_ref_t ref;

    netbuf_show_data(piece, queue->nf->front.backend_id);
    if (gnttab_grant(queue->nf->front.backend_id, piece->page, true, &ref))
        return -ENOSPC;
    int id = ring_ids_put(&queue->tx_ids, piece, ref);
    if (id < 0)
        gnttab_revoke(ref);
    return id;
}

/* Grant all pieces before the first is written: a packet goes out whole or not at all. */
static int grant_pieces(struct netfront_queue *queue, struct netbuf *packet, int *ids)
{
    int n = 0;

    for (struct netbuf *piece = packet; piece; piece = piece->piece, n++) {
        ids[n] = grant_piece(queue, piece);
        if (ids[n] < 0)
            goto err_piece;
    }
    return n;

err_piece:
    while (n-- > 0) {
        struct ring_slot slot;
        ring_ids_take(&queue->tx_ids, (unsigned)ids[n], &slot);
        gnttab_revoke(slot.ref);
    }
    return -ENOSPC;
}

static void write_gso(struct netfront_queue *queue, const struct netbuf *packet)
{
    struct netif_extra_info *extra = ring_request(&queue->tx);

    queue->tx_extras++;
    extra->type = XEN_NETIF_EXTRA_TYPE_GSO;
    extra->flags = 0;
    extra->u.gso.size = packet->gso_size;
    extra->u.gso.type =
        packet->gso == NETBUF_GSO_TCPV4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
    extra->u.gso.pad = 0;
    extra->u.gso.features = 0;
}

/* @param size  a packet's first request tells the size of all of it, the others their own. */
static void write_piece(struct netfront_queue *queue, const struct netbuf *piece, int id,
                        uint16_t flags, uint32_t size)
{
    netif_tx_request_t *request = ring_request(&queue->tx);

    request->gref = queue->tx_ids.slots[id].ref;
    request->offset = (uint16_t)netbuf_headroom(piece);
    request->flags = flags;
    request->id = (uint16_t)id;
    request->size = (uint16_t)size;
}

static uint16_t csum_flags(const struct netbuf *packet)
{
    return packet->csum == NETBUF_CSUM_BLANK ? NETTXF_csum_blank | NETTXF_data_validated : 0;
}

/* A packet of one piece without segments in it, as nearly all are. @return false: not now. */
static bool send_plain(struct netfront_queue *queue, struct netbuf *packet)
{
    if (!ring_room(&queue->tx))
        return false;
    int id = grant_piece(queue, packet);
    if (id < 0)
        return false;
    write_piece(queue, packet, id, csum_flags(packet), packet->total);
    return true;
}

static __attribute__((noinline)) bool send_pieces(struct netfront_queue *queue,
                                                  struct netbuf *packet, unsigned slots)
{
    int ids[SLOTS_MAX], n = 0;

    if (slots > ring_room(&queue->tx) || grant_pieces(queue, packet, ids) < 0)
        return false;
    for (struct netbuf *piece = packet; piece; piece = piece->piece, n++) {
        uint16_t flags = piece->piece ? NETTXF_more_data : 0;
        if (piece != packet) {
            write_piece(queue, piece, ids[n], flags, piece->len);
            continue;
        }
        flags |= csum_flags(packet);
        if (packet->gso != NETBUF_GSO_NONE)
            flags |= NETTXF_extra_info;
        write_piece(queue, packet, ids[n], flags, packet->total);
        if (packet->gso != NETBUF_GSO_NONE)
            write_gso(queue, packet);
    }
    return true;
}

static bool send_packet(struct netfront_queue *queue, struct netbuf *packet)
{
    unsigned slots;

    if (!may_send(queue->nf, packet, &slots))
        return false;
    return slots == 1 ? send_plain(queue, packet) : send_pieces(queue, packet, slots);
}

bool netfront_sendable(const struct netfront *nf, const struct netbuf *packet)
{
    unsigned slots;

    return nf->connected && may_send(nf, packet, &slots);
}

unsigned netfront_room(const struct netfront *nf, unsigned queue)
{
    return nf->connected && queue < nf->n_queues ? ring_room(&nf->queues[queue].tx) : 0;
}

unsigned netfront_on_its_way(const struct netfront *nf, unsigned queue)
{
    return nf->connected && queue < nf->n_queues
               ? nf->queues[queue].tx.req_next - nf->queues[queue].tx.rsp_next
               : 0;
}

unsigned netfront_transmit(struct netfront *nf, unsigned queue_number, struct netbuf **packets,
                           unsigned n_packets)
{
    struct netfront_queue *queue = &nf->queues[queue_number];
    unsigned n = 0;

    assert(queue_number < NETFRONT_QUEUES_MAX);
    if (!nf->connected || queue_number >= nf->n_queues || !netfront_queue_reap(queue))
        return 0;
    for (; n < n_packets; n++) {
        struct netbuf *packet = packets[n];
        assert(packet);
        if (!send_packet(queue, packet))
            break;
        nf->stats.tx_packets++;
        nf->stats.tx_bytes += packet->total;
    }
    if (n && ring_push(&queue->tx))
        evtchn_notify(&queue->tx_channel);
    return n;
}
