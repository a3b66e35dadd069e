/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue's memory: rings, ids, channels, and the buffers in flight. */
#include "queue.h"

#include <errno.h>
#include <string.h>

#include <xen/io/netif.h>

#include <sprat/gnttab.h>

#define TX_ENTRY_BYTES sizeof(union netif_tx_sring_entry)
#define RX_ENTRY_BYTES sizeof(union netif_rx_sring_entry)

static void handle_event(void *arg)
{
    struct netfront_queue *queue = arg;
    netfront_signal(queue->nf);
}

int netfront_queue_init(struct netfront *nf, struct netfront_queue *queue)
{
    domid_t backend = nf->front.backend_id;

    *queue = (struct netfront_queue){.nf = nf, .rx_last = &queue->rx_first};
    queue->rx_target = nf->config.rx_buffers / nf->n_queues;
    int error = ring_alloc(&queue->tx, backend, 1, TX_ENTRY_BYTES, &queue->tx_ref);
    if (!error)
        error = ring_alloc(&queue->rx, backend, 1, RX_ENTRY_BYTES, &queue->rx_ref);
    if (error)
        return error;
    if (queue->rx_target > queue->rx.n_entries)
        queue->rx_target = queue->rx.n_entries;
    if (queue->rx_target < SLOTS_MAX)
        queue->rx_target =
            SLOTS_MAX; /* the largest packet must fit, or the backend waits for ever */

    error = ring_ids_init(&queue->tx_ids, queue->tx.n_entries);
    if (!error)
        error = ring_ids_init(&queue->rx_ids, queue->rx_target);
    if (error)
        return error;
    queue->rx_posted = port_alloc(queue->rx.n_entries * sizeof(*queue->rx_posted));
    if (!queue->rx_posted)
        return -ENOMEM;

    error = evtchn_alloc(&queue->tx_channel, backend, handle_event, queue);
    if (!error && nf->split_channels)
        error = evtchn_alloc(&queue->rx_channel, backend, handle_event, queue);
    if (error)
        return error;
    netfront_queue_refill(queue);
    return queue->rx_ids.n_used < SLOTS_MAX ? -ENOMEM : 0;
}

static bool any_mapped(const struct ring_ids *ids)
{
    for (unsigned id = 0; id < ids->n && ids->slots; id++)
        if (ids->slots[id].item && ids->slots[id].ref != NO_PAGE &&
            gnttab_mapped(ids->slots[id].ref))
            return true;
    return false;
}

bool netfront_queue_attached(const struct netfront_queue *queue)
{
    return ring_mapped(&queue->tx, &queue->tx_ref) && ring_mapped(&queue->rx, &queue->rx_ref);
}

bool netfront_queue_revoke(struct netfront_queue *queue)
{
    bool tx = ring_revoke(&queue->tx, &queue->tx_ref), rx = ring_revoke(&queue->rx, &queue->rx_ref);

    return tx && rx && !any_mapped(&queue->tx_ids) && !any_mapped(&queue->rx_ids);
}

static void free_in_flight(struct netfront *nf, struct ring_ids *ids)
{
    for (unsigned id = 0; id < ids->n && ids->slots; id++) {
        struct ring_slot slot;
        if (!ring_ids_take(ids, id, &slot) || slot.ref == NO_PAGE)
            continue;
        struct netbuf *piece = slot.item;
        piece->piece = NULL; /* each piece has an id of its own */
        if (gnttab_revoke(slot.ref)) {
            nf->stats.pages_lost++;
            netbuf_lose(piece);
        } else {
            netbuf_free(piece);
        }
    }
    ring_ids_free(ids);
}

void netfront_queue_free(struct netfront_queue *queue)
{
    struct netfront *nf = queue->nf;

    evtchn_close(&queue->tx_channel);
    evtchn_close(&queue->rx_channel);
    netbuf_free(queue->rx_first);
    free_in_flight(nf, &queue->tx_ids);
    free_in_flight(nf, &queue->rx_ids);
    nf->stats.pages_lost += ring_free(&queue->tx, &queue->tx_ref);
    nf->stats.pages_lost += ring_free(&queue->rx, &queue->rx_ref);
    port_free(queue->rx_posted);
    *queue = (struct netfront_queue){.nf = nf};
}

void netfront_queue_fault(struct netfront_queue *queue, const char *what)
{
    struct netfront *nf = queue->nf;

    nf->stats.faults++;
    nf->connected = false;
    front_fault(&nf->front, what);
}
