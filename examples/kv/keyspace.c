/* SPDX-License-Identifier: BSD-2-Clause */
#include "keyspace.h"

#include <stdbool.h>

#include "pattern.h"

int keyspace_del(struct call *call)
{
    int64_t n = 0;

    for (unsigned i = 1; i < call->request->n; i++) {
        int result = call_delete(call, call_word(call, i));
        if (result < 0)
            return result;
        n += result;
    }
    resp_integer(call->out, n);
    return 0;
}

int keyspace_exists(struct call *call)
{
    int64_t n = 0;

    for (unsigned i = 1; i < call->request->n; i++)
        n += call_expiry(call, call_word(call, i)) >= 0;
    resp_integer(call->out, n);
    return 0;
}

int keyspace_type(struct call *call)
{
    resp_simple(call->out, call_expiry(call, call_word(call, 1)) < 0 ? "none" : "string");
    return 0;
}

struct listing {
    const struct resp_word *pattern;
    struct resp_out *out; /* NULL: only count */
    size_t n;
};

static void list_key(void *arg, const char *key, size_t len, int64_t expires_ms)
{
    struct listing *listing = arg;

    (void)expires_ms;
    if (!pattern_match(listing->pattern->bytes, listing->pattern->len, key, len))
        return;
    listing->n++;
    if (listing->out)
        resp_bulk(listing->out, key, len);
}

int keyspace_keys(struct call *call)
{
    struct listing listing = {.pattern = call_word(call, 1)};

    store_each(call->context->store, call->context->now_ms, list_key, &listing);
    resp_array(call->out, listing.n);
    listing.out = call->out;
    store_each(call->context->store, call->context->now_ms, list_key, &listing);
    return 0;
}

struct count {
    unsigned long long n_keys, n_expire;
};

static void count_key(void *arg, const char *key, size_t len, int64_t expires_ms)
{
    struct count *count = arg;

    (void)key;
    (void)len;
    count->n_keys++;
    count->n_expire += expires_ms != 0;
}

void keyspace_count(struct call *call, unsigned long long *n_keys, unsigned long long *n_expire)
{
    struct count count = {0};

    store_each(call->context->store, call->context->now_ms, count_key, &count);
    *n_keys = count.n_keys;
    *n_expire = count.n_expire;
}

int keyspace_dbsize(struct call *call)
{
    unsigned long long n_keys, n_expire;

    keyspace_count(call, &n_keys, &n_expire);
    resp_integer(call->out, (int64_t)n_keys);
    return 0;
}

/* They are gone when it is answered, however that was asked for. */
int keyspace_flushall(struct call *call)
{
    if (call->request->n == 2 && !resp_is(call_word(call, 1), "SYNC") &&
        !resp_is(call_word(call, 1), "ASYNC"))
        return call_syntax_error(call);
    int error = store_delete_all(call->context->store);
    return error ? error : call_ok(call);
}
