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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
