/* SPDX-License-Identifier: BSD-2-Clause */
#include "call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES 512

int call_error(struct call *call, const char *fmt, ...)
{
    char text[TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    for (char *at = text; *at; at++) /* what it quotes may hold anything, and an error is a line */
        if (*at == '\r' || *at == '\n')
            *at = ' ';
    resp_error(call->out, text);
    return 0;
}

int call_syntax_error(struct call *call)
{
    return call_error(call, "ERR syntax error");
}

int call_no_integer(struct call *call)
{
    return call_error(call, "ERR value is not an integer or out of range");
}

int call_wrong_number(struct call *call)
{
    return call_error(call, "ERR wrong number of arguments for '%s' command", call->command->name);
}

int call_bad_expiry(struct call *call)
{
    return call_error(call, "ERR invalid expire time in '%s' command", call->command->name);
}

int call_unknown_option(struct call *call)
{
    const struct resp_word *word = call_word(call, 1);

    return call_error(call,
                      "ERR unknown subcommand '%.*s' of '%s', or it has too few or too many "
                      "arguments",
                      (int)(word->len < 64 ? word->len : 64), word->bytes, call->command->name);
}

int call_ok(struct call *call)
{
    resp_simple(call->out, "OK");
    return 0;
}

int64_t call_get(struct call *call, const struct resp_word *key, char **value)
{
    return store_get(call->context->store, key->bytes, key->len, call->context->now_ms, value);
}

void call_value(struct call *call, const struct resp_word *key)
{
    char *value;
    int64_t len = call_get(call, key, &value);

    if (len == -ENOENT)
        resp_null(call->out);
    else if (len < 0)
        resp_error(call->out,
                   len == -EINVAL ? "ERR the value is damaged on the disk" : "ERR the disk failed");
    else
        resp_bulk(call->out, value, (size_t)len);
}

int64_t call_expiry(struct call *call, const struct resp_word *key)
{
    int64_t expires_ms;

    return store_expiry(call->context->store, key->bytes, key->len, call->context->now_ms,
                        &expires_ms)
               ? -1
               : expires_ms;
}

bool call_allows_key(struct call *call, const struct resp_word *key)
{
    return key->len <= STORE_KEY_MAX ||
           call_error(call, "ERR a key has at most %d bytes", STORE_KEY_MAX);
}

int call_set(struct call *call, const struct resp_word *key, const struct resp_word *value,
             int64_t expires_ms)
{
    struct store_item item = {key->bytes, value->bytes, key->len, value->len, expires_ms};

    if (!call_allows_key(call, key))
        return 1;
    return store_set(call->context->store, &item, 1);
}

int call_delete(struct call *call, const struct resp_word *key)
{
    return store_delete(call->context->store, key->bytes, key->len, call->context->now_ms);
}

bool call_time(int64_t n, int64_t unit_ms, int64_t since_ms, int64_t *ms)
{
    return !__builtin_mul_overflow(n, unit_ms, ms) && !__builtin_add_overflow(*ms, since_ms, ms);
}
