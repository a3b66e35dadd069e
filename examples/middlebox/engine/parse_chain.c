/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of elements, and the connections they make. */
#include "parser.h"

struct end {
    uint32_t elem, port;
};

/* All ports that one side of an arrow names. `*open` tells that it may be continued at will. */
static bool ends_of(struct parser *p, struct list *list, int side, struct end **ends, unsigned *n,
                    bool *open)
{
    unsigned cap = 0;

    *ends = NULL;
    *n = 0;
    *open = list->n == 1 && !list->items[0].given[side] && !list->items[0].group;
    for (unsigned i = 0; i < list->n; i++) {
        const struct item *item = &list->items[i];
        uint32_t elem = side ? item->out : item->in;
        unsigned count = item->n_ports[side];

        if (!item->given[side]) {
            count = 1;
            if (item->group) /* an input inside the group is an output of the pass-through */
                count = scope_ports_used(p, elem, side == 0);
        }
        for (unsigned k = 0; k < count; k++) {
            *ends = arena_grow(&p->ast->arena, *ends, *n, &cap, sizeof(**ends));
            if (!*ends)
                return parser_no_memory(p);
            (*ends)[(*n)++] = (struct end){elem, item->given[side] ? item->ports[side][k] : k};
        }
    }
    return true;
}

static bool connect_lists(struct parser *p, struct list *left, struct list *right, bool many,
                          uint32_t pos)
{
    struct end *from, *to;
    unsigned n_from, n_to;
    bool open_from, open_to;

    if (!ends_of(p, left, 1, &from, &n_from, &open_from) ||
        !ends_of(p, right, 0, &to, &n_to, &open_to))
        return false;
    if (!many) {
        if (n_from > 1 && n_to > 1) {
            errs_at(p->errs, pos, "many-to-many connections require '=>'");
            return true;
        }
        for (unsigned i = 0; i < n_from; i++) {
            for (unsigned k = 0; k < n_to; k++) {
                if (!scope_connect(p, from[i].elem, from[i].port, to[k].elem, to[k].port, pos))
                    return false;
            }
        }
        return true;
    }
    if (open_from ? !n_to : open_to ? !n_from : n_from != n_to) {
        errs_at(p->errs, pos, "connection mismatch: %u outputs connected to %u inputs", n_from,
                n_to);
        return true;
    }
    for (unsigned i = 0; i < (open_from ? n_to : n_from); i++) {
        struct end a = open_from ? (struct end){from[0].elem, i} : from[i];
        struct end b = open_to ? (struct end){to[0].elem, i} : to[i];

        if (!scope_connect(p, a.elem, a.port, b.elem, b.port, pos))
            return false;
    }
    return true;
}

/* a, b :: Class; declares both. */
static void declare_all(struct parser *p, struct list *list)
{
    struct item *last = &list->items[list->n - 1];
    struct ast_elem decl = p->scope->elems[last->in];

    if (!last->declares)
        return;
    for (unsigned i = 0; i + 1 < list->n; i++) {
        if (list->items[i].bare)
            parse_declare(p, list->items[i].in, decl.cls, decl.config, list->items[i].pos);
    }
}

/* Take one end of a chain where no element is written: input in front, output at the back. */
static bool implied(struct parser *p, struct list *list, uint32_t elem)
{
    list->items = arena_grow(&p->ast->arena, list->items, 0, &list->cap, sizeof(*list->items));
    if (!list->items)
        return parser_no_memory(p);
    memset(list->items, 0, sizeof(*list->items));
    list->items[0].in = list->items[0].out = elem;
    list->n = 1;
    return true;
}

static bool check_list(struct parser *p, const struct list *list, int side, bool used)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (list->items[i].given[side] && !used) {
            errs_at(p->errs, list->items[i].pos,
                    side ? "output ports at the end of a chain" : "input ports at its start");
            return false;
        }
    }
    return true;
}

bool parse_connection(struct parser *p)
{
    bool inside = p->scope != p->ast->top || p->input != AST_INPUT;
    struct list left = {0}, right;
    bool starts = true;

    if (p->tok.kind == TOK_ARROW || p->tok.kind == TOK_MANY) {
        if (!inside)
            return parser_expected(p, "an element");
        if (!implied(p, &left, p->input))
            return false;
    } else if (!parse_list(p, &left, true)) {
        return false;
    }
    check_list(p, &left, 0, false);
    while (p->tok.kind == TOK_ARROW || p->tok.kind == TOK_MANY) {
        bool many = p->tok.kind == TOK_MANY;
        uint32_t pos = p->tok.pos;

        starts = false;
        parser_next(p);
        memset(&right, 0, sizeof(right));
        if (inside && parser_at_end(p)) {
            if (!implied(p, &right, p->output))
                return false;
        } else if (!parse_list(p, &right, false)) {
            return false;
        }
        if (!connect_lists(p, &left, &right, many, pos))
            return false;
        left = right;
    }
    check_list(p, &left, 1, false);
    if (starts)
        declare_all(p, &left);
    return true;
}
