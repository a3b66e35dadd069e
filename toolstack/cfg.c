/* SPDX-License-Identifier: BSD-2-Clause */
#include "cfg.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 4 /* lists in lists; no key of xl's needs more than two */

struct reader {
    const char *at, *end;
    unsigned line;
    const char *line_start;
    struct fail *fail;
};

static unsigned column(const struct reader *reader)
{
    return (unsigned)(reader->at - reader->line_start) + 1;
}

static int peek(const struct reader *reader)
{
    return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static int refuse(struct reader *reader, const char *what)
{
    return fail_set(reader->fail, EINVAL, "%u:%u: %s", reader->line, column(reader), what);
}

static int no_memory(struct reader *reader)
{
    return fail_set(reader->fail, ENOMEM, "no memory for the configuration");
}

static void next_line(struct reader *reader)
{
    reader->at++;
    reader->line++;
    reader->line_start = reader->at;
}

/* Blanks and comments; within a list line ends too. */
static void skip_blank(struct reader *reader, bool lines)
{
    for (;;) {
        int c = peek(reader);
        if (c == ' ' || c == '\t' || c == '\r')
            reader->at++;
        else if (c == '\n' && lines)
            next_line(reader);
        else if (c == '#')
            while (peek(reader) >= 0 && peek(reader) != '\n')
                reader->at++;
        else
            return;
    }
}

static int hex_digit(int c)
{
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/*
 * What a backslash in a string stands for; the reader is behind it afterwards. -1: nothing. The
 * string's closing quote is there, so no digit is the text's last byte.
 */
static int take_escape(struct reader *reader)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    int c = peek(reader);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        reader->at++;
        return meanings[letter - letters];
    }
    if (c == '\\' || c == '"' || c == '\'') {
        reader->at++;
        return c;
    }
    if (c == 'x' && isxdigit((unsigned char)reader->at[1]) &&
        isxdigit((unsigned char)reader->at[2])) {
        int value =
            hex_digit((unsigned char)reader->at[1]) * 16 + hex_digit((unsigned char)reader->at[2]);
        reader->at += 3;
        return value;
    }
    if (c >= '0' && c <= '7') {
        int value = 0;
        for (int i = 0; i < 3 && peek(reader) >= '0' && peek(reader) <= '7'; i++)
            value = value * 8 + (*reader->at++ - '0');
        return value;
    }
    return -1;
}

static int take_string(struct reader *reader, struct cfg_value *value)
{
    int quote = peek(reader);
    const char *close = reader->at + 1;

    while (close < reader->end && *close != quote && *close != '\n')
        close += *close == '\\' && close + 1 < reader->end ? 2 : 1;
    if (close >= reader->end || *close != quote)
        return refuse(reader, "the string that opens here is not closed on its line");
    char *to = value->string = malloc((size_t)(close - reader->at));
    if (!to)
        return no_memory(reader);
    reader->at++;
    while (peek(reader) != quote) {
        int c = (unsigned char)*reader->at++;
        if (c == '\\') {
            c = take_escape(reader);
            if (c < 0)
                return refuse(reader, "the backslash before this begins no escape that xl knows");
        }
        if (c == 0 || c > UCHAR_MAX)
            return refuse(reader, "a string cannot contain this byte");
        *to++ = (char)c;
    }
    *to = '\0';
    reader->at++;
    value->type = CFG_STRING;
    return 0;
}

static int take_number(struct reader *reader, struct cfg_value *value)
{
    char digits[32];
    size_t n = 0;

    while (n < sizeof(digits) - 1 && (isalnum(peek(reader)) || (n == 0 && peek(reader) == '-')))
        digits[n++] = *reader->at++;
    digits[n] = '\0';
    char *rest;
    errno = 0;
    value->number = strtoll(digits, &rest, 0);
    if (errno || *rest) {
        reader->at -= n;
        return refuse(reader, "this is no whole number that fits 64 bits");
    }
    value->type = CFG_NUMBER;
    return 0;
}

static int take_value(struct reader *reader, struct cfg_value *value, int depth);

static int take_list(struct reader *reader, struct cfg_value *value, int depth)
{
    if (depth >= NESTING_MAX)
        return refuse(reader, "lists are nested too deeply");
    value->type = CFG_LIST;
    reader->at++;
    for (;;) {
        skip_blank(reader, true);
        if (peek(reader) == ']')
            break;
        struct cfg_value *items = reallocarray(value->items, value->n_items + 1, sizeof(*items));
        if (!items)
            return no_memory(reader);
        value->items = items;
        memset(&items[value->n_items], 0, sizeof(*items));
        int error = take_value(reader, &items[value->n_items++], depth + 1);
        if (error)
            return error;
        skip_blank(reader, true);
        if (peek(reader) == ',')
            reader->at++;
        else if (peek(reader) != ']')
            return refuse(reader, "a list goes on with ',' or ends with ']'");
    }
    reader->at++;
    return 0;
}

static int take_value(struct reader *reader, struct cfg_value *value, int depth)
{
    int c = peek(reader);

    value->line = reader->line;
    value->column = column(reader);
    if (c == '"' || c == '\'')
        return take_string(reader, value);
    if (c == '[')
        return take_list(reader, value, depth);
    if (isdigit(c) || c == '-')
        return take_number(reader, value);
    return refuse(reader, "a value is a number, a string in quotes or a list in []");
}

static int take_setting(struct reader *reader, struct cfg *cfg)
{
    const char *start = reader->at;
    unsigned start_column = column(reader);

    if (!isalpha(peek(reader)) && peek(reader) != '_')
        return refuse(reader, "a line is: key = value");
    while (isalnum(peek(reader)) || peek(reader) == '_')
        reader->at++;
    struct cfg_setting *settings =
        reallocarray(cfg->settings, cfg->n_settings + 1, sizeof(*settings));
    if (!settings)
        return no_memory(reader);
    cfg->settings = settings;
    struct cfg_setting *setting = &settings[cfg->n_settings];
    *setting = (struct cfg_setting){.line = reader->line, .column = start_column};
    setting->key = strndup(start, (size_t)(reader->at - start));
    if (!setting->key)
        return no_memory(reader);
    cfg->n_settings++;
    for (size_t i = 0; i + 1 < cfg->n_settings; i++)
        if (strcmp(settings[i].key, setting->key) == 0)
            return fail_set(reader->fail, EINVAL, "%u:%u: %s is set twice, first in line %u",
                            setting->line, setting->column, setting->key, settings[i].line);

    skip_blank(reader, false);
    if (peek(reader) != '=')
        return refuse(reader, "'=' is missing between key and value");
    reader->at++;
    skip_blank(reader, false);
    int error = take_value(reader, &setting->value, 0);
    if (error)
        return error;
    skip_blank(reader, false);
    if (peek(reader) != '\n' && peek(reader) != ';' && peek(reader) >= 0)
        return refuse(reader, "there is something behind the value; one setting a line");
    return 0;
}

int cfg_parse(struct cfg *cfg, const char *text, size_t len, struct fail *fail)
{
    struct reader reader = {
        .at = text, .end = text + len, .line = 1, .line_start = text, .fail = fail};

    *cfg = (struct cfg){0};
    for (;;) {
        skip_blank(&reader, true);
        if (peek(&reader) < 0)
            return 0;
        if (peek(&reader) == ';') {
            reader.at++;
            continue;
        }
        int error = take_setting(&reader, cfg);
        if (error)
            return error;
    }
}

static void value_free(struct cfg_value *value)
{
    for (size_t i = 0; i < value->n_items; i++)
        value_free(&value->items[i]);
    free(value->items);
    free(value->string);
}

void cfg_free(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->n_settings; i++) {
        free(cfg->settings[i].key);
        value_free(&cfg->settings[i].value);
    }
    free(cfg->settings);
    *cfg = (struct cfg){0};
}
