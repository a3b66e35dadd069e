/* SPDX-License-Identifier: BSD-2-Clause */
/** The words of a zone file: RFC 1035, 5.1. */
#ifndef DNS_LEX_H
#define DNS_LEX_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_BLANK,    /**< a line that begins with blanks: the owner before */
    TOKEN_WORD,     /**< text as it is written, escapes and all */
    TOKEN_STRING,   /**< the same, from between quotes */
    TOKEN_LINE_END, /**< not within parentheses */
    TOKEN_END,      /**< of the file */
    TOKEN_BAD,      /**< `why` says what is wrong there */
};

struct token {
    enum token_kind kind;
    const char *text; /**< in the file; not terminated */
    size_t len;
    unsigned line, column; /**< from 1 */
    const char *why;
};

struct lex {
    const char *at, *end, *line_start;
    unsigned line, n_open;
    bool at_start; /**< of a line, outside of parentheses */
};

/** Begin with a file's text, which stays the caller's and must stay where it is. */
void lex_begin(struct lex *lex, const char *text, size_t len);

/** Take the next word. */
struct token lex_next(struct lex *lex);

#endif
