/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switch, StaticSwitch, RoundRobinSwitch, HashSwitch, RandomSwitch: choose an output for each
 * packet. PullSwitch, StaticPullSwitch: choose the input. As Click's.
 */
#include "../engine/element.h"

struct switch_ {
    struct element e;
    int32_t to;
    uint32_t offset, length;
};

static int switch_configure(struct element *e, struct conf *c)
{
    struct switch_ *s = (struct switch_ *)e;
    unsigned n = e->cls->pull ? e->n_in : e->n_out;

    if (s->to >= (int32_t)n)
        return conf_error(c, (struct str){NULL, 0}, "port must be below %u", n);
    return 0;
}

static void switch_push(struct element *e, unsigned port, struct packet *batch)
{
    struct switch_ *s = (struct switch_ *)e;

    (void)port;
    if (s->to >= 0 && s->to < (int32_t)e->n_out)
        element_push(e, (unsigned)s->to, batch);
    else
        packet_kill_batch(batch);
}

static struct packet *switch_pull(struct element *e, unsigned port, unsigned max)
{
    struct switch_ *s = (struct switch_ *)e;

    (void)port;
    if (s->to < 0 || s->to >= (int32_t)e->n_in)
        return NULL;
    return element_pull(e, (unsigned)s->to, max);
}

static unsigned rrswitch_route(struct element *e, unsigned port, struct packet *p)
{
    struct switch_ *s = (struct switch_ *)e;
    int32_t to = s->to;

    (void)port;
    (void)p;
    s->to = to + 1 == (int32_t)e->n_out ? 0 : to + 1;
    return (unsigned)to;
}

/* Packets that do not reach to the hashed bytes go to output 0, as Click's. */
static unsigned hashswitch_route(struct element *e, unsigned port, struct packet *p)
{
    const struct switch_ *s = (const struct switch_ *)e;
    uint32_t h = 0;

    (void)port;
    if (s->offset + s->length > p->len)
        return 0;
    for (uint32_t i = 0; i < s->length; i++)
        h += p->data[s->offset + i];
    h ^= h >> 4;
    return h % e->n_out;
}

static unsigned randomswitch_route(struct element *e, unsigned port, struct packet *p)
{
    (void)port;
    (void)p;
    return port_random() % e->n_out;
}

static int hashswitch_configure(struct element *e, struct conf *c)
{
    const struct switch_ *s = (const struct switch_ *)e;

    if (!s->length)
        return conf_error(c, (struct str){NULL, 0}, "LENGTH must be above 0");
    return 0;
}

static const struct field output_rw[] = {
    FIELD(struct switch_, to, "OUTPUT", T_INT, F_POS),
    FIELD(struct switch_, to, "SWITCH", T_INT, F_RW),
    {0},
};

static const struct field output_fixed[] = {
    FIELD(struct switch_, to, "OUTPUT", T_INT, F_POS | F_REQ),
    {0},
};

static const struct field input_rw[] = {
    FIELD(struct switch_, to, "INPUT", T_INT, F_POS),
    FIELD(struct switch_, to, "SWITCH", T_INT, F_RW),
    {0},
};

static const struct field input_fixed[] = {
    FIELD(struct switch_, to, "INPUT", T_INT, F_POS | F_REQ),
    {0},
};

static const struct field hash_fields[] = {
    FIELD(struct switch_, offset, "OFFSET", T_U32, F_POS | F_REQ, .max = 65535),
    FIELD(struct switch_, length, "LENGTH", T_U32, F_POS | F_REQ, .max = 65535),
    {0},
};

#define SWITCH_CLASS(id, ports_, fields_, configure_, way_)                                        \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct switch_),                                                            \
        .fields = fields_,                                                                         \
        .configure = configure_,                                                                   \
        way_,                                                                                      \
    }

SWITCH_CLASS(Switch, "1/-", output_rw, switch_configure, PUSHES(switch_push));
SWITCH_CLASS(StaticSwitch, "1/-", output_fixed, switch_configure, PUSHES(switch_push));
SWITCH_CLASS(RoundRobinSwitch, "1/1-", NULL, NULL, ROUTES(rrswitch_route));
SWITCH_CLASS(RandomSwitch, "1/1-", NULL, NULL, ROUTES(randomswitch_route));
SWITCH_CLASS(HashSwitch, "1/1-", hash_fields, hashswitch_configure, ROUTES(hashswitch_route));

#define PULLSWITCH_CLASS(id, ports_, fields_)                                                      \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "l/l",                                                                       \
        .size = sizeof(struct switch_),                                                            \
        .fields = fields_,                                                                         \
        .configure = switch_configure,                                                             \
        .changed = element_wake_pullers,                                                           \
        .pull = switch_pull,                                                                       \
    }

PULLSWITCH_CLASS(PullSwitch, "-/1", input_rw);
PULLSWITCH_CLASS(StaticPullSwitch, "-/1", input_fixed);
