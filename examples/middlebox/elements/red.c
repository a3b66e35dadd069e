/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RED: random early detection. As Click's: the average is over the Queues nearest downstream (when
 * pushed) or upstream (when pulled), or the ones named by QUEUES.
 *
 * The average has 10 fraction bits, probabilities have 16.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/router.h"

struct red {
    struct element e;
    uint32_t min_thresh, max_thresh, max_p, stability;
    struct str queue_names;
    bool gentle;
    struct element **queues;
    unsigned n_queues;
    uint64_t avg; /* scaled by 2^10 */
    uint64_t last_ns;
    uint32_t count; /* packets since the last mark */
    uint64_t drops;
};

#define SCALE   10
#define IDLE_NS 1000000u /* an idle queue's average shrinks as if one packet came per ms */

static int add_queue(struct red *r, struct element *q)
{
    struct element **list;

    for (unsigned i = 0; i < r->n_queues; i++) {
        if (r->queues[i] == q)
            return 0;
    }
    list = realloc(r->queues, (r->n_queues + 1) * sizeof(*list));
    if (!list)
        return -1;
    r->queues = list;
    list[r->n_queues++] = q;
    return 0;
}

static int red_configure(struct element *e, struct conf *c)
{
    struct red *r = (struct red *)e;
    struct str rest = r->queue_names, word;

    if (r->max_thresh < r->min_thresh)
        return conf_error(c, (struct str){NULL, 0}, "MAX_THRESH must be at least MIN_THRESH");
    while ((word = str_word(&rest)).len) {
        struct element *q = conf_element(c, word);

        if (!q || !(q->cls->flags & CLASS_STORES))
            return conf_error(c, (struct str){NULL, 0}, "QUEUES: '%.*s' is not a Queue",
                              (int)word.len, word.s);
        if (add_queue(r, q) != 0)
            return -1;
    }
    return 0;
}

/* The nearest Queues in the direction that packets come from or go to. */
static int search(struct red *r, struct element *from, uint8_t *seen, unsigned depth)
{
    bool down = input_is_push(&r->e, 0);
    unsigned n = down ? from->n_out : from->n_in;

    for (unsigned i = 0; i < n && depth < FLOW_DEPTH_MAX; i++) {
        struct element *next = down ? from->out[i].peer : from->in[i].peer;

        if (!next || seen[next->index])
            continue;
        seen[next->index] = 1;
        if (next->cls->flags & CLASS_STORES) {
            if (add_queue(r, next) != 0)
                return -1;
        } else if (search(r, next, seen, depth + 1) != 0) {
            return -1;
        }
    }
    return 0;
}

static int red_initialize(struct element *e, struct errs *errs)
{
    struct red *r = (struct red *)e;
    uint8_t *seen;
    int rc;

    if (r->n_queues)
        return 0;
    seen = calloc(e->router->n_elems, 1);
    if (!seen)
        return -1;
    rc = search(r, e, seen, 0);
    free(seen);
    if (rc == 0 && !r->n_queues)
        return errs_at(errs, e->pos, "no Queue %s",
                       input_is_push(e, 0) ? "downstream" : "upstream");
    return rc;
}

static void red_cleanup(struct element *e)
{
    struct red *r = (struct red *)e;

    free(r->queues);
    r->queues = NULL;
    r->n_queues = 0;
}

static unsigned queue_length(const struct red *r)
{
    unsigned n = 0, room;

    for (unsigned i = 0; i < r->n_queues; i++)
        n += r->queues[i]->cls->extra->stored(r->queues[i], &room);
    return n;
}

static void update_average(struct red *r)
{
    uint64_t now = now_ns(&r->e), length = (uint64_t)queue_length(r) << SCALE;

    if (length) {
        r->avg = r->avg - (r->avg >> r->stability) + (length >> r->stability);
    } else {
        uint64_t idle = r->last_ns ? (now - r->last_ns) / IDLE_NS + 1 : 1;

        for (; idle && r->avg; idle--)
            r->avg -= (r->avg >> r->stability) ? r->avg >> r->stability : r->avg;
    }
    r->last_ns = now;
}

/* The marking probability, in 1/65536, for the present average. */
static uint32_t probability(const struct red *r)
{
    uint64_t low = (uint64_t)r->min_thresh << SCALE, high = (uint64_t)r->max_thresh << SCALE;

    if (r->avg <= low)
        return 0;
    if (r->avg <= high)
        return high > low ? (uint32_t)((r->avg - low) * r->max_p / (high - low)) : r->max_p;
    if (!r->gentle || !high || r->avg >= 2 * high)
        return 65536;
    return r->max_p + (uint32_t)((r->avg - high) * (65536 - r->max_p) / high);
}

static bool should_drop(struct red *r)
{
    uint32_t p;

    update_average(r);
    p = probability(r);
    if (!p) {
        r->count = 0;
        return false;
    }
    r->count++;
    /* spread the marks evenly: p / (1 - count p) */
    if ((uint64_t)r->count * p >= 65536 ||
        (uint64_t)(port_random() & 0xffff) * (65536 - (uint64_t)r->count * p) < (uint64_t)p << 16) {
        r->count = 0;
        return true;
    }
    return false;
}

static struct packet *red_action(struct element *e, struct packet *p)
{
    struct red *r = (struct red *)e;

    if (!should_drop(r))
        return p;
    r->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static int read_queues(struct hcall *c)
{
    const struct red *r = (const struct red *)c->e;

    if (c->code) {
        uint64_t thousandths = r->avg * 1000 >> SCALE;

        text_addf(c->out, "%s%u.%03u", c->code == 2 ? "average queue size " : "",
                  (unsigned)(thousandths / 1000), (unsigned)(thousandths % 1000));
        if (c->code == 2)
            text_addf(c->out, "\ncurrent queue size %u\n%llu drops\n", queue_length(r),
                      (unsigned long long)r->drops);
        return 0;
    }
    for (unsigned i = 0; i < r->n_queues; i++)
        text_addf(c->out, "%s\n", r->queues[i]->name);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct red, min_thresh, "MIN_THRESH", T_U32, F_POS | F_REQ | F_RW, .max = 0xfffff),
    FIELD(struct red, max_thresh, "MAX_THRESH", T_U32, F_POS | F_REQ | F_RW, .max = 0xfffff),
    FIELD(struct red, max_p, "MAX_P", T_REAL, F_POS | F_REQ | F_RW, .max = 65536),
    FIELD(struct red, queue_names, "QUEUES", T_RAW, F_KEY),
    FIELD(struct red, stability, "STABILITY", T_U32, F_KEY, .def = 4, .max = 16),
    FIELD(struct red, gentle, "GENTLE", T_BOOL, F_KEY, .def = 1),
    FIELD(struct red, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "queues", .read = read_queues},
    {.name = "avg_queue_size", .read = read_queues, .code = 1},
    {.name = "stats", .read = read_queues, .code = 2},
    {0},
};

const struct element_class class_RED = {
    .name = "RED",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct red),
    .fields = fields,
    .handlers = handlers,
    .configure = red_configure,
    .extra = EXTRA(.initialize = red_initialize),
    .cleanup = red_cleanup,
    .action = red_action,
};
