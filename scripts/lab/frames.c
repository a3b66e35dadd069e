/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-frames: frames through a guest and back, and what they cost it. It works on the guest's vifs
 * themselves, so that no bridge and no second guest takes part.
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
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

enum {
    FRAME_MAX = 2048,
    FRAMES_MAX = 4096,
    BURST = 64,
    LOST_MS = 2000,
    FIRST_STEP_MS = 1,
    FIRST_TIMEOUT_MS = 120 * 1000,
    SOCKET_BYTES = 4 << 20,
    ARP_BYTES = 42,
};

#define PCAP_MAGIC 0xa1b2c3d4u

static const uint8_t own_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

struct frames {
    uint8_t *bytes[FRAMES_MAX];
    size_t len[FRAMES_MAX];
    size_t n;
};

static struct {
    xc_interface *xc;
    uint32_t domid;
    int from, to; /* packet sockets; the same one when the interfaces are the same */
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

static int open_vif(unsigned number)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    char name[IFNAMSIZ];
    int one = 1, size = SOCKET_BYTES, fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

    snprintf(name, sizeof(name), "vif%u.%u", state.domid, number);
    if (fd < 0)
        die("packet socket", strerror(errno));
    address.sll_ifindex = (int)if_nametoindex(name);
    if (!address.sll_ifindex)
        die(name, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)))
        die(name, strerror(errno));
    return fd;
}

/* An interface that is not up yet, or whose queue is full, loses a frame as a wire would. */
static bool is_loss(int error)
{
    return error == ENOBUFS || error == ENETDOWN || error == EAGAIN;
}

/* Send up to `want` frames, from where the last call ended. @return how many the interface took. */
static unsigned send_burst(uint64_t want)
{
    struct mmsghdr messages[BURST];
    struct iovec parts[BURST];
    size_t next = state.next;

    if (want > BURST)
        want = BURST;
    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < want; i++, next = (next + 1) % state.out.n) {
        parts[i] = (struct iovec){state.out.bytes[next], state.out.len[next]};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int n = sendmmsg(state.from, messages, (unsigned)want, 0);
    if (n < 0 && !is_loss(errno))
        die("sending", strerror(errno));
    n = n < 0 ? 1 : n;
    state.next = (state.next + (size_t)n) % state.out.n;
    state.sent += (uint64_t)n;
    return (unsigned)n;
}

/* RFC 826: the request becomes the answer. */
static void answer_arp(int fd, uint8_t *frame)
{
    uint8_t asked[4];

    memcpy(asked, frame + 38, 4);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, own_mac, 6);
    frame[21] = 2;
    memcpy(frame + 32, frame + 22, 10); /* the sender's addresses become the target's */
    memcpy(frame + 22, own_mac, 6);
    memcpy(frame + 28, asked, 4);
    if (send(fd, frame, ARP_BYTES, 0) < 0 && !is_loss(errno))
        die("answering ARP", strerror(errno));
}

/* One frame has come on a socket; its first bytes are at `frame`. Only those of `to` count. */
static void take_frame(int fd, uint8_t *frame, size_t len)
{
    uint16_t type;

    memcpy(&type, frame + 12, sizeof(type));
    type = ntohs(type);
    if (type == ETHERTYPE_ARP && len >= ARP_BYTES && frame[21] == 1) {
        answer_arp(fd, frame);
    } else if (fd == state.to && type == state.type) {
        state.received++;
        state.bytes += len;
    }
}

static void take(int fd)
{
    static uint8_t frames[BURST][ARP_BYTES];
    uint64_t before = state.received;
    struct mmsghdr messages[BURST];
    struct iovec parts[BURST];
    int n;

    do {
        memset(messages, 0, sizeof(messages));
        for (unsigned i = 0; i < BURST; i++) {
            parts[i] = (struct iovec){frames[i], ARP_BYTES};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        n = recvmmsg(fd, messages, BURST, MSG_TRUNC, NULL);
        for (int i = 0; i < n; i++)
            take_frame(fd, frames[i], messages[i].msg_len);
    } while (n == BURST);
    if (n < 0 && !is_loss(errno))
        die("receiving", strerror(errno));
    if (state.received != before)
        state.last_ns = now_ns();
}

/* Wait for what comes, and take it. */
static void wait_ms(int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = state.to, .events = POLLIN},
                            {.fd = state.from, .events = POLLIN}};
    unsigned n_fds = state.from == state.to ? 1 : 2;

    poll(fds, n_fds, timeout_ms);
    for (unsigned i = 0; i < n_fds; i++)
        if (fds[i].revents)
            take(fds[i].fd);
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
        if (under_way <= window / 2)
            while (want)
                want -= send_burst(want);
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

static void run(void)
{
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
    state.from = open_vif((unsigned)options.from);
    state.to = options.from == options.to ? state.from : open_vif((unsigned)options.to);
    for (size_t i = 0; i < before.n; i++)
        if (send(state.to, before.bytes[i], before.len[i], 0) < 0 && !is_loss(errno))
            die("sending", strerror(errno));
    if (first)
        run_first();
    else
        run();
    return 0;
}
