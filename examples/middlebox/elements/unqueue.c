/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unqueue, RatedUnqueue, BandwidthRatedUnqueue: pull packets and push them on, as fast as they come
 * or at a rate. As Click's; they also wait while all Queues behind them are full.
 */
#include "../engine/element.h"
#include "../engine/rate.h"

struct unqueue {
    struct element e;
    uint64_t count;
    int32_t burst, limit;
    bool active;
    struct bucket bucket;
    uint64_t rate, burst_size, duration_ns;
    struct timer timer;
};

/* How many packets may be moved in this run. */
static unsigned allowance(const struct unqueue *u)
{
    unsigned n = u->burst > 0 ? (unsigned)u->burst : u->burst < 0 ? 1024 : 1;

    if (u->limit >= 0) {
        uint64_t left = (uint64_t)u->limit > u->count ? (uint64_t)u->limit - u->count : 0;

        if (left < n)
            n = (unsigned)left;
    }
    return u->active ? n : 0;
}

static bool unqueue_run(struct element *e)
{
    struct unqueue *u = (struct unqueue *)e;
    unsigned n = allowance(u);
    struct packet *batch;

    if (!n || element_stores_full(e))
        return false;
    batch = element_pull(e, 0, n);
    if (!batch)
        return false;
    u->count += packet_count(batch);
    element_push(e, 0, batch);
    return true;
}

static int reset(struct hcall *c)
{
    ((struct unqueue *)c->e)->count = 0;
    task_wake(c->e);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct unqueue, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct unqueue, limit, "LIMIT", T_INT, F_KEY | F_RW, .def = -1),
    FIELD(struct unqueue, burst, "BURST", T_INT, F_POS | F_RW, .def = 1),
    FIELD(struct unqueue, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "reset", .write = reset},
    {0},
};

const struct element_class class_Unqueue = {
    .name = "Unqueue",
    .ports = "1/1",
    .processing = "l/h",
    .size = sizeof(struct unqueue),
    .flags = CLASS_WAITS,
    .fields = fields,
    .handlers = handlers,
    .changed = task_wake,
    .run = unqueue_run,
};

static void wake(struct element *e, struct timer *t)
{
    (void)t;
    task_wake(e);
}

static void rated_changed(struct element *e)
{
    struct unqueue *u = (struct unqueue *)e;

    bucket_set(&u->bucket, u->rate, u->burst_size, u->duration_ns, 1, now_ns(e));
    task_wake(e);
}

static int rated_configure(struct element *e, struct conf *c)
{
    (void)c;
    rated_changed(e);
    return 0;
}

static bool rated_run(struct element *e)
{
    struct unqueue *u = (struct unqueue *)e;
    bool bytes = e->cls->name[0] == 'B';

    for (unsigned i = 0; i < BURST; i++) {
        struct packet *p;

        if (!u->active || element_stores_full(e))
            return false;
        /* look first: a packet that was pulled cannot be given back */
        if (!u->bucket.rate)
            return false;
        if (bucket_when(&u->bucket, now_ns(e)) > now_ns(e)) {
            timer_set(&u->timer, e, wake, bucket_when(&u->bucket, now_ns(e)));
            return false;
        }
        p = element_pull(e, 0, 1);
        if (!p)
            return false;
        bucket_take(&u->bucket, bytes ? p->len : 1, now_ns(e));
        u->count++;
        element_push(e, 0, p);
    }
    return true;
}

static const struct field rated_fields[] = {
    FIELD(struct unqueue, rate, "RATE", T_U64, F_POS | F_REQ | F_RW, .max = 0xffffffff),
    FIELD(struct unqueue, duration_ns, "BURST_DURATION", T_TIME, F_KEY, .def = 20),
    FIELD(struct unqueue, burst_size, "BURST_SIZE", T_U64, F_KEY),
    FIELD(struct unqueue, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct unqueue, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct field bandwidth_fields[] = {
    FIELD(struct unqueue, rate, "RATE", T_BW, F_POS | F_REQ | F_RW),
    FIELD(struct unqueue, duration_ns, "BURST_DURATION", T_TIME, F_KEY, .def = 20),
    FIELD(struct unqueue, burst_size, "BURST_BYTES", T_U64, F_KEY),
    FIELD(struct unqueue, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct unqueue, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

#define RATED_CLASS(id, fields_)                                                                   \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/1",                                                                            \
        .processing = "l/h",                                                                       \
        .size = sizeof(struct unqueue),                                                            \
        .flags = CLASS_WAITS,                                                                      \
        .fields = fields_,                                                                         \
        .configure = rated_configure,                                                              \
        .changed = rated_changed,                                                                  \
        .run = rated_run,                                                                          \
    }

RATED_CLASS(RatedUnqueue, rated_fields);
RATED_CLASS(BandwidthRatedUnqueue, bandwidth_fields);
