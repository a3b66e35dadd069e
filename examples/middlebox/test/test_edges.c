/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements where what they are given is unusual: options, sizes, addresses, ages. */
#include <string.h>

#include "lab.h"

/* Options at the end of a frame's IP header: `len` bytes, a multiple of four. */
static size_t with_options(const struct frame *f, const uint8_t *options, size_t len, uint8_t *out)
{
    uint8_t plain[2048];
    size_t n = lab_frame(f, plain), at = ETHER_LEN + 20;
    struct ip_hdr *ip = (struct ip_hdr *)(out + ETHER_LEN);

    memcpy(out, plain, at);
    memcpy(out + at, options, len);
    memcpy(out + at + len, plain + at, n - at);
    ip->vhl = (uint8_t)(0x40 | (5 + len / 4));
    ip->len = host_to_be16((uint16_t)(n - ETHER_LEN + len));
    ip_set_checksum(ip);
    return n + len;
}

static void later_fragments_carry_the_options_that_are_to_be_copied(void **state)
{
    static const uint8_t options[12] = {1, 7, 4, 4, 0, 0x83, 3, 4, 0x94, 3, 0};
    uint8_t data[200] = {0}, frame[400];
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17};

    (void)state;
    f.payload = data;
    f.payload_len = 100;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> IPFragmenter(76)"
             " -> EtherEncap(0x0800, 1:1:1:1:1:1, 2:2:2:2:2:2) -> Queue -> ToDevice(eth1)");
    lab_receive(0, frame, with_options(&f, options, sizeof(options), frame));
    struct packet *first = lab_sent(1), *second = lab_sent(1), *third = NULL;
    assert_int_equal(first->data[ETHER_LEN], 0x48); /* all of them */
    assert_memory_equal(first->data + ETHER_LEN + 20, options, sizeof(options));
    assert_int_equal(second->data[ETHER_LEN], 0x47);
    assert_memory_equal(second->data + ETHER_LEN + 20, "\x83\x03\x04\x94\x03\0\0\0", 8);
    assert_true(lab_checksums_ok(first->data, first->len));
    assert_true(lab_checksums_ok(second->data, second->len));
    while (lab.eth[1]->n_sent && (third = lab_sent(1)))
        packet_kill(third);
    packet_kill(first);
    packet_kill(second);
    /* an option without an end, of no length, beyond the header: nothing behind it is copied */
    static const uint8_t wrong[3][4] = {{1, 1, 1, 0x83}, {0x83, 0, 1, 1}, {1, 0x83, 40, 1}};
    for (unsigned i = 0; i < 3; i++) {
        lab_receive(0, frame, with_options(&f, wrong[i], 4, frame));
        packet_kill(lab_sent(1));
        second = lab_sent(1);
        assert_int_equal(second->data[ETHER_LEN], 0x45);
        packet_kill(second);
        while (lab.eth[1]->n_sent)
            packet_kill(lab_sent(1));
    }
}

static void a_mtu_that_holds_a_header_and_8_bytes_is_enough(void **state)
{
    static const uint8_t options[4] = {1, 1, 1, 0};
    uint8_t frame[400];
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17, .payload = "123456789"};
    struct packet *p;

    (void)state;
    f.payload_len = 9;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> f :: IPFragmenter(28, HONOR_DF false)"
             " -> StripIPHeader -> Queue -> ToDevice(eth1); f[1] -> long :: Counter -> Discard");
    lab_receive_frame(0, &f);
    for (unsigned i = 0; i < 3; i++) { /* 8 of UDP's header and 9 */
        p = lab_sent(1);
        assert_int_equal(p->len, i < 2 ? 8 : 1);
        packet_kill(p);
    }
    lab_receive(0, frame, with_options(&f, options, sizeof(options), frame));
    lab_expect_silence(1);
    assert_int_equal(lab_number("long.count"), 1);
    assert_int_equal(lab_number("f.drops"), 1);
}

static void a_packet_cut_against_its_will_gets_an_id(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 17, .payload = "12345678"};
    unsigned zero = 0;

    (void)state;
    f.payload_len = 8;
    f.frag = IP_DF; /* so that its sender need not set one */
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> IPFragmenter(28, HONOR_DF false)"
             " -> Queue -> ToDevice(eth1)");
    for (unsigned i = 0; i < 3; i++) {
        lab_receive_frame(0, &f);
        struct packet *first = lab_sent(1), *second = lab_sent(1);
        assert_memory_equal(first->data + 4, second->data + 4, 2);
        zero += get_be16(first->data + 4) == 0;
        packet_kill(first);
        packet_kill(second);
    }
    assert_in_range(zero, 0, 1);
}

static void mirrored_packets_go_back_where_they_came_from(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 6, .sport = 5, .dport = 80};
    struct packet *p;

    (void)state;
    f.seq = 0x11223344;
    f.ack = 0x55667788;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> m :: IPMirror -> Queue -> ToDevice(eth1)");
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_memory_equal(p->data + 26, "\2\2\2\2\1\1\1\1\0\x50\0\5\x55\x66\x77\x88\x11\x22\x33\x44",
                        20);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
    f.proto = 17;
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_memory_equal(p->data + 26, "\2\2\2\2\1\1\1\1\0\x50\0\5", 12);
    packet_kill(p);
    f.proto = 1; /* has no ports, nor have later fragments */
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_memory_equal(p->data + 26, "\2\2\2\2\1\1\1\1", 8);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
    f.proto = 17;
    f.frag = 1;
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_memory_equal(p->data + 34, "\0\5\0\x50", 4);
    packet_kill(p);
}

static void stored_addresses_keep_the_checksums_right(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "2.2.2.2", .proto = 6, .sport = 5, .dport = 80};
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> StoreIPAddress(9.8.7.6, src)"
             " -> SetIPAddress(5.4.3.2) -> StoreIPAddress(dst) -> Queue -> ToDevice(eth1)");
    for (unsigned i = 0; i < 3; i++) {
        f.proto = (uint8_t[]){6, 17, 1}[i];
        lab_receive_frame(0, &f);
        p = lab_sent(1);
        assert_memory_equal(p->data + 26, "\x9\x8\x7\x6\x5\x4\x3\x2", 8);
        assert_true(lab_checksums_ok(p->data, p->len));
        packet_kill(p);
    }
    lab_load("FromDevice(eth0) -> s :: StoreIPAddress(9.8.7.6, 10) -> Queue -> ToDevice(eth1);"
             "s[1] -> short :: Counter -> Discard");
    lab_receive_hex(0, "00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    lab_expect_hex(1, "00 00 00 00 00 00 00 00 00 00 09 08 07 06");
    lab_receive_hex(0, "00 00 00 00 00 00 00 00 00 00 00 00 00");
    lab_expect_silence(1);
    assert_int_equal(lab_number("short.count"), 1);
}

static void what_is_too_long_for_a_header_is_dropped(void **state)
{
    static uint8_t data[65536];
    static const struct {
        const char *element;
        uint32_t fits;
    } wraps[] = {
        {"IPEncap(4, 1.1.1.1, 2.2.2.2)", 65515},
        {"UDPIPEncap(1.1.1.1, 5, 2.2.2.2, 6)", 65507},
    };
    char config[200];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(config, sizeof(config), "FromDevice(eth0) -> e :: %s -> c :: Counter -> Discard",
                 wraps[i].element);
        lab_load(config);
        lab_write("c.reset", ""); /* it was taken over */
        lab_receive(0, data, wraps[i].fits);
        assert_int_equal(lab_number("c.count"), 1);
        lab_receive(0, data, wraps[i].fits + 1);
        assert_int_equal(lab_number("c.count"), 1);
        assert_int_equal(lab_number("e.drops"), 1);
    }
}

#define ARP_ANSWER                                                                                 \
    "02 00 00 00 00 01 02 00 00 00 00 05 08 06 00 01 08 00 06 04 00 02 02 00 00 00 00 05 0a 00 "   \
    "00 05 02 00 00 00 00 01 0a 00 00 01"

/* Is the next packet sent on eth1 a question by ARP? */
static bool asks(void)
{
    struct packet *p = lab_sent(1);
    bool arp = get_be16(p->data + 12) == ETHERTYPE_ARP;

    packet_kill(p);
    return arp;
}

static void old_neighbours_are_asked_again_and_forgotten(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "10.0.0.5", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> c :: Classifier(12/0806, -);"
             "c[1] -> Strip(14) -> CheckIPHeader -> arp :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1,"
             " TIMEOUT 20, POLL_TIMEOUT 5, ENTRY_PACKET_CAPACITY 1)"
             " -> Queue -> ToDevice(eth1); c[0] -> [1] arp");
    lab_receive_frame(0, &f);
    assert_true(asks());
    f.sport = 7; /* takes the place of the one that waits */
    lab_receive_frame(0, &f);
    lab_receive_hex(0, ARP_ANSWER);
    struct packet *p = lab_sent(1);
    assert_int_equal(get_be16(p->data + 34), 7);
    packet_kill(p);
    lab_expect_silence(1);
    assert_int_equal(lab_number("arp.drops"), 1);
    lab_receive_frame(0, &f);
    assert_false(asks());
    lab_expect_silence(1);
    lab_pass(6000); /* POLL_TIMEOUT: still good, but asked */
    lab_receive_frame(0, &f);
    assert_true(asks());
    assert_false(asks());
    lab_pass(15000); /* TIMEOUT */
    lab_receive_frame(0, &f);
    assert_true(asks());
    lab_expect_silence(1);
}

static void nobody_is_asked_for_no_address(void **state)
{
    struct frame f = {.src = "1.1.1.1", .dst = "10.0.0.5", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> SetIPAddress(0.0.0.0)"
             " -> arp :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1) -> Queue -> ToDevice(eth1);"
             "Idle -> [1] arp");
    lab_receive_frame(0, &f);
    lab_expect_silence(1);
    assert_int_equal(lab_number("arp.drops"), 1);
    assert_int_equal(lab_number("arp.count"), 0);
}

static void routing_tables_are_shown_and_changed_by_lines(void **state)
{
    (void)state;
    lab_load("Idle -> r :: RadixIPLookup(10.0.0.0/8 1.1.1.1 0, 10.1.0.0/16 1, 0/0 0) -> Discard;"
             "r[1] -> Discard");
    assert_non_null(strstr(lab_read("r.table"), "10.0.0.0/8\t1.1.1.1\t0\n"));
    assert_non_null(strstr(lab_read("r.table"), "10.1.0.0/16\t-\t1\n"));
    lab_write("r.ctrl", "add 10.2.0.0/16 1\n\n set 10.1.0.0/16 0\nremove 0/0");
    assert_non_null(strstr(lab_read("r.table"), "10.2.0.0/16\t-\t1\n"));
    assert_non_null(strstr(lab_read("r.table"), "10.1.0.0/16\t-\t0\n"));
    assert_null(strstr(lab_read("r.table"), "0.0.0.0/0"));
    lab_write_fails("r.ctrl", "remove 10.2.0.0/16\nfrobnicate", "expected add, set or remove");
    assert_non_null(strstr(lab_read("r.table"), "10.2.0.0/16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_mtu_that_holds_a_header_and_8_bytes_is_enough),
        LAB_TEST(a_packet_cut_against_its_will_gets_an_id),
        LAB_TEST(later_fragments_carry_the_options_that_are_to_be_copied),
        LAB_TEST(mirrored_packets_go_back_where_they_came_from),
        LAB_TEST(stored_addresses_keep_the_checksums_right),
        LAB_TEST(what_is_too_long_for_a_header_is_dropped),
        LAB_TEST(old_neighbours_are_asked_again_and_forgotten),
        LAB_TEST(nobody_is_asked_for_no_address),
        LAB_TEST(routing_tables_are_shown_and_changed_by_lines),
    };

    return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}
