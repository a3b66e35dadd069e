/* SPDX-License-Identifier: BSD-2-Clause */
#include "strings.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define NUMBER_MAX 24 /* characters of one, and '\0' */

static_assert(RESP_WORDS_MAX / 2 <= STORE_SET_MAX, "what a request sets is set together");

int strings_get(struct call *call)
{
    call_value(call, call_word(call, 1));
    return 0;
}

/* What follows SET key value. */
struct set_options {
    int64_t expires_ms;
    bool if_absent, if_present, keep_ttl, get;
};

/* EX and the like: how the word behind it counts. */
static bool takes_time(const struct resp_word *option, int64_t now_ms, int64_t *unit_ms,
                       int64_t *since_ms)
{
    bool from_now = resp_is(option, "EX") || resp_is(option, "PX");

    if (!from_now && !resp_is(option, "EXAT") && !resp_is(option, "PXAT"))
        return false;
    *unit_ms = (option->bytes[0] | ' ') == 'p' ? 1 : MS_PER_S;
    *since_ms = from_now ? now_ms : 0;
    return true;
}

/* @return false when they are wrong, and the answer says so. */
static bool parse_set(struct call *call, struct set_options *options)
{
    for (unsigned i = 3; i < call->request->n; i++) {
        const struct resp_word *option = call_word(call, i);
        int64_t n, unit_ms, since_ms;
        if (takes_time(option, call->context->now_ms, &unit_ms, &since_ms)) {
            if (options->expires_ms || options->keep_ttl || ++i == call->request->n)
                return call_syntax_error(call);
            if (!resp_number(call_word(call, i), &n))
                return call_no_integer(call);
            if (n <= 0 || !call_time(n, unit_ms, since_ms, &options->expires_ms))
                return call_bad_expiry(call);
        } else if (resp_is(option, "NX") && !options->if_present) {
            options->if_absent = true;
        } else if (resp_is(option, "XX") && !options->if_absent) {
            options->if_present = true;
        } else if (resp_is(option, "KEEPTTL") && !options->expires_ms) {
            options->keep_ttl = true;
        } else if (resp_is(option, "GET")) {
            options->get = true;
        } else {
            return call_syntax_error(call);
        }
    }
    return true;
}

/* With `get`, the old value is the answer, whatever is done. */
static int set_by(struct call *call, const struct resp_word *value,
                  const struct set_options *options)
{
    const struct resp_word *key = call_word(call, 1);
    int64_t old = call_expiry(call, key);
    bool wanted = !(options->if_absent && old >= 0) && !(options->if_present && old < 0);
    int64_t expires_ms = options->keep_ttl && old > 0 ? old : options->expires_ms;

    if (!call_allows_key(call, key))
        return 0;
    if (options->get)
        call_value(call, key);
    int result = wanted ? call_set(call, key, value, expires_ms) : 0;
    if (result || options->get)
        return result;
    if (wanted)
        return call_ok(call);
    resp_null(call->out);
    return 0;
}

int strings_set(struct call *call)
{
    struct set_options options = {0};

    return parse_set(call, &options) ? set_by(call, call_word(call, 2), &options) : 0;
}

int strings_getset(struct call *call)
{
    return set_by(call, call_word(call, 2), &(struct set_options){.get = true});
}

static int set_expiring(struct call *call, int64_t unit_ms)
{
    struct set_options options = {0};
    int64_t n;

    if (!resp_number(call_word(call, 2), &n))
        return call_no_integer(call);
    if (n <= 0 || !call_time(n, unit_ms, call->context->now_ms, &options.expires_ms))
        return call_bad_expiry(call);
    return set_by(call, call_word(call, 3), &options);
}

int strings_setex(struct call *call)
{
    return set_expiring(call, MS_PER_S);
}

int strings_psetex(struct call *call)
{
    return set_expiring(call, 1);
}

int strings_setnx(struct call *call)
{
    bool absent = call_expiry(call, call_word(call, 1)) < 0;
    int result = absent ? call_set(call, call_word(call, 1), call_word(call, 2), 0) : 0;

    if (!result)
        resp_integer(call->out, absent);
    return result < 0 ? result : 0;
}

int strings_getdel(struct call *call)
{
    call_value(call, call_word(call, 1));
    int result = call_delete(call, call_word(call, 1));
    return result < 0 ? result : 0;
}

int strings_mget(struct call *call)
{
    resp_array(call->out, call->request->n - 1);
    for (unsigned i = 1; i < call->request->n; i++)
        call_value(call, call_word(call, i));
    return 0;
}

/* All or none. */
int strings_mset(struct call *call)
{
    static struct store_item items[STORE_SET_MAX];
    unsigned n = 0;

    if (call->request->n % 2 == 0)
        return call_wrong_number(call);
    for (unsigned i = 1; i < call->request->n; i += 2) {
        const struct resp_word *key = call_word(call, i), *value = call_word(call, i + 1);
        if (!call_allows_key(call, key))
            return 0;
        items[n++] = (struct store_item){key->bytes, value->bytes, key->len, value->len, 0};
    }
    int error = store_set(call->context->store, items, n);
    return error ? error : call_ok(call);
}

int strings_strlen(struct call *call)
{
    char *value;
    int64_t len = call_get(call, call_word(call, 1), &value);

    resp_integer(call->out, len < 0 ? 0 : len);
    return 0;
}

static int add(struct call *call, int64_t by)
{
    const struct resp_word *key = call_word(call, 1);
    char *value, text[NUMBER_MAX];
    int64_t old = 0, len = call_get(call, key, &value), expires_ms = call_expiry(call, key);

    if (len >= 0 && !resp_number(&(struct resp_word){value, (size_t)len}, &old))
        return call_no_integer(call);
    if (len < 0 && len != -ENOENT)
        return call_error(call, "ERR the disk failed");
    if (__builtin_add_overflow(old, by, &old))
        return call_error(call, "ERR increment or decrement would overflow");
    int n = snprintf(text, sizeof(text), "%lld", (long long)old);
    int result =
        call_set(call, key, &(struct resp_word){text, (size_t)n}, expires_ms > 0 ? expires_ms : 0);
    if (!result)
        resp_integer(call->out, old);
    return result < 0 ? result : 0;
}

int strings_incr(struct call *call)
{
    return add(call, 1);
}

int strings_decr(struct call *call)
{
    return add(call, -1);
}

int strings_incrby(struct call *call)
{
    int64_t by;

    return resp_number(call_word(call, 2), &by) ? add(call, by) : call_no_integer(call);
}

int strings_decrby(struct call *call)
{
    int64_t by;

    if (!resp_number(call_word(call, 2), &by))
        return call_no_integer(call);
    if (by == INT64_MIN)
        return call_error(call, "ERR decrement would overflow");
    return add(call, -by);
}
