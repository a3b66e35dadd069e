/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements that do not look into packets: queues, sources, shapers, schedulers, counters. */
#include "lab.h"

static void a_full_queue_drops_and_counts(void **state)
{
    (void)state;
    lab_load("s :: TimedSource(0.001, LIMIT 10) -> q :: Queue(3); q[1] -> d :: Discard;"
             "q -> Idle;");
    lab_pass(100);
    assert_int_equal(lab_number("q.length"), 3);
    assert_int_equal(lab_number("q.drops"), 7);
    assert_int_equal(lab_number("d.count"), 7);
    assert_int_equal(lab_number("q.highwater_length"), 3);
    lab_write("q.reset", "");
    assert_int_equal(lab_number("q.length"), 0);
    assert_int_equal(lab_number("q.drops"), 0);
}

static void a_source_waits_for_a_full_queue(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 100) -> q :: Queue(5) -> u :: Unqueue(ACTIVE false)"
             " -> d :: Discard");
    assert_int_equal(lab_number("q.length"), 5);
    assert_int_equal(lab_number("q.drops"), 0);
    lab_write("u.active", "true");
    assert_int_equal(lab_number("d.count"), 100);
    assert_int_equal(lab_number("q.drops"), 0);
}

static void an_idle_engine_has_no_deadline(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Queue -> ToDevice(eth1); Idle -> Queue -> Discard;");
    assert_true(lab_run() == NEVER);
    lab_receive(0, "abc", 3);
    lab_expect_hex(1, "61 62 63");
    assert_true(lab_run() == NEVER);
}

static void a_device_without_room_is_not_given_packets(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> q :: Queue -> ToDevice(eth1)");
    lab.eth[1]->room = 0;
    lab_receive(0, "abc", 3);
    lab_expect_silence(1);
    assert_int_equal(lab_number("q.length"), 1);
    lab.eth[1]->room = 10;
    lab.eth[1]->wake[0](lab.eth[1]->wake_arg[0]);
    lab_run();
    lab_expect_hex(1, "61 62 63");
}

static void a_device_that_is_not_active_leaves_packets_where_they_are(void **state)
{
    (void)state;
    lab_load("d :: FromDevice(eth0, ACTIVE false) -> c :: Counter -> Discard");
    lab_receive_hex(0, "01 02");
    assert_int_equal(lab_number("c.count"), 0);
    lab_write("d.active", "true");
    lab_run();
    assert_int_equal(lab_number("c.count"), 1);
    lab_write("d.active", "false");
    lab_receive_hex(0, "01 02");
    assert_int_equal(lab_number("d.count"), 1);
    assert_string_equal(lab_read("d.encap"), "ETHER");
    assert_string_equal(lab_read("d.kernel_drops"), "??");
    lab_write("d.active", "true");
    lab_run();
    assert_int_equal(lab_number("c.count"), 2);
}

static void what_a_device_cannot_send_is_counted(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Queue -> d :: ToDevice(eth1)");
    lab.eth[1]->longest = 2;
    lab_receive_hex(0, "01 02 03");
    lab_receive_hex(0, "01 02");
    lab_receive_hex(0, "01 02 03 04");
    lab_expect_hex(1, "01 02");
    assert_int_equal(lab_number("d.drops"), 2);
    assert_int_equal(lab_number("d.count"), 3);
    lab_write("d.reset_counts", "");
    assert_int_equal(lab_number("d.drops"), 0);
    lab.eth[1]->longest = UINT32_MAX;
}

static void order_is_kept_through_a_switch(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> c :: Classifier(0/61, -) -> q :: Queue -> ToDevice(eth1);"
             "c[1] -> q");
    for (const char *s = "axayaz"; *s; s++)
        host_receive(lab.eth[0], s, 1);
    lab_run();
    for (const char *s = "axayaz"; *s; s++) {
        struct packet *p = lab_sent(1);

        assert_int_equal(p->data[0], *s);
        packet_kill(p);
    }
}

static void tee_copies_are_independent(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> t :: Tee -> EtherMirror -> Queue -> ToDevice(eth1);"
             "t[1] -> Queue -> ToDevice(eth2); t[2] -> Strip(6) -> Queue -> ToDevice(eth3)");
    lab_receive_hex(0, "0102030405060708090a0b0c0800");
    lab_expect_hex(1, "0708090a0b0c0102030405060800");
    lab_expect_hex(2, "0102030405060708090a0b0c0800");
    lab_expect_hex(3, "0708090a0b0c0800");
    lab_refuse("Idle -> Tee(3) -> Discard", "3 outputs, but 1 are connected");
}

static void switches_choose_outputs(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> s :: Switch(1) -> a :: Counter -> d :: Discard;"
             "s[1] -> b :: Counter -> d; FromDevice(eth1) -> h :: HashSwitch(0, 2) -> e :: Counter"
             " -> d; h[1] -> f :: Counter -> d;");
    lab_receive(0, "x", 1);
    assert_int_equal(lab_number("b.count"), 1);
    lab_write("s.switch", "0");
    lab_receive(0, "x", 1);
    assert_int_equal(lab_number("a.count"), 1);
    lab_write("s.switch", "-1");
    lab_receive(0, "x", 1);
    lab_write("s.switch", "77");
    lab_receive(0, "x", 1);
    assert_int_equal(lab_number("a.count") + lab_number("b.count"), 2);
    lab_receive(1, "ab", 2);
    lab_receive(1, "ab", 2);
    lab_receive(1, "a", 1); /* too short to hash: output 0 */
    assert_true(lab_number("e.count") == 3 || lab_number("e.count") == 1);
    assert_int_equal(lab_number("e.count") + lab_number("f.count"), 3);
}

static void a_shaper_lets_its_rate_through(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LENGTH 100) -> Queue(10) -> Shaper(1000) -> c :: Counter -> Discard;"
             "InfiniteSource(LENGTH 100) -> Queue(10) -> BandwidthShaper(10000)"
             " -> b :: Counter -> Discard;");
    lab_pass(1000);
    assert_in_range(lab_number("c.count"), 990, 1020);
    assert_in_range(lab_number("b.byte_count"), 9900, 10300);
    assert_true(lab_run() != 0);
}

static void rated_unqueues_keep_their_rate_and_sleep(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LENGTH 100) -> Queue(10) -> r :: RatedUnqueue(500) -> c :: Counter"
             " -> Discard;"
             "InfiniteSource(LENGTH 100) -> Queue(10) -> BandwidthRatedUnqueue(80kbps)"
             " -> b :: Counter -> Discard");
    lab_pass(1000);
    assert_in_range(lab_number("c.count"), 490, 515);
    assert_in_range(lab_number("b.byte_count"), 9900, 10400);
    lab_write("r.rate", "0");
    lab_write("c.reset", "");
    lab_pass(1000);
    assert_int_equal(lab_number("c.count"), 0);
    lab_write("r.rate", "100");
    lab_pass(1000);
    assert_in_range(lab_number("c.count"), 95, 110);
}

static void sources_make_what_they_are_told(void **state)
{
    (void)state;
    lab_load("RatedSource(\\<01 02 03>, 100, 7, STOP false) -> c :: Counter -> Queue"
             " -> ToDevice(eth0); TimedSource(0.1, \"hello\", LIMIT 2) -> Queue -> ToDevice(eth1)");
    lab_pass(1000);
    assert_int_equal(lab_number("c.count"), 7);
    for (int i = 0; i < 7; i++)
        lab_expect_hex(0, "010203");
    lab_expect_hex(1, "68656c6c6f");
    lab_expect_hex(1, "68656c6c6f");
    lab_expect_silence(1);
    lab_refuse("InfiniteSource(DATA \\<012>) -> Discard", "DATA must be a string");
    lab_refuse("InfiniteSource(LENGTH 99999) -> Discard", "LENGTH must be an integer up to 65535");
}

static void stop_and_end_calls_work(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 3, END_CALL s.switch 1) -> s :: Switch -> Discard;"
             "s[1] -> Discard; InfiniteSource(LIMIT 5, STOP true) -> Discard");
    assert_string_equal(lab_read("s.switch"), "1");
    assert_true(engine_stopped(lab.eng));
    lab_refuse("InfiniteSource(END_CALL nobody.x) -> Discard", "END_CALL must be a write handler");
    lab_refuse("InfiniteSource(END_CALL d.count 3) -> d :: Discard", "must be a write handler");
}

/* What is called may replace the call, or come back to it. */
static void a_call_may_reach_itself(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> c :: Counter(COUNT_CALL 2 c.count_call 4 s.switch 1)"
             " -> s :: Switch -> Discard; s[1] -> Discard");
    for (unsigned i = 0; i < 3; i++)
        lab_receive_hex(0, "00");
    assert_string_equal(lab_read("c.count_call"), "4 s.switch 1");
    assert_string_equal(lab_read("s.switch"), "0");
    lab_receive_hex(0, "00");
    assert_string_equal(lab_read("s.switch"), "1");
}

static void schedulers_share_as_documented(void **state)
{
    (void)state;
    lab_load(
        "InfiniteSource(LENGTH 1000) -> Queue -> ca :: Counter -> p :: PrioSched"
        " -> Unqueue(LIMIT 90) -> Discard; InfiniteSource -> Queue -> cb :: Counter -> [1] p;");
    assert_int_equal(lab_number("ca.count"), 90);
    assert_int_equal(lab_number("cb.count"), 0);
    lab_load(
        "InfiniteSource(LENGTH 1000) -> Queue -> cc :: Counter -> p :: RoundRobinSched"
        " -> Unqueue(LIMIT 90) -> Discard; InfiniteSource -> Queue -> cd :: Counter -> [1] p;");
    assert_int_equal(lab_number("cc.count"), 45);
    assert_int_equal(lab_number("cd.count"), 45);
    lab_refuse("Idle -> DRRSched(0) -> Discard", "QUANTUM must be above 0");
}

static void drr_shares_bytes_not_packets(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LENGTH 1000, DATA \\<01>) -> Queue -> d :: DRRSched"
             " -> Unqueue(LIMIT 1100) -> c :: Classifier(0/01, -);"
             "InfiniteSource(LENGTH 100, DATA \\<02>) -> Queue -> [1] d;"
             "c -> large :: Counter -> Discard; c[1] -> small :: Counter -> Discard");
    assert_in_range(lab_number("large.byte_count"), 90000, 110000);
    assert_in_range(lab_number("small.byte_count"), 90000, 110000);
    lab_load("InfiniteSource(DATA \\<01>) -> Queue -> d :: StrideSched(3, 1)"
             " -> Unqueue(LIMIT 400) -> c :: Classifier(0/01, -);"
             "InfiniteSource(DATA \\<02>) -> Queue -> [1] d;"
             "c -> a :: Counter -> Discard; c[1] -> b :: Counter -> Discard");
    assert_in_range(lab_number("a.count"), 295, 305);
}

static void counters_measure_rates_and_call(void **state)
{
    (void)state;
    lab_load("RatedSource(RATE 200, LENGTH 50) -> c :: Counter(COUNT_CALL 100 s.switch 1)"
             " -> s :: Switch -> Discard; s[1] -> d :: Discard");
    lab_pass(3000);
    assert_in_range(lab_number("c.rate"), 180, 220);
    assert_in_range(lab_number("c.byte_rate"), 9000, 11000);
    assert_in_range(lab_number("c.bit_rate"), 72000, 88000);
    assert_int_equal(lab_number("d.count"), lab_number("c.count") - 99);
    lab_write("c.reset_counts", "");
    assert_int_equal(lab_number("c.count"), 0);
    lab_write_fails("c.count_call", "x y.z", "1:1: expected");
}

static void average_counters_and_meters_follow_the_rate(void **state)
{
    (void)state;
    lab_load("RatedSource(RATE 100, LENGTH 10) -> a :: AverageCounter -> m :: Meter(50)"
             " -> Discard; m[1] -> d :: Counter -> Discard;"
             "RatedSource(RATE 1000) -> r :: RatedSplitter(100) -> x :: Counter -> Discard;"
             "r[1] -> y :: Counter -> Discard");
    lab_pass(5000);
    assert_in_range(lab_number("a.rate"), 95, 105);
    assert_in_range(lab_number("a.byte_rate"), 950, 1050);
    assert_true(lab_number("d.count") > 300);
    assert_in_range(lab_number("x.count"), 490, 510);
    assert_in_range(lab_number("y.count"), 4450, 4550);
    lab_refuse("Idle -> m :: Meter(10, 5) -> Discard; m[1] -> Discard; m[2] -> Discard",
               "1:24: m: rates must grow");
}

static void delays_are_kept(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Queue -> DelayShaper(0.5) -> ToDevice(eth1);"
             "FromDevice(eth2) -> Queue -> l :: LinkUnqueue(100ms, 8kbps) -> Queue"
             " -> ToDevice(eth3)");
    lab_receive(0, "a", 1);
    lab_pass(499);
    lab_expect_silence(1);
    lab_pass(2);
    lab_expect_hex(1, "61");
    for (int i = 0; i < 2; i++) /* 100 bytes at 1000 bytes a second */
        lab_receive(2,
                    "012345678901234567890123456789012345678901234567890123456789012345678901234567"
                    "8901234567890123456789",
                    100);
    lab_pass(190);
    lab_expect_silence(3);
    lab_pass(15);
    packet_kill(lab_sent(3));
    lab_expect_silence(3);
    lab_pass(100);
    packet_kill(lab_sent(3));
}

static void red_drops_between_its_thresholds(void **state)
{
    (void)state;
    lab_load("RatedSource(RATE 1000) -> r :: RED(5, 50, 0.5) -> q :: Queue(100)"
             " -> Shaper(500) -> Discard");
    assert_string_equal(lab_read("r.queues"), "q\n");
    assert_string_equal(lab_read("r.max_p"), "0.500000");
    lab_pass(10000);
    assert_true(lab_number("r.drops") > 3000);
    assert_true(lab_number("q.length") < 60);
    assert_int_equal(lab_number("q.drops"), 0);
    lab_refuse("Idle -> RED(5, 4, 0.5) -> Queue -> Discard", "MAX_THRESH must be at least");
    lab_refuse("Idle -> RED(5, 50, 1.5) -> Queue -> Discard", "MAX_P must be a decimal number");
    lab_refuse("Idle -> RED(5, 50, 0.5) -> Discard", "no Queue downstream");
}

static void paint_travels_with_the_packet(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Paint(2) -> p :: PaintSwitch -> Discard; p[1] -> Discard;"
             "p[2] -> CheckPaint(2) -> t :: PaintTee(2) -> c :: Counter -> Discard;"
             "t[1] -> d :: Counter -> Discard;"
             "FromDevice(eth1) -> Paint(255) -> a :: PaintSwitch -> x :: Counter -> Discard;"
             "a[1] -> y :: Counter -> Discard; FromDevice(eth2) -> Paint(9)"
             " -> z :: CheckPaint(3) -> Discard; z[1] -> w :: Counter -> Discard");
    lab_receive(0, "a", 1);
    lab_receive(1, "a", 1);
    lab_receive(2, "a", 1);
    assert_int_equal(lab_number("c.count"), 1);
    assert_int_equal(lab_number("d.count"), 1);
    assert_int_equal(lab_number("x.count"), 1);
    assert_int_equal(lab_number("y.count"), 1);
    assert_int_equal(lab_number("w.count"), 1);
    lab_refuse("Idle -> Paint(256) -> Discard", "COLOR must be a number");
    lab_refuse("Idle -> Paint(1, 48) -> Discard", "ANNO must be an annotation");
}

static void stripping_beyond_the_end_drops(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> s :: Strip(4) -> Unstrip(6) -> Queue -> ToDevice(eth1);"
             "FromDevice(eth2) -> c :: CheckLength(3) -> Truncate(2) -> Pad(5) -> Queue"
             " -> ToDevice(eth3); c[1] -> d :: Discard");
    lab_receive(0, "abc", 3);
    assert_int_equal(lab_number("s.drops"), 1);
    lab_receive(0, "abcdef", 6);
    packet_kill(lab_sent(1));
    lab_receive(2, "abcd", 4);
    assert_int_equal(lab_number("d.count"), 1);
    lab_receive(2, "abc", 3);
    lab_expect_hex(3, "61 62 00 00 00");
}

static void suppressors_shut_single_ports(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> [0] s :: Suppressor [0] -> a :: Discard;"
             "FromDevice(eth1) -> [1] s [1] -> b :: Discard");
    lab_write("s.active1", "false");
    lab_receive(0, "x", 1);
    lab_receive(1, "x", 1);
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 0);
    lab_write_fails("s.active2", "false", "");
    lab_write("s.reset", "");
    assert_string_equal(lab_read("s.active1"), "true");
}

static void packets_in_circles_are_dropped(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> n :: Null -> t :: Tee -> n; t[1] -> n;");
    lab_receive(0, "x", 1);
    assert_true(lab_number("looped") > 0);
    assert_true(lab_logged("go in circles"));
    lab_load("r :: RoundRobinSched -> n :: Null -> r; r -> Discard;");
}

static void printing_shows_label_length_and_bytes(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> p :: Print(ok, 3) -> Print(all, -1, CONTENTS ASCII) -> Discard");
    lab_receive(0, "abcd", 4);
    assert_true(lab_logged("ok:    4 | 616263\nall:    4 | abcd\n"));
    lab_write("p.active", "false");
    lab_receive(0, "abcd", 4);
    assert_null(strstr(host.log.s, "ok"));
}

static void ip_packets_are_printed_readably(void **state)
{
    struct frame f = {.src = "10.0.0.1",
                      .dst = "10.0.0.2",
                      .proto = 6,
                      .sport = 1,
                      .dport = 2,
                      .flags = TCP_SYN,
                      .seq = 100};

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> IPPrint(x, TIMESTAMP false, TTL true)"
             " -> Discard");
    lab_receive_frame(0, &f);
    assert_true(lab_logged("x: ttl 64 10.0.0.1.1 > 10.0.0.2.2: S 100:100(20,0,0) win 8192\n"));
}

static void other_names_stand_for_the_same_elements(void **state)
{
    (void)state;
    lab_load("PollDevice(eth0) -> q :: ThreadSafeQueue(2) -> d :: ToDevice(eth1)");
    lab.eth[1]->room = 0;
    lab_receive_hex(0, "01");
    lab_receive_hex(0, "02");
    lab_receive_hex(0, "03");
    assert_int_equal(lab_number("q.drops"), 1);
    assert_string_equal(lab_read("q.class"), "ThreadSafeQueue");
    lab_load("Idle -> a :: SimpleQueue -> Discard; Idle -> b :: NotifierQueue -> Discard;"
             "Idle -> c :: FullNoteQueue -> Discard; Idle -> d :: QuickNoteQueue -> Discard;"
             "Idle -> ToHostSniffers; ClickyInfo(x);"
             "ICMPSendPings(1.0.0.1, 1.0.0.2, ACTIVE false) -> Discard");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(other_names_stand_for_the_same_elements),
        LAB_TEST(a_full_queue_drops_and_counts),
        LAB_TEST(a_device_that_is_not_active_leaves_packets_where_they_are),
        LAB_TEST(what_a_device_cannot_send_is_counted),
        LAB_TEST(a_source_waits_for_a_full_queue),
        LAB_TEST(an_idle_engine_has_no_deadline),
        LAB_TEST(a_device_without_room_is_not_given_packets),
        LAB_TEST(order_is_kept_through_a_switch),
        LAB_TEST(tee_copies_are_independent),
        LAB_TEST(switches_choose_outputs),
        LAB_TEST(a_shaper_lets_its_rate_through),
        LAB_TEST(rated_unqueues_keep_their_rate_and_sleep),
        LAB_TEST(sources_make_what_they_are_told),
        LAB_TEST(stop_and_end_calls_work),
        LAB_TEST(a_call_may_reach_itself),
        LAB_TEST(drr_shares_bytes_not_packets),
        LAB_TEST(counters_measure_rates_and_call),
        LAB_TEST(average_counters_and_meters_follow_the_rate),
        LAB_TEST(delays_are_kept),
        LAB_TEST(red_drops_between_its_thresholds),
        LAB_TEST(paint_travels_with_the_packet),
        LAB_TEST(stripping_beyond_the_end_drops),
        LAB_TEST(suppressors_shut_single_ports),
        LAB_TEST(packets_in_circles_are_dropped),
        LAB_TEST(printing_shows_label_length_and_bytes),
        LAB_TEST(ip_packets_are_printed_readably),
        LAB_TEST(schedulers_share_as_documented),
    };

    return cmocka_run_group_tests_name("elements", tests, NULL, NULL);
}
