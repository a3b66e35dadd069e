/* SPDX-License-Identifier: BSD-2-Clause */
/* Values in configurations and handlers: what is one, and what it means. */
#include <time.h>

#include "lab.h"

#define NAMES_SECONDS_MAX 2 /* of CPU time */

static void numbers_have_signs_and_bases_and_an_end(void **state)
{
    static const struct {
        const char *s;
        uint64_t v;
    } good[] = {{"0", 0},       {"+7", 7},     {" 12 ", 12},  {"010", 8},
                {"0x1F", 0x1f}, {"0XfF", 255}, {"+0x10", 16}, {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"",
                                      "+",
                                      "-1",
                                      "1x",
                                      "08",
                                      "0x",
                                      "0xg",
                                      "1 2",
                                      "18446744073709551616",
                                      "99999999999999999999"};
    uint64_t v;
    int64_t i;

    (void)state;
    for (unsigned k = 0; k < sizeof(good) / sizeof(*good); k++) {
        assert_true(value_uint(str_of(good[k].s), &v));
        assert_int_equal(v, good[k].v);
    }
    for (unsigned k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
        v = 77;
        if (value_uint(str_of(bad[k]), &v) || v != 77)
            fail_msg("'%s' is taken as %llu", bad[k], (unsigned long long)v);
    }
    assert_true(value_int(STR("-9223372036854775807"), &i) && i == -INT64_MAX);
    assert_true(value_int(STR("+5"), &i) && i == 5);
    assert_false(value_int(STR("9223372036854775808"), &i));
    assert_false(value_int(STR("-+5"), &i));
    assert_false(value_int(STR("--5"), &i));
    assert_false(value_int(STR("-"), &i));
    assert_int_equal(i, 5);
}

static void fractions_and_units_are_exact(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(value_decimal(STR("1.5"), 65536, &v) && v == 98304);
    assert_true(value_decimal(STR(".25"), 100, &v) && v == 25);
    assert_true(value_decimal(STR("3."), 10, &v) && v == 30);
    assert_true(value_decimal(STR("0.99999999999999999999"), 10, &v) && v == 10);
    assert_false(value_decimal(STR("."), 10, &v));
    assert_false(value_decimal(STR("1.2.3"), 10, &v));
    assert_false(value_decimal(STR("99999999999999999999"), 1, &v));
    assert_false(value_decimal(STR("9999999999999999999"), 1000, &v));
    assert_true(value_time(STR("1.5ms"), NSEC_PER_SEC, &v) && v == 1500000);
    assert_true(value_time(STR("2"), NSEC_PER_SEC, &v) && v == 2 * NSEC_PER_SEC);
    assert_false(value_time(STR("2 fortnights"), NSEC_PER_SEC, &v));
    assert_false(value_time(STR("ms"), NSEC_PER_SEC, &v));
    assert_true(value_bandwidth(STR("8kb/s"), &v) && v == 1000);
    assert_true(value_bandwidth(STR("1.5MBps"), &v) && v == 1500000);
    assert_true(value_bandwidth(STR("64"), &v) && v == 64);
    v = 3;
    assert_false(value_bandwidth(STR("5 parsecs"), &v));
    assert_false(value_bandwidth(STR("99999999999GBps"), &v));
    assert_int_equal(v, 3);
}

static void addresses_are_whole(void **state)
{
    static const char *const no_ips[] = {"",          "1",       "1.2.3",     "1.2.3.4.5",
                                         "1.2.3.256", "1.2.3.",  "1..2.3",    ".1.2.3",
                                         "1.2.3.4x",  "1,2,3,4", "1.2.3.04x", "1.2.3.0004"};
    static const char *const no_prefixes[] = {
        "1.2.3.4",        "/8",         "1.2.3.4/",        "1.2.3.4/33", "10.1/24",
        "10.1/255.0.0.0", "1.2.3.4/ 8", "1.2.3.4/255.0.0", "x/8",        "1.2.3.4/8/8"};
    static const char *const no_ethers[] = {
        "",           "1:2:3:4:5",     "1:2:3:4:5:6:7", "1:2:3:4:5:",
        "1:2:3:4::5", "1:2:3:4:5:123", "1.2.3.4.5.6",   "g:2:3:4:5:6"};
    struct prefix p = {1, 2};
    uint8_t ether[6] = {9};
    uint32_t ip = 5;

    (void)state;
    for (unsigned i = 0; i < sizeof(no_ips) / sizeof(*no_ips); i++) {
        if (value_ip(str_of(no_ips[i]), &ip) || ip != 5)
            fail_msg("'%s' is taken", no_ips[i]);
    }
    for (unsigned i = 0; i < sizeof(no_prefixes) / sizeof(*no_prefixes); i++) {
        if (value_prefix(str_of(no_prefixes[i]), false, &p) || p.ip != 1)
            fail_msg("'%s' is taken", no_prefixes[i]);
    }
    for (unsigned i = 0; i < sizeof(no_ethers) / sizeof(*no_ethers); i++) {
        if (value_ether(str_of(no_ethers[i]), ether) || ether[0] != 9)
            fail_msg("'%s' is taken", no_ethers[i]);
    }
    assert_true(value_prefix(STR("18.26.4/24"), false, &p) && p.mask == prefix_mask(24));
    assert_true(value_prefix(STR("10.0.0.1/255.255.0.255"), false, &p) && prefix_len(p.mask) < 0);
    assert_true(value_prefix(STR("1.2.3.4"), true, &p) && prefix_len(p.mask) == 32);
    assert_false(value_prefix(STR("1.2.3"), true, &p));
    assert_true(value_ether(STR("0-1a-2:FF:4:5"), ether));
    assert_memory_equal(ether, "\0\x1a\2\xff\4\5", 6);
}

static void ip6_addresses_are_whole(void **state)
{
    static const struct {
        const char *s;
        uint8_t first, last;
    } good[] = {{"::", 0, 0},
                {"::1", 0, 1},
                {"fe80::", 0xfe, 0},
                {"1:2:3:4:5:6:7:8", 0, 8},
                {"1:2:3:4:5:6:7::", 0, 0},
                {"::ffff:1.2.3.4", 0, 4},
                {"1:2:3:4:5:6:1.2.3.4", 0, 4},
                {"2001:db8::2:3", 0x20, 3}};
    static const char *const bad[] = {"",
                                      ":",
                                      "1",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8:",
                                      "1::2::3",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:",
                                      ":1",
                                      "12345::",
                                      "g::",
                                      "::1.2.3",
                                      "::1.2.3.256",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1;2::",
                                      ":::"};
    uint8_t ip6[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(value_ip6(str_of(good[i].s), ip6));
        assert_int_equal(ip6[0], good[i].first);
        assert_int_equal(ip6[15], good[i].last);
    }
    memset(ip6, 7, 16);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (value_ip6(str_of(bad[i]), ip6) || ip6[0] != 7)
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void strings_end_and_have_escapes(void **state)
{
    static const struct {
        const char *s, *v;
    } good[] = {{"a 'b c' \"d\"", "a b c d"},
                {"\"\\t\\n\\r\\\"\\\\\\q\"", "\t\n\r\"\\q"},
                {"\"\\101\\60x\\x41g\"", "A0xAg"},
                {"\"a\\\nb\"", "ab"},
                {"\"a\\\r\nb\\\rc\"", "abc"},
                {"\\<4 1 42 // no\n 43 /* 44 */>", "ABC"},
                {"a\\b", "a\\b"},
                {"'\\<41>\\n'", "\\<41>\\n"}};
    static const char *const bad[] = {"\"a", "'a", "\"a\\", "\\<41", "\\<4>", "\\<4x>", "\\<"};
    struct str out = {NULL, 0};

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(value_string(str_of(good[i].s), &out));
        assert_string_equal(out.s, good[i].v);
        free((char *)out.s);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (value_string(str_of(bad[i]), &out))
            fail_msg("'%s' is taken", bad[i]);
    }
}

static const struct {
    const char *pattern, *why;
} wrong[] = {
    {"tcp and", "expected a pattern"},
    {"src", "a value is missing"},
    {"host", "a value is missing"},
    {"host and tcp", "a value is missing"},
    {"net 10.0.0.0 mask x", "expected an address near 'x'"},
    {"net fnord", "expected an address near 'fnord'"},
    {"host > 1.2.3.4", "addresses can only be compared by == and !="},
    {"host & 3 == 1.2.3.4", "addresses can only be compared by == and !="},
    {"tos & x == 1", "expected a mask near 'x'"},
    {"tos & 0 == 1", "expected a mask near '0'"},
    {"tos & 0x100000000 == 1", "expected a mask"},
    {"port fnord", "wrong value near 'fnord'"},
    {"port 65536", "wrong value"},
    {"proto fnord", "wrong value"},
    {"proto 256", "wrong value"},
    {"icmp type fnord", "wrong value"},
    {"icmp type 256", "wrong value"},
    {"tcp opt fnord", "wrong value"},
    {"ttl fnord", "wrong value"},
    {"hl 16", "wrong value"},
    {"tcp opt != syn", "a TCP option takes no comparison"},
    {"ip[2:3] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[2001] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[x] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[0:0] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[0:x] 5", "a slice is 'ip[POS:LEN]'"},
    {"fnord[0] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[] 5", "a slice is 'ip[POS:LEN]'"},
    {"ip[0] 256", "wrong value"},
    {"tcp fnord", "wrong value near 'fnord'"},
    {"ether host fnord", "expected an address"},
    {"tcp ? udp", "expected ':'"},
    {"tcp ? udp :", "expected a pattern"},
    {"tcp ?", "expected a pattern"},
    {"not", "expected a pattern"},
};

static void patterns_that_break_a_rule_are_refused(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct text conf = {0}, out = {0};

        text_addf(&conf, "Idle -> IPClassifier(%s) -> Discard", wrong[i].pattern);
        int rc = engine_check(conf.s, conf.len, &out);
        if (rc == 0 || !out.s || !strstr(out.s, wrong[i].why)) {
            print_error("%s\n    %s: %s\n", wrong[i].pattern, rc ? "refused" : "accepted",
                        out.s ? out.s : "");
            failures++;
        }
        text_free(&out);
        text_free(&conf);
    }
    assert_int_equal(failures, 0);
}

static void a_handler_s_pattern_is_read_to_its_end(void **state)
{
    (void)state;
    lab_load(
        "Idle -> f :: IPFilter(allow tcp) -> Discard; Idle -> c :: IPClassifier(tcp) -> Discard");
    lab_write_fails("f.config", "allow (tcp", "expected ')'");
    lab_write_fails("f.config", "allow tcp)", "unexpected near ')'");
    lab_write_fails("c.pattern0", "(tcp udp", "expected ')'");
}

static void patterns_mean_the_same_however_they_are_written(void **state)
{
    static const char *const same[][2] = {
        {"icmp type echo-reply", "icmp && transp[0] 0"},
        {"tcp opt syn", "tcp[13:1] & 2 == 2"},
        {"tcp syn", "tcp[13] & 2 == 2"},
        {"port 53", "tcp port 53 or udp port 53"},
        {"net 10.0.0.0 mask 255.0.0.0", "net 10.0.0.0/8"},
        {"net 10.1.2.3", "host 10.1.2.3"},
        {"1:2:3:4:5:6", "ether host 1:2:3:4:5:6"},
        {"icmp echo", "icmp type 8"},
        {"www", "port 80"},
        {"ip frag", "not ip unfrag"},
        {"src or dst 1.2.3.4", "host 1.2.3.4"},
        {"tos & 3", "tos & 3 != 0"},
        {"tcp win 7", "tcp[14:2] == 7"},
        {"tos & 1 == 2", "false"},
        {"win 7", "tcp win 7"},
        {"opt syn", "tcp opt syn"},
        {"syn", "tcp opt syn"},
        {"type 8", "icmp type 8"},
        {"tcp port > 1000 or == 80", "tcp port > 1000 or tcp port == 80"},
        {"tcp port 80 or 81", "tcp port == 80 or tcp port == 81"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(same) / sizeof(*same); i++) {
        char *programs[2];

        for (unsigned k = 0; k < 2; k++) {
            struct text conf = {0};

            text_addf(&conf, "Idle -> c :: IPClassifier(%s) -> Discard", same[i][k]);
            lab_load(conf.s);
            programs[k] = strdup(lab_read("c.program"));
            text_free(&conf);
        }
        if (strcmp(programs[0], programs[1]) != 0)
            fail_msg("%s:\n%s%s:\n%s", same[i][0], programs[0], same[i][1], programs[1]);
        free(programs[0]);
        free(programs[1]);
    }
}

static void names_stand_for_addresses_of_their_kind_only(void **state)
{
    (void)state;
    lab_load("AddressInfo(h 10.0.0.1/8 2:0:0:0:0:1 fe80::1, n 10.0.0.0/8, a 1.2.3.4);"
             "Idle -> s :: SetIPAddress(h) -> b :: SetIPAddress(h:bcast)"
             " -> g :: SetIPAddress(h:gw) -> e :: EtherEncap(0x800, h, h:eth) -> Discard;"
             "Idle -> r :: StaticIPLookup(n 0, h:net 0) -> Discard");
    assert_string_equal(lab_read("s.addr"), "10.0.0.1");
    assert_string_equal(lab_read("b.addr"), "10.255.255.255");
    assert_string_equal(lab_read("g.addr"), "10.0.0.1");
    assert_string_equal(lab_read("e.dst"), "02-00-00-00-00-01");
    lab_refuse("AddressInfo(n 10.0.0.0/8); Idle -> SetIPAddress(n) -> Discard", "IPADDR must be");
    lab_refuse("AddressInfo(a 1.2.3.4); Idle -> SetIPAddress(a:eth) -> Discard", "IPADDR must be");
    lab_refuse("AddressInfo(a 1.2.3.4); Idle -> SetIPAddress(a:bcast) -> Discard",
               "IPADDR must be");
    lab_refuse("AddressInfo(a 1.2.3.4); Idle -> StaticIPLookup(a:ip/8 0) -> Discard", "expected");
    lab_refuse("AddressInfo(h 10.0.0.1/8); Idle -> StaticIPLookup(h:eth 0) -> Discard", "expected");
    lab_refuse("Idle -> EtherEncap(0x800, h:ip, 1:2:3:4:5:6) -> Discard", "SRC must be");
    lab_refuse("Idle -> EtherEncap(0x800, :eth, 1:2:3:4:5:6) -> Discard", "SRC must be");
    lab_refuse("Idle -> EtherEncap(0x800, a23456789012345678901234567890123:eth, 1:2:3:4:5:6)"
               " -> Discard",
               "SRC must be");
    lab_load("Idle -> e :: EtherEncap(0x800, eth1:eth, eth0) -> Discard");
    assert_string_equal(lab_read("e.src"), "02-00-00-00-00-02");
    assert_string_equal(lab_read("e.dst"), "02-00-00-00-00-01");
}

/* Each is looked for among those before it: one by one, that would take ten times as long. */
static void many_names_are_read_as_quickly_as_few(void **state)
{
    struct text conf = {0};
    clock_t began;

    (void)state;
    text_addf(&conf, "AddressInfo(");
    for (unsigned i = 0; i < 60000; i++)
        text_addf(&conf, "%x 1.1.1.1,", i);
    text_addf(&conf, "last 2.2.2.2); Idle -> s :: SetIPAddress(last) -> Discard");
    began = clock();
    lab_load(conf.s);
    assert_true(clock() - began < NAMES_SECONDS_MAX * CLOCKS_PER_SEC);
    assert_string_equal(lab_read("s.addr"), "2.2.2.2");
    text_free(&conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(numbers_have_signs_and_bases_and_an_end),
        LAB_TEST(fractions_and_units_are_exact),
        LAB_TEST(addresses_are_whole),
        LAB_TEST(ip6_addresses_are_whole),
        LAB_TEST(strings_end_and_have_escapes),
        LAB_TEST(patterns_that_break_a_rule_are_refused),
        LAB_TEST(a_handler_s_pattern_is_read_to_its_end),
        LAB_TEST(patterns_mean_the_same_however_they_are_written),
        LAB_TEST(names_stand_for_addresses_of_their_kind_only),
        LAB_TEST(many_names_are_read_as_quickly_as_few),
    };

    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
