/* SPDX-License-Identifier: BSD-2-Clause */
/* Values at their limits, and beyond: what configurations, handlers and packets may ask for. */
#include "lab.h"

#define ETHER_IP "020000000001 020000000002 0800 "

static void a_ping_is_not_longer_than_a_packet(void **state)
{
    static char data[65600];
    struct text conf = {0};

    (void)state;
    for (unsigned len = 65507; len <= 65508; len++) {
        memset(data, 'x', len);
        data[len] = '\0';
        text_addf(&conf, "ICMPPingSource(1.1.1.1, 2.2.2.2, DATA \"%s\") -> Discard", data);
        if (len == 65507)
            lab_load(conf.s);
        else
            lab_refuse(conf.s, "DATA must be shorter than 64 KiB");
        text_free(&conf);
    }
}

static void pings_come_once_in_a_millisecond_at_most(void **state)
{
    (void)state;
    lab_load("p :: ICMPPingSource(1.1.1.1, 2.2.2.2, INTERVAL 0.001) -> c :: Counter -> Discard");
    lab_write("p.interval", "0");
    lab_pass(100);
    assert_in_range(lab_number("c.count"), 99, 101);
}

static void a_round_trip_has_an_end_in_its_counter(void **state)
{
    uint8_t answer[128];

    (void)state;
    lab_load(
        "p :: ICMPPingSource(1.1.1.1, 2.2.2.2, INTERVAL 10000s) -> EtherEncap(0x800, eth0, eth1)"
        " -> Queue -> ToDevice(eth0); FromDevice(eth0) -> CheckIPHeader(14) -> Strip(14)"
        " -> ICMPPingResponder -> [0] p");
    lab_pass(10000000);
    struct packet *ping = lab_sent(0);
    assert_in_range(ping->len, 42, sizeof(answer));
    size_t len = ping->len;
    memcpy(answer, ping->data, len);
    packet_kill(ping);
    lab_pass(4400000);
    lab_receive(0, answer, len);
    assert_string_equal(lab_read("p.rtt_max"), "4294.967295");
}

static void a_packet_fills_one_line_of_the_log_at_most(void **state)
{
    static uint8_t packet[8000];

    (void)state;
    packet[14] = 0x45;
    packet[23] = 253;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const elements[] = {"Print(a, MAXLENGTH -1)",
                                               "IPPrint(a, CONTENTS HEX, MAXLENGTH -1)",
                                               "IPPrint(a, CONTENTS ASCII, MAXLENGTH -1)"};
        struct text conf = {0};

        host.log.len = 0;
        text_addf(&conf, "FromDevice(eth0) -> MarkIPHeader(14) -> %s -> Discard", elements[i]);
        lab_load(conf.s);
        text_free(&conf);
        lab_receive(0, packet, sizeof(packet));
        assert_in_range(host.log.len, 4096, 4096 * 9 / 4 + 200);
    }
    host.log.len = 0;
}

static void what_is_not_to_be_printed_is_not(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> IPPrint(a, CONTENTS NONE, TIMESTAMP false)"
             " -> Discard");
    lab_receive_hex(0, ETHER_IP "45000018 00000000 40fd0000 01020304 05060708 0a0b0c0d");
    assert_string_equal(host.log.s, "a: 1.2.3.4 > 5.6.7.8: ip-proto-253\n");
    host.log.len = 0;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> IPPrint(a) -> Discard");
    lab_receive_hex(0, ETHER_IP "45000014 00000000 40fd0000 01020304 05060708");
    assert_string_equal(host.log.s, "a: 1700000000.000000: 1.2.3.4 > 5.6.7.8: ip-proto-253\n");
    host.log.len = 0;
}

static void arguments_take_a_bounded_memory_together(void **state)
{
    struct text conf = {0};

    (void)state;
    text_addf(&conf, "define($x \"");
    for (unsigned i = 0; i < 60000; i++)
        text_char(&conf, 'x');
    text_addf(&conf, "\");\n");
    for (unsigned i = 0; i < 300; i++)
        text_addf(&conf, "Idle -> Print($x) -> Discard;\n");
    lab_refuse(conf.s, "configuration too large");
    text_free(&conf);
}

static void patterns_have_a_bounded_number_of_states(void **state)
{
    struct text conf = {0};
    char tail[200] = "";

    (void)state;
    memset(tail, 'x', sizeof(tail) - 1);
    text_addf(&conf, "Idle -> StringMatcher(a");
    for (unsigned i = 0; i < 400; i++)
        text_addf(&conf, ", %u%s", i, tail);
    text_addf(&conf, ") -> Discard");
    lab_refuse(conf.s, "patterns too large");
    text_free(&conf);
}

static void rates_fall_to_nothing_and_their_tables_go_to_others(void **state)
{
    uint8_t frame[] = {2,  0, 0, 0, 0, 1,  2,   0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0,
                       20, 0, 0, 0, 0, 64, 253, 0, 0, 9, 1, 1, 1, 5, 6,    7, 8};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> m :: IPRateMonitor(PACKETS, 1, 40, MEMORY 1)"
             " -> Discard");
    assert_int_equal(lab_number("m.memmax"), 100); /* KiB: what is less is taken for it */
    for (unsigned host_byte = 1; host_byte <= 40; host_byte++) {
        frame[26] = (uint8_t)host_byte;
        for (unsigned i = 0; i < 40; i++) { /* 100 a second, from one host after the other */
            lab_receive(0, frame, sizeof(frame));
            lab_pass(10);
        }
        assert_in_range(lab_number("m.tables"), 1, 12);
        lab_pass(3000);
        lab_receive(0, frame, sizeof(frame));
    }
    for (unsigned i = 0; i < 100; i++) {
        lab_receive(0, frame, sizeof(frame));
        lab_pass(10);
    }
    assert_non_null(strstr(lab_read("m.look 32"), "40.1.1.1/32"));
    lab_pass(315360000000); /* ten years */
    assert_string_equal(strchr(lab_read("m.look"), '\n'), "\n");
}

static void a_capture_that_can_not_be_written_on_ends(void **state)
{
    static uint8_t packet[8000];

    (void)state;
    host.file_max = 100000;
    lab_load("FromDevice(eth0) -> d :: ToDump(out, SNAPLEN 0) -> c :: Counter -> Discard");
    for (unsigned i = 0; i < 20; i++)
        lab_receive(0, packet, sizeof(packet));
    assert_int_equal(lab_number("d.count"), 12);
    assert_int_equal(lab_number("c.count"), 20);
    assert_true(lab_logged("d: cannot write 'out': no more packets"));
}

static void a_capture_is_passed_over_in_parts(void **state)
{
    struct text file = {0};
    static const char header[24] = "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0";

    (void)state;
    text_add(&file, header, sizeof(header));
    for (uint32_t i = 1; i <= 2000; i++) {
        uint32_t record[4] = {i, 0, 16, 16};
        text_add(&file, record, sizeof(record));
        text_add(&file, header, 16);
    }
    host_file_set("long", file.s, file.len);
    lab_load("FromDump(long, START 1999, STOP true) -> c :: Counter -> Discard");
    assert_int_equal(lab_number("c.count"), 2);
    /* One run must not pass over all. */
    static const char conf[] = "d :: FromDump(long, START 1999) -> Discard";
    assert_int_equal(engine_load(lab.eng, conf, sizeof(conf) - 1, NULL), 0);
    assert_int_equal(engine_run(lab.eng, 1), 0);
    assert_in_range(lab_number("d.filepos"), 1, file.len / 2);
    text_free(&file);
}

static void what_has_no_ports_keeps_its_bytes(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> IPMirror -> Queue -> ToDevice(eth1)");
    lab_receive_hex(0, ETHER_IP "4500001c 00000000 40fd0000 01020304 05060708 0a0b0c0d 01020304");
    lab_expect_hex(1, ETHER_IP "4500001c 00000000 40fd0000 05060708 01020304 0a0b0c0d 01020304");
}

static void one_entry_is_removed_and_the_others_stay(void **state)
{
    (void)state;
    lab_load("Idle -> r :: ARPResponder(1.0.0.1 2:0:0:0:0:1, 1.0.0.0/8 2:0:0:0:0:2, 2.0.0.1"
             " 2:0:0:0:0:3) -> Discard");
    lab_write("r.remove", "1.0.0.1/32");
    assert_string_equal(lab_read("r.table"), "1.0.0.0/8 02-00-00-00-00-02\n"
                                             "2.0.0.1/32 02-00-00-00-00-03\n");
    lab_write_fails("r.remove", "1.0.0.1/32", "no such entry");
}

/* Half of them are measured, and count twice. */
static void what_is_not_measured_is_reckoned_in(void **state)
{
    unsigned long from = 0;

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> m :: IPRateMonitor(PACKETS, 0.5, 1000)"
             " -> Discard");
    for (unsigned i = 0; i < 400; i++) {
        lab_receive_hex(0, ETHER_IP "45000014 00000000 40fd0000 01020304 05060708");
        lab_pass(10);
    }
    assert_int_equal(sscanf(strchr(lab_read("m.look 8"), '\t'), "%lu", &from), 1);
    assert_in_range(from, 75, 130);
}

static uint16_t checksum_by_words(const uint8_t *data, uint32_t len)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < len; i++)
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return host_to_be16((uint16_t)~sum);
}

static void checksums_are_of_all_bytes(void **state)
{
    uint8_t data[32];

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 77 + 3);
    for (uint32_t len = 0; len <= sizeof(data); len++)
        assert_int_equal(checksum(data, len), checksum_by_words(data, len));
}

static void packets_that_are_not_ip_are_not_taken_for_it(void **state)
{
    static const char *const elements[] = {
        "IPMirror",      "StoreIPAddress(src)",   "GetIPAddress(16)",
        "IPReassembler", "SetIPAddress(1.2.3.4)", "SetAnnoByte(19, 1) -> FixIPSrc(1.1.1.1)"};

    (void)state;
    for (unsigned i = 0; i < sizeof(elements) / sizeof(*elements); i++) {
        struct text conf = {0};

        text_addf(&conf, "FromDevice(eth0) -> %s -> Discard", elements[i]);
        lab_load(conf.s);
        text_free(&conf);
        lab_receive_hex(0, "");
        lab_receive_hex(0, "45000014 00000000 40fd0000");
    }
}

static void a_tunnel_s_key_is_in_its_header(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> GREEncap(1.1.1.1, 2.2.2.2, KEY"
             " 0x01020304) -> Strip(20) -> Queue -> ToDevice(eth1)");
    lab_receive_hex(0, ETHER_IP "45000014 00000000 40fd69da 01020304 05060708");
    lab_expect_hex(1, "2000 0800 01020304 45000014 00000000 40fd69da 01020304 05060708");
}

static void a_capture_s_end_calls_a_handler(void **state)
{
    static const char header[24] = "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\1\0\0";

    (void)state;
    host_file_set("in", header, sizeof(header));
    lab_load("FromDump(in, END_CALL s.switch -1) -> Discard; Idle -> s :: Switch -> Discard");
    assert_string_equal(lab_read("s.switch"), "-1");
}

static void a_rewriter_s_handlers_tell_what_it_has(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .sport = 7, .dport = 9};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(pattern 1.2.3.4 - - - 0 0)"
             " -> Discard; Idle -> t :: IPRewriter(keep 0 0, MAPPING_CAPACITY r) -> Discard;"
             " Idle -> u :: IPRewriter(keep 0 0, MAPPING_CAPACITY 100) -> Discard;"
             " Idle -> v :: IPRewriter(keep 0 0, MAPPING_CAPACITY u) -> Discard");
    assert_string_equal(lab_read("r.patterns"), "1.2.3.4 - - -\n");
    assert_string_equal(lab_read("v.capacity"), "100 12");
    lab_receive_frame(0, &f);
    f.proto = 6;
    f.flags = 2;
    lab_receive_frame(0, &f);
    assert_string_equal(lab_read("r.size"), "2");
    assert_null(strstr(lab_read("r.udp_table") + 1, "\n("));
    assert_non_null(strstr(lab_read("r.table") + 1, "\n("));
    assert_null(strstr(lab_read("r.tcp_table") + 1, "\n("));
}

static void a_host_without_a_block_takes_no_place(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "9.9.9.9", .proto = 17, .dport = 9};
    static const char *const later[] = {"10.0.0.3", "10.0.0.4"};

    (void)state;
    lab_load("m :: PortBlockMapper(192.0.2.1, 0, 1, PORTS 1024-1027, BLOCK 2, BLOCKS_PER_HOST 2);"
             "FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(m, UDP_TIMEOUT 10, "
             "UDP_GUARANTEE 1)"
             " -> c :: Counter -> Discard; r[1] -> Discard");
    for (f.sport = 1; f.sport <= 4; f.sport++)
        lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 4); /* all that there is */
    f.src = "10.0.0.2";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 4);
    lab_pass(2000000);
    for (unsigned i = 0; i < 2; i++) {
        f.src = later[i];
        lab_receive_frame(0, &f);
        assert_int_equal(lab_number("c.count"), 5 + i);
    }
}

static void a_rate_of_nothing_lets_nothing_through(void **state)
{
    static const char *const configs[] = {
        "InfiniteSource(LIMIT 50) -> Queue -> e :: RatedUnqueue(1) -> c :: Counter -> Discard",
        "InfiniteSource(LIMIT 50) -> Queue -> e :: BandwidthRatedUnqueue(1Bps) -> c :: Counter"
        " -> Discard",
        "InfiniteSource(LIMIT 50) -> Queue -> e :: Shaper(1) -> c :: Counter -> Unqueue -> Discard",
        "InfiniteSource(LIMIT 50) -> Queue -> e :: BandwidthShaper(1Bps) -> c :: Counter -> Unqueue"
        " -> Discard",
        "e :: RatedSource(RATE 1) -> c :: Counter -> Discard",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
        lab_load("Idle -> Discard");
        lab_load(configs[i]);
        lab_pass(1000);
        lab_write("e.rate", "0");
        uint64_t before = lab_number("c.count");
        lab_pass(100000);
        assert_in_range(lab_number("c.count"), before, before + 1);
        lab_write("e.rate", "10");
        lab_pass(2000);
        assert_in_range(lab_number("c.count"), before + (i % 2 ? 0 : 10), before + 50);
    }
}

static void sources_that_are_pulled_from_have_their_limits_too(void **state)
{
    (void)state;
    lab_load("s :: InfiniteSource(LIMIT 3, ACTIVE false) -> Unqueue -> c :: Counter -> Discard");
    lab_pass(10);
    assert_int_equal(lab_number("c.count"), 0);
    lab_write("s.active", "true");
    lab_pass(10);
    assert_int_equal(lab_number("c.count"), 3);
    lab_load("RatedSource(BANDWIDTH 2000Bps, LENGTH 100) -> d :: Counter -> Discard");
    lab_pass(10000);
    assert_in_range(lab_number("d.count"), 195, 206);
    lab_load("TimedSource(LIMIT 2, STOP false) -> e :: Counter -> Discard");
    lab_pass(10000);
    assert_int_equal(lab_number("e.count"), 2);
}

static void a_red_that_is_not_gentle_drops_all_above_its_threshold(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 2000) -> RED(10, 50, 0.01, STABILITY 1, GENTLE false)"
             " -> q :: Queue(1000) -> u :: Unqueue(ACTIVE false) -> Discard");
    lab_pass(1000);
    assert_in_range(lab_number("q.length"), 40, 150);
}

static void a_gateway_takes_the_place_of_the_destination(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> GetIPAddress(16) -> r ::"
             " RadixIPLookup(5.6.0.0/16 9.9.9.9 0, 0/0 1) -> StoreIPAddress(dst) -> Queue"
             " -> ToDevice(eth1); r[1] -> Discard");
    lab_receive_hex(0, ETHER_IP "45000014 00000000 40fd69da 01020304 05060708");
    lab_expect_hex(1, "45000014 00000000 40fd63d6 01020304 09090909");
    /* Without an annotation there is nothing to store. */
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> StoreIPAddress(dst) -> Queue"
             " -> ToDevice(eth1)");
    lab_receive_hex(0, ETHER_IP "45000014 00000000 40fd69da 01020304 05060708");
    lab_expect_hex(1, ETHER_IP "45000014 00000000 40fd69da 01020304 05060708");
}

static void a_rate_is_told_within_the_first_millisecond(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> a :: AverageCounter -> Discard");
    lab_receive_hex(0, "00");
    assert_string_equal(lab_read("a.rate"), "1000");
}

static void a_header_has_the_class_that_was_asked_for(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> IPEncap(253, 1.2.3.4, 5.6.7.8, DSCP 10, ECT 1) -> Truncate(2)"
             " -> Queue -> ToDevice(eth1)");
    lab_receive_hex(0, "00");
    lab_expect_hex(1, "4529");
}

static void packets_that_are_too_long_do_not_fill_the_log(void **state)
{
    unsigned lines = 0;

    (void)state;
    host.log.len = 0;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> f :: IPFragmenter(68) -> Discard;"
             " f[1] -> Discard");
    for (unsigned i = 0; i < 20; i++) {
        uint8_t frame[114] = {[12] = 8, [14] = 0x45, [17] = 100, [20] = 0x40, [22] = 9};
        lab_receive(0, frame, sizeof(frame));
    }
    assert_int_equal(lab_number("f.drops"), 20);
    for (unsigned i = 0; i < host.log.len; i++)
        lines += host.log.s[i] == '\n';
    assert_int_equal(lines, 5);
    host.log.len = 0;
}

static void a_host_s_blocks_are_on_one_address(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "9.9.9.9", .proto = 17, .sport = 1, .dport = 9};

    (void)state;
    lab_load("m :: PortBlockMapper(192.0.2.1-192.0.2.2, 0, 1, PORTS 1024-1025, BLOCK 1);"
             "FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(m) -> c :: Counter"
             " -> Discard; r[1] -> Discard");
    lab_receive_frame(0, &f);
    f.src = "10.0.0.2";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 2);
    f.sport = 2;
    lab_receive_frame(0, &f); /* the other address has free blocks */
    assert_int_equal(lab_number("c.count"), 2);
}

static void what_handlers_print_is_what_was_written(void **state)
{
    (void)state;
    lab_load("Idle -> p :: Print(\"a\\\"b, c\") -> q :: ARPQuerier(1.1.1.1, 2:0:0:0:0:1)"
             " -> Discard; Idle -> [1] q; Idle -> qu :: Queue -> Discard");
    assert_string_equal(lab_read("p.config"), "\"a\\\"b, c\"");
    assert_string_equal(lab_read("q.drops"), "0");
    assert_null(strstr(lab_read("q.handlers"), "\t\n"));
    lab_refuse("Idle -> Print(\"a\\\") -> Discard", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_ping_is_not_longer_than_a_packet),
        LAB_TEST(pings_come_once_in_a_millisecond_at_most),
        LAB_TEST(a_round_trip_has_an_end_in_its_counter),
        LAB_TEST(a_packet_fills_one_line_of_the_log_at_most),
        LAB_TEST(what_is_not_to_be_printed_is_not),
        LAB_TEST(arguments_take_a_bounded_memory_together),
        LAB_TEST(patterns_have_a_bounded_number_of_states),
        LAB_TEST(rates_fall_to_nothing_and_their_tables_go_to_others),
        LAB_TEST(a_capture_that_can_not_be_written_on_ends),
        LAB_TEST(a_capture_is_passed_over_in_parts),
        LAB_TEST(what_has_no_ports_keeps_its_bytes),
        LAB_TEST(one_entry_is_removed_and_the_others_stay),
        LAB_TEST(what_is_not_measured_is_reckoned_in),
        LAB_TEST(checksums_are_of_all_bytes),
        LAB_TEST(packets_that_are_not_ip_are_not_taken_for_it),
        LAB_TEST(a_tunnel_s_key_is_in_its_header),
        LAB_TEST(a_capture_s_end_calls_a_handler),
        LAB_TEST(a_rewriter_s_handlers_tell_what_it_has),
        LAB_TEST(a_host_without_a_block_takes_no_place),
        LAB_TEST(a_rate_of_nothing_lets_nothing_through),
        LAB_TEST(sources_that_are_pulled_from_have_their_limits_too),
        LAB_TEST(a_red_that_is_not_gentle_drops_all_above_its_threshold),
        LAB_TEST(a_gateway_takes_the_place_of_the_destination),
        LAB_TEST(a_rate_is_told_within_the_first_millisecond),
        LAB_TEST(a_header_has_the_class_that_was_asked_for),
        LAB_TEST(packets_that_are_too_long_do_not_fill_the_log),
        LAB_TEST(a_host_s_blocks_are_on_one_address),
        LAB_TEST(what_handlers_print_is_what_was_written),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
