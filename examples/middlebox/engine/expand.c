/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration strings: their arguments, and variables put into them. */
#include "expand.h"
#include "lex.h"

bool conf_split(struct str text, uint32_t *at, struct str *arg)
{
    uint32_t start = *at, i = start;

    while (i < text.len && text.s[i] != ',') {
        uint32_t next = lex_skip_comment(text, i);

        if (next == i)
            next = str_skip_quoted(text, i);
        i = next == i ? i + 1 : next;
    }
    *arg = str_trim((struct str){text.s + start, i - start});
    if (i >= text.len && !arg->len)
        return false; /* an empty last argument does not count */
    *at = i < text.len ? i + 1 : i;
    return true;
}

bool conf_keyword(struct str *arg, struct str key)
{
    struct str rest = *arg;

    if (rest.len < key.len || memcmp(rest.s, key.s, key.len) != 0)
        return false;
    if (rest.len > key.len && !is_space(rest.s[key.len]))
        return false;
    *arg = str_trim((struct str){rest.s + key.len, rest.len - key.len});
    return true;
}

uint32_t conf_text_pos(const struct conf_text *c, uint32_t at)
{
    for (unsigned i = c->n_origins; i-- > 0;) {
        if (c->origins[i].at <= at)
            return c->origins[i].pos + (c->origins[i].literal ? at - c->origins[i].at : 0);
    }
    return c->pos;
}

static const struct ast_var *find_var(const struct env *env, struct str name)
{
    for (; env; env = env->parent) {
        for (unsigned i = 0; i < env->n_vars; i++) {
            if (str_eq(env->vars[i].name, name))
                return &env->vars[i];
        }
    }
    return NULL;
}

/*
 * A `$name`, `${name}` or `${name-default}` at s[i]. Returns the index behind it, or i if it is
 * none; an unknown variable without a default stays as it is.
 */
static uint32_t variable(const struct env *env, struct str s, uint32_t i, struct str *value)
{
    const struct ast_var *v;
    struct str name;
    uint32_t k = i + 1;
    bool brace = k < s.len && s.s[k] == '{';

    k += brace;
    name.s = s.s + k;
    while (k < s.len && (is_alpha(s.s[k]) || is_digit(s.s[k])))
        k++;
    name.len = (uint32_t)(s.s + k - name.s);
    if (!name.len)
        return i;
    v = find_var(env, name);
    if (v)
        *value = v->value;
    if (!brace)
        return v ? k : i;
    if (k < s.len && s.s[k] == '-') {
        uint32_t start = ++k;

        while (k < s.len && s.s[k] != '}')
            k++;
        if (!v)
            *value = (struct str){s.s + start, k - start};
        v = v ? v : (const struct ast_var *)value; /* there is a value now */
    }
    return k < s.len && s.s[k] == '}' && v ? k + 1 : i;
}

struct expansion {
    struct arena *arena;
    struct text text;
    struct conf_origin *origins;
    unsigned n, cap;
};

static bool origin(struct expansion *x, uint32_t pos, bool literal)
{
    x->origins = arena_grow(x->arena, x->origins, x->n, &x->cap, sizeof(*x->origins));
    if (!x->origins)
        return false;
    x->origins[x->n++] = (struct conf_origin){x->text.len, pos, literal};
    return true;
}

/* `base` is where the string stands in the source. */
static bool expand_into(struct expansion *x, const struct env *env, uint32_t base, struct str s)
{
    uint32_t i = 0;

    if (!origin(x, base, true))
        return false;
    while (i < s.len) {
        uint32_t next = lex_skip_comment(s, i);
        struct str value;

        if (next != i) {
            text_char(&x->text, ' ');
            i = next;
            if (!origin(x, base + i, true))
                return false;
        } else if (s.s[i] == '\'' || (s.s[i] == '\\' && i + 1 < s.len && s.s[i + 1] == '<')) {
            next = str_skip_quoted(s, i);
            text_add(&x->text, s.s + i, next - i);
            i = next;
        } else if (s.s[i] == '"') { /* variables are replaced inside, comments are not */
            next = str_skip_quoted(s, i);
            while (i < next) {
                uint32_t behind = s.s[i] == '$' ? variable(env, s, i, &value) : i;

                if (behind == i) {
                    text_char(&x->text, s.s[i++]);
                    if (s.s[i - 1] == '\\' && i < next)
                        text_char(&x->text, s.s[i++]);
                    continue;
                }
                if (!origin(x, base + i, false))
                    return false;
                text_str(&x->text, value);
                i = behind;
                if (!origin(x, base + i, true))
                    return false;
            }
        } else if (s.s[i] == '$' && (next = variable(env, s, i, &value)) != i) {
            if (!origin(x, base + i, false))
                return false;
            text_str(&x->text, value);
            i = next;
            if (!origin(x, base + i, true))
                return false;
        } else {
            text_char(&x->text, s.s[i++]);
        }
    }
    return !x->text.cut;
}

bool conf_expand(struct arena *arena, const struct env *env, struct str src, struct str s,
                 struct conf_text *out)
{
    struct expansion x = {.arena = arena, .text = {0}};
    char *copy = NULL;

    if (expand_into(&x, env, (uint32_t)(s.s - src.s), s))
        copy = arena_alloc(arena, (size_t)x.text.len + 1);
    if (copy && x.text.len)
        memcpy(copy, x.text.s, x.text.len);
    out->text = (struct str){copy, x.text.len};
    out->origins = x.origins;
    out->n_origins = x.n;
    text_free(&x.text);
    return copy;
}
