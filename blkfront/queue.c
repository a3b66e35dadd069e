/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's memory, and its responses. The backend's word is copied out of the ring once, checked,
 * then used: which requests are in flight, with which pages, is the guest's own knowledge.
 */
#include "disk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/io/blkif.h>

static_assert(sizeof(blkif_response_t) == 16, "blkif ABI");
static_assert(sizeof(union blkif_sring_entry) == 112, "blkif ABI");

static void handle_event(void *arg)
{
    struct blkfront_queue *queue = arg;

    queue->bf->stats.events++;
    blkfront_poll(queue->bf);
}

int blkfront_queue_init(struct blkfront *bf, struct blkfront_queue *queue)
{
    domid_t backend = bf->front.backend_id;

    *queue = (struct blkfront_queue){.bf = bf};
    int error = ring_alloc(&queue->ring, backend, 1u << bf->ring_order,
                           sizeof(union blkif_sring_entry), queue->refs);
    if (error)
        return error;
    unsigned n = queue->ring.n_entries;
    error = ring_ids_init(&queue->ids, n);
    if (error)
        return error;
    queue->parts = port_alloc(n * sizeof(*queue->parts));
    if (!queue->parts)
        return -ENOMEM;
    memset(queue->parts, 0, n * sizeof(*queue->parts));
    return evtchn_alloc(&queue->channel, backend, handle_event, queue);
}

bool blkfront_queue_revoke(struct blkfront_queue *queue)
{
    bool all = ring_revoke(&queue->ring, queue->refs);

    for (unsigned id = 0; id < queue->ids.n && queue->parts; id++) {
        const struct blkfront_part *part = &queue->parts[id];
        if (blkfront_pages_mapped(part->pages) || blkfront_pages_mapped(part->list))
            all = false;
    }
    return all;
}

void blkfront_queue_free(struct blkfront_queue *queue)
{
    struct blkfront *bf = queue->bf;

    evtchn_close(&queue->channel);
    for (unsigned id = 0; id < queue->ids.n && queue->parts; id++) {
        struct ring_slot slot;
        if (ring_ids_take(&queue->ids, id, &slot))
            blkfront_part_end(bf, &queue->parts[id]); /* what is lost is counted */
    }
    ring_ids_free(&queue->ids);
    port_free(queue->parts);
    bf->stats.pages_lost += ring_free(&queue->ring, queue->refs);
    *queue = (struct blkfront_queue){0};
}

/* @return 0 or -errno; false when there is no such status. */
static bool status_error(int16_t status, int *error)
{
    switch (status) {
    case BLKIF_RSP_OKAY:
        *error = 0;
        return true;
    case BLKIF_RSP_ERROR:
        *error = -EIO;
        return true;
    case BLKIF_RSP_EOPNOTSUPP:
        *error = -EOPNOTSUPP;
        return true;
    default:
        return false;
    }
}

/*
 * Take one response. Its request is not completed when there is something wrong with it: it waits
 * for the next connection, like those that were not answered.
 */
static void take_response(struct blkfront_queue *queue)
{
    struct blkfront *bf = queue->bf;
    blkif_response_t response;
    struct ring_slot slot;
    int error;

    ring_take(&queue->ring, &response, sizeof(response));
    /* The ring's id has 64 bits. */
    if (response.id >= queue->ids.n || !ring_ids_take(&queue->ids, (unsigned)response.id, &slot)) {
        blkfront_fault(bf, "id not in flight");
        return;
    }
    struct blkfront_part *part = &queue->parts[response.id];
    const char *wrong = NULL;
    if (response.operation != part->operation)
        wrong = "response to another operation";
    else if (!status_error(response.status, &error))
        wrong = "response of no known status";
    else if (!error && part->operation == BLKIF_OP_READ)
        blkfront_copy_out(part);
    if (!blkfront_part_end(bf, part))
        wrong = "page still mapped after its response";
    if (wrong)
        blkfront_fault(bf, wrong);
    else
        blkfront_part_done(bf, part->request, part->operation, error);
}

/* There is an end to it: nothing is sent meanwhile, so no more comes than is in flight now. */
void blkfront_queue_reap(struct blkfront_queue *queue)
{
    struct blkfront *bf = queue->bf;

    while (bf->attached) {
        int waiting = ring_waiting(&queue->ring);
        if (waiting < 0) {
            blkfront_fault(bf, "response producer out of range");
            return;
        }
        if (waiting == 0 && !ring_arm(&queue->ring, 1))
            return;
        while (waiting-- > 0 && bf->attached)
            take_response(queue);
    }
}
