/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "connection.h"
#include "expiry.h"
#include "keyspace.h"
#include "server.h"
#include "strings.h"

#define MANY        RESP_WORDS_MAX
#define SHOWN_BYTES 128 /* of what is not known */

#define NO_KEY     0, 0, 0
#define ONE_KEY    1, 1, 1
#define KEYS       1, -1, 1
#define KEY_VALUES 1, -1, 2

static const struct command commands[] = {
    {"get", 2, 2, false, ONE_KEY, strings_get},
    {"set", 3, MANY, true, ONE_KEY, strings_set},
    {"getset", 3, 3, true, ONE_KEY, strings_getset},
    {"getdel", 2, 2, true, ONE_KEY, strings_getdel},
    {"setex", 4, 4, true, ONE_KEY, strings_setex},
    {"psetex", 4, 4, true, ONE_KEY, strings_psetex},
    {"setnx", 3, 3, true, ONE_KEY, strings_setnx},
    {"mget", 2, MANY, false, KEYS, strings_mget},
    {"mset", 3, MANY, true, KEY_VALUES, strings_mset},
    {"strlen", 2, 2, false, ONE_KEY, strings_strlen},
    {"incr", 2, 2, true, ONE_KEY, strings_incr},
    {"decr", 2, 2, true, ONE_KEY, strings_decr},
    {"incrby", 3, 3, true, ONE_KEY, strings_incrby},
    {"decrby", 3, 3, true, ONE_KEY, strings_decrby},
    {"del", 2, MANY, true, KEYS, keyspace_del},
    {"unlink", 2, MANY, true, KEYS, keyspace_del},
    {"exists", 2, MANY, false, KEYS, keyspace_exists},
    {"type", 2, 2, false, ONE_KEY, keyspace_type},
    {"keys", 2, 2, false, NO_KEY, keyspace_keys},
    {"dbsize", 1, 1, false, NO_KEY, keyspace_dbsize},
    {"flushall", 1, 2, true, NO_KEY, keyspace_flushall},
    {"flushdb", 1, 2, true, NO_KEY, keyspace_flushall},
    {"expire", 3, MANY, true, ONE_KEY, expiry_expire},
    {"pexpire", 3, MANY, true, ONE_KEY, expiry_pexpire},
    {"expireat", 3, MANY, true, ONE_KEY, expiry_expireat},
    {"pexpireat", 3, MANY, true, ONE_KEY, expiry_pexpireat},
    {"persist", 2, 2, true, ONE_KEY, expiry_persist},
    {"ttl", 2, 2, false, ONE_KEY, expiry_ttl},
    {"pttl", 2, 2, false, ONE_KEY, expiry_pttl},
    {"expiretime", 2, 2, false, ONE_KEY, expiry_expiretime},
    {"pexpiretime", 2, 2, false, ONE_KEY, expiry_pexpiretime},
    {"ping", 1, 2, false, NO_KEY, connection_ping},
    {"echo", 2, 2, false, NO_KEY, connection_echo},
    {"select", 2, 2, false, NO_KEY, connection_select},
    {"auth", 2, 3, false, NO_KEY, connection_auth},
    {"hello", 1, MANY, false, NO_KEY, connection_hello},
    {"client", 2, MANY, false, NO_KEY, connection_client},
    {"quit", 1, MANY, false, NO_KEY, connection_quit},
    {"info", 1, MANY, false, NO_KEY, server_info},
    {"config", 2, MANY, false, NO_KEY, server_config},
    {"command", 1, MANY, false, NO_KEY, server_command},
};

unsigned command_count(void)
{
    return sizeof(commands) / sizeof(commands[0]);
}

const struct command *command_at(unsigned i)
{
    return &commands[i];
}

const struct command *command_find(const struct resp_word *name)
{
    for (unsigned i = 0; i < command_count(); i++)
        if (resp_is(name, commands[i].name))
            return &commands[i];
    return NULL;
}

/* As redis says it: the name, and some of the words behind it. */
static int answer_unknown(struct call *call)
{
    const struct resp_word *name = call_word(call, 0);
    char words[SHOWN_BYTES + 1] = "";

    for (unsigned i = 1, at = 0; i < call->request->n && at < SHOWN_BYTES; i++) {
        const struct resp_word *word = call_word(call, i);
        size_t len = word->len < SHOWN_BYTES - at ? word->len : SHOWN_BYTES - at;
        int n = snprintf(words + at, sizeof(words) - at, "'%.*s' ", (int)len, word->bytes);
        at += n < SHOWN_BYTES ? (unsigned)n : SHOWN_BYTES;
    }
    return call_error(call, "ERR unknown command '%.*s', with args beginning with: %s",
                      (int)(name->len < SHOWN_BYTES ? name->len : SHOWN_BYTES), name->bytes, words);
}

int command_run(struct command_context *context, const struct resp_request *request,
                struct resp_out *out)
{
    struct call call = {.context = context, .request = request, .out = out};
    size_t before = out->len;

    if (!request->n)
        return 0;
    context->stats->n_commands++;
    call.command = command_find(&request->words[0]);
    if (!call.command)
        return answer_unknown(&call);
    if (request->n < call.command->least || request->n > call.command->most)
        return call_wrong_number(&call);
    int result = call.command->run(&call);
    if (result < 0) /* what was answered before it failed is no answer */
        out->len = before;
    if (result == -ENOMEM)
        return call_error(&call, "OOM command not allowed: the guest's memory is full");
    if (result == -ENOSPC)
        return call_error(&call, "ERR the disk is full: delete some keys");
    return result;
}
