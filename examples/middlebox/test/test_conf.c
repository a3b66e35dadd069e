/* SPDX-License-Identifier: BSD-2-Clause */
/* The ready middleboxes, each with packets that show what it is for. */
#include "lab.h"

static void load_conf(const char *name)
{
    static char text[16384];
    char path[512];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.click", MIDDLEBOX_CONF, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    lab_load(text);
}

/* Send a frame in on one device; does it come out of another one? */
static bool passes(unsigned from, unsigned to, const struct frame *f)
{
    struct packet *p;

    lab_receive_frame(from, f);
    p = host_sent(lab.eth[to]);
    if (p)
        assert_true(lab_checksums_ok(p->data, p->len));
    if (p)
        packet_kill(p);
    return p;
}

static void a_bridge_passes_both_ways(void **state)
{
    (void)state;
    load_conf("bridge");
    lab_receive_hex(0, "010203");
    lab_expect_hex(1, "010203");
    lab_receive_hex(1, "040506");
    lab_expect_hex(0, "040506");
}

static void a_switch_of_three_ports_learns(void **state)
{
    (void)state;
    load_conf("switch");
    lab_receive_hex(0, "020000000002 020000000001 0800");
    packet_kill(lab_sent(1));
    packet_kill(lab_sent(2));
    lab_receive_hex(1, "020000000001 020000000002 0800");
    packet_kill(lab_sent(0));
    lab_expect_silence(2);
}

static void a_router_routes_pings_and_reports(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct frame f = {
        .src = "10.0.0.5", .dst = "10.1.0.9", .proto = 17, .dport = 7, .dst_mac = mac};
    struct packet *p;

    (void)state;
    load_conf("router");
    lab_receive_frame(0, &f);
    p = lab_sent(1); /* who has 10.1.0.9? */
    assert_memory_equal(p->data + 38, "\x0a\x01\x00\x09", 4);
    packet_kill(p);
    lab_receive_hex(1, "020000000002 02cc00000000 0806 0001080006040002 02cc00000000 0a010009"
                       " 020000000002 0a010001");
    p = lab_sent(1);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_memory_equal(p->data, "\x02\xcc\0\0\0\0\x02\0\0\0\0\x02", 12);
    assert_int_equal(p->data[22], 63);
    packet_kill(p);
    /* the router itself answers pings, and says so when a lifetime ends */
    f.dst = "10.0.0.1";
    f.proto = 1;
    f.flags = 8;
    lab_receive_frame(0, &f);
    lab_receive_hex(0, "020000000001 02dd00000000 0806 0001080006040002 02dd00000000 0a000005"
                       " 020000000001 0a000001");
    packet_kill(lab_sent(0)); /* the question */
    p = lab_sent(0);
    assert_int_equal(p->data[34], 0);
    packet_kill(p);
    f.dst = "10.1.0.9";
    f.ttl = 1;
    lab_receive_frame(0, &f);
    p = lab_sent(0);
    assert_int_equal(p->data[34], 11);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
}

static void a_firewall_lets_in_what_its_rules_say(void **state)
{
    struct frame f = {
        .src = "5.5.5.5", .dst = "10.0.0.5", .proto = 6, .sport = 999, .flags = TCP_SYN};

    (void)state;
    load_conf("firewall");
    f.dport = 22;
    assert_true(passes(0, 1, &f));
    f.dport = 23;
    assert_false(passes(0, 1, &f));
    f.flags = TCP_ACK;
    assert_true(passes(0, 1, &f));
    f.proto = 17;
    assert_false(passes(0, 1, &f));
    f.sport = 53;
    assert_true(passes(0, 1, &f));
    f.sport = 999;
    assert_true(passes(1, 0, &f));
    lab_write("in.config", "deny all");
    f.sport = 53;
    assert_false(passes(0, 1, &f));
}

static void a_stateful_firewall_lets_only_answers_in(void **state)
{
    struct frame out = {
        .src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .sport = 777, .dport = 53};
    struct frame in = {.src = "8.8.8.8", .dst = "10.0.0.5", .proto = 17, .sport = 53, .dport = 777};

    (void)state;
    load_conf("stateful");
    assert_false(passes(0, 1, &in));
    assert_true(passes(1, 0, &out));
    assert_true(passes(0, 1, &in));
    in.sport = 54;
    assert_false(passes(0, 1, &in));
}

static void a_nat_shares_addresses_and_turns_hairpins(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    struct frame f = {.src = "100.64.0.5",
                      .dst = "8.8.8.8",
                      .proto = 17,
                      .sport = 777,
                      .dport = 53,
                      .dst_mac = mac};
    struct packet *p;

    (void)state;
    load_conf("nat");
    lab_write("oarp.insert", "192.0.2.254 2:9:9:9:9:9");
    lab_write("iarp.insert", "100.64.0.5 2:5:5:5:5:5");
    lab_receive_frame(1, &f);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_memory_equal(p->data + 26, "\xc0\x00\x02\x01", 4);
    packet_kill(p);
    assert_non_null(strstr(lab_read("pool.blocks"), "192.0.2.1 1024-1279 100.64.0.5 1 flows"));
    /* another inside host talks to the first one's outside address */
    f.src = "100.64.0.6";
    f.sport = 53;
    f.dst = "192.0.2.1";
    f.dport = 1024 + 777 % 256;
    lab_receive_frame(1, &f);
    lab_expect_silence(0);
}

static void a_balancer_asks_its_servers(void **state)
{
    struct packet *p;

    (void)state;
    load_conf("balancer");
    p = lab_sent(1); /* it asks for the servers' addresses first */
    assert_memory_equal(p->data + 12, "\x08\x06", 2);
    packet_kill(p);
    packet_kill(lab_sent(1));
    lab_pass(5000);
    assert_string_equal(lab_read("servers.down0"), "true");
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
}

static void a_rate_limiter_drops_what_is_above(void **state)
{
    uint8_t data[1000] = {0};
    unsigned n = 0;

    (void)state;
    load_conf("ratelimit");
    for (unsigned i = 0; i < 3000; i++) { /* 24 Mbit/s for a second */
        host_receive(lab.eth[0], data, sizeof(data));
        host_advance(333333);
        lab_run();
    }
    while (lab.eth[1]->n_sent) {
        packet_kill(lab_sent(1));
        n++;
    }
    assert_in_range(n, 1230, 1300);
    assert_int_equal(lab_number("dropped.count"), 3000 - n);
}

static void a_shaper_sends_the_urgent_first(void **state)
{
    struct frame bulk = {.src = "10.0.0.5",
                         .dst = "8.8.8.8",
                         .proto = 6,
                         .dport = 80,
                         .payload = "................................",
                         .payload_len = 32};
    struct frame dns = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .dport = 53};
    unsigned n = 0;
    bool urgent = false;

    (void)state;
    load_conf("shaper");
    for (unsigned i = 0; i < 300; i++) {
        uint8_t data[256];

        host_receive(lab.eth[0], data, (uint32_t)lab_frame(&bulk, data));
    }
    lab_run();
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
    lab_receive_frame(0, &dns);
    lab_pass(20);
    while (lab.eth[1]->n_sent && !urgent) {
        struct packet *p = lab_sent(1);

        urgent = p->data[23] == 17;
        n += !urgent;
        packet_kill(p);
    }
    assert_true(urgent && n < 5);
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
}

static void a_monitor_exports_flows(void **state)
{
    struct frame f = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .dport = 53};
    struct packet *p;

    (void)state;
    load_conf("monitor");
    assert_true(passes(0, 1, &f));
    assert_true(passes(1, 0, &f));
    lab_pass(17000);
    p = lab_sent(2);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(get_be16(p->data + 36), 2055);
    assert_int_equal(get_be16(p->data + 42), 9);
    packet_kill(p);
}

static void an_intrusion_is_logged_and_dropped(void **state)
{
    struct frame f = {.src = "5.5.5.5",
                      .dst = "10.0.0.5",
                      .proto = 6,
                      .dport = 80,
                      .payload = "GET /../../ETC/passwd",
                      .payload_len = 21};

    (void)state;
    load_conf("ids");
    assert_false(passes(0, 1, &f));
    assert_true(lab_logged("intrusion: "));
    f.payload = "GET /index.html      ";
    assert_true(passes(0, 1, &f));
    assert_int_equal(lab_number("in/m.count0"), 1);
}

static void a_dns_filter_answers_unwanted_queries(void **state)
{
    static const uint8_t query[] =
        "\x01\x02\x01\0\0\x01\0\0\0\0\0\0\x07malware\x04test\0\0\x01\0\x01";
    struct frame f = {.src = "10.0.0.5",
                      .dst = "8.8.8.8",
                      .proto = 17,
                      .sport = 777,
                      .dport = 53,
                      .payload = query,
                      .payload_len = sizeof(query) - 1};

    (void)state;
    load_conf("dnsfilter");
    assert_true(passes(1, 1, &f));
    lab_expect_silence(0);
    f.payload_len = 12;
    assert_true(passes(1, 0, &f));
}

static void a_tunnel_carries_frames_to_its_peer(void **state)
{
    struct packet *p;

    (void)state;
    load_conf("tunnel");
    lab_write("arp.insert", "192.0.2.2 2:2:2:2:2:2");
    lab_receive_hex(1, "ffffffffffff 02bb00000000 0806 00010203");
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    /* turn it round: it comes back as the peer's */
    memcpy(p->data, "\x02\0\0\0\0\x01", 6);
    memcpy(p->data + 26, "\xc0\x00\x02\x02\xc0\x00\x02\x01", 8);
    lab_receive(0, p->data, p->len);
    packet_kill(p);
    lab_expect_hex(1, "ffffffffffff 02bb00000000 0806 00010203");
}

static void a_mirror_copies_everything(void **state)
{
    (void)state;
    load_conf("mirror");
    lab_receive_hex(0, "010203");
    lab_expect_hex(1, "010203");
    lab_expect_hex(2, "010203");
    lab_receive_hex(1, "0405");
    lab_expect_hex(0, "0405");
    lab_expect_hex(2, "0405");
}

static void a_scrubber_keeps_floods_from_servers(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct frame f = {.src = "5.5.5.5",
                      .dst = "10.0.0.5",
                      .proto = 6,
                      .sport = 1,
                      .dport = 80,
                      .flags = TCP_SYN,
                      .dst_mac = mac};
    struct packet *p;

    (void)state;
    load_conf("scrubber");
    lab_write("arp0.insert", "10.255.0.254 2:9:9:9:9:9");
    lab_receive_frame(0, &f);
    lab_expect_silence(1);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(p->data[47], TCP_SYN | TCP_ACK);
    packet_kill(p);
}

static void an_arp_proxy_answers_for_others(void **state)
{
    (void)state;
    load_conf("arpproxy");
    lab_receive_hex(0, "ffffffffffff 02bb00000000 0806 0001080006040001 02bb00000000 0a000009"
                       " 000000000000 0a000107");
    lab_expect_hex(0, "02bb00000000 020000000001 0806 0001080006040002 020000000001 0a000107"
                      " 02bb00000000 0a000009");
    lab_receive_hex(0, "ffffffffffff 02bb00000000 0800 00");
    packet_kill(lab_sent(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_bridge_passes_both_ways),
        LAB_TEST(a_switch_of_three_ports_learns),
        LAB_TEST(a_router_routes_pings_and_reports),
        LAB_TEST(a_firewall_lets_in_what_its_rules_say),
        LAB_TEST(a_stateful_firewall_lets_only_answers_in),
        LAB_TEST(a_nat_shares_addresses_and_turns_hairpins),
        LAB_TEST(a_balancer_asks_its_servers),
        LAB_TEST(a_rate_limiter_drops_what_is_above),
        LAB_TEST(a_shaper_sends_the_urgent_first),
        LAB_TEST(a_monitor_exports_flows),
        LAB_TEST(an_intrusion_is_logged_and_dropped),
        LAB_TEST(a_dns_filter_answers_unwanted_queries),
        LAB_TEST(a_tunnel_carries_frames_to_its_peer),
        LAB_TEST(a_mirror_copies_everything),
        LAB_TEST(a_scrubber_keeps_floods_from_servers),
        LAB_TEST(an_arp_proxy_answers_for_others),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
