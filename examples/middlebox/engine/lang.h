/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file The Click language: from source text to a tree (parse.c), from the tree to a flat plan of
 * elements and connections (flatten.c). Source: click(5).
 *
 * Positions are byte offsets into the source; errs turns them into line and column.
 */
#ifndef SPRAT_MIDDLEBOX_LANG_H
#define SPRAT_MIDDLEBOX_LANG_H

#include "arena.h"
#include "text.h"

struct element_class;

#define LANG_DEPTH_MAX    32   /* compounds and groups inside each other */
#define LANG_ELEMENTS_MAX 4096 /* elements and compounds of one flat configuration */
#define LANG_CONNS_MAX    8192
#define LANG_PORT_MAX     1023

/* ---- the tree ---- */

/** What stands for an element in a compound: a real element, or a pass-through of a group. */
struct ast_elem {
    struct str name;       /* generated for anonymous elements; empty for pass-throughs */
    struct ast_class *cls; /* NULL: pass-through, or used but not declared yet */
    struct str config;     /* raw text between the parentheses */
    uint32_t pos;
    bool passes; /* a pass-through */
    bool anonymous;
};

struct ast_conn {
    uint32_t from, from_port, to, to_port; /* elements by index in the compound */
    uint32_t pos;
};

struct ast_var {
    struct str key;   /* keyword, or empty: positional. "__REST__" takes what is left */
    struct str name;  /* without the dollar */
    struct str value; /* define() only */
};

/** A class visible in a scope: one of the built-in ones, a synonym, or a compound. */
struct ast_class {
    struct str name;
    const struct element_class *builtin; /* or NULL */
    struct ast_compound *compound;       /* first overload, or NULL */
    struct ast_class *rest;              /* what "..." extends, or a synonym's meaning */
    struct ast_class *next;              /* older definition in the same scope */
};

/** One `{ ... }`: its own scope. Elements 0 and 1 are its input and output. */
struct ast_compound {
    struct ast_compound *parent; /* the scope it was written in */
    struct ast_compound *next;   /* next overload after `||` */
    struct ast_class *classes;   /* newest first */
    struct ast_elem *elems;
    struct ast_conn *conns;
    struct ast_var *formals, *defines;
    unsigned n_elems, n_conns, n_formals, n_defines;
    unsigned cap_elems, cap_conns, cap_formals, cap_defines;
    unsigned n_in, n_out; /* ports of the compound as a whole */
    uint32_t pos;
};

#define AST_INPUT  0
#define AST_OUTPUT 1

struct ast {
    struct arena arena;
    struct ast_compound *top;
    struct text requirements; /* one for each line */
};

/** There is more than is allowed, or than memory holds; returns -1. */
int lang_too_large(struct errs *errs, uint32_t pos);

/** Read a source text; 0, or -1 with the reasons in errs. Free the tree either way. */
int lang_parse(struct ast *ast, struct errs *errs);
void lang_free(struct ast *ast);

/* ---- the plan ---- */

/** Where a piece of an expanded configuration string came from. */
struct conf_origin {
    uint32_t at;  /* offset in the expanded text */
    uint32_t pos; /* source position of that offset */
    bool literal; /* the following bytes stand in the source one by one */
};

/** A configuration string with variables replaced and comments removed. */
struct conf_text {
    struct str text;
    struct conf_origin *origins;
    unsigned n_origins;
    uint32_t pos; /* of the element */
};

struct plan_elem {
    struct str name;
    const struct element_class *cls; /* NULL: pass-through of a compound or group */
    struct str cls_name;             /* as written */
    struct conf_text conf;
    uint32_t pos;
    uint32_t id; /* index of the real element, set once the pass-throughs are gone */
};

struct plan_conn {
    uint32_t from, from_port, to, to_port;
    uint32_t pos;
};

struct plan {
    struct arena arena;
    struct plan_elem *elems;
    struct plan_conn *conns;
    unsigned n_elems, n_conns, cap_elems, cap_conns;
};

/** Expand all compounds; afterwards only real elements are in the plan. 0, or -1. */
int lang_flatten(const struct ast *ast, struct plan *plan, struct errs *errs);

/** Source position of a byte of an expanded configuration string. */
uint32_t conf_text_pos(const struct conf_text *c, uint32_t at);

/**
 * Split at commas that stand outside quotes. Returns the argument at `*at` and moves on; at the end
 * (nothing but white space left) returns false. */
bool conf_split(struct str text, uint32_t *at, struct str *arg);

/** Is the argument `KEY value`? Then cut the keyword off. */
bool conf_keyword(struct str *arg, struct str key);

/** Built-in class by name, or NULL. */
const struct element_class *class_find(struct str name);

#endif
