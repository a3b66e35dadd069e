/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From source text to the tree: statements and compounds. After a syntax error it goes on behind
 * the next semicolon, so that one run reports several errors.
 */
#include "parser.h"
#include "value.h"

static bool parse_elementclass(struct parser *p)
{
    struct token name;
    struct ast_class *cls, *meaning;

    parser_next(p);
    name = p->tok;
    if (name.kind != TOK_IDENT)
        return parser_expected(p, "a class name");
    parser_next(p);
    if (token_is(p->tok, '{')) {
        cls = parse_compound(p, name.text);
        if (!cls)
            return false;
    } else if (p->tok.kind == TOK_IDENT) {
        meaning = scope_class(p, p->tok.text);
        if (!meaning && !p->fatal)
            errs_at(p->errs, p->tok.pos, "unknown element class '%.*s'", (int)p->tok.text.len,
                    p->tok.text.s);
        parser_next(p);
        if (!meaning)
            return true;
        cls = arena_alloc(&p->ast->arena, sizeof(*cls));
        if (!cls)
            return parser_no_memory(p);
        cls->name = name.text;
        cls->rest = meaning;
    } else {
        return parser_expected(p, "an element class");
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

    parser_next(p);
    open = p->tok;
    if (!token_is(open, '('))
        return parser_expected(p, "'('");
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
        v = SCOPE_GROW(p, p->scope, defines, n_defines);
        if (!v)
            return parser_no_memory(p);
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

    parser_next(p);
    if (!token_is(p->tok, '('))
        return parser_expected(p, "'('");
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
        parser_next(p);
    }
}

bool parse_statements(struct parser *p)
{
    while (!p->fatal) {
        bool ok;

        while (token_is(p->tok, ';'))
            parser_next(p);
        if (parser_at_end(p))
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
        if (!ok)
            recover(p);
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
        struct ast_var *v = SCOPE_GROW(p, p->scope, formals, n_formals);

        if (!v)
            return parser_no_memory(p);
        memset(v, 0, sizeof(*v));
        if (p->tok.kind == TOK_IDENT) {
            v->key = p->tok.text;
            keywords = true;
            parser_next(p);
        } else if (keywords) {
            errs_at(p->errs, p->tok.pos, "positional parameters come before keywords");
        }
        if (p->tok.kind != TOK_VARIABLE)
            return parser_expected(p, "a parameter");
        v->name = p->tok.text;
        for (struct ast_var *o = p->scope->formals; o < v; o++) {
            if (str_eq(o->name, v->name) || (v->key.len && str_eq(o->key, v->key)))
                errs_at(p->errs, p->tok.pos, "parameter '%.*s' is given more than once",
                        (int)v->name.len, v->name.s);
            if (str_is(o->key, "__REST__"))
                errs_at(p->errs, p->tok.pos, "__REST__ must be the last parameter");
        }
        parser_next(p);
        if (token_is(p->tok, ','))
            parser_next(p);
        else if (!token_is(p->tok, '|'))
            return parser_expected(p, "',' or '|'");
    }
    parser_next(p);
    return true;
}

/* At the end of a scope: every name that was used must have been declared. */
static void check_scope(struct parser *p)
{
    struct ast_compound *c = p->scope;

    for (uint32_t i = 2; i < c->n_elems; i++) {
        struct ast_elem *e = &c->elems[i];

        if (!e->config.s && e->name.len) /* a nameless one failed earlier, or is no element */
            errs_at(p->errs, e->pos, "'%.*s' is neither a declared element nor an element class",
                    (int)e->name.len, e->name.s);
    }
}

/* The opening brace is the current word. */
struct ast_class *parse_compound(struct parser *p, struct str name)
{
    struct ast_class *cls = arena_alloc(&p->ast->arena, sizeof(*cls));
    struct ast_compound *outer = p->scope, **tail;
    uint32_t input = p->input, output = p->output;

    if (!cls) {
        parser_no_memory(p);
        return NULL;
    }
    if (!parser_deeper(p))
        return NULL;
    cls->name = name;
    tail = &cls->compound;
    do {
        struct ast_compound *c;

        parser_next(p);
        if (p->tok.kind == TOK_DOTS) {
            cls->rest = name.len ? scope_class(p, name) : NULL;
            if (!cls->rest && !p->fatal)
                errs_at(p->errs, p->tok.pos, "'...' extends a class that does not exist");
            parser_next(p);
            break;
        }
        c = scope_open(p, outer);
        if (!c)
            return NULL;
        if (!parse_formals(p))
            recover(p);
        parse_statements(p);
        if (p->fatal)
            return NULL;
        c->n_in = scope_ports(p, AST_INPUT, true, "input");
        c->n_out = scope_ports(p, AST_OUTPUT, false, "output");
        check_scope(p);
        *tail = c;
        tail = &c->next;
        p->scope = outer;
    } while (p->tok.kind == TOK_BARS);
    p->scope = outer;
    p->input = input;
    p->output = output;
    p->depth--;
    return parser_take(p, '}') ? cls : NULL;
}

int lang_parse(struct ast *ast, struct errs *errs)
{
    struct parser p = {.ast = ast, .errs = errs};

    memset(ast, 0, sizeof(*ast));
    p.lex.src = errs->src;
    ast->top = scope_open(&p, NULL);
    if (!ast->top)
        return -1;
    parser_next(&p);
    while (!p.fatal && parse_statements(&p) && p.tok.kind != TOK_END) {
        parser_expected(&p, "a statement");
        parser_next(&p);
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
