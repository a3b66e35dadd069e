/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries, right ones with bytes changed, and any bytes: what is answered must be well made. */
#include "../../../test/fuzz/fuzz.h"

#include "../answer.h"
#include "../master.h"
#include "../test/client.h"

static const char text[] = "$ORIGIN t.\n$TTL 60\n@ SOA n h 1 2 3 4 5\n@ NS n\nn A 192.0.2.1\n"
                           "@ MX 1 m\nm A 192.0.2.2\nc CNAME d\nd CNAME c\n*.w CNAME m\n"
                           "s NS n.s\ns NS x.s\nn.s A 192.0.2.3\nx.s AAAA 2001:db8::1\n"
                           "l TXT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                           "l TXT bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n";

static const char *const names[] = {"t",       "n.t", "c.t",   "a.w.t",  "w.t",
                                    "x.y.s.t", "s.t", "l.t",   "none.t", "other",
                                    ".",       "m.t", "N.S.T", "d.t",    "a.b.c.w.t"};
static const uint16_t types[] = {1, 2, 5, 6, 15, 16, 28, 43, 255, 252, 41, 99};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zones zones;
    static struct zone *zone;
    static struct answer_counts counts;
    struct zone_error error;
    struct fuzz fuzz = {data, size};
    uint8_t made[CLIENT_QUERY_MAX];
    const uint8_t *query;
    size_t len;

    if (!zone) {
        zone = master_read(text, strlen(text), NULL, &error);
        fuzz_check(zone && zones_add(&zones, zone) == 0);
    }
    bool stream = fuzz_byte(&fuzz) & 1;
    if (fuzz_byte(&fuzz) & 1) {
        struct question question = {
            .name = names[fuzz_byte(&fuzz) % (sizeof(names) / sizeof(names[0]))],
            .type = types[fuzz_byte(&fuzz) % (sizeof(types) / sizeof(types[0]))],
            .udp_max = fuzz_number(&fuzz) & 0xffff,
        };
        len = client_query(made, &question);
        for (unsigned n = fuzz_byte(&fuzz) % 4; n; n--)
            made[fuzz_byte(&fuzz) % len] = fuzz_byte(&fuzz);
        query = made;
    } else {
        query = fuzz.at;
        len = fuzz.left;
    }
    /* In memory of their own size, so that a byte too far is found. */
    size_t max = stream ? ANSWER_MAX : UDP_EDNS_MAX;
    uint8_t *copy = malloc(len ? len : 1), *reply = malloc(max);
    fuzz_check(copy && reply);
    memcpy(copy, query, len);
    size_t n = answer_query(&zones, copy, len, stream, reply, &counts);
    fuzz_check(n <= max && (!n || (n >= 12 && client_read(reply, n))));
    fuzz_check(!n || memcmp(reply, copy, 2) == 0);
    free(copy);
    free(reply);
    return 0;
}
