/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Words of the Click language. */
#ifndef SPRAT_MIDDLEBOX_LEX_H
#define SPRAT_MIDDLEBOX_LEX_H

#include "text.h"

enum token_kind {
    TOK_END,
    TOK_IDENT,
    TOK_VARIABLE, /* text is the name without the dollar */
    TOK_ARROW,    /* -> */
    TOK_MANY,     /* => */
    TOK_COLONS,   /* :: */
    TOK_BARS,     /* || */
    TOK_DOTS,     /* ... */
    TOK_CHAR,     /* a single character, also an illegal one */
};

struct token {
    enum token_kind kind;
    struct str text;
    uint32_t pos;
};

struct lexer {
    struct str src;
    uint32_t at;
};

struct token lex_next(struct lexer *l);

/** A configuration string; the opening parenthesis was read. False: it is not closed. */
bool lex_config(struct lexer *l, struct str *out);

/** Skip a comment at `i` (of either kind); returns where it ends, or `i` when there is none. */
uint32_t lex_skip_comment(struct str s, uint32_t i);

static inline bool token_is(struct token t, char c)
{
    return t.kind == TOK_CHAR && t.text.s[0] == c;
}

#endif
