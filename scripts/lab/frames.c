/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-frames: frames through a guest and back, and what they cost it. It works on the guest's vifs
 * themselves, so that no bridge and no second guest takes part, and with rings that the kernel
 * shares (packet_mmap): a system call for each frame would cost more than all that netback does,
 * and be a chance for the scheduler to let netback's thread run for that one frame.
 *
 *     lab-frames run [OPTION VALUE]... DOMID OUT.pcap
 *         Send the frames of OUT.pcap round and round into one interface of the guest, count what
 *         comes out of another, and report.
 *         --from N --to N    the interfaces' numbers (0 and 1; they may be the same)
 *         --before IN.pcap   frames that are first sent into the interface --to, once
 *         --type HEX         the EtherType of what is counted (0800)
 *         --count N          frames to send (1000), after as many as --warm (100)
 *         --window N         at most so many on their way at once (64)
 *     lab-frames first [OPTION VALUE]... DOMID OUT.pcap
 *         Unpause the guest, and send one frame each millisecond until the first comes out.
 *
 * ARP requests that come out are answered with an address of this tool, 02:00:00:00:00:99; they are
 * never counted. The report is lines "KEY VALUE": sent N, received N, bytes N (received), ns N
 * (from the first sent to the last received), cpu-ns N (of the guest, meanwhile; for `first`: since
 * it was made). What did not come within LOST_MS is given up, and is missing in `received`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

enum {
    FRAME_MAX = 2048,
    FRAMES_MAX = 4096,
    SLOTS = 4096,   /* of each ring */
    RX_BYTES = 128, /* of a slot: what stands in front of a frame, and its first ARP_BYTES */
    TX_BYTES = 4096,
    BLOCK_BYTES = 65536,
    TX_DATA = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), /* where in a slot it begins */
    LOST_MS = 2000,
    FIRST_STEP_MS = 1,
    FIRST_TIMEOUT_MS = 120 * 1000,
    SOCKET_BYTES = 16 << 20,
    ARP_BYTES = 42,
};

#define PCAP_MAGIC 0xa1b2c3d4u

static const uint8_t own_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

struct frames {
    uint8_t *bytes[FRAMES_MAX];
    size_t len[FRAMES_MAX];
    size_t n;
};

/** A packet socket and its rings. */
struct vif {
    int fd;
    uint8_t *rx, *tx;
    unsigned rx_next, tx_next; /* slots */
};

static struct {
    xc_interface *xc;
    uint32_t domid;
    struct vif vifs[2], *from, *to; /* the same one when the interfaces are the same */
    uint16_t type;
    struct frames out;
    size_t next; /* of `out` */
    uint64_t sent, received, bytes, last_ns;
} state;

static struct {
    unsigned long from, to, type, count, warm, window;
    const char *before;
} options = {.to = 1, .type = ETHERTYPE_IP, .count = 1000, .warm = 100, .window = 64};

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
    fprintf(stderr, "lab-frames: %s: %s\n", what, why);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(state.xc, state.domid, 1, &info) != 1 || info.domid != state.domid)
        die("the guest", "it is gone");
    if (info.shutdown)
        die("the guest", "it has ended");
    return info.cpu_time;
}

/* Frames from a pcap file of this machine's byte order. */
static void read_frames(const char *name, struct frames *frames)
{
    FILE *file = fopen(name, "rb");
    uint32_t header[6], record[4];

    if (!file)
        die(name, strerror(errno));
    if (fread(header, sizeof(header), 1, file) != 1 || header[0] != PCAP_MAGIC)
        die(name, "it is no pcap file of this machine");
    while (fread(record, sizeof(record), 1, file) == 1) {
        size_t len = record[2];
        if (frames->n == FRAMES_MAX || len < sizeof(struct ether_header) || len > FRAME_MAX)
            die(name, "more than 4096 frames, or one that is not 14 to 2048 bytes long");
        uint8_t *bytes = malloc(len);
        if (!bytes || fread(bytes, len, 1, file) != 1)
            die(name, "it ends within a frame");
        frames->bytes[frames->n] = bytes;
        frames->len[frames->n++] = len;
    }
    fclose(file);
    if (!frames->n)
        die(name, "it has no frames");
}

/* @return a slot's header; its status tells whose it is. */
static volatile struct tpacket2_hdr *rx_slot(const struct vif *vif, unsigned n)
{
    return (volatile struct tpacket2_hdr *)(vif->rx + (size_t)n * RX_BYTES);
}

static volatile struct tpacket2_hdr *tx_slot(const struct vif *vif, unsigned n)
{
    return (volatile struct tpacket2_hdr *)(vif->tx + (size_t)n * TX_BYTES);
}

static struct tpacket_req ring(unsigned slot_bytes)
{
    return (struct tpacket_req){.tp_block_size = BLOCK_BYTES,
                                .tp_block_nr = SLOTS * slot_bytes / BLOCK_BYTES,
                                .tp_frame_size = slot_bytes,
                                .tp_frame_nr = SLOTS};
}

static void open_rings(struct vif *vif, const char *name)
{
    struct tpacket_req rx = ring(RX_BYTES), tx = ring(TX_BYTES);
    int version = TPACKET_V2;

    if (setsockopt(vif->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
        setsockopt(vif->fd, SOL_PACKET, PACKET_RX_RING, &rx, sizeof(rx)) ||
        setsockopt(vif->fd, SOL_PACKET, PACKET_TX_RING, &tx, sizeof(tx)))
        die(name, strerror(errno));
    vif->rx = mmap(NULL, (size_t)SLOTS * (RX_BYTES + TX_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED,
                   vif->fd, 0);
    if (vif->rx == MAP_FAILED)
        die(name, strerror(errno));
    vif->tx = vif->rx + (size_t)SLOTS * RX_BYTES;
}

static void open_vif(struct vif *vif, unsigned number)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    char name[IFNAMSIZ];
    int one = 1, size = SOCKET_BYTES;

    vif->fd = socket(AF_PACKET, SOCK_RAW, 0);
    snprintf(name, sizeof(name), "vif%u.%u", state.domid, number);
    if (vif->fd < 0)
        die("packet socket", strerror(errno));
    address.sll_ifindex = (int)if_nametoindex(name);
    if (!address.sll_ifindex)
        die(name, strerror(errno));
    setsockopt(vif->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    /* A header in front of each frame tells how much of it is one piece: all, as from the stack. */
    if (setsockopt(vif->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
        setsockopt(vif->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
        setsockopt(vif->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
        die(name, strerror(errno));
    open_rings(vif, name);
    if (bind(vif->fd, (struct sockaddr *)&address, sizeof(address)))
        die(name, strerror(errno));
}

/* An interface that is not up yet, or whose queue is full, loses a frame as a wire would. */
static bool is_loss(int error)
{
    return error == ENOBUFS || error == ENETDOWN || error == EAGAIN;
}

/* @return false when the ring is full of what the interface has not sent yet. */
static bool put(struct vif *vif, const uint8_t *frame, size_t len)
{
    volatile struct tpacket2_hdr *slot = tx_slot(vif, vif->tx_next);
    struct virtio_net_hdr header = {.hdr_len = (uint16_t)len};
    uint8_t *data = (uint8_t *)slot + TX_DATA;

    if (slot->tp_status != TP_STATUS_AVAILABLE)
        return false;
    memcpy(data, &header, sizeof(header));
    memcpy(data + sizeof(header), frame, len);
    slot->tp_len = (uint32_t)(sizeof(header) + len);
    __sync_synchronize();
    slot->tp_status = TP_STATUS_SEND_REQUEST;
    vif->tx_next = (vif->tx_next + 1) % SLOTS;
    return true;
}

/* Send what was put. What the interface does not take is lost, and its slots are taken back. */
static void push(struct vif *vif)
{
    if (send(vif->fd, NULL, 0, MSG_DONTWAIT) >= 0)
        return;
    if (!is_loss(errno))
        die("sending", strerror(errno));
    for (unsigned last = (vif->tx_next + SLOTS - 1) % SLOTS;
         tx_slot(vif, last)->tp_status == TP_STATUS_SEND_REQUEST;
         last = (last + SLOTS - 1) % SLOTS) {
        tx_slot(vif, last)->tp_status = TP_STATUS_AVAILABLE;
        vif->tx_next = last;
    }
}

/* Send `want` frames, from where the last call ended. */
static void send_burst(uint64_t want)
{
    for (; want && put(state.from, state.out.bytes[state.next], state.out.len[state.next]);
         want--) {
        state.next = (state.next + 1) % state.out.n;
        state.sent++;
    }
    push(state.from);
}

/* RFC 826: the request becomes the answer. */
static void answer_arp(struct vif *vif, uint8_t *frame)
{
    uint8_t asked[4];

    memcpy(asked, frame + 38, 4);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, own_mac, 6);
    frame[21] = 2;
    memcpy(frame + 32, frame + 22, 10); /* the sender's addresses become the target's */
    memcpy(frame + 22, own_mac, 6);
    memcpy(frame + 28, asked, 4);
    if (put(vif, frame, ARP_BYTES))
        push(vif);
}

/* One frame has come; its first bytes are at `frame`. Only those of `to` count. */
static void take_frame(struct vif *vif, uint8_t *frame, size_t len)
{
    uint16_t type;

    memcpy(&type, frame + 12, sizeof(type));
    type = ntohs(type);
    if (type == ETHERTYPE_ARP && len >= ARP_BYTES && frame[21] == 1) {
        answer_arp(vif, frame);
    } else if (vif == state.to && type == state.type) {
        state.received++;
        state.bytes += len;
    }
}

static void take(struct vif *vif)
{
    uint64_t before = state.received;
    volatile struct tpacket2_hdr *slot;

    while ((slot = rx_slot(vif, vif->rx_next))->tp_status & TP_STATUS_USER) {
        __sync_synchronize();
        take_frame(vif, (uint8_t *)slot + slot->tp_mac, slot->tp_len);
        __sync_synchronize();
        slot->tp_status = TP_STATUS_KERNEL;
        vif->rx_next = (vif->rx_next + 1) % SLOTS;
    }
    if (state.received != before)
        state.last_ns = now_ns();
}

/* Wait for what comes, and take it. */
static void wait_ms(int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = state.to->fd, .events = POLLIN},
                            {.fd = state.from->fd, .events = POLLIN}};

    poll(fds, state.from == state.to ? 1 : 2, timeout_ms);
    take(state.to);
    take(state.from);
}

/* Wait for a frame that counts, whatever else a guest sends now and then. Xen's scheduler lets a
 * capped guest run for up to 30 ms, then parks it until its cap has paid for them: 1.5 s at 2 %.
 * @return false when none has come within LOST_MS. */
static bool wait_counted(void)
{
    uint64_t before = state.received, end_ns = now_ns() + LOST_MS * 1000000ull, now;

    while (state.received == before) {
        now = now_ns();
        if (now >= end_ns)
            return false;
        wait_ms((int)((end_ns - now) / 1000000) + 1);
    }
    return true;
}

/* Take what is still on its way from before. */
static void settle(void)
{
    uint64_t end_ns = now_ns() + LOST_MS * 1000000ull, now;

    while ((now = now_ns()) < end_ns)
        wait_ms((int)((end_ns - now) / 1000000) + 1);
}

/* Send `count` frames, at most `window` at once, and wait for what becomes of them. */
static void pass(uint64_t count, uint64_t window)
{
    uint64_t lost = 0;

    state.sent = state.received = state.bytes = 0;
    while (state.received + lost < count) {
        uint64_t under_way = state.sent - state.received - lost, left = count - state.sent;
        uint64_t want = window - under_way < left ? window - under_way : left;
        /* Half a window at once: the guest is woken for many, as by a busy wire. */
        if (want && under_way <= window / 2)
            send_burst(want);
        if (!wait_counted())
            lost = state.sent - state.received;
    }
}

static void report(uint64_t started_ns, uint64_t cpu_ns_before)
{
    printf("sent %llu\nreceived %llu\nbytes %llu\nns %llu\ncpu-ns %llu\n",
           (unsigned long long)state.sent, (unsigned long long)state.received,
           (unsigned long long)state.bytes, (unsigned long long)(state.last_ns - started_ns),
           (unsigned long long)(cpu_ns() - cpu_ns_before));
}

/* A burst is sent as a network card's interrupt would: netback's thread, which its first frame
 * wakes up, does not get the CPU before the last one. Whether it does was a matter of chance, and
 * worth up to half of all packets/s. */
static void precede(void)
{
    const struct sched_param lowest = {.sched_priority = 1};

    if (sched_setscheduler(0, SCHED_FIFO, &lowest))
        die("real-time scheduling", strerror(errno));
}

static void run(void)
{
    precede();
    settle();
    if (options.warm)
        pass(options.warm, options.window);
    settle();
    uint64_t cpu_ns_before = cpu_ns(), started_ns = now_ns();
    pass(options.count, options.window);
    report(started_ns, cpu_ns_before);
}

static void run_first(void)
{
    uint64_t started_ns = now_ns();

    if (xc_domain_unpause(state.xc, state.domid))
        die("unpause", strerror(errno));
    while (!state.received) {
        if (now_ns() - started_ns > FIRST_TIMEOUT_MS * 1000000ull)
            die("the guest", "nothing came out of it in two minutes");
        send_burst(1);
        wait_ms(FIRST_STEP_MS);
    }
    report(started_ns, 0);
}

static unsigned long number_of(const char *text, int base)
{
    char *end;
    unsigned long value = strtoul(text, &end, base);

    if (end == text || *end)
        die(text, "it is no number");
    return value;
}

/* @return the index of the first word that is no option. */
static int take_options(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned long *value;
        int base;
    } numbers[] = {
        {"--from", &options.from, 10}, {"--to", &options.to, 10},
        {"--type", &options.type, 16}, {"--count", &options.count, 10},
        {"--warm", &options.warm, 10}, {"--window", &options.window, 10},
        {"--before", NULL, 0},
    };
    int at = 2;

    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        size_t i = 0;
        while (i < sizeof(numbers) / sizeof(numbers[0]) && strcmp(argv[at], numbers[i].name) != 0)
            i++;
        if (i == sizeof(numbers) / sizeof(numbers[0]))
            die(argv[at], "there is no such option");
        if (numbers[i].value)
            *numbers[i].value = number_of(argv[at + 1], numbers[i].base);
        else
            options.before = argv[at + 1];
    }
    return at;
}

int main(int argc, char **argv)
{
    struct frames before = {.n = 0};
    int at = take_options(argc, argv);
    bool first = argc > 1 && strcmp(argv[1], "first") == 0;

    if (at + 2 != argc || (!first && strcmp(argv[1], "run") != 0)) {
        fputs("usage: lab-frames run|first [OPTION VALUE]... DOMID FRAMES.pcap\n", stderr);
        return 2;
    }
    state.domid = (uint32_t)number_of(argv[at], 10);
    state.type = (uint16_t)options.type;
    read_frames(argv[at + 1], &state.out);
    if (options.before)
        read_frames(options.before, &before);
    state.xc = xc_interface_open(NULL, NULL, 0);
    if (!state.xc)
        die("Xen can't be asked", strerror(errno));
    state.from = &state.vifs[0];
    state.to = options.from == options.to ? state.from : &state.vifs[1];
    open_vif(state.from, (unsigned)options.from);
    if (state.to != state.from)
        open_vif(state.to, (unsigned)options.to);
    for (size_t i = 0; i < before.n; i++)
        if (put(state.to, before.bytes[i], before.len[i]))
            push(state.to);
    if (first)
        run_first();
    else
        run();
    return 0;
}
