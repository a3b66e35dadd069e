/* SPDX-License-Identifier: BSD-2-Clause */
/* What looks into payloads, and what is told of flows. */
#define _GNU_SOURCE /* strcasestr */
#include <string.h>

#include "lab.h"

static void strings_are_found_wherever_they_are(void **state)
{
    (void)state;
    lab_load(
        "FromDevice(eth0) -> m :: StringMatcher(he, she, his, hers, \"a b\", \\<00ff>, ANNO PAINT)"
        " -> n :: Discard; m[1] -> CheckPaint(1) -> y :: Discard");
    lab_receive(0, "ushers", 6);
    assert_int_equal(lab_number("y.count"), 1); /* "she" ends first */
    lab_receive(0, "xhix", 4);
    assert_int_equal(lab_number("n.count"), 1);
    lab_receive(0, "a b", 3);
    lab_receive(0, "x\0\xff", 3);
    lab_receive(0, "", 0);
    assert_int_equal(lab_number("m.matches"), 3);
    assert_int_equal(lab_number("m.count4"), 1);
    assert_int_equal(lab_number("m.count5"), 1);
    lab_write("m.config", "X, NOCASE true");
    lab_receive(0, "ax", 2);
    assert_int_equal(lab_number("m.matches"), 4);
    lab_write_fails("m.config", "\"\"", "an empty PATTERN");
}

static void searching_agrees_with_looking_everywhere(void **state)
{
    static const char *const words[] = {"a", "ab", "bab", "bc", "bca", "c", "caa", "aaab"};
    uint32_t seed = 3;
    unsigned expected = 0;

    (void)state;
    lab_load("FromDevice(eth0) -> m :: StringMatcher(bab, bca, caa, aaab, cbcb) -> Discard");
    for (unsigned i = 0; i < 2000; i++) {
        char s[12] = "";
        bool found = false;

        for (unsigned k = 0; k < 11; k++) {
            seed = seed * 1664525u + 1013904223u;
            s[k] = (char)('a' + (seed >> 20) % 3);
        }
        found = strstr(s, words[2]) || strstr(s, words[4]) || strstr(s, words[6]) ||
                strstr(s, words[7]) || strstr(s, "cbcb");
        expected += found;
        lab_receive(0, s, 11);
    }
    assert_int_equal(lab_number("m.matches"), expected);
}

/* Strings of 3 to 70 bytes over few letters, in either case: what may be skipped depends on the
 * shortest of them, and on each two bytes of all. */
static void skipping_agrees_with_looking_everywhere(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        char words[3][80] = {0}, config[400];
        bool nocase = round & 1;
        unsigned expected = 0;

        for (unsigned w = 0; w < 3; w++) {
            unsigned len = round < 50 ? 3 + round % 9 + 2 * w : 60 + 5 * w;
            for (unsigned k = 0; k < len; k++) {
                seed = seed * 1664525u + 1013904223u;
                words[w][k] = "abAB"[seed >> 30];
            }
        }
        snprintf(config, sizeof(config),
                 "FromDevice(eth0) -> m :: StringMatcher(%s, %s, %s, NOCASE %d) -> Discard",
                 words[0], words[1], words[2], nocase);
        lab_load(config);
        for (unsigned i = 0; i < 100; i++) {
            char s[200] = "";
            unsigned len = (seed >> 8) % 190;

            for (unsigned k = 0; k < len; k++) {
                seed = seed * 1664525u + 1013904223u;
                s[k] = "abABabABabABz"[(seed >> 20) % 13];
            }
            if (i % 3 == 0 && len >= strlen(words[0])) /* at an end, where a window just fits */
                memcpy(i % 2 ? s : s + len - strlen(words[0]), words[0], strlen(words[0]));
            bool found = false;
            for (unsigned w = 0; w < 3; w++)
                found |= (nocase ? strcasestr(s, words[w]) : strstr(s, words[w])) != NULL;
            expected += found;
            lab_receive(0, s, len);
        }
        assert_int_equal(lab_number("m.matches"), expected);
    }
}

/* A DNS query for a name. */
static size_t query(const char *name, uint8_t *out)
{
    size_t n = 12;

    memset(out, 0, 300);
    out[0] = 0xab;
    out[2] = 1;
    out[5] = 1;
    while (*name) {
        size_t len = strcspn(name, ".");

        out[n++] = (uint8_t)len;
        memcpy(out + n, name, len);
        n += len;
        name += len + (name[len] == '.');
    }
    out[n + 2] = 1;
    out[n + 4] = 1;
    return n + 5;
}

static void unwanted_names_are_answered_with_no_such_name(void **state)
{
    uint8_t dns[300];
    struct frame f = {.src = "10.0.0.5",
                      .dst = "8.8.8.8",
                      .proto = 17,
                      .sport = 777,
                      .dport = 53,
                      .payload = dns};
    struct packet *p;

    (void)state;
    lab_load(
        "FromDevice(eth0) -> CheckIPHeader(14) -> d :: DNSFilter(ads.example, Bad.test, evil.org)"
        " -> a :: Counter -> Discard; d[1] -> EtherMirror -> Queue -> ToDevice(eth0)");
    f.payload_len = query("www.example", dns);
    lab_receive_frame(0, &f);
    f.payload_len = query("notads.example", dns);
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("a.count"), 2);
    f.payload_len = query("x.y.ADS.example", dns);
    lab_receive_frame(0, &f);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_memory_equal(p->data + 26, "\x08\x08\x08\x08\x0a\0\0\x05", 8);
    assert_int_equal(get_be16(p->data + 44) & 0x800f, 0x8003);
    packet_kill(p);
    f.payload_len = query("bad.test", dns);
    lab_receive_frame(0, &f);
    packet_kill(lab_sent(0));
    /* malformed questions are none of ours: a label that runs out, compression, no end */
    dns[12] = 63;
    lab_receive_frame(0, &f);
    dns[12] = 0xc0;
    lab_receive_frame(0, &f);
    f.payload_len = 19;
    lab_receive_frame(0, &f);
    lab_expect_silence(0);
    assert_int_equal(lab_number("d.blocked"), 2);
    lab_refuse("Idle -> DNSFilter(\"a b\") -> Discard", "is not a DNS name");
}

static void flows_are_exported_when_they_end(void **state)
{
    struct frame f = {.src = "10.0.0.5",
                      .dst = "8.8.8.8",
                      .proto = 6,
                      .sport = 777,
                      .dport = 80,
                      .flags = TCP_SYN};
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> m :: FlowMeter(INACTIVE 5, CAPACITY 3)"
             " -> d :: Discard; m[1] -> Queue -> ToDevice(eth1)");
    lab_receive_frame(0, &f);
    f.flags = TCP_ACK;
    lab_receive_frame(0, &f);
    assert_string_equal(lab_read("m.table"), "10.0.0.5 777 8.8.8.8 80 6 2 80\n");
    lab_pass(6000);
    p = lab_sent(1);
    assert_int_equal(get_be16(p->data), 9);
    assert_int_equal(get_be16(p->data + 2), 2); /* a template and a flow */
    assert_int_equal(get_be16(p->data + 20), 0);
    assert_int_equal(get_be16(p->data + 22) % 4, 0);
    assert_int_equal(get_be16(p->data + 20 + get_be16(p->data + 22)), 256);
    assert_int_equal(get_be16(p->data + 22 + get_be16(p->data + 22)), 44);
    assert_int_equal(p->len, 20 + get_be16(p->data + 22) + 44);
    assert_int_equal(get_be32(p->data + p->len - 40 + 14), 2);
    assert_int_equal(p->data[p->len - 40 + 34], TCP_SYN | TCP_ACK);
    packet_kill(p);
    for (unsigned i = 0; i < 10; i++) {
        f.sport = (uint16_t)i;
        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("m.flows"), 3);
    lab_write("m.flush", "");
    assert_int_equal(lab_number("m.exported"), 11);
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
    assert_true(lab_run() >= NEVER || lab_number("m.flows") == 0);
}

static void rates_are_measured_finer_where_there_is_more(void **state)
{
    struct frame f = {.src = "10.1.2.3", .dst = "8.8.8.8", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> m :: IPRateMonitor(PACKETS, 1, 50, 100)"
             " -> Discard");
    for (unsigned i = 0; i < 3000; i++) {
        lab_receive_frame(0, &f);
        host_advance(1000000);
    }
    assert_non_null(strstr(lab_read("m.look"), "10.1.2.3/32\t"));
    assert_null(strstr(lab_read("m.look 16"), "10.1.2.0/24"));
    assert_true(lab_number("m.tables") <= 7);
    lab_write("m.reset", "");
    assert_int_equal(lab_number("m.tables"), 1);
    lab_refuse("Idle -> IPRateMonitor(PACKETS, 0, 50) -> Discard", "RATIO must be above 0");
}

static void a_header_is_no_payload(void **state)
{
    struct frame f = {.src = "97.98.99.1", .dst = "2.2.2.2"};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> m :: StringMatcher(abc, PAYLOAD true)"
             " -> Discard; m[1] -> Discard");
    for (unsigned i = 0; i < 3; i++) {
        f.proto = (uint8_t[]){6, 17, 1}[i];
        f.payload = "x";
        f.payload_len = 1;
        lab_receive_frame(0, &f);
        assert_int_equal(lab_number("m.matches"), i);
        f.payload = "abc";
        f.payload_len = 3;
        lab_receive_frame(0, &f);
        assert_int_equal(lab_number("m.matches"), i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_header_is_no_payload),
        LAB_TEST(strings_are_found_wherever_they_are),
        LAB_TEST(searching_agrees_with_looking_everywhere),
        LAB_TEST(skipping_agrees_with_looking_everywhere),
        LAB_TEST(unwanted_names_are_answered_with_no_such_name),
        LAB_TEST(flows_are_exported_when_they_end),
        LAB_TEST(rates_are_measured_finer_where_there_is_more),
    };

    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
