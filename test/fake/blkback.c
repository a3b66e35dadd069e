/* SPDX-License-Identifier: BSD-2-Clause */
#include "blkback.h"

#include <stdio.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/mmu.h>

#include "backend.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

#define SECTOR 512u

struct fake_blkback fake_blkback;

static struct {
    uint8_t disk[FAKE_DISK_BYTES], stable[FAKE_DISK_BYTES];
} blkback;

static struct fake_backend backend = {
    .path = FAKE_VBD_BACKEND,
    .frontend = FAKE_VBD,
    .published = XenbusStateInitialised,
    .n_refs = FAKE_BACKEND_REFS,
    .attach = fake_blkback_attach,
    .detach = fake_blkback_detach,
    .by_hand = &fake_blkback.by_hand,
    .stubborn = &fake_blkback.stubborn,
    .careless = &fake_blkback.careless,
};

static bool check(bool is_so, const char *what)
{
    return fake_backend_check(&backend, is_so, what);
}

/* The handshake */

void fake_blkback_key(const char *key, const char *value)
{
    fake_backend_key(&backend, key, value);
}

void fake_blkback_number(const char *key, uint64_t value)
{
    fake_backend_number(&backend, key, value);
}

void fake_blkback_state(unsigned state)
{
    fake_blkback_number("state", state);
}

void fake_blkback_plug(void)
{
    static const char *const features[] = {
        "feature-persistent", "feature-flush-cache", "feature-barrier",
        "feature-discard",    "discard-secure",
    };

    fake_blkback.disk = blkback.disk;
    fake_blkback.stable = blkback.stable;
    if (!fake_blkback.bytes)
        fake_blkback.bytes = 1 << 20;
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        fake_blkback_key(features[i], "1");
    fake_blkback_key("feature-max-indirect-segments", "256");
    fake_blkback_number("sectors", fake_blkback.bytes / SECTOR);
    fake_blkback_key("sector-size", "512");
    fake_blkback_key("info", "0");
    fake_backend_plug(&backend);
}

static uint32_t guest_number(const char *folder, const char *key, uint32_t otherwise)
{
    return fake_backend_guest_number(&backend, folder, key, otherwise);
}

static void rung(void *arg)
{
    ++*(unsigned *)arg;
    if (fake_blkback.on_ring)
        fake_blkback.on_ring();
    else if (!fake_blkback.idle)
        fake_blkback_serve();
}

static void map_ring(struct fake_blkback_queue *queue, const char *folder)
{
    uint32_t order = guest_number("", "ring-page-order", 0);
    uint8_t *first = NULL;
    char key[24];

    queue->n_pages = 1u << order;
    if (order > 4)
        fake_fail("a ring of order %u", order);
    for (unsigned i = 0; i < queue->n_pages; i++) {
        snprintf(key, sizeof(key), "ring-ref%u", i);
        queue->refs[i] = guest_number(folder, key, 0);
        uint8_t *page = fake_blkback_page(queue->refs[i], true);
        if (i == 0)
            first = page;
        else if (page != first + (size_t)i * PAGE_BYTES)
            fake_fail("page %u of the ring is another one", i);
        fake_backend_hold(&backend, queue->refs[i], FAKE_MAPPED);
    }
    queue->ring = (blkif_sring_t *)first;
    queue->n_entries = __RING_SIZE(queue->ring, queue->n_pages * PAGE_BYTES);
}

void fake_blkback_attach(void)
{
    if (!check(!fake_blkback.attached, "the guest offers its rings a second time"))
        fake_blkback_detach();
    fake_blkback.attached = true;
    const char *offer = fake_xenstored_value(FAKE_VBD_BACKEND "/feature-persistent");
    fake_blkback.persistent =
        offer && strcmp(offer, "1") == 0 && guest_number("", "feature-persistent", 0);
    fake_blkback.n_queues = guest_number("", "multi-queue-num-queues", 1);
    if (!fake_blkback.n_queues || fake_blkback.n_queues > FAKE_QUEUES_MAX)
        fake_fail("%u queues", fake_blkback.n_queues);
    for (unsigned i = 0; i < fake_blkback.n_queues; i++) {
        struct fake_blkback_queue *queue = &fake_blkback.queues[i];
        char folder[24] = "";
        if (fake_blkback.n_queues > 1)
            snprintf(folder, sizeof(folder), "/queue-%u", i);
        memset(queue, 0, sizeof(*queue));
        map_ring(queue, folder);
        queue->port = guest_number(folder, "event-channel", 0);
        fake_evtchn_connect(queue->port, rung, &queue->rung);
    }
}

void fake_blkback_detach(void)
{
    fake_blkback.closed++;
    if (!fake_blkback.attached)
        return;
    fake_blkback.attached = false;
    fake_backend_let_all_go(&backend);
}

void fake_blkback_cut(void)
{
    memcpy(fake_blkback.disk, fake_blkback.stable, FAKE_DISK_BYTES);
}

/* Grants */

uint8_t *fake_blkback_page(uint32_t ref, bool write)
{
    return fake_backend_page(&backend, ref, write);
}

void fake_blkback_hold(uint32_t ref)
{
    fake_backend_hold(&backend, ref, GTF_reading);
}

unsigned fake_blkback_reclaim(void)
{
    return fake_backend_reclaim(&backend);
}

/* Requests */

static void copy_segments(struct fake_block *block, const struct blkif_request_segment *segments)
{
    if (check(block->n_segments && block->n_segments <= FAKE_SEGMENTS_MAX, "no such many segments"))
        memcpy(block->segments, segments, block->n_segments * sizeof(*segments));
    else
        block->n_segments = 0;
}

static void take_indirect(struct fake_block *block, const blkif_request_indirect_t *request)
{
    block->indirect = true;
    block->operation = request->indirect_op;
    block->handle = request->handle;
    block->n_segments = request->nr_segments;
    block->list_ref = request->indirect_grefs[0];
    check(block->operation <= BLKIF_OP_WRITE, "indirect, and neither to read nor to write");
    const uint8_t *page = fake_blkback_page(block->list_ref, false);
    if (page)
        copy_segments(block, (const struct blkif_request_segment *)page);
    else
        block->n_segments = 0;
}

bool fake_blkback_take(unsigned number, struct fake_block *block)
{
    struct fake_blkback_queue *queue = &fake_blkback.queues[number];
    blkif_request_t request;

    if (!check(queue->ring->req_prod - queue->cons <= queue->n_entries,
               "the guest's producer is too far away"))
        return false;
    if (queue->ring->req_prod == queue->cons) {
        queue->ring->req_event = queue->cons + 1;
        return false;
    }
    memcpy(&request, &queue->ring->ring[queue->cons++ % queue->n_entries].req, sizeof(request));
    *block = (struct fake_block){.operation = request.operation,
                                 .id = request.id,
                                 .handle = request.handle,
                                 .sector = request.sector_number,
                                 .n_segments = request.nr_segments};
    switch (request.operation) {
    case BLKIF_OP_READ:
    case BLKIF_OP_WRITE:
        copy_segments(block, request.seg);
        break;
    case BLKIF_OP_INDIRECT:
        block->id = ((blkif_request_indirect_t *)&request)->id;
        block->sector = ((blkif_request_indirect_t *)&request)->sector_number;
        take_indirect(block, (blkif_request_indirect_t *)&request);
        break;
    case BLKIF_OP_DISCARD:
        block->n_segments = 0;
        block->flag = ((blkif_request_discard_t *)&request)->flag;
        block->n_sectors = ((blkif_request_discard_t *)&request)->nr_sectors;
        break;
    default:
        check(request.operation <= BLKIF_OP_FLUSH_DISKCACHE && !block->n_segments,
              "an operation that is none, or a flush with data");
    }
    for (unsigned i = 0; i < block->n_segments; i++) {
        const struct blkif_request_segment *segment = &block->segments[i];
        check(segment->first_sect <= segment->last_sect && segment->last_sect < PAGE_BYTES / SECTOR,
              "a segment beyond its page");
        block->n_sectors += segment->last_sect - segment->first_sect + 1u;
    }
    return true;
}

static void transfer(const struct fake_block *block)
{
    bool read = block->operation == BLKIF_OP_READ;
    uint8_t *disk = fake_blkback.disk + block->sector * SECTOR;

    for (unsigned i = 0; i < block->n_segments; i++) {
        const struct blkif_request_segment *segment = &block->segments[i];
        size_t n = (segment->last_sect - segment->first_sect + 1u) * SECTOR;
        uint8_t *page = fake_blkback_page(segment->gref, read || fake_blkback.persistent);
        if (!page)
            return;
        if (fake_blkback.persistent)
            fake_backend_hold(&backend, segment->gref, FAKE_MAPPED);
        else if (!read)
            check(fake_gnttab_entry(segment->gref)->flags & GTF_readonly,
                  "what is written is granted for writing");
        page += segment->first_sect * SECTOR;
        memcpy(read ? page : disk, read ? disk : page, n);
        disk += n;
    }
}

int fake_blkback_do(const struct fake_block *block)
{
    if (block->operation != BLKIF_OP_FLUSH_DISKCACHE &&
        !check(block->sector <= fake_blkback.bytes / SECTOR &&
                   block->n_sectors <= fake_blkback.bytes / SECTOR - block->sector,
               "a request beyond the disk's end"))
        return BLKIF_RSP_ERROR;
    if (fake_blkback.status != BLKIF_RSP_OKAY)
        return fake_blkback.status;
    fake_blkback.n_indirect += block->indirect;
    switch (block->operation) {
    case BLKIF_OP_READ:
        fake_blkback.n_reads++;
        transfer(block);
        break;
    case BLKIF_OP_WRITE:
        fake_blkback.n_writes++;
        transfer(block);
        break;
    case BLKIF_OP_WRITE_BARRIER:
    case BLKIF_OP_FLUSH_DISKCACHE:
        ++*(block->operation == BLKIF_OP_WRITE_BARRIER ? &fake_blkback.n_barriers
                                                       : &fake_blkback.n_flushes);
        memcpy(fake_blkback.stable, fake_blkback.disk, fake_blkback.bytes);
        break;
    case BLKIF_OP_DISCARD:
        fake_blkback.n_discards++;
        fake_blkback.n_secure += block->flag == BLKIF_DISCARD_SECURE;
        memset(fake_blkback.disk + block->sector * SECTOR, 0, block->n_sectors * SECTOR);
    }
    return BLKIF_RSP_OKAY;
}

void fake_blkback_put(unsigned number, uint64_t id, unsigned operation, int status)
{
    struct fake_blkback_queue *queue = &fake_blkback.queues[number];
    blkif_response_t response = {
        .id = id, .operation = (uint8_t)operation, .status = (int16_t)status};

    memcpy(&queue->ring->ring[queue->prod++ % queue->n_entries].rsp, &response, sizeof(response));
}

bool fake_blkback_push(unsigned number)
{
    struct fake_blkback_queue *queue = &fake_blkback.queues[number];
    uint32_t old = queue->ring->rsp_prod;

    queue->ring->rsp_prod = queue->prod;
    bool wanted = queue->prod - queue->ring->rsp_event < queue->prod - old;
    if (wanted)
        fake_evtchn_raise(queue->port);
    return wanted;
}

void fake_blkback_answer(unsigned queue, const struct fake_block *block)
{
    fake_blkback_put(queue, block->id, block->operation, fake_blkback_do(block));
    fake_blkback_push(queue);
}

unsigned fake_blkback_serve(void)
{
    static struct fake_block block;
    unsigned n = 0;

    for (unsigned i = 0; i < fake_blkback.n_queues; i++)
        for (; fake_blkback_take(i, &block); n++)
            fake_blkback_answer(i, &block);
    return n;
}

void fake_blkback_assert_nothing_left(unsigned lost)
{
    fake_settle();
    fake_blkback.attached = false;
    fake_backend_assert_nothing_left(&backend, lost, 0);
}
