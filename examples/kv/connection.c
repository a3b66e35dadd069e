/* SPDX-License-Identifier: BSD-2-Clause */
#include "connection.h"

#include <string.h>

#include "server.h"

static void bulk_word(struct call *call, const struct resp_word *word)
{
    resp_bulk(call->out, word->bytes, word->len);
}

static void bulk_text(struct call *call, const char *text)
{
    resp_bulk(call->out, text, strlen(text));
}

int connection_ping(struct call *call)
{
    if (call->request->n == 2)
        bulk_word(call, call_word(call, 1));
    else
        resp_simple(call->out, "PONG");
    return 0;
}

int connection_echo(struct call *call)
{
    bulk_word(call, call_word(call, 1));
    return 0;
}

int connection_select(struct call *call)
{
    int64_t n;

    if (!resp_number(call_word(call, 1), &n))
        return call_no_integer(call);
    return n == 0 ? call_ok(call) : call_error(call, "ERR DB index is out of range");
}

/* There are no passwords. A client that gives one believes that the server is another one. */
static int refuse_password(struct call *call)
{
    return call_error(call, "ERR AUTH <password> called without any password configured for the "
                            "default user. Are you sure your configuration is correct?");
}

int connection_auth(struct call *call)
{
    return refuse_password(call);
}

/* @return false when it can't be one, and the answer says so. */
static bool set_name(struct call *call, const struct resp_word *name)
{
    struct command_client *client = call->context->client;

    if (name->len > sizeof(client->name))
        return call_error(call, "ERR client names have at most %zu bytes", sizeof(client->name));
    for (size_t i = 0; i < name->len; i++)
        if (name->bytes[i] < '!' || name->bytes[i] > '~')
            return call_error(call, "ERR Client names cannot contain spaces, newlines or special "
                                    "characters.");
    memcpy(client->name, name->bytes, name->len);
    client->name_len = name->len;
    return true;
}

/* HELLO [2 [AUTH user password] [SETNAME name]]: only version 2 of the protocol is spoken. */
int connection_hello(struct call *call)
{
    int64_t version = 2;
    unsigned n = call->request->n;

    if (n > 1 && !resp_number(call_word(call, 1), &version))
        return call_error(call, "ERR Protocol version is not an integer or out of range");
    if (version != 2)
        return call_error(call, "NOPROTO unsupported protocol version");
    for (unsigned i = 2; i < n; i += 2) {
        if (resp_is(call_word(call, i), "AUTH") && i + 2 < n)
            return refuse_password(call);
        if (!resp_is(call_word(call, i), "SETNAME") || i + 1 == n)
            return call_syntax_error(call);
        if (!set_name(call, call_word(call, i + 1)))
            return 0;
    }
    resp_array(call->out, 14); /* seven pairs */
    bulk_text(call, "server");
    bulk_text(call, "redis");
    bulk_text(call, "version");
    bulk_text(call, SERVER_VERSION);
    bulk_text(call, "proto");
    resp_integer(call->out, 2);
    bulk_text(call, "id");
    resp_integer(call->out, call->context->client->id);
    bulk_text(call, "mode");
    bulk_text(call, "standalone");
    bulk_text(call, "role");
    bulk_text(call, "master");
    bulk_text(call, "modules");
    resp_array(call->out, 0);
    return 0;
}

int connection_client(struct call *call)
{
    const struct resp_word *what = call_word(call, 1);
    const struct command_client *client = call->context->client;
    unsigned n = call->request->n;

    if (resp_is(what, "ID") && n == 2)
        resp_integer(call->out, client->id);
    else if (resp_is(what, "GETNAME") && n == 2 && client->name_len)
        resp_bulk(call->out, client->name, client->name_len);
    else if (resp_is(what, "GETNAME") && n == 2)
        resp_null(call->out);
    else if (resp_is(what, "SETNAME") && n == 3)
        return set_name(call, call_word(call, 2)) ? call_ok(call) : 0;
    else if (resp_is(what, "SETINFO") && n == 4) /* the library's name or version: not kept */
        return call_ok(call);
    else
        return call_unknown_option(call);
    return 0;
}

int connection_quit(struct call *call)
{
    call->context->quit = true;
    return call_ok(call);
}
