/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens rarely: full tables, odd packets, and what is said of them. */
#include "lab.h"

/* ---- prints ---- */

static void packets_are_printed_with_what_was_asked_for(void **state)
{
    struct frame f = {.src = "1.2.3.4", .dst = "5.6.7.8", .proto = 6, .sport = 9, .dport = 80};

    (void)state;
    f.id = 7;
    f.flags = TCP_SYN | TCP_ACK;
    f.seq = 100;
    f.ack = 200;
    f.payload = "abc";
    f.payload_len = 3;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> Paint(5) -> SetAnnoByte(20, 9)"
             " -> p :: IPPrint(L, TIMESTAMP false, ID true, TTL true, TOS true, LENGTH true,"
             " AGGREGATE true, PAINT true, PAYLOAD ASCII) -> Discard");
    lab_receive_frame(0, &f);
    assert_true(lab_logged("L: #9: paint 5: id 7 ttl 64 tos 0 length 43 "
                           "1.2.3.4.9 > 5.6.7.8.80: S. 100:103(23,3,3) ack 200 win "));
    f.flags = 0;
    f.frag = IP_MF;
    lab_receive_frame(0, &f);
    assert_true(lab_logged("80: - 100:103(23,3,3) win "));
    lab_receive_frame(0, &f);
    assert_true(lab_logged(" (frag 7:23@0+)\n  "));
    f.proto = 17;
    f.frag = 0;
    lab_receive_frame(0, &f);
    assert_true(lab_logged("1.2.3.4.9 > 5.6.7.8.80: udp 11\n"));
    f.proto = 1;
    f.sport = 300;
    f.dport = 400;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const said[] = {"1.2.3.4 > 5.6.7.8: icmp: echo request (300, 400)",
                                           "1.2.3.4 > 5.6.7.8: icmp: echo reply (300, 400)",
                                           "1.2.3.4 > 5.6.7.8: icmp: type 3 code 0"};
        f.flags = (uint8_t[]){8, 0, 3}[i];
        lab_receive_frame(0, &f);
        assert_true(lab_logged(said[i]));
    }
    f.frag = 1; /* no ICMP header is in it */
    lab_receive_frame(0, &f);
    assert_true(lab_logged("1.2.3.4 > 5.6.7.8: ip-proto-1 (frag 7:11@8)"));
    lab_write("p.active", "false");
    lab_receive_frame(0, &f);
    assert_null(host.log.s);
}

static void contents_are_printed_up_to_a_length(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(0) -> p :: Print(P, 5, TIMESTAMP false)"
             " -> i :: IPPrint(TIMESTAMP false, CONTENTS HEX, MAXLENGTH 6) -> Discard;"
             "FromDevice(eth1) -> Print(A, CONTENTS ASCII, HEADROOM true) -> Discard;"
             "FromDevice(eth2) -> Print(N, CONTENTS NONE, PRINTANNO true) -> Discard;"
             "FromDevice(eth3) -> Print(-1, MAXLENGTH -1, TIMESTAMP true) -> Discard");
    lab_receive_hex(0, "45000018 00000000 40fd0000 01020304 05060708 0a0b0c0d");
    assert_true(
        lab_logged("P:   24 | 45000018 00\n1.2.3.4 > 5.6.7.8: ip-proto-253\n  45000018 0000\n"));
    lab_receive_hex(0, "55");
    assert_true(lab_logged("P:    1 | 55\n(Not an IP packet)\n"));
    lab_receive(1, "0123456789\n", 11);
    assert_true(lab_logged(" t0) | 01234567 89.\n"));
    lab_receive(2, "0", 1);
    assert_true(lab_logged("N:    1 | 000000000000"));
    host.wall_ns = 1500000000;
    lab_receive(3, "0123456789012345678901234567890", 31);
    assert_true(lab_logged("-1: 1.500000:   31 | 30313233 34353637 38393031 32333435"));
}

/* ---- tables ---- */

static void send_piece(const char *src, unsigned off, unsigned len, bool more, uint16_t id)
{
    static uint8_t data[512];
    struct frame f = {.src = src, .dst = "2.2.2.2", .proto = 253, .payload = data, .id = id};

    f.payload_len = len;
    f.frag = (uint16_t)(off / 8 | (more ? IP_MF : 0));
    lab_receive_frame(0, &f);
}

static void the_reassembler_holds_so_many_packets_and_tells_the_largest_piece(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPReassembler(HIMEM 100000000,"
             " MAX_MTU_ANNO 20) -> IPPrint(TIMESTAMP false, AGGREGATE true) -> c :: Counter"
             " -> Discard");
    for (unsigned i = 0; i < 1025; i++)
        send_piece("1.1.1.1", 0, 8, true, (uint16_t)i);
    assert_int_equal(lab_number("r.drops"), 1);
    send_piece("1.1.1.1", 8, 8, false, 0); /* its first piece is the one that was dropped */
    assert_int_equal(lab_number("c.count"), 0);
    send_piece("1.1.1.1", 8, 8, false, 1024);
    assert_int_equal(lab_number("c.count"), 1);
    send_piece("3.3.3.3", 0, 160, true, 1);
    send_piece("3.3.3.3", 160, 8, false, 1);
    assert_true(lab_logged("#180: 3.3.3.3 > 2.2.2.2"));
    send_piece("3.3.3.3", 0, 8, false, 2); /* no piece at all */
    assert_int_equal(lab_number("c.count"), 3);
}

static void a_host_that_gets_no_block_leaves_no_trace(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .sport = 5, .dport = 53};

    (void)state;
    lab_load("m :: PortBlockMapper(1.0.0.1, 0, 1, PORTS 1024-1039, BLOCK 16);"
             "FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(m, UDP_TIMEOUT 10)"
             " -> c :: Counter -> Discard; r[1] -> Discard");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 1);
    for (unsigned i = 2; i < 250; i++) {
        char src[16];

        snprintf(src, sizeof(src), "10.0.0.%u", i);
        f.src = src;
        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("c.count"), 1);
    assert_int_equal(lab_number("m.refused"), 248);
    lab_pass(1000000); /* the first one's flow ends */
    f.src = "10.0.1.1";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 2);
}

static void a_swap_takes_only_blocks_that_fit(void **state)
{
    static const char config[] =
        "m :: PortBlockMapper(1.0.0.1, 0, 1, PORTS 1024-1055, BLOCK %u, BLOCKS_PER_HOST %u);"
        "FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(m, UDP_TIMEOUT 10)"
        " -> Discard; r[1] -> Discard";
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .dport = 53};
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), config, 8, 2);
    lab_load(text);
    for (unsigned i = 0; i < 12; i++) { /* 9 ports of one host: two blocks; 3 of another */
        f.src = i < 9 ? "10.0.0.1" : "10.0.0.2";
        f.sport = (uint16_t)(100 + i);
        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("r.table_size"), 12);
    assert_int_equal(lab_number("m.free"), 1);
    lab_write("hotconfig", text); /* all flows, in their blocks */
    assert_int_equal(lab_number("r.table_size"), 12);
    assert_int_equal(lab_number("m.free"), 1);
    snprintf(text, sizeof(text), config, 8, 1); /* one block for a host */
    lab_write("hotconfig", text);
    assert_int_equal(lab_number("r.table_size"), 11);
    assert_int_equal(lab_number("m.free"), 2);
    snprintf(text, sizeof(text), config, 32, 1); /* one block in all */
    lab_write("hotconfig", text);
    assert_int_equal(lab_number("m.free"), 0);
    assert_in_range(lab_number("r.table_size"), 3, 8);
    lab_pass(1000000);
    assert_int_equal(lab_number("m.free"), 1);
}

/* A larger block begins with one host's ports and goes on with another's: the first one has it. */
static void a_swap_gives_no_block_to_two_hosts(void **state)
{
    static const char config[] =
        "m :: PortBlockMapper(1.0.0.1, 0, 1, PORTS 1024-1055, BLOCK %u);"
        "FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(m) -> Discard; r[1] -> Discard";
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .sport = 9, .dport = 53};
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), config, 8);
    lab_load(text);
    lab_receive_frame(0, &f);
    f.src = "10.0.0.2";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("r.table_size"), 2);
    snprintf(text, sizeof(text), config, 16);
    lab_write("hotconfig", text);
    assert_int_equal(lab_number("r.table_size"), 1);
    assert_string_equal(lab_read("m.blocks"), "1.0.0.1 1024-1039 10.0.0.1 1 flows\n");
    assert_int_equal(lab_number("m.free"), 1);
}

static void ports_in_a_patterns_range_are_kept(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .sport = 5000, .dport = 53};
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPRewriter(pattern 1.0.0.1 1024-65535"
             " - 99 0 0) -> Queue -> ToDevice(eth1)");
    for (unsigned i = 0; i < 3; i++) {
        f.src = i == 1 ? "10.0.0.2" : "10.0.0.1";
        f.sport = i == 2 ? 80 : 5000;
        lab_receive_frame(0, &f);
        p = lab_sent(1);
        if (i == 0) /* as it was */
            assert_int_equal(get_be16(p->data + 34), 5000);
        else /* taken, and not in the range */
            assert_true(get_be16(p->data + 34) != f.sport && get_be16(p->data + 34) >= 1024);
        assert_int_equal(get_be16(p->data + 36), 99);
        packet_kill(p);
    }
    f.proto = 1; /* an echo's id is its port; it has no other */
    f.flags = 8;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: ICMPPingRewriter(pattern 1.0.0.1 7 - 99"
             " 0 0) -> Queue -> ToDevice(eth1)");
    assert_string_equal(lab_read("r.patterns"), "1.0.0.1 7 - 99\n");
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_int_equal(get_be16(p->data + 38), 7);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
}

static void flows_that_have_ended_make_room_before_others_do(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 17, .dport = 53};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: UDPRewriter(keep 0 0, TIMEOUT 10,"
             " GUARANTEE 5, MAPPING_CAPACITY 2) -> c :: Counter -> Discard");
    f.sport = 1;
    lab_receive_frame(0, &f);
    lab_pass(11000);
    for (f.sport = 2; f.sport < 4; f.sport++) /* the second in the first one's place */
        lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 3);
    assert_int_equal(lab_number("r.mapping_failures"), 0);
    lab_receive_frame(0, &f); /* both are guaranteed */
    assert_int_equal(lab_number("r.mapping_failures"), 1);
}

/* ---- probes ---- */

static void echoes_are_probes_too(void **state)
{
    struct packet *p, *q;

    (void)state;
    lab_load("m :: RoundRobinIPMapper(- - 1.1.1.2 - 0 0, - - - - 0 0);"
             "FromDevice(eth0) -> MarkIPHeader(0) -> h :: HealthCheck(m, 1.1.1.1, ICMP true)"
             " -> Queue -> ToDevice(eth1); h[1] -> other :: Counter -> Discard");
    p = lab_sent(1);
    lab_expect_silence(1); /* the second has no address of its own */
    assert_int_equal(p->len, 28);
    assert_int_equal(p->data[9], IPPROTO_ICMP);
    assert_int_equal(p->data[20], 8);
    assert_int_equal(checksum(p->data + 20, 8), 0);
    memcpy(p->data + 12, "\1\1\1\2\1\1\1\1", 8);
    for (unsigned i = 0; i < 3; i++) {
        q = packet_clone(p);
        q->data[20] = i == 0 ? 8 : 0;
        q->data[26] ^= i == 1;
        lab_receive(0, q->data, q->len);
        packet_kill(q);
        assert_int_equal(lab_number("h.answers"), i == 2);
    }
    packet_kill(p);
    assert_int_equal(lab_number("other.count"), 2);
}

/* ---- odd packets ---- */

static void no_packet_grows_without_end(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Unstrip(65535) -> Unstrip(65535) -> Unstrip(65535)"
             " -> Unstrip(65535) -> Unstrip(65535) -> a :: Counter -> Unstrip(65535)"
             " -> b :: Counter -> Discard");
    lab_receive(0, "x", 1);
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 0);
}

static void what_lies_behind_a_packet_is_no_part_of_it(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17, .payload = "abc"};
    uint8_t data[200] = {0};
    struct packet *p;
    size_t len;

    (void)state;
    f.payload_len = 3;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> t :: Tee(2) -> SetUDPChecksum -> Queue"
             " -> ToDevice(eth1); t[1] -> IPClassifier(tcp) -> SetTCPChecksum -> Queue"
             " -> ToDevice(eth2)");
    for (unsigned i = 0; i < 2; i++) {
        f.proto = i ? 6 : 17;
        len = lab_frame(&f, data);
        memset(data + len, 0xa5, 9); /* an Ethernet frame is filled up to its least length */
        lab_receive(0, data, len + 9);
        p = lab_sent(1 + i);
        assert_int_equal(p->len, len + 9);
        assert_true(lab_checksums_ok(p->data, len));
        packet_kill(p);
        while (lab.eth[1]->n_sent)
            packet_kill(lab_sent(1));
    }
}

static void time_stamps_of_all_kinds_are_put_into_options(void **state)
{
    static const struct {
        uint8_t in[12], out[12];
    } cases[] = {
        {{68, 12, 5, 0}, {68, 12, 9, 0, 0, 0, 3, 0xe8}},
        {{68, 12, 5, 1}, {68, 12, 13, 1, 9, 9, 9, 9, 0, 0, 3, 0xe8}},
        {{68, 12, 5, 3, 9, 9, 9, 9}, {68, 12, 13, 3, 9, 9, 9, 9, 0, 0, 3, 0xe8}},
        {{68, 12, 5, 3, 8, 8, 8, 8}, {68, 12, 13, 3, 8, 8, 8, 8, 0, 0, 3, 0xe8}},
        {{68, 12, 5, 3, 7, 7, 7, 7}, {68, 12, 5, 3, 7, 7, 7, 7}},
        {{68, 12, 13, 0x23}, {68, 12, 13, 0x33}},
    };
    uint8_t ip[32] = {0x48, 0, 0, 32, 0, 0, 0, 0, 9, 253};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(0) -> g :: IPGWOptions(9.9.9.9, 8.8.8.8) -> Queue"
             " -> ToDevice(eth1)");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct packet *p;

        host.wall_ns = NSEC_PER_SEC;
        memcpy(ip + 20, cases[i].in, 12);
        ip_set_checksum((struct ip_hdr *)ip);
        lab_receive(0, ip, sizeof(ip));
        p = lab_sent(1);
        assert_memory_equal(p->data + 20, cases[i].out, 12);
        assert_int_equal(checksum(p->data, 32), 0);
        packet_kill(p);
    }
}

static void errors_about_pings_come_back(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "8.8.8.8", .proto = 1, .flags = 8, .sport = 5};
    uint8_t error[28 + 28] = {0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 7, 7, 7, 7, 1, 0, 0, 1, 11};
    struct packet *p, *q;

    (void)state;
    lab_load(
        "FromDevice(eth0) -> CheckIPHeader(14) -> r :: ICMPPingRewriter(pattern 1.0.0.1 7 - - 0"
        " 0) -> Queue -> ToDevice(eth1); FromDevice(eth2) -> MarkIPHeader(0) -> SetIPAddress("
        "3.3.3.3) -> t :: Tee -> e :: ICMPRewriter(r, DST_ANNO false) -> StoreIPAddress(12)"
        " -> Queue -> ToDevice(eth3); e[1] -> lost :: Counter -> Discard;"
        "t[1] -> ICMPRewriter(r) -> StoreIPAddress(12) -> IPPrint(TIMESTAMP false) -> Discard");
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    memcpy(error + 28, p->data + 14, 28);
    packet_kill(p);
    for (unsigned i = 0; i < 2; i++) { /* from a router on the way, then from the far end */
        memcpy(error + 12, i ? "\x8\x8\x8\x8" : "\7\7\7\7", 4);
        error[20] = 11;
        put_raw16(error + 22, 0);
        put_raw16(error + 22, checksum(error + 20, 36));
        lab_receive(2, error, sizeof(error));
        q = lab_sent(3);
        assert_memory_equal(q->data + 12, "\3\3\3\3\x0a\0\0\1", 8); /* the annotation stayed */
        assert_memory_equal(q->data + 28 + 12, "\x0a\0\0\1\x8\x8\x8\x8", 8);
        assert_int_equal(get_be16(q->data + 28 + 24), 5);
        assert_int_equal(checksum(q->data + 20, 36), 0);
        packet_kill(q);
        assert_true(lab_logged("10.0.0.1 > 10.0.0.1: icmp"));
    }
    error[28 + 20] = 13; /* no echo: it belongs to no flow */
    lab_receive(2, error, sizeof(error));
    lab_expect_silence(3);
    assert_int_equal(lab_number("lost.count"), 1);
}

static void no_answer_to_a_query_goes_without_a_checksum(void **state)
{
    uint8_t dns[] = "\0\0\1\0\0\1\0\0\0\0\0\0\3bad\7example\0\0\1\0\1", data[200];
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17, .dport = 53, .payload = dns};

    (void)state;
    f.payload_len = sizeof(dns) - 1;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> f :: DNSFilter(example.) -> Discard;"
             "f[1] -> Queue -> ToDevice(eth1)");
    for (unsigned id = 0; id < 65536; id++) {
        struct packet *p;

        put_be16(dns, (uint16_t)id);
        if (id % 4096 == 0)
            lab_frame(&f, data);
        put_be16(data + 42, (uint16_t)id); /* its own checksum is not looked at */
        lab_receive(0, data, 42 + f.payload_len);
        p = lab_sent(1);
        assert_int_not_equal(get_raw16(p->data + 40), 0);
        packet_kill(p);
    }
    assert_int_equal(lab_number("f.blocked"), 65536);
}

static void pcap_files_of_all_byte_orders_are_read(void **state)
{
    static const uint8_t magics[4][4] = {{0xd4, 0xc3, 0xb2, 0xa1},
                                         {0x4d, 0x3c, 0xb2, 0xa1},
                                         {0xa1, 0xb2, 0xc3, 0xd4},
                                         {0xa1, 0xb2, 0x3c, 0x4d}};
    uint8_t file[24 + 16 + 2] = {0};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool big = i >= 2;

        memset(file, 0, sizeof(file));
        memcpy(file, magics[i], 4);
        file[big ? 5 : 4] = 2; /* version 2.4, and packets of at most 0 bytes */
        file[big ? 7 : 6] = 4;
        file[big ? 23 : 20] = 1;
        file[24 + (big ? 3 : 0)] = 9;
        file[28 + (big ? 2 : 1)] = 1; /* 256 */
        file[32 + (big ? 3 : 0)] = 2;
        file[36 + (big ? 3 : 0)] = 7;
        host_file_set("a", file, sizeof(file));
        lab_load("FromDump(a) -> Print(TIMESTAMP true) -> c :: Counter -> Discard");
        assert_int_equal(lab_number("c.byte_count"), 2 * (i + 1)); /* taken over */
        assert_null(strstr(host.log.s, "damaged"));
        assert_true(lab_logged(i % 2 ? "9.000000:    2 | 0000\n" : "9.000256:    2 | 0000\n"));
    }
}

static void dumps_tell_what_their_packets_are(void **state)
{
    uint8_t file[24 + 16 + 20] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};

    (void)state;
    file[32] = file[36] = 20;
    file[20] = 101; /* IP itself */
    file[40] = 0x45;
    file[43] = 20;
    file[49] = 253;
    host_file_set("ip", file, sizeof(file));
    file[20] = 1;
    memset(file + 40, 0xff, 6);
    host_file_set("all", file, sizeof(file));
    lab_load("FromDump(ip) -> IPPrint(TIMESTAMP false) -> Discard;"
             "FromDump(all) -> d :: DropBroadcasts -> Discard");
    assert_true(lab_logged("0.0.0.0 > 0.0.0.0: ip-proto-253\n"));
    assert_int_equal(lab_number("d.drops"), 1);
    assert_null(host.log.s);
}

/* ---- handlers ---- */

static void all_that_the_engine_tells_is_there(void **state)
{
    (void)state;
    lab_load("require(click); Idle -> q :: Queue -> u :: Unqueue -> Discard; q -> Discard");
    assert_string_equal(lab_read("requirements"), "click\n");
    assert_string_equal(lab_read("packages"), "");
    assert_string_equal(lab_read("driver"), "true");
    assert_non_null(strstr(lab_read("classes"), "\nQueue\n"));
    assert_non_null(strstr(lab_read("handlers"), "hotconfig\tw\n"));
    assert_string_equal(lab_read("u.ports"),
                        "1 input\npull\tq [0]\n1 output\npush\t[0] Discard@4\n");
    assert_string_equal(lab_read("q.ports"),
                        "1 input\npush\tIdle@1 [0]\n1 output\npull\t[0] u, [0] Discard@5\n");
    lab_write("stop", "");
    assert_string_equal(lab_read("driver"), "false");
    assert_int_equal(engine_read(lab.eng, STR("fnord"), STR(""), &lab.out), HANDLER_NO_HANDLER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(packets_are_printed_with_what_was_asked_for),
        LAB_TEST(contents_are_printed_up_to_a_length),
        LAB_TEST(the_reassembler_holds_so_many_packets_and_tells_the_largest_piece),
        LAB_TEST(a_host_that_gets_no_block_leaves_no_trace),
        LAB_TEST(a_swap_takes_only_blocks_that_fit),
        LAB_TEST(a_swap_gives_no_block_to_two_hosts),
        LAB_TEST(ports_in_a_patterns_range_are_kept),
        LAB_TEST(flows_that_have_ended_make_room_before_others_do),
        LAB_TEST(echoes_are_probes_too),
        LAB_TEST(no_packet_grows_without_end),
        LAB_TEST(what_lies_behind_a_packet_is_no_part_of_it),
        LAB_TEST(time_stamps_of_all_kinds_are_put_into_options),
        LAB_TEST(errors_about_pings_come_back),
        LAB_TEST(no_answer_to_a_query_goes_without_a_checksum),
        LAB_TEST(pcap_files_of_all_byte_orders_are_read),
        LAB_TEST(dumps_tell_what_their_packets_are),
        LAB_TEST(all_that_the_engine_tells_is_there),
    };

    return cmocka_run_group_tests_name("corners", tests, NULL, NULL);
}
