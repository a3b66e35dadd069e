/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xenstored's wire: requests and answers on the shared ring. What they say is xenstore.c's.
 * Source: xen/io/xs_wire.h, and docs/misc/xenstore-ring.txt of Xen.
 */
#ifndef XEN_XSWIRE_H
#define XEN_XSWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#include <sprat/port.h>
#include <sprat/xenstore.h>

#define XSWIRE_PARTS 3

/** A request. It is its caller's (mostly on the stack), from the submission to its result. */
struct xswire_request {
    struct xswire_request *next;
    struct xsd_sockmsg header; /* the caller sets type and tx_id */
    struct {
        const void *bytes;
        size_t len;
    } part[XSWIRE_PARTS]; /* what is asked; the first is the path, with its NUL */
    size_t sent;          /* of header and parts together */

    char *reply;       /* the answer goes there, with a NUL behind it; may be NULL */
    size_t reply_size; /* in: of the buffer; out: of the answer without its NUL */
    int result;        /* once done() is called */
    void (*done)(struct xswire_request *request); /* may be NULL; may free the request */
    struct port_queue waiting;
};

/**
 * Use the ring in `page`.
 *
 * @param watch_event  called with the path (valid during the call) and token of each event that
 *                     arrives; false when no watch has that token
 * @return 0, or a negative error number of the event channel's.
 */
int xswire_init(void *page, uint32_t port, bool (*watch_event)(const char *path, uint64_t token));

/**
 * Queue a request; xswire_push() sends it.
 *
 * @return 0; -ENOSYS without a xenstored, -EIO after it spoke nonsense, -EINVAL when too long.
 */
int xswire_submit(struct xswire_request *request);

/** Send what is queued, as far as the ring takes it; the rest follows by itself. */
void xswire_push(void);

/**
 * Wait for the answer to a request that was submitted and has no done().
 *
 * @param asked_ns  when: the patience (XENSTORE_TIMEOUT_NS) counts from there
 * @return 0, or xenstored's error, -E2BIG for the reply's buffer, -ETIMEDOUT, -EIO.
 */
int xswire_await(struct xswire_request *request, uint64_t asked_ns);

/**
 * Wait until every question has its answer.
 *
 * @return 0, -ETIMEDOUT.
 */
int xswire_quiet(uint64_t deadline_ns);

/** Use the ring with a xenstored that has just begun with it; nothing may be under way. */
int xswire_restart(void *page, uint32_t port);

/** Submit, push and await. */
int xswire_ask(struct xswire_request *request);

#endif
