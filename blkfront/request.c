/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a request, from its submission to its completion.
 *
 *     submit -> [HELD ->] NEW -> DATA [-> FLUSH] -> complete
 *                          ^------ the backend left: again from the beginning
 *
 * All that are not complete are on one list, in the order of their submission; those that are to be
 * sent (or have a part that is) on another. Callbacks run while `busy` is set: what they submit is
 * only put on the lists, and who set it goes on with that.
 */
#include "disk.h"

#include <assert.h>
#include <errno.h>

#include <xen/io/blkif.h>

static bool is_discard(const struct blkfront_request *request)
{
    return request->op == BLKFRONT_DISCARD || request->op == BLKFRONT_SECURE_DISCARD;
}

static bool is_write(const struct blkfront_request *request)
{
    return request->op == BLKFRONT_WRITE || is_discard(request);
}

/* The two lists */

static void ready_append(struct blkfront *bf, struct blkfront_request *request)
{
    request->queued = NULL;
    request->ready = true;
    if (bf->ready_first)
        bf->ready_last->queued = request;
    else
        bf->ready_first = request;
    bf->ready_last = request;
}

static void ready_push(struct blkfront *bf, struct blkfront_request *request)
{
    request->queued = bf->ready_first;
    request->ready = true;
    if (!bf->ready_first)
        bf->ready_last = request;
    bf->ready_first = request;
}

static void ready_pop(struct blkfront *bf)
{
    bf->ready_first->ready = false;
    bf->ready_first = bf->ready_first->queued;
}

static void link_last(struct blkfront *bf, struct blkfront_request *request)
{
    request->next = NULL;
    request->prev = bf->last;
    if (bf->last)
        bf->last->next = request;
    else
        bf->first = request;
    bf->last = request;
    bf->n_requests++;
}

static void unlink_request(struct blkfront *bf, struct blkfront_request *request)
{
    if (request->prev)
        request->prev->next = request->next;
    else
        bf->first = request->next;
    if (request->next)
        request->next->prev = request->prev;
    else
        bf->last = request->prev;
    bf->n_requests--;
}

/* Completion */

/* A write that flushes behind it wait for is complete. */
static void release_held(struct blkfront *bf, const struct blkfront_request *write)
{
    struct blkfront_request *request = write->next;

    for (; request && bf->n_held; request = request->next) {
        if (request->phase == PHASE_HELD && --request->n_before == 0) {
            request->phase = PHASE_NEW;
            bf->n_held--;
            ready_append(bf, request);
        }
    }
}

static void count(struct blkfront_stats *stats, const struct blkfront_request *request, int error)
{
    if (error) {
        stats->errors++;
    } else if (request->op == BLKFRONT_READ) {
        stats->reads++;
        stats->read_bytes += request->length;
    } else if (request->op == BLKFRONT_WRITE) {
        stats->writes++;
        stats->written_bytes += request->length;
    } else if (request->op == BLKFRONT_FLUSH) {
        stats->flushes++;
    } else {
        stats->discards++;
    }
}

/* It may be freed, or submitted again, from here on. */
static void complete(struct blkfront *bf, struct blkfront_request *request, int error)
{
    if (is_write(request)) {
        bf->n_writes--;
        release_held(bf, request);
    }
    unlink_request(bf, request);
    count(&bf->stats, request, error);
    bf->n_completed++;
    request->status = error;
    blkfront_signal(bf, false);
    if (request->done)
        request->done(request);
}

static bool has_flush(const struct blkfront *bf)
{
    return bf->geometry.flush;
}

/* All parts were answered. */
static void end(struct blkfront *bf, struct blkfront_request *request)
{
    if (!request->error && request->fua && request->op == BLKFRONT_WRITE &&
        request->phase == PHASE_DATA && has_flush(bf)) {
        request->phase = PHASE_FLUSH;
        ready_push(bf, request); /* its data went before all that is there */
        return;
    }
    complete(bf, request, request->error);
}

void blkfront_part_done(struct blkfront *bf, struct blkfront_request *request, uint8_t operation,
                        int error)
{
    request->n_parts--;
    if (error == -EOPNOTSUPP && operation == BLKIF_OP_FLUSH_DISKCACHE && bf->transport.barrier) {
        bf->flush_op = BLKIF_OP_WRITE_BARRIER; /* an empty one flushes as well */
        ready_push(bf, request);
        return;
    }
    if (error == -EOPNOTSUPP && operation == BLKIF_OP_DISCARD)
        bf->geometry.discard = bf->geometry.secure_discard = false;
    else if (error == -EOPNOTSUPP && operation <= BLKIF_OP_WRITE)
        error = -EIO; /* no disk can't do that */
    if (!request->error)
        request->error = error;
    if (!request->n_parts && !request->ready)
        end(bf, request);
}

/* Sending */

static int check_range(const struct blkfront *bf, const struct blkfront_request *request)
{
    const struct blkfront_geometry *geometry = &bf->geometry;

    if (!request->length || request->length % geometry->sector_bytes ||
        request->offset % geometry->sector_bytes)
        return -EINVAL;
    if (request->offset > geometry->bytes || request->length > geometry->bytes - request->offset)
        return -ERANGE;
    return is_write(request) && geometry->read_only ? -EROFS : 0;
}

/* The disk may have become another one since the request was submitted. */
static int check(const struct blkfront *bf, struct blkfront_request *request)
{
    switch (request->op) {
    case BLKFRONT_READ:
    case BLKFRONT_WRITE:
        request->length = 0;
        for (unsigned i = 0; i < request->n_buffers; i++)
            if (__builtin_add_overflow(request->length, request->buffers[i].len, &request->length))
                return -EINVAL;
        return check_range(bf, request);
    case BLKFRONT_DISCARD:
    case BLKFRONT_SECURE_DISCARD: {
        bool can =
            request->op == BLKFRONT_DISCARD ? bf->geometry.discard : bf->geometry.secure_discard;
        int error = check_range(bf, request);
        return error ? error : can ? 0 : -EOPNOTSUPP;
    }
    case BLKFRONT_FLUSH:
        return 0;
    }
    return -EINVAL;
}

/* Send what can be sent of the first that is ready. @return false when it stays there. */
static bool advance(struct blkfront *bf)
{
    struct blkfront_request *request = bf->ready_first;

    if (request->phase == PHASE_NEW) {
        request->error = check(bf, request);
        request->phase = request->op == BLKFRONT_FLUSH ? PHASE_FLUSH : PHASE_DATA;
        if (!has_flush(bf))
            request->phase = PHASE_DATA; /* of no length */
    }
    if (request->phase == PHASE_FLUSH && !blkfront_send(bf, request))
        return false;
    while (!request->error && request->issued < request->length) {
        if (blkfront_send(bf, request))
            continue;
        if (!request->issued)
            request->phase = PHASE_NEW; /* the disk may be another one when there is room */
        if (bf->n_parts)
            return false;
        request->error = -ENOMEM; /* nothing under way will make room */
    }
    ready_pop(bf);
    if (!request->n_parts)
        end(bf, request);
    return true;
}

void blkfront_pump(struct blkfront *bf)
{
    if (bf->busy)
        return;
    bf->busy = true;
    while (bf->up && bf->ready_first && advance(bf))
        ;
    bf->busy = false;
    if (bf->up)
        blkfront_push(bf);
}

void blkfront_submit(struct blkfront *bf, struct blkfront_request *const *requests, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct blkfront_request *request = requests[i];
        request->status = -EINPROGRESS;
        request->error = 0;
        request->n_parts = 0;
        request->issued = 0;
        request->at_buffer = 0;
        request->at_byte = 0;
        request->phase = PHASE_NEW;
        request->ready = false;
        if (request->op == BLKFRONT_FLUSH)
            request->length = 0;
        link_last(bf, request);
        if (is_write(request))
            bf->n_writes++;
        if (request->op == BLKFRONT_FLUSH && bf->n_writes) {
            request->phase = PHASE_HELD;
            request->n_before = bf->n_writes;
            bf->n_held++;
        } else {
            ready_append(bf, request);
        }
    }
    if (blkfront_link(bf) == BLKFRONT_GONE)
        blkfront_fail_all(bf, -ENODEV);
    else
        blkfront_pump(bf);
}

unsigned blkfront_poll(struct blkfront *bf)
{
    uint64_t before = bf->n_completed;

    if (bf->busy)
        return 0;
    bf->busy = true;
    for (unsigned i = 0; i < bf->n_queues && bf->attached; i++)
        blkfront_queue_reap(&bf->queues[i]);
    bf->busy = false;
    blkfront_pump(bf);
    return (unsigned)(bf->n_completed - before);
}

void blkfront_requeue(struct blkfront *bf)
{
    bf->ready_first = bf->ready_last = NULL;
    for (struct blkfront_request *request = bf->first; request; request = request->next) {
        if (request->phase == PHASE_HELD)
            continue;
        if (request->phase != PHASE_NEW)
            bf->stats.resent++;
        request->phase = PHASE_NEW;
        request->error = 0;
        request->n_parts = 0;
        request->issued = 0;
        request->at_buffer = 0;
        request->at_byte = 0;
        ready_append(bf, request);
    }
}

/* Callbacks may submit more: that fails as well, after what is there. */
void blkfront_fail_all(struct blkfront *bf, int error)
{
    if (bf->busy)
        return;
    bf->busy = true;
    while (bf->first) {
        bf->ready_first = bf->ready_last = NULL; /* what becomes ready fails, too */
        complete(bf, bf->first, error);
    }
    bf->busy = false;
}

unsigned blkfront_under_way(const struct blkfront *bf)
{
    return bf->n_requests;
}
