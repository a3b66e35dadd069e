/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * The parser's inner parts: a recursive descent parser in four files. The only recursion is over
 * `{` and `(`, bounded by LANG_DEPTH_MAX.
 */
#ifndef SPRAT_MIDDLEBOX_PARSER_H
#define SPRAT_MIDDLEBOX_PARSER_H

#include "lang.h"
#include "lex.h"

/** One element of a comma-separated list between arrows, with its ports. */
struct item {
    uint32_t in, out;   /* the element to connect to, and from: different for a group */
    uint32_t *ports[2]; /* [0] in front of the element, [1] behind it */
    unsigned n_ports[2];
    bool given[2]; /* there were brackets */
    bool bare;     /* only a name, not known yet: perhaps declared by a later `::` */
    bool group;
    bool declares; /* there was a `::` */
    uint32_t pos;
};

struct list {
    struct item *items;
    unsigned n, cap;
};

struct parser {
    struct lexer lex;
    struct token tok; /* the next word */
    struct ast *ast;
    struct errs *errs;
    struct ast_compound *scope;
    uint32_t input, output; /* what these names mean here; change inside groups */
    unsigned depth;
    bool fatal; /* out of memory or too large: stop */
};

/* ---- words and scopes: scope.c ---- */

/** Go on to the next word. */
void parser_next(struct parser *p);
/** Report that the configuration is too large, once; returns false, as all that report do. */
bool parser_no_memory(struct parser *p);
/** Report what was expected instead of the current word. */
bool parser_expected(struct parser *p, const char *what);
/** The current word must be this character; go on behind it. */
bool parser_take(struct parser *p, char c);
/** Does a statement end here? */
bool parser_at_end(const struct parser *p);
/** Going into a group or a compound; false when that is too deep. p->depth-- when it is left. */
bool parser_deeper(struct parser *p);

/** One more object in the array of a scope, or NULL. */
#define SCOPE_GROW(p, obj, array, n)                                                               \
    (((obj)->array = arena_grow(&(p)->ast->arena, (obj)->array, (obj)->n, &(obj)->cap_##array,     \
                                sizeof(*(obj)->array))) != NULL                                    \
         ? &(obj)->array[(obj)->n++]                                                               \
         : NULL)

/** Open a scope inside `parent`; it becomes p->scope. NULL after reporting. */
struct ast_compound *scope_open(struct parser *p, struct ast_compound *parent);
/** A new element; its index, or 0 after reporting. */
uint32_t scope_add(struct parser *p, struct str name, uint32_t pos);
bool scope_connect(struct parser *p, uint32_t from, uint32_t from_port, uint32_t to,
                   uint32_t to_port, uint32_t pos);
/** A class by name, from here outwards; NULL: there is none. */
struct ast_class *scope_class(struct parser *p, struct str name);
/** An element by name in this scope, or 0. */
uint32_t scope_find(const struct parser *p, struct str name);
/** The highest port of a pass-through that is used inside, plus one. */
unsigned scope_ports_used(const struct parser *p, uint32_t elem, bool as_output);
/** The same, after reporting the ports below that are not used, and wrong uses. */
unsigned scope_ports(struct parser *p, uint32_t elem, bool as_output, const char *name);

/* ---- elements: parse_item.c ---- */

/** Elements with their ports, separated by commas. */
bool parse_list(struct parser *p, struct list *list, bool first);
/** A configuration string, if the current word opens one. */
bool parse_config(struct parser *p, struct str *config);
/** Give an element that was only named its class. */
void parse_declare(struct parser *p, uint32_t i, struct ast_class *cls, struct str config,
                   uint32_t pos);

/* ---- chains: parse_chain.c ---- */

/** `a -> b, c => d`, or declarations only. */
bool parse_connection(struct parser *p);

/* ---- statements and compounds: parse.c ---- */

bool parse_statements(struct parser *p);
/** A compound's class; the opening brace is the current word. */
struct ast_class *parse_compound(struct parser *p, struct str name);

#endif
