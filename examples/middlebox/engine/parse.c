/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From source text to the tree. A recursive descent parser; the only recursion is over `{` and `(`,
 * bounded by LANG_DEPTH_MAX. After a syntax error it goes on behind the next semicolon, so that one
 * run reports several errors.
 */
#include <stdio.h>

#include "lang.h"
#include "lex.h"
#include "value.h"

/* One element of a comma-separated list between arrows, with its ports. */
struct item {
    uint32_t in, out;   /* the element to connect to, and from: different for a group */
    uint32_t *ports[2]; /* [0] in front of the element, [1] behind it */
    unsigned n_ports[2];
    bool given[2]; /* there were brackets */
    bool bare;     /* only a name, not known yet: perhaps declared by a later `::` */
    bool group;
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

static void next(struct parser *p)
{
    p->tok = lex_next(&p->lex);
}

static bool no_memory(struct parser *p)
{
    if (!p->fatal)
        errs_at(p->errs, p->tok.pos, "configuration too large");
    p->fatal = true;
    return false;
}

static bool syntax_error(struct parser *p, const char *expected)
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

static bool expect(struct parser *p, char c)
{
    char what[4] = {'\'', c, '\'', 0};

    if (!token_is(p->tok, c))
        return syntax_error(p, what);
    next(p);
    return true;
}

#define GROW(p, obj, array, n)                                                                     \
    (((obj)->array = arena_grow(&(p)->ast->arena, (obj)->array, (obj)->n, &(obj)->cap_##array,     \
                                sizeof(*(obj)->array))) != NULL                                    \
         ? &(obj)->array[(obj)->n++]                                                               \
         : NULL)

static uint32_t add_elem(struct parser *p, struct str name, uint32_t pos)
{
    struct ast_compound *c = p->scope;
    struct ast_elem *e = NULL;

    if (c->n_elems < LANG_ELEMENTS_MAX)
        e = GROW(p, c, elems, n_elems);
    if (!e) {
        no_memory(p);
        return 0;
    }
    memset(e, 0, sizeof(*e));
    e->name = name;
    e->pos = pos;
    return c->n_elems - 1;
}

static bool connect(struct parser *p, uint32_t from, uint32_t from_port, uint32_t to,
                    uint32_t to_port, uint32_t pos)
{
    struct ast_compound *c = p->scope;
    struct ast_conn *conn = NULL;

    if (c->n_conns < LANG_CONNS_MAX)
        conn = GROW(p, c, conns, n_conns);
    if (!conn)
        return no_memory(p);
    *conn = (struct ast_conn){from, from_port, to, to_port, pos};
    return true;
}

static struct ast_class *find_class(struct parser *p, struct str name)
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
        no_memory(p);
        return NULL;
    }
    c->name = name;
    c->builtin = builtin;
    c->next = p->ast->top->classes;
    p->ast->top->classes = c;
    return c;
}

static uint32_t find_elem(const struct parser *p, struct str name)
{
    const struct ast_compound *c = p->scope;

    for (uint32_t i = 2; i < c->n_elems; i++) {
        if (!c->elems[i].anonymous && str_eq(c->elems[i].name, name))
            return i;
    }
    return 0;
}

/* A bracketed list of port numbers and ranges. */
static bool parse_ports(struct parser *p, struct item *item, int side)
{
    unsigned cap = 0;

    if (!token_is(p->tok, '['))
        return true;
    item->given[side] = true;
    do {
        uint64_t first, last;

        next(p);
        if (token_is(p->tok, ']') && item->n_ports[side])
            break;
        if (!is_digit(p->tok.text.len ? p->tok.text.s[0] : 'x') || !value_uint(p->tok.text, &first))
            return syntax_error(p, "a port number");
        last = first;
        next(p);
        if (token_is(p->tok, '-')) {
            next(p);
            if (!is_digit(p->tok.text.len ? p->tok.text.s[0] : 'x') ||
                !value_uint(p->tok.text, &last) || last < first)
                return syntax_error(p, "the last port number");
            next(p);
        }
        if (last > LANG_PORT_MAX) {
            errs_at(p->errs, p->tok.pos, "port numbers end at %u", LANG_PORT_MAX);
            return false;
        }
        for (; first <= last; first++) {
            uint32_t *ports = arena_grow(&p->ast->arena, item->ports[side], item->n_ports[side],
                                         &cap, sizeof(*ports));

            if (!ports)
                return no_memory(p);
            ports[item->n_ports[side]++] = (uint32_t)first;
            item->ports[side] = ports;
        }
    } while (token_is(p->tok, ','));
    return expect(p, ']');
}

static bool parse_statements(struct parser *p);
static unsigned count_ports(struct parser *p, uint32_t elem, bool as_output, const char *name);
static struct ast_class *parse_compound(struct parser *p, struct str name);

/* An optional configuration string behind a class. */
static bool parse_config(struct parser *p, struct str *config)
{
    struct token open = p->tok;

    *config = (struct str){p->lex.src.s + open.pos, 0};
    if (!token_is(open, '('))
        return true;
    p->lex.at = open.pos + 1;
    if (!lex_config(&p->lex, config)) {
        errs_at(p->errs, open.pos, "this '(' is never closed");
        p->tok.kind = TOK_END;
        return false;
    }
    next(p);
    return true;
}

/* `class` or `{...}`, with a configuration. */
static bool parse_class(struct parser *p, struct ast_class **cls, struct str *config, uint32_t *pos)
{
    *pos = p->tok.pos;
    if (token_is(p->tok, '{')) {
        *cls = parse_compound(p, (struct str){"", 0});
        if (!*cls)
            return false;
    } else if (p->tok.kind == TOK_IDENT) {
        *cls = find_class(p, p->tok.text);
        if (!*cls && !p->fatal)
            errs_at(p->errs, p->tok.pos, "unknown element class '%.*s'", (int)p->tok.text.len,
                    p->tok.text.s);
        if (p->fatal)
            return false;
        next(p);
    } else {
        return syntax_error(p, "an element class");
    }
    return parse_config(p, config);
}

static void declare(struct parser *p, uint32_t i, struct ast_class *cls, struct str config,
                    uint32_t pos)
{
    struct ast_elem *e = &p->scope->elems[i];
    unsigned line, column;

    if (e->cls || e->config.s) {
        errs_position(p->errs, e->pos, &line, &column);
        errs_at(p->errs, pos, "element '%.*s' was declared before, at %u:%u", (int)e->name.len,
                e->name.s, line, column);
        return;
    }
    e->cls = cls;
    e->config = config;
    e->pos = pos;
}

/* A name for an anonymous element, unique in its scope: class@number. */
static struct str anonymous_name(struct parser *p, const struct ast_class *cls, uint32_t index)
{
    struct str base = cls ? cls->name : (struct str){"", 0};
    char *s = arena_alloc(&p->ast->arena, (size_t)base.len + 12);
    int n;

    if (!s) {
        no_memory(p);
        return (struct str){"", 0};
    }
    n = snprintf(s, (size_t)base.len + 12, "%.*s@%u", (int)base.len, base.s, index - 1);
    return (struct str){s, (uint32_t)n};
}

/* The parts of a group are tied to the outside by two pass-through elements. */
static bool parse_group(struct parser *p, struct item *item)
{
    uint32_t input = p->input, output = p->output;

    if (++p->depth > LANG_DEPTH_MAX) {
        errs_at(p->errs, p->tok.pos, "groups and compound elements are nested too deeply");
        p->fatal = true;
        return false;
    }
    next(p);
    item->in = p->input = add_elem(p, (struct str){"", 0}, item->pos);
    item->out = p->output = add_elem(p, (struct str){"", 0}, item->pos);
    item->group = true;
    if (p->fatal)
        return false;
    p->scope->elems[item->in].passes = p->scope->elems[item->out].passes = true;
    if (!parse_statements(p))
        return false;
    count_ports(p, item->in, true, "input");
    count_ports(p, item->out, false, "output");
    p->input = input;
    p->output = output;
    p->depth--;
    return expect(p, ')');
}

/* An element by name: a declared one, `input` or `output`, or one that is declared further on. */
static bool refer(struct parser *p, struct token name, struct item *item)
{
    bool in_compound = p->scope != p->ast->top || p->input != AST_INPUT;
    uint32_t i;

    if (in_compound && (str_is(name.text, "input") || str_is(name.text, "output"))) {
        item->in = item->out = str_is(name.text, "input") ? p->input : p->output;
        return true;
    }
    i = find_elem(p, name.text);
    if (!i) {
        i = add_elem(p, name.text, name.pos);
        if (p->fatal)
            return false;
        item->bare = true;
    }
    item->in = item->out = i;
    return true;
}

static bool all_digit_component(struct str name)
{
    uint32_t start = 0;

    for (uint32_t i = 0; i <= name.len; i++) {
        if (i == name.len || name.s[i] == '/') {
            uint32_t k = start;

            while (k < i && is_digit(name.s[k]))
                k++;
            if (k == i)
                return true;
            start = i + 1;
        }
    }
    return false;
}

/* [ports] element [ports]. Without an element, ports alone stand for input or output. */
static bool parse_item(struct parser *p, struct item *item, bool first)
{
    struct token name;
    struct ast_class *cls = NULL;
    struct str config;
    uint32_t pos;

    memset(item, 0, sizeof(*item));
    item->pos = p->tok.pos;
    if (!parse_ports(p, item, 0))
        return false;
    name = p->tok;
    if (token_is(name, '(')) {
        if (!parse_group(p, item))
            return false;
    } else if (token_is(name, '{')) {
        if (!parse_class(p, &cls, &config, &pos))
            return false;
        item->in = item->out = add_elem(p, (struct str){"", 0}, name.pos);
        if (p->fatal)
            return false;
        p->scope->elems[item->in].anonymous = true;
        p->scope->elems[item->in].name = anonymous_name(p, cls, item->in);
        declare(p, item->in, cls, config, name.pos);
    } else if (name.kind == TOK_IDENT) {
        next(p);
        if (p->tok.kind == TOK_COLONS) {
            next(p);
            if (all_digit_component(name.text))
                errs_at(p->errs, name.pos, "element name '%.*s' has an all-digit component",
                        (int)name.text.len, name.text.s);
            if (!parse_class(p, &cls, &config, &pos) || !refer(p, name, item))
                return false;
            item->bare = false;
            declare(p, item->in, cls, config, name.pos);
        } else if (find_elem(p, name.text) || token_is(p->tok, ',') ||
                   !(cls = find_class(p, name.text))) {
            if (p->fatal)
                return false;
            if (!find_elem(p, name.text) && token_is(p->tok, ',') &&
                (cls = find_class(p, name.text)))
                goto anonymous;
            if (!find_elem(p, name.text) && token_is(p->tok, '(')) {
                errs_at(p->errs, name.pos, "unknown element class '%.*s'", (int)name.text.len,
                        name.text.s);
                return parse_config(p, &config) && parse_ports(p, item, 1);
            }
            if (!refer(p, name, item))
                return false;
        } else {
        anonymous:
            item->in = item->out = add_elem(p, (struct str){"", 0}, name.pos);
            if (p->fatal || !parse_config(p, &config))
                return false;
            p->scope->elems[item->in].anonymous = true;
            p->scope->elems[item->in].name = anonymous_name(p, cls, item->in);
            declare(p, item->in, cls, config, name.pos);
        }
    } else if (item->given[0] && (first || p->scope != p->ast->top || p->input != AST_INPUT)) {
        /* "[1] -> ..." and "... -> [1]" inside a group or compound */
        item->in = item->out = first ? p->input : p->output;
        if (first) {
            item->ports[1] = item->ports[0];
            item->n_ports[1] = item->n_ports[0];
            item->given[1] = true;
            item->given[0] = false;
        }
        return true;
    } else {
        return syntax_error(p, "an element");
    }
    return parse_ports(p, item, 1);
}

static bool parse_list(struct parser *p, struct list *list, bool first)
{
    for (;;) {
        list->items =
            arena_grow(&p->ast->arena, list->items, list->n, &list->cap, sizeof(*list->items));
        if (!list->items)
            return no_memory(p);
        if (!parse_item(p, &list->items[list->n], first))
            return false;
        list->n++;
        if (!token_is(p->tok, ','))
            return true;
        next(p);
    }
}

/* The highest port of a pass-through that is used inside, plus one. */
static unsigned used_ports(const struct parser *p, uint32_t elem, bool as_output)
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
                count = used_ports(p, elem, side == 0);
        }
        for (unsigned k = 0; k < count; k++) {
            *ends = arena_grow(&p->ast->arena, *ends, *n, &cap, sizeof(**ends));
            if (!*ends)
                return no_memory(p);
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
                if (!connect(p, from[i].elem, from[i].port, to[k].elem, to[k].port, pos))
                    return false;
            }
        }
        return true;
    }
    if (open_from && open_to)
        open_to = false;
    if (open_from ? !n_to : open_to ? !n_from : n_from != n_to) {
        errs_at(p->errs, pos, "connection mismatch: %u outputs connected to %u inputs", n_from,
                n_to);
        return true;
    }
    for (unsigned i = 0; i < (open_from ? n_to : n_from); i++) {
        struct end a = open_from ? (struct end){from[0].elem, i} : from[i];
        struct end b = open_to ? (struct end){to[0].elem, i} : to[i];

        if (!connect(p, a.elem, a.port, b.elem, b.port, pos))
            return false;
    }
    return true;
}

/* a, b :: Class; declares both. */
static void declare_all(struct parser *p, struct list *list)
{
    struct item *last = &list->items[list->n - 1];
    struct ast_elem decl = p->scope->elems[last->in];

    if (list->n < 2 || last->bare || last->group || decl.anonymous || !decl.config.s)
        return;
    for (unsigned i = 0; i + 1 < list->n; i++) {
        if (list->items[i].bare)
            declare(p, list->items[i].in, decl.cls, decl.config, list->items[i].pos);
    }
}

/* Take one end of a chain where no element is written: input in front, output at the back. */
static bool implied(struct parser *p, struct list *list, uint32_t elem)
{
    list->items = arena_grow(&p->ast->arena, list->items, 0, &list->cap, sizeof(*list->items));
    if (!list->items)
        return no_memory(p);
    memset(list->items, 0, sizeof(*list->items));
    list->items[0].in = list->items[0].out = elem;
    list->n = 1;
    return true;
}

static bool ends_statement(struct parser *p)
{
    return token_is(p->tok, ';') || token_is(p->tok, '}') || token_is(p->tok, ')') ||
           p->tok.kind == TOK_BARS || p->tok.kind == TOK_END;
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

static bool parse_connection(struct parser *p)
{
    bool inside = p->scope != p->ast->top || p->input != AST_INPUT;
    struct list left = {0}, right;
    bool starts = true;

    if (p->tok.kind == TOK_ARROW || p->tok.kind == TOK_MANY) {
        if (!inside)
            return syntax_error(p, "an element");
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
        next(p);
        memset(&right, 0, sizeof(right));
        if (inside && ends_statement(p)) {
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

static bool parse_elementclass(struct parser *p)
{
    struct token name;
    struct ast_class *cls, *meaning;

    next(p);
    name = p->tok;
    if (name.kind != TOK_IDENT)
        return syntax_error(p, "a class name");
    next(p);
    if (token_is(p->tok, '{')) {
        cls = parse_compound(p, name.text);
        if (!cls)
            return false;
    } else if (p->tok.kind == TOK_IDENT) {
        meaning = find_class(p, p->tok.text);
        if (!meaning && !p->fatal)
            errs_at(p->errs, p->tok.pos, "unknown element class '%.*s'", (int)p->tok.text.len,
                    p->tok.text.s);
        next(p);
        if (!meaning)
            return true;
        cls = arena_alloc(&p->ast->arena, sizeof(*cls));
        if (!cls)
            return no_memory(p);
        cls->name = name.text;
        cls->rest = meaning;
    } else {
        return syntax_error(p, "an element class");
    }
    cls->next = p->scope->classes;
    p->scope->classes = cls;
    return true;
}

static bool parse_define(struct parser *p)
{
    struct str text, arg;
    struct token open;
    uint32_t at = 0;

    next(p);
    open = p->tok;
    if (!token_is(open, '('))
        return syntax_error(p, "'('");
    if (!parse_config(p, &text))
        return false;
    while (conf_split(text, &at, &arg)) {
        uint32_t pos = (uint32_t)(arg.s - p->lex.src.s);
        struct str name = str_word(&arg);
        struct ast_var *v;

        if (name.len < 2 || name.s[0] != '$') {
            errs_at(p->errs, pos, "define wants '$NAME value'");
            continue;
        }
        name = (struct str){name.s + 1, name.len - 1};
        for (unsigned i = 0; i < p->scope->n_defines; i++) {
            if (str_eq(p->scope->defines[i].name, name))
                errs_at(p->errs, pos, "parameter '$%.*s' is defined more than once", (int)name.len,
                        name.s);
        }
        v = GROW(p, p->scope, defines, n_defines);
        if (!v)
            return no_memory(p);
        memset(v, 0, sizeof(*v));
        v->name = name;
        v->value = arg;
    }
    return true;
}

static bool parse_require(struct parser *p, bool provide)
{
    struct str text, arg;
    uint32_t at = 0;

    next(p);
    if (!token_is(p->tok, '('))
        return syntax_error(p, "'('");
    if (!parse_config(p, &text))
        return false;
    while (!provide && conf_split(text, &at, &arg)) {
        struct str rest = arg, word = str_word(&rest);

        if (str_is(word, "library") || str_is(word, "package"))
            errs_at(p->errs, (uint32_t)(arg.s - p->lex.src.s), "%.*s '%.*s' is not available",
                    (int)word.len, word.s, (int)rest.len, rest.s);
        text_str(&p->ast->requirements, arg);
        text_char(&p->ast->requirements, '\n');
    }
    return true;
}

/* Go on behind the next statement end of this level. */
static void recover(struct parser *p)
{
    unsigned depth = 0;

    while (p->tok.kind != TOK_END) {
        if (token_is(p->tok, '{') || token_is(p->tok, '('))
            depth++;
        if (token_is(p->tok, '}') || token_is(p->tok, ')')) {
            if (!depth)
                return;
            depth--;
        }
        if (token_is(p->tok, ';') && !depth)
            return;
        next(p);
    }
}

static bool parse_statements(struct parser *p)
{
    while (!p->fatal) {
        bool ok;

        while (token_is(p->tok, ';'))
            next(p);
        if (ends_statement(p))
            return true;
        if (p->tok.kind == TOK_IDENT && str_is(p->tok.text, "elementclass"))
            ok = parse_elementclass(p);
        else if (p->tok.kind == TOK_IDENT && str_is(p->tok.text, "define"))
            ok = parse_define(p);
        else if (p->tok.kind == TOK_IDENT && str_is(p->tok.text, "require"))
            ok = parse_require(p, false);
        else if (p->tok.kind == TOK_IDENT && str_is(p->tok.text, "provide"))
            ok = parse_require(p, true);
        else
            ok = parse_connection(p);
        if (!ok) {
            if (p->fatal)
                return false;
            recover(p);
        }
    }
    return false;
}

static bool parse_formals(struct parser *p)
{
    struct lexer at_start = p->lex;
    struct token tok = p->tok;
    bool keywords = false;

    /* formals only if a variable comes first, or a keyword with a variable, or the bar itself */
    if (tok.kind == TOK_IDENT) {
        struct token second = lex_next(&p->lex);

        p->lex = at_start;
        if (second.kind != TOK_VARIABLE)
            return true;
    } else if (tok.kind != TOK_VARIABLE && !token_is(tok, '|')) {
        return true;
    }
    while (!token_is(p->tok, '|')) {
        struct ast_var *v = GROW(p, p->scope, formals, n_formals);

        if (!v)
            return no_memory(p);
        memset(v, 0, sizeof(*v));
        if (p->tok.kind == TOK_IDENT) {
            v->key = p->tok.text;
            keywords = true;
            next(p);
        } else if (keywords) {
            errs_at(p->errs, p->tok.pos, "positional parameters come before keywords");
        }
        if (p->tok.kind != TOK_VARIABLE)
            return syntax_error(p, "a parameter");
        v->name = p->tok.text;
        for (struct ast_var *o = p->scope->formals; o < v; o++) {
            if (str_eq(o->name, v->name) || (v->key.len && str_eq(o->key, v->key)))
                errs_at(p->errs, p->tok.pos, "parameter '%.*s' is given more than once",
                        (int)v->name.len, v->name.s);
            if (str_is(o->key, "__REST__"))
                errs_at(p->errs, p->tok.pos, "__REST__ must be the last parameter");
        }
        next(p);
        if (token_is(p->tok, ','))
            next(p);
        else if (!token_is(p->tok, '|'))
            return syntax_error(p, "',' or '|'");
    }
    next(p);
    return true;
}

/* Every port from 0 up to the highest one must be in use. */
static unsigned count_ports(struct parser *p, uint32_t elem, bool as_output, const char *name)
{
    const struct ast_compound *c = p->scope;
    unsigned n = used_ports(p, elem, as_output);
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

/* At the end of a scope: every name that was used must have been declared. */
static void check_scope(struct parser *p)
{
    struct ast_compound *c = p->scope;

    for (uint32_t i = 2; i < c->n_elems; i++) {
        struct ast_elem *e = &c->elems[i];

        if (e->passes)
            continue;
        if (!e->config.s && e->name.len) { /* a nameless one failed earlier */
            if (class_find(e->name))
                errs_at(p->errs, e->pos, "'%.*s' is an element class, used as an element's name",
                        (int)e->name.len, e->name.s);
            else
                errs_at(p->errs, e->pos,
                        "'%.*s' is neither a declared element nor an element class",
                        (int)e->name.len, e->name.s);
        }
    }
}

static struct ast_compound *open_scope(struct parser *p, struct ast_compound *parent)
{
    struct ast_compound *c = arena_alloc(&p->ast->arena, sizeof(*c));

    if (!c) {
        no_memory(p);
        return NULL;
    }
    c->parent = parent;
    c->pos = p->tok.pos;
    p->scope = c;
    p->input = AST_INPUT;
    p->output = AST_OUTPUT;
    add_elem(p, (struct str){"input", 5}, c->pos);
    add_elem(p, (struct str){"output", 6}, c->pos);
    if (p->fatal)
        return NULL;
    c->elems[AST_INPUT].passes = c->elems[AST_OUTPUT].passes = true;
    return c;
}

/* The opening brace is the current word. */
static struct ast_class *parse_compound(struct parser *p, struct str name)
{
    struct ast_class *cls = arena_alloc(&p->ast->arena, sizeof(*cls));
    struct ast_compound *outer = p->scope, **tail;
    uint32_t input = p->input, output = p->output;

    if (!cls) {
        no_memory(p);
        return NULL;
    }
    if (++p->depth > LANG_DEPTH_MAX) {
        errs_at(p->errs, p->tok.pos, "groups and compound elements are nested too deeply");
        p->fatal = true;
        return NULL;
    }
    cls->name = name;
    tail = &cls->compound;
    do {
        struct ast_compound *c;

        next(p);
        if (p->tok.kind == TOK_DOTS) {
            cls->rest = name.len ? find_class(p, name) : NULL;
            if (!cls->rest && !p->fatal)
                errs_at(p->errs, p->tok.pos, "'...' extends a class that does not exist");
            next(p);
            break;
        }
        c = open_scope(p, outer);
        if (!c)
            return NULL;
        if (!parse_formals(p))
            recover(p);
        parse_statements(p);
        if (p->fatal)
            return NULL;
        c->n_in = count_ports(p, AST_INPUT, true, "input");
        c->n_out = count_ports(p, AST_OUTPUT, false, "output");
        check_scope(p);
        *tail = c;
        tail = &c->next;
        p->scope = outer;
    } while (p->tok.kind == TOK_BARS);
    p->scope = outer;
    p->input = input;
    p->output = output;
    p->depth--;
    return expect(p, '}') ? cls : NULL;
}

int lang_parse(struct ast *ast, struct errs *errs)
{
    struct parser p = {.ast = ast, .errs = errs};

    memset(ast, 0, sizeof(*ast));
    p.lex.src = errs->src;
    ast->top = open_scope(&p, NULL);
    if (!ast->top)
        return -1;
    next(&p);
    while (!p.fatal && parse_statements(&p) && p.tok.kind != TOK_END) {
        syntax_error(&p, "a statement");
        next(&p);
    }
    if (!p.fatal)
        check_scope(&p);
    return errs->n_errors ? -1 : 0;
}

void lang_free(struct ast *ast)
{
    arena_free(&ast->arena);
    text_free(&ast->requirements);
}
