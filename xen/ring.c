/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/ring.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/gnttab.h>
#include <sprat/port.h>

/** The head of every ring's page, as xen/io/ring.h's macros lay it out. */
struct ring_page {
    volatile uint32_t req_prod, req_event, rsp_prod, rsp_event;
    uint8_t pad[48];
    uint8_t entries[];
};
static_assert(offsetof(struct ring_page, entries) == RING_HEAD_BYTES, "ring ABI");

#define NO_ID  UINT16_MAX
#define NO_REF 0 /* reserved by Xen's tools */

void ring_init(struct ring *ring, void *pages, unsigned n_pages, size_t entry_size)
{
    struct ring_page *shared = pages;
    size_t bytes = (size_t)n_pages * PAGE_BYTES;
    uint32_t fit = (uint32_t)((bytes - sizeof(*shared)) / entry_size);

    memset(pages, 0, bytes);
    shared->req_event = shared->rsp_event = 1;
    *ring = (struct ring){.pages = pages, .n_pages = n_pages, .entry_size = (uint32_t)entry_size};
    for (ring->n_entries = 1; ring->n_entries * 2 <= fit;)
        ring->n_entries *= 2;
}

int ring_alloc(struct ring *ring, domid_t domid, unsigned n_pages, size_t entry_size,
               grant_ref_t *refs)
{
    assert(n_pages && n_pages <= RING_PAGES_MAX && (n_pages & (n_pages - 1)) == 0);
    uint8_t *pages = port_pages_alloc(n_pages);
    if (!pages)
        return -ENOMEM;
    ring_init(ring, pages, n_pages, entry_size);
    for (unsigned i = 0; i < n_pages; i++) {
        int error = gnttab_grant(domid, pages + (size_t)i * PAGE_BYTES, false, &refs[i]);
        if (error) {
            ring->n_pages = i; /* that were granted; nobody was told of them */
            ring_free(ring, refs);
            return error;
        }
    }
    return 0;
}

bool ring_revoke(struct ring *ring, grant_ref_t *refs)
{
    bool all = true;

    for (unsigned i = 0; i < ring->n_pages; i++) {
        if (refs[i] == NO_REF)
            continue;
        if (gnttab_revoke(refs[i]))
            all = false;
        else
            refs[i] = NO_REF;
    }
    return all;
}

unsigned ring_free(struct ring *ring, grant_ref_t *refs)
{
    unsigned lost = ring_revoke(ring, refs) ? 0 : ring->n_pages;

    if (ring->pages && !lost)
        port_pages_free(ring->pages);
    *ring = (struct ring){0};
    return lost;
}

bool ring_mapped(const struct ring *ring, const grant_ref_t *refs)
{
    for (unsigned i = 0; i < ring->n_pages; i++)
        if (refs[i] != NO_REF && gnttab_mapped(refs[i]))
            return true;
    return false;
}

bool ring_push(struct ring *ring)
{
    struct ring_page *shared = ring->pages;
    uint32_t old = ring->req_pushed, new = ring->req_next;

    cpu_wmb(); /* requests before index */
    shared->req_prod = ring->req_pushed = new;
    cpu_mb(); /* index before the look at what the backend wants */
    return new - shared->req_event < new - old;
}

/*
 * A producer that could go back and forth would keep who looks, arms and looks again for ever: it
 * only goes on, and no further than the requests.
 */
int ring_waiting(struct ring *ring)
{
    const struct ring_page *shared = ring->pages;
    uint32_t producer = shared->rsp_prod;
    uint32_t waiting = producer - ring->rsp_next;

    if (waiting > ring->req_pushed - ring->rsp_next || waiting < ring->rsp_seen - ring->rsp_next)
        return -EIO;
    ring->rsp_seen = producer;
    cpu_rmb(); /* index before responses */
    return (int)waiting;
}

bool ring_arm(struct ring *ring, uint32_t after)
{
    struct ring_page *shared = ring->pages;

    shared->rsp_event = ring->rsp_next + after;
    cpu_mb(); /* the wish before the last look */
    uint32_t producer = shared->rsp_prod;
    if (producer - ring->rsp_next < after)
        return false;
    ring->rsp_seen = producer;
    return true;
}

int ring_ids_init(struct ring_ids *ids, unsigned n)
{
    assert(n && n < NO_ID);
    ids->slots = port_alloc(n * sizeof(*ids->slots));
    if (!ids->slots)
        return -ENOMEM;
    ids->n = (uint16_t)n;
    ids->n_used = 0;
    ids->first_free = 0;
    for (unsigned i = 0; i < n; i++)
        ids->slots[i] = (struct ring_slot){.next = (uint16_t)(i + 1 < n ? i + 1 : NO_ID)};
    return 0;
}

void ring_ids_free(struct ring_ids *ids)
{
    port_free(ids->slots);
    *ids = (struct ring_ids){.first_free = NO_ID};
}

int ring_ids_put(struct ring_ids *ids, void *item, grant_ref_t ref)
{
    uint16_t id = ids->first_free;

    assert(item);
    if (!ids->slots || id == NO_ID)
        return -ENOSPC;
    ids->first_free = ids->slots[id].next;
    ids->slots[id] = (struct ring_slot){.item = item, .ref = ref};
    ids->n_used++;
    return id;
}

bool ring_ids_take(struct ring_ids *ids, unsigned id, struct ring_slot *slot)
{
    if (id >= ids->n || !ids->slots[id].item)
        return false;
    *slot = ids->slots[id];
    ids->slots[id] = (struct ring_slot){.next = ids->first_free};
    ids->first_free = (uint16_t)id;
    ids->n_used--;
    return true;
}
