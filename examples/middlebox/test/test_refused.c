/* SPDX-License-Identifier: BSD-2-Clause */
/* What is refused: wrong arguments of each element, and wrong values for handlers. */
#include "lab.h"

struct wrong {
    const char *config;
    const char *why;
};

static const struct wrong arguments[] = {
    {"Idle -> [0] a :: ARPQuerier(x, 2:0:0:0:0:1) -> Discard; Idle -> [1] a", "IP must be"},
    {"Idle -> [0] a :: ARPQuerier(1.2.3.4, x) -> Discard; Idle -> [1] a", "ETH must be"},
    {"Idle -> ARPResponder(2:0:0:0:0:1) -> Discard", "expected 'IP/MASK... ETH'"},
    {"Idle -> ARPResponder(1.2.3.4 5.6.7.8) -> Discard", "an Ethernet address is missing"},
    {"Idle -> ARPResponder(1.2.3.4 fnord 2:0:0:0:0:1) -> Discard", "is not an IP prefix"},
    {"Idle -> IP6NDAdvertiser(fd00::1) -> Discard", "expected 'IP6/LEN ETH'"},
    {"Idle -> IP6NDAdvertiser(fd00::1/129 2:0:0:0:0:1) -> Discard", "IPv6"},
    {"Idle -> IP6NDAdvertiser(1.2.3.4 2:0:0:0:0:1) -> Discard", "IPv6"},
    {"Idle -> CheckIPHeader(INTERFACES x) -> Discard", "INTERFACES: 'x' is not an IP prefix"},
    {"Idle -> CheckIPHeader(BADSRC x) -> Discard", "BADSRC: 'x' is not an IP address"},
    {"Idle -> CheckIPHeader(GOODDST x) -> Discard", "GOODDST: 'x' is not an IP address"},
    {"Idle -> CheckIPHeader(1.2.3.4, 14, 7) -> Discard", "too many arguments"},
    {"Idle -> CheckIPHeader(1.2.3.4, 70000) -> Discard", "OFFSET must be a number"},
    {"Idle -> CheckIP6Header(BADADDRS x) -> Discard", "BADADDRS: 'x' is not an IPv6 address"},
    {"Idle -> Classifier(12) -> Discard", "12"},
    {"Idle -> Classifier(/00) -> Discard", "/00"},
    {"Idle -> Classifier(123456/00) -> Discard", "123456"},
    {"Idle -> Classifier(x/00) -> Discard", "x/00"},
    {"Idle -> Classifier(0/0) -> Discard", "0/0"},
    {"Idle -> Classifier(0/00, -) -> Discard", "2 patterns for 1 outputs"},
    {"c :: Classifier(0/00, , -); Idle -> c -> Discard; c[1] -> Discard; c[2] -> Discard",
     "pattern 1 is empty"},
    {"ControlSocket(TCP, 70000)", "70000"},
    {"ControlSocket(TCP, x)", "'x'"},
    {"Idle -> Counter(COUNT_CALL x stop) -> Discard", "COUNT_CALL must be 'N HANDLER [VALUE]'"},
    {"Idle -> Counter(BYTE_COUNT_CALL x stop) -> Discard",
     "BYTE_COUNT_CALL must be 'N HANDLER [VALUE]'"},
    {"Idle -> Counter(COUNT_CALL 3 fnord) -> Discard", "COUNT_CALL must be 'N HANDLER [VALUE]'"},
    {"Idle -> Queue -> LinkUnqueue(1ms, 0) -> Discard", "BANDWIDTH must be above 0"},
    {"FromDevice(eth0) -> Discard; FromDevice(eth0) -> Discard",
     "'FromDevice@1' reads from this device already"},
    {"Idle -> DNSFilter(a..b) -> Discard", "is not a DNS name"},
    {"Idle -> DNSFilter(.a) -> Discard", "is not a DNS name"},
    {"Idle -> DNSFilter(a123456789a123456789a123456789a123456789a123456789a123456789abcd.b)"
     " -> Discard",
     "is not a DNS name"},
    {"Idle -> DNSFilter(\"a b\") -> Discard", "is not a DNS name"},
    {"Idle -> IPEncap(fnord, 1.1.1.1, 2.2.2.2) -> Discard", "PROTO must be an IP protocol"},
    {"Idle -> IPEncap(256, 1.1.1.1, 2.2.2.2) -> Discard", "PROTO must be an IP protocol"},
    {"Idle -> IPEncap(6, 1.1.1.1, x) -> Discard", "DST must be an IP address or DST_ANNO"},
    {"Idle -> IPEncap(6, 1.1.1.1, 2.2.2.2, TOS 4, DSCP 1) -> Discard",
     "TOS excludes DSCP, ECT and CE"},
    {"Idle -> VXLANEncap(1.1.1.1, 2.2.2.2, 16777216) -> Discard", "VNI must be"},
    {"s :: ListenEtherSwitch; Idle -> s -> Discard; Idle -> [1] s; s[1], s[2], s[3] -> Discard",
     "2 inputs need 3 outputs, not 4"},
    {"s :: EtherSwitch(CAPACITY 0); Idle -> s -> Discard; Idle -> [1] s; s[1] -> Discard",
     "CAPACITY must be above 0"},
    {"Idle -> FlowMeter(CAPACITY 0) -> Discard", "CAPACITY, ACTIVE and INACTIVE must be above 0"},
    {"Idle -> FlowMeter(ACTIVE 0) -> Discard", "CAPACITY, ACTIVE and INACTIVE must be above 0"},
    {"Idle -> FlowMeter(INACTIVE 0) -> Discard", "CAPACITY, ACTIVE and INACTIVE must be above 0"},
    {"q :: Queue; Idle -> q -> Discard; Idle -> HealthCheck(q, 1.1.1.1) -> Discard",
     "MAPPER must be a RoundRobinIPMapper"},
    {"m :: RoundRobinIPMapper(- - 1.1.1.1 - 0 0); Idle -> HealthCheck(m, 1.1.1.1, FALL 0)"
     " -> Discard",
     "INTERVAL, FALL and RISE must be above 0"},
    {"m :: RoundRobinIPMapper(- - 1.1.1.1 - 0 0); Idle -> HealthCheck(m, 1.1.1.1, RISE 0)"
     " -> Discard",
     "INTERVAL, FALL and RISE must be above 0"},
    {"m :: RoundRobinIPMapper(- - 1.1.1.1 - 0 0); Idle -> HealthCheck(m, 1.1.1.1, INTERVAL 0)"
     " -> Discard",
     "INTERVAL, FALL and RISE must be above 0"},
    {"Idle -> ICMPError(1.1.1.1, fnord) -> Discard", "TYPE must be an ICMP type, not 'fnord'"},
    {"Idle -> ICMPError(1.1.1.1, 256) -> Discard", "TYPE must be an ICMP type, not '256'"},
    {"Idle -> ICMPError(1.1.1.1, unreachable, fnord) -> Discard", "CODE must be"},
    {"Idle -> ICMPError(1.1.1.1, unreachable, 256) -> Discard", "CODE must be"},
    {"Idle -> ICMPError(1.1.1.1, unreachable, 1, x) -> Discard", "BADADDRS: up to 16"},
    {"Idle -> ICMPError(1.1.1.1, unreachable, MTU 67) -> Discard", "MTU must be at least 68"},
    {"Idle -> ICMPRewriter() -> Discard", "expected 'MAPS'"},
    {"q :: Queue; Idle -> q -> Discard; Idle -> ICMPRewriter(q) -> Discard",
     "'q' is not a rewriter"},
    {"AddressInfo(a)", "expected 'NAME ADDRESS...'"},
    {"AddressInfo(a x)", "'x' is no address"},
    {"ScheduleInfo(x 1)", "there is no element 'x'"},
    {"s :: InfiniteSource -> Discard; ScheduleInfo(s -1)", "expected 'ELEMENT SHARE'"},
    {"s :: InfiniteSource -> Discard; ScheduleInfo(s 2000)", "expected 'ELEMENT SHARE'"},
    {"Idle -> IPFragmenter(7) -> Discard", "MTU must be"},
    {"Idle -> IPGWOptions(1.1.1.1, x) -> Discard", "OTHERADDRS: up to 16 IP addresses"},
    {"Idle -> IPGWOptions(1.1.1.1, 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1"
     " 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1)"
     " -> Discard",
     "OTHERADDRS: up to 16 IP addresses"},
    {"Idle -> RadixIPLookup(x 0) -> Discard", "expected 'ADDR/MASK [GATEWAY] OUTPUT'"},
    {"Idle -> RadixIPLookup(1.0.0.0/8 x) -> Discard", "expected an output at the end"},
    {"Idle -> RadixIPLookup(1.0.0.0/8 1.1.1.1 0 7) -> Discard", "is no prefix"},
    {"Idle -> RadixIPLookup(1.0.0.0/8 7) -> Discard", "7"},
    {"Idle -> StoreIPAddress() -> Discard", "expected '[ADDR,] OFFSET'"},
    {"Idle -> StoreIPAddress(x, 0) -> Discard", "ADDR must be an IP address"},
    {"Idle -> StoreIPAddress(70000) -> Discard", "OFFSET must be a number, 'src' or 'dst'"},
    {"Idle -> GetIPAddress() -> Discard", "OFFSET is missing"},
    {"Idle -> IPReassembler(MAX_MTU_ANNO 47) -> Discard", "MAX_MTU_ANNO"},
    {"m :: Meter(); Idle -> m -> Discard; m[1] -> Discard", "a RATE is missing"},
    {"m :: Meter(x); Idle -> m -> Discard; m[1] -> Discard", "'x' is not a rate"},
    {"m :: Meter(5, 4); Idle -> m -> Discard; m[1] -> Discard; m[2] -> Discard", "rates must grow"},
    {"m :: Meter(5, 6); Idle -> m -> Discard; m[1] -> Discard", "2 rates need 3 outputs, not 2"},
    {"r :: IPRewriter(pattern 1.2.3.4 0 - - 0 0); Idle -> r -> Discard", "0"},
    {"r :: IPRewriter(pattern 1.2.3.4 70000 - - 0 0); Idle -> r -> Discard", "70000"},
    {"r :: IPRewriter(pattern 1.2.3.4 5-4 - - 0 0); Idle -> r -> Discard", "5-4"},
    {"r :: IPRewriter(pattern x 5 - - 0 0); Idle -> r -> Discard",
     "pattern: 'x' is not an IP address"},
    {"r :: IPRewriter(pattern - 5 x - 0 0); Idle -> r -> Discard",
     "pattern: 'x' is not an IP address"},
    {"r :: IPRewriter(pattern - 5 - x 0 0); Idle -> r -> Discard", "x"},
    {"r :: IPRewriter(pattern - 5 -); Idle -> r -> Discard", "expected a pattern"},
    {"r :: IPRewriter(pattern - 5 - - 0); Idle -> r -> Discard", "lacks an output"},
    {"r :: IPRewriter(keep 2000 0); Idle -> r -> Discard", "output 2000, but there are only 1"},
    {"r :: IPRewriter(keep 5 0); Idle -> r -> Discard", "5"},
    {"r :: IPRewriter(pass 0 7); Idle -> r -> Discard", "unexpected '7'"},
    {"r :: IPRewriter(fnord); Idle -> r -> Discard", "fnord"},
    {"r :: IPRewriter(drop, drop); Idle -> r -> Discard", "2 input specifications for 1 inputs"},
    {"r :: IPRewriter(drop, REAP_INTERVAL 0); Idle -> r -> Discard",
     "REAP_INTERVAL must be above 0"},
    {"r :: IPRewriter(drop, MAPPING_CAPACITY 0); Idle -> r -> Discard", "MAPPING_CAPACITY must be"},
    {"r :: IPRewriter(drop, MAPPING_CAPACITY x); Idle -> r -> Discard", "MAPPING_CAPACITY must be"},
    {"r :: IPRewriter(drop, MAPPING_CAPACITY 99999999); Idle -> r -> Discard",
     "MAPPING_CAPACITY must be"},
    {"IPRewriterPatterns(p x 5 - -)", "is not an IP address"},
    {"IPRewriterPatterns(p - 5 - - 7)", "unexpected '7'"},
    {"q :: Queue; Idle -> q -> Discard; a :: ARPQuerier(1.1.1.1, 2:2:2:2:2:2, TABLE q);"
     "Idle -> a -> Discard; Idle -> [1] a",
     "TABLE must be an element"},
    {"a :: ARPQuerier(1.1.1.1, 2:2:2:2:2:2, TABLE q); Idle -> a -> Discard; Idle -> [1] a",
     "TABLE must be an element"},
    {"RoundRobinIPMapper(- - 1.1.1.1 - 70000 1)", "output 70000 is too large"},
    {"RoundRobinIPMapper()", "a pattern is missing"},
    {"RoundRobinIPMapper(- - 1.1.1.1 - 0)", "lacks an output"},
    {"PortBlockMapper(x, 0, 1)", "POOL must be an IP address or a range"},
    {"PortBlockMapper(1.1.1.2-1.1.1.1, 0, 1)", "POOL must be an IP address or a range"},
    {"PortBlockMapper(1.1.1.1, 0, 1, PORTS 0-5)", "PORTS must be a range 'low-high'"},
    {"PortBlockMapper(1.1.1.1, 0, 1, PORTS 9-5)", "PORTS must be a range 'low-high'"},
    {"PortBlockMapper(1.1.1.1, 0, 1, PORTS 9-65536)", "PORTS must be a range 'low-high'"},
    {"PortBlockMapper(1.1.1.1, 0, 1, PORTS 5-9, BLOCK 6)", "BLOCK must fit into PORTS"},
    {"PortBlockMapper(1.1.1.1, 0, 1, BLOCK 0)", "BLOCK must fit into PORTS"},
    {"PortBlockMapper(1.1.1.1, 0, 1, BLOCKS_PER_HOST 0)", "BLOCKS_PER_HOST must be above 0"},
    {"PortBlockMapper(0.0.0.0-255.255.255.255, 0, 1)", "more than 65536 blocks"},
    {"PortBlockMapper(1.0.0.0-1.0.9.0, 0, 1, BLOCK 1)", "more than 65536 blocks"},
    {"Idle -> RED(1, 2, 0.1, QUEUES x) -> Queue -> Discard", "QUEUES: 'x' is not a Queue"},
    {"Idle -> RED(5, 2, 0.1) -> Queue -> Discard", "MIN_THRESH"},
    {"Idle -> Queue -> d :: DRRSched(0) -> Discard", "QUANTUM"},
    {"Idle -> Queue -> StrideSched() -> Discard", "0 TICKETS for 1 inputs"},
    {"Idle -> Queue -> StrideSched(x) -> Discard", "TICKETS must be a number, not 'x'"},
    {"InfiniteSource(STOP true, END_CALL stop) -> Discard", "END_CALL and STOP exclude each other"},
    {"FromDump(a, STOP true, END_CALL stop) -> Discard", "END_CALL and STOP exclude each other"},
    {"TimedSource(0) -> Discard", "INTERVAL must be at least a microsecond"},
    {"Idle -> StringMatcher() -> Discard", "a PATTERN is missing"},
    {"Idle -> StringMatcher(\"\") -> Discard", "empty"},
    {"Idle -> StringMatcher(a, ANNO 48) -> Discard", "ANNO must be"},
    {"Idle -> HashSwitch(0, 0) -> Discard", "LENGTH must be above 0"},
    {"s :: SYNProxy(CAPACITY 0); Idle -> s -> Discard; Idle -> [1] s; s[1] -> Discard",
     "CAPACITY must be above 0"},
    {"Idle -> IPFilter(allow) -> Discard", "1:23: IPFilter@2: an empty pattern"},
    {"Idle -> IPClassifier(\"\") -> Discard", "pattern"},
    {"Idle -> IPFilter(fnord all) -> Discard", "fnord"},
    {"Idle -> IPFilter(allow tcp)) -> Discard", "syntax error"},
    {"Idle -> IPClassifier(tcp)  [1] -> Discard", "output"},
    {"Idle -> IPClassifier(tcp opt syn > 1) -> Discard", "IPClassifier"},
    {"Idle -> IPClassifier((tcp) -> Discard", "never closed"},
    {"Idle -> IPClassifier(tcp fnord 5) -> Discard", "fnord"},
    {"Idle -> IPClassifier(src port 70000) -> Discard", "70000"},
    {"Idle -> IPClassifier(ip proto 256) -> Discard", "256"},
    {"Idle -> IPClassifier(ip ttl 256) -> Discard", "256"},
    {"Idle -> IPClassifier(net 1.2.3.4/33) -> Discard", "1.2.3.4/33"},
    {"Idle -> IPClassifier(udp ? tcp) -> Discard", "expected ':'"},
    {"require(package fnord)", "fnord"},
};

static void wrong_arguments_are_refused(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
        const struct wrong *w = &arguments[i];
        struct text out = {0};
        int rc = engine_check(w->config, strlen(w->config), &out);

        if (rc == 0 || !out.s || !strstr(out.s, w->why)) {
            print_error("%s\n    %s: %s\n", w->config, rc ? "refused" : "accepted",
                        out.s ? out.s : "");
            failures++;
        }
        text_free(&out);
    }
    assert_int_equal(failures, 0);
}

/* One of each element that has handlers to write. */
static const char everything[] =
    "r :: RadixIPLookup(0.0.0.0/0 0); Idle -> r -> Discard;"
    "a :: ARPQuerier(9.9.9.9, 2:0:0:0:0:9); Idle -> [0] a -> Discard; Idle -> [1] a;"
    "resp :: ARPResponder(1.2.3.4 2:0:0:0:0:1); Idle -> resp -> Discard;"
    "f :: IPFilter(allow all); Idle -> f -> Discard; c :: Counter; Idle -> c -> Discard;"
    "m :: RoundRobinIPMapper(- - 1.1.1.1 - 0 0); rw :: IPRewriter(drop); Idle -> rw -> Discard;"
    "su :: Suppressor; Idle -> su -> Discard; mon :: IPRateMonitor(PACKETS, 1, 50);"
    "Idle -> mon -> Discard; q :: Queue; Idle -> q -> u :: Unqueue -> Discard;"
    "t :: TimedSource(5) -> Discard; s :: Switch(0); Idle -> s -> Discard;"
    "sh :: BandwidthRatedSplitter(5); Idle -> sh -> Discard; sh[1] -> Discard;"
    "es :: EtherSwitch; Idle -> es -> Discard; Idle -> [1] es; es[1] -> Discard; red :: RED(1, 5, "
    "0.1); Idle -> red -> Queue"
    " -> Discard;";

static const struct {
    const char *handler, *value, *why;
} writes[] = {
    {"r.add", "x 0", "expected 'ADDR/MASK"},
    {"r.add", "1.0.0.0/8 5", "5"},
    {"r.add", "0.0.0.0/0 0", "0.0.0.0/0"},
    {"r.remove", "9.0.0.0/8", "9.0.0.0/8"},
    {"r.ctrl", "fnord 1.0.0.0/8 0", "expected add, set or remove"},
    {"r.ctrl", "add 1.0.0.0/8 0\nadd x 0", "expected 'ADDR/MASK"},
    {"a.insert", "1.2.3.4", "expected"},
    {"a.insert", "x 2:2:2:2:2:2", "expected"},
    {"a.delete", "x", "expected"},
    {"resp.add", "1.2.3.4", "an Ethernet address is missing"},
    {"resp.remove", "x", "expected 'IP/MASK'"},
    {"f.config", "allow fnord", "fnord"},
    {"c.count_call", "x", "expected 'N [HANDLER [VALUE]]'"},
    {"m.down0", "perhaps", "expected a Boolean"},
    {"rw.capacity", "0", "expected a number of mappings"},
    {"rw.capacity", "x", "expected a number of mappings"},
    {"rw.capacity", "99999999", "expected a number of mappings"},
    {"su.active0", "perhaps", "expected a Boolean"},
    {"q.capacity", "x", "'x' is not a value for CAPACITY"},
    {"u.active", "perhaps", "is not a value for ACTIVE"},
    {"s.switch", "x", "is not a value for SWITCH"},
    {"sh.rate", "x", "is not a value for RATE"},
    {"es.timeout", "x", "is not a value for TIMEOUT"},
    {"t.interval", "x", "is not a value for INTERVAL"},
};

static const struct {
    const char *handler, *param, *why;
} reads[] = {
    {"r.lookup", "x", "expected an IP address"},
    {"resp.lookup", "x", "expected an IP address"},
    {"rw.tcp_lookup", "1.1.1.1 1 2.2.2.2", "expected 'SADDR SPORT DADDR DPORT'"},
    {"rw.tcp_lookup", "1.1.1.1 70000 2.2.2.2 1", "expected 'SADDR SPORT DADDR DPORT'"},
    {"rw.udp_lookup", "1.1.1.1 1 2.2.2.2 1 1", "expected 'SADDR SPORT DADDR DPORT'"},
    {"mon.look", "7", "expected a prefix length from 8 to 32"},
    {"mon.look", "33", "expected a prefix length from 8 to 32"},
    {"mon.look", "x", "expected a prefix length from 8 to 32"},
};

static void wrong_values_for_handlers_are_refused(void **state)
{
    unsigned failures = 0;

    (void)state;
    lab_load(everything);
    for (unsigned i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
        struct text out = {0};
        enum handler_status status =
            engine_write(lab.eng, str_of(writes[i].handler), str_of(writes[i].value), &out);

        if (status != HANDLER_FAILED || !out.s || !strstr(out.s, writes[i].why)) {
            print_error("%s %s: status %d, %s\n", writes[i].handler, writes[i].value, status,
                        out.s ? out.s : "");
            failures++;
        }
        text_free(&out);
    }
    for (unsigned i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
        struct text out = {0};
        enum handler_status status =
            engine_read(lab.eng, str_of(reads[i].handler), str_of(reads[i].param), &out);

        if (status != HANDLER_FAILED || !out.s || !strstr(out.s, reads[i].why)) {
            print_error("%s %s: status %d, %s\n", reads[i].handler, reads[i].param, status,
                        out.s ? out.s : "");
            failures++;
        }
        text_free(&out);
    }
    assert_int_equal(failures, 0);
}

/* Limits of the language, which a generated configuration may reach. */
static void tables_of_thousands_are_taken(void **state)
{
    struct text t = {0};

    (void)state;
    text_addf(&t, "Idle -> r :: RadixIPLookup(");
    for (unsigned i = 0; i < 5000; i++)
        text_addf(&t, "10.%u.%u.0/24 0.0.0.%u 0,\n", i / 250, i % 250, i % 250);
    text_addf(&t, ") -> Discard");
    lab_load(t.s);
    text_free(&t);
    assert_int_equal(engine_read(lab.eng, STR("r.lookup"), STR("10.19.249.1"), &t), HANDLER_OK);
    assert_string_equal(t.s, "0 0.0.0.249");
    text_free(&t);
}

static void a_message_about_a_long_value_has_its_ends(void **state)
{
    struct text t = {0};

    (void)state;
    text_addf(&t, "Idle -> Queue(");
    for (unsigned i = 0; i < 500000; i++)
        text_char(&t, 'x');
    text_addf(&t, "y) -> Discard; Idle -> Queue(z) -> Discard");
    lab_refuse(t.s, "1:15: Queue@2: CAPACITY must be a number");
    assert_non_null(strstr(lab.out.s, "xx...xx"));
    assert_non_null(strstr(lab.out.s, "xy'\n1:500044: Queue@5: CAPACITY must be"));
    assert_true(lab.out.len < 1000);
    t.len = 0;
    for (unsigned i = 0; i < 500000; i++)
        text_char(&t, 'n');
    text_addf(&t, " :: Queue(x); Idle -> n -> Discard");
    t.s[500000 - 2] = 'm';
    lab_refuse(t.s, "is neither");
    assert_true(lab.out.len < 1000);
    text_free(&t);
}

static void two_elements_of_one_name_are_refused(void **state)
{
    struct text t = {.limit = 1u << 22}, out = {0};

    (void)state;
    lab_refuse("a :: { b :: Idle -> output } -> Discard; a/b :: Idle -> Discard",
               "there are two elements called 'a/b'");
    lab_refuse("s :: Suppressor; Idle -> s; Idle -> [1] s -> Discard",
               "1:1: 's' has 2 inputs, but 1 outputs");
    for (unsigned i = 0; i < TEXT_LIMIT; i++)
        text_char(&t, ' ');
    assert_int_equal(engine_check(t.s, t.len, &out), 0);
    text_char(&t, ' ');
    lab_refuse(t.s, "configuration larger than 1048576 bytes");
    text_free(&t);
    text_free(&out);
}

static void a_configuration_beyond_a_limit_is_refused(void **state)
{
    struct text t = {.limit = 1u << 24}, out = {0};

    (void)state;
    text_addf(&t, "Idle -> Print(");
    for (unsigned i = 0; i < 65536; i++)
        text_char(&t, ',');
    text_addf(&t, "x) -> Discard");
    lab_refuse(t.s, "more than 65535 arguments");
    t.len = 0;
    text_addf(&t, "define($a0 12345678");
    for (unsigned i = 1; i < 40; i++)
        text_addf(&t, ", $a%u $a%u$a%u", i, i - 1, i - 1);
    text_addf(&t, "); Idle -> Print($a39) -> Discard");
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    for (unsigned i = 0; i < 4100; i++)
        text_addf(&t, "e%u :: Idle;", i);
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    text_addf(&t, "elementclass A { ");
    for (unsigned i = 0; i < 70; i++)
        text_addf(&t, "e%u :: Idle;", i);
    text_addf(&t, "} ");
    for (unsigned i = 0; i < 70; i++)
        text_addf(&t, "a%u :: A;", i);
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    text_addf(&t, "Idle -> IPClassifier(");
    for (unsigned i = 0; i < 40; i++)
        text_addf(&t, "(tcp ? udp : ");
    text_addf(&t, "icmp");
    for (unsigned i = 0; i < 40; i++)
        text_addf(&t, ")");
    text_addf(&t, ") -> Discard");
    lab_refuse(t.s, "nested too deeply");
    t.len = 0;
    text_addf(&t, "Idle -> IPClassifier(");
    for (unsigned i = 0; i < 40; i++)
        text_addf(&t, "tcp ? udp : ");
    text_addf(&t, "icmp) -> Discard");
    lab_refuse(t.s, "nested too deeply");
    t.len = 0;
    text_addf(&t, "elementclass A0 { input -> output }");
    for (unsigned i = 0; i < 40; i++)
        text_addf(&t, "elementclass A%u { input -> A%u -> output }", i + 1, i);
    text_addf(&t, "Idle -> A40 -> Discard");
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    text_addf(&t, "elementclass A { i :: Idle; d :: Discard;");
    for (unsigned i = 0; i < 100; i++)
        text_addf(&t, "i [%u] -> d;", i);
    text_addf(&t, "}");
    for (unsigned i = 0; i < 90; i++)
        text_addf(&t, "a%u :: A;", i);
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    text_addf(&t, "i :: Idle; d :: Discard; x :: { input -> output };");
    for (unsigned i = 0; i < 100; i++)
        text_addf(&t, "i [%u] -> x -> [%u] d;", i, i);
    lab_refuse(t.s, "configuration too large");
    t.len = 0;
    text_addf(&t, "i :: Idle; d :: Discard;");
    for (unsigned i = 0; i < 8200; i++)
        text_addf(&t, "i [%u] -> d;", i % 1000);
    lab_refuse(t.s, "configuration too large");
    text_free(&t);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(wrong_arguments_are_refused),
        LAB_TEST(wrong_values_for_handlers_are_refused),
        LAB_TEST(two_elements_of_one_name_are_refused),
        LAB_TEST(tables_of_thousands_are_taken),
        LAB_TEST(a_message_about_a_long_value_has_its_ends),
        LAB_TEST(a_configuration_beyond_a_limit_is_refused),
    };

    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
