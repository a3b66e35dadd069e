/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets from a queue's ring. The backend's word is copied out of the ring once, checked, then
 * used; ids, grants and lengths that must be known again are the guest's own. A buffer's grant is
 * taken back before its packet is looked at, so that no packet changes while it is being parsed.
 */
#include "queue.h"

#include <assert.h>
#include <errno.h>

#include <xen/io/netif.h>

#include <sprat/gnttab.h>

static_assert(sizeof(netif_rx_response_t) == 8, "netif ABI");
static_assert(sizeof(struct netif_extra_info) == 8, "netif ABI");

#define EXTRAS_MAX (XEN_NETIF_EXTRA_TYPE_MAX - 1) /* one of each type */

void netfront_queue_refill(struct netfront_queue *queue)
{
    struct netfront *nf = queue->nf;
    bool posted = false;

    while (queue->rx_ids.n_used < queue->rx_target && ring_room(&queue->rx)) {
        grant_ref_t ref;
        struct netbuf *buf = netbuf_alloc();
        if (!buf)
            break;
        netbuf_show_empty(buf, nf->front.backend_id);
        if (gnttab_grant(nf->front.backend_id, buf->page, false, &ref)) {
            netbuf_free(buf);
            break;
        }
        int id = ring_ids_put(&queue->rx_ids, buf, ref);
        assert(id >= 0);
        queue->rx_posted[queue->rx.req_next & (queue->rx.n_entries - 1)] = (uint16_t)id;
        netif_rx_request_t *request = ring_request(&queue->rx);
        request->id = (uint16_t)id;
        request->pad = 0;
        request->gref = ref;
        posted = true;
    }
    if (posted && ring_push(&queue->rx))
        evtchn_notify(nf->split_channels ? &queue->rx_channel : &queue->tx_channel);
}

/* Take the buffer of an id back from the backend. @return NULL after a fault. */
static struct netbuf *take_buffer(struct netfront_queue *queue, unsigned id)
{
    struct ring_slot slot;

    if (!ring_ids_take(&queue->rx_ids, id, &slot)) {
        netfront_queue_fault(queue, "rx id not in flight");
        return NULL;
    }
    if (gnttab_revoke(slot.ref)) {
        queue->nf->stats.pages_lost++;
        netbuf_lose(slot.item);
        netfront_queue_fault(queue, "rx page still mapped after its response");
        return NULL;
    }
    return slot.item;
}

static bool take_gso(struct netbuf *packet, const struct netif_extra_info *extra)
{
    switch (extra->u.gso.type) {
    case XEN_NETIF_GSO_TYPE_TCPV4:
        packet->gso = NETBUF_GSO_TCPV4;
        break;
    case XEN_NETIF_GSO_TYPE_TCPV6:
        packet->gso = NETBUF_GSO_TCPV6;
        break;
    default:
        return false;
    }
    packet->gso_size = extra->u.gso.size;
    return packet->gso_size != 0;
}

/*
 * The extra pieces of information behind a packet's first slot. Each takes the place of a response,
 * and with it the buffer whose request was at that index.
 * @return 0, or -EIO after a fault.
 */
static int take_extras(struct netfront_queue *queue, struct netbuf *packet, int waiting)
{
    for (int n = 0; n < EXTRAS_MAX; n++) {
        struct netif_extra_info extra;
        uint32_t at = queue->rx.rsp_next;

        if (n >= waiting) {
            netfront_queue_fault(queue, "rx extra info announced, but not there");
            return -EIO;
        }
        ring_take(&queue->rx, &extra, sizeof(extra));
        struct netbuf *unused =
            take_buffer(queue, queue->rx_posted[at & (queue->rx.n_entries - 1)]);
        if (!unused)
            return -EIO;
        netbuf_free(unused);
        if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
            if (!take_gso(packet, &extra))
                queue->rx_broken = true;
        } else if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE ||
                   extra.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
            netfront_queue_fault(queue, "rx extra info of no known type");
            return -EIO;
        }
        if (!(extra.flags & XEN_NETIF_EXTRA_FLAG_MORE))
            return 0;
    }
    netfront_queue_fault(queue, "rx extra info without an end");
    return -EIO;
}

static void append_piece(struct netfront_queue *queue, struct netbuf *buf)
{
    *queue->rx_last = buf;
    queue->rx_last = &buf->piece;
    queue->rx_pieces++;
    queue->rx_first->total += buf->len;
}

/* What the guest has not offered to take, an honest backend does not send. */
static bool is_offered(const struct netfront *nf, const struct netbuf *packet)
{
    return !nf->config.no_offload ||
           (!packet->piece && packet->gso == NETBUF_GSO_NONE && packet->csum != NETBUF_CSUM_BLANK);
}

static struct netbuf *end_packet(struct netfront_queue *queue)
{
    struct netbuf *packet = queue->rx_first;

    queue->rx_first = NULL;
    queue->rx_last = &queue->rx_first;
    queue->rx_pieces = 0;
    if (queue->rx_broken) {
        queue->rx_broken = false;
        queue->nf->stats.rx_errors++;
        netbuf_free(packet);
        return NULL;
    }
    return packet;
}

/*
 * Take one response.
 * @param waiting  responses in the ring, this one included.
 * @return 0, or -EIO after a fault. *done receives the packet when this was its last piece.
 */
static int take_response(struct netfront_queue *queue, int waiting, struct netbuf **done)
{
    netif_rx_response_t response;

    ring_take(&queue->rx, &response, sizeof(response));
    struct netbuf *buf = take_buffer(queue, response.id);
    if (!buf)
        return -EIO;
    if (response.status < 0) {
        queue->rx_broken = true;
    } else if (response.offset > NETBUF_BYTES ||
               (uint32_t)response.status > NETBUF_BYTES - response.offset) {
        netbuf_free(buf);
        netfront_queue_fault(queue, "rx data beyond its page");
        return -EIO;
    } else {
        buf->data = buf->page + response.offset;
        buf->len = (uint32_t)response.status;
    }

    bool first = !queue->rx_first;
    if (first)
        queue->rx_first = buf;
    if (!first && queue->rx_pieces == SLOTS_MAX) {
        netbuf_free(buf);
        netfront_queue_fault(queue, "rx packet of more than 18 pieces");
        return -EIO;
    }
    if (first) {
        queue->rx_last = &buf->piece;
        queue->rx_pieces = 1;
        buf->total = buf->len;
        buf->csum = response.flags & NETRXF_csum_blank       ? NETBUF_CSUM_BLANK
                    : response.flags & NETRXF_data_validated ? NETBUF_CSUM_VALID
                                                             : NETBUF_CSUM_UNKNOWN;
        if (response.flags & NETRXF_extra_info) {
            int error = take_extras(queue, buf, waiting - 1);
            if (error)
                return error;
        }
    } else {
        append_piece(queue, buf);
    }
    if (!(response.flags & NETRXF_more_data)) {
        if (queue->rx_first->total == 0 || !is_offered(queue->nf, queue->rx_first))
            queue->rx_broken = true;
        *done = end_packet(queue);
    }
    return 0;
}

/* Hand a packet on, unless its buffers are all that is left to receive with. */
static bool keep_packet(struct netfront_queue *queue, struct netbuf *packet)
{
    struct netfront_stats *stats = &queue->nf->stats;

    if (queue->rx_ids.n_used < SLOTS_MAX)
        netfront_queue_refill(queue);
    if (queue->rx_ids.n_used < SLOTS_MAX) {
        stats->rx_dropped++;
        netbuf_free(packet);
        netfront_queue_refill(queue);
        return false;
    }
    stats->rx_packets++;
    stats->rx_bytes += packet->total;
    return true;
}

unsigned netfront_receive(struct netfront *nf, unsigned queue_number, struct netbuf **packets,
                          unsigned max)
{
    struct netfront_queue *queue = &nf->queues[queue_number];
    unsigned n = 0, budget = 0;
    int waiting = 0;

    assert(queue_number < NETFRONT_QUEUES_MAX);
    if (!nf->connected || queue_number >= nf->n_queues)
        return 0;
    for (;;) {
        if (waiting == 0) {
            waiting = ring_waiting(&queue->rx);
            if (waiting < 0) {
                netfront_queue_fault(queue, "rx response producer out of range");
                return n;
            }
            if (waiting == 0) {
                if (ring_arm(&queue->rx, 1))
                    continue;
                break;
            }
        }
        if (n == max) {
            nf->event = true;
            netfront_wake_any();
            break;
        }
        /* Packets of many pieces, or only broken ones, must not keep the caller for ever. */
        if (budget++ == queue->rx.n_entries) {
            netfront_signal(nf);
            break;
        }
        struct netbuf *done = NULL;
        uint32_t taken = queue->rx.rsp_next;
        if (take_response(queue, waiting, &done))
            return n;
        waiting -= (int)(queue->rx.rsp_next - taken);
        if (done && keep_packet(queue, done))
            packets[n++] = done;
    }
    if (queue->rx_target - queue->rx_ids.n_used >= queue->rx_target / 4 + 1 || n < max)
        netfront_queue_refill(queue);
    return n;
}
