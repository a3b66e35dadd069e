/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/timer.h>

#include <stddef.h>

#include <sprat/clock.h>
#include <sprat/port.h>

static struct timer *root;

/* Make the later of two heaps the first child of the earlier. Both may be NULL. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_ns < a->deadline_ns) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->sibling = a->child;
    if (b->sibling)
        b->sibling->link = &b->sibling;
    b->link = &a->child;
    a->child = b;
    return a;
}

/* Meld a list of siblings: in pairs from the left, then all pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL;

    while (first) {
        struct timer *a = first, *b = a->sibling;
        first = b ? b->sibling : NULL;
        a->sibling = NULL;
        if (b)
            b->sibling = NULL;
        struct timer *pair = meld(a, b);
        pair->sibling = pairs;
        pairs = pair;
    }
    struct timer *all = NULL;
    while (pairs) {
        struct timer *pair = pairs;
        pairs = pair->sibling;
        pair->sibling = NULL;
        all = meld(all, pair);
    }
    return all;
}

static void set_root(struct timer *timer)
{
    root = timer;
    if (timer)
        timer->link = &root;
}

bool timer_stop(struct timer *timer)
{
    if (!timer->link)
        return false;
    struct timer *children = meld_siblings(timer->child);
    if (timer->link == &root) {
        set_root(children);
    } else {
        *timer->link = timer->sibling;
        if (timer->sibling)
            timer->sibling->link = timer->link;
        set_root(meld(root, children));
    }
    timer->link = NULL;
    timer->child = timer->sibling = NULL;
    return true;
}

void timer_start(struct timer *timer, uint64_t deadline_ns, void (*handler)(struct timer *))
{
    timer_stop(timer);
    timer->deadline_ns = deadline_ns;
    timer->handler = handler;
    set_root(meld(root, timer));
}

void timer_run(void)
{
    if (!root)
        return;
    uint64_t now_ns = clock_monotonic();
    while (root && root->deadline_ns <= now_ns) {
        struct timer *due = root;
        timer_stop(due);
        due->handler(due);
    }
}

uint64_t timer_next(void)
{
    return root ? root->deadline_ns : PORT_FOREVER;
}
