/* SPDX-License-Identifier: BSD-2-Clause */
/* Building and running decision programs; the optimiser is in optimise.c. */
#include <stdlib.h>

#include "classify.h"

target_t cbuilder_test(struct cbuilder *b, unsigned base, unsigned off, uint32_t mask,
                       uint32_t value, target_t yes, target_t no)
{
    struct ctest *t;

    if (!mask)
        return yes;
    if (yes == no)
        return yes;
    if (b->n == b->cap) {
        unsigned cap = b->cap ? 2 * b->cap : 64;

        t = b->n < CLASSIFY_NODES_MAX ? realloc(b->tests, cap * sizeof(*t)) : NULL;
        if (!t) {
            b->failed = true;
            return no;
        }
        b->tests = t;
        b->cap = cap;
    }
    t = &b->tests[b->n];
    t->base = (uint8_t)base;
    t->off = (uint16_t)(off & ~3u);
    t->mask = mask;
    t->value = value & mask;
    t->yes = yes;
    t->no = no;
    return (target_t)b->n++;
}

void cbuilder_free(struct cbuilder *b)
{
    free(b->tests);
    memset(b, 0, sizeof(*b));
}

void program_free(struct program *p)
{
    free(p->insns);
    free(p->tests);
    memset(p, 0, sizeof(*p));
}

unsigned program_run_short(const struct program *p, const struct cview *v)
{
    target_t t = p->tests_entry;

    while (t >= 0) {
        const struct ctest *c = &p->tests[t];
        uint32_t have = v->len[c->base], w = 0, there = 0;

        for (uint32_t k = 0; k < 4; k++) {
            bool in = c->off + k < have;

            w = w << 8 | (in ? v->base[c->base][c->off + k] : 0u);
            there = there << 8 | (in ? 255u : 0u);
        }
        t = !(c->mask & ~there) && (w & c->mask) == c->value ? c->yes : c->no;
    }
    return (unsigned)~t;
}

/* Without branches: their outcomes differ from packet to packet, and a wrong guess costs more. */
static inline target_t step(const struct program *p, const struct cview *v, target_t t)
{
    target_t arrived = t >> 31; /* all ones for an output: whoever has arrived stays */
    const struct cinsn *i = &p->insns[t & ~arrived];
    uint32_t w = get_be32(v->base[i->base] + i->off) & i->mask;

    return (t & arrived) | (i->to[w - i->lo <= i->span] & ~arrived);
}

void program_run_lanes(const struct program *p, const struct cview *v, unsigned n, unsigned *out)
{
    target_t t0 = p->entry, t1 = t0, t2 = t0, t3 = t0;
    bool whole = n == CLASSIFY_LANES;

    for (unsigned k = 0; k < n && whole; k++) {
        for (unsigned b = 0; b < BASES; b++)
            whole &= v[k].len[b] >= p->need[b];
    }
    if (!whole) { /* one by one */
        for (unsigned k = 0; k < n; k++) {
            target_t t = p->entry;
            bool enough = true;

            for (unsigned b = 0; b < BASES; b++)
                enough &= v[k].len[b] >= p->need[b];
            while (enough && t >= 0)
                t = step(p, &v[k], t);
            out[k] = enough ? (unsigned)~t : program_run_short(p, &v[k]);
        }
        return;
    }
    while ((t0 & t1 & t2 & t3) >= 0) {
        t0 = step(p, &v[0], t0);
        t1 = step(p, &v[1], t1);
        t2 = step(p, &v[2], t2);
        t3 = step(p, &v[3], t3);
    }
    out[0] = (unsigned)~t0;
    out[1] = (unsigned)~t1;
    out[2] = (unsigned)~t2;
    out[3] = (unsigned)~t3;
}

static void print_target(struct text *out, target_t t)
{
    if (t >= 0)
        text_addf(out, "step %d", (int)t);
    else if (~t == (target_t)CLASSIFY_DROP)
        text_addf(out, "[X]");
    else
        text_addf(out, "[%d]", (int)~t);
}

void program_print(const struct program *p, struct text *out)
{
    static const char *const names[] = {"", "ip+", "transport+", "mac+"};

    if (p->entry < 0) {
        text_addf(out, "all->");
        print_target(out, p->entry);
        text_char(out, '\n');
    }
    for (unsigned n = 0; n < p->n; n++) {
        const struct cinsn *i = &p->insns[n];

        text_addf(out, "%2u  %s%u/%08lx", n, names[i->base], i->off, (unsigned long)i->lo);
        if (i->span)
            text_addf(out, "-%08lx", (unsigned long)i->lo + i->span);
        text_addf(out, "%%%08lx  yes->", (unsigned long)i->mask);
        print_target(out, i->to[1]);
        text_addf(out, "  no->");
        print_target(out, i->to[0]);
        text_char(out, '\n');
    }
    text_addf(out, "safe length %u\n", (unsigned)p->need[BASE_DATA]);
}
