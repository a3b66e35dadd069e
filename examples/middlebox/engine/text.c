/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "port.h"
#include "text.h"

#define MESSAGE_MAX 400 /* bytes of one error's message */

char *str_dup(struct str s)
{
    char *copy = malloc((size_t)s.len + 1);

    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.s, s.len);
    copy[s.len] = 0;
    return copy;
}

struct str str_trim(struct str s)
{
    while (s.len && is_space(s.s[0])) {
        s.s++;
        s.len--;
    }
    while (s.len && is_space(s.s[s.len - 1]))
        s.len--;
    return s;
}

int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

uint32_t str_skip_quoted(struct str s, uint32_t i)
{
    char c = s.s[i];
    uint32_t start = i;

    if (c == '\\' && i + 1 < s.len && s.s[i + 1] == '<')
        c = '>';
    else if (c != '"' && c != '\'')
        return start;
    for (i++; i < s.len; i++) {
        if (s.s[i] == c)
            return i + 1;
        if (c == '"' && s.s[i] == '\\' && i + 1 < s.len)
            i++;
    }
    return i;
}

struct str str_word(struct str *s)
{
    struct str t = str_trim(*s), word = t;
    uint32_t i = 0;

    if (!t.len) {
        *s = t;
        return t;
    }
    while (i < t.len && !is_space(t.s[i])) {
        uint32_t next = str_skip_quoted(t, i);

        i = next == i ? i + 1 : next;
    }
    word.len = i;
    *s = str_trim((struct str){t.s + i, t.len - i});
    return word;
}

/* Room for n more bytes and a NUL. */
static bool text_reserve(struct text *t, size_t n)
{
    uint32_t limit = t->limit ? t->limit : TEXT_LIMIT;
    uint32_t cap = t->cap ? t->cap : 64;
    char *s;

    if (t->cut || n > limit - t->len) {
        t->cut = true;
        return false;
    }
    while (cap < t->len + n + 1)
        cap *= 2;
    if (cap == t->cap)
        return true;
    s = realloc(t->s, cap);
    if (!s) {
        t->cut = true;
        return false;
    }
    t->s = s;
    t->cap = cap;
    return true;
}

void text_add(struct text *t, const void *s, size_t len)
{
    if (!text_reserve(t, len))
        return;
    if (len)
        memcpy(t->s + t->len, s, len);
    t->len += (uint32_t)len;
    t->s[t->len] = 0;
}

void text_addv(struct text *t, const char *fmt, va_list args)
{
    char small[128];
    va_list again;

    va_copy(again, args);
    size_t n = port_format(small, sizeof(small), fmt, args);
    if (n < sizeof(small)) {
        text_add(t, small, n);
    } else if (text_reserve(t, n)) {
        port_format(t->s + t->len, n + 1, fmt, again);
        t->len += (uint32_t)n;
    }
    va_end(again);
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text_addv(t, fmt, args);
    va_end(args);
}

void text_free(struct text *t)
{
    free(t->s);
    memset(t, 0, sizeof(*t));
}

void text_ip(struct text *t, uint32_t ip)
{
    const uint8_t *b = (const uint8_t *)&ip;

    text_addf(t, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

void text_ether(struct text *t, const uint8_t eth[6])
{
    static const char digits[] = "0123456789ABCDEF";

    for (unsigned i = 0; i < 6; i++) {
        char piece[3] = {digits[eth[i] >> 4], digits[eth[i] & 15], '-'};
        text_add(t, piece, i < 5 ? 3 : 2);
    }
}

void text_time(struct text *t, uint64_t ns, unsigned digits)
{
    unsigned frac = (unsigned)(ns % 1000000000u);

    text_addf(t, digits == 6 ? "%llu.%06u" : "%llu.%09u", (unsigned long long)(ns / 1000000000u),
              digits == 6 ? frac / 1000 : frac);
}

void errs_position(const struct errs *errs, uint32_t pos, unsigned *line, unsigned *column)
{
    *line = *column = 1;
    for (uint32_t i = 0; i < pos && i < errs->src.len; i++) {
        if (errs->src.s[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            ++*column;
        }
    }
}

/* A message; of one that quotes very much, its two ends. */
static void add_message(struct text *out, const char *fmt, va_list args)
{
    struct text m = {0};

    text_addv(&m, fmt, args);
    if (m.len > MESSAGE_MAX) {
        text_add(out, m.s, MESSAGE_MAX / 2);
        text_add(out, "...", 3);
        text_add(out, m.s + m.len - MESSAGE_MAX / 2, MESSAGE_MAX / 2);
    } else {
        text_add(out, m.s ? m.s : "out of memory", m.s ? m.len : 13);
    }
    text_free(&m);
}

static void report(struct errs *errs, uint32_t pos, const char *kind, const char *fmt, va_list args)
{
    unsigned line, column;

    if (errs->n_errors + errs->n_warnings > ERRS_MAX)
        return;
    if (pos != POS_NONE) {
        errs_position(errs, pos, &line, &column);
        text_addf(&errs->out, "%u:%u: ", line, column);
    }
    text_addf(&errs->out, "%s", kind);
    if (errs->where)
        text_addf(&errs->out, "%.*s: ", MESSAGE_MAX / 2, errs->where);
    add_message(&errs->out, fmt, args);
    text_char(&errs->out, '\n');
}

int errs_at(struct errs *errs, uint32_t pos, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    errs->n_errors++;
    report(errs, pos, "", fmt, args);
    va_end(args);
    return -1;
}

void errs_warn(struct errs *errs, uint32_t pos, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    errs->n_warnings++;
    report(errs, pos, "warning: ", fmt, args);
    va_end(args);
}
