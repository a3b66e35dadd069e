/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements as chains name them: by declaration, reference, or a group, with ports on both sides. */

#include "parser.h"
#include "value.h"

/* A bracketed list of port numbers and ranges. */
static bool parse_ports(struct parser *p, struct item *item, int side)
{
    unsigned cap = 0;

    if (!token_is(p->tok, '['))
        return true;
    item->given[side] = true;
    do {
        uint64_t first, last;

        parser_next(p);
        if (token_is(p->tok, ']') && item->n_ports[side])
            break;
        if (!is_digit(p->tok.text.len ? p->tok.text.s[0] : 'x') || !value_uint(p->tok.text, &first))
            return parser_expected(p, "a port number");
        last = first;
        parser_next(p);
        if (token_is(p->tok, '-')) {
            parser_next(p);
            if (!is_digit(p->tok.text.len ? p->tok.text.s[0] : 'x') ||
                !value_uint(p->tok.text, &last) || last < first)
                return parser_expected(p, "the last port number");
            parser_next(p);
        }
        if (last > LANG_PORT_MAX) {
            errs_at(p->errs, p->tok.pos, "port numbers end at %u", LANG_PORT_MAX);
            return false;
        }
        for (; first <= last; first++) {
            uint32_t *ports = arena_grow(&p->ast->arena, item->ports[side], item->n_ports[side],
                                         &cap, sizeof(*ports));

            if (!ports)
                return parser_no_memory(p);
            ports[item->n_ports[side]++] = (uint32_t)first;
            item->ports[side] = ports;
        }
    } while (token_is(p->tok, ','));
    return parser_take(p, ']');
}

/* An optional configuration string behind a class. */
bool parse_config(struct parser *p, struct str *config)
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
    parser_next(p);
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
        *cls = scope_class(p, p->tok.text);
        if (!*cls && !p->fatal)
            errs_at(p->errs, p->tok.pos, "unknown element class '%.*s'", (int)p->tok.text.len,
                    p->tok.text.s);
        if (p->fatal)
            return false;
        parser_next(p);
    } else {
        return parser_expected(p, "an element class");
    }
    return parse_config(p, config);
}

void parse_declare(struct parser *p, uint32_t i, struct ast_class *cls, struct str config,
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
    struct text text = {0};
    struct str name = {"", 0};

    text_addf(&text, "%.*s@%u", (int)base.len, base.s, index - 1);
    char *s = text.cut ? NULL : arena_alloc(&p->ast->arena, (size_t)text.len + 1);
    if (s) {
        memcpy(s, text.s, text.len);
        name = (struct str){s, text.len};
    } else {
        parser_no_memory(p);
    }
    text_free(&text);
    return name;
}

/* The parts of a group are tied to the outside by two pass-through elements. */
static bool parse_group(struct parser *p, struct item *item)
{
    uint32_t input = p->input, output = p->output;

    if (!parser_deeper(p))
        return false;
    parser_next(p);
    item->in = p->input = scope_add(p, (struct str){"", 0}, item->pos);
    item->out = p->output = scope_add(p, (struct str){"", 0}, item->pos);
    item->group = true;
    if (p->fatal)
        return false;
    p->scope->elems[item->in].passes = p->scope->elems[item->out].passes = true;
    if (!parse_statements(p))
        return false;
    scope_ports(p, item->in, true, "input");
    scope_ports(p, item->out, false, "output");
    p->input = input;
    p->output = output;
    p->depth--;
    return parser_take(p, ')');
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
    i = scope_find(p, name.text);
    if (!i) {
        i = scope_add(p, name.text, name.pos);
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
        item->in = item->out = scope_add(p, (struct str){"", 0}, name.pos);
        if (p->fatal)
            return false;
        p->scope->elems[item->in].anonymous = true;
        p->scope->elems[item->in].name = anonymous_name(p, cls, item->in);
        parse_declare(p, item->in, cls, config, name.pos);
    } else if (name.kind == TOK_IDENT) {
        parser_next(p);
        if (p->tok.kind == TOK_COLONS) {
            parser_next(p);
            if (all_digit_component(name.text))
                errs_at(p->errs, name.pos, "element name '%.*s' has an all-digit component",
                        (int)name.text.len, name.text.s);
            if (!parse_class(p, &cls, &config, &pos) || !refer(p, name, item))
                return false;
            item->bare = false;
            item->declares = true;
            parse_declare(p, item->in, cls, config, name.pos);
        } else if (scope_find(p, name.text) || token_is(p->tok, ',') ||
                   !(cls = scope_class(p, name.text))) {
            if (p->fatal)
                return false;
            if (!scope_find(p, name.text) && token_is(p->tok, ',') &&
                (cls = scope_class(p, name.text)))
                goto anonymous;
            if (!scope_find(p, name.text) && token_is(p->tok, '(')) {
                errs_at(p->errs, name.pos, "unknown element class '%.*s'", (int)name.text.len,
                        name.text.s);
                return parse_config(p, &config) && parse_ports(p, item, 1);
            }
            if (!refer(p, name, item))
                return false;
        } else {
        anonymous:
            item->in = item->out = scope_add(p, (struct str){"", 0}, name.pos);
            if (p->fatal || !parse_config(p, &config))
                return false;
            p->scope->elems[item->in].anonymous = true;
            p->scope->elems[item->in].name = anonymous_name(p, cls, item->in);
            parse_declare(p, item->in, cls, config, name.pos);
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
        return parser_expected(p, "an element");
    }
    return parse_ports(p, item, 1);
}

bool parse_list(struct parser *p, struct list *list, bool first)
{
    for (;;) {
        list->items =
            arena_grow(&p->ast->arena, list->items, list->n, &list->cap, sizeof(*list->items));
        if (!list->items)
            return parser_no_memory(p);
        if (!parse_item(p, &list->items[list->n], first))
            return false;
        list->n++;
        if (!token_is(p->tok, ','))
            return true;
        parser_next(p);
    }
}
