/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "../master.h"

struct server server;

void server_add(const char *text)
{
    struct zone_error error;
    struct zone *zone = master_read(text, strlen(text), NULL, &error);

    if (!zone)
        fail_msg("%s at %u", error.why, error.line);
    assert_int_equal(zones_add(&server.zones, zone), 0);
    server.loaded[server.n_loaded++] = zone;
}

void server_clear(void)
{
    while (server.n_loaded)
        zone_free(server.loaded[--server.n_loaded]);
    memset(&server, 0, sizeof(server));
}

int server_setup(void **state)
{
    (void)state;
    server_clear();
    server_add("$ORIGIN example.org.\n$TTL 3600\n"
               "@ SOA ns1 admin 1 2 3 4 300\n"
               "@ NS ns1\n@ NS ns.elsewhere.net.\n"
               "@ MX 10 mail\n@ A 192.0.2.80\n"
               "ns1 A 192.0.2.53\nns1 AAAA 2001:db8::53\n"
               "mail A 192.0.2.25\n"
               "www CNAME @\nftp CNAME www\nout CNAME other.test.\nnone CNAME nothing\n"
               "loop CNAME pool\npool CNAME loop\nin-sub CNAME x.sub\n"
               "*.wild A 192.0.2.99\nreal.wild TXT here\nalias.wild CNAME www\n"
               "*.aliases CNAME mail\n"
               "a.b.c A 192.0.2.7\n"
               "sub NS ns.sub\nsub NS ns.elsewhere.net.\nsub NS ns2.sub2\n"
               "ns.sub A 192.0.2.54\nns.sub AAAA 2001:db8::54\n"
               "sub2 NS ns2.sub2\nns2.sub2 A 192.0.2.55\n"
               "secure NS ns1\nsecure TYPE43 \\# 4 01020304\n");
    return 0;
}

int server_teardown(void **state)
{
    (void)state;
    server_clear();
    return 0;
}

/* The question in memory that ends where it does, so that a byte too far is found. */
size_t ask_bytes(const uint8_t *bytes, size_t len, bool stream)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    memset(server.reply, 0xee, sizeof(server.reply));
    size_t n = answer_query(&server.zones, copy, len, stream, server.reply, &server.counts);
    free(copy);
    return n;
}

const char *ask_with(const struct question *question, bool stream)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, question), n = ask_bytes(query, len, stream);

    assert_memory_equal(server.reply, query, 2);
    const char *text = client_read(server.reply, n);
    assert_non_null(text);
    return text;
}

const char *ask(const char *name, uint16_t type)
{
    return ask_with(&(struct question){.name = name, .type = type}, false);
}
