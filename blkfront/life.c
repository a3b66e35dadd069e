/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's life: the handshake with blkback, and its ends. */
#include "disk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/keys.h>

#define PAGES_DEFAULT 264 /* a request of 1 MiB, its segments, and a few small ones */
#define PAGES_MIN     16
#define PAGES_MOST    65536

static struct blkfront *blkfront_of(struct front *front)
{
    return CONTAINER_OF(front, struct blkfront, front);
}

void blkfront_signal(struct blkfront *bf, bool changed)
{
    bf->event = true;
    port_wake(&bf->waiting);
    if (changed && bf->on_change)
        bf->on_change(bf->arg);
}

void blkfront_fault(struct blkfront *bf, const char *what)
{
    bf->stats.faults++;
    bf->up = bf->attached = false;
    front_fault(&bf->front, what);
    blkfront_signal(bf, false);
}

/* What the frontend does at each step */

static int publish(struct front *front, struct keys *keys)
{
    struct blkfront *bf = blkfront_of(front);

    int error = blkfront_read_transport(bf, keys);
    for (unsigned i = 0; i < bf->n_queues && !error; i++)
        error = blkfront_queue_init(bf, &bf->queues[i]);
    return error ? error : blkfront_write_offer(bf, keys);
}

static int connected(struct front *front)
{
    struct blkfront *bf = blkfront_of(front);
    struct blkfront_geometry geometry;
    struct blkfront_transport transport;

    int error = blkfront_read_disk(bf, &geometry, &transport);
    if (error)
        return error;
    bf->geometry = geometry;
    bf->transport = transport;
    bf->flush_op = transport.flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
    return blkfront_pool_init(bf);
}

/* The disk may have another size. Nothing else may change without a new connection. */
static void offered(struct front *front)
{
    struct blkfront *bf = blkfront_of(front);
    struct blkfront_geometry geometry;
    struct blkfront_transport transport;

    int error = blkfront_read_disk(bf, &geometry, &transport);
    if (!bf->up)
        return;
    if (error == -EINVAL || (!error && geometry.sector_bytes != bf->geometry.sector_bytes)) {
        blkfront_fault(bf, "the disk's new size or sector size can't be");
        return;
    }
    if (error) {
        port_log("%s: its new size can't be read: error %d", front->path, -error);
        return;
    }
    if (geometry.bytes == bf->geometry.bytes)
        return;
    bf->geometry.bytes = geometry.bytes;
    blkfront_signal(bf, true);
}

/*
 * What is under way is waited for while the backend closes, too: it lets go of all pages only when
 * it has nothing to do.
 */
static void disconnect(struct front *front)
{
    struct blkfront *bf = blkfront_of(front);
    uint64_t deadline_ns = clock_monotonic() + FRONT_LET_GO_NS;

    bf->up = false;
    while (bf->n_parts && bf->attached && front->backend_state == XenbusStateClosing)
        if (port_wait(&bf->waiting, deadline_ns))
            break;
    bf->attached = false;
}

static bool attached(struct front *front)
{
    const struct blkfront *bf = blkfront_of(front);

    for (unsigned i = 0; i < bf->n_queues; i++)
        if (!ring_mapped(&bf->queues[i].ring, bf->queues[i].refs))
            return false;
    return true;
}

/*
 * A backend that starts anew may have been stopped with requests under way, which end when they
 * will: what is sent again before that could be overwritten by what it was to replace.
 */
static bool revoke(struct blkfront *bf)
{
    bool all = true;

    for (unsigned i = 0; i < bf->n_queues; i++)
        if (bf->queues[i].bf && !blkfront_queue_revoke(&bf->queues[i]))
            all = false;
    return all && !(bf->transport.persistent && blkfront_pages_mapped(bf->free_pages));
}

static bool release(struct front *front, bool last)
{
    struct blkfront *bf = blkfront_of(front);

    if (!revoke(bf) && !last)
        return false;
    for (unsigned i = 0; i < bf->n_queues; i++)
        if (bf->queues[i].bf)
            blkfront_queue_free(&bf->queues[i]);
    bf->n_queues = 0;
    blkfront_pool_free(bf);
    blkfront_requeue(bf);
    return true;
}

static void changed(struct front *front)
{
    struct blkfront *bf = blkfront_of(front);

    if (front->state == FRONT_CONNECTED) {
        bf->stats.connections++;
        bf->up = bf->attached = true;
    }
    blkfront_signal(bf, true);
    if (front->state == FRONT_GONE)
        blkfront_fail_all(bf, -ENODEV);
    else
        blkfront_pump(bf);
}

static const struct front_driver driver = {
    .kind = "vbd",
    .published = XenbusStateInitialised,
    .publish = publish,
    .connected = connected,
    .disconnect = disconnect,
    .attached = attached,
    .release = release,
    .changed = changed,
    .offered = offered,
};

/* For the user */

int blkfront_list(unsigned *numbers, size_t max)
{
    return front_list(driver.kind, numbers, max);
}

static int take_config(struct blkfront_config *own, const struct blkfront_config *config)
{
    if (config)
        *own = *config;
    if (!own->pages_max)
        own->pages_max = PAGES_DEFAULT;
    return own->queues_max <= BLKFRONT_QUEUES_MAX && own->ring_pages <= BLKFRONT_RING_PAGES_MAX &&
                   (own->ring_pages & (own->ring_pages - 1)) == 0 && own->pages_max >= PAGES_MIN &&
                   own->pages_max <= PAGES_MOST
               ? 0
               : -EINVAL;
}

int blkfront_open(unsigned number, const struct blkfront_config *config, void (*on_change)(void *),
                  void *arg, struct blkfront **opened)
{
    struct blkfront *bf = port_alloc(sizeof(*bf));

    if (!bf)
        return -ENOMEM;
    memset(bf, 0, sizeof(*bf));
    bf->number = number;
    bf->on_change = on_change;
    bf->arg = arg;
    int error = take_config(&bf->config, config);
    if (!error)
        error = front_open(&bf->front, &driver, number);
    if (error) {
        port_free(bf);
        return error;
    }
    *opened = bf;
    return 0;
}

void blkfront_close(struct blkfront *bf)
{
    uint64_t deadline_ns = clock_monotonic() + FRONT_LET_GO_NS;

    bf->on_change = NULL;
    while (bf->up && bf->n_requests)
        if (port_wait(&bf->waiting, deadline_ns))
            break;
    front_close(&bf->front, clock_monotonic() + FRONT_LET_GO_NS);
    blkfront_fail_all(bf, -ENODEV);
    port_free(bf);
}

enum blkfront_link blkfront_link(const struct blkfront *bf)
{
    if (bf->front.state == FRONT_GONE)
        return BLKFRONT_GONE;
    return bf->up ? BLKFRONT_UP : BLKFRONT_DOWN;
}

const struct blkfront_geometry *blkfront_geometry(const struct blkfront *bf)
{
    return &bf->geometry;
}

const struct blkfront_transport *blkfront_transport(const struct blkfront *bf)
{
    return &bf->transport;
}

const struct blkfront_stats *blkfront_stats(const struct blkfront *bf)
{
    return &bf->stats;
}

/* Waiting */

int blkfront_wait_up(struct blkfront *bf, uint64_t deadline_ns)
{
    int error = 0;

    while (!bf->stats.connections && bf->front.state != FRONT_GONE && !error)
        error = port_wait(&bf->waiting, deadline_ns);
    if (bf->stats.connections)
        return 0;
    return bf->front.state == FRONT_GONE ? -ENODEV : error;
}

int blkfront_wait(struct blkfront *bf, uint64_t deadline_ns)
{
    int error = 0;

    while (!bf->event && !error)
        error = port_wait(&bf->waiting, deadline_ns);
    bf->event = false;
    return error;
}

static void wake_one(struct blkfront_request *request)
{
    port_wake(request->arg);
}

int blkfront_do(struct blkfront *bf, struct blkfront_request *request)
{
    struct port_queue waiting = {0};

    request->done = wake_one;
    request->arg = &waiting;
    blkfront_submit(bf, &request, 1);
    while (request->status == -EINPROGRESS)
        port_wait(&waiting, PORT_FOREVER);
    return request->status;
}
