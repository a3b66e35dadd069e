/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns like `src net 10.0.0.0/8 and (dst port 80 or 443)`.
 *
 *     expr   := or ["?" expr ":" expr]
 *     or     := and {"or" and}
 *     and    := factor {["and"] factor}
 *     factor := "not" factor | "(" expr ")" | primitive
 *
 * A primitive is a row of qualifiers (src, tcp, port, ...), perhaps a mask and a comparison, and a
 * value. Qualifiers that are left out are taken from the primitive before: `src port 80 or 81`.
 */
#include "ipreader.h"

#define EXPR_DEPTH_MAX 32 /* parentheses, negations and choices inside each other */

static struct ipexpr *read_expr(struct reader *r);

static struct ipexpr *read_factor(struct reader *r)
{
    struct ipexpr *x, *inner;

    if (++r->depth > EXPR_DEPTH_MAX)
        return reader_fail(r, "nested too deeply");
    if (reader_accept(r, "not", "!")) {
        x = reader_node(r, OP_NOT);
        inner = read_factor(r);
        if (!x || !inner)
            return NULL;
        x->first = inner;
    } else if (reader_accept(r, "(", "(")) {
        x = read_expr(r);
        if (x && !reader_accept(r, ")", ")"))
            return reader_fail(r, "expected ')'");
    } else {
        x = reader_primitive(r);
    }
    r->depth--;
    return r->failed ? NULL : x;
}

/* Can another factor follow without "and"? */
static bool factor_follows(struct reader *r)
{
    return str_is(r->word, "!") || str_is(r->word, "(") || reader_at_value(r);
}

static struct ipexpr *read_row(struct reader *r, enum op op)
{
    struct ipexpr *x = op == OP_OR ? read_row(r, OP_AND) : read_factor(r), *row = NULL;

    while (x && (reader_accept(r, op == OP_OR ? "or" : "and", op == OP_OR ? "||" : "&&") ||
                 (op == OP_AND && factor_follows(r)))) {
        struct ipexpr *more = op == OP_OR ? read_row(r, OP_AND) : read_factor(r);

        if (!row) {
            row = reader_node(r, op);
            if (!row)
                return NULL;
            row->first = x;
            x = row;
        }
        if (!more)
            return NULL;
        more->next = row->first; /* last one first, as emitting needs them */
        row->first = more;
    }
    return x;
}

static struct ipexpr *read_expr(struct reader *r)
{
    struct ipexpr *x = read_row(r, OP_OR), *choice;

    if (!x || !reader_accept(r, "?", "?"))
        return x;
    r->depth++; /* what was read went deeper */
    choice = reader_node(r, OP_CHOICE);
    if (!choice)
        return NULL;
    choice->first = x;
    x->next = read_expr(r);
    if (!x->next)
        return NULL;
    if (!reader_accept(r, ":", ":"))
        return reader_fail(r, "expected ':'");
    x->next->next = read_expr(r);
    r->depth--;
    return x->next->next ? choice : NULL;
}

struct ipexpr *ipexpr_parse(struct arena *arena, const struct conf *c, struct str text)
{
    struct reader r = {.arena = arena, .c = c, .text = text};
    struct ipexpr *x;

    reader_next(&r);
    if (!r.word.len) {
        conf_error(c, text, "an empty pattern; say 'all' to match everything");
        return NULL;
    }
    x = read_expr(&r);
    if (x && r.word.len)
        return reader_fail(&r, "unexpected");
    return r.failed ? NULL : x;
}
