/* SPDX-License-Identifier: BSD-2-Clause */
/* Rewriters, mappers, health checks, SYN proxy. */
#include "lab.h"

/* The next packet on ethN: its flow, after looking at its checksums. */
static void expect_flow(unsigned eth, const char *src, unsigned sport, const char *dst,
                        unsigned dport)
{
    struct packet *p = lab_sent(eth);
    uint32_t want[2] = {lab_ip(src), lab_ip(dst)};

    assert_true(lab_checksums_ok(p->data, p->len));
    if (memcmp(p->data + 26, want, 8) != 0 || get_be16(p->data + 34) != sport ||
        get_be16(p->data + 36) != dport)
        fail_msg("%u.%u.%u.%u:%u > %u.%u.%u.%u:%u", p->data[26], p->data[27], p->data[28],
                 p->data[29], get_be16(p->data + 34), p->data[30], p->data[31], p->data[32],
                 p->data[33], get_be16(p->data + 36));
    packet_kill(p);
}

static const char nat[] =
    "FromDevice(eth0) -> CheckIPHeader(14) -> rw :: IPRewriter(pattern 1.0.0.1 5000-5003# - - 0 1,"
    " drop, MAPPING_CAPACITY 10, UDP_TIMEOUT 30, UDP_GUARANTEE 5) -> Queue -> ToDevice(eth1);"
    "FromDevice(eth1) -> CheckIPHeader(14) -> [1] rw [1] -> Queue -> ToDevice(eth0)";

static void nat_rewrites_both_ways(void **state)
{
    struct frame out = {.src = "10.0.0.5",
                        .dst = "8.8.8.8",
                        .proto = 17,
                        .sport = 777,
                        .dport = 53,
                        .payload = "odd",
                        .payload_len = 3};
    struct frame back = {
        .src = "8.8.8.8", .dst = "1.0.0.1", .proto = 17, .sport = 53, .dport = 5000};
    struct frame tcp = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 6, .sport = 777, .dport = 53};

    (void)state;
    lab_load(nat);
    lab_receive_frame(0, &out);
    expect_flow(1, "1.0.0.1", 5000, "8.8.8.8", 53);
    lab_receive_frame(1, &back);
    expect_flow(0, "8.8.8.8", 53, "10.0.0.5", 777);
    lab_receive_frame(0, &tcp);
    expect_flow(1, "1.0.0.1", 5001, "8.8.8.8", 53);
    back.src = "8.8.8.9"; /* nobody asked that one */
    lab_receive_frame(1, &back);
    lab_expect_silence(0);
    assert_int_equal(lab_number("rw.table_size"), 2);
    assert_string_equal(lab_read("rw.udp_lookup 10.0.0.5 777 8.8.8.8 53"),
                        "1.0.0.1 5000 8.8.8.8 53");
    assert_non_null(
        strstr(lab_read("rw.udp_table"), "(10.0.0.5, 777, 8.8.8.8, 53) => (1.0.0.1, 5000"));
    lab_pass(31000);
    lab_write("rw.clear", "");
    assert_int_equal(lab_number("rw.table_size"), 0);
}

static void the_mapping_table_is_bounded_and_ages(void **state)
{
    struct frame f = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .dport = 53};

    (void)state;
    lab_load(nat);
    for (unsigned i = 0; i < 20; i++) { /* four ports for one destination */
        f.sport = (uint16_t)(1000 + i);
        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("rw.table_size"), 4);
    assert_int_equal(lab_number("rw.mapping_failures"), 16);
    f.dst = "8.8.8.9";
    for (unsigned i = 0; i < 4; i++) {
        f.sport = (uint16_t)(1000 + i);
        lab_receive_frame(0, &f);
    }
    f.dst = "8.8.8.10";
    for (unsigned i = 0; i < 4; i++) { /* two more fit; the others are guaranteed */
        f.sport = (uint16_t)(1000 + i);
        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("rw.table_size"), 10);
    lab_pass(6000);
    f.sport = 2000; /* now the oldest gives way */
    f.dst = "8.8.8.11";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("rw.table_size"), 10);
    assert_string_equal(lab_read("rw.udp_lookup 10.0.0.5 1000 8.8.8.8 53"), "");
    packet_kill_batch(lab.eth[1]->sent);
    lab.eth[1]->sent = NULL;
    lab.eth[1]->sent_tail = &lab.eth[1]->sent;
}

static void pings_and_errors_pass_the_nat(void **state)
{
    struct frame udp = {
        .src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .sport = 777, .dport = 53};
    struct frame ping = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 1, .flags = 8, .sport = 42};
    struct frame pong = {.src = "8.8.8.8", .dst = "1.0.0.1", .proto = 1, .flags = 0, .sport = 6000};
    uint8_t error[128];
    struct packet *p;
    struct frame e = {.src = "9.9.9.9",
                      .dst = "1.0.0.1",
                      .proto = 1,
                      .flags = 11,
                      .payload = error,
                      .payload_len = 28};

    (void)state;
    lab_load(
        "FromDevice(eth0) -> CheckIPHeader(14) -> c :: IPClassifier(icmp type echo, -);"
        "c[0] -> irw :: ICMPPingRewriter(pattern 1.0.0.1 6000-6100# - - 0 1, drop) -> q :: Queue"
        " -> ToDevice(eth1);"
        "c[1] -> rw :: IPRewriter(pattern 1.0.0.1 5000-5003# - - 0 1, drop) -> q;"
        "FromDevice(eth1) -> CheckIPHeader(14) -> d :: IPClassifier(icmp type echo-reply, icmp, -);"
        "d[0] -> [1] irw [1] -> r :: Queue -> ToDevice(eth0);"
        "d[1] -> ierw :: ICMPRewriter(rw irw) -> r; ierw[1] -> lost :: Discard;"
        "d[2] -> [1] rw [1] -> r");
    lab_receive_frame(0, &ping);
    p = lab_sent(1);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(get_be16(p->data + 38), 6000);
    packet_kill(p);
    lab_receive_frame(1, &pong);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(get_be16(p->data + 38), 42);
    packet_kill(p);
    /* an error about the translated packet */
    lab_receive_frame(0, &udp);
    p = lab_sent(1);
    memcpy(error, p->data + 14, 28);
    packet_kill(p);
    lab_receive_frame(1, &e);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_memory_equal(p->data + 30, "\x0a\0\0\x05", 4);
    assert_memory_equal(p->data + 54, "\x0a\0\0\x05\x08\x08\x08\x08\x03\x09\x00\x35", 12);
    assert_int_equal(checksum(p->data + 42, 20), 0); /* the quoted header */
    packet_kill(p);
    error[20] ^= 1; /* about a flow that is not ours */
    lab_receive_frame(1, &e);
    lab_expect_silence(0);
    e.payload_len = 20; /* quotes too little */
    lab_receive_frame(1, &e);
    assert_int_equal(lab_number("lost.count"), 2);
}

static void port_blocks_belong_to_one_host(void **state)
{
    struct frame f = {.dst = "8.8.8.8", .proto = 17, .dport = 53};

    (void)state;
    lab_load(
        "m :: PortBlockMapper(1.0.0.1-1.0.0.2, 0, 1, PORTS 1024-1039, BLOCK 8, BLOCKS_PER_HOST 2);"
        "FromDevice(eth0) -> CheckIPHeader(14) -> rw :: IPRewriter(m, drop, UDP_TIMEOUT 5,"
        " REAP_INTERVAL 1) -> d :: Discard; Idle -> [1] rw [1] -> Discard");
    f.src = "10.0.0.1";
    for (unsigned i = 0; i < 20; i++) {
        f.sport = (uint16_t)(100 + i);
        lab_receive_frame(0, &f);
    }
    /* two blocks of eight ports, on the same address, and no more */
    assert_int_equal(lab_number("d.count"), 16);
    assert_int_equal(lab_number("m.refused"), 4);
    assert_string_equal(lab_read("m.blocks"),
                        "1.0.0.1 1024-1031 10.0.0.1 8 flows\n1.0.0.1 1032-1039 10.0.0.1 8 flows\n");
    assert_true(lab_logged("1.0.0.1 ports 1024-1031 for 10.0.0.1"));
    f.src = "10.0.0.2";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("m.free"), 1);
    lab_pass(7000);
    assert_int_equal(lab_number("m.free"), 4);
    assert_true(lab_logged("back from 10.0.0.1"));
    lab_refuse("m :: PortBlockMapper(1.0.0.2-1.0.0.1, 0, 1)", "POOL must be");
    lab_refuse("m :: PortBlockMapper(1.0.0.1, 0, 1, PORTS 9-5)", "PORTS must be");
    lab_refuse("m :: PortBlockMapper(1.0.0.1, 0, 1, BLOCK 0)", "BLOCK must fit");
}

/* Of a pool that became smaller, and of hosts whose blocks others have now. */
static void a_swap_keeps_the_flows_that_the_pool_still_has(void **state)
{
    static const char text[] =
        "m :: PortBlockMapper(%s, BLOCK 8, BLOCKS_PER_HOST 1);"
        "FromDevice(eth0) -> CheckIPHeader(14) -> rw :: IPRewriter(m, drop) -> d :: Discard;"
        "Idle -> [1] rw [1] -> Discard";
    static const char *const pools[] = {
        "1.0.0.1-1.0.0.4, 0, 1, PORTS 1024-1031", "1.0.0.1-1.0.0.2, 0, 1, PORTS 1024-1031",
        "1.0.0.1, 0, 1, PORTS 1025-1032", "1.0.0.1, 0, 1, PORTS 1000-1023"};
    static const unsigned left[] = {4, 2, 1, 0};
    struct frame f = {.dst = "8.8.8.8", .proto = 17, .sport = 9, .dport = 53};
    static const char *const hosts[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    char config[400];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        snprintf(config, sizeof(config), text, pools[i]);
        lab_load(config);
        for (unsigned h = 0; i == 0 && h < 4; h++) {
            f.src = hosts[h];
            lab_receive_frame(0, &f);
        }
        if (lab_number("rw.table_size") != left[i])
            fail_msg("%s: %s", pools[i], lab_read("m.blocks"));
    }
}

static const char balancer[] =
    "m :: RoundRobinIPMapper(- - 10.0.0.11 80 0 1, - - 10.0.0.12 80 0 1);"
    "FromDevice(eth0) -> CheckIPHeader(14) -> rw :: IPRewriter(m, drop) -> Queue -> ToDevice(eth1);"
    "FromDevice(eth1) -> CheckIPHeader(14) -> h :: HealthCheck(m, 10.0.0.1, FALL 2, RISE 1)"
    " -> Unstrip(14) -> Queue -> ToDevice(eth2); h[1] -> [1] rw [1] -> Queue -> ToDevice(eth0)";

static void a_dead_server_gets_no_new_flows(void **state)
{
    struct frame f = {
        .src = "5.5.5.5", .dst = "1.0.0.1", .proto = 6, .dport = 80, .flags = TCP_SYN};
    unsigned probes = 0;

    (void)state;
    lab_load(balancer);
    for (unsigned round = 0; round < 4; round++) {
        struct packet *p;

        while ((p = host_sent(lab.eth[2]))) {
            struct tcp_hdr *tcp = (struct tcp_hdr *)(p->data + 34);
            bool first = p->data[33] == 11;

            assert_true(lab_checksums_ok(p->data, p->len));
            if (tcp->flags == TCP_SYN) {
                probes++;
                if (first) { /* the first server answers, the second one is dead */
                    struct frame a = {.src = "10.0.0.11",
                                      .dst = "10.0.0.1",
                                      .proto = 6,
                                      .sport = 80,
                                      .dport = be16_to_host(tcp->sport),
                                      .flags = TCP_SYN | TCP_ACK,
                                      .ack = be32_to_host(tcp->seq) + 1};

                    lab_receive_frame(1, &a);
                }
            }
            packet_kill(p);
        }
        lab_pass(1000);
    }
    assert_true(probes >= 6);
    assert_string_equal(lab_read("m.down0"), "false");
    assert_string_equal(lab_read("m.down1"), "true");
    assert_true(lab_logged("target 1 is down"));
    for (unsigned i = 0; i < 6; i++) {
        f.sport = (uint16_t)(2000 + i);
        lab_receive_frame(0, &f);
        expect_flow(1, "5.5.5.5", 2000 + i, "10.0.0.11", 80);
    }
    lab_write("m.down1", "false");
    f.sport = 3000;
    lab_receive_frame(0, &f);
    f.sport = 3001;
    lab_receive_frame(0, &f);
    packet_kill(lab_sent(1));
    packet_kill(lab_sent(1));
    assert_non_null(strstr(lab_read("m.targets"), "10.0.0.12 80 up 1 flows"));
}

static void a_forged_probe_answer_is_not_believed(void **state)
{
    struct frame a = {.src = "10.0.0.11",
                      .dst = "10.0.0.1",
                      .proto = 6,
                      .sport = 80,
                      .dport = 61440,
                      .flags = TCP_SYN | TCP_ACK,
                      .ack = 12345};

    (void)state;
    lab_load(balancer);
    for (unsigned i = 0; i < 4; i++) {
        lab_receive_frame(1, &a);
        lab_pass(1000);
    }
    assert_string_equal(lab_read("m.down0"), "true");
    assert_int_equal(lab_number("h.answers"), 0);
}

static const char proxy[] =
    "FromDevice(eth0) -> CheckIPHeader(14) -> s :: SYNProxy(CAPACITY 3) -> Unstrip(14) -> Queue"
    " -> ToDevice(eth0); FromDevice(eth1) -> CheckIPHeader(14) -> [1] s [1] -> Unstrip(14) -> Queue"
    " -> ToDevice(eth1)";

/* A TCP packet that left by ethN; the frame header may be missing where the proxy made it. */
static struct tcp_hdr take_tcp(unsigned eth)
{
    struct packet *p = lab_sent(eth);
    struct tcp_hdr tcp;

    while (p->data[14] != 0x45) /* behind Unstrip there may be a whole frame already */
        packet_pull(p, 14);
    assert_true(lab_checksums_ok(p->data, p->len));
    memcpy(&tcp, p->data + 34, sizeof(tcp));
    packet_kill(p);
    return tcp;
}

static void a_handshake_through_the_proxy_reaches_the_server(void **state)
{
    struct frame c = {.src = "5.5.5.5",
                      .dst = "10.0.0.1",
                      .proto = 6,
                      .sport = 1000,
                      .dport = 80,
                      .flags = TCP_SYN,
                      .seq = 100};
    struct frame s = {.src = "10.0.0.1",
                      .dst = "5.5.5.5",
                      .proto = 6,
                      .sport = 80,
                      .dport = 1000,
                      .flags = TCP_SYN | TCP_ACK,
                      .seq = 7000,
                      .ack = 101};
    struct tcp_hdr t;
    uint32_t cookie;

    (void)state;
    lab_load(proxy);
    lab_receive_frame(0, &c);
    lab_expect_silence(1); /* the server hears nothing yet */
    t = take_tcp(0);
    assert_int_equal(t.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(be32_to_host(t.ack), 101);
    cookie = be32_to_host(t.seq);
    assert_int_equal(lab_number("s.size"), 0);
    c.flags = TCP_ACK;
    c.seq = 101;
    c.ack = cookie + 2; /* a guess */
    lab_receive_frame(0, &c);
    t = take_tcp(0);
    assert_int_equal(t.flags, TCP_RST);
    assert_int_equal(lab_number("s.bad_cookies"), 1);
    lab_expect_silence(1);
    c.ack = cookie + 1;
    lab_receive_frame(0, &c);
    t = take_tcp(1);
    assert_int_equal(t.flags, TCP_SYN);
    assert_int_equal(be32_to_host(t.seq), 100);
    lab_receive_frame(1, &s);
    t = take_tcp(1); /* the proxy completes the server's handshake */
    assert_int_equal(t.flags, TCP_ACK);
    assert_int_equal(be32_to_host(t.ack), 7001);
    lab_expect_silence(0);
    /* data both ways, with shifted numbers */
    c.payload = "GET";
    c.payload_len = 3;
    lab_receive_frame(0, &c);
    t = take_tcp(1);
    assert_int_equal(be32_to_host(t.ack), 7001);
    s.flags = TCP_ACK;
    s.seq = 7001;
    s.ack = 104;
    lab_receive_frame(1, &s);
    t = take_tcp(0);
    assert_int_equal(be32_to_host(t.seq), cookie + 1);
}

/* A client's handshake with the proxy; the server has got its SYN. Returns the cookie. */
static uint32_t shake(struct frame *c)
{
    uint32_t cookie;

    c->flags = TCP_SYN;
    c->seq = 100;
    lab_receive_frame(0, c);
    cookie = be32_to_host(take_tcp(0).seq);
    c->flags = TCP_ACK;
    c->seq = 101;
    c->ack = cookie + 1;
    lab_receive_frame(0, c);
    assert_int_equal(take_tcp(1).flags, TCP_SYN);
    return cookie;
}

static void what_comes_out_of_turn_is_held_or_passed(void **state)
{
    struct frame c = {.src = "5.5.5.5", .dst = "10.0.0.1", .proto = 6, .sport = 1000, .dport = 80};
    struct frame s = {.src = "10.0.0.1", .dst = "5.5.5.5", .proto = 6, .sport = 80, .dport = 1000};

    (void)state;
    lab_load(proxy);
    s.flags = TCP_ACK; /* of a connection that was there before */
    s.seq = 77;
    lab_receive_frame(1, &s);
    assert_int_equal(be32_to_host(take_tcp(0).seq), 77);
    shake(&c);
    lab_receive_frame(0, &c); /* too early: the server is reminded */
    assert_int_equal(take_tcp(1).flags, TCP_SYN);
    c.flags = TCP_RST;
    lab_receive_frame(0, &c);
    lab_expect_silence(1);
    s.flags = TCP_SYN | TCP_ACK;
    s.seq = 7000;
    s.ack = 101;
    lab_receive_frame(1, &s);
    assert_int_equal(take_tcp(1).flags, TCP_ACK);
    c.flags = TCP_SYN; /* the client forgot, or it is an attacker's: the server decides */
    c.seq = 5000;
    lab_receive_frame(0, &c);
    lab_expect_silence(0);
    assert_int_equal(be32_to_host(take_tcp(1).seq), 5000);
    s.flags = TCP_FIN | TCP_ACK; /* then it ages as one that waits */
    lab_receive_frame(1, &s);
    take_tcp(0);
    lab_pass(11000);
    c.sport = 1001;
    shake(&c);
    assert_int_equal(lab_number("s.size"), 1);
    lab_expect_silence(0);
    lab_expect_silence(1);
}

static void a_syn_flood_costs_no_memory(void **state)
{
    struct frame c = {
        .src = "5.5.5.5", .dst = "10.0.0.1", .proto = 6, .dport = 80, .flags = TCP_SYN};

    (void)state;
    lab_load(proxy);
    for (unsigned i = 0; i < 500; i++) {
        c.sport = (uint16_t)(1000 + i);
        lab_receive_frame(0, &c);
    }
    assert_int_equal(lab_number("s.size"), 0);
    lab_expect_silence(1);
    for (unsigned i = 0; i < 500; i++) { /* all of them complete the handshake */
        struct tcp_hdr t = take_tcp(0);
        struct frame a = c;

        a.sport = be16_to_host(t.dport);
        a.flags = TCP_ACK;
        a.seq = 1;
        a.ack = be32_to_host(t.seq) + 1;
        lab_receive_frame(0, &a);
    }
    assert_true(lab_number("s.size") <= 3);
    assert_int_equal(lab_number("s.accepted"), 500);
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
}

static void wrong_specifications_are_refused(void **state)
{
    (void)state;
    lab_refuse("Idle -> IPRewriter(pattern 1.0.0.1 5-4 - - 0 0) -> Discard",
               "'5-4' is no source port");
    lab_refuse("Idle -> IPRewriter(pattern 1.0.0.1 - - 0 0) -> Discard",
               "pattern: '0' is not a port");
    lab_refuse("Idle -> IPRewriter(keep 0 1) -> Discard", "output 1, but there are only 1");
    lab_refuse("Idle -> IPRewriter(pass 0, drop) -> Discard",
               "2 input specifications for 1 inputs");
    lab_refuse("Idle -> IPRewriter(whatever) -> Discard",
               "1:20: IPRewriter@2: 'whatever' is no input");
    lab_refuse("IPRewriterPatterns(A 1.1.1.1 - - -, A 2.2.2.2 - - -)",
               "there is a pattern 'A' already");
    lab_refuse("Idle -> ICMPRewriter(d) -> d :: Discard", "'d' is not a rewriter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(nat_rewrites_both_ways),
        LAB_TEST(the_mapping_table_is_bounded_and_ages),
        LAB_TEST(pings_and_errors_pass_the_nat),
        LAB_TEST(port_blocks_belong_to_one_host),
        LAB_TEST(a_swap_keeps_the_flows_that_the_pool_still_has),
        LAB_TEST(a_dead_server_gets_no_new_flows),
        LAB_TEST(a_forged_probe_answer_is_not_believed),
        LAB_TEST(a_handshake_through_the_proxy_reaches_the_server),
        LAB_TEST(what_comes_out_of_turn_is_held_or_passed),
        LAB_TEST(a_syn_flood_costs_no_memory),
        LAB_TEST(wrong_specifications_are_refused),
    };

    return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
