/* SPDX-License-Identifier: BSD-2-Clause */
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

struct reader {
    const char *start, *at, *end;
    struct fail *fail;
};

static int refuse(struct reader *reader, const char *what)
{
    return fail_set(reader->fail, EINVAL, "JSON, byte %zu: %s",
                    (size_t)(reader->at - reader->start) + 1, what);
}

static void skip_blank(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
        reader->at++;
}

static int peek(const struct reader *reader)
{
    return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static int take_hex4(struct reader *reader, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(reader);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return refuse(reader, "\\u is followed by four hexadecimal digits");
        *value = *value * 16 + (unsigned)digit;
        reader->at++;
    }
    return 0;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* What follows a backslash. */
static int take_escape(struct reader *reader, char **to)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(reader);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    unsigned code, low;

    if (letter) {
        reader->at++;
        *(*to)++ = meanings[letter - letters];
        return 0;
    }
    if (c != 'u')
        return refuse(reader, "no such escape");
    reader->at++;
    int error = take_hex4(reader, &code);
    if (!error && code >= 0xd800 && code < 0xdc00) {
        if (reader->at[0] != '\\' || reader->at[1] != 'u') /* the closing quote is there */
            return refuse(reader, "half a surrogate pair");
        reader->at += 2;
        error = take_hex4(reader, &low);
        if (!error && (low < 0xdc00 || low > 0xdfff))
            return refuse(reader, "half a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (error)
        return error;
    if (code == 0 || (code >= 0xd800 && code < 0xe000))
        return refuse(reader, "this character cannot be in a string here");
    *to = put_utf8(*to, code);
    return 0;
}

static int take_string(struct reader *reader, char **string)
{
    if (peek(reader) != '"')
        return refuse(reader, "a string is expected");
    const char *close = ++reader->at;
    while (close < reader->end && *close != '"')
        close += *close == '\\' && close + 1 < reader->end ? 2 : 1;
    if (close >= reader->end)
        return refuse(reader, "the string is not closed");
    char *to = *string = malloc((size_t)(close - reader->at) + 1);
    if (!to)
        return fail_set(reader->fail, ENOMEM, "no memory for a request");
    while (reader->at < close) {
        unsigned char c = (unsigned char)*reader->at;
        if (c < 0x20)
            return refuse(reader, "a control character in a string");
        reader->at++;
        if (c != '\\') {
            *to++ = (char)c;
            continue;
        }
        int error = take_escape(reader, &to);
        if (error)
            return error;
    }
    *to = '\0';
    reader->at = close + 1;
    return 0;
}

static int take_number(struct reader *reader, double *number)
{
    char digits[64];
    size_t n = 0;

    while (n < sizeof(digits) - 1 && peek(reader) > 0 && strchr("+-.0123456789eE", peek(reader)))
        digits[n++] = *reader->at++;
    digits[n] = '\0';
    char *rest;
    *number = strtod(digits, &rest);
    if (n == 0 || *rest || digits[0] == '+' || digits[0] == '.')
        return refuse(reader, "no value");
    return 0;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static int take_value(struct reader *reader, struct json *json, int depth);

static int take_members(struct reader *reader, struct json *json, int depth)
{
    char close = json->type == JSON_OBJECT ? '}' : ']';
    struct json **next = &json->first;

    if (depth >= DEPTH_MAX)
        return refuse(reader, "nested too deeply");
    reader->at++;
    skip_blank(reader);
    if (peek(reader) == close) {
        reader->at++;
        return 0;
    }
    for (;;) {
        struct json *member = *next = calloc(1, sizeof(*member));
        if (!member)
            return fail_set(reader->fail, ENOMEM, "no memory for a request");
        next = &member->next;
        skip_blank(reader);
        if (json->type == JSON_OBJECT) {
            int error = take_string(reader, &member->key);
            if (error)
                return error;
            skip_blank(reader);
            if (peek(reader) != ':')
                return refuse(reader, "':' is expected");
            reader->at++;
        }
        int error = take_value(reader, member, depth + 1);
        if (error)
            return error;
        skip_blank(reader);
        int c = peek(reader);
        if (c != ',' && c != close)
            return refuse(reader, "',' or the closing bracket is expected");
        reader->at++;
        if (c == close)
            return 0;
    }
}

static int take_value(struct reader *reader, struct json *json, int depth)
{
    skip_blank(reader);
    switch (peek(reader)) {
    case '{':
        json->type = JSON_OBJECT;
        return take_members(reader, json, depth);
    case '[':
        json->type = JSON_ARRAY;
        return take_members(reader, json, depth);
    case '"':
        json->type = JSON_STRING;
        return take_string(reader, &json->string);
    }
    if (take_word(reader, "null"))
        return 0;
    json->type = JSON_BOOL;
    json->boolean = take_word(reader, "true");
    if (json->boolean || take_word(reader, "false"))
        return 0;
    json->type = JSON_NUMBER;
    return take_number(reader, &json->number);
}

int json_parse(const char *text, size_t len, struct json **result, struct fail *fail)
{
    struct reader reader = {.start = text, .at = text, .end = text + len, .fail = fail};
    struct json *json = calloc(1, sizeof(*json));

    if (!json)
        return fail_set(fail, ENOMEM, "no memory for a request");
    int error = take_value(&reader, json, 0);
    if (!error) {
        skip_blank(&reader);
        if (peek(&reader) >= 0)
            error = refuse(&reader, "something follows the value");
    }
    if (error) {
        json_free(json);
        return error;
    }
    *result = json;
    return 0;
}

void json_free(struct json *json)
{
    while (json) {
        struct json *next = json->next;
        json_free(json->first);
        free(json->string);
        free(json->key);
        free(json);
        json = next;
    }
}

const struct json *json_get(const struct json *object, const char *key)
{
    const struct json *member = object->type == JSON_OBJECT ? object->first : NULL;

    while (member && strcmp(member->key, key) != 0)
        member = member->next;
    return member;
}

const char *json_get_string(const struct json *object, const char *key, const char *otherwise)
{
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_STRING ? member->string : otherwise;
}

double json_get_number(const struct json *object, const char *key, double otherwise)
{
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_NUMBER ? member->number : otherwise;
}

bool json_get_bool(const struct json *object, const char *key, bool otherwise)
{
    const struct json *member = json_get(object, key);
    return member && member->type == JSON_BOOL ? member->boolean : otherwise;
}

/* Writing */

static void put(struct json_out *out, const char *text, size_t len)
{
    if (out->failed)
        return;
    if (out->len + len + 1 > out->size) {
        size_t size = out->size ? out->size * 2 : 256;
        while (size < out->len + len + 1)
            size *= 2;
        char *grown = realloc(out->text, size);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->text = grown;
        out->size = size;
    }
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = '\0';
}

/* @return how many bytes the character that is there takes in UTF-8 (RFC 3629): more than one, or 0
 *         if there is no such character. */
static size_t utf8_len(const char *text, size_t len)
{
    static const unsigned least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    unsigned char c = (unsigned char)*text;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    unsigned code = c & (0x7fu >> n);

    if (c < 0xc0 || c >= 0xf8 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        c = (unsigned char)text[i];
        if ((c & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return n;
}

static void put_quoted(struct json_out *out, const char *text, size_t len, bool is_utf8)
{
    put(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escaped[8];
        size_t n = is_utf8 ? utf8_len(text + i, len - i) : 0;
        if (n) {
            put(out, text + i, n);
            i += n - 1;
        } else if (c == '"' || c == '\\')
            put(out, escaped, (size_t)sprintf(escaped, "\\%c", c));
        else if (c == '\n')
            put(out, "\\n", 2);
        else if (c < 0x20 || c >= 0x7f) /* what is no UTF-8: bytes as Latin-1 */
            put(out, escaped, (size_t)sprintf(escaped, "\\u%04x", c));
        else
            put(out, text + i, 1);
    }
    put(out, "\"", 1);
}

static void put_key(struct json_out *out, const char *key)
{
    if (out->comma)
        put(out, ",", 1);
    out->comma = true;
    if (key) {
        put_quoted(out, key, strlen(key), true);
        put(out, ":", 1);
    }
}

void json_open(struct json_out *out, const char *key, char bracket)
{
    put_key(out, key);
    put(out, &bracket, 1);
    out->comma = false;
}

void json_close(struct json_out *out, char bracket)
{
    put(out, &bracket, 1);
    out->comma = true;
}

void json_put_bytes(struct json_out *out, const char *key, const char *value, size_t len)
{
    put_key(out, key);
    put_quoted(out, value, len, false);
}

void json_put_string(struct json_out *out, const char *key, const char *value)
{
    put_key(out, key);
    put_quoted(out, value, strlen(value), true);
}

void json_put_number(struct json_out *out, const char *key, int64_t value)
{
    char digits[32];

    put_key(out, key);
    put(out, digits, (size_t)sprintf(digits, "%" PRId64, value));
}

void json_put_bool(struct json_out *out, const char *key, bool value)
{
    put_key(out, key);
    put(out, value ? "true" : "false", value ? 4 : 5);
}

void json_put_json(struct json_out *out, const char *key, const char *json)
{
    put_key(out, key);
    put(out, json ? json : "null", strlen(json ? json : "null"));
}

void json_end_line(struct json_out *out)
{
    put(out, "\n", 1);
    out->comma = false;
}
