/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyspace.h"
#include "pattern.h"

#define TEXT_BYTES 256 /* of a section of INFO */

/* INFO: sections of lines, all or the ones that are asked for. */

__attribute__((format(printf, 2, 3))) static void put(struct resp_out *text, const char *fmt, ...)
{
    char bytes[TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(bytes, sizeof(bytes), fmt, args);
    va_end(args);
    resp_bytes(text, bytes, n < TEXT_BYTES ? (size_t)n : TEXT_BYTES - 1);
}

static void put_server(struct call *call, struct resp_out *text)
{
    put(text,
        "# Server\r\nredis_version:%s\r\nserver_name:sprat-kv\r\nredis_mode:standalone\r\n"
        "uptime_in_seconds:%lld\r\n",
        SERVER_VERSION,
        (long long)(call->context->now_ms - call->context->stats->started_ms) / MS_PER_S);
}

static void put_clients(struct call *call, struct resp_out *text)
{
    put(text, "# Clients\r\nconnected_clients:%u\r\n", call->context->stats->n_clients);
}

static void put_memory(struct call *call, struct resp_out *text)
{
    unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);
    unsigned long long total = (unsigned long long)sysconf(_SC_PHYS_PAGES) * page;

    (void)call;
    put(text,
        "# Memory\r\nused_memory:%llu\r\ntotal_system_memory:%llu\r\nmaxmemory:0\r\n"
        "maxmemory_policy:noeviction\r\n",
        total - (unsigned long long)sysconf(_SC_AVPHYS_PAGES) * page, total);
}

static void put_persistence(struct call *call, struct resp_out *text)
{
    const struct store_stats *store = store_stats(call->context->store);

    put(text, "# Persistence\r\nloading:0\r\naof_enabled:1\r\n");
    put(text, "log_bytes:%llu\r\ndead_bytes:%llu\r\nsegments:%llu\r\n",
        (unsigned long long)store->log_bytes, (unsigned long long)store->dead_bytes,
        (unsigned long long)store->n_segments);
    put(text, "compactions:%llu\r\nsyncs:%llu\r\nchanges:%llu\r\n",
        (unsigned long long)store->n_compactions, (unsigned long long)store->n_syncs,
        (unsigned long long)store->n_changes);
}

static void put_stats(struct call *call, struct resp_out *text)
{
    const struct command_stats *stats = call->context->stats;

    put(text, "# Stats\r\ntotal_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n",
        stats->n_connections, stats->n_commands);
}

static void put_replication(struct call *call, struct resp_out *text)
{
    (void)call;
    put(text, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
}

static void put_keyspace(struct call *call, struct resp_out *text)
{
    unsigned long long n_keys, n_expire;

    keyspace_count(call, &n_keys, &n_expire);
    put(text, "# Keyspace\r\n");
    if (n_keys)
        put(text, "db0:keys=%llu,expires=%llu,avg_ttl=0\r\n", n_keys, n_expire);
}

int server_info(struct call *call)
{
    static const struct {
        const char *name;
        void (*put)(struct call *call, struct resp_out *text);
    } sections[] = {
        {"SERVER", put_server},     {"CLIENTS", put_clients},
        {"MEMORY", put_memory},     {"PERSISTENCE", put_persistence},
        {"STATS", put_stats},       {"REPLICATION", put_replication},
        {"KEYSPACE", put_keyspace},
    };
    struct resp_out text = {0};

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        bool wanted = call->request->n == 1;
        for (unsigned w = 1; w < call->request->n && !wanted; w++) {
            const struct resp_word *word = call_word(call, w);
            wanted = resp_is(word, sections[i].name) || resp_is(word, "ALL") ||
                     resp_is(word, "DEFAULT") || resp_is(word, "EVERYTHING");
        }
        if (!wanted)
            continue;
        if (text.len)
            resp_bytes(&text, "\r\n", 2);
        sections[i].put(call, &text);
    }
    resp_bulk(call->out, text.bytes ? text.bytes : "", text.len);
    call->out->failed |= text.failed;
    resp_free(&text);
    return 0;
}

/* CONFIG: what is true of this server, and can't be changed. */

static const struct setting {
    const char *name, *value;
} settings[] = {
    {"appendonly", "yes"}, {"appendfsync", "always"}, {"databases", "1"},
    {"maxmemory", "0"},    {"port", "6379"},          {"save", ""},
};

static bool is_wanted(const struct call *call, const char *name)
{
    for (unsigned i = 2; i < call->request->n; i++) {
        const struct resp_word *word = call_word(call, i);
        if (pattern_match(word->bytes, word->len, name, strlen(name)))
            return true;
    }
    return false;
}

int server_config(struct call *call)
{
    size_t n = 0;

    if (!resp_is(call_word(call, 1), "GET") || call->request->n == 2)
        return call_unknown_option(call);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        n += is_wanted(call, settings[i].name);
    resp_array(call->out, 2 * n);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (!is_wanted(call, settings[i].name))
            continue;
        resp_bulk(call->out, settings[i].name, strlen(settings[i].name));
        resp_bulk(call->out, settings[i].value, strlen(settings[i].value));
    }
    return 0;
}

/* COMMAND: what commands there are. */

static void describe(struct call *call, const struct command *command)
{
    if (!command) {
        resp_null_array(call->out);
        return;
    }
    resp_array(call->out, 6);
    resp_bulk(call->out, command->name, strlen(command->name));
    int64_t least = command->least;
    resp_integer(call->out, command->most == command->least ? least : -least);
    resp_array(call->out, command->writes || command->first_key ? 1 : 0);
    if (command->writes)
        resp_simple(call->out, "write");
    else if (command->first_key)
        resp_simple(call->out, "readonly");
    resp_integer(call->out, command->first_key);
    resp_integer(call->out, command->last_key);
    resp_integer(call->out, command->key_step);
}

static const struct command *named(const struct call *call, unsigned i)
{
    return command_find(call_word(call, i));
}

int server_command(struct call *call)
{
    unsigned n = call->request->n;

    if (n == 1) {
        resp_array(call->out, command_count());
        for (unsigned i = 0; i < command_count(); i++)
            describe(call, command_at(i));
    } else if (resp_is(call_word(call, 1), "COUNT") && n == 2) {
        resp_integer(call->out, command_count());
    } else if (resp_is(call_word(call, 1), "INFO") && n > 2) {
        resp_array(call->out, n - 2);
        for (unsigned i = 2; i < n; i++)
            describe(call, named(call, i));
    } else if (resp_is(call_word(call, 1), "DOCS")) { /* they are in redis' own documentation */
        resp_array(call->out, 0);
    } else {
        return call_unknown_option(call);
    }
    return 0;
}
