/* SPDX-License-Identifier: BSD-2-Clause */
#include "keyspace.h"

#include <stdbool.h>
#include <string.h>

#include "pattern.h"

struct listing {
    const struct resp_word *pattern;
    struct resp_out *out; /* NULL: only count */
    size_t n;
};

static void list_key(void *arg, const char *key, size_t len)
{
    struct listing *listing = arg;

    if (listing->pattern &&
        !pattern_match(listing->pattern->bytes, listing->pattern->len, key, len))
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

int keyspace_dbsize(struct call *call)
{
    struct listing listing = {0};

    store_each(call->context->store, call->context->now_ms, list_key, &listing);
    resp_integer(call->out, (int64_t)listing.n);
    return 0;
}

/* Keys that are to be removed, gathered first. */
struct gathered {
    struct resp_out bytes; /* length, key, length, key, ... */
};

static void gather_key(void *arg, const char *key, size_t len)
{
    struct gathered *gathered = arg;

    resp_bytes(&gathered->bytes, (const char *)&len, sizeof(len));
    resp_bytes(&gathered->bytes, key, len);
}

int keyspace_flushall(struct call *call)
{
    struct gathered gathered = {0};
    int result = 0;

    store_each(call->context->store, call->context->now_ms, gather_key, &gathered);
    if (gathered.bytes.failed) {
        resp_free(&gathered.bytes);
        return call_error(call, "ERR no memory");
    }
    for (size_t at = 0, len; at < gathered.bytes.len && result >= 0; at += sizeof(len) + len) {
        memcpy(&len, gathered.bytes.bytes + at, sizeof(len));
        result = store_delete(call->context->store, gathered.bytes.bytes + at + sizeof(len), len,
                              call->context->now_ms);
    }
    resp_free(&gathered.bytes);
    if (result < 0)
        return result;
    resp_simple(call->out, "OK");
    return 0;
}
