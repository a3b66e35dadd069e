/* SPDX-License-Identifier: BSD-2-Clause */
/* IP, ICMP, ARP and Ethernet elements. */
#include "lab.h"

static void bad_ip_headers_are_rejected_and_counted(void **state)
{
    uint8_t data[256];
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};
    size_t n;

    (void)state;
    lab_load("FromDevice(eth0) -> c :: CheckIPHeader(OFFSET 14, DETAILS true, BADSRC 10.0.0.9)"
             " -> a :: Discard; c[1] -> b :: Discard");
    n = lab_frame(&f, data);
    lab_receive(0, data, n);
    lab_receive(0, data, 30); /* cut */
    data[14] = 0x65;
    lab_receive(0, data, n); /* version */
    data[14] = 0x44;
    lab_receive(0, data, n); /* header length */
    data[14] = 0x45;
    data[17] = 200;
    lab_receive(0, data, n); /* length */
    data[17] = 28;
    data[22] ^= 1;
    lab_receive(0, data, n); /* checksum */
    f.src = "10.0.0.9";
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 6);
    assert_string_equal(lab_read("c.drop_details"),
                        "1\ttiny packet\n1\tbad IP version\n1\tbad IP header length\n1\tbad IP "
                        "length\n1\tbad IP checksum\n1\tbad source address\n");
    lab_refuse("Idle -> CheckIPHeader(BADSRC 1.2.3) -> Discard", "BADSRC: '1.2.3' is not");
}

static void link_padding_is_cut(void **state)
{
    uint8_t data[256] = {0};
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};

    (void)state;
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> Queue -> ToDevice(eth1)");
    lab_frame(&f, data);
    lab_receive(0, data, 60);
    struct packet *p = lab_sent(1);
    assert_int_equal(p->len, 28);
    packet_kill(p);
}

static void ttl_is_decremented_and_expires(void **state)
{
    struct frame f = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .ttl = 2};
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> d :: DecIPTTL -> Queue -> ToDevice(eth1);"
             "d[1] -> ICMPError(10.0.0.254, timeexceeded) -> Unstrip(14) -> Queue"
             " -> ToDevice(eth2)");
    lab_receive_frame(0, &f);
    p = lab_sent(1);
    assert_int_equal(p->data[22], 1);
    assert_true(lab_checksums_ok(p->data, p->len));
    packet_kill(p);
    f.ttl = 1;
    lab_receive_frame(0, &f);
    lab_expect_silence(1);
    p = lab_sent(2);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(p->data[34], 11);
    assert_memory_equal(p->data + 30, "\x0a\0\0\x01", 4); /* to the sender */
    packet_kill(p);
    /* no error about an error */
    f.proto = 1;
    f.flags = 3;
    lab_receive_frame(0, &f);
    lab_expect_silence(2);
}

static void fragments_are_cut_and_put_together_again(void **state)
{
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    uint8_t payload[1000];
    struct frame f = {.src = "10.0.0.1",
                      .dst = "10.0.0.2",
                      .proto = 17,
                      .payload = payload,
                      .payload_len = sizeof(payload),
                      .id = 5};
    uint8_t data[2048];
    size_t n;

    (void)state;
    for (unsigned i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    lab_load("FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> f :: IPFragmenter(300) -> Queue"
             " -> ToDevice(eth1); f[1] -> d :: Discard;"
             "FromDevice(eth2) -> CheckIPHeader -> r :: IPReassembler -> Queue -> ToDevice(eth3)");
    for (unsigned o = 0; o < 3; o++) {
        struct packet *pieces[4], *p;

        f.id++;
        n = lab_frame(&f, data);
        lab_receive(0, data, n);
        for (unsigned i = 0; i < 4; i++) {
            pieces[i] = lab_sent(1);
            assert_true(pieces[i]->len <= 300);
            assert_int_equal(checksum(pieces[i]->data, 20), 0);
        }
        lab_expect_silence(1);
        for (unsigned i = 0; i < 4; i++) {
            lab_expect_silence(3);
            lab_receive(2, pieces[orders[o][i]]->data, pieces[orders[o][i]]->len);
        }
        p = lab_sent(3);
        assert_int_equal(p->len, n - 14);
        assert_memory_equal(p->data, data + 14, n - 14);
        packet_kill(p);
        for (unsigned i = 0; i < 4; i++)
            packet_kill(pieces[i]);
    }
    f.frag = IP_DF;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("d.count"), 1);
    assert_int_equal(lab_number("r.memory"), 0);
}

/* A fragment of a UDP packet as the reassembler gets it. */
static void send_fragment(unsigned off, unsigned len, bool more, uint16_t id)
{
    uint8_t p[600] = {0};
    struct ip_hdr *ip = (struct ip_hdr *)p;

    ip_fill(ip, 17, lab_ip("1.1.1.1"), lab_ip("2.2.2.2"), (uint16_t)(20 + len), id);
    ip->off = host_to_be16((uint16_t)(off / 8 | (more ? IP_MF : 0)));
    ip_set_checksum(ip);
    lab_receive(0, p, 20 + len);
}

static void fragment_attacks_are_dropped_and_bounded(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader -> r :: IPReassembler(HIMEM 100000)"
             " -> d :: Discard; r[1] -> e :: Discard");
    /* overlap: the whole packet goes */
    send_fragment(0, 64, true, 1);
    send_fragment(32, 64, true, 1);
    assert_int_equal(lab_number("r.drops"), 2);
    /* two different ends */
    send_fragment(64, 32, false, 2);
    send_fragment(128, 32, false, 2);
    assert_int_equal(lab_number("r.drops"), 4);
    /* a length that is no multiple of eight, though more follow */
    send_fragment(0, 63, true, 3);
    /* beyond what IP can hold */
    send_fragment(65528, 64, false, 4);
    assert_int_equal(lab_number("r.memory"), 0);
    /* a repeated fragment is harmless */
    send_fragment(0, 64, true, 5);
    send_fragment(0, 64, true, 5);
    send_fragment(64, 8, false, 5);
    assert_int_equal(lab_number("d.count"), 1);
    /* a flood of first fragments stays below the limit */
    for (unsigned i = 0; i < 2000; i++)
        send_fragment(0, 512, true, (uint16_t)(100 + i));
    assert_true(lab_number("r.memory") <= 100000);
    /* and times out: the first fragments go to the error output */
    lab_pass(31000);
    assert_int_equal(lab_number("r.memory"), 0);
    assert_true(lab_number("e.count") > 10);
    assert_true(lab_run() == NEVER);
}

static void pings_are_answered(void **state)
{
    struct frame f = {.src = "10.0.0.1",
                      .dst = "10.0.0.2",
                      .proto = 1,
                      .flags = 8,
                      .sport = 7,
                      .dport = 9,
                      .payload = "hello",
                      .payload_len = 5};
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> r :: ICMPPingResponder -> EtherMirror"
             " -> Queue -> ToDevice(eth0); r[1] -> d :: Discard");
    lab_receive_frame(0, &f);
    p = lab_sent(0);
    assert_true(lab_checksums_ok(p->data, p->len));
    assert_int_equal(p->data[34], 0);
    assert_memory_equal(p->data + 26, "\x0a\0\0\x02\x0a\0\0\x01", 8);
    packet_kill(p);
    f.flags = 0;
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("d.count"), 1);
}

static void arp_asks_holds_and_sends(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader -> GetIPAddress(IP dst)"
             " -> q :: ARPQuerier(10.0.0.1/24, 2:0:0:0:0:1, TIMEOUT 60) -> Queue -> ToDevice(eth1);"
             "FromDevice(eth1) -> [1] q");
    lab_receive_hex(0, "45000014 00000000 40110000 0a000001 0a000002");
    lab_receive_hex(0, "45000014 00010000 40110000 0a000001 0a000002");
    lab_expect_hex(1, "ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001"
                      " 000000000000 0a000002");
    lab_expect_silence(1); /* one question is enough for now */
    assert_int_equal(lab_number("q.length"), 2);
    /* an answer for somebody we did not ask about is ignored */
    lab_receive_hex(1, "020000000001 02bb 00000000 0806 0001080006040002 02bb00000000 0a000007"
                       " 020000000001 0a000001");
    assert_int_equal(lab_number("q.count"), 1);
    lab_receive_hex(1, "020000000001 02bb 00000000 0806 0001080006040002 02bb00000000 0a000002"
                       " 020000000001 0a000001");
    lab_expect_hex(1,
                   "02bb00000000 020000000001 0800 45000014 00000000 40110000 0a000001 0a000002");
    lab_expect_hex(1,
                   "02bb00000000 020000000001 0800 45000014 00010000 40110000 0a000001 0a000002");
    assert_int_equal(lab_number("q.length"), 0);
    assert_memory_equal(lab_read("q.table"), "10.0.0.2 1 02-BB-00-00-00-00 ", 29);
    /* broadcast and multicast need no question */
    lab_receive_hex(0, "45000014 00000000 40110000 0a000001 0a0000ff");
    packet_kill(lab_sent(1));
    lab_receive_hex(0, "45000014 00000000 40110000 0a000001 e0800102");
    lab_expect_hex(1,
                   "01005e000102 020000000001 0800 45000014 00000000 40110000 0a000001 e0800102");
    /* it is forgotten */
    lab_pass(61000);
    lab_receive_hex(0, "45000014 00000000 40110000 0a000001 0a000002");
    assert_int_equal(lab_number("q.queries"), 2);
    packet_kill(lab_sent(1));
    lab_write("q.insert", "10.0.0.2 2:2:2:2:2:2");
    packet_kill(lab_sent(1));
    lab_write_fails("q.insert", "10.0.0.2", "expected 'IP ETH'");
    lab_write("q.clear", "");
    assert_int_equal(lab_number("q.count"), 0);
}

static void an_address_scan_cannot_fill_the_arp_table(void **state)
{
    uint8_t p[20] = {0x45};

    (void)state;
    lab_load(
        "FromDevice(eth0) -> MarkIPHeader -> GetIPAddress(16)"
        " -> q :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1, ENTRY_CAPACITY 50, CAPACITY 20) -> Queue(5)"
        " -> ToDevice(eth1); Idle -> [1] q");
    for (unsigned i = 0; i < 1000; i++) {
        p[16] = 10;
        p[18] = (uint8_t)(i >> 8);
        p[19] = (uint8_t)i;
        lab_receive(0, p, 20);
    }
    assert_true(lab_number("q.count") <= 50);
    assert_true(lab_number("q.length") <= 20);
    assert_true(lab_number("q.drops") >= 980);
}

static void arp_questions_are_answered(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> r :: ARPResponder(10.0.0.1 10.1.0.0/16 2:0:0:0:0:1,"
             " 10.1.2.0/24 2:0:0:0:0:2) -> Queue -> ToDevice(eth0); r[1] -> d :: Discard");
    lab_receive_hex(0, "ffffffffffff 02bb00000000 0806 0001080006040001 02bb00000000 0a000009"
                       " 000000000000 0a010203");
    lab_expect_hex(0, "02bb00000000 020000000002 0806 0001080006040002 020000000002 0a010203"
                      " 02bb00000000 0a000009");
    lab_receive_hex(0, "ffffffffffff 02bb00000000 0806 0001080006040001 02bb00000000 0a000009"
                       " 000000000000 0b000001");
    lab_receive_hex(0, "ffffffffffff 02bb00000000 0806 0001");
    assert_int_equal(lab_number("d.count"), 2);
    assert_string_equal(lab_read("r.lookup 10.1.3.3"), "02-00-00-00-00-01");
    lab_write("r.add", "11.0.0.0/8 2:0:0:0:0:3");
    assert_string_equal(lab_read("r.lookup 11.1.1.1"), "02-00-00-00-00-03");
    lab_write("r.remove", "11.0.0.0/8");
    assert_string_equal(lab_read("r.lookup 11.1.1.1"), "");
    lab_write_fails("r.add", "11.0.0.0/8", "an Ethernet address is missing");
}

static void neighbour_solicitations_are_answered(void **state)
{
    struct packet *p;

    (void)state;
    lab_load("FromDevice(eth0) -> r :: IP6NDAdvertiser(fd00:1::/64 2:0:0:0:0:1) -> Queue"
             " -> ToDevice(eth0); r[1] -> d :: Discard");
    lab_receive_hex(0, "3333ff000005 02bb00000000 86dd 60000000 0018 3a ff"
                       " fd000000000000000000000000000009 ff0200000000000000000001ff000005"
                       " 8700 8092 00000000 fd000001000000000000000000000005");
    p = lab_sent(0);
    assert_int_equal(p->len, 86);
    assert_memory_equal(p->data, "\x02\xbb\0\0\0\0\x02\0\0\0\0\x01", 12);
    assert_int_equal(p->data[54], 136);
    assert_memory_equal(p->data + 78, "\x02\x01\x02\0\0\0\0\x01", 8);
    assert_int_equal(p->data[58], 0x60);
    packet_kill(p);
    /* whoever has no address yet asks whether this one is free: all are told */
    lab_receive_hex(0, "3333ff000005 02bb00000000 86dd 60000000 0018 3a ff"
                       " 00000000000000000000000000000000 ff0200000000000000000001ff000005"
                       " 8700 7d9c 00000000 fd000001000000000000000000000005");
    p = lab_sent(0);
    assert_memory_equal(p->data, "\x33\x33\0\0\0\x01", 6);
    assert_memory_equal(p->data + 38, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    assert_int_equal(p->data[58], 0x20);
    packet_kill(p);
    /* a wrong checksum, and one that is not for us */
    lab_receive_hex(0, "3333ff000005 02bb00000000 86dd 60000000 0018 3a ff"
                       " fd000000000000000000000000000009 ff0200000000000000000001ff000005"
                       " 8700 8093 00000000 fd000001000000000000000000000005");
    lab_receive_hex(0, "3333ff000005 02bb00000000 86dd 60000000 0018 3a ff");
    assert_int_equal(lab_number("d.count"), 2);
}

static void routes_are_chosen_by_the_longest_prefix(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> r :: RadixIPLookup(0.0.0.0/0 1.1.1.1 0, 10.0.0.0/8 1,"
             " 10.1.0.0/16 2.2.2.2 2, 10.1.1.1/32 3) -> Discard; r[1] -> Discard; r[2] -> Discard;"
             "r[3] -> Discard");
    assert_string_equal(lab_read("r.lookup 9.9.9.9"), "0 1.1.1.1");
    assert_string_equal(lab_read("r.lookup 10.2.0.0"), "1");
    assert_string_equal(lab_read("r.lookup 10.1.9.9"), "2 2.2.2.2");
    assert_string_equal(lab_read("r.lookup 10.1.1.1"), "3");
    lab_write("r.remove", "10.1.0.0/16");
    assert_string_equal(lab_read("r.lookup 10.1.9.9"), "1");
    lab_write("r.add", "10.1.9.0/24 3");
    assert_string_equal(lab_read("r.lookup 10.1.9.9"), "3");
    lab_write_fails("r.add", "10.1.9.0/24 2", "there is a route");
    lab_write("r.set", "10.1.9.0/24 2");
    lab_write_fails("r.add", "10.1.9.0/24 9", "output 9, but there are only 4");
    lab_write_fails("r.ctrl", "add 12.0.0.0/8 1\nremove 13.0.0.0/8", "2:8: there is no route");
    assert_string_equal(lab_read("r.lookup 12.1.1.1"), "0 1.1.1.1");
    lab_write("r.ctrl", "add 12.0.0.0/8 1\nremove 0.0.0.0/0");
    assert_string_equal(lab_read("r.lookup 8.8.8.8"), "-1");
    lab_refuse("Idle -> StaticIPLookup(10.0.0.0/8 1) -> Discard", "output 1, but there are only 1");
    lab_refuse("Idle -> StaticIPLookup(10.0.0.0/255.0.255.0 0) -> Discard", "is no prefix");
}

static void many_random_routes_agree_with_a_list(void **state)
{
    static struct {
        uint32_t ip, mask;
        unsigned port;
    } list[300];
    struct text t = {0};
    uint32_t seed = 7;

    (void)state;
    text_addf(&t, "Idle -> r :: RadixIPLookup(");
    for (unsigned i = 0; i < 300; i++) {
        unsigned bits;

        seed = seed * 1664525u + 1013904223u;
        bits = 1 + (seed >> 10) % 32;
        list[i].ip = (seed & 0xf0ff00ffu) & (0xffffffffu << (32 - bits));
        list[i].mask = 0xffffffffu << (32 - bits);
        list[i].port = i % 4;
        text_ip(&t, host_to_be32(list[i].ip));
        text_addf(&t, "/%u %u,", bits, list[i].port);
    }
    text_addf(&t, "0.0.0.0/0 0) -> Discard; r[1] -> Discard; r[2] -> Discard; r[3] -> Discard");
    lab_load(t.s);
    for (unsigned i = 0; i < 1000; i++) {
        char handler[64];
        unsigned best = 300, bits = 0;
        uint32_t ip;

        seed = seed * 1664525u + 1013904223u;
        ip = i < 300 ? list[i].ip : seed & 0xf0ff00ffu;
        for (unsigned k = 0; k < 300; k++) {
            if (((ip ^ list[k].ip) & list[k].mask) == 0 && (best == 300 || list[k].mask >= bits)) {
                best = k;
                bits = list[k].mask;
            }
        }
        snprintf(handler, sizeof(handler), "r.lookup %u.%u.%u.%u", ip >> 24, ip >> 16 & 255,
                 ip >> 8 & 255, ip & 255);
        assert_int_equal(lab_number(handler), best == 300 ? 0 : list[best].port);
    }
    text_free(&t);
}

static void a_switch_learns_floods_and_forgets(void **state)
{
    (void)state;
    lab_load("s :: EtherSwitch(TIMEOUT 10, CAPACITY 4); FromDevice(eth0) -> s -> Queue"
             " -> ToDevice(eth0); FromDevice(eth1) -> [1] s [1] -> Queue -> ToDevice(eth1);"
             "FromDevice(eth2) -> [2] s [2] -> Queue -> ToDevice(eth2)");
    lab_receive_hex(0, "020000000002 020000000001 0800"); /* unknown: everywhere else */
    lab_expect_hex(1, "020000000002 020000000001 0800");
    lab_expect_hex(2, "020000000002 020000000001 0800");
    lab_expect_silence(0);
    lab_receive_hex(1, "020000000001 020000000002 0800"); /* learned */
    lab_expect_hex(0, "020000000001 020000000002 0800");
    lab_expect_silence(2);
    lab_receive_hex(0, "020000000001 020000000003 0800"); /* on its own side */
    lab_expect_silence(1);
    assert_string_equal(lab_read("s.table"),
                        "02-00-00-00-00-01 0\n02-00-00-00-00-02 1\n02-00-00-00-00-03 0\n");
    lab_receive_hex(2, "02"); /* too short */
    assert_int_equal(lab_number("s.drops"), 1);
    for (unsigned i = 0; i < 100; i++) { /* somebody makes addresses up */
        uint8_t f[14] = {2, 0, 0, 0, 0, 1, 2, 0xff, 0, 0, 0, (uint8_t)i};

        lab_receive(2, f, 14);
    }
    assert_true(strlen(lab_read("s.table")) <= 4 * 20);
    lab_pass(11000);
    assert_string_equal(lab_read("s.table"), "");
    for (unsigned i = 0; i < 3; i++) {
        packet_kill_batch(lab.eth[i]->sent);
        lab.eth[i]->sent = NULL;
        lab.eth[i]->sent_tail = &lab.eth[i]->sent;
    }
}

static void tunnels_wrap_and_unwrap(void **state)
{
    struct frame f = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = "abc", .payload_len = 3};
    static const char *const ways[] = {
        "Strip(14) -> GREEncap(1.1.1.1, 2.2.2.2, KEY 7) -> CheckIPHeader -> GREDecap -> "
        "EtherEncap(0x800, 2:aa:aa:aa:aa:aa, 2:0:0:0:0:1)",
        "VXLANEncap(1.1.1.1, 2.2.2.2, 99) -> CheckIPHeader -> VXLANDecap(99)",
        "Strip(14) -> IPEncap(ipip, 1.1.1.1, 2.2.2.2) -> CheckIPHeader -> StripIPHeader -> "
        "EtherEncap(0x800, 2:aa:aa:aa:aa:aa, 2:0:0:0:0:1)",
        "Strip(14) -> UDPIPEncap(1.1.1.1, 5, 2.2.2.2, 6) -> CheckIPHeader -> Strip(28) -> "
        "EtherEncap(0x800, 2:aa:aa:aa:aa:aa, 2:0:0:0:0:1)",
    };
    uint8_t data[256];
    size_t n = lab_frame(&f, data);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct text t = {0};
        struct packet *p;

        text_addf(&t, "FromDevice(eth0) -> %s -> Queue -> ToDevice(eth1)", ways[i]);
        lab_load(t.s);
        text_free(&t);
        lab_receive(0, data, n);
        p = lab_sent(1);
        assert_int_equal(p->len, n);
        assert_memory_equal(p->data + 14, data + 14, n - 14);
        packet_kill(p);
    }
    lab_load("FromDevice(eth0) -> CheckIPHeader(14) -> g :: GREDecap -> Discard;"
             "g[1] -> v :: VXLANDecap(1) -> Discard; v[1] -> d :: Discard");
    lab_receive(0, data, n);
    assert_int_equal(lab_number("d.count"), 1);
}

static void options_are_filled_in_or_reported(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> MarkIPHeader -> g :: IPGWOptions(9.9.9.9) -> Queue"
             " -> ToDevice(eth1); g[1] -> ICMPError(9.9.9.9, parameterproblem) -> Queue"
             " -> ToDevice(eth2)");
    /* record route with room for one address */
    lab_receive_hex(0, "4700001c 00000000 40110000 0a000001 0a000002 07070400 00000000");
    struct packet *p = lab_sent(1);
    assert_memory_equal(p->data + 20, "\x07\x07\x08\x09\x09\x09\x09", 7);
    assert_int_equal(checksum(p->data, 28), 0);
    packet_kill(p);
    /* a pointer before the first place */
    lab_receive_hex(0, "46000018 00000000 40110000 0a000001 0a000002 07040300");
    p = lab_sent(2);
    assert_int_equal(p->data[24], 22); /* the byte that is wrong */
    packet_kill(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(bad_ip_headers_are_rejected_and_counted),
        LAB_TEST(link_padding_is_cut),
        LAB_TEST(ttl_is_decremented_and_expires),
        LAB_TEST(fragments_are_cut_and_put_together_again),
        LAB_TEST(fragment_attacks_are_dropped_and_bounded),
        LAB_TEST(pings_are_answered),
        LAB_TEST(arp_asks_holds_and_sends),
        LAB_TEST(an_address_scan_cannot_fill_the_arp_table),
        LAB_TEST(arp_questions_are_answered),
        LAB_TEST(neighbour_solicitations_are_answered),
        LAB_TEST(routes_are_chosen_by_the_longest_prefix),
        LAB_TEST(many_random_routes_agree_with_a_list),
        LAB_TEST(a_switch_learns_floods_and_forgets),
        LAB_TEST(tunnels_wrap_and_unwrap),
        LAB_TEST(options_are_filled_in_or_reported),
    };

    return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
