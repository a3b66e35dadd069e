/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's speed on one core of the host, against in-memory ports: what a configuration costs
 * in cycles for each packet. Prints a table, or with `csv` as first argument comma-separated
 * values.
 *
 *     bench [csv] [FILE.click ...]
 *
 * The rate is of processor time, so that other programs on the machine count less; cycles likewise
 * (TSC ticks, scaled by the share of the processor that was had).
 *
 * Without files: an empty forwarder and a firewall of 50 IPFilter rules. Packets are UDP, 60 bytes,
 * of 1024 flows that match rules all over the list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#include "../engine/net.h"
#include "../engine/router.h"
#include "../test/host.h"

#define FLOWS   1024
#define PACKETS 20000000u

static struct packet *flows[FLOWS];

/* Packets go round: what is sent comes back as received, so that no packet is made or freed. */
static struct packet *ring, **ring_tail = &ring;
static unsigned ring_n;

static void make_flows(void)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct packet *p = packet_new(PACKET_HEADROOM, 60);
        struct ether_hdr *eth;
        struct ip_hdr *ip;
        struct udp_hdr *udp;

        if (!p)
            exit(1);
        memset(p->data, 0, 60);
        eth = (struct ether_hdr *)p->data;
        ip = (struct ip_hdr *)(eth + 1);
        udp = (struct udp_hdr *)(ip + 1);
        memcpy(eth->dst, "\x02\x00\x00\x00\x00\x01", 6);
        memcpy(eth->src, "\x02\x00\x00\x00\x00\x99", 6);
        eth->type = host_to_be16(ETHERTYPE_IP);
        ip_fill(ip, i % 3 ? IPPROTO_UDP : IPPROTO_TCP, host_to_be32(0x0a000000 + i * 7),
                host_to_be32(0xc0a80000 + i % 200), 46, 0);
        udp->sport = host_to_be16((uint16_t)(1024 + i));
        udp->dport = host_to_be16((uint16_t)(1000 + i % 60));
        udp->len = host_to_be16(26);
        flows[i] = p;
        *ring_tail = p;
        ring_tail = &p->next;
        ring_n++;
    }
}

/* The devices: one that gives packets of the ring, one that takes them back. */
static struct port_dev *devs[2];

static void turn_round(void)
{
    struct port_dev *in = devs[0], *out = devs[1];

    *in->rx_tail = out->sent;
    while (*in->rx_tail) {
        struct packet *p = *in->rx_tail;

        /* as it was received */
        p->data = p->head + PACKET_HEADROOM;
        p->len = 60;
        p->mac = p->net = NULL;
        in->rx_tail = &p->next;
    }
    out->sent = NULL;
    out->sent_tail = &out->sent;
    out->n_sent = 0;
    if (in->rx && in->wake[1])
        in->wake[1](in->wake_arg[1]);
}

static char *read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    char *s = calloc(1, 1 << 20);

    if (!f || !s || fread(s, 1, (1 << 20) - 1, f) == 0) {
        fprintf(stderr, "cannot read %s\n", name);
        exit(1);
    }
    fclose(f);
    return s;
}

static void run(const char *name, const char *text, bool csv)
{
    struct text errors = {0};
    struct engine *eng = engine_new();
    uint64_t cycles, sent = 0;
    struct timespec a, b, wall_a, wall_b;
    double seconds;

    if (engine_load(eng, text, strlen(text), &errors) != 0) {
        fprintf(stderr, "%s: %s", name, errors.s);
        exit(1);
    }
    turn_round();
    for (int warm = 1; warm >= 0; warm--) {
        uint64_t want = warm ? PACKETS / 10 : PACKETS;

        sent = 0;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        clock_gettime(CLOCK_MONOTONIC, &wall_a);
        cycles = __rdtsc();
        while (sent < want) {
            engine_run(eng, 1 << 20);
            if (!devs[1]->n_sent) {
                fprintf(stderr, "%s: nothing comes out\n", name);
                exit(1);
            }
            sent += devs[1]->n_sent;
            turn_round();
        }
        cycles = __rdtsc() - cycles;
        clock_gettime(CLOCK_MONOTONIC, &wall_b);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    }
    seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    cycles = (uint64_t)((double)cycles * seconds /
                        ((double)(wall_b.tv_sec - wall_a.tv_sec) +
                         (double)(wall_b.tv_nsec - wall_a.tv_nsec) / 1e9));
    printf(csv ? "\"%s\",%.2f,%.1f\n" : "%-28s %8.2f Mpps %8.1f cycles/packet\n", name,
           (double)sent / seconds / 1e6, (double)cycles / (double)sent);
    engine_free(eng);
}

static const char forward[] = "FromDevice(eth0) -> Queue(2000) -> ToDevice(eth1);";

static char *firewall(void)
{
    struct text t = {0};

    text_addf(&t, "FromDevice(eth0) -> CheckIPHeader(14) -> IPFilter(\n");
    for (unsigned i = 0; i < 49; i++) {
        switch (i % 4) {
        case 0:
            text_addf(&t, "  deny src net 172.16.%u.0/24 and tcp,\n", i);
            break;
        case 1:
            text_addf(&t, "  allow udp && dst port %u,\n", 1000 + i);
            break;
        case 2:
            text_addf(&t, "  allow tcp && dst port %u && dst net 192.168.0.0/16,\n", 1000 + i);
            break;
        default:
            text_addf(&t, "  deny dst host 192.168.9.%u && src port < 1000,\n", i);
            break;
        }
    }
    text_addf(&t, "  allow all)\n -> Queue(2000) -> ToDevice(eth1);");
    return t.s;
}

int main(int argc, char **argv)
{
    bool csv = argc > 1 && strcmp(argv[1], "csv") == 0;
    char *text = firewall();

    host_reset();
    host.real_clock = true;
    host.pool = true;
    devs[0] = host_dev("eth0");
    devs[1] = host_dev("eth1");
    make_flows();
    devs[1]->sent = ring;
    if (csv)
        printf("configuration,Mpps,cycles_per_packet\n");
    if (argc <= 1 + csv) {
        run("forward", forward, csv);
        run("firewall, 50 rules", text, csv);
    }
    for (int i = 1 + csv; i < argc; i++) {
        char *file = read_file(argv[i]);

        run(argv[i], file, csv);
        free(file);
    }
    free(text);
    return 0;
}
