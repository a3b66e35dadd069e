/* SPDX-License-Identifier: BSD-2-Clause */
/* Classifier, IPClassifier, IPFilter: the pattern language, and the optimiser against plain
 * evaluation. */
#include "../engine/classify.h"
#include <string.h>

#include "lab.h"

/* ---- the optimiser ---- */

static uint32_t random_state;

static uint32_t rnd(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* What the tests say, one after the other, without any optimisation. */
static unsigned plain(const struct cbuilder *b, target_t t, const struct cview *v)
{
    while (t >= 0) {
        const struct ctest *c = &b->tests[t];
        uint32_t w = 0;
        bool there = true;

        for (unsigned k = 0; k < 4; k++) {
            bool in = c->off + k < v->len[c->base];

            w = w << 8 | (in ? v->base[c->base][c->off + k] : 0);
            there &= in || !(c->mask >> (24 - 8 * k) & 255);
        }
        t = there && (w & c->mask) == c->value ? c->yes : c->no;
    }
    return (unsigned)~t;
}

static target_t random_target(const struct cbuilder *b)
{
    unsigned back = b->n < 8 ? b->n : 8;

    if (!back || rnd(4) == 0)
        return target_output(rnd(4));
    return (target_t)(b->n - 1 - rnd(back));
}

static void compare(unsigned n_tests, unsigned rounds)
{
    static const uint32_t masks[] = {0xff000000, 0x00ff0000, 0xffff0000, 0x0000ffff,
                                     0x01000000, 0xf0f00000, 0xffffffff, 0x00030000};
    struct cbuilder b = {0};
    struct program p;
    target_t entry = target_output(0);

    for (unsigned i = 0; i < n_tests; i++) {
        uint32_t mask = masks[rnd(8)], value = rnd(4) * 0x01010101u;

        entry = cbuilder_test(&b, rnd(2), 4 * rnd(3), mask, value, random_target(&b),
                              random_target(&b));
        if (entry < 0)
            entry = b.n ? (target_t)b.n - 1 : target_output(1);
    }
    assert_int_equal(program_make(&p, &b, entry), 0);
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t data[CLASSIFY_LANES][16];
        struct cview v[CLASSIFY_LANES] = {{{0}, {0}}};
        unsigned out[CLASSIFY_LANES];

        for (unsigned k = 0; k < CLASSIFY_LANES; k++) {
            for (unsigned j = 0; j < 16; j++)
                data[k][j] = (uint8_t)(rnd(4) ? rnd(4) : rnd(256));
            for (unsigned base = 0; base < BASES; base++) {
                v[k].base[base] = data[k];
                v[k].len[base] = rnd(4) ? 16 : rnd(16);
            }
        }
        program_run_lanes(&p, v, CLASSIFY_LANES, out);
        for (unsigned k = 0; k < CLASSIFY_LANES; k++) {
            unsigned expected = plain(&b, entry, &v[k]);

            if (out[k] != expected || program_run(&p, &v[k]) != expected)
                fail_msg("%u instead of %u", out[k], expected);
        }
    }
    program_free(&p);
    cbuilder_free(&b);
}

static void optimised_programs_decide_as_their_tests_do(void **state)
{
    (void)state;
    random_state = 1;
    for (unsigned i = 0; i < 400; i++)
        compare(1 + rnd(40), 100);
    for (unsigned i = 0; i < 4; i++)
        compare(200 + rnd(800), 300);
    compare(3000, 300); /* beyond what is analysed */
}

/* ---- patterns ---- */

/* Does a frame match a pattern? */
static bool matches(const char *pattern, const struct frame *f)
{
    struct text t = {0};
    bool yes;

    text_addf(&t,
              "FromDevice(eth0) -> MarkIPHeader(14) -> c :: IPClassifier(%s, -) -> y :: Counter"
              " -> Discard; c[1] -> Discard",
              pattern);
    lab_load(t.s);
    text_free(&t);
    lab_write("y.reset", "");
    lab_receive_frame(0, f);
    yes = lab_number("y.count");
    return yes;
}

static void primitives_match_what_they_name(void **state)
{
    struct frame tcp = {.src = "10.0.0.1",
                        .dst = "192.168.1.2",
                        .proto = 6,
                        .sport = 4000,
                        .dport = 80,
                        .flags = TCP_SYN,
                        .id = 77};
    struct frame udp = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .sport = 53, .dport = 53};
    struct frame ping = {.src = "1.2.3.4", .dst = "10.0.0.1", .proto = 1, .flags = 8};

    (void)state;
    assert_true(matches("tcp", &tcp) && !matches("tcp", &udp));
    assert_true(matches("ip proto 6", &tcp) && matches("proto udp", &udp));
    assert_true(matches("src host 10.0.0.1", &tcp) && !matches("dst host 10.0.0.1", &tcp));
    assert_true(matches("host 10.0.0.1", &tcp) && matches("host 10.0.0.1", &ping));
    assert_false(matches("src and dst host 10.0.0.1", &tcp));
    assert_true(matches("10.0.0.0/8", &tcp) && matches("dst net 192.168.0.0/16", &tcp));
    assert_true(matches("net 192.168.1.0 mask 255.255.255.0", &tcp));
    assert_true(matches("192.168.1.0 mask 255.255.255.0", &tcp));
    assert_false(matches("src or dst 192.168.2.0 mask 255.255.255.0", &tcp));
    assert_true(matches("src net != 11.0.0.0/8", &tcp) && !matches("src net != 10.0.0.0/8", &tcp));
    assert_true(matches("dst port www", &tcp) && matches("www", &tcp) && !matches("ssh", &tcp));
    assert_true(matches("port 53", &udp) && matches("src and dst port domain", &udp));
    assert_false(matches("dst tcp port 53", &udp));
    assert_true(matches("tcp port 80", &tcp) && !matches("udp port 80", &tcp));
    assert_true(matches("syn", &tcp) && matches("tcp opt syn", &tcp) && !matches("ack", &tcp));
    assert_true(matches("icmp type echo", &ping) && !matches("icmp type echo-reply", &ping));
    assert_true(matches("icmp type < 9", &ping) && matches("ip id 77", &tcp));
    assert_true(matches("ip ttl 64", &tcp) && matches("ip vers 4", &tcp) &&
                matches("ip hl 5", &tcp));
    assert_true(matches("tcp win 8192", &tcp) && matches("unfrag", &tcp) && !matches("frag", &tcp));
    assert_true(matches("ip[9] 6", &tcp) && matches("ip[16:4] 0xC0A80102", &tcp));
    assert_true(matches("tcp[2:2] 80", &tcp) && !matches("udp[2:2] 80", &tcp));
    assert_true(matches("src tcp port & 0xff00 == 0x0f00", &tcp));
    assert_true(matches("ether host 02:aa:aa:aa:aa:aa", &tcp) &&
                !matches("dst ether host 02:aa:aa:aa:aa:aa", &tcp));
    assert_true(matches("true", &tcp) && matches("any", &tcp) && !matches("false", &tcp));
}

static void ranges_compare_numbers(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17};

    (void)state;
    for (unsigned port = 1020; port < 1030; port++) {
        f.dport = (uint16_t)port;
        f.sport = 1;
        assert_int_equal(matches("dst port > 1023", &f), port > 1023);
        assert_int_equal(matches("dst port >= 1023", &f), port >= 1023);
        assert_int_equal(matches("dst port < 1024", &f), port < 1024);
        assert_int_equal(matches("dst port <= 1024", &f), port <= 1024);
        assert_int_equal(matches("dst port != 1024", &f), port != 1024);
    }
    f.dport = 65535;
    assert_true(matches("dst port > 65534", &f) && !matches("dst port > 65535", &f));
    assert_true(matches("src port >= 0", &f) && !matches("src port < 0", &f));
}

static void connectives_bind_as_documented(void **state)
{
    struct frame f = {.src = "10.0.0.1",
                      .dst = "10.0.0.2",
                      .proto = 6,
                      .sport = 1000,
                      .dport = 8080,
                      .flags = TCP_SYN | TCP_ACK};

    (void)state;
    assert_true(matches("dst port 80 or 8080", &f) && !matches("src port 80 or 8080", &f));
    assert_true(matches("(dst port www or dst port 8080) and tcp opt syn", &f));
    assert_true(matches("syn ack", &f) && !matches("syn fin", &f));
    assert_true(matches("udp or tcp and syn", &f) && !matches("(udp or tcp) and fin", &f));
    assert_true(matches("not udp && ! fin", &f) && matches("!(udp || fin)", &f));
    assert_true(matches("tcp ? dst port 8080 : dst port 53", &f));
    assert_false(matches("udp ? dst port 8080 : dst port 53", &f));
    assert_true(matches("src host 10.0.0.9 or 10.0.0.1", &f));
    assert_false(matches("src host 10.0.0.9 or 10.0.0.2", &f));
}

static void port_comparisons_imply_the_protocol(void **state)
{
    struct frame icmp = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 1, .flags = 8};
    struct frame later = {
        .src = "1.1.1.1", .dst = "2.2.2.2", .proto = 6, .dport = 80, .frag = IP_MF | 5};

    (void)state;
    assert_false(matches("src tcp port != 5", &icmp));
    assert_true(matches("!(src tcp port == 5)", &icmp));
    /* only first fragments have ports */
    assert_false(matches("dst port 80", &later));
    assert_true(matches("frag", &later) && matches("tcp", &later));
}

static void names_from_addressinfo_are_known(void **state)
{
    struct frame f = {.src = "18.26.4.9", .dst = "10.0.0.2", .proto = 17};

    (void)state;
    lab_load("AddressInfo(me 18.26.4.9 18.26.4.0/24 0:1:2:3:4:5); FromDevice(eth0)"
             " -> MarkIPHeader(14) -> c :: IPClassifier(src host me, -) -> Discard;"
             "c[1] -> n :: Counter -> IPClassifier(src net me) -> m :: Counter -> Discard");
    lab_receive_frame(0, &f);
    f.src = "18.26.4.10";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("n.count"), 1);
    assert_int_equal(lab_number("m.count"), 1);
}

static void filters_allow_drop_and_choose_outputs(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .dport = 53};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> f :: IPFilter(deny src 10.0.0.9, 1 udp,"
             " allow tcp) -> a :: Counter -> Discard; f[1] -> b :: Counter -> Discard");
    lab_receive_frame(0, &f);
    f.proto = 6;
    lab_receive_frame(0, &f);
    f.src = "10.0.0.9";
    lab_receive_frame(0, &f);
    f.proto = 1;
    f.src = "10.0.0.8";
    lab_receive_frame(0, &f); /* matches nothing */
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 1);
    lab_refuse("Idle -> IPFilter(2 udp) -> Discard", "action '2', but there are only 1 outputs");
    lab_refuse("Idle -> IPFilter(perhaps udp) -> Discard",
               "1:18: IPFilter@2: 'perhaps' is no action");
}

static void wrong_patterns_are_refused_where_they_are_wrong(void **state)
{
    struct text t = {0};

    (void)state;
    lab_refuse("Idle -> IPFilter(allow udp && dst prot 53) -> Discard",
               "1:35: IPFilter@2: pattern: unknown primitive near 'prot'");
    lab_refuse("Idle -> IPFilter(allow (udp) -> Discard", "never closed");
    lab_refuse("Idle -> IPFilter(allow port 70000) -> Discard",
               "1:29: IPFilter@2: pattern: wrong value");
    lab_refuse("Idle -> IPFilter(allow host 1.2.3) -> Discard", "expected an address near '1.2.3'");
    lab_refuse("Idle -> IPFilter(allow host) -> Discard", "a value is missing");
    lab_refuse("Idle -> IPFilter(allow udp or) -> Discard", "ends too early");
    lab_refuse("Idle -> IPFilter(allow ip[3:2] 5) -> Discard", "a slice is");
    lab_refuse("Idle -> IPFilter(allow ip ttl 256) -> Discard", "wrong value near '256'");
    lab_refuse("Idle -> IPFilter(allow host > 1.2.3.4) -> Discard",
               "only be compared by == and !=");
    lab_refuse("Idle -> IPClassifier(tcp, udp) -> Discard", "2 patterns for 1 outputs");
    text_addf(&t, "Idle -> IPFilter(allow ");
    for (int i = 0; i < 40; i++)
        text_char(&t, '(');
    text_addf(&t, "tcp");
    for (int i = 0; i < 40; i++)
        text_char(&t, ')');
    text_addf(&t, ") -> Discard");
    lab_refuse(t.s, "nested too deeply");
    text_free(&t);
}

static void byte_patterns_match_offsets_masks_and_negations(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> c :: Classifier(2/0806 6/0001, !2/0800 0/ff%0f, 1/?2, 9/77, -);"
             "c[0] -> a :: Discard; c[1] -> b :: Discard; c[2] -> d :: Discard; c[3] -> e ::"
             " Discard; c[4] -> f :: Discard");
    lab_receive_hex(0, "0000 0806 0000 0001");
    lab_receive_hex(0, "1f00 0806 0000 0002");
    lab_receive_hex(0, "0012 0800");
    lab_receive_hex(0, "0012"); /* short, but byte 1 is there */
    lab_receive_hex(0, "0000 0800 0000 0000 0077");
    lab_receive_hex(0, "0000 0800");
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 1);
    assert_int_equal(lab_number("d.count"), 2);
    assert_int_equal(lab_number("e.count"), 1);
    assert_int_equal(lab_number("f.count"), 1);
    lab_refuse("Idle -> Classifier(12/080) -> Discard",
               "1:20: Classifier@2: '12/080' is not a clause");
    lab_refuse("Idle -> Classifier(12/0800%ff) -> Discard", "is not a clause");
    lab_refuse("Idle -> Classifier(99999/00) -> Discard", "is not a clause");
    lab_refuse("Idle -> Classifier(12/0800, ) -> Discard, Discard", "");
}

static void patterns_can_be_changed_while_running(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> c :: IPClassifier(tcp, -) -> a :: Counter"
             " -> Discard; c[1] -> Discard");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("a.count"), 0);
    assert_string_equal(lab_read("c.pattern0"), "tcp");
    lab_write("c.pattern0", "udp");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("a.count"), 1);
    lab_write_fails("c.pattern0", "nonsense", "unknown primitive");
    lab_write_fails("c.config", "tcp, udp, icmp", "3 patterns for 2 outputs");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("a.count"), 2);
    assert_string_equal(lab_read("c.config"), "udp, -");
    assert_non_null(strstr(lab_read("c.program"), "ip+8/00110000%00ff0000  yes->[0]  no->[1]"));
}

static void packets_without_an_ip_header_are_dropped(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> IPFilter(allow all) -> d :: Discard");
    lab_receive_hex(0, "00");
    lab_receive_hex(
        0, "000000000000 000000000000 0800 4f00 0014 0000 0000 4006 0000 01010101 02020202");
    lab_receive_hex(
        0, "000000000000 000000000000 0800 6500 0014 0000 0000 4006 0000 01010101 02020202");
    assert_int_equal(lab_number("d.count"), 0);
    lab_receive_hex(
        0, "000000000000 000000000000 0800 4500 0014 0000 0000 4006 0000 01010101 02020202");
    assert_int_equal(lab_number("d.count"), 1);
}

/* What `name:suffix` means: the addresses that SetIPAddress then has. */
static void a_names_suffix_says_which_of_its_addresses(void **state)
{
    static const struct {
        const char *name, *ip;
    } cases[] = {
        {"a", "10.1.2.3"},
        {"a:ip", "10.1.2.3"},
        {"a:ip4", "10.1.2.3"},
        {"a:gw", "10.1.0.1"},
        {"a:bcast", "10.1.255.255"},
        {"b:gw", "9.9.9.9"},
        {"b:bcast", "8.255.255.255"},
    };
    char text[256];

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(text, sizeof(text),
                 "AddressInfo(a 10.1.2.3/16, b 8.0.0.0/8, b:gw 9.9.9.9);"
                 "Idle -> s :: SetIPAddress(%s) -> Discard",
                 cases[i].name);
        lab_load(text);
        assert_string_equal(lab_read("s.addr"), cases[i].ip);
    }
    lab_load("AddressInfo(a 10.1.2.3/16 1:2:3:4:5:6); Idle -> EtherEncap(0, a:ether, a:ethernet)"
             " -> r :: LinearIPLookup(a:net 0, a:ipnet 0, a:ip4net 0, a:ip 0) -> Discard");
    assert_non_null(strstr(lab_read("r.table"), "10.1.0.0/16"));
    assert_non_null(strstr(lab_read("r.table"), "10.1.2.3"));
    lab_refuse("AddressInfo(b 8.0.0.0/8); Idle -> SetIPAddress(b:ip) -> Discard", "'b:ip'");
    lab_refuse("AddressInfo(a 8.0.0.1); Idle -> SetIPAddress(a:gw) -> Discard", "'a:gw'");
    lab_refuse("AddressInfo(a 8.0.0.1); Idle -> SetIPAddress(a:bcast) -> Discard", "'a:bcast'");
    lab_refuse("AddressInfo(a 8.0.0.1/8); Idle -> SetIPAddress(a:net) -> Discard", "'a:net'");
    lab_refuse("AddressInfo(a 8.0.0.1/8); Idle -> SetIPAddress(a:i) -> Discard", "'a:i'");
    lab_refuse("AddressInfo(a 1:2:3:4:5:6); Idle -> EtherEncap(0, a:ip, a) -> Discard", "'a:ip'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(optimised_programs_decide_as_their_tests_do),
        LAB_TEST(primitives_match_what_they_name),
        LAB_TEST(ranges_compare_numbers),
        LAB_TEST(connectives_bind_as_documented),
        LAB_TEST(port_comparisons_imply_the_protocol),
        LAB_TEST(names_from_addressinfo_are_known),
        LAB_TEST(filters_allow_drop_and_choose_outputs),
        LAB_TEST(wrong_patterns_are_refused_where_they_are_wrong),
        LAB_TEST(byte_patterns_match_offsets_masks_and_negations),
        LAB_TEST(patterns_can_be_changed_while_running),
        LAB_TEST(packets_without_an_ip_header_are_dropped),
        LAB_TEST(a_names_suffix_says_which_of_its_addresses),
    };

    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
