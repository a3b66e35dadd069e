/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMPPingSource: what it sends, and which answers it believes. Block and ToHost. */
#include <string.h>

#include "lab.h"

#define SOURCE                                                                                     \
    "FromDevice(eth0) -> MarkIPHeader(14) -> s :: ICMPPingSource(10.0.0.1, 10.0.0.2, INTERVAL 1, " \
    "IDENTIFIER 77, "
#define SINK                                                                                       \
    ") -> c :: Counter -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> Queue -> "               \
    "ToDevice(eth1);"

static struct frame reply_to(uint16_t seq)
{
    return (struct frame){
        .src = "10.0.0.2", .dst = "10.0.0.1", .proto = 1, .sport = 77, .dport = seq};
}

static void pings_go_out_at_their_interval_until_the_limit(void **state)
{
    struct packet *p;

    (void)state;
    lab_load(SOURCE "DATA \"abc\", LIMIT 2" SINK);
    lab_expect_silence(1);
    lab_pass(1000);
    p = lab_sent(1);
    assert_int_equal(p->len, 14 + 28 + 3);
    assert_memory_equal(p->data + 26, "\x0a\0\0\1\x0a\0\0\2\x08\0", 10);
    assert_int_equal(p->data[22], 200); /* time to live */
    assert_memory_equal(p->data + 38, "\0\x4d\0\1abc", 7);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
    lab_pass(3000);
    p = lab_sent(1);
    assert_memory_equal(p->data + 38, "\0\x4d\0\2abc", 7);
    packet_kill(p);
    lab_expect_silence(1);
    lab_write("s.limit", "3"); /* it goes on */
    lab_run();
    packet_kill(lab_sent(1));
    lab_write("s.reset_counts", "");
    lab_pass(1000);
    p = lab_sent(1);
    assert_memory_equal(p->data + 38, "\0\x4d\0\1", 4);
    packet_kill(p);
    lab_write("s.active", "false");
    lab_pass(5000);
    lab_expect_silence(1);
}

static void the_answers_are_summed_up(void **state)
{
    struct frame f = reply_to(1);

    (void)state;
    lab_load(SOURCE "LIMIT 4" SINK);
    assert_string_equal(lab_read("s.summary"), "0 packets transmitted, 0 received\n");
    lab_pass(1000);
    lab_pass(2);
    lab_receive_frame(0, &f);
    assert_true(lab_logged("s: 0 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=2.000 ms"));
    lab_pass(998);
    lab_pass(4);
    f = reply_to(2);
    lab_receive_frame(0, &f);
    lab_receive_frame(0, &f);
    lab_pass(2000);
    assert_string_equal(lab_read("s.summary"),
                        "4 packets transmitted, 2 received, +1 duplicates, 50% packet loss\n"
                        "rtt min/avg/max/mdev = 2.000/3.333/4.000/0.943\n");
    assert_string_equal(lab_read("s.rtt_min"), "0.002000");
    assert_string_equal(lab_read("s.rtt_avg"), "0.003333");
    assert_string_equal(lab_read("s.rtt_max"), "0.004000");
    assert_int_equal(lab_number("s.count"), 4);
    while (lab.eth[1]->n_sent)
        packet_kill(lab_sent(1));
}

/* Each differs from a right answer in one thing. */
static void what_is_no_answer_to_a_ping_is_dropped(void **state)
{
    const struct frame right = reply_to(1);
    struct frame wrong[6] = {right, right, right, right, right, right};
    uint8_t frame[64];

    (void)state;
    lab_load(SOURCE "VERBOSE false" SINK);
    lab_receive_frame(0, &right); /* nothing was asked yet */
    lab_pass(1000);
    packet_kill(lab_sent(1));
    wrong[0].proto = 17;
    wrong[1].flags = 8; /* a ping */
    wrong[2].sport = 78;
    wrong[3].dport = 2;
    wrong[4].dport = 257; /* where 1 is remembered */
    wrong[5].frag = 1;
    for (unsigned i = 0; i < 6; i++)
        lab_receive_frame(0, &wrong[i]);
    lab_receive(0, frame, lab_frame(&right, frame) - 1); /* the identifier is cut */
    lab_receive(0, frame, 14 + 19);
    assert_string_equal(lab_read("s.summary"),
                        "1 packets transmitted, 0 received, 100% packet loss\n");
    lab_receive_frame(0, &right);
    assert_string_equal(lab_read("s.rtt_max"), "0.000000");
    assert_non_null(strstr(lab_read("s.summary"), " 1 received, 0% packet loss\n"));
}

static void a_mirrored_answer_is_the_next_ping(void **state)
{
    struct frame f = reply_to(1);
    uint8_t frame[80];
    struct packet *p;
    size_t len;

    (void)state;
    lab_load(SOURCE "MIRROR true, VERBOSE false, LIMIT 1" SINK);
    lab_pass(1000);
    packet_kill(lab_sent(1));
    f.payload = "xyz";
    f.payload_len = 3;
    len = lab_frame(&f, frame);
    memset(frame + len, 0xee, 9); /* the link's padding */
    lab_receive(0, frame, len + 9);
    p = lab_sent(1);
    assert_int_equal(p->len, 14 + 28 + 3);
    assert_memory_equal(p->data + 26, "\x0a\0\0\1\x0a\0\0\2\x08\0", 10);
    assert_memory_equal(p->data + 38, "\0\x4d\0\2xyz", 7);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
    lab_receive(0, frame, len); /* the first one again: a duplicate is mirrored, too, as in Click */
    packet_kill(lab_sent(1));
}

static void pings_are_pulled_without_a_clock(void **state)
{
    (void)state;
    lab_load("s :: ICMPPingSource(1.1.1.1, 2.2.2.2, LIMIT 5) -> u :: Unqueue -> Discard");
    assert_int_equal(lab_number("s.count"), 5);
    lab_write("s.active", "false");
    lab_write("s.limit", "8");
    lab_run();
    assert_int_equal(lab_number("s.count"), 5);
    lab_write("s.active", "true");
    lab_run();
    assert_int_equal(lab_number("s.count"), 8);
    lab_load("s :: ICMPPingSource(1.1.1.1, 2.2.2.2, LIMIT 5, STOP true) -> Unqueue -> Discard");
    assert_true(engine_stopped(lab.eng));
}

static void pings_at_once_are_refused(void **state)
{
    (void)state;
    lab_refuse("ICMPPingSource(1.1.1.1, 2.2.2.2, INTERVAL 0) -> Discard", "at least a millisecond");
    lab_refuse("ICMPPingSource(1.1.1.1, 2.2.2.2, MIRROR true) -> Unqueue -> Discard",
               "MIRROR wants a push output");
    lab_load("s :: ICMPPingSource(1.1.1.1, 2.2.2.2) -> Discard");
    lab_write("s.interval", "0");
    lab_pass(100);
    assert_in_range(lab_number("s.count"), 0, 101);
}

static void what_is_above_a_rate_is_blocked(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader(14) -> IPRateMonitor(PACKETS, 1, 1)"
             " -> b :: Block(20) => low :: Counter, high :: Counter;"
             "low -> Discard; high -> Discard");
    for (unsigned i = 0; i < 200; i++) {
        lab_receive_frame(0, &f);
        lab_pass(10);
    }
    assert_in_range(lab_number("low.count"), 10, 110);
    assert_int_equal(lab_number("low.count") + lab_number("high.count"), 200);
    lab_write("b.thresh", "0"); /* everything passes */
    uint64_t before = lab_number("high.count");
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("high.count"), before);
}

static void what_is_for_the_host_is_dropped_with_a_warning(void **state)
{
    static const char text[] = "FromDevice(eth0) -> c :: Counter -> ToHost(eth0, SNIFFERS true);"
                               "Idle -> ToHostSniffers";
    struct text said = {0};

    (void)state;
    assert_int_equal(engine_load(lab.eng, text, sizeof(text) - 1, &said), 0);
    text_char(&said, '\0');
    assert_non_null(strstr(said.s, "1:37: warning: ToHost@3: a guest has no host's stack"));
    text_free(&said);
    lab_receive_hex(0, "01 02");
    assert_int_equal(lab_number("c.count"), 1);
    lab_load("FromDevice(eth0) -> h :: ToHost");
    lab_receive_hex(0, "01 02");
    assert_int_equal(lab_number("h.drops"), 1);
    lab_load("Idle -> Discard; ClickyInfo(STYLE none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(pings_go_out_at_their_interval_until_the_limit),
        LAB_TEST(the_answers_are_summed_up),
        LAB_TEST(what_is_no_answer_to_a_ping_is_dropped),
        LAB_TEST(a_mirrored_answer_is_the_next_ping),
        LAB_TEST(pings_are_pulled_without_a_clock),
        LAB_TEST(pings_at_once_are_refused),
        LAB_TEST(what_is_above_a_rate_is_blocked),
        LAB_TEST(what_is_for_the_host_is_dropped_with_a_warning),
    };

    return cmocka_run_group_tests_name("ping", tests, NULL, NULL);
}
