/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Growing text, string slices, and error messages with a position.
 */
#ifndef SPRAT_MIDDLEBOX_TEXT_H
#define SPRAT_MIDDLEBOX_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Characters somewhere else; not NUL-terminated. */
struct str {
    const char *s;
    uint32_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

static inline struct str str_of(const char *s)
{
    return (struct str){s, (uint32_t)strlen(s)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

static inline bool str_is(struct str a, const char *b)
{
    return str_eq(a, str_of(b));
}

/** A fresh NUL-terminated copy; NULL without memory. */
char *str_dup(struct str s);

/** Cut white space off both ends. */
struct str str_trim(struct str s);

/**
 * Take the first word (up to white space, quotes and `\<>` kept whole) off `*s`; empty at the end.
 */
struct str str_word(struct str *s);

/** Is c a space as the Click language sees it? */
static inline bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/** Value of a hexadecimal digit, or -1. */
int hex_digit(char c);

/**
 * Where a quoted piece (`"..."`, `'...'`, `\<...>`) that starts at `i` ends; `i` itself if none
 * does.
 */
uint32_t str_skip_quoted(struct str s, uint32_t i);

/**
 * Text that grows. After the memory ran out or `limit` was reached, `cut` is set and more is
 * ignored.
 */
struct text {
    char *s; /* NUL-terminated once anything was added, else NULL */
    uint32_t len;
    uint32_t cap;
    uint32_t limit; /* 0: TEXT_LIMIT */
    bool cut;
};

#define TEXT_LIMIT (1u << 20) /* a handler's answer or a configuration is never larger */

void text_add(struct text *t, const void *s, size_t len);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(__printf__, 2, 3)));
void text_addv(struct text *t, const char *fmt, va_list args);
static inline void text_str(struct text *t, struct str s)
{
    text_add(t, s.s, s.len);
}
static inline void text_char(struct text *t, char c)
{
    text_add(t, &c, 1);
}
void text_free(struct text *t);

/** An address in the usual notation. `ip` is in network order, as everywhere in the engine. */
void text_ip(struct text *t, uint32_t ip);
void text_ether(struct text *t, const uint8_t eth[6]);
/** Seconds with a fraction of `digits` digits (6 or 9). */
void text_time(struct text *t, uint64_t ns, unsigned digits);

#define ERRS_MAX 20 /* messages kept for one configuration; the rest is only counted */

/** The errors and warnings about one source text. */
struct errs {
    struct text out; /* lines "LINE:COLUMN: message" */
    struct str src;
    const char *where; /* the element being configured, or NULL */
    unsigned n_errors;
    unsigned n_warnings;
};

#define POS_NONE UINT32_MAX

/**
 * Report an error at a byte offset of the source (POS_NONE: no position is known).
 *
 * @return -1, so that a caller can say `return errs_at(...)`.
 */
int errs_at(struct errs *errs, uint32_t pos, const char *fmt, ...)
    __attribute__((format(__printf__, 3, 4)));

void errs_warn(struct errs *errs, uint32_t pos, const char *fmt, ...)
    __attribute__((format(__printf__, 3, 4)));

/** Line and column, from 1, of a byte offset. */
void errs_position(const struct errs *errs, uint32_t pos, unsigned *line, unsigned *column);

#endif
