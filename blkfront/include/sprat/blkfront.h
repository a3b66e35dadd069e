/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Disks: requests to blkback, many at a time, each completed once. No file system is known here.
 *
 * A request belongs to the caller, and with it its memory, from the moment it is made; between
 * blkfront_submit() and its completion neither may be touched. Memory may lie anywhere and be of
 * any size: it is copied to and from pages of the driver's own, which are all that the backend ever
 * sees. Offsets and lengths on the disk are in bytes, and multiples of the disk's sector size.
 *
 * The backend is another domain, and may lie: what it gets wrong is counted and ends the
 * connection, never the guest. While there is no connection (not yet, or the backend restarts)
 * requests wait; those that were on their way are sent again, in the order in which they were
 * submitted. Only blkfront_close() and the removal of the disk end them, with -ENODEV.
 *
 * Nothing here waits but blkfront_wait*(), blkfront_do() and blkfront_close().
 */
#ifndef SPRAT_BLKFRONT_H
#define SPRAT_BLKFRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/compiler.h>

#define BLKFRONT_QUEUES_MAX     8
#define BLKFRONT_RING_PAGES_MAX 16
#define BLKFRONT_SECTOR_MIN     512  /**< bytes */
#define BLKFRONT_SECTOR_MAX     4096 /**< bytes */
#define BLKFRONT_NAME_MAX       24   /**< room for a disk's name: "xvdzz15", or a number */

struct blkfront;

enum blkfront_op {
    BLKFRONT_READ,
    BLKFRONT_WRITE,
    /** All writes and discards that were submitted before it are on stable storage. */
    BLKFRONT_FLUSH,
    BLKFRONT_DISCARD,        /**< what the range holds is not needed any more */
    BLKFRONT_SECURE_DISCARD, /**< and must not be readable by anybody any more */
};

/** A piece of memory; as POSIX's struct iovec. */
struct blkfront_buffer {
    void *bytes;
    size_t len;
};

struct blkfront_request {
    enum blkfront_op op;
    bool fua;        /**< write: complete only when the data is on stable storage */
    uint64_t offset; /**< on the disk, bytes */
    uint64_t length; /**< discard: bytes; read and write: set to the buffers' by the driver */
    const struct blkfront_buffer *buffers; /**< read and write: one behind the other */
    unsigned n_buffers;

    /**
     * Called once, when the request is complete: like an event handler, so it must not wait; it may
     * submit requests, this one too, or free it. Before blkfront_submit() returns when there is
     * nothing to wait for. NULL: look at `status`.
     */
    void (*done)(struct blkfront_request *request);
    void *arg; /**< for `done` */

    /**
     * -EINPROGRESS until it is complete; then 0, or what came of it:
     *
     *     -EINVAL      an offset or length that is no multiple of the sector size, or no bytes
     *     -ERANGE      it reaches beyond the disk's end
     *     -EROFS       a write or discard to a disk that is read-only
     *     -EOPNOTSUPP  the disk can't do this (discard, secure discard)
     *     -EIO         the backend says that it failed; a part of it may have been done
     *     -ENOMEM      no page for its data, and nothing under way that will give one back
     *     -ENODEV      the disk was closed or taken away; so it will be for all that come later
     */
    int status;

    /* Of the driver. */
    struct blkfront_request *next, *prev, *queued;
    uint64_t number;
    uint64_t issued;
    unsigned n_parts, n_before;
    int error;
    uint8_t phase;
    bool ready;
    uint32_t at_buffer;
    size_t at_byte;
};

enum blkfront_link {
    BLKFRONT_DOWN, /**< no backend, or one that is not connected, or was closed for a fault */
    BLKFRONT_UP,
    BLKFRONT_GONE, /**< the disk was unplugged; blkfront_close() it */
};

/** The disk, as the backend describes it. Valid once the link was up; it may change (a resize). */
struct blkfront_geometry {
    uint64_t bytes;               /**< its size, a multiple of sector_bytes */
    uint32_t sector_bytes;        /**< 512, 1024, 2048 or 4096: the least that can be addressed */
    uint32_t physical_bytes;      /**< the least that the medium writes in one piece */
    uint32_t discard_granularity; /**< bytes */
    uint32_t discard_alignment;   /**< bytes from the disk's beginning to the first such unit */
    bool read_only;
    bool removable, cdrom;
    bool flush; /**< false: the backend has no cache to flush, a write that completed is stable */
    bool discard, secure_discard;
};

/** How requests travel; of the connection there is now. */
struct blkfront_transport {
    unsigned n_queues;
    unsigned ring_entries; /**< requests in flight on each queue */
    unsigned segments;     /**< pages that one of them can carry */
    bool indirect, persistent;
    bool flush, barrier; /**< how a flush is asked for: either, or none */
};

struct blkfront_config {
    unsigned queues_max; /**< 0 is 1 */
    unsigned ring_pages; /**< of each queue's ring, a power of two; 0 is 1 */
    /**
     * Pages for data in flight, allocated when they are needed; 0 is 264. Each needs a grant: see
     * max_grant_frames in xl.cfg(5), 512 grants a frame.
     */
    unsigned pages_max;
    bool no_persistent; /**< grant pages anew for each request: the backend maps each time */
    bool no_indirect;   /**< at most 11 pages in a request on the ring */
};

/** What happened so far. All count from the disk's opening. */
struct blkfront_stats {
    uint64_t reads, writes, flushes, discards; /**< completed without an error */
    uint64_t read_bytes, written_bytes;
    uint64_t errors;      /**< completed with one */
    uint64_t sent;        /**< requests put on rings: a large one is split */
    uint64_t resent;      /**< requests that were under way when the backend left */
    uint64_t notified;    /**< the backend had to be told */
    uint64_t events;      /**< the backend told us */
    uint64_t faults;      /**< lies of the backend: each closed the connection */
    uint64_t connections; /**< how often the backend has connected */
    uint64_t pages_lost;  /**< pages that the backend did not let go of */
};

/** Numbers of the disks that the toolstack gave the guest. @return how many, or -errno. */
SPRAT_API int blkfront_list(unsigned *numbers, size_t max);

/**
 * A disk's number from its name: "xvda", "xvdb3", "xvdaa", "sda1", "hdc", as xl's vdev, or the
 * number itself in decimal. @return 0; -EINVAL when the name is none.
 * Source: xen-vbd-interface(7).
 */
SPRAT_API int blkfront_number(const char *name, unsigned *number);

/** And its name: "xvda". Of numbers that have none the decimal digits. @return name */
SPRAT_API char *blkfront_name(unsigned number, char name[BLKFRONT_NAME_MAX]);

/**
 * Open disk `number` (device/vbd/NUMBER) and begin to connect it. Requests may be submitted at
 * once.
 *
 * @param config  NULL for the defaults; copied.
 * @param on_change  called like an event handler (it must not wait) when the link or the geometry
 *                   changed. May be NULL.
 * @return 0; -ENODEV when there is no such disk; -EBUSY when it is open; -ENOMEM; -EINVAL for a
 *         config that can't be.
 */
SPRAT_API int blkfront_open(unsigned number, const struct blkfront_config *config,
                            void (*on_change)(void *arg), void *arg, struct blkfront **bf);

/**
 * Close it and give everything back, waiting until the backend let go (or for some seconds).
 * Requests that are under way are waited for like that; those that are left complete with -ENODEV.
 */
SPRAT_API void blkfront_close(struct blkfront *bf);

SPRAT_API enum blkfront_link blkfront_link(const struct blkfront *bf);
SPRAT_API const struct blkfront_geometry *blkfront_geometry(const struct blkfront *bf);
SPRAT_API const struct blkfront_transport *blkfront_transport(const struct blkfront *bf);
SPRAT_API const struct blkfront_stats *blkfront_stats(const struct blkfront *bf);

/**
 * Wait until the link is up for the first time (geometry is valid from then on).
 *
 * @param deadline_ns  of CLOCK_MONOTONIC; UINT64_MAX is never.
 * @return 0, -ENODEV when the disk is gone, -ETIMEDOUT.
 */
SPRAT_API int blkfront_wait_up(struct blkfront *bf, uint64_t deadline_ns);

/**
 * Submit requests, in order, and tell the backend once. All are taken, however many are under way:
 * what does not fit the ring waits here. A request that can't be done completes with an error like
 * any other. Requests that touch the same sectors and are under way together may be done in any
 * order. Callable from event handlers.
 */
SPRAT_API void blkfront_submit(struct blkfront *bf, struct blkfront_request *const *requests,
                               unsigned n);

/** Take completions that are there, without waiting. @return how many requests completed. */
SPRAT_API unsigned blkfront_poll(struct blkfront *bf);

/**
 * Sleep until a request completes or the link or the geometry changes; or return at once when that
 * happened since the last call. @return 0 or -ETIMEDOUT.
 */
SPRAT_API int blkfront_wait(struct blkfront *bf, uint64_t deadline_ns);

/**
 * Submit one request and wait until it is complete. Its `done` is not used. Other threads may do
 * the same meanwhile. @return its status.
 */
SPRAT_API int blkfront_do(struct blkfront *bf, struct blkfront_request *request);

/** Requests that were submitted and are not complete. */
SPRAT_API unsigned blkfront_under_way(const struct blkfront *bf);

#endif
