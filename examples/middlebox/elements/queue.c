/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queue: a FIFO with a capacity. SimpleQueue, NotifierQueue, FullNoteQueue and ThreadSafeQueue are
 * other names for it: it always notifies, and there is one thread.
 *
 * The packets are linked through themselves, so that a large capacity costs nothing. On a hot swap
 * the packets move to the new queue, as far as they fit.
 */
#include "../engine/element.h"

struct queue {
    struct element e;
    struct packet *head, **tail;
    uint32_t length, capacity, highwater;
    uint64_t drops;
};

static int queue_configure(struct element *e, struct conf *c)
{
    struct queue *q = (struct queue *)e;

    (void)c;
    q->tail = &q->head;
    return 0;
}

static void queue_push(struct element *e, unsigned port, struct packet *batch)
{
    struct queue *q = (struct queue *)e;
    uint32_t had = q->length;

    (void)port;
    while (batch && q->length < q->capacity) {
        *q->tail = batch;
        q->tail = &batch->next;
        batch = batch->next;
        q->length++;
    }
    *q->tail = NULL;
    if (q->length > q->highwater)
        q->highwater = q->length;
    if (!had && q->length)
        element_wake_pullers(e);
    if (!batch)
        return;
    q->drops += packet_count(batch);
    if (e->n_out > 1)
        element_push(e, 1, batch);
    else
        packet_kill_batch(batch);
}

static struct packet *queue_pull(struct element *e, unsigned port, unsigned max)
{
    struct queue *q = (struct queue *)e;
    struct packet *batch = q->head, *last = NULL;
    bool was_full = q->length >= q->capacity;

    (void)port;
    if (!batch)
        return NULL;
    while (q->head && max--) {
        last = q->head;
        q->head = last->next;
        q->length--;
    }
    if (!last)
        return NULL;
    last->next = NULL;
    if (!q->head)
        q->tail = &q->head;
    if (was_full)
        element_wake_feeders(e);
    return batch;
}

static void queue_empty(struct queue *q)
{
    packet_kill_batch(q->head);
    q->head = NULL;
    q->tail = &q->head;
    q->length = 0;
}

static void queue_cleanup(struct element *e)
{
    queue_empty((struct queue *)e);
}

static void queue_take_state(struct element *e, struct element *old)
{
    struct queue *q = (struct queue *)e, *o = (struct queue *)old;
    struct packet *batch = o->head;

    o->head = NULL;
    o->tail = &o->head;
    o->length = 0;
    q->drops = o->drops;
    q->highwater = o->highwater;
    while (batch && q->length < q->capacity) {
        *q->tail = batch;
        q->tail = &batch->next;
        batch = batch->next;
        q->length++;
    }
    *q->tail = NULL;
    q->drops += packet_kill_batch(batch);
}

static unsigned queue_stored(const struct element *e, unsigned *room)
{
    const struct queue *q = (const struct queue *)e;

    *room = q->length < q->capacity ? q->capacity - q->length : 0;
    return q->length;
}

static int queue_reset(struct hcall *c)
{
    struct queue *q = (struct queue *)c->e;

    q->drops = 0;
    q->highwater = c->code ? 0 : q->length;
    if (c->code) {
        queue_empty(q);
        element_wake_feeders(c->e);
    }
    return 0;
}

static const struct field fields[] = {
    FIELD(struct queue, capacity, "CAPACITY", T_U32, F_POS | F_RW, .def = 1000, .max = 0x3fffffff),
    FIELD(struct queue, length, "LENGTH", T_U32, F_RD),
    FIELD(struct queue, highwater, "HIGHWATER_LENGTH", T_U32, F_RD),
    FIELD(struct queue, drops, "DROPS", T_U64, F_RD),
    {0},
};

static const struct handler handlers[] = {
    {.name = "reset_counts", .write = queue_reset},
    {.name = "reset", .write = queue_reset, .code = 1},
    {0},
};

const struct element_class class_Queue = {
    .name = "Queue",
    .ports = "1/1-2",
    .processing = "h/lh",
    .size = sizeof(struct queue),
    .flags = CLASS_STORES,
    .fields = fields,
    .handlers = handlers,
    .configure = queue_configure,
    .cleanup = queue_cleanup,
    .changed = element_wake_feeders,
    PUSHES(queue_push),
    .pull = queue_pull,
    .extra = EXTRA(.take_state = queue_take_state, .stored = queue_stored),
};
