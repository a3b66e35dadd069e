/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The frontend's side of a request and response ring (xen/io/ring.h), against a backend that may
 * lie.
 *
 * What the frontend must know again later is never read back from the shared page: requests are
 * only written there, responses are copied out once. Which requests are in flight is kept in struct
 * ring_ids.
 */
#ifndef SPRAT_RING_H
#define SPRAT_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include <sprat/compiler.h>

#define RING_PAGES_MAX  16
#define RING_HEAD_BYTES 64 /**< of the first page: both sides' indices */

struct ring {
    void *pages;         /**< shared; the frontend's own */
    uint32_t n_pages;    /**< a power of two */
    uint32_t entry_size; /**< bytes of the larger of a request and a response */
    uint32_t n_entries;  /**< a power of two */
    uint32_t req_next;   /**< the next request's index, private until ring_push() */
    uint32_t req_pushed; /**< the backend was shown the requests before this one */
    uint32_t rsp_next;   /**< the next response to be taken */
    uint32_t rsp_seen;   /**< how far the backend's producer has come: it may not go back */
};

/** Begin an empty ring on pages that follow one another, to be granted. */
void ring_init(struct ring *ring, void *pages, unsigned n_pages, size_t entry_size);

/**
 * Allocate a ring's pages, begin it, and let a domain use them.
 *
 * @param n_pages  a power of two, at most RING_PAGES_MAX.
 * @param refs  receives one reference for each page.
 * @return 0, -ENOMEM, or what gnttab_grant() says; then nothing is left.
 */
int ring_alloc(struct ring *ring, domid_t domid, unsigned n_pages, size_t entry_size,
               grant_ref_t *refs);

/**
 * Stop the other domain from mapping the pages. What is done is not done again.
 *
 * @return false while it maps any of them.
 */
bool ring_revoke(struct ring *ring, grant_ref_t *refs);

/**
 * Take the pages back; a ring that was never allocated (all zero) has none.
 *
 * @return how many are lost: the other domain maps one of them, and they belong together.
 */
unsigned ring_free(struct ring *ring, grant_ref_t *refs);

/** Does the other domain map any of the pages? */
bool ring_mapped(const struct ring *ring, const grant_ref_t *refs);

/** Requests that can be added before the ring is full. */
static inline uint32_t ring_room(const struct ring *ring)
{
    return ring->n_entries - (ring->req_next - ring->rsp_next);
}

/** Where the request or response of an index is. */
SPRAT_INLINE void *ring_entry(const struct ring *ring, uint32_t index)
{
    return (uint8_t *)ring->pages + RING_HEAD_BYTES +
           (size_t)(index & (ring->n_entries - 1)) * ring->entry_size;
}

/** Where the next request is to be written (write only); counts it. There must be room. */
SPRAT_INLINE void *ring_request(struct ring *ring)
{
    assert(ring_room(ring));
    return ring_entry(ring, ring->req_next++);
}

/** Show the backend all requests written so far. @return true when it wants to be notified. */
bool ring_push(struct ring *ring);

/**
 * Responses that wait.
 *
 * @return how many, or -EIO when the backend answered more than was asked, or took an answer back:
 *         the ring is lost.
 */
int ring_waiting(struct ring *ring);

/** Copy the next response out and count it. One must be waiting. */
SPRAT_INLINE void ring_take(struct ring *ring, void *copy, size_t size)
{
    __builtin_memcpy(copy, ring_entry(ring, ring->rsp_next++), size);
    __asm__ volatile("" ::: "memory"); /* no second look at the shared page in place of the copy */
}

/**
 * Ask for an event when `after` more responses have come, 1 for the next.
 *
 * @return true when so many are there already: look again, the event may not come.
 */
bool ring_arm(struct ring *ring, uint32_t after);

/** What a request in flight belongs to. */
struct ring_slot {
    void *item; /**< NULL while the id is free */
    grant_ref_t ref;
    uint16_t next; /**< free ids */
};

struct ring_ids {
    struct ring_slot *slots;
    uint16_t n, first_free, n_used;
};

/** @param n  ids, at most 65535. @return 0 or -ENOMEM. */
int ring_ids_init(struct ring_ids *ids, unsigned n);
void ring_ids_free(struct ring_ids *ids);

/** Take an id into use. @return the id, -ENOSPC when all are in flight. */
int ring_ids_put(struct ring_ids *ids, void *item, grant_ref_t ref);

/**
 * The id came back.
 *
 * @param slot  receives what was put.
 * @return false when the id is out of range or not in flight: the backend lies.
 */
bool ring_ids_take(struct ring_ids *ids, unsigned id, struct ring_slot *slot);

#endif
