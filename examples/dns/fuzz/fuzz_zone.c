/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone file of words that mean something, and of any bytes: read, or refused with a place. */
#include "../../../test/fuzz/fuzz.h"

#include "../answer.h"
#include "../master.h"
#include "../test/client.h"

static const char *const words[] = {
    "\n",
    "\n",
    " ",
    "\t",
    "(",
    ")",
    ";x",
    "\"",
    "\"a b\"",
    "@",
    ".",
    "*",
    "a",
    "b.a",
    "a.b.t.",
    "*.w",
    "IN",
    "60",
    "1h",
    "$ORIGIN",
    "$TTL",
    "A",
    "AAAA",
    "NS",
    "CNAME",
    "SOA",
    "MX",
    "TXT",
    "SRV",
    "CAA",
    "PTR",
    "TYPE65",
    "\\# 2 01",
    "ff",
    "192.0.2.1",
    "2001:db8::1",
    "0",
    "65535",
    "\\046",
    "\\.",
    "issue",
    "\n a A 192.0.2.1\n",
    "\nb NS b\n",
    "\n* A 192.0.2.1\n",
    "\nc CNAME a\n",
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static void ask_all(struct zone *zone)
{
    static const char *const names[] = {"t", "a.t", "b.t", "x.t", "c.t", "a.b.t", "b.a.t", "w.t"};
    static const uint16_t types[] = {1, 2, 5, 6, 16, 255};
    static uint8_t reply[ANSWER_MAX];
    struct zones zones = {0};
    struct answer_counts counts = {0};

    fuzz_check(zones_add(&zones, zone) == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
            uint8_t query[CLIENT_QUERY_MAX];
            size_t len =
                client_query(query, &(struct question){.name = names[i], .type = types[j]});
            size_t n = answer_query(&zones, query, len, true, reply, &counts);
            fuzz_check(client_read(reply, n) != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char start[] = "$TTL 9\n@ SOA n. h. 1 2 3 4 5\n NS n.\n";
    static const struct name origin = {.len = 3, .wire = {1, 't', 0}};
    struct fuzz fuzz = {data, size};
    size_t len = 0, room = sizeof(start) + size * 32;
    char *text = malloc(room);
    struct zone_error error = {0};

    fuzz_check(text != NULL);
    unsigned kind = fuzz_byte(&fuzz) % 4;
    if (kind) {
        memcpy(text, start, sizeof(start) - 1);
        len = sizeof(start) - 1;
    }
    while (fuzz.left) {
        uint8_t byte = fuzz_byte(&fuzz);
        if (kind < 2) {
            text[len++] = (char)byte;
            continue;
        }
        const char *word = words[byte % N_WORDS];
        while (*word)
            text[len++] = *word++;
        text[len++] = ' ';
    }
    /* In memory of its own size, so that a byte too far is found. */
    char *copy = malloc(len ? len : 1);
    fuzz_check(copy != NULL);
    memcpy(copy, text, len);
    free(text);
    struct zone *zone = master_read(copy, len, kind ? &origin : NULL, &error);
    free(copy);
    if (zone) {
        ask_all(zone);
        zone_free(zone);
    } else {
        fuzz_check(error.why && error.line && error.column);
    }
    return 0;
}
