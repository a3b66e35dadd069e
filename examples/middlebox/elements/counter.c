/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counter: counts packets and bytes and measures their rate. As Click's; on a hot swap the counts
 * go on (Click's start anew).
 */
#include "../engine/element.h"
#include "../engine/rate.h"

struct counter {
    struct element e;
    uint64_t count, bytes;
    struct rate packet_rate, byte_rate;
    uint64_t call_at[2]; /* packets, bytes; 0: never */
    struct call *call[2];
    struct str call_text[2];
};

/* "N [HANDLER [VALUE]]" */
static int set_call(struct counter *c, int i, struct str text)
{
    struct str number = str_word(&text);
    struct call *call = NULL;
    uint64_t n;

    if (!value_uint(number, &n))
        return -1;
    if (text.len) {
        call = call_new(&c->e, text);
        if (!call)
            return -1;
        call_free(c->call[i]);
        c->call[i] = call;
    }
    c->call_at[i] = n;
    return 0;
}

static int counter_initialize(struct element *e, struct errs *errs)
{
    struct counter *c = (struct counter *)e;

    for (int i = 0; i < 2; i++) {
        if (c->call_text[i].len && set_call(c, i, c->call_text[i]) != 0)
            return errs_at(errs, e->pos, "%s must be 'N HANDLER [VALUE]'",
                           i ? "BYTE_COUNT_CALL" : "COUNT_CALL");
    }
    return 0;
}

static void counter_cleanup(struct element *e)
{
    struct counter *c = (struct counter *)e;

    call_free(c->call[0]);
    call_free(c->call[1]);
    c->call[0] = c->call[1] = NULL;
}

static struct packet *counter_action(struct element *e, struct packet *p)
{
    struct counter *c = (struct counter *)e;
    uint64_t now = now_ns(e);

    c->count++;
    c->bytes += p->len;
    rate_add(&c->packet_rate, now, 1);
    rate_add(&c->byte_rate, now, p->len);
    if (unlikely(c->call[0] && c->call_at[0] && c->count == c->call_at[0]))
        call_run(c->call[0], e);
    if (unlikely(c->call[1] && c->call_at[1] && c->bytes >= c->call_at[1])) {
        c->call_at[1] = 0;
        call_run(c->call[1], e);
    }
    return p;
}

static void counter_take_state(struct element *e, struct element *old)
{
    struct counter *c = (struct counter *)e, *o = (struct counter *)old;

    c->count = o->count;
    c->bytes = o->bytes;
    c->packet_rate = o->packet_rate;
    c->byte_rate = o->byte_rate;
}

static int read_rate(struct hcall *h)
{
    struct counter *c = (struct counter *)h->e;
    uint64_t now = port_now_ns();
    uint64_t v = h->code == 0 ? rate_get(&c->packet_rate, now) : rate_get(&c->byte_rate, now);

    text_addf(h->out, "%llu", (unsigned long long)(h->code == 2 ? 8 * v : v));
    return 0;
}

static int reset(struct hcall *h)
{
    struct counter *c = (struct counter *)h->e;

    c->count = c->bytes = 0;
    memset(&c->packet_rate, 0, sizeof(c->packet_rate));
    memset(&c->byte_rate, 0, sizeof(c->byte_rate));
    return 0;
}

static int write_call(struct hcall *h)
{
    if (set_call((struct counter *)h->e, h->code, h->arg) == 0)
        return 0;
    return errs_at(h->errs, 0, "expected 'N [HANDLER [VALUE]]'");
}

static int read_call(struct hcall *h)
{
    const struct counter *c = (const struct counter *)h->e;

    if (c->call[h->code]) {
        text_addf(h->out, "%llu ", (unsigned long long)c->call_at[h->code]);
        text_str(h->out, call_text(c->call[h->code]));
    }
    return 0;
}

static const struct field fields[] = {
    FIELD(struct counter, count, "COUNT", T_U64, F_RD),
    FIELD(struct counter, bytes, "BYTE_COUNT", T_U64, F_RD),
    FIELD(struct counter, call_text[0], "COUNT_CALL", T_RAW, F_KEY),
    FIELD(struct counter, call_text[1], "BYTE_COUNT_CALL", T_RAW, F_KEY),
    {0},
};

static const struct handler handlers[] = {
    {.name = "rate", .read = read_rate},
    {.name = "byte_rate", .read = read_rate, .code = 1},
    {.name = "bit_rate", .read = read_rate, .code = 2},
    {.name = "reset", .write = reset},
    {.name = "reset_counts", .write = reset},
    {.name = "count_call", .read = read_call, .write = write_call},
    {.name = "byte_count_call", .read = read_call, .write = write_call, .code = 1},
    {0},
};

const struct element_class class_Counter = {
    .name = "Counter",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct counter),
    .fields = fields,
    .handlers = handlers,
    .extra = EXTRA(.take_state = counter_take_state, .initialize = counter_initialize),
    .cleanup = counter_cleanup,
    .action = counter_action,
};
