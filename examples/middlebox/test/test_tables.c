/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that the network fills: how much they hold, who has to go, and when all of it is gone. */
#include "lab.h"

#define FLOOD 500

static struct frame udp(unsigned host, uint16_t sport)
{
    static char src[32];

    snprintf(src, sizeof(src), "10.0.%u.%u", host / 250, host % 250 + 1);
    return (struct frame){.src = src, .dst = "192.0.2.9", .proto = 17, .sport = sport, .dport = 53};
}

static void neighbours_that_never_answer_hold_little_and_not_for_long(void **state)
{
    (void)state;
    lab_load("t :: ARPTable(CAPACITY 20, ENTRY_CAPACITY 10, ENTRY_PACKET_CAPACITY 3, TIMEOUT 60);"
             "FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> GetIPAddress(IP src)"
             " -> q :: ARPQuerier(1.1.1.1, 2:0:0:0:0:9, TABLE t) -> out :: Counter -> Discard;"
             "Idle -> [1] q");
    for (unsigned i = 0; i < 8; i++) {
        struct frame f = udp(0, (uint16_t)i);

        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("t.length"), 3); /* packets for one address */
    assert_int_equal(lab_number("t.drops"), 5);
    for (unsigned i = 0; i < FLOOD; i++) {
        struct frame f = udp(i, 7);

        lab_receive_frame(0, &f);
        assert_in_range(lab_number("t.count"), 1, 10);
        assert_in_range(lab_number("t.length"), 1, 20);
    }
    assert_int_equal(lab_number("t.length") + lab_number("t.drops"), 8 + FLOOD);
    lab_pass(61000);
    struct frame f = udp(1, 7); /* whoever comes next finds them gone */
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("t.count"), 1);
    assert_int_equal(lab_number("t.length"), 1);
    assert_int_equal(host.packets, 1);
}

static void packets_for_unknown_neighbours_are_bounded_in_all(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> GetIPAddress(IP src)"
             " -> q :: ARPQuerier(1.1.1.1, 2:0:0:0:0:9, CAPACITY 5) -> Discard; Idle -> [1] q");
    for (unsigned i = 0; i < 50; i++) {
        struct frame f = udp(i, 7);

        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("q.count"), 50);
    assert_int_equal(lab_number("q.length"), 5);
    assert_int_equal(host.packets, 5);
}

static void stations_beyond_the_capacity_push_out_the_most_silent(void **state)
{
    uint8_t frame[60] = {2, 0xff, 0, 0, 0, 1, 2};

    (void)state;
    lab_load("sw :: EtherSwitch(CAPACITY 4, TIMEOUT 60); FromDevice(eth0) -> sw -> Discard;"
             "FromDevice(eth1) -> [1] sw [1] -> Discard");
    for (unsigned i = 0; i < FLOOD; i++) {
        put_be16(frame + 10, (uint16_t)i);
        lab_receive(0, frame, sizeof(frame));
    }
    const char *table = lab_read("sw.table");
    unsigned lines = 0;
    for (const char *s = table; *s; s++)
        lines += *s == '\n';
    assert_int_equal(lines, 4);
    assert_non_null(strstr(table, "-01-F3 0")); /* the last of them */
    assert_null(strstr(table, "-00-00 0"));
    lab_pass(61000);
    lab_receive(1, frame, 10); /* too short to learn from, but time has passed */
    assert_string_equal(lab_read("sw.table"), "");
    /* nobody sends from a group address */
    frame[6] = 3;
    lab_receive(0, frame, sizeof(frame));
    assert_string_equal(lab_read("sw.table"), "");
}

static void flows_beyond_the_capacity_wait_for_the_guarantee_of_others(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> r :: IPRewriter(keep 0 0,"
             " MAPPING_CAPACITY 4, UDP_TIMEOUT 60, UDP_GUARANTEE 5, REAP_INTERVAL 10)"
             " -> out :: Counter -> Discard");
    for (uint16_t i = 0; i < FLOOD; i++) {
        struct frame f = udp(0, (uint16_t)(i + 1));

        lab_receive_frame(0, &f);
    }
    assert_int_equal(lab_number("r.size"), 4);
    assert_int_equal(lab_number("out.count"), 4);
    assert_int_equal(lab_number("r.mapping_failures"), FLOOD - 4);
    lab_pass(6000); /* past their guarantee: the oldest goes */
    struct frame next = udp(0, 1000);
    lab_receive_frame(0, &next);
    assert_int_equal(lab_number("r.size"), 4);
    assert_int_equal(lab_number("out.count"), 5);
    assert_null(strstr(lab_read("r.table"), "(10.0.0.1, 1, "));
    assert_non_null(strstr(lab_read("r.table"), "(10.0.0.1, 1000, "));
    lab_pass(75000); /* all of them time out, and are reaped */
    assert_int_equal(lab_number("r.size"), 0);
}

static void a_flow_in_use_survives_a_flood_of_others_and_all_is_counted(void **state)
{
    struct frame own = udp(0, 7);

    (void)state;
    own.src = "10.9.9.9";
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader"
             " -> r :: IPRewriter(pattern 1.0.0.1 1024-65535# - - 0 1, MAPPING_CAPACITY 20,"
             " UDP_GUARANTEE 1) -> out :: Counter -> IPClassifier(src port 1024) -> own :: Counter"
             " -> Discard; r[1] -> Discard");
    lab_receive_frame(0, &own); /* is given port 1024 */
    for (unsigned i = 0; i < FLOOD; i++) {
        struct frame f = udp(i % 60, (uint16_t)(1000 + i));

        lab_receive_frame(0, &f);
        assert_in_range(lab_number("r.size"), 1, 20);
        if (i % 10 == 0)
            lab_receive_frame(0, &own);
        lab_pass(100); /* ten flows are younger than the guarantee, another ten may go */
    }
    assert_int_equal(lab_number("own.count"), 1 + FLOOD / 10);
    assert_int_equal(lab_number("out.count") + lab_number("r.drops"), 1 + FLOOD + FLOOD / 10);
    assert_int_equal(lab_number("r.drops"), lab_number("r.mapping_failures"));
}

static void a_station_that_talks_survives_a_flood_of_addresses(void **state)
{
    uint8_t flood[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 9}, talks[60] = {2, 0, 0, 0, 0, 1, 2},
            asks[60] = {2, 0, 0, 0, 0, 0, 2, 1};

    (void)state;
    lab_load("FromDevice(eth0) -> [0] s :: EtherSwitch(CAPACITY 20); FromDevice(eth1) -> [1] s;"
             "FromDevice(eth2) -> [2] s; s[0] -> right :: Counter -> Discard;"
             "s[1] -> Discard; s[2] -> wrong :: Counter -> Discard");
    lab_receive(0, talks, sizeof(talks)); /* 02:00:00:00:00:00 is at 0 */
    for (unsigned i = 0; i < FLOOD; i++) {
        flood[10] = (uint8_t)(i >> 8);
        flood[11] = (uint8_t)i;
        flood[9] = 1;
        lab_receive(1, flood, sizeof(flood));
        if (i % 10 == 0)
            lab_receive(0, talks, sizeof(talks));
        host_advance(1000);
    }
    lab_write("wrong.reset", "");
    lab_write("right.reset", "");
    lab_receive(1, asks, sizeof(asks));
    assert_int_equal(lab_number("right.count"), 1);
    assert_int_equal(lab_number("wrong.count"), 0); /* nothing is sent where it is not */
}

static void tcp_flows_age_by_what_was_seen_of_them(void **state)
{
    struct frame f = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 6, .dport = 80, .flags = TCP_SYN};
    struct frame back = {
        .src = "10.0.0.2", .dst = "10.0.0.1", .proto = 6, .sport = 80, .flags = TCP_ACK};

    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> r :: IPRewriter(keep 0 0,"
             " TCP_TIMEOUT 1000, TCP_DONE_TIMEOUT 20, TCP_NODATA_TIMEOUT 100, REAP_INTERVAL 1)"
             " -> Discard");
    f.sport = back.dport = 1; /* a SYN and no more */
    lab_receive_frame(0, &f);
    f.sport = back.dport = 2; /* data in both directions */
    lab_receive_frame(0, &f);
    f.payload = back.payload = "x";
    f.payload_len = back.payload_len = 1;
    lab_receive_frame(0, &f);
    lab_receive_frame(0, &back);
    f.sport = back.dport = 3; /* reset */
    lab_receive_frame(0, &f);
    back.flags = TCP_RST;
    lab_receive_frame(0, &back);
    f.sport = back.dport = 4; /* ended, and begun anew on the same ports */
    f.payload_len = back.payload_len = 0;
    lab_receive_frame(0, &f);
    lab_receive_frame(0, &back);
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("r.size"), 4);
    lab_pass(30000);
    assert_null(strstr(lab_read("r.table"), "(10.0.0.1, 3, "));
    assert_non_null(strstr(lab_read("r.table"), "(10.0.0.1, 4, "));
    lab_pass(80000);
    assert_null(strstr(lab_read("r.table"), "(10.0.0.1, 1, "));
    assert_int_equal(lab_number("r.size"), 1);
    lab_pass(900000);
    assert_int_equal(lab_number("r.size"), 0);
}

static void udp_flows_that_stream_may_be_silent_for_longer(void **state)
{
    struct frame f = udp(0, 1),
                 back = {
                     .src = "192.0.2.9", .dst = "10.0.0.1", .proto = 17, .sport = 53, .dport = 1};

    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> r :: IPRewriter(keep 0 0,"
             " UDP_TIMEOUT 10, UDP_STREAMING_TIMEOUT 100, REAP_INTERVAL 1) -> Discard");
    lab_receive_frame(0, &f);
    lab_receive_frame(0, &back);
    lab_receive_frame(0, &f);
    f.sport = 2;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("r.size"), 2);
    lab_pass(20000);
    assert_int_equal(lab_number("r.size"), 1);
    lab_pass(100000);
    assert_int_equal(lab_number("r.size"), 0);
}

static void fragments_without_an_end_are_bounded_and_given_up(void **state)
{
    static const uint8_t payload[800];

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: IPReassembler(HIMEM 20000) -> Discard");
    for (uint16_t i = 0; i < FLOOD; i++) {
        struct frame f = udp(i, 1);

        f.id = i;
        f.frag = 0x2000;
        f.payload = payload;
        f.payload_len = sizeof(payload);
        lab_receive_frame(0, &f);
        assert_in_range(lab_number("r.memory"), 1, 20000);
    }
    lab_pass(31000);
    assert_int_equal(lab_number("r.memory"), 0);
    assert_int_equal(host.packets, 0);
    /* small ones: their number is bounded as well */
    for (unsigned i = 0; i < 1500; i++) {
        struct frame f = udp(i, 1);

        f.id = (uint16_t)i;
        f.frag = 0x2000;
        lab_receive_frame(0, &f);
    }
    assert_in_range(host.packets, 1, 1024);
}

/* Open a connection through the proxy up to the client's last word. */
static void open_connection(uint16_t sport)
{
    struct frame f = {.src = "198.51.100.7",
                      .dst = "10.0.0.5",
                      .proto = 6,
                      .sport = sport,
                      .dport = 80,
                      .seq = 100,
                      .flags = TCP_SYN};

    lab_receive_frame(0, &f);
    struct packet *answer = lab_sent(0);
    f.flags = TCP_ACK;
    f.seq = 101;
    f.ack = get_be32(answer->data + 24) + 1;
    packet_kill(answer);
    lab_receive_frame(0, &f);
}

static void proxied_connections_are_bounded_and_age(void **state)
{
    (void)state;
    lab_load("p :: SYNProxy(CAPACITY 3, TIMEOUT 100); FromDevice(eth0) -> Strip(14)"
             " -> CheckIPHeader -> p -> Queue -> ToDevice(eth0);"
             "FromDevice(eth1) -> Strip(14) -> CheckIPHeader -> [1] p [1] -> Queue"
             " -> ToDevice(eth1)");
    for (uint16_t i = 1; i <= 5; i++) {
        open_connection(i);
        packet_kill(lab_sent(1)); /* the SYN to the server */
    }
    assert_int_equal(lab_number("p.size"), 3);
    /* the server answers the last one: it is open, and stays when others come */
    struct frame f = {.src = "10.0.0.5",
                      .dst = "198.51.100.7",
                      .proto = 6,
                      .sport = 80,
                      .dport = 5,
                      .seq = 900,
                      .ack = 100,
                      .flags = TCP_SYN | TCP_ACK};
    lab_receive_frame(1, &f); /* not with this number */
    lab_expect_silence(1);
    f.ack = 101;
    lab_receive_frame(1, &f);
    packet_kill(lab_sent(1));
    for (uint16_t i = 11; i <= 15; i++) {
        open_connection(i);
        packet_kill(lab_sent(1));
    }
    assert_int_equal(lab_number("p.size"), 3);
    lab_pass(11000);
    open_connection(20); /* those that wait for a server are gone */
    packet_kill(lab_sent(1));
    assert_int_equal(lab_number("p.size"), 2);
    f.flags = TCP_ACK;
    lab_receive_frame(1, &f); /* the open one still works */
    packet_kill(lab_sent(0));
    lab_pass(101000);
    open_connection(21);
    packet_kill(lab_sent(1));
    assert_int_equal(lab_number("p.size"), 1);
}

/* The cookie holds the segment size that the client asked for, and the server hears it. */
static void a_server_hears_of_the_client_s_segment_size(void **state)
{
    static const struct {
        const char *options;
        unsigned mss;
    } cases[] = {
        {"020405b4", 1460},          {"020405b3", 1440},
        {"02040010", 536},           {"01010101 020405b4", 1460},
        {"00000000 020405b4", 536},  {"020304b0 020405b4", 536},
        {"03040505 020405b4", 1460}, {"02", 536},
    };

    (void)state;
    lab_load("p :: SYNProxy; FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> p -> Queue"
             " -> ToDevice(eth0); FromDevice(eth1) -> Strip(14) -> CheckIPHeader -> [1] p [1]"
             " -> Queue -> ToDevice(eth1)");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t options[12] = {0}, frame[100];
        struct frame f = {.src = "198.51.100.7",
                          .dst = "10.0.0.5",
                          .proto = 6,
                          .sport = (uint16_t)(1 + i),
                          .dport = 80,
                          .seq = 100,
                          .flags = TCP_SYN,
                          .payload = options,
                          .payload_len = lab_hex(cases[i].options, options, 12)};

        size_t len = lab_frame(&f, frame);
        frame[46] = (uint8_t)((5 + (f.payload_len + 3) / 4) << 4);
        lab_receive(0, frame, len);
        struct packet *p = lab_sent(0);
        f.payload_len = 0;
        f.flags = TCP_ACK;
        f.seq = 101;
        f.ack = get_be32(p->data + 24) + 1;
        packet_kill(p);
        lab_receive_frame(0, &f);
        p = lab_sent(1);
        assert_int_equal(get_be16(p->data + 40), 0x0204);
        if (get_be16(p->data + 42) != cases[i].mss)
            fail_msg("%s: %u", cases[i].options, get_be16(p->data + 42));
        packet_kill(p);
    }
}

static void a_server_that_is_not_there_resets_the_client(void **state)
{
    struct frame f = {.src = "10.0.0.5",
                      .dst = "198.51.100.7",
                      .proto = 6,
                      .sport = 80,
                      .dport = 5,
                      .ack = 101,
                      .flags = TCP_RST | TCP_ACK};

    (void)state;
    lab_load("p :: SYNProxy; FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> p -> Queue"
             " -> ToDevice(eth0); FromDevice(eth1) -> Strip(14) -> CheckIPHeader -> [1] p [1]"
             " -> Queue -> ToDevice(eth1)");
    open_connection(5);
    packet_kill(lab_sent(1));
    lab_receive_frame(1, &f);
    struct packet *p = lab_sent(0);
    assert_int_equal(p->data[33], TCP_RST | TCP_ACK);
    packet_kill(p);
    assert_int_equal(lab_number("p.size"), 0);
}

static void an_old_cookie_is_worth_nothing(void **state)
{
    struct frame f = {.src = "198.51.100.7",
                      .dst = "10.0.0.5",
                      .proto = 6,
                      .sport = 1,
                      .dport = 80,
                      .seq = 100,
                      .flags = TCP_SYN};

    (void)state;
    lab_load("p :: SYNProxy; FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> p -> Queue"
             " -> ToDevice(eth0); Idle -> [1] p [1] -> Discard");
    lab_receive_frame(0, &f);
    struct packet *answer = lab_sent(0);
    f.flags = TCP_ACK;
    f.seq = 101;
    f.ack = get_be32(answer->data + 24) + 1;
    packet_kill(answer);
    lab_pass(64000);
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("p.accepted"), 1); /* of the period before this one */
    lab_pass(128000);
    f.sport = 2; /* and anybody else's is worth nothing either */
    lab_receive_frame(0, &f);
    f.sport = 1;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("p.accepted"), 1);
    assert_in_range(lab_number("p.bad_cookies"), 1, 2);
    while (lab.eth[0]->n_sent)
        packet_kill(lab_sent(0));
}

static void measured_networks_are_bounded(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> m :: IPRateMonitor(PACKETS, 1, 1, 100)"
             " -> Discard");
    for (unsigned i = 0; i < 20000; i++) {
        struct frame f = udp(i, 1);
        char src[32];

        snprintf(src, sizeof(src), "%u.%u.%u.9", i % 223 + 1, i * 7 % 256, i * 13 % 256);
        f.src = src;
        lab_receive_frame(0, &f);
        host_advance(1000000);
    }
    assert_in_range(lab_number("m.tables"), 3, 12); /* of 10 KB and less */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(neighbours_that_never_answer_hold_little_and_not_for_long),
        LAB_TEST(packets_for_unknown_neighbours_are_bounded_in_all),
        LAB_TEST(stations_beyond_the_capacity_push_out_the_most_silent),
        LAB_TEST(flows_beyond_the_capacity_wait_for_the_guarantee_of_others),
        LAB_TEST(a_flow_in_use_survives_a_flood_of_others_and_all_is_counted),
        LAB_TEST(a_station_that_talks_survives_a_flood_of_addresses),
        LAB_TEST(tcp_flows_age_by_what_was_seen_of_them),
        LAB_TEST(udp_flows_that_stream_may_be_silent_for_longer),
        LAB_TEST(fragments_without_an_end_are_bounded_and_given_up),
        LAB_TEST(proxied_connections_are_bounded_and_age),
        LAB_TEST(a_server_hears_of_the_client_s_segment_size),
        LAB_TEST(a_server_that_is_not_there_resets_the_client),
        LAB_TEST(an_old_cookie_is_worth_nothing),
        LAB_TEST(measured_networks_are_bounded),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
