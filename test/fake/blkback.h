/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A blkback for one disk, at the guest's real rings, grants and event channels.
 *
 * Its handshake is an honest backend's, unless `by_hand`. Requests are answered as soon as the
 * guest tells of them, from a disk in memory, unless `idle`: then the test takes and answers them,
 * with functions that keep the protocol or with those that need not.
 */
#ifndef FAKE_BLKBACK_H
#define FAKE_BLKBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>

#define FAKE_VBD          "device/vbd/51712"
#define FAKE_VBD_NUMBER   51712
#define FAKE_VBD_BACKEND  "/local/domain/0/backend/vbd/5/51712"
#define FAKE_DISK_BYTES   (8u << 20) /* room; `bytes` says how large it is */
#define FAKE_SEGMENTS_MAX 512
#define FAKE_QUEUES_MAX   8

struct fake_blkback_queue {
    blkif_sring_t *ring;
    uint32_t refs[16], port;
    unsigned n_pages;
    uint32_t n_entries;
    uint32_t cons; /* requests that were taken */
    uint32_t prod; /* responses that were put, shown by a push */
    unsigned rung; /* the guest's notifications */
};

struct fake_blkback {
    bool by_hand;          /**< does nothing when the guest's state changes */
    bool stubborn;         /**< never closes */
    bool careless;         /**< has lied: what the guest makes of it fails no test */
    bool idle;             /**< does nothing when it is notified */
    bool attached;         /**< to the rings */
    bool persistent;       /**< what it mapped stays mapped; both sides agreed to it */
    unsigned closed;       /**< how often it let go */
    void (*on_ring)(void); /**< what it does at once when the guest notifies */

    uint64_t bytes;  /**< the disk's size; 1 MiB to begin with */
    uint8_t *disk;   /**< what it holds */
    uint8_t *stable; /**< what it held at the last flush */
    int status;      /**< of what is served; OKAY to begin with */

    unsigned n_reads, n_writes, n_flushes, n_barriers, n_discards, n_secure, n_indirect;
    unsigned n_queues;
    struct fake_blkback_queue queues[FAKE_QUEUES_MAX];
};
extern struct fake_blkback fake_blkback;

/** A request, as it was found on the ring. */
struct fake_block {
    uint8_t operation; /**< of an indirect one that which is meant */
    bool indirect;
    uint8_t flag; /**< of a discard */
    uint16_t handle;
    uint64_t id, sector, n_sectors;
    unsigned n_segments;
    uint32_t list_ref;
    struct blkif_request_segment segments[FAKE_SEGMENTS_MAX];
};

/** The toolstack makes the disk, with all features and one queue; the backend waits. */
void fake_blkback_plug(void);

/** Write one of the backend's keys; NULL removes it. */
void fake_blkback_key(const char *key, const char *value);
void fake_blkback_number(const char *key, uint64_t value);

/** Show a state (XenbusState*). */
void fake_blkback_state(unsigned state);

/** Read the guest's keys, map its rings, connect its channels; fails the test if it can't. */
void fake_blkback_attach(void);

/** Let go of all pages. */
void fake_blkback_detach(void);

/** What is not flushed is lost. */
void fake_blkback_cut(void);

/**
 * The guest's page behind a grant. One that may not be used like that fails the test, or is NULL.
 */
uint8_t *fake_blkback_page(uint32_t ref, bool write);

/** Map a grant, and keep it mapped until fake_blkback_reclaim(). */
void fake_blkback_hold(uint32_t ref);

/** Unmap what is held and free what the guest lost by it. @return how many pages it had lost. */
unsigned fake_blkback_reclaim(void);

/** Take the next request; fails the test when it breaks the protocol. @return false: none. */
bool fake_blkback_take(unsigned queue, struct fake_block *block);

/** Do what a request says. @return its status. */
int fake_blkback_do(const struct fake_block *block);

/** Put a response, to be shown by a push; the event is sent when the guest asked for it. */
void fake_blkback_put(unsigned queue, uint64_t id, unsigned operation, int status);
bool fake_blkback_push(unsigned queue);

/** Do a request and answer it. */
void fake_blkback_answer(unsigned queue, const struct fake_block *block);

/** Take, do and answer all that is there on all queues. @return how many. */
unsigned fake_blkback_serve(void);

/**
 * Nothing is left of the disk: no page, block, grant, channel or watch, but for `lost` pages that
 * were held.
 */
void fake_blkback_assert_nothing_left(unsigned lost);

#endif
