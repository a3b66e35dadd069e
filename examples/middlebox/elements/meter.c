/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Meter and BandwidthMeter send the whole stream to the output that its rate stands for;
 * RatedSplitter and BandwidthRatedSplitter let a rate through and send the rest to output 1. As
 * Click's.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/rate.h"

struct meter {
    struct element e;
    struct rate rate;
    uint64_t *limits;
    unsigned n;
};

/* Bandwidth...: bytes, where the others count packets. */
static bool counts_bytes(const struct element *e)
{
    return e->cls->name[0] == 'B';
}

static int meter_configure(struct element *e, struct conf *c)
{
    struct meter *m = (struct meter *)e;
    bool bytes = counts_bytes(e);

    if (!c->argc)
        return conf_error(c, (struct str){NULL, 0}, "a RATE is missing");
    m->limits = calloc(c->argc, sizeof(*m->limits));
    if (!m->limits)
        return -1;
    for (; m->n < c->argc; m->n++) {
        uint64_t *limit = &m->limits[m->n];

        if (!(bytes ? value_bandwidth(c->argv[m->n], limit) : value_uint(c->argv[m->n], limit)))
            return conf_error(c, c->argv[m->n], "'%.*s' is not a rate", (int)c->argv[m->n].len,
                              c->argv[m->n].s);
        if (m->n && *limit <= limit[-1])
            return conf_error(c, c->argv[m->n], "rates must grow from one to the next");
    }
    if (e->n_out != m->n + 1)
        return conf_error(c, (struct str){NULL, 0}, "%u rates need %u outputs, not %u", m->n,
                          m->n + 1, e->n_out);
    return 0;
}

static void meter_cleanup(struct element *e)
{
    free(((struct meter *)e)->limits);
}

static unsigned meter_route(struct element *e, unsigned port, struct packet *p)
{
    struct meter *m = (struct meter *)e;
    unsigned i = 0;
    uint64_t now;

    (void)port;
    rate_add(&m->rate, now_ns(e), counts_bytes(e) ? p->len : 1);
    now = rate_get(&m->rate, now_ns(e));
    while (i < m->n && now >= m->limits[i])
        i++;
    return i;
}

static int read_meter(struct hcall *c)
{
    struct meter *m = (struct meter *)c->e;

    if (c->code)
        text_addf(c->out, "%llu", (unsigned long long)rate_get(&m->rate, port_now_ns()));
    for (unsigned i = 0; !c->code && i < m->n; i++)
        text_addf(c->out, "%llu\n", (unsigned long long)m->limits[i]);
    return 0;
}

static const struct handler meter_handlers[] = {
    {.name = "meters", .read = read_meter},
    {.name = "rate", .read = read_meter, .code = 1},
    {0},
};

#define METER_CLASS(id)                                                                            \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/2-",                                                                           \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct meter),                                                              \
        .flags = CLASS_ARGS,                                                                       \
        .handlers = meter_handlers,                                                                \
        .configure = meter_configure,                                                              \
        .cleanup = meter_cleanup,                                                                  \
        ROUTES(meter_route),                                                                       \
    }

METER_CLASS(Meter);
METER_CLASS(BandwidthMeter);

struct splitter_ {
    struct element e;
    struct bucket bucket;
    uint64_t rate, burst, duration_ns;
};

static void splitter_changed(struct element *e)
{
    struct splitter_ *s = (struct splitter_ *)e;

    bucket_set(&s->bucket, s->rate, s->burst, s->duration_ns, 1, now_ns(e));
}

static int splitter_configure(struct element *e, struct conf *c)
{
    (void)c;
    splitter_changed(e);
    return 0;
}

static unsigned splitter_route(struct element *e, unsigned port, struct packet *p)
{
    struct splitter_ *s = (struct splitter_ *)e;

    (void)port;
    return !bucket_take(&s->bucket, counts_bytes(e) ? p->len : 1, now_ns(e));
}

static const struct field packet_fields[] = {
    FIELD(struct splitter_, rate, "RATE", T_U64, F_POS | F_REQ | F_RW, .max = 0xffffffff),
    FIELD(struct splitter_, duration_ns, "BURST_DURATION", T_TIME, F_KEY, .def = 20),
    FIELD(struct splitter_, burst, "BURST_SIZE", T_U64, F_KEY),
    {0},
};

static const struct field byte_fields[] = {
    FIELD(struct splitter_, rate, "RATE", T_BW, F_POS | F_REQ | F_RW),
    FIELD(struct splitter_, duration_ns, "BURST_DURATION", T_TIME, F_KEY, .def = 20),
    FIELD(struct splitter_, burst, "BURST_BYTES", T_U64, F_KEY),
    {0},
};

#define SPLITTER_CLASS(id, fields_)                                                                \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/2",                                                                            \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct splitter_),                                                          \
        .fields = fields_,                                                                         \
        .configure = splitter_configure,                                                           \
        .changed = splitter_changed,                                                               \
        ROUTES(splitter_route),                                                                    \
    }

SPLITTER_CLASS(RatedSplitter, packet_fields);
SPLITTER_CLASS(BandwidthRatedSplitter, byte_fields);
