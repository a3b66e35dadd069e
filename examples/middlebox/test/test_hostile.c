/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets made by somebody who has read the element: lengths that lie, counts that don't fit, the
 * one field that a parser may forget to look at. Frames end where their allocation ends, so that
 * the address sanitizer sees whoever reads on.
 */
#include "lab.h"

#define TRANSPORT (ETHER_LEN + 20)

static struct frame udp(const void *payload, size_t len)
{
    return (struct frame){.src = "10.0.0.1",
                          .dst = "10.0.0.2",
                          .proto = 17,
                          .sport = 999,
                          .dport = 53,
                          .payload = payload,
                          .payload_len = len};
}

/* A query with `questions`, for the name that `labels` are. */
static void receive_query(uint8_t questions, const uint8_t *labels, size_t len)
{
    uint8_t payload[600] = {0, 7, 1, 0, 0, questions};

    memcpy(payload + 12, labels, len);
    struct frame f = udp(payload, 12 + len);
    lab_receive_frame(0, &f);
}

static void names_that_are_none_are_not_looked_at(void **state)
{
    uint8_t labels[400] = {0};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> f :: DNSFilter(a) -> c :: Counter"
             " -> Discard");
    receive_query(1, (const uint8_t *)"\1a\0\0\1\0\1", 7);
    assert_int_equal(lab_number("f.blocked"), 1);          /* as it should be */
    receive_query(2, (const uint8_t *)"\1a\0\0\1\0\1", 7); /* two questions */
    receive_query(1, (const uint8_t *)"\1a\0\0\1", 5);     /* half a question */
    labels[0] = 64;                                        /* too long for a label */
    memcpy(labels + 65, "\1a\0\0\1\0\1", 7);
    receive_query(1, labels, 72);
    for (unsigned i = 0; i < 5; i++) /* too long for a name */
        labels[64 * i] = 63;
    memcpy(labels + 320, "\1a\0\0\1\0\1", 7);
    receive_query(1, labels, 327);
    receive_query(1, (const uint8_t *)"\1b\1a\xff\xff\xff", 7); /* has no end */
    assert_int_equal(lab_number("f.blocked"), 1);
    assert_int_equal(lab_number("c.count"), 5);
    lab_refuse(
        "Idle -> DNSFilter(0123456789012345678901234567890123456789012345678901234567890123.a)"
        " -> Discard",
        "");
}

static void tunnels_take_only_what_they_know(void **state)
{
    static const char *const headers[] = {
        "40000800 00000000", /* source routes */
        "00010800 00000000", /* another version */
        "00000806 00000000", /* neither IPv4 nor IPv6 */
        "b0000800 00000000", /* fields that are not there */
        "000008",
    };
    uint8_t payload[16];

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> g :: GREDecap -> in :: Counter -> Discard");
    for (unsigned i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        struct frame f = udp(payload, lab_hex(headers[i], payload, sizeof(payload)));

        f.proto = IPPROTO_GRE;
        lab_receive_frame(0, &f);
        assert_int_equal(lab_number("g.drops"), i + 1);
    }
    assert_int_equal(lab_number("in.count"), 0);
}

static void errors_about_what_was_never_sent_are_not_translated(void **state)
{
    struct frame f = udp(NULL, 0), error = udp(NULL, 0);
    uint8_t sent[100], quoted[4 + 28];

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(keep 0 1) -> Discard;"
             "r[1] -> Discard; FromDevice(eth1) -> CheckIPHeader(14) -> i :: ICMPRewriter(r)"
             " -> right :: Counter -> Discard; i[1] -> wrong :: Counter -> Discard");
    lab_receive_frame(0, &f);
    for (unsigned i = 0; i < 4; i++) {
        lab_frame(&f, sent);
        memset(quoted, 0, 4);
        memcpy(quoted + 4, sent + ETHER_LEN, 28);
        if (i == 1)
            quoted[4] = 0x65; /* no IPv4 */
        if (i == 2)
            quoted[4 + 7] = 1; /* a later fragment, without ports */
        error = (struct frame){.src = "10.0.0.2", .dst = "10.0.0.1", .proto = 1, .flags = 3};
        error.payload = quoted + 4;
        error.payload_len = i == 3 ? 27 : 28; /* a port is cut off */
        lab_receive_frame(1, &error);
        assert_int_equal(lab_number("wrong.count"), i);
    }
    assert_int_equal(lab_number("right.count"), 1);
}

static void a_length_that_lies_is_not_cut_into_fragments(void **state)
{
    struct frame f = udp("0123456789", 10);
    uint8_t frame[100];
    size_t len = lab_frame(&f, frame);

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> f :: IPFragmenter(68) -> c :: Counter"
             " -> Discard");
    frame[ETHER_LEN + 3] = 200; /* more than there is */
    lab_receive(0, frame, len);
    frame[ETHER_LEN + 3] = 19; /* less than the header */
    lab_receive(0, frame, len);
    assert_int_equal(lab_number("f.drops"), 2);
    assert_int_equal(lab_number("c.count"), 0);
}

/* Fragments of one packet: `len` bytes at `off`; the IP header says `claimed` bytes more. */
static void receive_fragment(uint16_t id, unsigned off, unsigned len, bool more, unsigned claimed)
{
    static const uint8_t zeros[64];
    struct frame f = udp(zeros, len);
    uint8_t frame[200];

    f.proto = 99; /* no header of its own */
    f.id = id;
    f.frag = (uint16_t)(off / 8 | (more ? 0x2000 : 0));
    size_t n = lab_frame(&f, frame);
    frame[ETHER_LEN + 3] = (uint8_t)(frame[ETHER_LEN + 3] + claimed);
    lab_receive(0, frame, n);
}

static void fragments_that_contradict_what_is_known_make_no_packet(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> r :: IPReassembler -> c :: Counter"
             " -> Discard");
    receive_fragment(1, 8, 8, false, 0);
    receive_fragment(1, 16, 8, true, 0); /* beyond the end */
    assert_int_equal(lab_number("c.count"), 0);
    receive_fragment(2, 8, 8, false, 0);
    receive_fragment(2, 16, 8, false, 0); /* another end */
    receive_fragment(2, 0, 8, true, 0);
    assert_int_equal(lab_number("c.count"), 0);
    uint64_t drops = lab_number("r.drops");
    receive_fragment(3, 0, 0, true, 0); /* of no length */
    assert_int_equal(lab_number("r.drops"), drops + 1);
    receive_fragment(4, 0, 8, true, 8); /* half of it is not there */
    receive_fragment(4, 16, 8, false, 0);
    assert_int_equal(lab_number("r.drops"), drops + 2);
    assert_int_equal(lab_number("c.count"), 0);
    receive_fragment(5, 8, 8, false, 0);
    receive_fragment(5, 0, 8, true, 0); /* as it should be */
    assert_int_equal(lab_number("c.count"), 1);
    receive_fragment(6, 16, 8, true, 0); /* lies beyond the end that is told later */
    receive_fragment(6, 8, 8, false, 0);
    assert_int_equal(lab_number("c.count"), 1);
    receive_fragment(7, 16, 8, true, 0);
    receive_fragment(7, 8, 16, true, 0); /* overlaps the one behind it */
    receive_fragment(7, 24, 8, false, 0);
    assert_int_equal(lab_number("c.count"), 1);
}

static void fragments_that_nobody_completes_age_one_by_one(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> r :: IPReassembler -> Discard");
    receive_fragment(1, 0, 8, true, 0);
    lab_pass(10000);
    receive_fragment(2, 0, 8, true, 0);
    lab_pass(25000);
    assert_int_equal(lab_number("r.drops"), 1);
    lab_pass(10000);
    assert_int_equal(lab_number("r.drops"), 2);
}

/* An ICMP error has 8 bytes of what it is about, so TCP's checksum is not among them. */
static void an_error_about_tcp_is_translated_without_a_checksum(void **state)
{
    struct frame f = udp(NULL, 0), error;
    uint8_t sent[100], quoted[28];

    (void)state;
    f.proto = 6;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(pattern 1.0.0.1 5000 - - 0"
             " 1) -> Queue -> ToDevice(eth2); r[1] -> Discard;"
             "FromDevice(eth1) -> CheckIPHeader(14) -> i :: ICMPRewriter(r) -> Queue"
             " -> ToDevice(eth3)");
    lab_receive_frame(0, &f);
    struct packet *p = lab_sent(2);
    memcpy(quoted, p->data + ETHER_LEN, 28);
    packet_kill(p);
    error = (struct frame){.src = "10.0.0.2", .dst = "1.0.0.1", .proto = 1, .flags = 3};
    error.payload = quoted;
    error.payload_len = sizeof(quoted);
    lab_receive_frame(1, &error);
    p = lab_sent(3);
    lab_frame(&f, sent);
    assert_memory_equal(p->data + p->len - 28 + 12, sent + ETHER_LEN + 12, 8 + 8);
    packet_kill(p);
}

static void what_can_be_no_flow_is_not_translated(void **state)
{
    struct frame f = udp("abcdefghijklmnopqrst", 20);

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(keep 0 1) -> Discard;"
             "r[1] -> Discard");
    f.proto = IPPROTO_GRE; /* has no ports */
    lab_receive_frame(0, &f);
    f.proto = 17;
    f.src = f.dst; /* is its own reply */
    f.sport = f.dport;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("r.drops"), 2);
    assert_int_equal(lab_number("r.table_size"), 0);
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: ICMPPingRewriter(keep 0 1) -> c ::"
             " Counter -> Discard; r[1] -> Discard");
    f = udp(NULL, 0);
    f.proto = 1;
    f.flags = 8; /* a ping */
    lab_receive_frame(0, &f);
    f.flags = 0; /* an answer, from who asked */
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 1);
    assert_int_equal(lab_number("r.drops"), 1);
}

static void a_datagram_without_a_checksum_gets_none(void **state)
{
    struct frame f = udp("abcd", 4);
    uint8_t frame[100];
    size_t len = lab_frame(&f, frame);

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(pattern 1.0.0.1 5000 - - 0"
             " 1) -> Queue -> ToDevice(eth1); r[1] -> Discard");
    frame[40] = frame[41] = 0;
    lab_receive(0, frame, len);
    struct packet *p = lab_sent(1);
    assert_int_equal(get_be16(p->data + 34), 5000);
    assert_int_equal(get_be16(p->data + 40), 0);
    packet_kill(p);
}

static void a_tcp_header_beyond_its_segment_is_not_read(void **state)
{
    static const uint8_t options[3][4] = {{1, 1, 2, 4}, {2, 0, 2, 0}, {1, 1, 1, 2}};
    struct frame f = {.src = "198.51.100.7", .dst = "10.0.0.5", .proto = 6, .flags = TCP_SYN};
    uint8_t frame[100];

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> StringMatcher(ab, PAYLOAD true) -> Strip(14)"
             " -> p :: SYNProxy -> answers :: Counter -> Discard; Idle -> [1] p [1] -> Discard");
    for (unsigned i = 0; i < 4; i++) {
        f.sport = (uint16_t)(1 + i);
        f.payload = i ? options[i - 1] : NULL;
        f.payload_len = i ? 4 : 0;
        size_t len = lab_frame(&f, frame);
        frame[TRANSPORT + 12] = i ? 0x60 : 0xf0; /* 60 bytes, of which 20 are there */
        lab_receive(0, frame, len);
        assert_int_equal(lab_number("answers.count"), i + 1); /* options are not worth a refusal */
    }
}

static void a_network_header_that_was_cut_off_is_not_gone_to(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(4) -> Strip(5) -> a :: StripToNetworkHeader"
             " -> Discard; FromDevice(eth1) -> MarkIPHeader(4) -> Truncate(3)"
             " -> b :: StripToNetworkHeader -> Discard;"
             "FromDevice(eth2) -> c :: StripToNetworkHeader -> Discard");
    for (unsigned eth = 0; eth < 3; eth++)
        lab_receive(eth, "12345678", 8);
    assert_int_equal(lab_number("a.drops"), 1);
    assert_int_equal(lab_number("b.drops"), 1);
    assert_int_equal(lab_number("c.drops"), 1);
}

static void an_error_quotes_no_padding(void **state)
{
    struct frame f = udp("x", 1);
    uint8_t frame[100] = {0};
    size_t len = lab_frame(&f, frame);

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> ICMPError(1.1.1.1, unreachable) -> Queue"
             " -> ToDevice(eth1)");
    lab_receive(0, frame, len + 20);
    struct packet *p = lab_sent(1);
    assert_int_equal(p->len, 28 + len - ETHER_LEN);
    packet_kill(p);
}

static void pings_and_replies_that_belong_together_make_flows_and_nothing_else(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 1, .flags = 0};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: ICMPPingRewriter(keep 0 0)"
             " -> c :: Counter -> Discard");
    lab_receive_frame(0, &f); /* a reply to nothing */
    f.flags = 3;
    lab_receive_frame(0, &f); /* an error */
    f.flags = 8;
    f.frag = 1;
    lab_receive_frame(0, &f); /* a later fragment */
    assert_int_equal(lab_number("r.drops"), 3);
    assert_int_equal(lab_number("r.size"), 0);
    f.frag = 0;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("r.size"), 1);
    f = (struct frame){.src = "10.0.0.2", .dst = "10.0.0.1", .proto = 1, .flags = 13};
    lab_receive_frame(0, &f); /* looks like the reply, but is none */
    assert_int_equal(lab_number("r.drops"), 4);
    assert_int_equal(lab_number("c.count"), 1);
}

static void what_a_smaller_configuration_has_no_port_for_is_not_taken_over(void **state)
{
    uint8_t learned[60] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 7}, sent[60] = {2, 0, 0, 0, 0, 7, 2};
    struct frame f = udp("x", 1);

    (void)state;
    lab_load("FromDevice(eth0) -> [0] s :: EtherSwitch; FromDevice(eth1) -> [1] s;"
             "FromDevice(eth2) -> [2] s; s[0] -> Discard; s[1] -> Discard; s[2] -> Discard;"
             "FromDevice(eth3) -> CheckIPHeader(14) -> r :: IPRewriter(keep 1 0)"
             " -> t :: IPRewriter(keep 0 1) -> Discard; r[1] -> t; t[1] -> Discard");
    lab_receive(2, learned, sizeof(learned));
    lab_receive_frame(3, &f);
    assert_int_equal(lab_number("r.size"), 1);
    assert_int_equal(lab_number("t.size"), 1);
    lab_load("FromDevice(eth0) -> [0] s :: EtherSwitch; FromDevice(eth1) -> [1] s;"
             "s[0] -> Discard; s[1] -> there :: Counter -> Discard;"
             "FromDevice(eth3) -> CheckIPHeader(14) -> r :: IPRewriter(keep 0 0)"
             " -> t :: IPRewriter(keep 0 0) -> n :: Counter -> Discard");
    assert_int_equal(lab_number("r.size"), 0);
    assert_int_equal(lab_number("t.size"), 0);
    lab_receive(0, sent, sizeof(sent)); /* goes everywhere: nobody knows the station */
    assert_int_equal(lab_number("there.count"), 1);
    lab_receive_frame(3, &f);
    assert_int_equal(lab_number("n.count"), 1);
}

static void handlers_take_no_number_that_does_not_fit(void **state)
{
    (void)state;
    lab_load("r :: IPRewriter(keep 0 0); Idle -> r -> Discard; p :: PullSwitch(0); Idle -> p"
             " -> Unqueue -> Discard");
    lab_write("p.switch", "7"); /* an input that is not there gives nothing */
    lab_run();
    lab_write_fails("r.capacity", "0", "expected a number of mappings");
    lab_write_fails("r.capacity", "99999999", "expected a number of mappings");
    lab_write_fails("r.capacity", "many", "expected a number of mappings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(names_that_are_none_are_not_looked_at),
        LAB_TEST(tunnels_take_only_what_they_know),
        LAB_TEST(errors_about_what_was_never_sent_are_not_translated),
        LAB_TEST(a_length_that_lies_is_not_cut_into_fragments),
        LAB_TEST(fragments_that_contradict_what_is_known_make_no_packet),
        LAB_TEST(fragments_that_nobody_completes_age_one_by_one),
        LAB_TEST(an_error_about_tcp_is_translated_without_a_checksum),
        LAB_TEST(what_can_be_no_flow_is_not_translated),
        LAB_TEST(a_datagram_without_a_checksum_gets_none),
        LAB_TEST(a_tcp_header_beyond_its_segment_is_not_read),
        LAB_TEST(a_network_header_that_was_cut_off_is_not_gone_to),
        LAB_TEST(an_error_quotes_no_padding),
        LAB_TEST(pings_and_replies_that_belong_together_make_flows_and_nothing_else),
        LAB_TEST(what_a_smaller_configuration_has_no_port_for_is_not_taken_over),
        LAB_TEST(handlers_take_no_number_that_does_not_fit),
    };

    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
