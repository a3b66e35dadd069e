/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments, ports and handlers that Click's documentation of an element names, and few use. */
#include "lab.h"

static void meters_tell_their_rates(void **state)
{
    (void)state;
    lab_load("RatedSource(RATE 100) -> m :: Meter(10, 1000) => Discard, Discard, Discard;"
             "Idle -> b :: BandwidthMeter(1kBps, 1MBps) => Discard, Discard, Discard");
    lab_pass(3000);
    assert_in_range(lab_number("m.rate"), 80, 120);
    assert_string_equal(lab_read("m.meters"), "10\n1000\n");
    assert_string_equal(lab_read("b.meters"), "1000\n1000000\n");
}

static void tickets_can_be_changed(void **state)
{
    (void)state;
    lab_load("InfiniteSource -> a :: Counter -> [0] s :: StrideSched(1, 3);"
             "InfiniteSource -> b :: Counter -> [1] s -> Unqueue(LIMIT 400) -> Discard");
    assert_in_range(lab_number("b.count"), 298, 302);
    assert_string_equal(lab_read("s.tickets1"), "3");
    lab_load("InfiniteSource -> c :: Counter -> [0] s :: StrideSched(1, 3);"
             "InfiniteSource -> d :: Counter -> [1] s -> u :: Unqueue(LIMIT 0) -> Discard");
    lab_write("s.tickets0", "300");
    lab_write("s.tickets1", "100");
    assert_string_equal(lab_read("s.tickets0"), "300");
    lab_write("u.limit", "400");
    lab_run();
    assert_in_range(lab_number("c.count"), 298, 302);
    lab_write_fails("s.tickets0", "-1", "expected a number of tickets");
    lab_write_fails("s.tickets2", "1", "");
}

static void what_is_above_a_shapers_rate_is_there_for_others(void **state)
{
    (void)state;
    lab_load(
        "src :: InfiniteSource -> s :: Shaper(10); s[0] -> Unqueue -> in :: Counter -> Discard;"
        "s[1] -> Unqueue(LIMIT 500) -> above :: Counter -> Discard");
    lab_pass(2000);
    assert_in_range(lab_number("in.count"), 15, 25);
    assert_int_equal(lab_number("above.count"), 500);
}

static void a_checksum_that_cannot_be_made_leaves_by_the_side(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .frag = 3};

    (void)state;
    lab_load(
        "FromDevice(eth0) -> MarkIPHeader(14) -> s :: SetUDPChecksum -> ok :: Counter -> Discard;"
        "s[1] -> side :: Counter -> Discard");
    lab_receive_frame(0, &f);
    f.proto = 6;
    f.frag = 0;
    lab_receive_frame(0, &f);
    f.proto = 17;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("side.count"), 2);
    assert_int_equal(lab_number("s.drops"), 2);
    assert_int_equal(lab_number("ok.count"), 1);
}

static void lengths_are_cut_and_made_up_as_asked(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> t :: Truncate(4) -> Pad -> Queue -> ToDevice(eth1);"
             "FromDevice(eth2) -> Truncate(4, EXTRA_LENGTH false) -> Pad(ZERO false) -> Queue"
             " -> ToDevice(eth3)");
    lab_receive_hex(0, "01 02 03 04 05 06");
    lab_expect_hex(1, "01 02 03 04 00 00"); /* by the extra length */
    lab_receive_hex(2, "01 02 03 04 05 06");
    lab_expect_hex(3, "01 02 03 04");
    lab_write("t.nbytes", "5");
    lab_receive_hex(0, "01 02 03 04 05 06");
    lab_expect_hex(1, "01 02 03 04 05 00");
    lab_load("FromDevice(eth0) -> Truncate(4) -> p :: Pad(4) -> Pad -> Queue -> ToDevice(eth1)");
    lab_receive_hex(0, "01 02 03 04 05 06"); /* Pad has taken the extra length away */
    lab_expect_hex(1, "01 02 03 04");
}

static void a_device_lets_only_ip_or_a_protocol_in(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};
    uint8_t frame[64];
    size_t len = lab_frame(&f, frame);

    (void)state;
    lab_load("FromDevice(eth0, FORCE_IP true) -> IPClassifier(udp) -> ip :: Counter -> Discard;"
             "FromDevice(eth1, PROTOCOL 0x0806) -> arp :: Counter -> Discard");
    lab_receive(0, frame, len);
    lab_receive(1, frame, len);
    lab_receive(0, frame, ETHER_LEN + 19);
    lab_receive(0, frame, 5);
    frame[13] = 6;
    lab_receive(0, frame, len);
    lab_receive(1, frame, len);
    assert_int_equal(lab_number("ip.count"), 1);
    assert_int_equal(lab_number("arp.count"), 1);
}

static void values_have_the_names_and_handlers_that_are_documented(void **state)
{
    (void)state;
    lab_load("Idle -> s :: SetIPAddress(IPADDR 1.2.3.4, ANNO 4) -> e :: ICMPError(1.1.1.1, 3, 4)"
             " -> a :: SetAnnoByte(5, 9) -> h :: HostEtherFilter(1:2:3:4:5:6) -> Discard;"
             "InfiniteSource(BURST 3, ACTIVE false) -> Discard; r :: RadixIPLookup(0/0 0);"
             "Idle -> r -> Discard; t :: TimedSource(1, HEADROOM 40) -> Discard;"
             "l :: LinkUnqueue(1s, 1kBps); Idle -> Queue -> l -> Discard;"
             "i :: InfiniteSource(ACTIVE false, BURST 3, DATASIZE 8) -> Discard;"
             "m :: IPRateMonitor(PACKETS, 1, 1, 600); Idle -> m -> Discard;"
             "w :: IPRewriter(drop); Idle -> w -> Discard; ARPTable(CAPACITY_SLIM_FACTOR 3)");
    assert_string_equal(lab_read("s.addr"), "1.2.3.4");
    lab_write("e.mtu", "1");
    assert_string_equal(lab_read("e.mtu"), "68");
    assert_string_equal(lab_read("a.anno"), "5");
    lab_write("h.ether", "6:5:4:3:2:1");
    assert_string_equal(lab_read("h.ether"), "06-05-04-03-02-01");
    assert_string_equal(lab_read("i.burstsize"), "3");
    assert_string_equal(lab_read("i.datasize"), "8");
    assert_string_equal(lab_read("t.headroom"), "40");
    assert_string_equal(lab_read("r.lookup 9.9.9.9"), "0");
    lab_write("r.flush", "");
    assert_string_equal(lab_read("r.table"), "");
    assert_string_equal(lab_read("r.lookup 9.9.9.9"), "-1");
    lab_write("r.add", "1.0.0.0/8 0");
    assert_string_equal(lab_read("r.lookup 1.9.9.9"), "0");
    lab_write("l.latency", "2s");
    lab_write("l.bandwidth", "2kBps");
    assert_string_equal(lab_read("l.bandwidth"), "2000");
    assert_in_range(lab_number("m.mem"), 1000, 20000);
    lab_write("m.memmax", "700");
    assert_string_equal(lab_read("m.memmax"), "700");
    assert_string_equal(lab_read("w.mappings"), "");
}

static void switches_and_schedulers_may_have_no_ports(void **state)
{
    (void)state;
    lab_load("Idle -> Switch(-1); Idle -> StaticSwitch(-1); PrioSched -> Unqueue -> Discard;"
             "RoundRobinSched -> Unqueue -> Discard; DRRSched -> Unqueue -> Discard;"
             "PullSwitch(-1) -> Unqueue -> Discard; StaticPullSwitch(-1) -> Unqueue -> Discard");
    lab_refuse("Idle -> Switch", "port must be below 0");
}

static void time_to_live_is_left_alone_where_asked(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "224.0.0.5", .proto = 17, .ttl = 1};

    (void)state;
    lab_load(
        "FromDevice(eth0) -> MarkIPHeader(14) -> d :: DecIPTTL(MULTICAST false) -> c :: Counter"
        " -> Discard; d[1] -> late :: Counter -> Discard");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 1);
    f.dst = "2.2.2.2";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("late.count"), 1);
    lab_write("d.active", "false");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count"), 2);
    lab_receive_hex(0, "00");
    assert_int_equal(lab_number("d.drops"), 2); /* no IP packet */
}

static void annotations_change_only_where_asked(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 253};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> SetIPAddress(9.9.9.9) -> t :: Tee"
             " -> IPMirror -> StoreIPAddress(0) -> Truncate(4) -> Queue -> ToDevice(eth1);"
             "t[1] -> IPMirror(DST_ANNO false) -> StoreIPAddress(0) -> Truncate(4) -> Queue"
             " -> ToDevice(eth2)");
    lab_receive_frame(0, &f);
    lab_expect_hex(1, "01010101");
    lab_expect_hex(2, "09090909");
}

static void a_rewriter_passes_what_belongs_to_no_flow(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 253};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> r :: UDPRewriter(pass 1) -> a :: Counter"
             " -> Discard; r[1] -> b :: Counter -> Discard");
    lab_receive_frame(0, &f);
    f.proto = 17;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("b.count"), 2);
    assert_int_equal(lab_number("a.count") + lab_number("r.drops"), 0);
    assert_int_equal(lab_number("r.table_size"), 0);
}

static void routes_are_read_in_all_forms(void **state)
{
    static const char *const routes[] = {
        "10.0.0.0/8 1.1.1.1 0", "10.0.0.0 255.0.0.0 1.1.1.1 0", "10.0.0.0/255.0.0.0 1.1.1.1 0",
        "10.0.0.0/8 0",         "10.0.0.0 255.0.0.0 0",         "10.0.0.0/8 0.0.0.0 0",
        "10.0.0.1 1.1.1.1 0",   "10.0.0.1/32 1.1.1.1 0",        "10.0.0.1 0"};
    static const char *const said[] = {"10.0.0.0/8\t1.1.1.1\t0\n", "10.0.0.0/8\t-\t0\n",
                                       "10.0.0.1/32\t"};

    (void)state;
    for (unsigned i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        char config[100];

        snprintf(config, sizeof(config), "Idle -> r :: LinearIPLookup(%s) -> Discard", routes[i]);
        lab_load(config);
        if (strncmp(lab_read("r.table"), said[i / 3], strlen(said[i / 3])) != 0)
            fail_msg("%s: %s", routes[i], lab.out.s);
    }
    lab_load("Idle -> r :: LinearIPLookup(10.0.0.0/8 0) -> Discard");
    lab_write("r.remove", "10.0.0.0/8");
    assert_string_equal(lab_read("r.table"), "");
    lab_write("r.add", "10.0.0.0/8 1.1.1.1 0");
    lab_write_fails("r.remove", "10.0.0.0/8 2.2.2.2 0", "10.0.0.0/8");
    lab_write("r.remove", "10.0.0.0/8 1.1.1.1");
}

static void a_source_keeps_to_a_bandwidth(void **state)
{
    (void)state;
    lab_load("s :: RatedSource(BANDWIDTH 1000Bps, LENGTH 100) -> c :: Counter -> Discard");
    lab_pass(10000);
    assert_in_range(lab_number("c.count"), 98, 112);
    lab_write("s.active", "false");
    lab_pass(10000);
    assert_in_range(lab_number("c.count"), 98, 112);
}

static void a_call_that_comes_back_is_not_made_again(void **state)
{
    static const uint8_t file[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, [20] = 1};

    (void)state;
    host_file_set("a", file, sizeof(file));
    lab_load("f :: FromDump(a, END_CALL f.stop) -> Discard");
    lab_write("f.stop", "");
    assert_string_equal(lab_read("f.active"), "false");
}

static void the_listeners_port_gets_all_frames(void **state)
{
    (void)state;
    lab_load("s :: ListenEtherSwitch; FromDevice(eth0) -> s; FromDevice(eth1) -> [1] s;"
             "s[0] -> Queue -> ToDevice(eth0); s[1] -> Queue -> ToDevice(eth1);"
             "s[2] -> Queue -> ToDevice(eth2)");
    lab_receive_hex(0, "020000000002 020000000001 0800");
    lab_expect_hex(1, "020000000002 020000000001 0800");
    lab_expect_hex(2, "020000000002 020000000001 0800");
    lab_receive_hex(1, "020000000001 020000000002 0800");
    lab_expect_hex(0, "020000000001 020000000002 0800");
    lab_expect_hex(2, "020000000001 020000000002 0800");
    lab_receive_hex(0, "020000000001 020000000001 0800"); /* for its own side */
    lab_expect_silence(1);
    lab_expect_hex(2, "020000000001 020000000001 0800");
}

static void the_first_timestamp_is_another_one(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> SetTimestamp(3) -> SetTimestamp(5, FIRST true)"
             " -> Print(T, 1, TIMESTAMP true, PRINTANNO true) -> Discard");
    lab_receive(0, "x", 1);
    assert_true(lab_logged("T: 3.000000:    1 | "));
    lab_receive(0, "x", 1);
    assert_true(lab_logged("00f2052a0100000")); /* 5e9 as it lies in memory */
}

static void what_is_delayed_comes_when_it_is_time(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> SetTimestamp -> Queue -> DelayUnqueue(2) -> c :: Counter"
             " -> Discard; FromDevice(eth1) -> Queue -> LinkUnqueue(1, 10Bps) -> l :: Counter"
             " -> Discard");
    lab_receive(0, "x", 1);
    lab_receive(1, "0123456789", 10);
    lab_receive(1, "0123456789", 10); /* enters the link a second later */
    lab_pass(1900);
    assert_int_equal(lab_number("c.count") + lab_number("l.count"), 0);
    lab_pass(200);
    assert_int_equal(lab_number("c.count"), 1);
    assert_int_equal(lab_number("l.count"), 1);
    lab_pass(1000);
    assert_int_equal(lab_number("l.count"), 2);
}

static void many_timers_go_off_each_in_its_time(void **state)
{
    enum { N = 40 };
    struct text t = {0};
    unsigned interval[N], seed = 1;
    char name[16], value[16];

    (void)state;
    for (unsigned i = 0; i < N; i++)
        text_addf(&t, "s%u :: TimedSource(1) -> c%u :: Counter -> Discard;", i, i);
    lab_load(t.s);
    for (unsigned n = 0; n < 40 * N; n++) { /* a new time for each, again and again */
        unsigned i = n % N;

        seed = seed * 1664525u + 1013904223u;
        interval[i] = 20 + (seed >> 8) % 500;
        snprintf(name, sizeof(name), "s%u.interval", i);
        snprintf(value, sizeof(value), "%ums", interval[i]);
        lab_write(name, value);
        if (n % 7 == 0)
            lab_pass(3);
    }
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "c%u.reset", i);
        lab_write(name, "");
    }
    lab_pass(10000);
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "c%u.count", i);
        assert_in_range(lab_number(name), 10000 / interval[i], 10000 / interval[i] + 1);
    }
    text_free(&t);
}

static void no_interval_is_nothing(void **state)
{
    (void)state;
    lab_load("t :: TimedSource(1) -> c :: Counter -> Discard;"
             "p :: ICMPPingSource(1.1.1.1, 2.2.2.2) -> q :: Counter -> Discard");
    lab_write("t.interval", "0");
    lab_write("p.interval", "0");
    assert_string_equal(lab_read("t.interval"), "0.000001");
    lab_write("q.reset", "");
    lab_pass(10);
    assert_in_range(lab_number("q.count"), 0, 11);
    lab_write("t.interval", "1");
}

static void red_tells_its_average(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> r :: RED(5, 50, 0.02) -> q :: Queue -> u :: Unqueue(ACTIVE false)"
             " -> Discard");
    for (unsigned i = 0; i < 40; i++)
        lab_receive(0, "x", 1);
    assert_string_equal(lab_read("r.queues"), "q\n");
    assert_true(atof(lab_read("r.avg_queue_size")) > 1);
    assert_non_null(strstr(lab_read("r.stats"), "average queue size "));
    assert_non_null(strstr(lab.out.s, "\ncurrent queue size 40\n0 drops\n"));
}

static void calls_of_counters_are_set_while_they_run(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> c :: Counter -> Discard; Idle -> d :: Counter -> Discard");
    assert_string_equal(lab_read("c.count_call"), "");
    lab_write("c.count_call", "2 c.byte_count_call 5 stop");
    assert_string_equal(lab_read("c.count_call"), "2 c.byte_count_call 5 stop");
    lab_receive(0, "x", 1);
    assert_string_equal(lab_read("c.byte_count_call"), "");
    lab_receive(0, "x", 1);
    assert_string_equal(lab_read("c.byte_count_call"), "5 stop");
    lab_receive(0, "xx", 2);
    assert_false(engine_stopped(lab.eng));
    lab_receive(0, "x", 1);
    assert_true(engine_stopped(lab.eng));
}

static void flows_of_pings_have_their_kind_for_a_port(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 1, .flags = 8};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> f :: FlowMeter -> Discard; f[1] -> Discard");
    lab_receive_frame(0, &f);
    f.flags = 3;
    lab_receive_frame(0, &f);
    f.frag = 1;
    lab_receive_frame(0, &f); /* neither */
    assert_int_equal(lab_number("f.flows"), 3);
    assert_non_null(strstr(lab_read("f.table"), "2048"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(time_to_live_is_left_alone_where_asked),
        LAB_TEST(annotations_change_only_where_asked),
        LAB_TEST(a_rewriter_passes_what_belongs_to_no_flow),
        LAB_TEST(routes_are_read_in_all_forms),
        LAB_TEST(a_source_keeps_to_a_bandwidth),
        LAB_TEST(a_call_that_comes_back_is_not_made_again),
        LAB_TEST(the_listeners_port_gets_all_frames),
        LAB_TEST(the_first_timestamp_is_another_one),
        LAB_TEST(what_is_delayed_comes_when_it_is_time),
        LAB_TEST(many_timers_go_off_each_in_its_time),
        LAB_TEST(no_interval_is_nothing),
        LAB_TEST(red_tells_its_average),
        LAB_TEST(calls_of_counters_are_set_while_they_run),
        LAB_TEST(flows_of_pings_have_their_kind_for_a_port),
        LAB_TEST(meters_tell_their_rates),
        LAB_TEST(tickets_can_be_changed),
        LAB_TEST(what_is_above_a_shapers_rate_is_there_for_others),
        LAB_TEST(a_checksum_that_cannot_be_made_leaves_by_the_side),
        LAB_TEST(lengths_are_cut_and_made_up_as_asked),
        LAB_TEST(a_device_lets_only_ip_or_a_protocol_in),
        LAB_TEST(values_have_the_names_and_handlers_that_are_documented),
        LAB_TEST(switches_and_schedulers_may_have_no_ports),
    };

    return cmocka_run_group_tests_name("documented", tests, NULL, NULL);
}
