/* SPDX-License-Identifier: BSD-2-Clause */
/* Source of the format: https://redis.io/docs/reference/protocol-spec/ */
#include "resp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reserve.h"

#define OUT_FIRST      512 /* bytes of answers, for which there is memory when there is not much */
#define LINE_MAX_BYTES 65536
#define DIGITS_MAX     20

/* What is left to parse. */
struct cursor {
    char *at, *end;
};

/* A line without its end, CR LF or LF. @return 1, 0 when its end is not here, -1: too long. */
static int take_line(struct cursor *cursor, struct resp_word *line)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    char *end = left ? memchr(cursor->at, '\n', left) : NULL;

    if (!end)
        return left > LINE_MAX_BYTES ? -1 : 0;
    line->bytes = cursor->at;
    line->len = (size_t)(end - cursor->at);
    if (line->len && line->bytes[line->len - 1] == '\r')
        line->len--;
    cursor->at = end + 1;
    return line->len > LINE_MAX_BYTES ? -1 : 1;
}

/* "$5" or "*3". */
static int take_count(struct cursor *cursor, char mark, int64_t most, int64_t *count)
{
    struct resp_word line;
    int result = take_line(cursor, &line);

    if (result <= 0)
        return result;
    if (line.bytes[0] != mark) /* an empty line's first byte is its end */
        return -1;
    line.bytes++;
    line.len--;
    return resp_number(&line, count) && *count <= most ? 1 : -1;
}

static int parse_array(struct cursor *cursor, struct resp_request *request, const char **why)
{
    int64_t n, len;

    int result = take_count(cursor, '*', RESP_WORDS_MAX, &n);
    *why = "Protocol error: invalid multibulk length";
    if (result <= 0)
        return result;
    for (int64_t i = 0; i < n; i++) {
        result = take_count(cursor, '$', RESP_WORD_MAX, &len);
        *why = "Protocol error: invalid bulk length";
        if (result <= 0)
            return result;
        if (len < 0)
            return -1;
        if (cursor->end - cursor->at < len + 2)
            return 0;
        request->words[request->n++] = (struct resp_word){cursor->at, (size_t)len};
        cursor->at += len;
        *why = "Protocol error: a bulk string is longer than it said";
        if (cursor->at[0] != '\r' || cursor->at[1] != '\n')
            return -1;
        cursor->at += 2;
    }
    return 1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10
                                                : -1;
}

/* What stands behind a backslash between double quotes. */
static char take_escaped(struct cursor *line)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    char c = *line->at++;

    if (c == 'x' && line->end - line->at >= 2) {
        int high = hex_digit(line->at[0]), low = hex_digit(line->at[1]);
        if (high >= 0 && low >= 0) {
            line->at += 2;
            return (char)(high << 4 | low);
        }
    }
    const char *known = c ? strchr(from, c) : NULL;
    return known ? to[known - from] : c;
}

/*
 * A word of a line, put where it begins: what was in quotes is never longer without them. Between
 * single quotes a backslash is only one before such a quote.
 *
 * @return false: a quote that does not end, or that more than a blank stands behind.
 */
static bool take_line_word(struct cursor *line, struct resp_word *word)
{
    char *to = line->at, quote = '\0';

    word->bytes = to;
    while (line->at < line->end && (quote || !is_blank(*line->at))) {
        char c = *line->at++;
        if (quote && c == quote) {
            quote = '\0';
            if (line->at < line->end && !is_blank(*line->at))
                return false;
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote == '"' && c == '\\' && line->at < line->end) {
            *to++ = take_escaped(line);
        } else if (quote == '\'' && c == '\\' && line->at < line->end && *line->at == '\'') {
            *to++ = *line->at++;
        } else {
            *to++ = c;
        }
    }
    word->len = (size_t)(to - word->bytes);
    return !quote;
}

static int parse_line(struct cursor *cursor, struct resp_request *request, const char **why)
{
    struct resp_word text;
    struct cursor line = {.at = cursor->at};
    int result = take_line(cursor, &text);

    *why = "Protocol error: too big inline request";
    if (result <= 0)
        return result;
    line.end = line.at + text.len;
    for (;;) {
        while (line.at < line.end && is_blank(*line.at))
            line.at++;
        if (line.at == line.end)
            return 1;
        if (request->n == RESP_WORDS_MAX)
            return -1;
        *why = "Protocol error: unbalanced quotes in request";
        if (!take_line_word(&line, &request->words[request->n++]))
            return -1;
        *why = "Protocol error: too big inline request";
    }
}

int resp_parse(char *bytes, size_t len, struct resp_request *request, size_t *used,
               const char **why)
{
    struct cursor cursor = {bytes, bytes + len};

    request->n = 0;
    if (!len)
        return 0;
    int result =
        bytes[0] == '*' ? parse_array(&cursor, request, why) : parse_line(&cursor, request, why);
    *used = (size_t)(cursor.at - bytes);
    if ((result == 0 && len >= RESP_BYTES_MAX) || (result == 1 && *used > RESP_BYTES_MAX)) {
        *why = "Protocol error: too big a request";
        return -1;
    }
    return result;
}

bool resp_is(const struct resp_word *word, const char *text)
{
    if (word->len != strlen(text))
        return false;
    for (size_t i = 0; i < word->len; i++)
        if (lower(word->bytes[i]) != lower(text[i]))
            return false;
    return true;
}

bool resp_number(const struct resp_word *word, int64_t *number)
{
    bool negative = word->len && word->bytes[0] == '-';
    size_t at = negative;

    *number = 0;
    if (at == word->len || word->len > DIGITS_MAX || (word->bytes[at] == '0' && word->len > 1))
        return false;
    for (; at < word->len; at++) {
        int digit = word->bytes[at] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, negative ? -digit : digit, number))
            return false;
    }
    return true;
}

void resp_free(struct resp_out *out)
{
    free(out->bytes);
    *out = (struct resp_out){0};
}

void resp_bytes(struct resp_out *out, const char *bytes, size_t len)
{
    if (out->failed) /* what is missing would be in the middle */
        return;
    if (out->len + len > out->max) {
        size_t max = out->max ? out->max : OUT_FIRST;
        while (max < out->len + len)
            max *= 2;
        char *moved = max == OUT_FIRST ? malloc(max) : reserve_realloc(out->bytes, max);
        if (!moved) {
            out->failed = true;
            return;
        }
        out->bytes = moved;
        out->max = max;
    }
    memcpy(out->bytes + out->len, bytes, len);
    out->len += len;
}

static void put_line(struct resp_out *out, char mark, const char *text)
{
    resp_bytes(out, &mark, 1);
    resp_bytes(out, text, strlen(text));
    resp_bytes(out, "\r\n", 2);
}

void resp_simple(struct resp_out *out, const char *text)
{
    put_line(out, '+', text);
}

void resp_error(struct resp_out *out, const char *text)
{
    put_line(out, '-', text);
}

static void put_number(struct resp_out *out, char mark, int64_t number)
{
    char text[DIGITS_MAX + 2];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    put_line(out, mark, text);
}

void resp_integer(struct resp_out *out, int64_t number)
{
    put_number(out, ':', number);
}

void resp_bulk(struct resp_out *out, const char *bytes, size_t len)
{
    put_number(out, '$', (int64_t)len);
    resp_bytes(out, bytes, len);
    resp_bytes(out, "\r\n", 2);
}

void resp_null(struct resp_out *out)
{
    resp_bytes(out, "$-1\r\n", 5);
}

void resp_null_array(struct resp_out *out)
{
    resp_bytes(out, "*-1\r\n", 5);
}

void resp_array(struct resp_out *out, size_t n)
{
    put_number(out, '*', (int64_t)n);
}
