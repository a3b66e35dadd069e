/* SPDX-License-Identifier: BSD-2-Clause */
/** A disk, its queues and its pages, as the files of blkfront see them. */
#ifndef SPRAT_BLKFRONT_DISK_H
#define SPRAT_BLKFRONT_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <sprat/blkfront.h>
#include <sprat/evtchn.h>
#include <sprat/front.h>
#include <sprat/ring.h>

/* All that goes over the ring counts in these, whatever the disk's sector size: blkif.h in newer
 * versions of Xen says so, and Linux, QEMU and the BSDs do it. */
#define RING_SECTOR 512

/** A page for data in flight. What the backend sees is here and nowhere else. */
struct blkfront_page {
    struct blkfront_page *next;
    uint8_t *bytes;
    grant_ref_t ref; /* while it is in use; of a persistent one always */
};

/** A request on a ring: a whole one of the user's, or a part of a large one. */
struct blkfront_part {
    struct blkfront_request *request;
    struct blkfront_page *pages, *list; /* with the data; with the segments of an indirect one */
    size_t len;                         /* bytes */
    size_t at_byte;                     /* in the request's buffers, where it begins */
    uint32_t at_buffer;
    uint8_t operation; /* BLKIF_OP_*: what the response must name */
};

struct blkfront_queue {
    struct blkfront *bf;
    struct ring ring;
    grant_ref_t refs[RING_PAGES_MAX];
    struct ring_ids ids;
    struct blkfront_part *parts; /* by id */
    struct evtchn channel;
};

struct blkfront {
    struct front front; /* first: front.c hands out its address */
    unsigned number;
    struct blkfront_config config;
    struct blkfront_geometry geometry;
    struct blkfront_transport transport;
    struct blkfront_stats stats;
    void (*on_change)(void *arg);
    void *arg;
    struct port_queue waiting;
    bool event;    /* something happened since blkfront_wait() last returned */
    bool up;       /* requests may be sent */
    bool attached; /* responses may be taken */
    bool busy;     /* a callback may be running: who submits only queues */

    struct blkfront_queue queues[BLKFRONT_QUEUES_MAX];
    unsigned n_queues;   /* made by publish */
    unsigned ring_order; /* of their rings, log2 of pages */
    unsigned next_queue; /* to be tried first */
    unsigned n_parts;    /* in flight, on all queues */
    uint8_t flush_op;    /* BLKIF_OP_FLUSH_DISKCACHE, or WRITE_BARRIER in its place */

    struct blkfront_page *free_pages;
    unsigned n_pages, n_free;

    struct blkfront_request *first, *last;             /* submitted and not complete, in order */
    struct blkfront_request *ready_first, *ready_last; /* of them, what is to be sent */
    unsigned n_requests;
    unsigned n_writes; /* of them, writes and discards */
    unsigned n_held;   /* of them, flushes that wait for such */
    uint64_t n_submitted, n_completed;
};

/** Where a request is. */
enum blkfront_phase {
    PHASE_HELD,  /* a flush before which writes are under way */
    PHASE_NEW,   /* to be checked */
    PHASE_DATA,  /* to be sent, or sent */
    PHASE_FLUSH, /* a write whose data is written, and is to be made stable */
};

/* life.c */

/** The backend did what no backend may: nothing is sent or taken any more. */
void blkfront_fault(struct blkfront *bf, const char *what);

/** Wake who waits, and tell the user when the link or the geometry changed. */
void blkfront_signal(struct blkfront *bf, bool changed);

/* offer.c */

struct keys;

/** What the backend offers before the rings are made. @return 0 or -errno. */
int blkfront_read_transport(struct blkfront *bf, struct keys *keys);

/** What the disk is like. @return 0, or -errno when that can't be, after a line in the log. */
int blkfront_read_disk(struct blkfront *bf, struct blkfront_geometry *geometry,
                       struct blkfront_transport *transport);

/** Write the rings and what this frontend can do. @return 0 or -errno. */
int blkfront_write_offer(struct blkfront *bf, struct keys *keys);

/* pool.c */

/** Fill the pool with as much as it needs to make progress. @return 0 or -ENOMEM, -ENOSPC. */
int blkfront_pool_init(struct blkfront *bf);

/** Give all pages back. What the backend still maps is counted and lost. */
void blkfront_pool_free(struct blkfront *bf);

/** Does the backend map any of these pages, which are granted? */
bool blkfront_pages_mapped(const struct blkfront_page *first);

/** Pages that blkfront_page_take() may give now, if there is memory. */
unsigned blkfront_pool_room(const struct blkfront *bf);

/**
 * Take a page into use.
 *
 * @param read_only  the backend need not write to it.
 * @return granted; NULL when there is none now.
 */
struct blkfront_page *blkfront_page_take(struct blkfront *bf, bool read_only);

/** Give it back. @return false when the backend still maps it: it is lost. */
bool blkfront_page_put(struct blkfront *bf, struct blkfront_page *page);

/* queue.c */

/** Make a queue's ring, ids and channel. @return 0 or -errno; blkfront_queue_free() undoes it. */
int blkfront_queue_init(struct blkfront *bf, struct blkfront_queue *queue);

/** Keep the backend from the ring. @return false while it maps it, or a page that is in flight. */
bool blkfront_queue_revoke(struct blkfront_queue *queue);

/** Give back all of a queue; its parts' pages go to the pool. */
void blkfront_queue_free(struct blkfront_queue *queue);

/** Take the responses that are there. */
void blkfront_queue_reap(struct blkfront_queue *queue);

/* io.c */

/** Send the next part of a request that is in PHASE_DATA or PHASE_FLUSH. @return false: no room. */
bool blkfront_send(struct blkfront *bf, struct blkfront_request *request);

/** Show the backend what was sent. */
void blkfront_push(struct blkfront *bf);

/** Copy what a part read to where it belongs. */
void blkfront_copy_out(const struct blkfront_part *part);

/** Give a part's pages back. @return false when one is lost. */
bool blkfront_part_end(struct blkfront *bf, struct blkfront_part *part);

/* request.c */

/** Send what is ready, as far as there is room. */
void blkfront_pump(struct blkfront *bf);

/** A part was answered. @param operation  that was asked for. @param error  0 or -errno. */
void blkfront_part_done(struct blkfront *bf, struct blkfront_request *request, uint8_t operation,
                        int error);

/** The rings are gone: all that is under way is to be sent from its beginning. */
void blkfront_requeue(struct blkfront *bf);

/** Complete all requests with an error. */
void blkfront_fail_all(struct blkfront *bf, int error);

#endif
