/* SPDX-License-Identifier: BSD-2-Clause */
/* AverageCounter: packets and bytes over the time from the first to the last. As Click's. */
#include "../engine/element.h"

struct average {
    struct element e;
    uint64_t count, bytes;
    uint64_t first_ns, last_ns;
    uint64_t ignore_ns;
};

static struct packet *average_action(struct element *e, struct packet *p)
{
    struct average *a = (struct average *)e;
    uint64_t now = now_ns(e);

    if (!a->first_ns)
        a->first_ns = now;
    if (now - a->first_ns >= a->ignore_ns) {
        a->count++;
        a->bytes += p->len;
    }
    a->last_ns = now;
    return p;
}

static void average_take_state(struct element *e, struct element *old)
{
    struct average *a = (struct average *)e, *o = (struct average *)old;

    a->count = o->count;
    a->bytes = o->bytes;
    a->first_ns = o->first_ns;
    a->last_ns = o->last_ns;
}

static int read_rate(struct hcall *h)
{
    const struct average *a = (const struct average *)h->e;
    uint64_t ms = (a->last_ns - a->first_ns) / NSEC_PER_MSEC,
             ignored = a->ignore_ns / NSEC_PER_MSEC;
    uint64_t n = h->code ? a->bytes : a->count, rate;

    ms = ms > ignored ? ms - ignored : 0;
    /* in two steps, so that nothing overflows */
    if (!ms)
        ms = 1;
    rate = n / ms * 1000 + n % ms * 1000 / ms;
    text_addf(h->out, "%llu", (unsigned long long)rate);
    return 0;
}

static int reset(struct hcall *h)
{
    struct average *a = (struct average *)h->e;

    a->count = a->bytes = a->first_ns = a->last_ns = 0;
    return 0;
}

static const struct field fields[] = {
    FIELD(struct average, ignore_ns, "IGNORE", T_TIME, F_POS),
    FIELD(struct average, count, "COUNT", T_U64, F_RD),
    FIELD(struct average, bytes, "BYTE_COUNT", T_U64, F_RD),
    {0},
};

static const struct handler handlers[] = {
    {.name = "rate", .read = read_rate},
    {.name = "byte_rate", .read = read_rate, .code = 1},
    {.name = "reset", .write = reset},
    {.name = "reset_counts", .write = reset},
    {0},
};

const struct element_class class_AverageCounter = {
    .name = "AverageCounter",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct average),
    .extra = EXTRA(.take_state = average_take_state),
    .fields = fields,
    .handlers = handlers,
    .action = average_action,
};
