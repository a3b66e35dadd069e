/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: how many an element may have, whether each is push or pull, and who hears of whom. The
 * rules are Click's: a push output and a pull input have exactly one connection, both ends of a
 * connection agree, an agnostic element is push or pull throughout, and agnostic ports that nothing
 * decides are push.
 */
#include <stdlib.h>

#include "router.h"

enum { AGNOSTIC, PUSH, PULL };

static const char *const kind_names[] = {"agnostic", "push", "pull"};

/* The working state of one port. */
struct port {
    uint8_t kind;
    bool was_agnostic;
    uint32_t used; /* number of connections */
    uint32_t conn; /* the last of them */
};

struct connector {
    struct router *r;
    const struct plan *plan;
    struct errs *errs;
    struct port *ports; /* of all elements */
    uint32_t *first;    /* by element: of its ports, inputs first */
};

static unsigned port_count(const struct element *e, int output)
{
    return output ? e->n_out : e->n_in;
}

static unsigned number_at(const char **spec)
{
    unsigned n = 0;

    for (; is_digit(**spec); (*spec)++)
        n = n * 10 + (unsigned)(**spec - '0');
    return n;
}

/* One side of a port specification: "N", "N-", "N-M", "-", "=". */
static bool count_fits(const char *spec, unsigned n, unsigned n_in)
{
    unsigned low;

    if (*spec == '=')
        return n == n_in;
    low = number_at(&spec);
    if (*spec != '-')
        return n == low;
    spec++;
    if (!is_digit(*spec))
        return n >= low;
    return n >= low && n <= number_at(&spec);
}

/* What a count specification wants, in words a user understands. */
static void check_count(struct connector *c, const struct element *e, const char *spec, int output)
{
    const char *what = output ? "output" : "input";
    unsigned n = port_count(e, output);
    const char *end = spec;

    if (count_fits(spec, n, e->n_in))
        return;
    while (*end && *end != '/')
        end++;
    if (*spec == '=')
        errs_at(c->errs, e->pos, "'%s' has %u inputs, but %u outputs", e->name, e->n_in, n);
    else
        errs_at(c->errs, e->pos, "'%s' has %u %s%s, but %s wants %.*s", e->name, n, what,
                n == 1 ? "" : "s", e->cls_name, (int)(end - spec), spec);
}

static struct port *input(const struct connector *c, uint32_t elem, unsigned i)
{
    return &c->ports[c->first[elem] + i];
}

static struct port *output(const struct connector *c, uint32_t elem, unsigned i)
{
    return input(c, elem, c->r->elems[elem]->n_in + i);
}

static struct port *port_at(const struct connector *c, uint32_t elem, bool is_output, unsigned i)
{
    return is_output ? output(c, elem, i) : input(c, elem, i);
}

static const char *outputs_of(const char *code)
{
    const char *slash = strchr(code, '/');

    return slash ? slash + 1 : code;
}

/* The kind that a processing code gives to port i; the last letter stands for all that follow. */
static uint8_t kind_of(const char *code, unsigned i)
{
    while (i-- && code[1] && code[1] != '/')
        code++;
    return *code == 'h' ? PUSH : *code == 'l' ? PULL : AGNOSTIC;
}

static void set_kinds(struct connector *c, const struct element *e)
{
    for (int output = 0; output < 2; output++) {
        const char *code = output ? outputs_of(e->cls->processing) : e->cls->processing;

        for (unsigned i = 0; i < port_count(e, output); i++) {
            struct port *p = port_at(c, e->index, output, i);

            p->kind = kind_of(code, i);
            p->was_agnostic = p->kind == AGNOSTIC;
        }
    }
}

static bool settle(struct port *a, struct port *b, bool *changed)
{
    if (a->kind == b->kind)
        return true;
    if (a->kind == AGNOSTIC) {
        a->kind = b->kind;
        *changed = true;
    } else if (b->kind == AGNOSTIC) {
        b->kind = a->kind;
        *changed = true;
    } else {
        return false;
    }
    return true;
}

static void check_mixed(struct connector *c, const struct element *e, unsigned i, unsigned o)
{
    errs_at(c->errs, e->pos, "agnostic '%s' in mixed context: %s input %u, %s output %u", e->name,
            kind_names[input(c, e->index, i)->kind], i, kind_names[output(c, e->index, o)->kind],
            o);
}

/* Spread what is known over elements and connections until nothing changes. With `check`, tell what
 * does not fit. */
static bool spread(struct connector *c, bool check)
{
    bool changed = false;

    for (unsigned k = 0; k < c->plan->n_conns; k++) {
        const struct plan_conn *conn = &c->plan->conns[k];
        struct port *from = output(c, conn->from, conn->from_port);
        struct port *to = input(c, conn->to, conn->to_port);

        if (!settle(from, to, &changed) && check)
            errs_at(c->errs, conn->pos,
                    "'%s' %s output %u connected to '%s' %s input %u; put %s between them",
                    c->r->elems[conn->from]->name, kind_names[from->kind], conn->from_port,
                    c->r->elems[conn->to]->name, kind_names[to->kind], conn->to_port,
                    from->kind == PUSH ? "a Queue" : "an Unqueue");
    }
    for (unsigned n = 0; n < c->r->n_elems; n++) {
        const struct element *e = c->r->elems[n];
        const char *flow = class_extra(e->cls)->flow;
        bool told = false;

        if (flow && flow[0] == 'x') /* inputs and outputs have nothing in common */
            continue;
        for (unsigned i = 0; i < e->n_in; i++) {
            bool paired = flow && flow[0] == '#';

            if (!input(c, n, i)->was_agnostic)
                continue;
            for (unsigned o = paired ? i : 0; o < (paired ? i + 1 : e->n_out); o++) {
                if (o >= e->n_out || !output(c, n, o)->was_agnostic)
                    continue;
                if (!settle(input(c, n, i), output(c, n, o), &changed) && check && !told) {
                    check_mixed(c, e, i, o);
                    told = true;
                }
            }
        }
    }
    return changed;
}

static void resolve(struct connector *c)
{
    while (spread(c, false))
        ;
    /* what is still open is push, one port at a time, since each decides others */
    for (unsigned n = 0; n < c->r->n_elems; n++) {
        for (int output = 0; output < 2; output++) {
            for (unsigned i = 0; i < port_count(c->r->elems[n], output); i++) {
                struct port *p = port_at(c, n, output, i);

                if (p->kind != AGNOSTIC)
                    continue;
                p->kind = PUSH;
                while (spread(c, false))
                    ;
            }
        }
    }
    spread(c, true);
}

static void check_use(struct connector *c)
{
    for (unsigned n = 0; n < c->r->n_elems; n++) {
        const struct element *e = c->r->elems[n];

        for (int output = 0; output < 2; output++) {
            for (unsigned i = 0; i < port_count(e, output); i++) {
                const struct port *p = port_at(c, n, output, i);
                const char *what = output ? "output" : "input";

                if (!p->used)
                    errs_at(c->errs, e->pos, "'%s' %s %s %u unused", e->name, kind_names[p->kind],
                            what, i);
                else if (p->used > 1 && p->kind == (output ? PUSH : PULL))
                    errs_at(c->errs, c->plan->conns[p->conn].pos,
                            "can't reuse '%s' %s %s %u: it has one connection already", e->name,
                            kind_names[p->kind], what, i);
            }
        }
    }
}

static push_fn *push_of(const struct element_class *cls)
{
    if (cls->way == BY_PUSH)
        return cls->push;
    return cls->way == BY_ROUTE ? element_route_push : element_action_push;
}

static void link_up(struct connector *c)
{
    for (unsigned k = 0; k < c->plan->n_conns; k++) {
        const struct plan_conn *conn = &c->plan->conns[k];
        struct element *from = c->r->elems[conn->from], *to = c->r->elems[conn->to];
        bool push = output(c, conn->from, conn->from_port)->kind == PUSH;
        struct link *out = &from->out[conn->from_port], *in = &to->in[conn->to_port];

        out->is_push = in->is_push = push;
        if (push) {
            *out = (struct link){
                .push = push_of(to->cls), .peer = to, .port = conn->to_port, .is_push = true};
        } else {
            *in = (struct link){.pull = from->cls->pull ? from->cls->pull : element_action_pull,
                                .peer = from,
                                .port = conn->from_port};
        }
    }
}

static int alloc_ports(struct connector *c)
{
    uint32_t n_ports = 0;

    for (unsigned k = 0; k < c->plan->n_conns; k++) {
        const struct plan_conn *conn = &c->plan->conns[k];
        struct element *from = c->r->elems[conn->from], *to = c->r->elems[conn->to];

        if (conn->from_port >= from->n_out)
            from->n_out = conn->from_port + 1;
        if (conn->to_port >= to->n_in)
            to->n_in = conn->to_port + 1;
    }
    c->first = calloc(c->r->n_elems + 1, sizeof(*c->first));
    if (!c->first)
        return -1;
    for (unsigned n = 0; n < c->r->n_elems; n++) {
        struct element *e = c->r->elems[n];

        e->in = calloc(e->n_in + 1, sizeof(*e->in));
        e->out = calloc(e->n_out + 1, sizeof(*e->out));
        if (!e->in || !e->out)
            return -1;
        c->first[n] = n_ports;
        n_ports += e->n_in + e->n_out;
    }
    c->ports = calloc(n_ports + 1, sizeof(*c->ports));
    return c->ports ? 0 : -1;
}

int router_connect(struct router *r, const struct plan *plan, struct errs *errs)
{
    struct connector c = {.r = r, .plan = plan, .errs = errs};
    unsigned before = errs->n_errors;

    if (alloc_ports(&c) != 0) {
        errs_at(errs, POS_NONE, "out of memory");
        goto out;
    }
    for (unsigned k = 0; k < plan->n_conns; k++) {
        const struct plan_conn *conn = &plan->conns[k];
        struct port *from = output(&c, conn->from, conn->from_port);
        struct port *to = input(&c, conn->to, conn->to_port);

        from->used++;
        to->used++;
        from->conn = to->conn = k;
    }
    for (unsigned n = 0; n < r->n_elems; n++) {
        check_count(&c, r->elems[n], r->elems[n]->cls->ports, 0);
        check_count(&c, r->elems[n], outputs_of(r->elems[n]->cls->ports), 1);
        set_kinds(&c, r->elems[n]);
    }
    if (errs->n_errors == before) {
        resolve(&c);
        check_use(&c);
    }
    if (errs->n_errors == before)
        link_up(&c);
out:
    free(c.ports);
    free(c.first);
    return errs->n_errors == before ? 0 : -1;
}

/* ---- who hears of whom ---- */

struct search {
    struct router *r;
    uint8_t *seen;
    struct element **found;
    unsigned n;
    bool open_end; /* a path ended where no Queue is */
};

/* Depth first, with an explicit stack in `found`'s second half: configurations may be deep. */
static void find_pullers(struct search *s, struct element *from)
{
    struct element **stack = s->found + s->r->n_elems;
    unsigned depth = 0;

    memset(s->seen, 0, s->r->n_elems);
    s->n = 0;
    stack[depth++] = from;
    while (depth) {
        struct element *e = stack[--depth];

        for (unsigned n = 0; n < s->r->n_elems; n++) {
            struct element *to = s->r->elems[n];
            bool pulls = false;

            for (unsigned i = 0; i < to->n_in; i++)
                pulls |= !to->in[i].is_push && to->in[i].peer == e;
            if (!pulls || s->seen[n])
                continue;
            s->seen[n] = 1;
            if (to->cls->run)
                s->found[s->n++] = to;
            else
                stack[depth++] = to;
        }
    }
}

static void find_stores(struct search *s, struct element *from)
{
    struct element **stack = s->found + s->r->n_elems;
    unsigned depth = 0;

    memset(s->seen, 0, s->r->n_elems);
    s->n = 0;
    s->open_end = false;
    stack[depth++] = from;
    while (depth) {
        struct element *e = stack[--depth];
        bool leads_on = false;

        for (unsigned o = 0; o < e->n_out; o++) {
            struct element *to = e->out[o].peer;

            if (!e->out[o].is_push)
                continue;
            leads_on = true;
            if (s->seen[to->index])
                continue;
            s->seen[to->index] = 1;
            if (to->cls->flags & CLASS_STORES)
                s->found[s->n++] = to;
            else
                stack[depth++] = to;
        }
        if (!leads_on)
            s->open_end = true;
    }
}

static bool keep(struct element ***list, unsigned *n, const struct search *s)
{
    if (!s->n)
        return true;
    *list = malloc(s->n * sizeof(**list));
    if (!*list)
        return false;
    memcpy(*list, s->found, s->n * sizeof(**list));
    *n = s->n;
    return true;
}

static bool add_feeder(struct element *store, struct element *feeder)
{
    struct element **list = realloc(store->feeders, (store->n_feeders + 1) * sizeof(*list));

    if (!list)
        return false;
    list[store->n_feeders++] = feeder;
    store->feeders = list;
    return true;
}

int router_find_listeners(struct router *r)
{
    struct search s = {.r = r,
                       .seen = calloc(r->n_elems + 1, 1),
                       .found = calloc(2 * r->n_elems + 2, sizeof(struct element *))};
    bool ok = s.seen && s.found;

    for (unsigned n = 0; ok && n < r->n_elems; n++) {
        struct element *e = r->elems[n];
        bool pulled = false;

        for (unsigned o = 0; o < e->n_out; o++)
            pulled |= !e->out[o].is_push;
        if (pulled) {
            find_pullers(&s, e);
            ok = keep(&e->pullers, &e->n_pullers, &s);
        }
        if (ok && (e->cls->flags & CLASS_WAITS)) {
            find_stores(&s, e);
            if (s.open_end)
                s.n = 0;
            ok = keep(&e->stores, &e->n_stores, &s);
            for (unsigned i = 0; ok && i < e->n_stores; i++)
                ok = add_feeder(e->stores[i], e);
        }
    }
    free(s.seen);
    free(s.found);
    return ok ? 0 : -1;
}
