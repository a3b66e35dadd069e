/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks by stride scheduling: each run moves a task back by its stride (ScheduleInfo sets it), so
 * that tasks get turns in proportion to their tickets. Timers in a binary heap. A round reads the
 * clock once.
 */
#include "router.h"

#define STRIDE1 (1u << 16)

static void enqueue(struct router *r, struct task *t)
{
    struct task **at = &r->queue;

    while (*at && (*at)->pass <= t->pass)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    t->queued = true;
}

void task_wake(struct element *e)
{
    struct router *r = e->router;

    if (r->running == e) {
        e->task.woken = true;
        return;
    }
    if (e->task.queued || !e->cls->run || !r->started)
        return;
    if (e->task.pass < r->pass) /* time asleep is not saved up */
        e->task.pass = r->pass;
    enqueue(r, &e->task);
}

static struct element *task_element(struct task *t)
{
    return (struct element *)((char *)t - offsetof(struct element, task));
}

static void run_task(struct router *r)
{
    struct task *t = r->queue;
    struct element *e = task_element(t);
    bool again;

    r->queue = t->next;
    t->queued = false;
    t->woken = false;
    r->pass = t->pass;
    t->pass += t->stride ? t->stride : STRIDE1;
    r->running = e;
    r->flow.hops = 0;
    again = e->cls->run(e);
    r->running = NULL;
    if (again || t->woken)
        enqueue(r, t);
}

/* ---- timers ---- */

static void place(struct router *r, unsigned i, struct timer *t)
{
    r->heap[i] = t;
    t->index = i;
}

static void sift_up(struct router *r, unsigned i, struct timer *t)
{
    for (; i > 1 && r->heap[i / 2]->expiry_ns > t->expiry_ns; i /= 2)
        place(r, i, r->heap[i / 2]);
    place(r, i, t);
}

static void sift_down(struct router *r, unsigned i, struct timer *t)
{
    for (;;) {
        unsigned child = 2 * i;

        if (child < r->n_timers && r->heap[child + 1]->expiry_ns < r->heap[child]->expiry_ns)
            child++;
        if (child > r->n_timers || r->heap[child]->expiry_ns >= t->expiry_ns)
            break;
        place(r, i, r->heap[child]);
        i = child;
    }
    place(r, i, t);
}

void timer_cancel(struct timer *t, struct element *e)
{
    struct router *r = e->router;
    unsigned i = t->index;
    struct timer *last;

    if (!i)
        return;
    t->index = 0;
    last = r->heap[r->n_timers--];
    if (last == t)
        return;
    if (i > 1 && r->heap[i / 2]->expiry_ns > last->expiry_ns)
        sift_up(r, i, last);
    else
        sift_down(r, i, last);
}

void timer_set(struct timer *t, struct element *e, void (*fn)(struct element *, struct timer *),
               uint64_t when_ns)
{
    struct router *r = e->router;

    timer_cancel(t, e);
    t->expiry_ns = when_ns;
    t->e = e;
    t->fn = fn;
    /* the heap has room for every timer of every element: no element sets more than TIMERS_MAX */
    if (r->n_timers + 1 < r->cap_timers) {
        r->n_timers++;
        sift_up(r, r->n_timers, t);
    }
}

static void run_timers(struct router *r)
{
    for (unsigned n = r->n_timers; n && r->n_timers && r->heap[1]->expiry_ns <= r->flow.now_ns;
         n--) {
        struct timer *t = r->heap[1];

        timer_cancel(t, t->e);
        r->flow.hops = 0;
        t->fn(t->e, t);
    }
}

uint64_t sched_run(struct router *r, unsigned max_tasks)
{
    for (unsigned n = 0; n < max_tasks && !r->stopped;) {
        r->flow.now_ns = port_now_ns();
        run_timers(r);
        if (!r->queue)
            break;
        /* a few tasks for one look at the clock */
        for (unsigned k = 0; k < 8 && r->queue && n < max_tasks && !r->stopped; k++, n++)
            run_task(r);
    }
    if (r->stopped)
        return NEVER;
    if (r->queue)
        return 0;
    return r->n_timers ? r->heap[1]->expiry_ns : NEVER;
}
