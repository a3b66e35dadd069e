/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PrioSched, RoundRobinSched, DRRSched, StrideSched: choose which input to pull from. As Click's.
 */
#include <stdlib.h>

#include "../engine/element.h"

struct sched {
    struct element e;
    unsigned next;
    uint32_t quantum;
    struct sched_input {
        struct packet *head; /* DRRSched: pulled, but too large for what the input may send now */
        uint32_t deficit;
        uint32_t tickets, stride;
        uint64_t pass;
    } * inputs;
};

static int sched_configure(struct element *e, struct conf *c)
{
    struct sched *s = (struct sched *)e;

    s->inputs = calloc(e->n_in + 1, sizeof(*s->inputs));
    if (!s->inputs)
        return -1;
    if (e->cls->name[0] == 'D' && !s->quantum)
        return conf_error(c, (struct str){NULL, 0}, "QUANTUM must be above 0");
    return 0;
}

static void sched_cleanup(struct element *e)
{
    struct sched *s = (struct sched *)e;

    for (unsigned i = 0; s->inputs && i < e->n_in; i++)
        packet_kill_batch(s->inputs[i].head);
    free(s->inputs);
    s->inputs = NULL;
}

static struct packet *prio_pull(struct element *e, unsigned port, unsigned max)
{
    (void)port;
    for (unsigned i = 0; i < e->n_in; i++) {
        struct packet *batch = element_pull(e, i, max);

        if (batch)
            return batch;
    }
    return NULL;
}

static struct packet *rr_pull(struct element *e, unsigned port, unsigned max)
{
    struct sched *s = (struct sched *)e;

    (void)port;
    (void)max;
    for (unsigned i = 0; i < e->n_in; i++) {
        unsigned in = s->next;
        struct packet *p = element_pull(e, in, 1);

        s->next = in + 1 == e->n_in ? 0 : in + 1;
        if (p)
            return p;
    }
    return NULL;
}

/* An input keeps its turn while its deficit covers its next packet. */
static struct packet *drr_pull(struct element *e, unsigned port, unsigned max)
{
    struct sched *s = (struct sched *)e;
    unsigned idle = 0;

    (void)port;
    (void)max;
    while (idle < e->n_in) {
        struct sched_input *in = &s->inputs[s->next];
        struct packet *p = in->head ? in->head : element_pull(e, s->next, 1);

        in->head = NULL;
        if (p && p->len <= in->deficit) {
            in->deficit -= p->len;
            return p;
        }
        if (p) {
            in->head = p;
            idle = 0;
        } else {
            in->deficit = 0; /* an idle input saves nothing up */
            idle++;
        }
        s->next = s->next + 1 == e->n_in ? 0 : s->next + 1;
        if (s->inputs[s->next].deficit < UINT32_MAX - s->quantum)
            s->inputs[s->next].deficit += s->quantum;
    }
    return NULL;
}

#define STRIDE      0x10000u /* of one ticket */
#define TICKETS_MAX 0x8000u  /* of one input; more count as so many, as Click's */

static void set_tickets(struct sched_input *in, uint64_t tickets)
{
    in->tickets = tickets > TICKETS_MAX ? TICKETS_MAX : (uint32_t)tickets;
    in->stride = in->tickets ? STRIDE / in->tickets : 0;
}

static int stride_configure(struct element *e, struct conf *c)
{
    struct sched *s = (struct sched *)e;

    if (sched_configure(e, c) != 0)
        return -1;
    if (c->argc != e->n_in)
        return conf_error(c, (struct str){NULL, 0}, "%u TICKETS for %u inputs", c->argc, e->n_in);
    for (unsigned i = 0; i < c->argc; i++) {
        uint64_t tickets;

        if (!value_uint(c->argv[i], &tickets))
            return conf_error(c, c->argv[i], "TICKETS must be a number, not '%.*s'",
                              (int)c->argv[i].len, c->argv[i].s);
        set_tickets(&s->inputs[i], tickets);
    }
    return 0;
}

static int read_tickets(struct hcall *c)
{
    text_addf(c->out, "%u", (unsigned)((struct sched *)c->e)->inputs[c->index].tickets);
    return 0;
}

static int write_tickets(struct hcall *c)
{
    uint64_t tickets;

    if (!value_uint(c->arg, &tickets))
        return errs_at(c->errs, 0, "expected a number of tickets");
    set_tickets(&((struct sched *)c->e)->inputs[c->index], tickets);
    element_wake_pullers(c->e);
    return 0;
}

static unsigned count_tickets(const struct element *e)
{
    return e->n_in;
}

static const struct handler stride_handlers[] = {
    {.name = "tickets#", .read = read_tickets, .write = write_tickets},
    {0},
};

static struct packet *stride_pull(struct element *e, unsigned port, unsigned max)
{
    struct sched *s = (struct sched *)e;

    (void)port;
    (void)max;
    /* in order of pass; an input that has nothing loses its turn, so that it saves nothing up */
    for (unsigned n = 0; n < e->n_in; n++) {
        struct sched_input *best = NULL;
        struct packet *p;

        for (unsigned i = 0; i < e->n_in; i++) {
            struct sched_input *in = &s->inputs[i];

            if (in->stride && (!best || in->pass < best->pass))
                best = in;
        }
        if (!best)
            return NULL;
        best->pass += best->stride;
        p = element_pull(e, (unsigned)(best - s->inputs), 1);
        if (p)
            return p;
    }
    /* with unequal strides the same input may have come up repeatedly: ask the others too */
    return prio_pull(e, port, 1);
}

static const struct field drr_fields[] = {
    FIELD(struct sched, quantum, "QUANTUM", T_U32, F_POS, .def = 500, .max = 1000000),
    {0},
};

#define SCHED_CLASS(id, ports_, pull_, configure_, ...)                                            \
    const struct element_class class_##id = {.name = #id,                                          \
                                             .ports = ports_,                                      \
                                             .processing = "l/l",                                  \
                                             .size = sizeof(struct sched),                         \
                                             .configure = configure_,                              \
                                             .cleanup = sched_cleanup,                             \
                                             .pull = pull_,                                        \
                                             __VA_ARGS__}

SCHED_CLASS(PrioSched, "-/1", prio_pull, sched_configure, .flags = 0);
SCHED_CLASS(RoundRobinSched, "-/1", rr_pull, sched_configure, .flags = 0);
SCHED_CLASS(DRRSched, "-/1", drr_pull, sched_configure, .fields = drr_fields);
SCHED_CLASS(StrideSched, "1-/1", stride_pull, stride_configure, .flags = CLASS_ARGS,
            .handlers = stride_handlers, .extra = EXTRA(.handler_count = count_tickets));
