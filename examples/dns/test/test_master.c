/* SPDX-License-Identifier: BSD-2-Clause */
/* Zone files: what they may say, and where they are found wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../master.h"
#include "../rdata.h"

#define SOA  "@ 60 IN SOA ns. host. 1 2 3 4 5\n"
#define ZONE "$ORIGIN example.\n$TTL 60\n" SOA " NS ns.elsewhere.\n"

static struct zone_error error;

/* In memory that ends where the text does, so that a byte too far is found. */
static struct zone *read_zone(const char *text, size_t len, const struct name *origin)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(&error, 0, sizeof(error));
    struct zone *zone = master_read(copy, len, origin, &error);
    free(copy);
    return zone;
}

static const struct record_set *find(const struct zone *zone, const char *name, uint16_t type)
{
    static const struct name root = {.len = 1};
    struct name wire;
    struct name_parts parts;

    assert_null(name_parse(&wire, name, strlen(name), &root));
    name_take_apart(&parts, wire.wire);
    const struct node *node = zone_find(zone, &parts, 0);
    return node ? node_set(node, type) : NULL;
}

static void check_data(const struct zone *zone, const char *name, uint16_t type,
                       const char *expected, size_t len)
{
    const struct record_set *set = find(zone, name, type);

    assert_non_null(set);
    assert_int_equal(set->first->len, len);
    assert_memory_equal(set->first->data, expected, len);
}

#define DATA(bytes) bytes, sizeof(bytes) - 1

static void records_of_all_types_become_their_wire_form(void **state)
{
    static const char text[] = ZONE "a A 192.0.2.1\n"
                                    "a AAAA 2001:db8::1\n"
                                    "mx MX 10 mail\n"
                                    "txt TXT one \"two; (not) more\" \"\\\"\\065\"\n"
                                    "ptr PTR other.test.\n"
                                    "srv SRV 1 2 3 @\n"
                                    "caa CAA 128 issue \"x; y\"\n"
                                    "info HINFO cpu os\n"
                                    "any TYPE65 \\# 3 01 0aFF\n"
                                    "empty TYPE65 \\# 0\n";
    struct zone *zone = read_zone(text, sizeof(text) - 1, NULL);

    (void)state;
    assert_non_null(zone);
    check_data(zone, "a.example", TYPE_A, DATA("\xc0\0\2\1"));
    check_data(zone, "a.example", TYPE_AAAA, DATA("\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
    check_data(zone, "mx.example", TYPE_MX, DATA("\0\n\4mail\7example\0"));
    check_data(zone, "txt.example", TYPE_TXT, DATA("\3one\017two; (not) more\2\"A"));
    check_data(zone, "ptr.example", TYPE_PTR, DATA("\5other\4test\0"));
    check_data(zone, "srv.example", TYPE_SRV, DATA("\0\1\0\2\0\3\7example\0"));
    check_data(zone, "caa.example", TYPE_CAA, DATA("\x80\5issuex; y"));
    check_data(zone, "info.example", TYPE_HINFO, DATA("\3cpu\2os"));
    check_data(zone, "any.example", 65, DATA("\1\n\xff"));
    check_data(zone, "empty.example", 65, DATA(""));
    check_data(zone, "example", TYPE_SOA,
               DATA("\2ns\0\4host\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"));
    assert_int_equal(zone->negative_ttl_s, 5);
    zone_free(zone);
}

static void owners_times_and_classes_may_be_left_out_or_come_in_any_order(void **state)
{
    static const char text[] = "$TTL 1h\n@ IN SOA ns host 1 2 3 4 5\n"
                               "\tIN NS n.\n"
                               "one 10 IN A 192.0.2.1\n"
                               "two IN 20 A 192.0.2.2\n"
                               "    A 192.0.2.3\n"
                               "\n   ; nothing here\n\t\n"
                               "three A 192.0.2.4 ; a comment\n"
                               "$TTL 1w2d3h4m5s\n"
                               "four a 192.0.2.5\r\n"
                               "$ORIGIN Sub\n"
                               "five A 192.0.2.6\n"
                               "$ORIGIN other.example.test.\n"
                               "@ A 192.0.2.7\n"
                               "mixed\\.dot\\032 A 192.0.2.8";
    struct name origin;
    assert_null(name_parse(&origin, "example.test.", 13, NULL));
    struct zone *zone = read_zone(text, sizeof(text) - 1, &origin);

    (void)state;
    assert_non_null(zone);
    assert_int_equal(find(zone, "one.example.test", TYPE_A)->ttl_s, 10);
    assert_int_equal(find(zone, "two.example.test", TYPE_A)->n, 2);
    assert_int_equal(find(zone, "two.example.test", TYPE_A)->ttl_s, 20);
    assert_int_equal(find(zone, "three.example.test", TYPE_A)->ttl_s, 3600);
    assert_int_equal(find(zone, "four.example.test", TYPE_A)->ttl_s,
                     ((7 + 2) * 24 + 3) * 3600 + 4 * 60 + 5);
    assert_non_null(find(zone, "five.sub.example.test", TYPE_A));
    assert_non_null(find(zone, "other.example.test", TYPE_A));
    assert_non_null(find(zone, "mixed\\.dot\\032.other.example.test", TYPE_A));
    zone_free(zone);
}

static void a_record_written_twice_is_one_and_the_least_time_is_the_sets(void **state)
{
    static const char text[] = ZONE "a 50 A 192.0.2.1\nA 50 A 192.0.2.1\na 40 A 192.0.2.2\n";
    struct zone *zone = read_zone(text, sizeof(text) - 1, NULL);

    (void)state;
    assert_non_null(zone);
    assert_int_equal(find(zone, "a.example", TYPE_A)->n, 2);
    assert_int_equal(find(zone, "a.example", TYPE_A)->ttl_s, 40);
    assert_int_equal(zone->n_records, 4);
    zone_free(zone);
}

static void lines_without_a_word_say_nothing(void **state)
{
    static const char text[] = " \n\t; none\n ( )\n ( ; one more\n )\n" ZONE "  ( )\n";
    struct zone *zone = read_zone(text, sizeof(text) - 1, NULL);

    (void)state;
    assert_non_null(zone);
    assert_int_equal(zone->n_records, 2);
    zone_free(zone);
}

static void a_thousand_names_are_found_and_their_parents_exist(void **state)
{
    static char text[64000] = ZONE;
    size_t len = strlen(text);

    (void)state;
    for (int i = 0; i < 1000; i++)
        len += (size_t)sprintf(text + len, "n%d.deep.er A 192.0.2.%d\n", i, i % 256);
    struct zone *zone = read_zone(text, len, NULL);
    assert_non_null(zone);
    assert_int_equal(zone->n_nodes, 1003);
    assert_non_null(find(zone, "N999.deep.er.example", TYPE_A));
    assert_null(find(zone, "n1000.deep.er.example", TYPE_A));
    zone_free(zone);
}

static void what_is_wrong_is_said_with_its_line_and_column(void **state)
{
    static const struct {
        const char *text, *why;
        unsigned line, column;
    } cases[] = {
        {"", "no records", 1, 1},
        {"$ORIGIN example.\na 1 A 192.0.2.1\n", "SOA must come first", 2, 5},
        {"$ORIGIN example.\n" SOA, "no NS records", 2, 1},
        {ZONE "a A 192.0.2.256\n", "no IPv4 address", 5, 5},
        {ZONE "a A 192.0.2\n", "no IPv4 address", 5, 5},
        {ZONE "a A\n", "ends too early", 5, 4},
        {ZONE "a A 192.0.2.1 192.0.2.2\n", "a word too many", 5, 15},
        {ZONE "a A \"192.0.2.1\"\n", "quotes where there is no text", 5, 6},
        {ZONE "a AAAA 1::2::3\n", "no IPv6 address", 5, 8},
        {ZONE "a MX 65536 b\n", "from 0 to 65535", 5, 6},
        {ZONE "a MX 1x b\n", "from 0 to 65535", 5, 6},
        {ZONE "a CAA 256 issue x\n", "from 0 to 255", 5, 7},
        {ZONE "a CAA 0 is-sue x\n", "letters and digits", 5, 9},
        {ZONE "a TXT \"open\nb A 192.0.2.1\n", "not closed on its line", 5, 7},
        {ZONE "a TXT \"\\256\"\n", "three digits up to 255", 5, 8},
        {ZONE "a TXT ( \"x\"\n", "ends within parentheses", 6, 1},
        {ZONE "a TXT x )\n", "never opened", 5, 9},
        {ZONE "a )\n", "never opened", 5, 3},
        {ZONE "a 1\n", "a record's type must be here", 5, 4},
        {ZONE "a IN", "a record's type must be here", 5, 5},
        {ZONE "a \"A\" 192.0.2.1\n", "a record's type must be here", 5, 4},
        {ZONE "a SPX x\n", "no type that is known", 5, 3},
        {ZONE "a DNAME x\n", "no type that is known", 5, 3},
        {ZONE "a TYPE46 \\# 1 00\n", "can't be served", 5, 3},
        {ZONE "a TYPE255 \\# 1 00\n", "can't be served", 5, 3},
        {ZONE "a TYPE65 x\n", "\\# LENGTH HEX", 5, 10},
        {ZONE "a TYPE65 \\# 2 00\n", "more or fewer bytes", 5, 17},
        {ZONE "a TYPE65 \\# 1 000\n", "more or fewer bytes", 5, 18},
        {ZONE "a TYPE65 \\# 1 0g\n", "not hexadecimal", 5, 15},
        {ZONE "a TYPE65 \\# 9999 00\n", "length in bytes", 5, 13},
        {ZONE "a CH A 192.0.2.1\n", "the only class", 5, 3},
        {ZONE "a 2147483648 A 192.0.2.1\n", "no TTL", 5, 3},
        {ZONE "a 4000w A 192.0.2.1\n", "no TTL", 5, 3},
        {ZONE "a 2147483647s1s A 192.0.2.1\n", "no TTL", 5, 3},
        {ZONE "a 5x A 192.0.2.1\n", "no TTL", 5, 3},
        {ZONE "a 1h5 A 192.0.2.1\n", "no TTL", 5, 3},
        {ZONE "a 1 1 A 192.0.2.1\n", "no type that is known", 5, 5},
        {ZONE "$TTL\n", "$TTL takes seconds", 5, 5},
        {ZONE "$TTL 1 2\n", "a word too many", 5, 8},
        {ZONE "$TTL 1 \"x\n", "not closed on its line", 5, 8},
        {ZONE "$INCLUDE other\n", "no other files", 5, 1},
        {ZONE "$GENERATE 1-5 a A 1\n", "$ORIGIN and $TTL only", 5, 1},
        {ZONE "$ORIGIN a..b\n", "an empty label", 5, 9},
        {ZONE "a..b A 192.0.2.1\n", "an empty label", 5, 1},
        {ZONE ".a A 192.0.2.1\n", "an empty label", 5, 1},
        {ZONE "a\\25 A 192.0.2.1\n", "three digits up to 255", 5, 1},
        {ZONE "\"a\" A 192.0.2.1\n", "a name must be here", 5, 2},
        {ZONE "a.test. A 192.0.2.1\n", "not in the zone", 5, 9},
        {ZONE "a "
              "SOA a b 1 2 3 4 5\n",
         "below the zone's name", 5, 3},
        {ZONE "@ SOA a b 1 2 3 4 5\n", "a second SOA", 5, 3},
        {ZONE "a CNAME b\na CNAME c\n", "a second CNAME", 6, 3},
        {ZONE "a A 192.0.2.1\na CNAME c\n", "must be alone", 6, 3},
        {ZONE "a CNAME c\na A 192.0.2.1\n", "must be alone", 6, 3},
        {ZONE "sub NS ns.sub\n", "without an address", 5, 1},
        {ZONE "*.sub NS a.test.\n", "can't be delegated", 5, 1},
        {ZONE "a TXT \\", "a backslash at the line's end", 5, 7},
        {" A 192.0.2.1\n", "needs a name", 1, 2},
        {"a A 192.0.2.1\n", "no origin", 1, 1},
        {"@ A 192.0.2.1\n", "there is none", 1, 1},
        {"$ORIGIN example.\n@ SOA a b 1 2 3 4 5\n", "no TTL: write one", 2, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone *zone = read_zone(cases[i].text, strlen(cases[i].text), NULL);
        if (zone || !strstr(error.why, cases[i].why) || error.line != cases[i].line ||
            error.column != cases[i].column)
            fail_msg("case %zu (%s): %s at %u:%u", i, cases[i].why, zone ? "accepted" : error.why,
                     error.line, error.column);
    }
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char text[] = ZONE "a\0b A 192.0.2.1\n";

    (void)state;
    assert_null(read_zone(text, sizeof(text) - 1, NULL));
    assert_non_null(strstr(error.why, "NUL"));
    assert_int_equal(error.line, 5);
}

static void a_name_is_shown_as_it_may_be_written(void **state)
{
    static const char odd[] = "a\\.b\\;\\007\\255.c.";
    struct name name, root = {.wire = {0}, .len = 1};
    char text[NAME_TEXT_MAX];

    (void)state;
    assert_null(name_parse(&name, odd, strlen(odd), NULL));
    assert_string_equal(name_text(name.wire, text), odd);
    assert_string_equal(name_text(root.wire, text), ".");
    assert_non_null(name_parse(&name, "a\\.", 2, &root)); /* it ends with the backslash */
}

static void labels_and_names_have_their_limits(void **state)
{
    char label63[64] = {0}, text[1200];
    struct name name;

    (void)state;
    memset(label63, 'x', 63);
    snprintf(text, sizeof(text), "%s.", label63);
    assert_null(name_parse(&name, text, strlen(text), NULL));
    snprintf(text, sizeof(text), "%sx.", label63);
    assert_non_null(name_parse(&name, text, strlen(text), NULL));
    /* 3 * 64 + 62 + 1 = 255 */
    snprintf(text, sizeof(text), "%s.%s.%s.%.61s.", label63, label63, label63, label63);
    assert_null(name_parse(&name, text, strlen(text), NULL));
    assert_int_equal(name.len, 255);
    snprintf(text, sizeof(text), "%s.%s.%s.%.62s.", label63, label63, label63, label63);
    assert_non_null(name_parse(&name, text, strlen(text), NULL));
    struct name origin;
    assert_null(name_parse(&origin, "ab.", 3, NULL));
    snprintf(text, sizeof(text), "%s.%s.%s.%.58s", label63, label63, label63, label63);
    assert_null(name_parse(&name, text, strlen(text), &origin));
    assert_int_equal(name.len, 255);
    snprintf(text, sizeof(text), "%s.%s.%s.%.59s", label63, label63, label63, label63);
    assert_non_null(name_parse(&name, text, strlen(text), &origin));
}

static void strings_and_records_have_their_limits(void **state)
{
    static char text[40000];
    char string[257] = {0};

    (void)state;
    memset(string, 'x', 256);
    snprintf(text, sizeof(text), ZONE "a TXT %.255s\n", string);
    struct zone *zone = read_zone(text, strlen(text), NULL);
    assert_non_null(zone);
    zone_free(zone);
    snprintf(text, sizeof(text), ZONE "a TXT %s\n", string);
    assert_null(read_zone(text, strlen(text), NULL));
    assert_non_null(strstr(error.why, "more than 255 bytes"));
    size_t len = (size_t)sprintf(text, ZONE "a TXT");
    for (int i = 0; i < 33; i++)
        len += (size_t)sprintf(text + len, " %.255s", string);
    assert_null(read_zone(text, len, NULL));
    assert_non_null(strstr(error.why, "more data than 8192"));
}

static void a_set_must_fit_into_a_message(void **state)
{
    static char text[200000] = ZONE;
    char string[256] = {0};
    size_t len = strlen(text);

    (void)state;
    memset(string, 'x', 255);
    for (int i = 0; i < 250; i++)
        len += (size_t)sprintf(text + len, "a TXT %d %s\n", 100 + i, string);
    assert_null(read_zone(text, len, NULL));
    assert_non_null(strstr(error.why, "a message can hold"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_all_types_become_their_wire_form),
        cmocka_unit_test(owners_times_and_classes_may_be_left_out_or_come_in_any_order),
        cmocka_unit_test(a_record_written_twice_is_one_and_the_least_time_is_the_sets),
        cmocka_unit_test(lines_without_a_word_say_nothing),
        cmocka_unit_test(a_thousand_names_are_found_and_their_parents_exist),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line_and_column),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_name_is_shown_as_it_may_be_written),
        cmocka_unit_test(labels_and_names_have_their_limits),
        cmocka_unit_test(strings_and_records_have_their_limits),
        cmocka_unit_test(a_set_must_fit_into_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
