/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests as they go over a ring, and their data. */
#include "disk.h"

#include <assert.h>
#include <string.h>

#include <xen/io/blkif.h>

#include <sprat/compiler.h>

static_assert(sizeof(blkif_request_t) == 112, "blkif ABI");
static_assert(sizeof(blkif_request_discard_t) == 32, "blkif ABI");
static_assert(sizeof(blkif_request_indirect_t) == 64, "blkif ABI");
static_assert(sizeof(struct blkif_request_segment) == 8, "blkif ABI");

#define PAGE_SECTORS  (PAGE_BYTES / RING_SECTOR)
#define WORTH_SENDING 32 /* pages: less of a large request waits until more are free */

/* Data */

/* Copy between a page and a request's buffers, from a place there on; the place moves on. */
static void copy(const struct blkfront_request *request, uint32_t *at_buffer, size_t *at_byte,
                 uint8_t *page, size_t len, bool to_page)
{
    while (len) {
        const struct blkfront_buffer *buffer = &request->buffers[*at_buffer];
        size_t n = buffer->len - *at_byte;
        if (n > len)
            n = len;
        if (n) { /* an empty buffer may be nowhere */
            uint8_t *bytes = (uint8_t *)buffer->bytes + *at_byte;
            memcpy(to_page ? page : bytes, to_page ? bytes : page, n);
        }
        page += n;
        len -= n;
        *at_byte += n;
        if (*at_byte == buffer->len) {
            ++*at_buffer;
            *at_byte = 0;
        }
    }
}

static void skip(const struct blkfront_request *request, uint32_t *at_buffer, size_t *at_byte,
                 size_t len)
{
    while (len) {
        size_t n = request->buffers[*at_buffer].len - *at_byte;
        if (n > len) {
            *at_byte += len;
            return;
        }
        len -= n;
        ++*at_buffer;
        *at_byte = 0;
    }
}

void blkfront_copy_out(const struct blkfront_part *part)
{
    uint32_t at_buffer = part->at_buffer;
    size_t at_byte = part->at_byte, left = part->len;

    for (struct blkfront_page *page = part->pages; page; page = page->next) {
        size_t n = left < PAGE_BYTES ? left : PAGE_BYTES;
        copy(part->request, &at_buffer, &at_byte, page->bytes, n, false);
        left -= n;
    }
}

bool blkfront_part_end(struct blkfront *bf, struct blkfront_part *part)
{
    bool all = true;

    for (struct blkfront_page *page = part->pages; page;) {
        struct blkfront_page *next = page->next;
        all = blkfront_page_put(bf, page) && all;
        page = next;
    }
    if (part->list)
        all = blkfront_page_put(bf, part->list) && all;
    part->pages = part->list = NULL;
    bf->n_parts--;
    return all;
}

/* Slots */

static struct blkfront_queue *find_room(struct blkfront *bf)
{
    for (unsigned i = 0; i < bf->n_queues; i++) {
        struct blkfront_queue *queue = &bf->queues[(bf->next_queue + i) % bf->n_queues];
        if (ring_room(&queue->ring)) {
            bf->next_queue = (unsigned)(queue - bf->queues) + 1;
            return queue;
        }
    }
    return NULL;
}

static struct blkfront_part *begin_part(struct blkfront_queue *queue,
                                        struct blkfront_request *request, uint8_t operation,
                                        int *id)
{
    *id = ring_ids_put(&queue->ids, request, 0);
    assert(*id >= 0); /* there are as many as slots */
    queue->bf->n_parts++;
    queue->bf->stats.sent++;
    request->n_parts++;
    struct blkfront_part *part = &queue->parts[*id];
    *part = (struct blkfront_part){.request = request, .operation = operation};
    return part;
}

static void send_flush(struct blkfront_queue *queue, struct blkfront_request *request)
{
    struct blkfront *bf = queue->bf;
    int id;

    begin_part(queue, request, bf->flush_op, &id);
    blkif_request_t *slot = ring_request(&queue->ring);
    slot->operation = bf->flush_op;
    slot->nr_segments = 0;
    slot->handle = (blkif_vdev_t)bf->number;
    slot->id = (uint64_t)id;
    slot->sector_number = 0;
}

static void send_discard(struct blkfront_queue *queue, struct blkfront_request *request)
{
    int id;

    begin_part(queue, request, BLKIF_OP_DISCARD, &id);
    blkif_request_discard_t *slot = ring_request(&queue->ring);
    slot->operation = BLKIF_OP_DISCARD;
    slot->flag = request->op == BLKFRONT_SECURE_DISCARD ? BLKIF_DISCARD_SECURE : 0;
    slot->handle = (blkif_vdev_t)queue->bf->number;
    slot->id = (uint64_t)id;
    slot->sector_number = request->offset / RING_SECTOR;
    slot->nr_sectors = request->length / RING_SECTOR;
    request->issued = request->length;
}

static void write_segments(struct blkif_request_segment *segments, const struct blkfront_page *page,
                           size_t len)
{
    for (; page; page = page->next, segments++) {
        size_t n = len < PAGE_BYTES ? len : PAGE_BYTES;
        segments->gref = page->ref;
        segments->first_sect = 0;
        segments->last_sect = (uint8_t)(n / RING_SECTOR - 1);
        len -= n;
    }
}

static void write_slot(struct blkfront_queue *queue, const struct blkfront_part *part, int id,
                       unsigned n_pages, uint64_t sector)
{
    blkif_vdev_t handle = (blkif_vdev_t)queue->bf->number;

    if (!part->list) {
        blkif_request_t *slot = ring_request(&queue->ring);
        slot->operation = part->operation;
        slot->nr_segments = (uint8_t)n_pages;
        slot->handle = handle;
        slot->id = (uint64_t)id;
        slot->sector_number = sector;
        write_segments(slot->seg, part->pages, part->len);
        return;
    }
    write_segments((struct blkif_request_segment *)part->list->bytes, part->pages, part->len);
    blkif_request_indirect_t *slot = ring_request(&queue->ring);
    slot->operation = BLKIF_OP_INDIRECT;
    slot->indirect_op = part->operation;
    slot->nr_segments = (uint16_t)n_pages;
    slot->id = (uint64_t)id;
    slot->sector_number = sector;
    slot->handle = handle;
    slot->indirect_grefs[0] = part->list->ref;
}

/* Pages for at most n_pages of data, all of them or as many as there are. @return how many. */
static unsigned take_pages(struct blkfront *bf, struct blkfront_part *part, unsigned n_pages)
{
    struct blkfront_page **last = &part->pages;
    unsigned n = 0;

    if (n_pages > BLKIF_MAX_SEGMENTS_PER_REQUEST && !(part->list = blkfront_page_take(bf, true)))
        return 0;
    while (n < n_pages && (*last = blkfront_page_take(bf, part->operation == BLKIF_OP_WRITE))) {
        last = &(*last)->next;
        n++;
    }
    if (!n && part->list) { /* the only page there is carries data as well */
        blkfront_page_put(bf, part->list);
        part->list = NULL;
        part->pages = blkfront_page_take(bf, part->operation == BLKIF_OP_WRITE);
        n = part->pages != NULL;
    }
    return n;
}

/*
 * How many pages the next part is to have. A large request takes what there is, but not in small
 * pieces while others are under way that will give theirs back.
 */
static unsigned pages_wanted(const struct blkfront *bf, size_t left)
{
    size_t wanted = (left + PAGE_BYTES - 1) / PAGE_BYTES;
    unsigned room = blkfront_pool_room(bf);

    if (wanted > bf->transport.segments)
        wanted = bf->transport.segments;
    unsigned needed = (unsigned)wanted + (wanted > BLKIF_MAX_SEGMENTS_PER_REQUEST);
    if (needed <= room)
        return (unsigned)wanted;
    /* Others are under way: of all pages none needs more than there are. */
    return room < WORTH_SENDING ? 0 : room - 1;
}

static bool send_data(struct blkfront_queue *queue, struct blkfront_request *request)
{
    struct blkfront *bf = queue->bf;
    size_t left = request->length - request->issued;
    uint8_t operation = request->op == BLKFRONT_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
    uint64_t sector = (request->offset + request->issued) / RING_SECTOR;
    struct blkfront_part pages = {.operation = operation};
    int id;

    unsigned n = take_pages(bf, &pages, pages_wanted(bf, left));
    if (!n)
        return false;
    struct blkfront_part *part = begin_part(queue, request, operation, &id);
    part->pages = pages.pages;
    part->list = pages.list;
    part->len = left < (size_t)n * PAGE_BYTES ? left : (size_t)n * PAGE_BYTES;
    part->at_buffer = request->at_buffer;
    part->at_byte = request->at_byte;
    if (operation == BLKIF_OP_READ) {
        skip(request, &request->at_buffer, &request->at_byte, part->len);
    } else {
        size_t rest = part->len;
        for (struct blkfront_page *page = part->pages; page; page = page->next) {
            size_t bytes = rest < PAGE_BYTES ? rest : PAGE_BYTES;
            copy(request, &request->at_buffer, &request->at_byte, page->bytes, bytes, true);
            rest -= bytes;
        }
    }
    request->issued += part->len;
    write_slot(queue, part, id, n, sector);
    return true;
}

bool blkfront_send(struct blkfront *bf, struct blkfront_request *request)
{
    struct blkfront_queue *queue = find_room(bf);

    if (!queue)
        return false;
    if (request->phase == PHASE_FLUSH) {
        send_flush(queue, request);
        return true;
    }
    if (request->op == BLKFRONT_DISCARD || request->op == BLKFRONT_SECURE_DISCARD) {
        send_discard(queue, request);
        return true;
    }
    return send_data(queue, request);
}

void blkfront_push(struct blkfront *bf)
{
    for (unsigned i = 0; i < bf->n_queues; i++) {
        struct blkfront_queue *queue = &bf->queues[i];
        if (queue->ring.req_next != queue->ring.req_pushed && ring_push(&queue->ring)) {
            evtchn_notify(&queue->channel);
            bf->stats.notified++;
        }
    }
}
