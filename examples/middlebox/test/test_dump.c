/* SPDX-License-Identifier: BSD-2-Clause */
/* FromDump and ToDump: what goes into a pcap file comes out, and which of it when that is asked. */
#include "lab.h"

#define SECONDS 6 /* packets of stepped(), one a second */

static void pcap_files_come_back_as_they_were_written(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> ToDump(a.pcap, SNAPLEN 4, NANO true) -> Discard");
    lab_receive(0, "abcdef", 6);
    lab_receive(0, "xy", 2);
    lab_load("FromDump(a.pcap) -> Queue -> ToDevice(eth1)");
    lab_expect_hex(1, "61626364");
    lab_expect_hex(1, "7879");
    lab_load("f :: FromDump(a.pcap, STOP true) -> d :: Discard");
    assert_int_equal(lab_number("d.count"), 2);
    assert_true(engine_stopped(lab.eng));
    assert_string_equal(lab_read("f.encap"), "ETHER");
}

static void damaged_pcap_files_end_where_they_are_damaged(void **state)
{
    uint8_t file[24 + 16 + 4] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};

    (void)state;
    lab_refuse("FromDump(none) -> Discard", "cannot open 'none'");
    host_file_set("a", file, 10);
    lab_refuse("FromDump(a) -> Discard", "is no pcap file: it is too short");
    host_file_set("a", "0123456789012345678901234567890", 30);
    lab_refuse("FromDump(a) -> Discard", "is no pcap file");
    file[20] = 99;
    host_file_set("a", file, 24);
    lab_refuse("FromDump(a) -> Discard", "link type 99 is not supported");
    file[20] = 1;
    host_file_set("a", file, 30); /* half a record header */
    lab_load("FromDump(a) -> d :: Discard");
    assert_true(lab_logged("'a' is damaged at byte"));
    file[32] = 4;
    file[36] = 9;
    host_file_set("a", file, 42); /* half a packet */
    lab_load("FromDump(a) -> d :: Discard");
    assert_true(lab_logged("is damaged"));
    file[34] = 0xff; /* sixteen million bytes */
    host_file_set("a", file, 44);
    lab_load("FromDump(a) -> d :: Discard");
    assert_true(lab_logged("is damaged"));
    file[34] = 0;
    host_file_set("a", file, 44);
    lab_load("FromDump(a) -> c :: Counter -> Discard");
    assert_int_equal(lab_number("c.byte_count"), 4);
}

static void dumps_keep_their_timing_when_asked(void **state)
{
    uint8_t file[24 + 2 * 17] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};

    (void)state;
    file[20] = 1;
    file[24] = 10; /* seconds */
    file[32] = file[36] = 1;
    file[41] = 12;
    file[49] = file[53] = 1;
    host_file_set("a", file, sizeof(file));
    lab_load("FromDump(a, TIMING true) -> c :: Counter -> Discard");
    assert_int_equal(lab_number("c.count"), 1);
    lab_pass(1999);
    assert_int_equal(lab_number("c.count"), 1);
    lab_pass(2);
    assert_int_equal(lab_number("c.count"), 2);
}

/* Packet i is the one byte 'a' + i, and of second 10 + i; each record has 17 bytes. */
static void stepped(const char *name)
{
    uint8_t file[24 + SECONDS * 17] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};

    file[20] = 1;
    for (uint8_t i = 0; i < SECONDS; i++) {
        uint8_t *record = file + 24 + 17 * i;

        record[0] = (uint8_t)(10 + i);
        record[8] = record[12] = 1;
        record[16] = (uint8_t)('a' + i);
    }
    host_file_set(name, file, sizeof(file));
}

/* The bytes that a FromDump with these arguments lets out of stepped()'s file. */
static void expect_bytes(const char *arguments, const char *expected)
{
    char config[200], got[SECONDS + 1] = "";
    unsigned n = 0;

    stepped("a");
    snprintf(config, sizeof(config), "f%u :: FromDump(a%s) -> Queue -> ToDevice(eth1)",
             (unsigned)host.now_ns % 1000, arguments);
    lab_load(config);
    while (n < SECONDS && lab.eth[1]->n_sent) {
        struct packet *p = lab_sent(1);

        got[n++] = (char)p->data[0];
        packet_kill(p);
    }
    assert_string_equal(got, expected);
    lab_expect_silence(1);
}

static void a_dump_is_cut_by_time(void **state)
{
    (void)state;
    expect_bytes("", "abcdef");
    expect_bytes(", START 12", "cdef");
    expect_bytes(", START_AFTER 4", "ef");
    expect_bytes(", END 12", "ab");
    expect_bytes(", END_AFTER 3", "abc");
    expect_bytes(", START 11, INTERVAL 2", "bc");
    expect_bytes(", START 17", "");
    lab_refuse("FromDump(a, START 1, START_AFTER 1) -> Discard", "exclude each other");
    lab_refuse("FromDump(a, END 1, INTERVAL 1) -> Discard", "exclude each other");
    lab_refuse("FromDump(a, END_AFTER 1, INTERVAL 1) -> Discard", "exclude each other");
    lab_refuse("FromDump(a, STOP true, END_CALL x.y) -> Discard", "");
}

static void an_end_can_be_put_off(void **state)
{
    (void)state;
    stepped("a");
    lab_load("f :: FromDump(a, INTERVAL 2) -> c :: Counter -> Discard");
    assert_int_equal(lab_number("c.count"), 2);
    assert_string_equal(lab_read("f.active"), "false");
    lab_write("f.extend_interval", "3");
    lab_run();
    assert_int_equal(lab_number("c.count"), 5);
    assert_string_equal(lab_read("f.active"), "false");
    lab_write_fails("f.extend_interval", "soon", "expected a time");
    lab_write("f.active", "true"); /* nothing comes behind the end */
    lab_run();
    assert_int_equal(lab_number("c.count"), 5);
}

static void places_in_a_dump_are_told_and_gone_to(void **state)
{
    (void)state;
    stepped("a");
    lab_load("f :: FromDump(a, FILEPOS 58, END 13) -> Queue -> ToDevice(eth1)");
    lab_expect_hex(1, "63");
    lab_expect_silence(1);
    assert_int_equal(lab_number("f.packet_filepos"), 58);
    assert_int_equal(lab_number("f.filepos"), 75); /* the one of the end is not let out */
    assert_string_equal(lab_read("f.filesize"), "-");
    lab_write("f.filepos", "24");
    lab_write("f.active", "true");
    lab_run();
    for (const char *hex = "616263"; *hex; hex += 2) {
        struct packet *p = lab_sent(1);

        assert_int_equal(p->data[0] % 16, hex[1] - '0');
        packet_kill(p);
    }
    lab_write_fails("f.filepos", "23", "from byte 24");
    lab_write_fails("f.filepos", "1000", "from byte 24");
    lab_refuse("FromDump(a, FILEPOS 1000) -> Discard", "'a' has no byte 1000");
}

static void a_sample_is_about_as_large_as_asked(void **state)
{
    (void)state;
    lab_load("i :: InfiniteSource(x, LIMIT 2000) -> ToDump(many) -> Discard");
    lab_load("f :: FromDump(many, SAMPLE 0.25) -> c :: Counter -> Discard");
    assert_in_range(lab_number("c.count"), 400, 600);
    assert_string_equal(lab_read("f.sampling_prob"), "0.250000");
    lab_load("f :: FromDump(many, SAMPLE 0) -> d :: Counter -> Discard");
    assert_int_equal(lab_number("d.count"), 0);
    assert_string_equal(lab_read("f.active"), "false"); /* it came to the end, piece by piece */
    lab_refuse("FromDump(many, SAMPLE 1.5) -> Discard", "SAMPLE must be a decimal number");
}

static void only_ip_comes_when_that_is_asked(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};
    uint8_t frame[64] = {0};
    size_t len = lab_frame(&f, frame);

    (void)state;
    lab_load("FromDevice(eth0) -> t :: Tee -> ToDump(ether) -> Strip(14) -> ToDump(ip, ENCAP IP)"
             " -> Discard; t[1] -> Strip(10) -> ToDump(null, ENCAP NULL) -> Discard");
    lab_receive(0, frame, len);
    lab_receive(0, frame, ETHER_LEN + 19); /* not a whole header */
    frame[12] = 0x86;
    lab_receive(0, frame, len);
    lab_receive(0, frame, 13);
    lab_load("f :: FromDump(ether, FORCE_IP true) -> Strip(14) -> CheckIPHeader -> ip :: Counter "
             "-> Discard;"
             "f[1] -> other :: Counter -> Discard");
    assert_int_equal(lab_number("ip.count"), 1);
    assert_int_equal(lab_number("other.count"), 3);
    lab_load("FromDump(ip, FORCE_IP true) -> ip1 :: Counter -> Discard");
    assert_int_equal(lab_number("ip1.count"), 2); /* the header alone is looked at */
    lab_load("FromDump(null, FORCE_IP true) -> ip2 :: Counter -> Discard");
    assert_int_equal(lab_number("ip2.count"), 2);
}

static void only_a_dump_without_its_timing_waits_for_room(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 40) -> ToDump(a) -> Discard");
    lab_load("FromDump(a) -> q :: Queue(32) -> u :: Unqueue(ACTIVE false) -> c :: Counter"
             " -> Discard");
    lab_write("u.active", "true");
    lab_run();
    assert_int_equal(lab_number("c.count"), 40);
    lab_load("FromDump(a, TIMING true) -> q :: Queue(32) -> Unqueue(ACTIVE false) -> Discard");
    assert_int_equal(lab_number("q.drops"), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(pcap_files_come_back_as_they_were_written),
        LAB_TEST(damaged_pcap_files_end_where_they_are_damaged),
        LAB_TEST(dumps_keep_their_timing_when_asked),
        LAB_TEST(only_a_dump_without_its_timing_waits_for_room),
        LAB_TEST(a_dump_is_cut_by_time),
        LAB_TEST(an_end_can_be_put_off),
        LAB_TEST(places_in_a_dump_are_told_and_gone_to),
        LAB_TEST(a_sample_is_about_as_large_as_asked),
        LAB_TEST(only_ip_comes_when_that_is_asked),
    };

    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
