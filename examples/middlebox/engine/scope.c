/* SPDX-License-Identifier: BSD-2-Clause */
/* Words, and what a scope holds. */
#include "parser.h"

void parser_next(struct parser *p)
{
    p->tok = lex_next(&p->lex);
}

int lang_too_large(struct errs *errs, uint32_t pos)
{
    return errs_at(errs, pos,
                   "configuration too large: %u elements, %u connections and 1 MiB of arguments "
                   "are allowed; if it has less, there is too little memory",
                   LANG_ELEMENTS_MAX, LANG_CONNS_MAX);
}

bool parser_no_memory(struct parser *p)
{
    if (!p->fatal)
        lang_too_large(p->errs, p->tok.pos);
    p->fatal = true;
    return false;
}

bool parser_expected(struct parser *p, const char *expected)
{
    if (p->fatal)
        return false;
    if (p->tok.kind == TOK_END)
        errs_at(p->errs, p->tok.pos, "syntax error at the end of the configuration: expected %s",
                expected);
    else
        errs_at(p->errs, p->tok.pos, "syntax error near '%.*s': expected %s", (int)p->tok.text.len,
                p->tok.text.s, expected);
    return false;
}

bool parser_take(struct parser *p, char c)
{
    char what[4] = {'\'', c, '\'', 0};

    if (!token_is(p->tok, c))
        return parser_expected(p, what);
    parser_next(p);
    return true;
}

bool parser_at_end(const struct parser *p)
{
    return token_is(p->tok, ';') || token_is(p->tok, '}') || token_is(p->tok, ')') ||
           p->tok.kind == TOK_BARS || p->tok.kind == TOK_END;
}

bool parser_deeper(struct parser *p)
{
    if (++p->depth <= LANG_DEPTH_MAX)
        return true;
    errs_at(p->errs, p->tok.pos, "groups and compound elements are nested too deeply");
    p->fatal = true;
    return false;
}

uint32_t scope_add(struct parser *p, struct str name, uint32_t pos)
{
    struct ast_compound *c = p->scope;
    struct ast_elem *e = NULL;

    if (c->n_elems < LANG_ELEMENTS_MAX)
        e = SCOPE_GROW(p, c, elems, n_elems);
    if (!e) {
        parser_no_memory(p);
        return 0;
    }
    memset(e, 0, sizeof(*e));
    e->name = name;
    e->pos = pos;
    return c->n_elems - 1;
}

bool scope_connect(struct parser *p, uint32_t from, uint32_t from_port, uint32_t to,
                   uint32_t to_port, uint32_t pos)
{
    struct ast_compound *c = p->scope;
    struct ast_conn *conn = NULL;

    if (c->n_conns < LANG_CONNS_MAX)
        conn = SCOPE_GROW(p, c, conns, n_conns);
    if (!conn)
        return parser_no_memory(p);
    *conn = (struct ast_conn){from, from_port, to, to_port, pos};
    return true;
}

struct ast_class *scope_class(struct parser *p, struct str name)
{
    const struct element_class *builtin;
    struct ast_class *c;

    for (struct ast_compound *s = p->scope; s; s = s->parent) {
        for (c = s->classes; c; c = c->next) {
            if (str_eq(c->name, name))
                return c;
        }
    }
    builtin = class_find(name);
    if (!builtin)
        return NULL;
    /* seen for the first time: note it in the outermost scope */
    c = arena_alloc(&p->ast->arena, sizeof(*c));
    if (!c) {
        parser_no_memory(p);
        return NULL;
    }
    c->name = name;
    c->builtin = builtin;
    c->next = p->ast->top->classes;
    p->ast->top->classes = c;
    return c;
}

uint32_t scope_find(const struct parser *p, struct str name)
{
    const struct ast_compound *c = p->scope;

    for (uint32_t i = 2; i < c->n_elems; i++) {
        if (!c->elems[i].anonymous && str_eq(c->elems[i].name, name))
            return i;
    }
    return 0;
}

struct ast_compound *scope_open(struct parser *p, struct ast_compound *parent)
{
    struct ast_compound *c = arena_alloc(&p->ast->arena, sizeof(*c));

    if (!c) {
        parser_no_memory(p);
        return NULL;
    }
    c->parent = parent;
    c->pos = p->tok.pos;
    p->scope = c;
    p->input = AST_INPUT;
    p->output = AST_OUTPUT;
    scope_add(p, (struct str){"input", 5}, c->pos);
    scope_add(p, (struct str){"output", 6}, c->pos);
    if (p->fatal)
        return NULL;
    c->elems[AST_INPUT].passes = c->elems[AST_OUTPUT].passes = true;
    return c;
}

/* The highest port of a pass-through that is used inside, plus one. */
unsigned scope_ports_used(const struct parser *p, uint32_t elem, bool as_output)
{
    const struct ast_compound *c = p->scope;
    unsigned n = 0;

    for (unsigned i = 0; i < c->n_conns; i++) {
        const struct ast_conn *k = &c->conns[i];

        if (as_output ? k->from == elem : k->to == elem) {
            uint32_t port = as_output ? k->from_port : k->to_port;

            if (port >= n)
                n = port + 1;
        }
    }
    return n;
}

/* Every port from 0 up to the highest one must be in use. */
unsigned scope_ports(struct parser *p, uint32_t elem, bool as_output, const char *name)
{
    const struct ast_compound *c = p->scope;
    unsigned n = scope_ports_used(p, elem, as_output);
    uint8_t used[(LANG_PORT_MAX + 8) / 8] = {0};

    for (unsigned i = 0; i < c->n_conns; i++) {
        const struct ast_conn *k = &c->conns[i];

        if (k->from == elem && as_output)
            used[k->from_port / 8] |= (uint8_t)(1u << k->from_port % 8);
        if (k->to == elem && !as_output)
            used[k->to_port / 8] |= (uint8_t)(1u << k->to_port % 8);
        if (as_output ? k->to == elem : k->from == elem)
            errs_at(p->errs, k->pos, "'%s' can only be used as %s", name,
                    as_output ? "a source" : "a destination");
    }
    for (unsigned i = 0; i < n; i++) {
        if (!(used[i / 8] & 1u << i % 8))
            errs_at(p->errs, c->pos, "port %u of '%s' is not used, but later ones are", i, name);
    }
    return n;
}
