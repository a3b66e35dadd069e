/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers, as a resolver sees them. */
#include "server.h"

#include <stdio.h>
#include <string.h>

#include "../master.h"

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
    assert_int_equal(server.counts.answered, 5);
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
    server_add("$TTL 60\n$ORIGIN secure.example.org.\n@ SOA n.t. h.t. 1 2 3 4 5\n@ NS n.t.\n");
    assert_string_equal(ask("secure.example.org", DS),
                        "NOERROR aa\nan secure.example.org. 3600 TYPE43 01020304\n");
}

static void the_longest_zone_answers(void **state)
{
    (void)state;
    server_add("$TTL 60\n$ORIGIN sub.example.org.\n@ SOA n.t. h.t. 1 2 3 4 5\n@ NS n.t.\n"
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
    assert_int_equal(zones_add(&server.zones, zone), -1);
    zone_free(zone);
}

static void the_root_can_be_served(void **state)
{
    (void)state;
    server_add("$TTL 60\n. SOA n.t. h.t. 1 2 3 4 5\n. NS n.t.\nn.t. A 192.0.2.1\norg. NS n.t.\n");
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
    assert_int_equal(server.counts.refused, 9);
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
    server_clear();
    strcpy(text, origin_text);
    read_whole(DNS_ZONES "/example.org.zone", text + strlen(text), 4096);
    server_add(text);
    strcpy(text, "$ORIGIN 2.0.192.in-addr.arpa.\n");
    read_whole(DNS_ZONES "/2.0.192.in-addr.arpa.zone", text + strlen(text), 4096);
    server_add(text);
    assert_string_equal(ask("note.example.org", TXT),
                        "NOERROR aa\nan note.example.org. 3600 TXT"
                        " \"a text; with \"quotes\"\" \"and a second string\"\n");
    assert_string_equal(ask("25.2.0.192.in-addr.arpa", PTR),
                        "NOERROR aa\nan 25.2.0.192.in-addr.arpa. 3600 PTR mail.example.org.\n");
}

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
        TEST(the_examples_own_zones_are_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
