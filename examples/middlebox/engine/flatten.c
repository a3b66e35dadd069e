/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the tree to a flat plan: compounds are expanded into their elements, with a prefix to the
 * names and parameters put into the configuration strings. A compound becomes two pass-throughs
 * (its input and output), and at the end all pass-throughs are short-circuited away.
 */
#include "expand.h"

struct flattener {
    struct plan *plan;
    struct errs *errs;
    unsigned depth;
    bool fatal;
};

static bool too_large(struct flattener *f, uint32_t pos)
{
    if (!f->fatal)
        lang_too_large(f->errs, pos);
    f->fatal = true;
    return false;
}

/* Put variables' values into a configuration string. */
static bool expand(struct flattener *f, const struct env *env, struct str s, uint32_t pos,
                   struct conf_text *out)
{
    out->pos = pos;
    return conf_expand(&f->plan->arena, env, f->errs->src, s, out) ? true : too_large(f, pos);
}

/* ---- compounds ---- */

static struct plan_elem *add_elem(struct flattener *f, uint32_t pos)
{
    struct plan *plan = f->plan;
    struct plan_elem *e;

    if (plan->n_elems >= LANG_ELEMENTS_MAX)
        goto err;
    plan->elems = arena_grow(&plan->arena, plan->elems, plan->n_elems, &plan->cap_elems,
                             sizeof(*plan->elems));
    if (!plan->elems)
        goto err;
    e = &plan->elems[plan->n_elems++];
    memset(e, 0, sizeof(*e));
    e->pos = pos;
    return e;
err:
    too_large(f, pos);
    return NULL;
}

/* The two pass-throughs that stand for a compound's input and output. */
static bool add_ends(struct flattener *f, uint32_t pos)
{
    for (unsigned end = 0; end < 2; end++) {
        if (!add_elem(f, pos))
            return false;
    }
    return true;
}

static bool add_conn(struct flattener *f, struct plan_conn conn)
{
    struct plan *plan = f->plan;

    if (plan->n_conns >= LANG_CONNS_MAX)
        return too_large(f, conn.pos);
    plan->conns = arena_grow(&plan->arena, plan->conns, plan->n_conns, &plan->cap_conns,
                             sizeof(*plan->conns));
    if (!plan->conns)
        return too_large(f, conn.pos);
    plan->conns[plan->n_conns++] = conn;
    return true;
}

/* Do these arguments fit the compound's parameters? Then bind them. Arguments stay quoted. */
static bool bind(struct flattener *f, const struct ast_compound *c, struct str conf,
                 struct ast_var **vars, const char **why)
{
    struct ast_var *v = arena_alloc(&f->plan->arena, (c->n_formals + 1) * sizeof(*v));
    struct text rest = {0};
    unsigned positional = 0;
    struct str arg;
    uint32_t at = 0;

    *why = "out of memory";
    if (!v)
        return false;
    for (unsigned i = 0; i < c->n_formals; i++)
        v[i] = c->formals[i];
    while (positional < c->n_formals && !v[positional].key.len)
        positional++;
    for (unsigned n = 0; conf_split(conf, &at, &arg);) {
        unsigned i = 0;

        for (i = positional; i < c->n_formals; i++) {
            if (!str_is(v[i].key, "__REST__") && !v[i].value.s && conf_keyword(&arg, v[i].key))
                break;
        }
        if (i == c->n_formals && n < positional)
            i = n++;
        if (i < c->n_formals) {
            v[i].value = arg;
            continue;
        }
        *why = "too many arguments";
        if (!c->n_formals || !str_is(v[c->n_formals - 1].key, "__REST__"))
            goto err;
        text_addf(&rest, "%s", rest.len ? ", " : "");
        text_str(&rest, arg);
    }
    for (unsigned i = 0; i < c->n_formals; i++) {
        if (str_is(v[i].key, "__REST__")) {
            char *copy = arena_alloc(&f->plan->arena, (size_t)rest.len + 1);

            *why = "out of memory";
            if (!copy)
                goto err;
            if (rest.len)
                memcpy(copy, rest.s, rest.len);
            v[i].value = (struct str){copy, rest.len};
        } else if (!v[i].value.s) {
            *why = v[i].key.len ? "a keyword argument is missing" : "too few arguments";
            goto err;
        }
    }
    text_free(&rest);
    *vars = v;
    return true;
err:
    text_free(&rest);
    return false;
}

/* The first overload that takes these ports and arguments; a built-in class behind "..." is
 * last. */
static const struct ast_compound *choose(struct flattener *f, const struct ast_class *cls,
                                         struct conf_text *conf, unsigned n_in, unsigned n_out,
                                         struct ast_var **vars,
                                         const struct element_class **builtin, struct str name)
{
    const char *why = "the class has no definition";
    unsigned hops = 0;

    for (; cls && hops < LANG_ELEMENTS_MAX; cls = cls->rest, hops++) {
        if (cls->builtin) {
            *builtin = cls->builtin;
            return NULL;
        }
        for (const struct ast_compound *c = cls->compound; c; c = c->next) {
            if (c->n_in != n_in || c->n_out != n_out)
                why = "its ports do not match";
            else if (bind(f, c, conf->text, vars, &why))
                return c;
        }
    }
    errs_at(f->errs, conf->pos,
            "no definition of '%.*s' fits this use with %u inputs and %u outputs: %s",
            (int)name.len, name.s, n_in, n_out, why);
    return NULL;
}

static unsigned ports_used(const struct ast_compound *c, uint32_t elem, bool output)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->n_conns; i++) {
        const struct ast_conn *k = &c->conns[i];

        if (output && k->from == elem && k->from_port >= n)
            n = k->from_port + 1;
        if (!output && k->to == elem && k->to_port >= n)
            n = k->to_port + 1;
    }
    return n;
}

static struct str joined(struct flattener *f, struct str prefix, struct str name, uint32_t pos)
{
    char *s = arena_alloc(&f->plan->arena, (size_t)prefix.len + name.len + 2);
    struct str out = {s, 0};

    if (!s) {
        too_large(f, pos);
        return (struct str){"", 0};
    }
    if (prefix.len) {
        memcpy(s, prefix.s, prefix.len);
        s[prefix.len] = '/';
        out.len = prefix.len + 1;
    }
    memcpy(s + out.len, name.s, name.len);
    out.len += name.len;
    return out;
}

/* Where an element of a compound ended up in the plan: for expanded compounds two pass-throughs. */
struct place {
    uint32_t in, out;
};

static bool flatten(struct flattener *f, const struct ast_compound *c, struct env *env,
                    struct str prefix, struct place self);

static bool place_elem(struct flattener *f, const struct ast_compound *c, struct env *env,
                       struct str prefix, uint32_t i, struct place *place)
{
    const struct ast_elem *a = &c->elems[i];
    const struct element_class *builtin = NULL;
    const struct ast_compound *chosen;
    struct ast_var *vars = NULL;
    struct conf_text conf;
    struct plan_elem *e;
    struct env inner;
    struct str name;

    if (a->passes) {
        place->in = place->out = f->plan->n_elems;
        return add_elem(f, a->pos) != NULL;
    }
    name = joined(f, prefix, a->name, a->pos);
    if (f->fatal || !expand(f, env, a->config, a->pos, &conf))
        return false;
    if (a->cls->builtin) {
        builtin = a->cls->builtin;
        chosen = NULL;
    } else {
        chosen = choose(f, a->cls, &conf, ports_used(c, i, false), ports_used(c, i, true), &vars,
                        &builtin, a->cls->name);
    }
    if (!chosen) {
        place->in = place->out = f->plan->n_elems;
        e = add_elem(f, a->pos);
        if (!e)
            return false;
        e->name = name;
        e->cls = builtin;
        e->cls_name = a->cls->name;
        e->conf = conf;
        return true;
    }
    place->in = f->plan->n_elems;
    place->out = place->in + 1;
    if (!add_ends(f, a->pos))
        return false;
    if (++f->depth > LANG_DEPTH_MAX)
        return too_large(f, a->pos);
    /* the surroundings of a compound are those of its definition */
    inner = (struct env){.parent = env, .of = chosen, .vars = vars, .n_vars = chosen->n_formals};
    while (inner.parent && inner.parent->of != chosen->parent)
        inner.parent = inner.parent->parent;
    if (!flatten(f, chosen, &inner, name, *place))
        return false;
    f->depth--;
    return true;
}

static bool add_defines(struct flattener *f, const struct ast_compound *c, struct env *env)
{
    struct ast_var *vars;

    if (!c->n_defines)
        return true;
    vars = arena_alloc(&f->plan->arena, (env->n_vars + c->n_defines) * sizeof(*vars));
    if (!vars)
        return too_large(f, c->pos);
    for (unsigned i = 0; i < env->n_vars; i++)
        vars[i] = env->vars[i];
    env->vars = vars;
    for (unsigned i = 0; i < c->n_defines; i++) {
        uint32_t pos = (uint32_t)(c->defines[i].value.s - f->errs->src.s);
        struct conf_text value;

        if (!expand(f, env, c->defines[i].value, pos, &value))
            return false;
        vars[env->n_vars] = c->defines[i];
        vars[env->n_vars++].value = value.text;
    }
    return true;
}

static bool flatten(struct flattener *f, const struct ast_compound *c, struct env *env,
                    struct str prefix, struct place self)
{
    struct place *places = arena_alloc(&f->plan->arena, c->n_elems * sizeof(*places));

    if (!places)
        return too_large(f, c->pos);
    if (!add_defines(f, c, env))
        return false;
    places[AST_INPUT] = (struct place){self.in, self.in};
    places[AST_OUTPUT] = (struct place){self.out, self.out};
    for (uint32_t i = 2; i < c->n_elems; i++) {
        if (!place_elem(f, c, env, prefix, i, &places[i]))
            return false;
    }
    for (unsigned i = 0; i < c->n_conns; i++) {
        const struct ast_conn *k = &c->conns[i];

        if (!add_conn(f, (struct plan_conn){places[k->from].out, k->from_port, places[k->to].in,
                                            k->to_port, k->pos}))
            return false;
    }
    return true;
}

/* ---- pass-throughs ---- */

/* Connect all that leads into port p of pass-through t with all that leads out of it. */
static bool short_circuit(struct flattener *f, uint32_t t)
{
    struct plan *plan = f->plan;
    unsigned n = plan->n_conns, kept = 0;

    for (unsigned i = 0; i < n; i++) {
        struct plan_conn in = plan->conns[i];
        bool leads_on = false;

        if (in.to != t)
            continue;
        for (unsigned k = 0; k < n; k++) {
            struct plan_conn out = plan->conns[k];

            if (out.from != t || out.from_port != in.to_port)
                continue;
            leads_on = true;
            if (out.to == t) {
                errs_at(f->errs, out.pos, "a compound's input leads to itself only");
                continue;
            }
            if (in.from != t && !add_conn(f, (struct plan_conn){in.from, in.from_port, out.to,
                                                                out.to_port, in.pos}))
                return false;
        }
        if (!leads_on)
            errs_at(f->errs, in.pos,
                    "this leads to port %u of a compound element that has no such port",
                    in.to_port);
    }
    for (unsigned i = 0; i < n; i++) {
        struct plan_conn out = plan->conns[i];
        bool fed = out.from != t;

        for (unsigned k = 0; k < n && !fed; k++)
            fed = plan->conns[k].to == t && plan->conns[k].to_port == out.from_port;
        if (!fed)
            errs_at(f->errs, plan->elems[t].pos, "port %u of a compound element is not connected",
                    out.from_port);
    }
    for (unsigned i = 0; i < plan->n_conns; i++) {
        if (plan->conns[i].from != t && plan->conns[i].to != t)
            plan->conns[kept++] = plan->conns[i];
    }
    plan->n_conns = kept;
    return true;
}

static void drop_repeated(struct plan *plan)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < plan->n_conns; i++) {
        struct plan_conn *c = &plan->conns[i];
        unsigned k = 0;

        while (k < kept &&
               (plan->conns[k].from != c->from || plan->conns[k].to != c->to ||
                plan->conns[k].from_port != c->from_port || plan->conns[k].to_port != c->to_port))
            k++;
        if (k == kept)
            plan->conns[kept++] = *c;
    }
    plan->n_conns = kept;
}

int lang_flatten(const struct ast *ast, struct plan *plan, struct errs *errs)
{
    struct flattener f = {.plan = plan, .errs = errs};
    struct env env = {.of = ast->top};
    unsigned n = 0, n_before;

    memset(plan, 0, sizeof(*plan));
    /* the top has no input or output: two pass-throughs stand for them that nobody connects */
    if (!add_ends(&f, 0) || !flatten(&f, ast->top, &env, (struct str){"", 0}, (struct place){0, 1}))
        return -1;
    n_before = plan->n_conns;
    for (uint32_t i = 0; i < plan->n_elems && !errs->n_errors; i++) {
        if (!plan->elems[i].name.s && !short_circuit(&f, i))
            return -1;
        if (plan->n_conns >
            2 * n_before) { /* many-to-many: perhaps the same ones again and again */
            drop_repeated(plan);
            n_before = plan->n_conns;
        }
    }
    drop_repeated(plan);
    /* close up: only real elements stay */
    for (uint32_t i = 0; i < plan->n_elems; i++) {
        plan->elems[i].id = n;
        if (plan->elems[i].name.s)
            n++;
    }
    for (unsigned i = 0; i < plan->n_conns; i++) {
        plan->conns[i].from = plan->elems[plan->conns[i].from].id;
        plan->conns[i].to = plan->elems[plan->conns[i].to].id;
    }
    for (uint32_t i = 0; i < plan->n_elems; i++) {
        if (plan->elems[i].name.s)
            plan->elems[plan->elems[i].id] = plan->elems[i];
    }
    plan->n_elems = n;
    return errs->n_errors ? -1 : 0;
}
