/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that are not what an element expects: too short, without the header it looks for, with
 * fields that contradict each other. Each is dropped, or passes as it is; never anything else.
 */
#include "lab.h"

/* An element between two wires, a packet for it, and what must come out: "" for nothing. */
struct damaged {
    const char *element, *in, *out;
};

#define ETHER "020000000001 020000000002 0800 "
#define IP20  "45000014 00010000 40fd2cd6 01020304 05060708"

static const struct damaged packets[] = {
    /* no IP header was marked */
    {"DecIPTTL", ETHER IP20, ""},
    {"FixIPSrc(1.1.1.1)", ETHER IP20, ETHER IP20},
    {"IPMirror", ETHER IP20, ""},
    {"SetIPChecksum", ETHER IP20, ""},
    {"SetTCPChecksum", ETHER IP20, ""},
    {"SetUDPChecksum", ETHER IP20, ""},
    {"GetIPAddress(IP src)", ETHER IP20, ""},
    {"StoreIPAddress(1.1.1.1, src)", ETHER IP20, ""},
    {"StripIPHeader", ETHER IP20, ""},
    {"StripToNetworkHeader", ETHER IP20, ""},
    {"IPGWOptions(1.1.1.1)", ETHER IP20, ""},
    {"IPFragmenter(100)", ETHER IP20, ""},
    {"IPReassembler", ETHER IP20, ""},
    {"ICMPError(1.1.1.1, unreachable)", ETHER IP20, ""},
    {"ICMPPingResponder", ETHER IP20, ""},
    {"GREDecap", ETHER IP20, ""},
    {"VXLANDecap", ETHER IP20, ""},
    {"IPFilter(allow all)", ETHER IP20, ""},
    {"IPPrint", ETHER IP20, ETHER IP20},
    {"IPRateMonitor(PACKETS, 1, 50)", ETHER IP20, ETHER IP20},
    {"FlowMeter", ETHER IP20, ETHER IP20},
    {"DNSFilter(a)", ETHER IP20, ETHER IP20},
    {"StringMatcher(never, PAYLOAD true)", ETHER IP20, ETHER IP20},
    {"IPRewriter(keep 0 0)", ETHER IP20, ""},
    {"ICMPPingRewriter(keep 0 0)", ETHER IP20, ""},
    /* too short for what is read or written */
    {"EtherMirror", "0102030405060708090a0b0c08", ""},
    {"EtherRewrite(2:0:0:0:0:1, 2:0:0:0:0:2)", "0102030405060708090a0b0c08", ""},
    {"HostEtherFilter(2:0:0:0:0:1)", "0102030405060708090a0b0c08", ""},
    {"ARPResponder(1.2.3.4 2:0:0:0:0:1)", "ffffffffffff 020000000002 0806 0001080006040001", ""},
    {"IP6NDAdvertiser(fd00::/8 2:0:0:0:0:1)", ETHER "86dd 6000", ""},
    {"GetIPAddress(16)", "0102030405060708090a0b0c0d0e0f101112", ""},
    {"StoreIPAddress(1.1.1.1, 16)", "0102030405060708090a0b0c0d0e0f101112", ""},
    {"Strip(5)", "01020304", ""},
    {"CheckLength(4)", "0102030405", ""},
    {"CheckIPHeader(14)", ETHER "4500", ""},
    {"CheckIP6Header(OFFSET 14)", ETHER "60000000 0000", ""},
    {"HashSwitch(10, 4)", "0102", "0102"},
    {"Classifier(10/01)", "0102", ""},
    /* IPv6 headers that contradict themselves */
    {"CheckIP6Header",
     "50000000 00003bff 00000000000000000000000000000001"
     "00000000000000000000000000000002",
     ""},
    {"CheckIP6Header",
     "60000000 00013bff 00000000000000000000000000000001"
     "00000000000000000000000000000002",
     ""},
    {"CheckIP6Header",
     "60000000 00003bff ff020000000000000000000000000001"
     "00000000000000000000000000000002",
     ""},
    {"CheckIP6Header(BADADDRS fd00::1)",
     "60000000 00003bff fd000000000000000000000000000001"
     "00000000000000000000000000000002",
     ""},
    /* what comes behind a good IP header */
    {"CheckIPHeader -> GREDecap", "45000016 00010000 402f2da2 01020304 05060708 0000", ""},
    {"CheckIPHeader -> GREDecap", "45000018 00010000 402f2da0 01020304 05060708 20000800", ""},
    {"CheckIPHeader -> GREDecap", "45000018 00010000 402f2da0 01020304 05060708 00010800", ""},
    {"CheckIPHeader -> GREDecap", "45000018 00010000 402f2da0 01020304 05060708 00000806", ""},
    {"CheckIPHeader -> ICMPPingResponder", "45000018 00010000 40012dce 01020304 05060708 0800f7ff",
     ""},
    {"CheckIPHeader -> ICMPPingResponder",
     "4500001c 00010000 40012dca 01020304 05060708 0000ffff 00000000", ""},
    {"CheckIPHeader -> IPRewriter(keep 0 0)",
     "45000018 00010000 40062dc9 01020304 05060708 00010002", ""},
    {"CheckIPHeader -> IPRewriter(keep 0 0)",
     "45000018 00010000 40112dbe 01020304 05060708 00010002", ""},
    {"CheckIPHeader -> IPRewriter(keep 0 0)",
     "4500001c 00010001 40112db9 01020304 05060708 00010002"
     "00080000",
     ""},
    {"CheckIPHeader -> TCPRewriter(keep 0 0)",
     "4500001c 00010000 40112dba 01020304 05060708"
     "00010002 00080000",
     ""},
    {"CheckIPHeader -> ICMPPingRewriter(keep 0 0)",
     "45000018 00010000 40012dce 01020304 05060708"
     "0800f7ff",
     ""},
    {"CheckIPHeader -> ICMPPingRewriter(keep 0 0)",
     "4500001c 00010000 40012dca 01020304 05060708"
     "0300f7ff 00000000",
     ""},
};

static void elements_drop_what_they_cannot_read(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
        const struct damaged *d = &packets[i];
        uint8_t in[256], out[256];
        size_t n_in = lab_hex(d->in, in, sizeof(in)), n_out = lab_hex(d->out, out, sizeof(out));
        char config[512];
        struct packet *p;

        snprintf(config, sizeof(config), "FromDevice(eth0) -> %s -> Queue -> ToDevice(eth1)",
                 d->element);
        lab_load(config);
        lab_receive(0, in, n_in);
        p = host_sent(lab.eth[1]);
        if ((p ? p->len : 0) != n_out || (p && memcmp(p->data, out, n_out) != 0)) {
            print_error("%s: %s\n    %s came out\n", d->element, d->in,
                        p ? "something else" : "nothing");
            failures++;
        }
        packet_kill_batch(p);
    }
    assert_int_equal(failures, 0);
}

/* IP options as routers fill them in: each that is wrong is reported with its place in the header.
 */
static void wrong_ip_options_are_reported_where_they_are_wrong(void **state)
{
    static const struct {
        const char *options;
        int at; /* -1: they are fine */
    } cases[] = {
        {"01010100", -1},          /* no operation, three times */
        {"07030400", -1},          /* record route, full */
        {"07020000", 21},          /* its length has no room for a pointer */
        {"07030300", 22},          /* the pointer points into the option's own head */
        {"07070300 00000000", 22}, /* where there is room, too */
        {"07070600 00000000", 22}, /* the pointer leaves less than an address */
        {"44030500", 21},          /* time stamps: the length has no room for the flags */
        {"44080400 00000000", 22}, /* the pointer is too low */
        {"44080502 00000000", 23}, /* flags that mean nothing */
        {"44040500", -1},          /* full: the overflow is counted */
        {"440405f0", 23},          /* and is full itself */
        {"44080600 00000000", 22}, /* no room for a time */
        {"44080501 00000000", 22}, /* no room for an address and a time */
        {"44080500 00000000", -1},
        {"440c0503 09090909 00000000", -1}, /* for another router: left alone */
        {"440c0503 01010101 00000000", -1},
        {"44200000", 21}, /* longer than the header */
        {"83010000", 21}, /* of length 1 */
        {"010183", -2},
    };

    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader2 -> o :: IPGWOptions(1.1.1.1) -> ok "
             ":: Counter"
             " -> Discard; o[1] -> ICMPError(2.2.2.2, parameterproblem) -> Queue"
             " -> ToDevice(eth1)");
    for (unsigned i = 0; cases[i].at != -2; i++) {
        uint8_t data[80];
        size_t n = lab_hex(ETHER IP20, data, sizeof(data));

        n += lab_hex(cases[i].options, data + n, 40);
        data[14] = (uint8_t)(0x40 | (n - 14) / 4);
        data[17] = (uint8_t)(n - 14);
        lab_write("ok.reset", "");
        lab_receive(0, data, n);
        assert_int_equal(lab_number("ok.count"), cases[i].at < 0);
        if (cases[i].at >= 0) {
            struct packet *p = lab_sent(1);

            if (p->data[24] != cases[i].at)
                fail_msg("%s: %u instead of %d", cases[i].options, p->data[24], cases[i].at);
            packet_kill(p);
        }
    }
}

/* Does an error go out about such a packet? */
static void no_errors_about_groups_nobody_and_other_errors(void **state)
{
    static const struct {
        const char *src, *dst;
        uint8_t proto, flags;
        uint16_t frag;
        const uint8_t mac[6];
        bool told;
    } cases[] = {
        {"10.0.0.1", "10.0.0.2", 17, 0, 0, {2}, true},
        {"10.0.0.1", "10.0.0.2", 1, 8, 0, {2}, true},
        {"10.0.0.1", "10.0.0.2", 17, 0, 0, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false},
        {"10.0.0.1", "10.0.0.2", 17, 0, 0, {1, 0, 0x5e, 0, 0, 1}, false},
        {"10.0.0.1", "10.0.0.2", 17, 0, 1, {2}, false},
        {"0.0.0.0", "10.0.0.2", 17, 0, 0, {2}, false},
        {"224.0.0.1", "10.0.0.2", 17, 0, 0, {2}, false},
        {"255.255.255.255", "10.0.0.2", 17, 0, 0, {2}, false},
        {"10.0.0.1", "224.0.0.1", 17, 0, 0, {2}, false},
        {"10.0.0.1", "255.255.255.255", 17, 0, 0, {2}, false},
        {"10.0.0.255", "10.0.0.2", 17, 0, 0, {2}, false},
        {"10.0.0.1", "10.0.0.255", 17, 0, 0, {2}, false},
        {"10.0.0.1", "10.0.0.2", 1, 3, 0, {2}, false},
        {"10.0.0.1", "10.0.0.2", 1, 5, 0, {2}, false},
        {"10.0.0.1", "10.0.0.2", 1, 11, 0, {2}, false},
        {"10.0.0.1", "10.0.0.2", 1, 12, 0, {2}, false},
    };

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> ICMPError(9.9.9.9, unreachable, net,"
             " 10.0.0.255) -> told :: Counter -> Discard");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct frame f = {.src = cases[i].src,
                          .dst = cases[i].dst,
                          .proto = cases[i].proto,
                          .flags = cases[i].flags,
                          .frag = cases[i].frag,
                          .dst_mac = cases[i].mac};

        lab_write("told.reset", "");
        lab_receive_frame(0, &f);
        if (lab_number("told.count") != cases[i].told)
            fail_msg("case %u", i);
    }
}

/* Fragments of one packet: offset in 8 bytes, with or without more to come, and bytes. */
struct piece {
    uint16_t off;
    bool more;
    uint16_t len;
};

static void receive_piece(uint16_t id, const struct piece *p)
{
    static const uint8_t zeros[2000];
    struct frame f = {.src = "10.0.0.1",
                      .dst = "10.0.0.2",
                      .proto = 253,
                      .id = id,
                      .frag = (uint16_t)(p->off | (p->more ? 0x2000 : 0)),
                      .payload = zeros,
                      .payload_len = p->len};

    lab_receive_frame(0, &f);
}

static void fragments_that_contradict_each_other_make_no_packet(void **state)
{
    static const struct piece rows[][4] = {
        {{0, true, 16}, {1, true, 16}, {2, false, 8}},        /* one overlaps another */
        {{0, true, 16}, {2, false, 8}, {4, false, 8}},        /* two last ones */
        {{4, true, 16}, {0, true, 32}, {2, false, 8}},        /* the last lies inside */
        {{0, true, 15}, {2, false, 8}},                       /* a piece that is no multiple of 8 */
        {{0, true, 16}, {0x1fff, false, 100}, {2, false, 8}}, /* beyond 65535 */
        {{0, true, 0}, {1, false, 8}},                        /* an empty one */
    };

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPReassembler -> whole :: Counter"
             " -> Discard");
    for (uint16_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (unsigned k = 0; k < 4 && (rows[i][k].len || rows[i][k].more); k++)
            receive_piece((uint16_t)(i + 1), &rows[i][k]);
        if (i != 1 && lab_number("whole.count"))
            fail_msg("row %u", i);
        lab_write("whole.reset", "");
    }
    lab_pass(40000); /* they are given up */
}

/* A capture of one record: what it says of its length, and what is there of it. */
static void read_capture(uint32_t says, size_t head, size_t body)
{
    static uint8_t file[24 + 16 + 70000];
    const uint32_t magic = 0xa1b2c3d4, link_type = 1;

    memset(file, 0, sizeof(file));
    memcpy(file, &magic, 4);
    memcpy(file + 20, &link_type, 4);
    memcpy(file + 32, &says, 4);
    memcpy(file + 36, &says, 4);
    lab_load("Idle -> Discard"); /* the count begins anew */
    host_file_set("in.pcap", file, 24 + head + body);
    lab_load("FromDump(in.pcap) -> out :: Counter -> Discard");
}

static void a_capture_ends_where_a_record_is_wrong(void **state)
{
    (void)state;
    read_capture(60, 16, 60);
    assert_int_equal(lab_number("out.count"), 1);
    read_capture(65535, 16, 65535); /* the longest */
    assert_int_equal(lab_number("out.count"), 1);
    read_capture(65536, 16, 65536); /* too long, although all of it is there */
    assert_int_equal(lab_number("out.count"), 0);
    assert_true(lab_logged("'in.pcap' is damaged at byte 40"));
    read_capture(0, 10, 0); /* a header cut short, of a record that would be empty */
    assert_int_equal(lab_number("out.count"), 0);
    assert_true(lab_logged("'in.pcap' is damaged at byte 25"));
    read_capture(60, 16, 59);
    assert_int_equal(lab_number("out.count"), 0);
    assert_true(lab_logged("'in.pcap' is damaged at byte 40"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(elements_drop_what_they_cannot_read),
        LAB_TEST(wrong_ip_options_are_reported_where_they_are_wrong),
        LAB_TEST(no_errors_about_groups_nobody_and_other_errors),
        LAB_TEST(fragments_that_contradict_each_other_make_no_packet),
        LAB_TEST(a_capture_ends_where_a_record_is_wrong),
    };

    return cmocka_run_group_tests_name("damaged", tests, NULL, NULL);
}
