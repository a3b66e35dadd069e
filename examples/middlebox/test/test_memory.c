/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that runs out: each allocation in turn fails (the linker's --wrap puts these functions in
 * front of the C library's), and what comes of it is an error message.
 */
#include "../engine/arena.h"
#include "../engine/control.h"
#include "lab.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__real_arena_alloc(struct arena *a, size_t size);
void *__wrap_arena_alloc(struct arena *a, size_t size);
void *__real_arena_grow(struct arena *a, void *array, unsigned n, unsigned *cap, size_t size);
void *__wrap_arena_grow(struct arena *a, void *array, unsigned n, unsigned *cap, size_t size);

static unsigned long countdown; /* the allocation that fails; 0: none */
static bool failed;

static bool fails(void)
{
    if (!countdown || --countdown)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

/* Pieces of one allocation, each of which may have been the first. */
void *__wrap_arena_alloc(struct arena *a, size_t size)
{
    return fails() ? NULL : __real_arena_alloc(a, size);
}

void *__wrap_arena_grow(struct arena *a, void *array, unsigned n, unsigned *cap, size_t size)
{
    return fails() ? NULL : __real_arena_grow(a, array, n, cap, size);
}

/* Load over a running configuration with each allocation failing; the old one must go on. */
static void load_without_memory(const char *text)
{
    unsigned long n = 0;
    bool again = true;

    while (again) {
        struct text out = {0};
        int rc;

        countdown = ++n;
        failed = false;
        rc = engine_load(lab.eng, text, strlen(text), &out);
        countdown = 0;
        again = failed;
        if (rc) {
            lab_receive_hex(0, "0102");
            lab_expect_hex(1, "0102");
        } else {
            lab_load("FromDevice(eth0) -> Queue -> ToDevice(eth1)");
        }
        if (rc && !failed)
            fail_msg("refused: %s", out.s);
        text_free(&out);
    }
    assert_in_range(n, 20, 20000);
}

/* One element of each kind that allocates, patterns, names, compounds and all. */
static void a_configuration_without_memory_is_refused(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> Queue -> ToDevice(eth1)");
    load_without_memory(
        "AddressInfo(me 10.0.0.1/24 2:0:0:0:0:1); define($x 5);"
        "elementclass A { $p, __REST__ $r | input -> Print(\"a$p\\<31>\") -> output }"
        "pat :: IPRewriterPatterns(p 1.2.3.4 1000-2000 - -);"
        "pool :: PortBlockMapper(192.0.2.1-192.0.2.2, 0, 1);"
        "rr :: RoundRobinIPMapper(- - 10.0.0.1 - 0 1, - - 10.0.0.2 - 0 1);"
        "rw :: IPRewriter(pattern p 0 1, drop, pool, rr); pr :: ICMPPingRewriter(keep 0 1, drop);"
        "FromDevice(eth0) -> A($x) -> A(6, z, y) -> c :: IPClassifier(tcp port 80 or host "
        "1.2.3.4,"
        " icmp type echo and not (src net 10.0.0.0/8), (udp ? dst port 53 : ip frag), -);"
        "c[0] -> [0] rw; c[1] -> [0] pr; c[2] -> [2] rw; c[3] -> [3] rw; Idle -> [1] rw;"
        "Idle -> [1] pr; pr[0], pr[1] -> ICMPRewriter(rw pr) -> Discard;"
        "Idle -> [1] aq; rw[0] -> [0] aq :: ARPQuerier(me) -> t :: Tee -> q :: Queue(100) -> d :: "
        "DRRSched"
        " -> ToDevice(eth1); t[1] -> Queue -> [1] d; Idle -> Queue -> [2] d;"
        "rw[1] -> RadixIPLookup(10.0.0.0/8 1.2.3.4 0, 11.0.0.0/8 0, 0.0.0.0/0 0)"
        " -> StringMatcher(\"abc\", \"abd\", x) -> DNSFilter(ads.example, b.example)"
        " -> FlowMeter -> SetTimestamp -> IPReassembler -> m :: IPRateMonitor(PACKETS, 1, 50)"
        " -> SetIPAddress(me) -> ARPResponder(me) -> RED(1, 20, 0.1, QUEUES q) -> Discard;"
        "s :: EtherSwitch; Idle -> [0] s [0] -> Classifier(12/0800 20/?? 0/0102%f0f0)"
        " -> Discard; Idle -> [1] s [1] -> IPFilter(allow tcp, deny all) -> LinearIPLookup("
        "1.0.0.0/8 0) -> Counter(COUNT_CALL 5 stop) -> Discard;"
        "mt :: Meter(5, 6); Idle -> mt -> Discard; mt[1], mt[2] -> Discard;"
        "Idle -> IP6NDAdvertiser(fd00::1/64 2:0:0:0:0:1) -> Discard;"
        "Idle -> Queue -> sd :: StrideSched(1, 2) -> Unqueue -> Discard; Idle -> Queue -> [1] sd;"
        "InfiniteSource(ACTIVE false) -> CheckIPHeader(INTERFACES 10.0.0.1/8 11.0.0.1/8) -> "
        "Discard;"
        "Idle -> RED(1, 20, 0.1) -> Queue -> Unqueue -> Discard;"
        "Idle -> p :: SYNProxy; Idle -> [1] p; p[0], p[1] -> CheckIPHeader(BADSRC 1.2.3.4 5.6.7.8)"
        " -> Discard;");
}

static void a_handler_without_memory_fails_and_nothing_is_lost(void **state)
{
    static const char *const writes[][2] = {
        {"f.config", "allow tcp port 80 or host 1.2.3.4, deny all"},
        {"r.add", "10.0.0.0/8 1.1.1.1 0"},
        {"r.ctrl", "add 12.0.0.0/8 0\nadd 13.0.0.0/8 0"},
        {"a.insert", "1.2.3.4 2:2:2:2:2:2"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
        unsigned long n = 0;
        bool again = true;

        while (again) {
            struct text out = {0};

            lab_load("FromDevice(eth0) -> f :: IPFilter(allow all) -> r :: RadixIPLookup(0/0 0)"
                     " -> p :: Print -> Discard; Idle -> a :: ARPQuerier(9.9.9.9, 2:0:0:0:0:9)"
                     " -> Discard; Idle -> [1] a");
            countdown = ++n;
            failed = false;
            enum handler_status status =
                engine_write(lab.eng, str_of(writes[i][0]), str_of(writes[i][1]), &out);
            countdown = 0;
            again = failed && n < 5000;
            if (!failed && status != HANDLER_OK)
                fail_msg("%s: status %d, %s", writes[i][0], status, out.s ? out.s : "");
            text_free(&out);
            lab_receive_hex(0, "0102030405060708090a0b0c0800 4500");
        }
    }
}

/* A part of a configuration may be one as well: it must not be taken for the whole. */
static void data_that_memory_is_too_small_for_is_refused_as_a_whole(void **state)
{
    struct text config = {0}, request = {0};
    unsigned long n = 0;
    bool again = true;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        text_addf(&config, "Idle -> Discard;\n");
    text_addf(&config, "last :: Discard; Idle -> last");
    text_addf(&request, "WRITEDATA hotconfig %u\r\n%s", config.len, config.s);
    while (again) {
        struct control control;

        lab_load("last :: Idle -> Discard");
        control_open(&control, lab.eng, false);
        text_free(&control.out);
        countdown = ++n;
        failed = false;
        control_receive(&control, request.s, request.len);
        countdown = 0;
        again = failed;
        bool refused = control.out.s && control.out.s[0] == '5';
        if (refused || (control.out.s && control.out.s[0] == '2'))
            assert_string_equal(lab_read("last.class"), refused ? "Idle" : "Discard");
        else /* nor is there memory for the answer */
            lab_read("last.class");
        control_close(&control);
    }
    assert_in_range(n, 20, 2000);
    text_free(&config);
    text_free(&request);
}

#define ETHER_IP "020000000001 020000000002 0800 "
#define TIMES_8(x)                                                                                 \
    x " -> " x " -> " x " -> " x " -> " x " -> " x " -> " x " -> " x /* the headroom is used up */
#define IP_IN  "FromDevice(eth0) -> Strip(14) -> CheckIPHeader -> "
#define IP_OUT " -> EtherEncap(0x800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> Queue -> ToDevice(eth1); "

static void receive_later(const char *hex)
{
    uint8_t bytes[256];

    host_receive(lab.eth[0], bytes, (uint32_t)lab_hex(hex, bytes, sizeof(bytes)));
}

/* What comes in, and what it needs memory for on its way. */
static const struct {
    const char *config;
    const char *packets[4];
} traffic[] = {
    {"FromDevice(eth0) -> " TIMES_8("EtherEncap(0x800, 1:1:1:1:1:1, 2:2:2:2:2:2)") " -> Discard",
     {""}},
    {IP_IN TIMES_8("UDPIPEncap(1.1.1.1, 5, 2.2.2.2, 6)") IP_OUT, {""}},
    {IP_IN TIMES_8("IPEncap(4, 1.1.1.1, 2.2.2.2)") IP_OUT, {""}},
    {IP_IN TIMES_8("GREEncap(1.1.1.1, 2.2.2.2, KEY 5)") IP_OUT, {""}},
    {IP_IN TIMES_8("VXLANEncap(1.1.1.1, 2.2.2.2, 5)") IP_OUT, {""}},
    {IP_IN TIMES_8("Unstrip(20)") IP_OUT, {""}},
    {IP_IN "Pad(2000) -> Discard", {""}},
    {IP_IN "t :: Tee(3); t[0], t[1], t[2] -> Discard", {""}},
    {IP_IN "Queue -> t :: PullTee -> Unqueue -> Discard; t[1] -> Discard", {""}},
    {IP_IN "ICMPError(1.1.1.1, timeexceeded)" IP_OUT, {""}},
    {IP_IN "Pad(300) -> SetIPChecksum -> IPFragmenter(40, HONOR_DF false)" IP_OUT, {""}},
    {IP_IN "[0] q :: ARPQuerier(9.9.9.9, 2:0:0:0:0:9) -> Queue -> ToDevice(eth1);"
           " FromDevice(eth1) -> [1] q",
     {"", ""}},
    {IP_IN "r :: IPRewriter(pattern 9.9.9.9 1000-2000 - - 0 0)" IP_OUT, {"", ""}},
    {"m :: PortBlockMapper(192.0.2.1, 0, 0); " IP_IN "r :: IPRewriter(m)" IP_OUT, {"", ""}},
    {IP_IN "f :: FlowMeter -> Discard; f[1] -> Discard", {"", ""}},
    {"RatedSource(\\<45000014 00000000 40fd2cd7 01020304 05060708>, RATE 20) -> MarkIPHeader"
     " -> IPRateMonitor(PACKETS, 1, 1, MEMORY 200) -> Discard",
     {NULL}},
    {IP_IN "IPReassembler" IP_OUT,
     {ETHER_IP "4500001c 00012000 40114abd 01020304 05060708 0000000000000000",
      ETHER_IP "4500001c 00010001 40116abc 01020304 05060708 0000000000000000"}},
    {"s :: EtherSwitch; FromDevice(eth0) -> s -> Discard; Idle -> [1] s [1] -> Discard", {"", ""}},
    {IP_IN "[0] p :: SYNProxy" IP_OUT " Idle -> [1] p; p[1] -> Discard",
     {ETHER_IP
      "45000028 00010000 40066abc 01020304 05060708 00100050 00000001 00000000 5002ffff 00000000"}},
    {"ICMPPingSource(1.1.1.1, 2.2.2.2)" IP_OUT, {NULL}},
    {"InfiniteSource(LIMIT 3) -> Discard; RatedSource(LIMIT 3) -> Discard;"
     " TimedSource(LIMIT 3) -> Discard",
     {NULL}},
    {"m :: RoundRobinIPMapper(- - 5.6.7.8 80 0 0); r :: IPRewriter(m) -> Discard; Idle -> r;"
     " Idle -> h :: HealthCheck(m, 1.1.1.1)" IP_OUT,
     {NULL}},
    {"FromDump(in.pcap) -> Discard", {NULL}},
};

/* A packet that memory is too small for is lost, and what comes later passes. */
static void packets_that_memory_is_too_small_for_are_lost(void **state)
{
    static const char any[] =
        ETHER_IP "45000030 00010000 40116aa9 01020304 05060708"
                 "0007 0009 001c 0000 0000000000000000000000000000000000000000";
    static const char file[] =
        "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000"
        "00000000 00000000 10000000 10000000 00000000000000000000000000000000";
    uint8_t pcap[64];

    (void)state;
    for (unsigned i = 0; i < sizeof(traffic) / sizeof(*traffic); i++) {
        unsigned long n = 0;

        host_file_set("in.pcap", pcap, lab_hex(file, pcap, sizeof(pcap)));
        do {
            lab_load("Idle -> Discard"); /* no state is carried over */
            engine_load(lab.eng, traffic[i].config, strlen(traffic[i].config), &lab.out);
            if (lab.out.len)
                fail_msg("%s: %s", traffic[i].config, lab.out.s);
            for (unsigned k = 0; k < 4 && traffic[i].packets[k]; k++)
                receive_later(*traffic[i].packets[k] ? traffic[i].packets[k] : any);
            countdown = ++n;
            failed = false;
            lab_run();
            lab_pass(1500);
            countdown = 0;
            for (struct packet *p; (p = host_sent(lab.eth[1]));)
                packet_kill(p);
        } while (failed);
        if (n < 2 || n > 2000)
            fail_msg("%s: %lu allocations", traffic[i].config, n - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_configuration_without_memory_is_refused),
        LAB_TEST(a_handler_without_memory_fails_and_nothing_is_lost),
        LAB_TEST(packets_that_memory_is_too_small_for_are_lost),
        LAB_TEST(data_that_memory_is_too_small_for_is_refused_as_a_whole),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
