/* SPDX-License-Identifier: BSD-2-Clause */
/* Suppressor: n inputs to n outputs; each can be shut by a handler. As Click's. */
#include <stdlib.h>

#include "../engine/element.h"

struct suppressor {
    struct element e;
    bool *shut;
};

static int suppressor_configure(struct element *e, struct conf *c)
{
    struct suppressor *s = (struct suppressor *)e;

    (void)c;
    s->shut = calloc(e->n_in + 1, sizeof(*s->shut));
    return s->shut ? 0 : -1;
}

static void suppressor_cleanup(struct element *e)
{
    free(((struct suppressor *)e)->shut);
}

static void suppressor_push(struct element *e, unsigned port, struct packet *batch)
{
    if (((struct suppressor *)e)->shut[port])
        packet_kill_batch(batch);
    else
        element_push(e, port, batch);
}

static struct packet *suppressor_pull(struct element *e, unsigned port, unsigned max)
{
    return ((struct suppressor *)e)->shut[port] ? NULL : element_pull(e, port, max);
}

static void suppressor_take_state(struct element *e, struct element *old)
{
    for (unsigned i = 0; i < e->n_in && i < old->n_in; i++)
        ((struct suppressor *)e)->shut[i] = ((struct suppressor *)old)->shut[i];
}

static int read_active(struct hcall *c)
{
    text_addf(c->out, "%s", ((struct suppressor *)c->e)->shut[c->index] ? "false" : "true");
    return 0;
}

static int write_active(struct hcall *c)
{
    bool active;

    if (!value_bool(c->arg, &active))
        return errs_at(c->errs, 0, "expected a Boolean");
    ((struct suppressor *)c->e)->shut[c->index] = !active;
    element_wake_pullers(c->e);
    return 0;
}

static int reset(struct hcall *c)
{
    memset(((struct suppressor *)c->e)->shut, 0, c->e->n_in);
    element_wake_pullers(c->e);
    return 0;
}

static unsigned count(const struct element *e)
{
    return e->n_in;
}

static const struct handler handlers[] = {
    {.name = "active#", .read = read_active, .write = write_active},
    {.name = "reset", .write = reset},
    {0},
};

const struct element_class class_Suppressor = {
    .name = "Suppressor",
    .ports = "-/=",
    .processing = "a/a",
    .extra = EXTRA(.take_state = suppressor_take_state, .flow = "#/#", .handler_count = count),
    .size = sizeof(struct suppressor),
    .handlers = handlers,
    .configure = suppressor_configure,
    .cleanup = suppressor_cleanup,
    PUSHES(suppressor_push),
    .pull = suppressor_pull,
};
