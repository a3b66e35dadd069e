/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>

#include "router.h"

void element_push_or_kill(struct element *e, unsigned port, struct packet *p)
{
    if (port < e->n_out && e->out[port].is_push)
        element_push(e, port, p);
    else
        packet_kill(p);
}

const struct class_extra *class_extra(const struct element_class *cls)
{
    static const struct class_extra none;

    return cls->extra ? cls->extra : &none;
}

bool element_is_of(const struct element *e, const char *family)
{
    const char *own = e ? class_extra(e->cls)->family : NULL;

    return own && strcmp(own, family) == 0;
}

void flow_guard_drop(struct element *e, struct packet *batch)
{
    struct flow *f = flow_of(e);

    if (!f->looped)
        element_log(e, "packets go in circles here: dropped");
    f->looped += packet_kill_batch(batch);
}

void split_flush(struct element *e, struct splitter *s)
{
    struct packet *batch = s->head;

    if (!batch)
        return;
    *s->tail = NULL;
    s->head = NULL;
    s->tail = &s->head;
    if (s->port < e->n_out)
        element_push(e, s->port, batch);
    else
        packet_kill_batch(batch);
}

/* The packets of a batch that are left after the element's action on each. */
static struct packet *act(struct element *e, struct packet *batch)
{
    struct packet *(*action)(struct element *, struct packet *) = e->cls->action;
    struct packet *first = NULL, **tail = &first;

    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        p->next = NULL;
        p = action(e, p);
        if (p) {
            *tail = p;
            tail = &p->next;
        }
    }
    return first;
}

void element_action_push(struct element *e, unsigned port, struct packet *batch)
{
    (void)port;
    batch = act(e, batch);
    if (batch)
        element_push(e, 0, batch);
}

struct packet *element_action_pull(struct element *e, unsigned port, unsigned max)
{
    struct packet *batch, *left = NULL;

    (void)port;
    /* a NULL would mean "nothing there", so go on while packets are dropped */
    while (!left && (batch = element_pull(e, 0, max)))
        left = act(e, batch);
    return left;
}

void element_route_push(struct element *e, unsigned port, struct packet *batch)
{
    struct splitter split;

    split_init(&split);
    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        p->next = NULL;
        split_add(e, &split, e->cls->route(e, port, p), p);
    }
    split_flush(e, &split);
}

void element_wake_pullers(struct element *e)
{
    for (unsigned i = 0; i < e->n_pullers; i++)
        task_wake(e->pullers[i]);
}

void element_wake_feeders(struct element *e)
{
    for (unsigned i = 0; i < e->n_feeders; i++)
        task_wake(e->feeders[i]);
}

unsigned element_stores_room(const struct element *e)
{
    unsigned room, most = e->n_stores ? 0 : UINT_MAX;

    for (unsigned i = 0; i < e->n_stores; i++) {
        e->stores[i]->cls->extra->stored(e->stores[i], &room);
        if (room > most)
            most = room;
    }
    return most;
}

void element_log(const struct element *e, const char *fmt, ...)
{
    struct text t = {0};
    va_list args;

    va_start(args, fmt);
    text_addf(&t, "%s: ", e->name);
    text_addv(&t, fmt, args);
    text_char(&t, '\n');
    va_end(args);
    if (t.s)
        port_log(t.s, t.len);
    text_free(&t);
}

void router_stop(struct router *r)
{
    r->stopped = true;
}
