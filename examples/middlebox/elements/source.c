/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * InfiniteSource, RatedSource, TimedSource: make packets. As Click's; RatedSource sends as many
 * packets in one run as its rate calls for. TimedSink: pulls and drops a packet now and then.
 */
#include "../engine/element.h"
#include "../engine/rate.h"

struct source {
    struct element e;
    struct str data;
    int32_t length;
    int32_t limit;
    uint32_t burst;
    uint64_t rate, bandwidth, interval_ns;
    uint32_t headroom; /* accepted and not used: there is always some */
    bool active, stop, timestamp;
    struct call *end_call;
    uint64_t count;
    struct bucket bucket;
    struct timer timer;
};

static const char default_data[] =
    "A packet without a meaning, but with at least sixty-four bytes in it.";

static void wake(struct element *e, struct timer *t)
{
    (void)t;
    task_wake(e);
    element_wake_pullers(e);
}

static bool is_rated(const struct source *s)
{
    return s->e.cls->name[0] == 'R';
}

static uint32_t packet_length(const struct source *s)
{
    return s->length >= 0 ? (uint32_t)s->length : s->data.len;
}

static void source_changed(struct element *e)
{
    struct source *s = (struct source *)e;

    if (s->rate != s->bucket.rate)
        bucket_set(&s->bucket, s->rate, 0, 20 * NSEC_PER_MSEC, 1, now_ns(e));
    wake(e, &s->timer);
}

static int source_configure(struct element *e, struct conf *c)
{
    struct source *s = (struct source *)e;

    if (!s->data.s) {
        s->data.s = str_dup(STR(default_data));
        s->data.len = sizeof(default_data) - 1;
        if (!s->data.s)
            return -1;
    }
    if (s->end_call && s->stop)
        return conf_error(c, (struct str){NULL, 0}, "END_CALL and STOP exclude each other");
    if (s->bandwidth)
        s->rate = s->bandwidth / (packet_length(s) ? packet_length(s) : 1);
    if (is_rated(s)) {
        bucket_set(&s->bucket, s->rate, 0, 20 * NSEC_PER_MSEC, 1, now_ns(e));
        s->bucket.level_ns = s->bucket.level_ns > 0; /* one packet at once, then at the rate */
    }
    return 0;
}

static struct packet *make(struct source *s)
{
    uint32_t len = packet_length(s), n = s->data.len < len ? s->data.len : len;
    struct packet *p = packet_new(PACKET_HEADROOM, len);

    if (!p)
        return NULL;
    memcpy(p->data, s->data.s, n);
    memset(p->data + n, 0, len - n);
    if (s->timestamp)
        p->time_ns = port_wall_ns();
    return p;
}

/* After the last packet. Returns false: there is nothing more to do. */
static bool finish(struct source *s)
{
    if (s->stop)
        router_stop(s->e.router);
    else if (s->end_call)
        call_run(s->end_call, &s->e);
    return false;
}

static bool limited(const struct source *s)
{
    return s->limit >= 0 && s->count >= (uint64_t)s->limit;
}

static struct packet *make_batch(struct source *s, unsigned n)
{
    struct packet *batch = NULL, **tail = &batch;

    for (; n && !limited(s); n--) {
        *tail = make(s);
        if (!*tail)
            break;
        tail = &(*tail)->next;
        s->count++;
    }
    return batch;
}

/* How many packets the rate allows now, up to max; arranges to come back when there are none. */
static unsigned due(struct source *s, unsigned max)
{
    uint64_t now = now_ns(&s->e);
    unsigned n = 0;

    while (n < max && bucket_take(&s->bucket, 1, now))
        n++;
    if (!n && s->rate)
        timer_set(&s->timer, &s->e, wake, bucket_when(&s->bucket, now));
    return n;
}

static bool source_run(struct element *e)
{
    struct source *s = (struct source *)e;
    struct packet *batch;
    unsigned n;

    if (!s->active || !output_is_push(e, 0))
        return false;
    if (limited(s))
        return finish(s);
    if (!is_rated(s) && element_stores_full(e))
        return false;
    n = is_rated(s) ? due(s, BURST) : s->burst ? s->burst : 1;
    batch = make_batch(s, n);
    if (batch)
        element_push(e, 0, batch);
    return n;
}

static struct packet *source_pull(struct element *e, unsigned port, unsigned max)
{
    struct source *s = (struct source *)e;

    (void)port;
    if (!s->active)
        return NULL;
    if (limited(s)) {
        finish(s);
        return NULL;
    }
    return make_batch(s, is_rated(s) ? due(s, max) : max);
}

static void timed_fire(struct element *e, struct timer *t)
{
    struct source *s = (struct source *)e;
    struct packet *p;

    if (limited(s)) {
        finish(s);
        return;
    }
    if (s->active) {
        p = make_batch(s, 1);
        if (p)
            element_push(e, 0, p);
    }
    timer_set(t, e, timed_fire, now_ns(e) + s->interval_ns);
}

static void sink_fire(struct element *e, struct timer *t)
{
    struct source *s = (struct source *)e;

    s->count += packet_kill_batch(element_pull(e, 0, 1));
    timer_set(t, e, sink_fire, now_ns(e) + s->interval_ns);
}

static void timed_start(struct element *e)
{
    struct source *s = (struct source *)e;

    timer_set(&s->timer, e, e->n_out ? timed_fire : sink_fire, now_ns(e) + s->interval_ns);
}

static int timed_configure(struct element *e, struct conf *c)
{
    struct source *s = (struct source *)e;

    if (s->interval_ns < 1000)
        return conf_error(c, (struct str){NULL, 0}, "INTERVAL must be at least a microsecond");
    return e->n_out ? source_configure(e, c) : 0;
}

static void timed_changed(struct element *e)
{
    struct source *s = (struct source *)e;

    if (s->interval_ns < 1000)
        s->interval_ns = 1000;
    timed_start(e);
}

static int reset(struct hcall *c)
{
    ((struct source *)c->e)->count = 0;
    wake(c->e, NULL);
    return 0;
}

#define COMMON_FIELDS                                                                              \
    FIELD(struct source, length, "LENGTH", T_INT, F_KEY | F_RW, .def = -1, .max = 65535),          \
        FIELD(struct source, length, "DATASIZE", T_INT, F_KEY | F_RW, .def = -1, .max = 65535),    \
        FIELD(struct source, stop, "STOP", T_BOOL, F_KEY),                                         \
        FIELD(struct source, timestamp, "TIMESTAMP", T_BOOL, F_KEY, .def = 1),                     \
        FIELD(struct source, end_call, "END_CALL", T_CALL, F_KEY),                                 \
        FIELD(struct source, count, "COUNT", T_U64, F_RD)

static const struct field infinite_fields[] = {
    FIELD(struct source, data, "DATA", T_STR, F_POS | F_RW),
    FIELD(struct source, limit, "LIMIT", T_INT, F_POS | F_RW, .def = -1),
    FIELD(struct source, burst, "BURST", T_U32, F_POS | F_RW, .def = 1, .max = 4096),
    FIELD(struct source, burst, "BURSTSIZE", T_U32, F_RW, .max = 4096),
    FIELD(struct source, active, "ACTIVE", T_BOOL, F_POS | F_RW, .def = 1),
    COMMON_FIELDS,
    {0},
};

static const struct field rated_fields[] = {
    FIELD(struct source, data, "DATA", T_STR, F_POS | F_RW),
    FIELD(struct source, rate, "RATE", T_U64, F_POS | F_RW, .def = 10, .max = 0xffffffff),
    FIELD(struct source, limit, "LIMIT", T_INT, F_POS | F_RW, .def = -1),
    FIELD(struct source, active, "ACTIVE", T_BOOL, F_POS | F_RW, .def = 1),
    FIELD(struct source, bandwidth, "BANDWIDTH", T_BW, F_KEY),
    COMMON_FIELDS,
    {0},
};

static const struct field timed_fields[] = {
    FIELD(struct source, interval_ns, "INTERVAL", T_TIME, F_POS | F_RW, .def = 500),
    FIELD(struct source, data, "DATA", T_STR, F_POS | F_RW),
    FIELD(struct source, limit, "LIMIT", T_INT, F_KEY | F_RW, .def = -1),
    FIELD(struct source, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct source, headroom, "HEADROOM", T_U32, F_KEY | F_RW, .def = 28, .max = 65535),
    COMMON_FIELDS,
    {0},
};

static const struct field sink_fields[] = {
    FIELD(struct source, interval_ns, "INTERVAL", T_TIME, F_POS | F_RW, .def = 500),
    FIELD(struct source, count, "COUNT", T_U64, F_RD),
    {0},
};

static const struct handler handlers[] = {
    {.name = "reset", .write = reset},
    {0},
};

const struct element_class class_InfiniteSource = {
    .name = "InfiniteSource",
    .ports = "0/1",
    .processing = "a/a",
    .size = sizeof(struct source),
    .flags = CLASS_WAITS,
    .fields = infinite_fields,
    .handlers = handlers,
    .configure = source_configure,
    .changed = source_changed,
    .pull = source_pull,
    .run = source_run,
};

const struct element_class class_RatedSource = {
    .name = "RatedSource",
    .ports = "0/1",
    .processing = "a/a",
    .size = sizeof(struct source),
    .fields = rated_fields,
    .handlers = handlers,
    .configure = source_configure,
    .changed = source_changed,
    .pull = source_pull,
    .run = source_run,
};

const struct element_class class_TimedSource = {
    .name = "TimedSource",
    .ports = "0/1",
    .processing = "h/h",
    .size = sizeof(struct source),
    .extra = EXTRA(.start = timed_start),
    .fields = timed_fields,
    .handlers = handlers,
    .configure = timed_configure,
    .changed = timed_changed,
};

const struct element_class class_TimedSink = {
    .name = "TimedSink",
    .ports = "1/0",
    .processing = "l/h",
    .size = sizeof(struct source),
    .extra = EXTRA(.start = timed_start),
    .fields = sink_fields,
    .configure = timed_configure,
    .changed = timed_changed,
};
