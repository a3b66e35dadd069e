/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing: one program for five kinds of input; the environment variable FUZZ_TARGET chooses
 * (config, filter, handler, packet, pcap). Whatever the bytes are, nothing may crash, hang, or leak
 * a packet.
 *
 * With libFuzzer (clang) it searches for inputs; `-DFUZZ_SEEDS` builds a program that writes the
 * seed corpus of a target: middlebox_fuzz_seeds FOLDER TARGET.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../engine/control.h"
#include "../engine/net.h"
#include "../engine/router.h"
#include "../test/host.h"

enum { TARGET_CONFIG, TARGET_FILTER, TARGET_HANDLER, TARGET_PACKET, TARGET_PCAP, TARGETS };

/* Everything that touches headers, in parallel: each gets a copy of each packet. */
static const char packets[] =
    "from :: FromDevice(eth0) -> t :: Tee; d :: Discard; from1 :: FromDevice(eth1) -> u :: Tee;"
    "t[0] -> CheckIPHeader(14) -> IPFilter(allow tcp && dst port 80, deny frag, allow icmp type "
    "echo,"
    " deny src net 10.0.0.0/8 and syn, allow ip[40:4] 7, allow all) -> d;"
    "t[1] -> CheckIPHeader(14) -> gw :: IPGWOptions(1.2.3.4) -> DecIPTTL -> fr :: IPFragmenter(68)"
    " -> ra :: IPReassembler(HIMEM 20000) -> IPPrint(CONTENTS HEX, PAYLOAD NONE) -> d;"
    "gw[1] -> ICMPError(1.1.1.1, parameterproblem) -> d; fr[1] -> ICMPError(1.1.1.1, 3, 4) -> d;"
    "ra[1] -> ICMPError(1.1.1.1, timeexceeded, 1) -> d;"
    "t[2] -> MarkIPHeader(14) -> GetIPAddress(IP dst) -> aq :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1) "
    "-> d;"
    "t[3] -> ARPResponder(10.0.0.0/8 2:0:0:0:0:1) -> d; u[0] -> [1] aq;"
    "t[4] -> CheckIPHeader(14) -> rw :: IPRewriter(pattern 1.0.0.1 5000-5005 - - 0 1, pass 1,"
    " MAPPING_CAPACITY 10) -> d; rw[1] -> d; u[1] -> MarkIPHeader(14) -> [1] rw;"
    "t[5] -> MarkIPHeader(14) -> pr :: ICMPPingRewriter(pattern 1.0.0.1 5000-5005 - - 0 0,"
    " MAPPING_CAPACITY 10) -> d; u[2] -> MarkIPHeader(14) -> ICMPRewriter(rw pr) -> d;"
    "t[6] -> MarkIPHeader(14) -> ICMPPingResponder -> SetIPChecksum -> SetTCPChecksum -> d;"
    "t[7] -> MarkIPHeader(14) -> SetUDPChecksum -> IPMirror -> StoreIPAddress(1.2.3.4, src) -> d;"
    "t[8] -> sw :: EtherSwitch(CAPACITY 5) -> d; u[3] -> [1] sw [1] -> d;"
    "t[9] -> CheckIPHeader(14) -> g :: GREDecap -> d; g[1] -> v :: VXLANDecap -> d; v[1] -> d;"
    "t[10] -> CheckIPHeader(14) -> DNSFilter(a.b, c) -> StringMatcher(ab, bc, PAYLOAD true) -> d;"
    "t[11] -> CheckIPHeader(14) -> sp :: SYNProxy(CAPACITY 4) -> d; u[4] -> CheckIPHeader(14)"
    " -> [1] sp [1] -> d; t[12] -> CheckIPHeader(14) -> fm :: FlowMeter(CAPACITY 4) -> d; fm[1] -> "
    "d;"
    "t[13] -> CheckIP6Header(OFFSET 14) -> d; t[14] -> IP6NDAdvertiser(::/0 2:0:0:0:0:1) -> d;"
    "t[15] -> EtherMirror -> HostEtherFilter(2:0:0:0:0:1) -> HashSwitch(3, 9) -> d;"
    "t[16] -> Classifier(12/0800 23/06, 12/0806 20/0001, !30/0a, 3/?5%0f, -) => d, d, d, d, d;"
    "t[17] -> MarkIPHeader(14) -> StripIPHeader -> Strip(3) -> Unstrip(30) -> Pad(70) -> d;"
    "t[18] -> CheckIPHeader(14) -> FixIPSrc(1.1.1.1) -> IPRateMonitor(BYTES, 1, 5, 100)"
    " -> RadixIPLookup(0.0.0.0/0 0) -> d; mm :: RoundRobinIPMapper(- - 10.0.0.9 80 0 0);"
    "t[19] -> CheckIPHeader(14) -> hc :: HealthCheck(mm, 10.0.0.1) -> d; hc[1] -> d;"
    "t[20] -> Strip(14) -> GREEncap(1.1.1.1, 2.2.2.2) -> VXLANEncap(1.1.1.1, 2.2.2.2, 7) -> d;"
    "t[21] -> MarkIPHeader(14) -> ICMPPingSource(1.1.1.1, 2.2.2.2, INTERVAL 1ms, MIRROR true,"
    " DATA abc) -> d;";

static void run(struct engine *eng)
{
    for (unsigned n = 0; n < 50; n++) {
        uint64_t next = engine_run(eng, 64);

        if (next == NEVER)
            break;
        if (next > host.now_ns)
            host_advance(next - host.now_ns);
    }
}

/* Packets: a byte for the length, a bit of it for the device, then the bytes. */
static void feed(struct engine *eng, const uint8_t *data, size_t size)
{
    while (size > 1) {
        size_t len = data[0] & 127;

        if (len > size - 1)
            len = size - 1;
        host_receive(&host.devs[data[0] >> 7], data + 1, (uint32_t)len);
        data += 1 + len;
        size -= 1 + len;
        run(eng);
    }
}

static void load(struct engine *eng, const char *text, size_t len)
{
    struct text errors = {0};

    if (engine_load(eng, text, len, &errors) == 0)
        run(eng);
    text_free(&errors);
}

static void fuzz_filter(struct engine *eng, const uint8_t *data, size_t size)
{
    struct text t = {0};

    text_addf(&t,
              "FromDevice(eth0) -> MarkIPHeader(14) -> c :: IPClassifier(%.*s, -) -> Discard;"
              "c[1] -> Discard",
              (int)size, (const char *)data);
    load(eng, t.s, t.len);
    feed(eng, data, size);
    text_free(&t);
}

/* Lines of the control protocol. */
static void fuzz_handler(struct engine *eng, const uint8_t *data, size_t size)
{
    struct control c;

    load(eng, packets, sizeof(packets) - 1);
    control_open(&c, eng, false);
    control_receive(&c, data, size);
    control_close(&c);
    run(eng);
}

static void fuzz_pcap(struct engine *eng, const uint8_t *data, size_t size)
{
    static const char text[] =
        "FromDump(f) -> MarkIPHeader(14) -> IPPrint -> ToDump(g) -> Discard;"
        "c :: FromDump(f, FORCE_IP true, SAMPLE 0.9, START_AFTER 1, END_AFTER 99) -> Discard;"
        "c[1] -> Discard";

    host_file_set("f", data, size);
    load(eng, text, sizeof(text) - 1);
}

static void one(int target, const uint8_t *data, size_t size)
{
    struct engine *eng;

    host_reset();
    host_dev("eth0");
    host_dev("eth1");
    eng = engine_new();
    switch (target) {
    case TARGET_CONFIG:
        load(eng, (const char *)data, size);
        break;
    case TARGET_FILTER:
        fuzz_filter(eng, data, size);
        break;
    case TARGET_HANDLER:
        fuzz_handler(eng, data, size);
        break;
    case TARGET_PACKET:
        load(eng, packets, sizeof(packets) - 1);
        feed(eng, data, size);
        break;
    case TARGET_PCAP:
        fuzz_pcap(eng, data, size);
        break;
    }
    engine_free(eng);
    for (unsigned i = 0; i < host.n_devs; i++) {
        packet_kill_batch(host.devs[i].rx);
        packet_kill_batch(host.devs[i].sent);
        host.devs[i].rx = host.devs[i].sent = NULL;
    }
    if (host.packets)
        abort(); /* leaked */
}

#ifdef FUZZ_SEEDS
static const char *folder, *wanted;

static void put(const char *target, unsigned n, const void *data, size_t len)
{
    char name[512];
    FILE *f;

    if (strcmp(target, wanted) != 0)
        return;
    snprintf(name, sizeof(name), "%s/%s-%u", folder, target, n);
    f = fopen(name, "wb");
    if (!f || fwrite(data, 1, len, f) != len)
        exit(1);
    fclose(f);
}

/* A UDP, TCP, ICMP or ARP frame with its length in front. */
static size_t seed_packet(unsigned kind, uint8_t *out)
{
    static const uint8_t protos[] = {17, 6, 1, 47};
    struct ip_hdr *ip = (struct ip_hdr *)(out + 1 + 14);

    memset(out, 0, 128);
    out[0] = 74;
    out[13] = 8;
    out[14] = kind == 4 ? 6 : 0;
    ip_fill(ip, protos[kind % 4], host_to_be32(0x0a000005), host_to_be32(0x08080808), 60, 1);
    out[35] = 3;
    out[38] = 53;
    out[35 + 12] = 0x50;
    out[35 + 13] = TCP_SYN;
    return 75;
}

int main(int argc, char **argv)
{
    static const char *const configs[] = {
        "a :: Queue(5) -> b; b :: Unqueue -> Discard; InfiniteSource(LIMIT 3) -> a;",
        "elementclass X { $n, K $k, __REST__ $r | input -> Queue($n) -> output || ... } define($z "
        "1)"
        "Idle -> X(1, K 2, 3) -> Discard; x => (-> [0]) => y; require(library z)",
        packets,
    };
    static const char *const filters[] = {
        "src net 10.0.0.0/8 and (tcp opt syn or dst port > 1023) && !frag",
        "ip[9:1] & 0xf == 6 ? icmp type echo : not ether host 1:2:3:4:5:6",
    };
    static const char *const handlers[] = {
        "READ list\nWRITE rw.clear\nREADDATA rw.udp_lookup 5\n1.1.1WRITEUNTIL hotconfig "
        "X\nIdle\nX\nQUIT\n",
        "READ 3.handlers\nCHECKWRITE aq.insert\nWRITE aq.insert 1.1.1.1 1:1:1:1:1:1\nREAD "
        "aq.table\n",
    };
    uint8_t pcap[24 + 16 + 128] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};
    uint8_t packet[256];

    if (argc != 3) {
        fprintf(stderr, "usage: middlebox_fuzz_seeds FOLDER TARGET\n");
        return 1;
    }
    folder = argv[1];
    wanted = argv[2];
    for (unsigned i = 0; i < 3; i++)
        put("config", i, configs[i], strlen(configs[i]));
    for (unsigned i = 0; i < 2; i++) {
        put("filter", i, filters[i], strlen(filters[i]));
        put("handler", i, handlers[i], strlen(handlers[i]));
    }
    for (unsigned i = 0; i < 5; i++)
        put("packet", i, packet, seed_packet(i, packet));
    pcap[20] = 1;
    pcap[32] = pcap[36] = 74;
    memcpy(pcap + 40, packet + 1, 74);
    put("pcap", 0, pcap, 40 + 74);
    one(TARGET_PACKET, packet, 75);
    return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"config", "filter", "handler", "packet", "pcap"};
    const char *name = getenv("FUZZ_TARGET");
    int target = 0;

    while (target < TARGETS && (!name || strcmp(name, names[target]) != 0))
        target++;
    if (target == TARGETS) {
        fprintf(stderr, "FUZZ_TARGET must be config, filter, handler, packet or pcap\n");
        exit(1);
    }
    one(target, data, size);
    return 0;
}
#endif
