/* SPDX-License-Identifier: BSD-2-Clause */
/* From a plan to running elements, and the exchange of one configuration for another. */
#include <stdlib.h>

#include "router.h"

struct element *router_find(const struct router *r, struct str name)
{
    for (unsigned i = 0; i < r->n_elems; i++) {
        if (str_is(name, r->elems[i]->name))
            return r->elems[i];
    }
    return NULL;
}

struct element *router_find_near(const struct router *r, const char *from, struct str name)
{
    struct str prefix = str_of(from);

    for (;;) {
        while (prefix.len && prefix.s[prefix.len - 1] != '/')
            prefix.len--;
        for (unsigned i = 0; i < r->n_elems; i++) {
            const char *n = r->elems[i]->name;

            if (strlen(n) == prefix.len + name.len && memcmp(n, prefix.s, prefix.len) == 0 &&
                memcmp(n + prefix.len, name.s, name.len) == 0)
                return r->elems[i];
        }
        if (!prefix.len)
            return NULL;
        prefix.len--;
    }
}

static int create(struct router *r, const struct plan_elem *p)
{
    struct element *e = calloc(1, p->cls->size);

    if (!e)
        return -1;
    r->elems[r->n_elems] = e;
    e->index = r->n_elems++;
    e->cls = p->cls;
    e->router = r;
    e->pos = p->pos;
    e->name = str_dup(p->name);
    e->cls_name = str_dup(p->cls_name);
    e->config = str_dup(str_trim(p->conf.text));
    return e->name && e->cls_name && e->config ? 0 : -1;
}

static int create_all(struct router *r, const struct plan *plan, struct errs *errs)
{
    r->elems = calloc(plan->n_elems + 1, sizeof(*r->elems));
    r->cap_timers = plan->n_elems * TIMERS_MAX + 2;
    r->heap = calloc(r->cap_timers, sizeof(struct timer *));
    if (!r->elems || !r->heap)
        return errs_at(errs, POS_NONE, "out of memory");
    for (unsigned i = 0; i < plan->n_elems; i++) {
        if (create(r, &plan->elems[i]) != 0)
            return errs_at(errs, plan->elems[i].pos, "out of memory");
        for (unsigned k = 0; k < i; k++) {
            if (strcmp(r->elems[k]->name, r->elems[i]->name) == 0)
                errs_at(errs, plan->elems[i].pos, "there are two elements called '%s'",
                        r->elems[i]->name);
        }
    }
    return errs->n_errors ? -1 : 0;
}

/* 0: AddressInfo, 1: what uses its names and is used by others, 2: all else. */
static int phase(const struct element *e)
{
    return e->cls->flags & CLASS_INFO ? 0 : e->cls->flags & CLASS_PATTERNS ? 1 : 2;
}

/* Report what is wrong with any of them, not only with the first. */
static int configure_all(struct router *r, const struct plan *plan, struct errs *errs)
{
    for (int now = 0; now <= 2; now++) {
        for (unsigned i = 0; i < r->n_elems; i++) {
            if (phase(r->elems[i]) == now)
                element_configure(r->elems[i], &plan->elems[i].conf, errs);
        }
    }
    if (errs->n_errors)
        return -1;
    for (unsigned i = 0; i < r->n_elems; i++) {
        struct element *e = r->elems[i];
        int (*initialize)(struct element *, struct errs *) = class_extra(e->cls)->initialize;

        errs->where = e->name;
        if (initialize && initialize(e, errs) != 0 && !errs->n_errors)
            errs_at(errs, e->pos, "out of memory");
        errs->where = NULL;
    }
    return errs->n_errors ? -1 : 0;
}

struct router *router_build(const char *text, size_t len, struct errs *errs)
{
    struct ast ast = {0};
    struct plan plan = {0};
    struct router *r = NULL;

    if (len > TEXT_LIMIT) {
        errs_at(errs, POS_NONE, "configuration larger than %u bytes", TEXT_LIMIT);
        return NULL;
    }
    errs->src = (struct str){len ? text : "", (uint32_t)len};
    if (lang_parse(&ast, errs) != 0 || lang_flatten(&ast, &plan, errs) != 0)
        goto out;
    r = calloc(1, sizeof(*r));
    if (r)
        r->source = str_dup(errs->src);
    if (!r || !r->source ||
        !(r->requirements = str_dup((struct str){ast.requirements.s, ast.requirements.len}))) {
        errs_at(errs, POS_NONE, "out of memory");
        goto err;
    }
    r->flow.now_ns = port_now_ns();
    if (create_all(r, &plan, errs) != 0 || router_connect(r, &plan, errs) != 0 ||
        configure_all(r, &plan, errs) != 0)
        goto err;
    if (router_find_listeners(r) == 0)
        goto out;
    errs_at(errs, POS_NONE, "out of memory");
err:
    if (r)
        router_free(r);
    r = NULL;
out:
    lang_free(&ast);
    arena_free(&plan.arena);
    return r;
}

void router_free(struct router *r)
{
    r->started = false;
    for (unsigned i = 0; i < r->n_elems; i++) {
        struct element *e = r->elems[i];

        if (e->cls->cleanup)
            e->cls->cleanup(e);
        args_free(e);
        free(e->in);
        free(e->out);
        free(e->pullers);
        free(e->stores);
        free(e->feeders);
        free((char *)e->name);
        free((char *)e->cls_name);
        free(e->config);
    }
    /* only now: cleanup() may look at other elements */
    for (unsigned i = 0; i < r->n_elems; i++)
        free(r->elems[i]);
    name_free(r);
    free(r->elems);
    free(r->heap);
    free(r->source);
    free(r->requirements);
    free(r);
}

void router_start(struct router *r, struct router *old)
{
    if (old) {
        for (unsigned i = 0; i < r->n_elems; i++) {
            struct element *e = r->elems[i];
            struct element *was = router_find(old, str_of(e->name));

            if (was && was->cls == e->cls && class_extra(e->cls)->take_state)
                e->cls->extra->take_state(e, was);
        }
        router_free(old);
    }
    r->started = true;
    r->flow.now_ns = port_now_ns();
    for (unsigned i = 0; i < r->n_elems; i++) {
        struct element *e = r->elems[i];

        if (class_extra(e->cls)->start)
            e->cls->extra->start(e);
        task_wake(e);
    }
}

/* ---- the engine ---- */

struct engine *engine_new(void)
{
    return calloc(1, sizeof(struct engine));
}

void engine_free(struct engine *eng)
{
    if (eng && eng->router)
        router_free(eng->router);
    free(eng);
}

static struct router *build(const char *text, size_t len, struct text *errors)
{
    struct errs errs = {0};
    struct router *r = router_build(text, len, &errs);

    if (errs.n_errors + errs.n_warnings > ERRS_MAX)
        text_addf(&errs.out, "%u errors and %u warnings altogether\n", errs.n_errors,
                  errs.n_warnings);
    if (errors)
        text_add(errors, errs.out.s ? errs.out.s : "", errs.out.len);
    text_free(&errs.out);
    return r;
}

int engine_load(struct engine *eng, const char *text, size_t len, struct text *errors)
{
    struct router *r = build(text, len, errors), *old = eng->router;

    if (!r)
        return -1;
    eng->router = r;
    router_start(r, old);
    return 0;
}

int engine_check(const char *text, size_t len, struct text *errors)
{
    struct router *r = build(text, len, errors);

    if (!r)
        return -1;
    router_free(r);
    return 0;
}

uint64_t engine_run(struct engine *eng, unsigned max_tasks)
{
    return eng->router ? sched_run(eng->router, max_tasks) : NEVER;
}

bool engine_stopped(const struct engine *eng)
{
    return !eng->router || eng->router->stopped;
}
