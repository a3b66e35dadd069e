/* SPDX-License-Identifier: BSD-2-Clause */
#include "lex.h"

#include <string.h>

void lex_begin(struct lex *lex, const char *text, size_t len)
{
    *lex = (struct lex){
        .at = text, .end = text + len, .line_start = text, .line = 1, .at_start = true};
}

static struct token token_at(const struct lex *lex, enum token_kind kind, const char *text,
                             size_t len)
{
    return (struct token){.kind = kind,
                          .text = text,
                          .len = len,
                          .line = lex->line,
                          .column = (unsigned)(text - lex->line_start) + 1};
}

static struct token bad(const struct lex *lex, const char *text, const char *why)
{
    struct token token = token_at(lex, TOKEN_BAD, text, text < lex->end);

    token.why = why;
    return token;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void next_line(struct lex *lex)
{
    lex->line_start = ++lex->at;
    lex->line++;
}

/* From behind the opening quote. */
static struct token quoted(struct lex *lex)
{
    const char *start = lex->at;

    for (; lex->at < lex->end && *lex->at != '\n'; lex->at++) {
        if (*lex->at == '"') {
            struct token token = token_at(lex, TOKEN_STRING, start, (size_t)(lex->at - start));
            lex->at++;
            return token;
        }
        if (*lex->at == '\\' && lex->at + 1 < lex->end && lex->at[1] != '\n')
            lex->at++;
    }
    return bad(lex, start - 1, "this quote is not closed on its line");
}

static bool ends_word(char byte)
{
    return is_blank(byte) || byte == '\n' || byte == ';' || byte == '(' || byte == ')' ||
           byte == '"';
}

static struct token word(struct lex *lex)
{
    const char *start = lex->at;

    while (lex->at < lex->end && !ends_word(*lex->at)) {
        if (!*lex->at)
            return bad(lex, lex->at, "a NUL byte: this is no text");
        if (*lex->at++ == '\\') {
            if (lex->at == lex->end || *lex->at == '\n')
                return bad(lex, lex->at - 1, "a backslash at the line's end");
            lex->at++;
        }
    }
    return token_at(lex, TOKEN_WORD, start, (size_t)(lex->at - start));
}

struct token lex_next(struct lex *lex)
{
    bool at_start = lex->at_start, blanks = false;

    lex->at_start = false;
    for (;;) {
        const char *at = lex->at;
        if (at == lex->end) {
            if (lex->n_open)
                return bad(lex, at, "the file ends within parentheses");
            return token_at(lex, TOKEN_END, at, 0);
        }
        if (is_blank(*at)) {
            blanks = true;
            lex->at++;
        } else if (*at == ';') {
            const char *end = memchr(at, '\n', (size_t)(lex->end - at));
            lex->at = end ? end : lex->end;
        } else if (*at == '\n') {
            struct token token = token_at(lex, TOKEN_LINE_END, at, 0);
            next_line(lex);
            if (!lex->n_open) {
                lex->at_start = true;
                return token;
            }
        } else if (at_start && blanks) {
            return token_at(lex, TOKEN_BLANK, at, 0);
        } else if (*at == '(') {
            lex->n_open++;
            lex->at++;
            at_start = false;
        } else if (*at == ')') {
            if (!lex->n_open)
                return bad(lex, at, "this parenthesis was never opened");
            lex->n_open--;
            lex->at++;
        } else if (*at == '"') {
            lex->at++;
            return quoted(lex);
        } else {
            return word(lex);
        }
    }
}
