/* SPDX-License-Identifier: BSD-2-Clause */
/* The optimiser's second half: from states to instructions. */
#include <stdlib.h>

#include "optimise.h"

#define SEARCH_MIN 3 /* tests in a row that are worth a table */

target_t optimise_merged(const struct opt *o, target_t t)
{
    return t < 0 ? t : o->states[t].merged;
}

/* States in an order in which targets come first. */
static unsigned *sorted(const struct opt *o)
{
    unsigned *order = calloc(o->n_states + 1, sizeof(*order)), *first, *by_live, max = 0;

    for (unsigned i = 0; i < o->n_states; i++) {
        if (o->states[i].live > max)
            max = o->states[i].live;
    }
    if (o->b->n > max)
        max = o->b->n;
    first = calloc(max + 2, sizeof(*first));
    by_live = calloc(o->n_states + 1, sizeof(*by_live));
    if (!order || !first || !by_live) {
        free(order);
        order = NULL;
        goto out;
    }
    /* two counting sorts, the second one stable: by node, then by number of undecided tests */
    for (unsigned i = 0; i < o->n_states; i++)
        first[o->states[i].live + 1]++;
    for (unsigned i = 1; i <= max; i++)
        first[i] += first[i - 1];
    for (unsigned i = 0; i < o->n_states; i++)
        by_live[first[o->states[i].live]++] = i;
    memset(first, 0, (max + 2) * sizeof(*first));
    for (unsigned i = 0; i < o->n_states; i++)
        first[o->states[i].node + 1]++;
    for (unsigned i = 1; i <= max; i++)
        first[i] += first[i - 1];
    for (unsigned i = 0; i < o->n_states; i++)
        order[first[o->states[by_live[i]].node]++] = by_live[i];
out:
    free(first);
    free(by_live);
    return order;
}

/* The test that a state's first edge is about; not its own one if it asks a better question. */
static const struct ctest *asked(const struct opt *o, const struct state *s)
{
    return &o->b->tests[o->edges[s->edges].node];
}

/* Tests of the same masked word one after the other along "no" become one question. */
static int gather_runs(struct opt *o, const unsigned *order)
{
    uint8_t *inside = calloc(o->n_states + 1, 1);
    unsigned cap = o->n_edges + o->n_states;
    struct edge *edges = realloc(o->edges, (cap + 1) * sizeof(*edges));

    if (edges)
        o->edges = edges;
    if (!inside || !edges) {
        free(inside);
        return -1;
    }
    for (unsigned k = o->n_states; k-- > 0;) {
        struct state *s = &o->states[order[k]], *next;
        const struct ctest *t = asked(o, s);
        unsigned len = 1, at = o->n_edges;
        target_t no = s->no;

        if (inside[order[k]] || s->n_edges != 1)
            continue;
        while (no >= 0 && (next = &o->states[no])->n_edges == 1 && same_word(t, asked(o, next)) &&
               t->mask == asked(o, next)->mask) {
            no = next->no;
            len++;
        }
        if (len < SEARCH_MIN || at + len > cap)
            continue;
        for (no = (target_t)order[k]; len; len--, no = o->states[no].no) {
            inside[no] = 1;
            o->edges[o->n_edges++] = o->edges[o->states[no].edges];
        }
        s->edges = at;
        s->n_edges = (uint16_t)(o->n_edges - at);
        s->no = no;
    }
    free(inside);
    return 0;
}

/* An outcome of a question while it is turned into instructions. */
struct outcome {
    uint32_t value;
    target_t to;
};

/* Instructions while they are made, findable by content. */
struct maker {
    struct program *p;
    int32_t *buckets, *next;
    unsigned n_buckets;
};

/* A single step; an equal one is used again. */
static target_t put_step(struct maker *m, const struct ctest *t, uint32_t lo, uint32_t span,
                         target_t yes, target_t no)
{
    struct program *p = m->p;
    uint32_t h = (uint32_t)yes * 31 + (uint32_t)no;
    int32_t *bucket;

    if (yes == no)
        return yes;
    h = (h * 2654435761u ^ lo) * 2654435761u ^ t->off ^ t->mask;
    bucket = &m->buckets[(h ^ h >> 15) % m->n_buckets];
    for (int32_t i = *bucket; i >= 0; i = m->next[i]) {
        const struct cinsn *c = &p->insns[i];

        if (c->to[1] == yes && c->to[0] == no && c->mask == t->mask && c->lo == lo &&
            c->span == span && c->off == t->off && c->base == t->base)
            return i;
    }
    p->insns[p->n] = (struct cinsn){
        .mask = t->mask, .lo = lo, .span = span, .off = t->off, .base = t->base, .to = {no, yes}};
    m->next[p->n] = *bucket;
    *bucket = (int32_t)p->n;
    return (target_t)p->n++;
}

/* A balanced tree over sorted outcomes; its depth is the logarithm of their number. */
static target_t put_tree(struct maker *m, const struct ctest *t, const struct outcome *o,
                         unsigned n, target_t no)
{
    uint32_t unit = t->mask & -t->mask;
    target_t left, right;
    unsigned same = 1;

    /* neighbours with one outcome are a range */
    while (same < n && o[same].to == o[0].to && o[same].value - o[same - 1].value == unit)
        same++;
    if (same == n)
        return put_step(m, t, o[0].value, o[n - 1].value - o[0].value, o[0].to, no);
    left = put_tree(m, t, o, n / 2, no);
    right = put_tree(m, t, o + n / 2, n - n / 2, no);
    return put_step(m, t, 0, o[n / 2].value - 1, left, right);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = ((const struct outcome *)a)->value, y = ((const struct outcome *)b)->value;

    return x < y ? -1 : x > y;
}

/* The instructions for one state. */
static target_t put_state(struct opt *o, struct maker *m, const struct state *s,
                          struct outcome *outcomes)
{
    const struct ctest *t = &o->b->tests[s->node];
    target_t no = optimise_merged(o, s->no);
    unsigned n = 0, kept = 0;

    for (unsigned e = 0; e < s->n_edges; e++) {
        const struct edge *edge = &o->edges[s->edges + e];
        unsigned k = 0;

        t = &o->b->tests[edge->node];
        while (k < n && outcomes[k].value != t->value)
            k++;
        if (k == n) /* else it was tested earlier on */
            outcomes[n++] = (struct outcome){t->value, optimise_merged(o, edge->to)};
    }
    for (unsigned k = 0; k < n; k++) {
        if (outcomes[k].to != no)
            outcomes[kept++] = outcomes[k];
    }
    if (!kept)
        return no;
    qsort(outcomes, kept, sizeof(*outcomes), by_value);
    return put_tree(m, t, outcomes, kept, no);
}

/* Put the states into the program, targets first. */
int optimise_merge(struct opt *o, struct program *p)
{
    unsigned *order = sorted(o);
    struct outcome *outcomes = NULL;
    struct maker m = {.p = p};
    unsigned room = 1, most = 1;
    int rc = -1;

    if (!order || gather_runs(o, order) != 0)
        goto out;
    for (unsigned i = 0; i < o->n_states; i++) {
        room += 2u * o->states[i].n_edges;
        most = o->states[i].n_edges > most ? o->states[i].n_edges : most;
    }
    p->insns = calloc(room, sizeof(*p->insns));
    outcomes = calloc(most, sizeof(*outcomes));
    m.n_buckets = room;
    m.buckets = malloc(room * sizeof(*m.buckets));
    m.next = malloc(room * sizeof(*m.next));
    if (!p->insns || !outcomes || !m.buckets || !m.next)
        goto out;
    memset(m.buckets, 0xff, room * sizeof(*m.buckets));
    for (unsigned i = 0; i < o->n_states; i++)
        o->states[order[i]].merged = put_state(o, &m, &o->states[order[i]], outcomes);
    rc = 0;
out:
    free(order);
    free(outcomes);
    free(m.buckets);
    free(m.next);
    return rc;
}

/* Drop what is not reached, and number the rest from the entry on. */
int optimise_compact(struct program *p)
{
    target_t *moved = malloc((p->n + 1) * sizeof(*moved));
    struct cinsn *insns = calloc(p->n + 1, sizeof(*insns));
    unsigned n = 0;

    if (!moved || !insns) {
        free(moved);
        free(insns);
        return -1;
    }
    memset(moved, 0xff, (p->n + 1) * sizeof(*moved));
    if (p->entry >= 0)
        moved[p->entry] = 0;
    /* from high to low: whoever leads here was seen */
    for (unsigned i = p->n; i-- > 0;) {
        if (moved[i] < 0)
            continue;
        moved[i] = (target_t)n;
        insns[n++] = p->insns[i];
        for (int side = 0; side < 2; side++) {
            if (p->insns[i].to[side] >= 0)
                moved[p->insns[i].to[side]] = 0;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        struct cinsn *c = &insns[i];

        for (int side = 0; side < 2; side++)
            c->to[side] = c->to[side] < 0 ? c->to[side] : moved[c->to[side]];
    }
    p->entry = p->entry < 0 ? p->entry : moved[p->entry];
    free(moved);
    free(p->insns);
    p->insns = insns;
    p->n = n;
    return 0;
}
