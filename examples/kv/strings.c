/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "keyspace.h"

#define MS_PER_S   1000
#define NUMBER_MAX 24 /* characters of one, and '\0' */

#define SYNTAX     "ERR syntax error"
#define NO_INTEGER "ERR value is not an integer or out of range"
#define BAD_EXPIRY "ERR invalid expire time"

/* The value of a key, until the next one is read. @return bytes, -ENOENT, -errno. */
static int64_t get(struct call *call, const struct resp_word *key, char **value)
{
    return store_get(call->context->store, key->bytes, key->len, call->context->now_ms, value);
}

static int64_t expiry(struct call *call, const struct resp_word *key)
{
    int64_t expires_ms;

    return store_expiry(call->context->store, key->bytes, key->len, call->context->now_ms,
                        &expires_ms)
               ? -1
               : expires_ms;
}

/* @return 0; 1 when it was refused, and the answer says so; -errno. */
static int set(struct call *call, const struct resp_word *key, const struct resp_word *value,
               int64_t expires_ms)
{
    if (key->len > STORE_KEY_MAX) {
        resp_error(call->out, "ERR key is too long");
        return 1;
    }
    return store_set(call->context->store, key->bytes, key->len, value->bytes, value->len,
                     expires_ms);
}

static int answer_value(struct call *call, const struct resp_word *key)
{
    char *value;
    int64_t len = get(call, key, &value);

    if (len == -ENOENT)
        resp_null(call->out);
    else if (len < 0)
        resp_error(call->out,
                   len == -EINVAL ? "ERR the value is damaged on the disk" : "ERR the disk failed");
    else
        resp_bulk(call->out, value, (size_t)len);
    return 0;
}

static int run_ping(struct call *call)
{
    if (call->request->n > 2)
        return call_error(call, "ERR wrong number of arguments for 'ping' command");
    if (call->request->n == 2)
        resp_bulk(call->out, call_word(call, 1)->bytes, call_word(call, 1)->len);
    else
        resp_simple(call->out, "PONG");
    return 0;
}

static int run_echo(struct call *call)
{
    resp_bulk(call->out, call_word(call, 1)->bytes, call_word(call, 1)->len);
    return 0;
}

static int run_get(struct call *call)
{
    return answer_value(call, call_word(call, 1));
}

/* What follows SET key value. */
struct set_options {
    int64_t expires_ms;
    bool if_absent, if_present, keep_ttl, get;
};

/* A time to live in the word behind, in units of so many ms. @return false when it is none. */
static bool take_expiry(struct call *call, unsigned i, int64_t unit_ms, int64_t *expires_ms)
{
    int64_t n;

    return i < call->request->n && resp_number(call_word(call, i), &n) && n > 0 &&
           !__builtin_mul_overflow(n, unit_ms, expires_ms) &&
           !__builtin_add_overflow(*expires_ms, call->context->now_ms, expires_ms);
}

/* @return what is wrong, or NULL. */
static const char *parse_set(struct call *call, struct set_options *options)
{
    for (unsigned i = 3; i < call->request->n; i++) {
        const struct resp_word *option = call_word(call, i);
        bool seconds = resp_is(option, "EX");
        if (seconds || resp_is(option, "PX")) {
            if (options->expires_ms || options->keep_ttl)
                return SYNTAX;
            if (!take_expiry(call, ++i, seconds ? MS_PER_S : 1, &options->expires_ms))
                return i < call->request->n ? BAD_EXPIRY " in 'set' command" : SYNTAX;
        } else if (resp_is(option, "NX") && !options->if_present) {
            options->if_absent = true;
        } else if (resp_is(option, "XX") && !options->if_absent) {
            options->if_present = true;
        } else if (resp_is(option, "KEEPTTL") && !options->expires_ms) {
            options->keep_ttl = true;
        } else if (resp_is(option, "GET")) {
            options->get = true;
        } else {
            return SYNTAX;
        }
    }
    return NULL;
}

static int run_set(struct call *call)
{
    const struct resp_word *key = call_word(call, 1);
    struct set_options options = {0};

    const char *wrong = parse_set(call, &options);
    if (wrong)
        return call_error(call, wrong);
    int64_t old = expiry(call, key);
    bool wanted = !(options.if_absent && old >= 0) && !(options.if_present && old < 0);
    if (options.get)
        answer_value(call, key);
    if (options.keep_ttl && old > 0)
        options.expires_ms = old;
    int result = wanted ? set(call, key, call_word(call, 2), options.expires_ms) : 0;
    if (result || options.get)
        return result < 0 ? result : 0;
    if (wanted)
        resp_simple(call->out, "OK");
    else
        resp_null(call->out);
    return 0;
}

static int run_setnx(struct call *call)
{
    bool absent = expiry(call, call_word(call, 1)) < 0;
    int result = absent ? set(call, call_word(call, 1), call_word(call, 2), 0) : 0;

    if (!result)
        resp_integer(call->out, absent);
    return result < 0 ? result : 0;
}

static int run_mget(struct call *call)
{
    resp_array(call->out, call->request->n - 1);
    for (unsigned i = 1; i < call->request->n; i++)
        answer_value(call, call_word(call, i));
    return 0;
}

static int run_mset(struct call *call)
{
    if (call->request->n % 2 == 0)
        return call_error(call, "ERR wrong number of arguments for 'mset' command");
    for (unsigned i = 1; i < call->request->n; i += 2) {
        int result = set(call, call_word(call, i), call_word(call, i + 1), 0);
        if (result)
            return result < 0 ? result : 0;
    }
    resp_simple(call->out, "OK");
    return 0;
}

static int run_del(struct call *call)
{
    int64_t n = 0;

    for (unsigned i = 1; i < call->request->n; i++) {
        int result = store_delete(call->context->store, call_word(call, i)->bytes,
                                  call_word(call, i)->len, call->context->now_ms);
        if (result < 0)
            return result;
        n += result;
    }
    resp_integer(call->out, n);
    return 0;
}

static int run_exists(struct call *call)
{
    int64_t n = 0;

    for (unsigned i = 1; i < call->request->n; i++)
        n += expiry(call, call_word(call, i)) >= 0;
    resp_integer(call->out, n);
    return 0;
}

static int run_strlen(struct call *call)
{
    char *value;
    int64_t len = get(call, call_word(call, 1), &value);

    resp_integer(call->out, len < 0 ? 0 : len);
    return 0;
}

/* Write the value again, with another time of expiry. */
static int change_expiry(struct call *call, int64_t expires_ms)
{
    const struct resp_word *key = call_word(call, 1);
    char *value;
    int64_t len = get(call, key, &value);

    if (len < 0)
        return (int)len;
    return set(call, key, &(struct resp_word){value, (size_t)len}, expires_ms);
}

static int expire_in(struct call *call, int64_t unit_ms)
{
    const struct resp_word *key = call_word(call, 1);
    int64_t n, expires_ms;
    int result;

    if (!resp_number(call_word(call, 2), &n))
        return call_error(call, NO_INTEGER);
    if (__builtin_mul_overflow(n, unit_ms, &expires_ms) ||
        __builtin_add_overflow(expires_ms, call->context->now_ms, &expires_ms))
        return call_error(call, BAD_EXPIRY);
    if (n <= 0)
        result = store_delete(call->context->store, key->bytes, key->len, call->context->now_ms) > 0
                     ? 0
                     : -ENOENT;
    else
        result = change_expiry(call, expires_ms);
    if (result && result != -ENOENT)
        return result;
    resp_integer(call->out, !result);
    return 0;
}

static int run_expire(struct call *call)
{
    return expire_in(call, MS_PER_S);
}

static int run_pexpire(struct call *call)
{
    return expire_in(call, 1);
}

static int run_persist(struct call *call)
{
    int result = expiry(call, call_word(call, 1)) > 0 ? change_expiry(call, 0) : -ENOENT;

    if (result && result != -ENOENT)
        return result;
    resp_integer(call->out, !result);
    return 0;
}

static int answer_ttl(struct call *call, int64_t unit_ms)
{
    int64_t expires_ms = expiry(call, call_word(call, 1));

    resp_integer(call->out, expires_ms < 0 ? -2
                            : expires_ms == 0
                                ? -1
                                : (expires_ms - call->context->now_ms + unit_ms - 1) / unit_ms);
    return 0;
}

static int run_ttl(struct call *call)
{
    return answer_ttl(call, MS_PER_S);
}

static int run_pttl(struct call *call)
{
    return answer_ttl(call, 1);
}

static int add(struct call *call, int64_t by)
{
    const struct resp_word *key = call_word(call, 1);
    char *value, text[NUMBER_MAX];
    int64_t old = 0, len = get(call, key, &value), expires_ms = expiry(call, key);

    if (len >= 0 && !resp_number(&(struct resp_word){value, (size_t)len}, &old))
        return call_error(call, NO_INTEGER);
    if (len < 0 && len != -ENOENT)
        return call_error(call, "ERR the disk failed");
    if (__builtin_add_overflow(old, by, &old))
        return call_error(call, "ERR increment or decrement would overflow");
    int n = snprintf(text, sizeof(text), "%lld", (long long)old);
    int result =
        set(call, key, &(struct resp_word){text, (size_t)n}, expires_ms > 0 ? expires_ms : 0);
    if (!result)
        resp_integer(call->out, old);
    return result < 0 ? result : 0;
}

static int run_incr(struct call *call)
{
    return add(call, 1);
}

static int run_decr(struct call *call)
{
    return add(call, -1);
}

static int run_incrby(struct call *call)
{
    int64_t by;

    return resp_number(call_word(call, 2), &by) ? add(call, by) : call_error(call, NO_INTEGER);
}

static int run_info(struct call *call)
{
    const struct store_stats *store = store_stats(call->context->store);
    const struct command_stats *stats = call->context->stats;
    char text[640];

    int n = snprintf(text, sizeof(text),
                     "# Server\r\nredis_version:7.0.0\r\nserver_name:sprat-kv\r\n"
                     "uptime_in_seconds:%lld\r\n"
                     "# Clients\r\nconnected_clients:%u\r\n"
                     "# Persistence\r\nlog_bytes:%llu\r\ndead_bytes:%llu\r\nsegments:%llu\r\n"
                     "compactions:%llu\r\nsyncs:%llu\r\nchanges:%llu\r\n"
                     "# Stats\r\ntotal_connections_received:%llu\r\n"
                     "total_commands_processed:%llu\r\n"
                     "# Keyspace\r\ndb0:keys=%llu\r\n",
                     (long long)(call->context->now_ms - stats->started_ms) / MS_PER_S,
                     stats->n_clients, (unsigned long long)store->log_bytes,
                     (unsigned long long)store->dead_bytes, (unsigned long long)store->n_segments,
                     (unsigned long long)store->n_compactions, (unsigned long long)store->n_syncs,
                     (unsigned long long)store->n_changes, stats->n_connections, stats->n_commands,
                     (unsigned long long)store->n_keys);
    resp_bulk(call->out, text, (size_t)n);
    return 0;
}

static int run_type(struct call *call)
{
    resp_simple(call->out, expiry(call, call_word(call, 1)) < 0 ? "none" : "string");
    return 0;
}

static int run_select(struct call *call)
{
    int64_t n;

    if (!resp_number(call_word(call, 1), &n) || n != 0)
        return call_error(call, "ERR DB index is out of range");
    resp_simple(call->out, "OK");
    return 0;
}

static int run_ok(struct call *call)
{
    resp_simple(call->out, "OK");
    return 0;
}

/* redis-cli and redis-benchmark ask for what they can do without. */
static int run_nothing(struct call *call)
{
    resp_array(call->out, 0);
    return 0;
}

static int run_quit(struct call *call)
{
    call->context->quit = true;
    return run_ok(call);
}

static const struct {
    const char *name;
    unsigned least, most; /* words, the name too */
    int (*run)(struct call *call);
} commands[] = {
    {"GET", 2, 2, run_get},
    {"SET", 3, RESP_WORDS_MAX, run_set},
    {"DEL", 2, RESP_WORDS_MAX, run_del},
    {"UNLINK", 2, RESP_WORDS_MAX, run_del},
    {"EXISTS", 2, RESP_WORDS_MAX, run_exists},
    {"EXPIRE", 3, 3, run_expire},
    {"PEXPIRE", 3, 3, run_pexpire},
    {"TTL", 2, 2, run_ttl},
    {"PTTL", 2, 2, run_pttl},
    {"PERSIST", 2, 2, run_persist},
    {"KEYS", 2, 2, keyspace_keys},
    {"INFO", 1, 2, run_info},
    {"PING", 1, 2, run_ping},
    {"ECHO", 2, 2, run_echo},
    {"INCR", 2, 2, run_incr},
    {"DECR", 2, 2, run_decr},
    {"INCRBY", 3, 3, run_incrby},
    {"STRLEN", 2, 2, run_strlen},
    {"SETNX", 3, 3, run_setnx},
    {"MGET", 2, RESP_WORDS_MAX, run_mget},
    {"MSET", 3, RESP_WORDS_MAX, run_mset},
    {"DBSIZE", 1, 1, keyspace_dbsize},
    {"FLUSHALL", 1, 2, keyspace_flushall},
    {"FLUSHDB", 1, 2, keyspace_flushall},
    {"TYPE", 2, 2, run_type},
    {"SELECT", 2, 2, run_select},
    {"CLIENT", 2, RESP_WORDS_MAX, run_ok},
    {"COMMAND", 1, RESP_WORDS_MAX, run_nothing},
    {"CONFIG", 2, RESP_WORDS_MAX, run_nothing},
    {"QUIT", 1, 1, run_quit},
};

int command_run(struct command_context *context, const struct resp_request *request,
                struct resp_out *out)
{
    struct call call = {context, request, out};
    char text[128];

    if (!request->n)
        return 0;
    context->stats->n_commands++;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!resp_is(&request->words[0], commands[i].name))
            continue;
        if (request->n >= commands[i].least && request->n <= commands[i].most)
            return commands[i].run(&call);
        snprintf(text, sizeof(text), "ERR wrong number of arguments for '%s' command",
                 commands[i].name);
        return call_error(&call, text);
    }
    return call_error(&call, "ERR unknown command");
}
