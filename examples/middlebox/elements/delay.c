/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DelayShaper, DelayUnqueue: hold each packet until its timestamp is DELAY old. LinkUnqueue: a
 * serial link with a latency and a bandwidth. As Click's.
 */
#include "../engine/element.h"

struct delay {
    struct element e;
    struct packet *held, **tail; /* LinkUnqueue: all that is on the link, in order */
    uint64_t delay_ns, bandwidth;
    uint64_t free_ns; /* when the link can take the next packet */
    uint32_t size;
    struct timer timer;
};

static int delay_configure(struct element *e, struct conf *c)
{
    struct delay *d = (struct delay *)e;

    d->tail = &d->held;
    if (e->cls->name[0] == 'L' && !d->bandwidth)
        return conf_error(c, (struct str){NULL, 0}, "BANDWIDTH must be above 0");
    return 0;
}

static void delay_cleanup(struct element *e)
{
    struct delay *d = (struct delay *)e;

    packet_kill_batch(d->held);
    d->held = NULL;
    d->tail = &d->held;
    d->size = 0;
}

static void wake_pullers(struct element *e, struct timer *t)
{
    (void)t;
    element_wake_pullers(e);
}

static void wake_task(struct element *e, struct timer *t)
{
    (void)t;
    task_wake(e);
}

/* How long the held packet has to wait yet; pulls one if none is held. NEVER: nothing there. */
static uint64_t waiting(struct delay *d, uint64_t *wall)
{
    if (!d->held)
        d->held = element_pull(&d->e, 0, 1);
    if (!d->held)
        return NEVER;
    *wall = port_wall_ns();
    if (!d->held->time_ns)
        d->held->time_ns = *wall;
    return d->held->time_ns + d->delay_ns > *wall ? d->held->time_ns + d->delay_ns - *wall : 0;
}

static struct packet *delayshaper_pull(struct element *e, unsigned port, unsigned max)
{
    struct delay *d = (struct delay *)e;
    uint64_t wall = 0, wait = waiting(d, &wall);
    struct packet *p = d->held;

    (void)port;
    (void)max;
    if (wait) {
        if (wait != NEVER)
            timer_set(&d->timer, e, wake_pullers, now_ns(e) + wait);
        return NULL;
    }
    d->held = NULL;
    p->time_ns = wall;
    return p;
}

static bool delayunqueue_run(struct element *e)
{
    struct delay *d = (struct delay *)e;

    for (unsigned i = 0; i < BURST; i++) {
        uint64_t wall = 0, wait = waiting(d, &wall);
        struct packet *p = d->held;

        if (wait) {
            if (wait != NEVER)
                timer_set(&d->timer, e, wake_task, now_ns(e) + wait);
            return false;
        }
        d->held = NULL;
        p->time_ns += d->delay_ns;
        element_push(e, 0, p);
    }
    return true;
}

/* A packet's arrival time at the far end is kept in its first-timestamp annotation. */
static uint64_t arrival(const struct packet *p)
{
    uint64_t v;

    memcpy(&v, p->anno.b + ANNO_FIRST_TIMESTAMP, 8);
    return v;
}

static void enter_link(struct delay *d, struct packet *p)
{
    uint64_t bytes = p->len + p->extra_len, start = now_ns(&d->e), end;

    if (d->free_ns > start)
        start = d->free_ns;
    /* a bandwidth of 0, once it runs, is as little as there can be */
    d->free_ns = start + bytes * NSEC_PER_SEC / (d->bandwidth ? d->bandwidth : 1);
    end = d->free_ns + d->delay_ns;
    memcpy(p->anno.b + ANNO_FIRST_TIMESTAMP, &end, 8);
    *d->tail = p;
    d->tail = &p->next;
    d->size++;
}

static bool link_run(struct element *e)
{
    struct delay *d = (struct delay *)e;
    struct packet *p;
    uint64_t next = NEVER;

    while ((p = d->held) && arrival(p) <= now_ns(e)) {
        d->held = p->next;
        if (!d->held)
            d->tail = &d->held;
        d->size--;
        p->next = NULL;
        p->time_ns = port_wall_ns();
        memset(p->anno.b + ANNO_FIRST_TIMESTAMP, 0, 8);
        element_push(e, 0, p);
    }
    while (d->free_ns <= now_ns(e) && (p = element_pull(e, 0, 1)))
        enter_link(d, p);
    if (d->held)
        next = arrival(d->held);
    if (d->free_ns > now_ns(e) && d->free_ns < next)
        next = d->free_ns;
    if (next != NEVER)
        timer_set(&d->timer, e, wake_task, next);
    return false;
}

static int reset(struct hcall *c)
{
    struct delay *d = (struct delay *)c->e;

    delay_cleanup(c->e);
    d->free_ns = 0;
    task_wake(c->e);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct delay, delay_ns, "DELAY", T_TIME, F_POS | F_REQ | F_RW),
    {0},
};

static const struct field link_fields[] = {
    FIELD(struct delay, delay_ns, "LATENCY", T_TIME, F_POS | F_REQ | F_RW),
    FIELD(struct delay, bandwidth, "BANDWIDTH", T_BW, F_POS | F_REQ | F_RW),
    FIELD(struct delay, size, "SIZE", T_U32, F_RD),
    {0},
};

static const struct handler link_handlers[] = {
    {.name = "reset", .write = reset},
    {0},
};

#define DELAY_CLASS(id, processing_, fields_, ...)                                                 \
    const struct element_class class_##id = {.name = #id,                                          \
                                             .ports = "1/1",                                       \
                                             .processing = processing_,                            \
                                             .size = sizeof(struct delay),                         \
                                             .fields = fields_,                                    \
                                             .configure = delay_configure,                         \
                                             .cleanup = delay_cleanup,                             \
                                             __VA_ARGS__}

DELAY_CLASS(DelayShaper, "l/l", fields, .pull = delayshaper_pull);
DELAY_CLASS(DelayUnqueue, "l/h", fields, .run = delayunqueue_run);
DELAY_CLASS(LinkUnqueue, "l/h", link_fields, .handlers = link_handlers, .run = link_run);
