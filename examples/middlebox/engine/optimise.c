/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The optimiser of decision programs.
 *
 * 1. States. A state is a test to go on from, together with the facts that hold when it is reached
 *    and that matter to any test that can still be reached: bits known to have a value, and tests
 *    known to fail. Tests have no side effects, so a state need not ask its own test next: it asks
 *    for the masked word that most of the reachable undecided tests are about, for all their values
 *    at once. Each outcome leads to a state with more facts, in which decided tests are skipped.
 *    Equal states are shared. With many states, further ones ask their own test only, and with very
 *    many they forget their facts, which bounds their number by that of the tests.
 * 2. Merging, from the bottom: a question whose outcomes agree disappears, equal ones become one.
 * 3. Searches: questions with several values, and tests of the same masked word one after the other
 *    along "no", become a sorted table.
 *
 * There are no cycles: along every edge the test's number falls (a test's targets are older than it
 * is), or it stays and fewer tests are undecided. No recursion is needed.
 */
#include <stdlib.h>

#include "optimise.h"

#define WORDS_MAX   24    /* distinct words (base and offset) that facts are kept about */
#define REORDER_MAX 1536u /* states up to which the best question is looked for */
#define STATES_MAX  4096u /* states up to which facts are kept */
#define EDGES_MAX   16384u
#define POINTLESS   2

static bool bit(const uint32_t *set, unsigned i)
{
    return set[i / 32] >> i % 32 & 1;
}

static void set_bit(uint32_t *set, unsigned i)
{
    set[i / 32] |= 1u << i % 32;
}

/* Number the words and the kinds of tests. */
static void number(struct opt *o)
{
    const struct ctest *t = o->b->tests;
    unsigned words[WORDS_MAX];

    for (unsigned i = 0; i < o->b->n; i++) {
        unsigned w = 0, k = 0;

        while (w < o->n_words && !same_word(&t[words[w]], &t[i]))
            w++;
        if (w == o->n_words && w < WORDS_MAX)
            words[o->n_words++] = i;
        o->word_of[i] = (uint8_t)w;
        while (k < o->n_kinds &&
               (!same_word(&t[o->kind_node[k]], &t[i]) || t[o->kind_node[k]].mask != t[i].mask ||
                t[o->kind_node[k]].value != t[i].value))
            k++;
        if (k == o->n_kinds)
            o->kind_node[o->n_kinds++] = (uint16_t)i;
        o->kind_of[i] = (uint16_t)k;
    }
    o->bits = (o->n_kinds + 31) / 32;
}

static void find_implications(struct opt *o)
{
    const struct ctest *t = o->b->tests;

    for (unsigned a = 0; a < o->n_kinds; a++) {
        const struct ctest *x = &t[o->kind_node[a]];

        for (unsigned c = 0; c < o->n_kinds; c++) {
            const struct ctest *y = &t[o->kind_node[c]];

            /* if these bits are not x's value, they cannot be y's, which includes them */
            if (same_word(x, y) && (y->mask & x->mask) == x->mask &&
                (y->value & x->mask) == x->value)
                set_bit(o->implies + a * o->bits, c);
        }
    }
}

/* The outcome of a test under the present facts: 1, 0, or -1 when open. */
static int decided(const struct opt *o, unsigned node)
{
    const struct ctest *t = &o->b->tests[node];
    unsigned w = o->word_of[node], kind = o->kind_of[node];

    if (w < o->n_words) {
        const struct fact *f = &o->now[w];

        if ((f->value ^ t->value) & t->mask & f->mask)
            return 0;
        if ((t->mask & f->mask) == t->mask)
            return 1;
    }
    for (unsigned k = 0; k < o->bits; k++) {
        for (uint32_t left = o->now_failed[k]; left; left &= left - 1) {
            unsigned failed = k * 32 + (unsigned)__builtin_ctz(left);

            if (bit(o->implies + failed * o->bits, kind))
                return 0;
        }
    }
    return -1;
}

/* Where one arrives from a target under the present facts, decided and pointless tests left out. */
static target_t resolved(const struct opt *o, target_t t)
{
    return t < 0 ? t : o->res[t];
}

/*
 * See which tests can be reached from a node under the present facts, and keep only the facts that
 * matter to them. Returns how many are undecided; `uses` counts them by kind.
 *
 * A test both of whose outcomes lead to the same place is pointless, and what is known about it is
 * forgotten.
 */
static unsigned look(struct opt *o, unsigned node)
{
    struct fact seen_bits[WORDS_MAX + 1] = {{0, 0}};
    unsigned live = 0;

    memset(o->seen, 0, node + 1);
    memset(o->uses, 0, o->n_kinds * sizeof(*o->uses));
    memset(o->wanted, 0, o->bits * sizeof(*o->wanted));
    for (unsigned i = 0; i <= node; i++) {
        const struct ctest *t = &o->b->tests[i];
        target_t yes = resolved(o, t->yes), no = resolved(o, t->no);

        o->outcome[i] = yes == no ? POINTLESS : (int8_t)decided(o, i);
        o->res[i] = yes == no || o->outcome[i] == 0 ? no : o->outcome[i] == 1 ? yes : (target_t)i;
    }
    o->seen[node] = 1;
    for (unsigned i = node + 1; i-- > 0;) {
        const struct ctest *t = &o->b->tests[i];
        int8_t d = o->outcome[i];

        if (!o->seen[i])
            continue;
        if (d != 0 && t->yes >= 0)
            o->seen[t->yes] = 1;
        if (d != 1 && t->no >= 0)
            o->seen[t->no] = 1;
        if (d == POINTLESS)
            continue;
        seen_bits[o->word_of[i]].mask |= t->mask;
        set_bit(o->wanted, o->kind_of[i]);
        if (d < 0) {
            live++;
            o->uses[o->kind_of[i]]++;
        }
    }
    for (unsigned w = 0; w < o->n_words; w++) {
        o->now[w].mask &= seen_bits[w].mask;
        o->now[w].value &= o->now[w].mask;
    }
    for (unsigned kind = 0; kind < o->n_kinds; kind++) {
        bool matters = false;

        if (!bit(o->now_failed, kind))
            continue;
        for (unsigned k = 0; k < o->bits; k++)
            matters |= (o->implies[kind * o->bits + k] & o->wanted[k]) != 0;
        if (!matters)
            o->now_failed[kind / 32] &= ~(1u << kind % 32);
    }
    return live;
}

static uint32_t hash_state(const struct opt *o, unsigned node)
{
    uint32_t h = node * 2654435761u;

    for (unsigned w = 0; w < o->n_words; w++)
        h = (h ^ o->now[w].mask * 31 ^ o->now[w].value) * 2654435761u;
    for (unsigned k = 0; k < o->bits; k++)
        h = (h ^ o->now_failed[k]) * 2654435761u;
    return h ^ h >> 15;
}

/* The state for a node under the present facts, new or found; -1 without memory. */
static target_t enter(struct opt *o, target_t to)
{
    size_t facts_size = o->n_words * sizeof(struct fact), failed_size = o->bits * sizeof(uint32_t);
    unsigned live;
    uint32_t h;
    int32_t *bucket;
    struct state *s;

    if (to < 0)
        return to;
    look(o, (unsigned)to);
    to = o->res[to];
    if (to < 0)
        return to;
    if (o->n_states >= o->limit) {
        memset(o->now, 0, facts_size);
        memset(o->now_failed, 0, failed_size);
    }
    live = look(o, (unsigned)to);
    h = hash_state(o, (unsigned)to);
    bucket = &o->buckets[h % o->n_buckets];
    for (int32_t i = *bucket; i >= 0; i = o->states[i].next) {
        if (o->states[i].node == (unsigned)to &&
            memcmp(o->facts + (unsigned)i * o->n_words, o->now, facts_size) == 0 &&
            memcmp(o->failed + (unsigned)i * o->bits, o->now_failed, failed_size) == 0)
            return i;
    }
    if (o->n_states == o->cap_states)
        return INT32_MAX;
    s = &o->states[o->n_states];
    s->node = (unsigned)to;
    s->live = live;
    s->next = *bucket;
    memcpy(o->facts + o->n_states * o->n_words, o->now, facts_size);
    memcpy(o->failed + o->n_states * o->bits, o->now_failed, failed_size);
    *bucket = (int32_t)o->n_states;
    return (target_t)o->n_states++;
}

static void recall(struct opt *o, unsigned state)
{
    memcpy(o->now, o->facts + state * o->n_words, o->n_words * sizeof(struct fact));
    memcpy(o->now_failed, o->failed + state * o->bits, o->bits * sizeof(uint32_t));
}

/* Add what the outcome of a test of this kind tells. */
static void learn(struct opt *o, unsigned kind, bool yes)
{
    unsigned node = o->kind_node[kind], w = o->word_of[node];
    const struct ctest *t = &o->b->tests[node];

    if (w < o->n_words && (yes || !(t->mask & (t->mask - 1)))) {
        uint32_t value = yes ? t->value : t->value ^ t->mask; /* a single bit is the other way */

        o->now[w].value = (o->now[w].value & ~t->mask) | value;
        o->now[w].mask |= t->mask;
    } else if (!yes) {
        set_bit(o->now_failed, kind);
    }
}

static bool same_question(const struct opt *o, unsigned a, unsigned c)
{
    const struct ctest *x = &o->b->tests[o->kind_node[a]], *y = &o->b->tests[o->kind_node[c]];

    return same_word(x, y) && x->mask == y->mask;
}

/* The kind whose masked word most of the undecided tests ask for; `own` if none is better. */
static unsigned best_question(const struct opt *o, unsigned own)
{
    unsigned best = own, best_uses = 0;

    for (unsigned a = 0; a < o->n_kinds; a++) {
        unsigned uses = 0;
        bool first = true;

        if (!o->uses[a])
            continue;
        for (unsigned c = 0; c < o->n_kinds && first; c++) {
            if (!o->uses[c] || !same_question(o, a, c))
                continue;
            uses += o->uses[c];
            first = c >= a; /* counted with an earlier kind already */
        }
        if (first && (uses > best_uses || (uses == best_uses && same_question(o, a, own)))) {
            best = a;
            best_uses = uses;
        }
    }
    return best;
}

/* Ask one question of a state: all undecided tests of one masked word, or only its own test. */
static int ask(struct opt *o, unsigned i)
{
    unsigned node = o->states[i].node, own = o->kind_of[node], kinds = 0, chosen = own;
    bool reorder = false;
    target_t to;

    recall(o, i);
    look(o, node);
    if (o->n_states < REORDER_MAX) {
        chosen = best_question(o, own);
        for (unsigned k = 0; k < o->n_kinds; k++)
            kinds += o->uses[k] && same_question(o, k, chosen);
        reorder = o->n_states + kinds + 1 < o->limit && o->n_edges + kinds < EDGES_MAX;
    }
    if (!reorder)
        chosen = own;
    /* which ones are asked for must be known before `uses` is needed for other states */
    o->states[i].edges = o->n_edges;
    for (unsigned k = 0; k < o->n_kinds; k++) {
        if (reorder ? o->uses[k] && same_question(o, k, chosen) : k == own) {
            o->edges[o->n_edges].node = o->kind_node[k];
            o->edges[o->n_edges++].kind = (uint16_t)k;
            o->states[i].n_edges++;
        }
    }
    for (unsigned e = 0; e <= o->states[i].n_edges; e++) {
        bool last = e == o->states[i].n_edges;
        struct edge *edge = &o->edges[o->states[i].edges + e];

        recall(o, i);
        for (unsigned k = 0; last && k < e; k++)
            learn(o, edge[(int)k - (int)e].kind, false);
        if (!last)
            learn(o, edge->kind, true);
        to = (target_t)node;
        if (!reorder)
            to = last ? o->b->tests[node].no : o->b->tests[node].yes;
        to = enter(o, to);
        if (to == INT32_MAX)
            return -1;
        if (last)
            o->states[i].no = to;
        else
            edge->to = to;
    }
    return 0;
}

static int walk(struct opt *o, target_t *entry)
{
    *entry = enter(o, *entry);
    for (unsigned i = 0; i < o->n_states; i++) {
        if (ask(o, i) != 0)
            return -1;
    }
    return 0;
}

static void opt_free(struct opt *o)
{
    free(o->word_of);
    free(o->kind_of);
    free(o->kind_node);
    free(o->implies);
    free(o->seen);
    free(o->outcome);
    free(o->res);
    free(o->uses);
    free(o->wanted);
    free(o->edges);
    free(o->states);
    free(o->facts);
    free(o->failed);
    free(o->buckets);
    free(o->now);
    free(o->now_failed);
}

/* A program larger than can be analysed: its states are its tests. */
static int plain(struct opt *o)
{
    unsigned n = o->b->n;

    o->states = calloc(n + 1, sizeof(*o->states));
    o->edges = calloc(n + 1, sizeof(*o->edges));
    if (!o->states || !o->edges)
        return -1;
    for (; o->n_states < n; o->n_states++) {
        struct state *s = &o->states[o->n_states];

        s->node = s->edges = o->n_states;
        s->n_edges = 1;
        o->edges[s->edges].node = (uint16_t)s->node;
        o->edges[s->edges].to = o->b->tests[s->node].yes;
        o->n_edges++;
        s->no = o->b->tests[s->node].no;
    }
    return 0;
}

static int analyse(struct opt *o, target_t *entry)
{
    unsigned n = o->b->n;

    if (n > CLASSIFY_OPTIMISE_MAX)
        return plain(o);
    o->word_of = calloc(n + 1, sizeof(*o->word_of));
    o->kind_of = calloc(n + 1, sizeof(*o->kind_of));
    o->kind_node = calloc(n + 1, sizeof(*o->kind_node));
    if (!o->word_of || !o->kind_of || !o->kind_node)
        return -1;
    number(o);
    o->n_words += !o->n_words;
    o->bits += !o->bits;
    o->limit = STATES_MAX < 8 * n + 64 ? STATES_MAX : 8 * n + 64;
    o->cap_states = o->limit + n + 1;
    o->n_buckets = o->cap_states / 2 + 1;
    o->implies = calloc((size_t)o->n_kinds * o->bits + 1, sizeof(*o->implies));
    o->seen = calloc(n + 1, 1);
    o->outcome = calloc(n + 1, 1);
    o->res = calloc(n + 1, sizeof(*o->res));
    o->uses = calloc(o->n_kinds + 1, sizeof(*o->uses));
    o->wanted = calloc(o->bits, sizeof(*o->wanted));
    o->edges = calloc(EDGES_MAX + o->cap_states, sizeof(*o->edges));
    o->states = calloc(o->cap_states, sizeof(*o->states));
    o->facts = calloc((size_t)o->cap_states * o->n_words, sizeof(*o->facts));
    o->failed = calloc((size_t)o->cap_states * o->bits, sizeof(*o->failed));
    o->buckets = malloc(o->n_buckets * sizeof(*o->buckets));
    o->now = calloc(o->n_words, sizeof(*o->now));
    o->now_failed = calloc(o->bits, sizeof(*o->now_failed));
    if (!o->implies || !o->seen || !o->outcome || !o->res || !o->uses || !o->wanted || !o->edges ||
        !o->states || !o->facts || !o->failed || !o->buckets || !o->now || !o->now_failed)
        return -1;
    memset(o->buckets, 0xff, o->n_buckets * sizeof(*o->buckets));
    find_implications(o);
    return walk(o, entry);
}

int program_make(struct program *p, const struct cbuilder *b, target_t entry)
{
    struct opt o = {.b = b};
    int rc = -1;

    memset(p, 0, sizeof(*p));
    p->tests_entry = entry;
    p->tests = malloc((b->n + 1) * sizeof(*p->tests));
    for (unsigned i = 0; p->tests && i < b->n; i++) {
        const struct ctest *t = &b->tests[i];

        p->tests[i] = *t;
        if (t->off + 4u > p->need[t->base])
            p->need[t->base] = t->off + 4u;
    }
    if (b->failed || !p->tests || analyse(&o, &entry) != 0 || optimise_merge(&o, p) != 0)
        goto out;
    p->entry = optimise_merged(&o, entry);
    if (optimise_compact(p) != 0)
        goto out;
    rc = 0;
out:
    opt_free(&o);
    if (rc != 0)
        program_free(p);
    return rc;
}
