/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries as they come: sizes, EDNS, and what is malformed. */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../message.h"

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
    assert_int_equal(server.counts.malformed, 1);
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
    server_add(text);
}

static void what_is_too_large_for_udp_is_cut_off_and_whole_over_tcp(void **state)
{
    struct question question = {.name = "a.large", .type = A};

    (void)state;
    add_large(100);
    assert_string_equal(ask_with(&question, false), "NOERROR aa tc\n");
    assert_int_equal(server.counts.truncated, 1);
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
    assert_false(server.reply[2] & 2);
    assert_int_equal(server.reply[505], 0xee);
}

static void a_referral_without_its_glue_is_cut_off(void **state)
{
    struct question question = {.name = "x.d.large", .type = A};

    (void)state;
    add_large(12);
    assert_null(strstr(ask_with(&question, false), " tc"));
    server_setup(NULL);
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
    assert_int_equal(server.counts.dropped, 13);
}

static const char *ask_changed(size_t at, uint8_t value, size_t more)
{
    uint8_t query[CLIENT_QUERY_MAX + 64] = {0};
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    query[at] = value;
    const char *text = client_read(server.reply, ask_bytes(query, len + more, false));
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
        const char *text = client_read(server.reply, ask_bytes(query, n, false));
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
    return client_read(server.reply, ask_bytes(query, at + 5, false));
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
    const struct record_set *set = node_set(zone_find(server.loaded[0], &parts, 0), NS);
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
    assert_string_equal(client_read(server.reply, ask_bytes(query, len + 11, false)), "FORMERR\n");
}

static void opt_may_come_once(void **state)
{
    uint8_t query[CLIENT_QUERY_MAX];
    size_t len =
        client_query(query, &(struct question){.name = "example.org", .type = A, .udp_max = 1000});

    (void)state;
    memcpy(query + len, query + len - 11, 11);
    query[11] = 2;
    assert_string_equal(client_read(server.reply, ask_bytes(query, len + 11, false)), "FORMERR\n");
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
    assert_memory_equal(client_read(server.reply, ask_bytes(query, len + sizeof(record), false)),
                        "NOERROR aa\nan", 13);
    assert_string_equal(client_read(server.reply, ask_bytes(query, len + 1, false)), "FORMERR\n");
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
    assert_int_equal(server.reply[2], 0x85); /* QR, AA, RD */
    assert_int_equal(server.reply[3], 0x10); /* CD */
    query[2] = 0x06;                         /* AA, TC */
    ask_bytes(query, len, false);
    assert_int_equal(server.reply[2], 0x84);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
