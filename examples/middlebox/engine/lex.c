/* SPDX-License-Identifier: BSD-2-Clause */
#include "lex.h"

uint32_t lex_skip_comment(struct str s, uint32_t i)
{
    if (i + 1 >= s.len || s.s[i] != '/')
        return i;
    if (s.s[i + 1] == '/') {
        while (i < s.len && s.s[i] != '\n' && s.s[i] != '\r')
            i++;
        return i;
    }
    if (s.s[i + 1] != '*')
        return i;
    for (i += 2; i < s.len; i++) {
        if (s.s[i] == '*' && i + 1 < s.len && s.s[i + 1] == '/')
            return i + 2;
    }
    return i;
}

static void skip_space(struct lexer *l)
{
    while (l->at < l->src.len) {
        uint32_t next = lex_skip_comment(l->src, l->at);
        char c = l->src.s[l->at];

        if (next != l->at) {
            l->at = next;
        } else if (c == '#' && (l->at == 0 || l->src.s[l->at - 1] == '\n')) {
            /* a line directive: positions are those of the text as it is given to us */
            while (l->at < l->src.len && l->src.s[l->at] != '\n')
                l->at++;
        } else if (is_space(c)) {
            l->at++;
        } else {
            return;
        }
    }
}

static bool is_ident(char c)
{
    return is_alpha(c) || is_digit(c) || c == '@';
}

/* A slash belongs to an identifier only between two of its characters. */
static uint32_t ident_end(struct str s, uint32_t i)
{
    while (i < s.len &&
           (is_ident(s.s[i]) || (s.s[i] == '/' && i + 1 < s.len && is_ident(s.s[i + 1]))))
        i++;
    return i;
}

struct token lex_next(struct lexer *l)
{
    static const struct {
        char text[4];
        enum token_kind kind;
    } signs[] = {{"...", TOK_DOTS},
                 {"->", TOK_ARROW},
                 {"=>", TOK_MANY},
                 {"::", TOK_COLONS},
                 {"||", TOK_BARS}};
    struct token t = {TOK_END, {"", 0}, 0};
    uint32_t start, left;
    const char *s;

    skip_space(l);
    start = l->at;
    t.pos = start;
    left = l->src.len - start;
    if (!left)
        return t;
    s = l->src.s + start;
    if (is_ident(*s)) {
        l->at = ident_end(l->src, start);
        t.kind = TOK_IDENT;
        t.text = (struct str){s, l->at - start};
        return t;
    }
    if (*s == '$' && left > 1 && (is_alpha(s[1]) || is_digit(s[1]))) {
        uint32_t n = 1;

        while (n < left && (is_alpha(s[n]) || is_digit(s[n])))
            n++;
        l->at += n;
        t.kind = TOK_VARIABLE;
        t.text = (struct str){s + 1, n - 1};
        return t;
    }
    for (unsigned i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        uint32_t n = (uint32_t)strlen(signs[i].text);

        if (left >= n && memcmp(s, signs[i].text, n) == 0) {
            t.kind = signs[i].kind;
            t.text = (struct str){s, n};
            l->at += n;
            return t;
        }
    }
    t.kind = TOK_CHAR;
    t.text = (struct str){s, 1};
    l->at++;
    return t;
}

bool lex_config(struct lexer *l, struct str *out)
{
    uint32_t start = l->at;
    unsigned depth = 1;

    while (l->at < l->src.len) {
        uint32_t next = lex_skip_comment(l->src, l->at);

        if (next == l->at)
            next = str_skip_quoted(l->src, l->at);
        if (next != l->at) {
            l->at = next;
            continue;
        }
        if (l->src.s[l->at] == '(') {
            depth++;
        } else if (l->src.s[l->at] == ')' && --depth == 0) {
            *out = (struct str){l->src.s + start, l->at - start};
            l->at++;
            return true;
        }
        l->at++;
    }
    return false;
}
