/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers, as a resolver sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../answer.h"
#include "../master.h"
#include "../message.h"
#include "client.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, MX = 15, TXT = 16, AAAA = 28, DS = 43 };

static struct zones zones;
static struct zone *loaded[8];
static int n_loaded;
static struct answer_counts counts;
static uint8_t reply[ANSWER_MAX];

static void add_zone(const char *text)
{
    struct zone_error error;
    struct zone *zone = master_read(text, strlen(text), NULL, &error);

    if (!zone)
        fail_msg("%s at %u", error.why, error.line);
    assert_int_equal(zones_add(&zones, zone), 0);
    loaded[n_loaded++] = zone;
}

static int setup(void **state)
{
    (void)state;
    memset(&zones, 0, sizeof(zones));
    memset(&counts, 0, sizeof(counts));
    n_loaded = 0;
    add_zone("$ORIGIN example.org.\n$TTL 3600\n"
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

static int teardown(void **state)
{
    (void)state;
    while (n_loaded)
        zone_free(loaded[--n_loaded]);
    return 0;
}

/* The question in memory that ends where it does, so that a byte too far is found. */
static size_t ask_bytes(const uint8_t *bytes, size_t len, bool stream)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    memset(reply, 0xee, sizeof(reply));
    size_t n = answer_query(&zones, copy, len, stream, reply, &counts);
    free(copy);
    return n;
}

static const char *ask_with(const struct question *question, bool stream)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, question), n = ask_bytes(query, len, stream);

    assert_memory_equal(reply, query, 2);
    const char *text = client_read(reply, n);
    assert_non_null(text);
    return text;
}

static const char *ask(const char *name, uint16_t type)
{
    return ask_with(&(struct question){.name = name, .type = type}, false);
}

#define SOA_LINE "ns example.org. 300 SOA ns1.example.org. admin.example.org. 1 2 3 4 300\n"

static void what_is_there_is_answered_with_authority(void **state)
{
    (void)state;
    assert_string_equal(ask("example.org", A), "NOERROR aa\nan example.org. 3600 A 192.0.2.80\n");
    assert_string_equal(ask("example.org", MX),
                        "NOERROR aa\nan example.org. 3600 MX 10 mail.example.org.\n");
    assert_string_equal(ask("ns1.example.org", AAAA),
                        "NOERROR aa\nan ns1.example.org. 3600 AAAA 2001:db8::53\n");
    assert_string_equal(
        ask("example.org", SOA),
        "NOERROR aa\nan example.org. 3600 SOA ns1.example.org. admin.example.org. 1 2 3 4 300\n");
    assert_string_equal(ask("example.org", NS), "NOERROR aa\n"
                                                "an example.org. 3600 NS ns1.example.org.\n"
                                                "an example.org. 3600 NS ns.elsewhere.net.\n");
    assert_int_equal(counts.answered, 5);
}

static void names_are_the_same_in_any_case_and_the_questions_own_comes_back(void **state)
{
    (void)state;
    assert_string_equal(ask("ExAmPlE.oRg", A), "NOERROR aa\nan ExAmPlE.oRg. 3600 A 192.0.2.80\n");
}

static void names_are_compressed(void **state)
{
    (void)state;
    ask("example.org", MX);
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, &(struct question){.name = "example.org", .type = MX});
    /* pointer, type, class, TTL, length; preference, "mail", pointer */
    assert_int_equal(ask_bytes(query, len, false), len + 2 + 10 + 2 + 5 + 2);
}

static void what_is_not_there_is_denied_with_the_soa(void **state)
{
    (void)state;
    assert_string_equal(ask("nothing.example.org", A), "NXDOMAIN aa\n" SOA_LINE);
    assert_string_equal(ask("below.www.example.org", A), "NXDOMAIN aa\n" SOA_LINE);
    assert_string_equal(ask("mail.example.org", AAAA), "NOERROR aa\n" SOA_LINE);
    /* A name that is there because another is below it. */
    assert_string_equal(ask("c.example.org", A), "NOERROR aa\n" SOA_LINE);
    assert_string_equal(ask("b.c.example.org", A), "NOERROR aa\n" SOA_LINE);
    assert_string_equal(ask("wild.example.org", A), "NOERROR aa\n" SOA_LINE);
    assert_string_equal(ask("x.b.c.example.org", A), "NXDOMAIN aa\n" SOA_LINE);
}

static void aliases_are_followed_as_far_as_the_zones_go(void **state)
{
    (void)state;
    assert_string_equal(ask("ftp.example.org", A),
                        "NOERROR aa\n"
                        "an ftp.example.org. 3600 CNAME www.example.org.\n"
                        "an www.example.org. 3600 CNAME example.org.\n"
                        "an example.org. 3600 A 192.0.2.80\n");
    assert_string_equal(ask("ftp.example.org", CNAME),
                        "NOERROR aa\nan ftp.example.org. 3600 CNAME www.example.org.\n");
    assert_string_equal(ask("out.example.org", A),
                        "NOERROR aa\nan out.example.org. 3600 CNAME other.test.\n");
    assert_string_equal(
        ask("none.example.org", A),
        "NXDOMAIN aa\nan none.example.org. 3600 CNAME nothing.example.org.\n" SOA_LINE);
    assert_string_equal(ask("www.example.org", AAAA),
                        "NOERROR aa\nan www.example.org. 3600 CNAME example.org.\n" SOA_LINE);
    const char *referred = ask("in-sub.example.org", A);
    assert_non_null(strstr(referred, "an in-sub.example.org. 3600 CNAME x.sub.example.org.\n"));
    assert_non_null(strstr(referred, "ns sub.example.org. 3600 NS ns.sub.example.org.\n"));
}

static void a_loop_of_aliases_ends(void **state)
{
    const char *text = ask("loop.example.org", A);
    int lines = 0;

    (void)state;
    for (; (text = strstr(text, "\nan ")); text++)
        lines++;
    assert_in_range(lines, 2, 8);
}

static void wildcards_stand_for_names_that_are_not_there(void **state)
{
    (void)state;
    assert_string_equal(ask("any.wild.example.org", A),
                        "NOERROR aa\nan any.wild.example.org. 3600 A 192.0.2.99\n");
    assert_string_equal(ask("a.b.c.d.wild.example.org", A),
                        "NOERROR aa\nan a.b.c.d.wild.example.org. 3600 A 192.0.2.99\n");
    assert_string_equal(ask("any.wild.example.org", TXT), "NOERROR aa\n" SOA_LINE);
    /* A name that is there hides it, for itself and what is below: RFC 4592, 2.2.1. */
    assert_string_equal(ask("real.wild.example.org", A), "NOERROR aa\n" SOA_LINE);
    assert_string_equal(ask("x.real.wild.example.org", A), "NXDOMAIN aa\n" SOA_LINE);
    assert_string_equal(ask("*.wild.example.org", A),
                        "NOERROR aa\nan *.wild.example.org. 3600 A 192.0.2.99\n");
    assert_string_equal(ask("x.aliases.example.org", A),
                        "NOERROR aa\nan x.aliases.example.org. 3600 CNAME mail.example.org.\n"
                        "an mail.example.org. 3600 A 192.0.2.25\n");
}

static const char referral[] = "NOERROR\n"
                               "ns sub.example.org. 3600 NS ns.sub.example.org.\n"
                               "ns sub.example.org. 3600 NS ns.elsewhere.net.\n"
                               "ns sub.example.org. 3600 NS ns2.sub2.example.org.\n"
                               "ar ns.sub.example.org. 3600 A 192.0.2.54\n"
                               "ar ns.sub.example.org. 3600 AAAA 2001:db8::54\n"
                               "ar ns2.sub2.example.org. 3600 A 192.0.2.55\n";

static void a_delegation_is_referred_to_with_its_glue(void **state)
{
    (void)state;
    assert_string_equal(ask("sub.example.org", A), referral);
    assert_string_equal(ask("deep.down.sub.example.org", A), referral);
    assert_string_equal(ask("ns.sub.example.org", A), referral); /* glue is no answer */
    assert_string_equal(ask("sub.example.org", NS), referral);
}

static void the_parent_answers_for_ds(void **state)
{
    (void)state;
    assert_string_equal(ask("sub.example.org", DS), "NOERROR aa\n" SOA_LINE);
    assert_string_equal(ask("secure.example.org", DS),
                        "NOERROR aa\nan secure.example.org. 3600 TYPE43 01020304\n");
    add_zone("$TTL 60\n$ORIGIN secure.example.org.\n@ SOA n.t. h.t. 1 2 3 4 5\n@ NS n.t.\n");
    assert_string_equal(ask("secure.example.org", DS),
                        "NOERROR aa\nan secure.example.org. 3600 TYPE43 01020304\n");
}

static void the_longest_zone_answers(void **state)
{
    (void)state;
    add_zone("$TTL 60\n$ORIGIN sub.example.org.\n@ SOA n.t. h.t. 1 2 3 4 5\n@ NS n.t.\n"
             "x A 192.0.2.1\n");
    assert_string_equal(ask("x.sub.example.org", A),
                        "NOERROR aa\nan x.sub.example.org. 60 A 192.0.2.1\n");
    assert_string_equal(ask("in-sub.example.org", A),
                        "NOERROR aa\nan in-sub.example.org. 3600 CNAME x.sub.example.org.\n"
                        "an x.sub.example.org. 60 A 192.0.2.1\n");
    struct zone_error error;
    const char again[] =
        "$TTL 60\n$ORIGIN SUB.example.org.\n@ SOA n.t. h.t. 1 2 3 4 5\n@ NS n.t.\n";
    struct zone *zone = master_read(again, strlen(again), NULL, &error);
    assert_non_null(zone);
    assert_int_equal(zones_add(&zones, zone), -1);
    zone_free(zone);
}

static void the_root_can_be_served(void **state)
{
    (void)state;
    add_zone("$TTL 60\n. SOA n.t. h.t. 1 2 3 4 5\n. NS n.t.\nn.t. A 192.0.2.1\norg. NS n.t.\n");
    assert_string_equal(ask(".", NS), "NOERROR aa\nan . 60 NS n.t.\n");
    assert_string_equal(ask("n.t", A), "NOERROR aa\nan n.t. 60 A 192.0.2.1\n");
    assert_string_equal(ask("nothing.org", A), "NOERROR\nns org. 60 NS n.t.\n"
                                               "ar n.t. 60 A 192.0.2.1\n");
    assert_string_equal(ask("none", A), "NXDOMAIN aa\nns . 5 SOA n.t. h.t. 1 2 3 4 5\n");
}

static void what_is_not_served_is_refused_in_few_bytes(void **state)
{
    static const uint16_t transfers[] = {251, 252, 253, 254};

    (void)state;
    assert_string_equal(ask("example.com", A), "REFUSED\n");
    assert_string_equal(ask("org", A), "REFUSED\n");
    assert_string_equal(ask(".", NS), "REFUSED\n");
    assert_string_equal(
        ask_with(&(struct question){.name = "version.bind", .type = TXT, .class = 3}, false),
        "REFUSED\n");
    assert_string_equal(
        ask_with(&(struct question){.name = "example.org", .type = A, .class = 255}, false),
        "REFUSED\n");
    for (int i = 0; i < 4; i++)
        assert_string_equal(ask("example.org", transfers[i]), "REFUSED\n");
    assert_int_equal(counts.refused, 9);
}

static void any_is_answered_with_one_set(void **state)
{
    const char *text = ask("ns1.example.org", 255);

    (void)state;
    assert_non_null(strstr(text, "NOERROR aa\nan ns1.example.org."));
    assert_null(strstr(strstr(text, "\nan ") + 1, "\nan "));
    assert_string_equal(ask("www.example.org", 255),
                        "NOERROR aa\nan www.example.org. 3600 CNAME example.org.\n");
}

static void edns_is_answered_with_edns(void **state)
{
    struct question question = {.name = "example.org", .type = A, .udp_max = 4096};

    (void)state;
    assert_string_equal(ask_with(&question, false),
                        "NOERROR aa\nan example.org. 3600 A 192.0.2.80\n"
                        "ar . OPT size 1232 flags 00000000\n");
    question.dnssec_ok = true;
    assert_non_null(strstr(ask_with(&question, false), "OPT size 1232 flags 00008000\n"));
    question.edns_version = 1;
    assert_string_equal(ask_with(&question, false), "NOERROR\n" /* BADVERS: 16 is in OPT */
                                                    "ar . OPT size 1232 flags 01008000\n");
    assert_int_equal(counts.malformed, 1);
}

static void add_large(int n)
{
    static char text[80000];
    size_t len = (size_t)sprintf(text, "$TTL 60\n$ORIGIN large.\n@ SOA n.t. h.t. 1 2 3 4 5\n"
                                       "@ NS n.t.\n");

    for (int i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, "a A 192.0.%d.%d\n", i / 256, i % 256);
    for (int i = 0; i < n; i++)
        len += (size_t)sprintf(text + len, "d NS ns%d.d\nns%d.d A 192.0.2.%d\n", i, i, i % 256);
    add_zone(text);
}

static void what_is_too_large_for_udp_is_cut_off_and_whole_over_tcp(void **state)
{
    struct question question = {.name = "a.large", .type = A};

    (void)state;
    add_large(100);
    assert_string_equal(ask_with(&question, false), "NOERROR aa tc\n");
    assert_int_equal(counts.truncated, 1);
    const char *whole = ask_with(&question, true);
    assert_memory_equal(whole, "NOERROR aa\n", 11);
    assert_non_null(strstr(whole, "192.0.0.99\n"));
    /* 100 records of 16 bytes are more than 1232 bytes allow, whatever the client does. */
    question.udp_max = 65535;
    assert_string_equal(ask_with(&question, false),
                        "NOERROR aa tc\nar . OPT size 1232 flags 00000000\n");
}

static void sizes_below_512_count_as_512(void **state)
{
    struct question question = {.name = "a.large", .type = A, .udp_max = 100};

    (void)state;
    add_large(28); /* 25 + 28 * 16 + 11 = 484 */
    assert_null(strstr(ask_with(&question, false), " tc"));
    question.udp_max = 600;
    assert_null(strstr(ask_with(&question, false), " tc"));
}

static void the_last_byte_that_fits_is_used(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, &(struct question){.name = "a.large", .type = A});

    (void)state;
    add_large(30); /* 25 + 30 * 16 = 505; one more is 521 */
    assert_int_equal(ask_bytes(query, len, false), 505);
    assert_false(reply[2] & 2);
    assert_int_equal(reply[505], 0xee);
}

static void a_referral_without_its_glue_is_cut_off(void **state)
{
    struct question question = {.name = "x.d.large", .type = A};

    (void)state;
    add_large(12);
    assert_null(strstr(ask_with(&question, false), " tc"));
    teardown(NULL);
    setup(NULL);
    add_large(20); /* the servers fit, not all their addresses */
    assert_string_equal(ask_with(&question, false), "NOERROR tc\n");
    assert_null(strstr(ask_with(&question, true), " tc"));
}

static void what_is_no_query_is_not_answered(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, &(struct question){.name = "example.org", .type = A});

    (void)state;
    for (size_t n = 0; n < 12; n++)
        assert_int_equal(ask_bytes(query, n, false), 0);
    query[2] |= 0x80;
    assert_int_equal(ask_bytes(query, len, false), 0);
    assert_int_equal(counts.dropped, 13);
}

static const char *ask_changed(size_t at, uint8_t value, size_t more)
{
    uint8_t query[CLIENT_QUERY_MAX + 64] = {0};
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    query[at] = value;
    const char *text = client_read(reply, ask_bytes(query, len + more, false));
    assert_non_null(text);
    return text;
}

static void malformed_queries_get_formerr(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    (void)state;
    for (size_t n = 12; n < len; n++) {
        const char *text = client_read(reply, ask_bytes(query, n, false));
        assert_non_null(text);
        assert_string_equal(text, "FORMERR\n");
    }
    assert_string_equal(ask_changed(4, 1, 0), "FORMERR\n");      /* 257 questions */
    assert_string_equal(ask_changed(5, 0, 0), "FORMERR\n");      /* none */
    assert_string_equal(ask_changed(12, 0x40, 0), "FORMERR\n");  /* a label of no kind */
    assert_string_equal(ask_changed(12, 0xc0, 0), "FORMERR\n");  /* a pointer to the header */
    assert_string_equal(ask_changed(26, 41, 0), "FORMERR\n");    /* a question for OPT */
    assert_string_equal(ask_changed(29, 1, 0), "FORMERR\n");     /* OPT's name is not the root's */
    assert_string_equal(ask_changed(39, 1, 0), "FORMERR\n");     /* OPT's data is not there */
    assert_string_equal(ask_changed(11, 2, 0), "FORMERR\n");     /* a record more */
    assert_string_equal(ask_changed(7, 1, 0), "FORMERR\n");      /* OPT is an answer */
    assert_string_equal(ask_changed(0, 0, 1), "FORMERR\n");      /* a byte more */
    assert_string_equal(ask_changed(29, 0x40, 65), "FORMERR\n"); /* a record's, of no kind */
}

static const char *ask_labels(unsigned n, uint8_t len, uint8_t last_len)
{
    uint8_t query[CLIENT_QUERY_MAX] = {[5] = 1};
    size_t at = 12;

    for (unsigned i = 0; i < n; i++) {
        query[at] = i + 1 < n ? len : last_len;
        memset(query + at + 1, 'x', query[at]);
        at += 1u + query[at];
    }
    query[at + 2] = query[at + 4] = 1; /* A, IN; behind the root's label */
    return client_read(reply, ask_bytes(query, at + 5, false));
}

static void names_have_255_bytes_and_labels_63(void **state)
{
    (void)state;
    assert_string_equal(ask_labels(4, 63, 61), "REFUSED\n");
    assert_string_equal(ask_labels(4, 63, 62), "FORMERR\n");
    assert_string_equal(ask_labels(1, 63, 63), "REFUSED\n");
    assert_string_equal(ask_labels(1, 63, 64), "FORMERR\n");
}

/* The room ends where its memory does. */
static void what_does_not_fit_is_not_begun(void **state)
{
    struct name name;
    struct name_parts parts;
    struct message message;

    (void)state;
    assert_null(name_parse(&name, "sub.example.org.", 16, NULL));
    name_take_apart(&parts, name.wire);
    const struct record_set *set = node_set(zone_find(loaded[0], &parts, 0), NS);
    for (size_t max = MESSAGE_HEADER + 1; max < 200; max++) {
        uint8_t *data = calloc(1, max);
        assert_non_null(data);
        message_begin(&message, data, MESSAGE_HEADER + 1, max);
        for (int i = 0; i < 3; i++) {
            size_t before = message.len;
            if (message_set(&message, name.wire, set, 60) < 0)
                assert_int_equal(message.len, before);
            assert_true(message.len <= max);
        }
        free(data);
    }
}

static void a_record_ends_within_the_query(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX] = {0};
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    (void)state;
    query[11] = 2; /* where another would be */
    query[len - 2] = 0xff;
    assert_string_equal(client_read(reply, ask_bytes(query, len + 11, false)), "FORMERR\n");
}

static void opt_may_come_once(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    (void)state;
    memcpy(query + len, query + len - 11, 11);
    query[11] = 2;
    assert_string_equal(client_read(reply, ask_bytes(query, len + 11, false)), "FORMERR\n");
}

static void records_with_pointers_are_passed_over(void **state)
{
    /* As IXFR and TSIG have them, in front of OPT or behind it. */
    static const uint8_t record[] = {0xc0, 12, 0, 250, 0, 255, 0, 0, 0, 0, 0, 2, 1, 2};
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    (void)state;
    memcpy(query + len, record, sizeof(record));
    query[11] = 2;
    assert_memory_equal(client_read(reply, ask_bytes(query, len + sizeof(record), false)),
                        "NOERROR aa\nan", 13);
    assert_string_equal(client_read(reply, ask_bytes(query, len + 1, false)), "FORMERR\n");
}

static void other_operations_are_not_implemented(void **state)
{
    (void)state;
    assert_string_equal(ask_changed(2, 0x10, 0), "NOTIMP\n"); /* STATUS */
    assert_string_equal(ask_changed(2, 0x28, 0), "NOTIMP\n"); /* UPDATE */
}

static void flags_come_back_as_they_must(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len = client_query(query, &(struct question){.name = "example.org", .type = A});

    (void)state;
    query[2] = 0x01;
    query[3] = 0xff; /* RA, Z, AD, CD, a code */
    ask_bytes(query, len, false);
    assert_int_equal(reply[2], 0x85); /* QR, AA, RD */
    assert_int_equal(reply[3], 0x10); /* CD */
    query[2] = 0x06;                  /* AA, TC */
    ask_bytes(query, len, false);
    assert_int_equal(reply[2], 0x84);
}

static void read_whole(const char *path, char *text, size_t max)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, max - 1, file)] = '\0';
    fclose(file);
}

static void the_examples_own_zones_are_served(void **state)
{
    static char text[8192];
    static const char origin_text[] = "$ORIGIN example.org.\n";

    (void)state;
    teardown(NULL);
    memset(&zones, 0, sizeof(zones));
    strcpy(text, origin_text);
    read_whole(DNS_ZONES "/example.org.zone", text + strlen(text), 4096);
    add_zone(text);
    strcpy(text, "$ORIGIN 2.0.192.in-addr.arpa.\n");
    read_whole(DNS_ZONES "/2.0.192.in-addr.arpa.zone", text + strlen(text), 4096);
    add_zone(text);
    assert_string_equal(ask("note.example.org", TXT),
                        "NOERROR aa\nan note.example.org. 3600 TXT"
                        " \"a text; with \"quotes\"\" \"and a second string\"\n");
    assert_string_equal(ask("25.2.0.192.in-addr.arpa", PTR),
                        "NOERROR aa\nan 25.2.0.192.in-addr.arpa. 3600 PTR mail.example.org.\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_answered_with_authority),
        TEST(names_are_the_same_in_any_case_and_the_questions_own_comes_back),
        TEST(names_are_compressed),
        TEST(what_is_not_there_is_denied_with_the_soa),
        TEST(aliases_are_followed_as_far_as_the_zones_go),
        TEST(a_loop_of_aliases_ends),
        TEST(wildcards_stand_for_names_that_are_not_there),
        TEST(a_delegation_is_referred_to_with_its_glue),
        TEST(the_parent_answers_for_ds),
        TEST(the_longest_zone_answers),
        TEST(the_root_can_be_served),
        TEST(what_is_not_served_is_refused_in_few_bytes),
        TEST(any_is_answered_with_one_set),
        TEST(edns_is_answered_with_edns),
        TEST(what_is_too_large_for_udp_is_cut_off_and_whole_over_tcp),
        TEST(sizes_below_512_count_as_512),
        TEST(the_last_byte_that_fits_is_used),
        TEST(a_referral_without_its_glue_is_cut_off),
        TEST(what_is_no_query_is_not_answered),
        TEST(malformed_queries_get_formerr),
        TEST(names_have_255_bytes_and_labels_63),
        TEST(what_does_not_fit_is_not_begun),
        TEST(a_record_ends_within_the_query),
        TEST(opt_may_come_once),
        TEST(records_with_pointers_are_passed_over),
        TEST(other_operations_are_not_implemented),
        TEST(flags_come_back_as_they_must),
        TEST(the_examples_own_zones_are_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
