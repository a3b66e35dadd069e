/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-traffic: traffic for one guest, and the CPU time that Xen accounts to it meanwhile.
 *
 *     lab-traffic DOMID N start                          nothing: its CPU time so far
 *     lab-traffic DOMID N ping ADDRESS [BURST]           N pings, BURST (1) of them at a time
 *     lab-traffic DOMID N connect ADDRESS PORT           N TCP connections, one after the other,
 *                                                        each read to its end
 *     lab-traffic DOMID N request ADDRESS PORT           N requests for a page, one after the
 *                                                        other, all by one connection
 *     lab-traffic DOMID N fetch ADDRESS PORT [HELD]      N connections, a request by each; HELD
 *                                                        others are open meanwhile, and silent
 *     lab-traffic DOMID N query ADDRESS PORT             N questions for the name example.org
 *     lab-traffic DOMID N send ADDRESS PORT              N datagrams to the guest
 *     lab-traffic DOMID N ask ADDRESS PORT               N datagrams from the guest, which sends as
 *                                                        many as the one it is sent asks for
 *     lab-traffic DOMID N upload ADDRESS PORT            N bytes by TCP to the guest
 *     lab-traffic DOMID N download ADDRESS PORT          N bytes by TCP from it
 *     lab-traffic DOMID N forward INTERFACE INTERFACE    N frames into one backend interface of the
 *                                                        guest; they come out of the other
 *
 * Datagrams have 18 bytes of payload, which makes frames of 60. Bursts and connections begin when
 * the guest has been idle for a while, so each pays for a wake-up. The first packets make the two
 * know each other and are not counted. Both times are taken when the guest is idle. It prints
 * "cpu-ns N".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <net/ethernet.h>
#include <xenctrl.h>

enum {
    ANSWER_MS = 3000,
    IDLE_STEP_US = 20000, /* between two looks at whether the guest is idle */
    IDLE_STEPS = 5,       /* so many with no CPU time spent: it is */
    IDLE_LOOKS_MAX = 1500,
    WARM_UP = 3,
    PAUSE_US = 20000, /* between bursts */
    SHORT_US = 4000,  /* between fetches: lwIP's tick, 100 ms, looks at each connection */
    BURST = 32,
    PAYLOAD = 18,
    FRAME = 60,
    BLOCK = 65536,
    FILES_MAX = 30000,
};

static xc_interface *xc;
static char block[BLOCK];

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("lab-traffic: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/** Wait until the guest has nothing to do. @return its CPU time in ns. */
static uint64_t idle_cpu_ns(uint32_t domid)
{
    uint64_t last_ns = UINT64_MAX;
    int still = 0;

    for (int look = 0; look < IDLE_LOOKS_MAX; look++) {
        xc_dominfo_t info;

        if (xc_domain_getinfo(xc, domid, 1, &info) != 1 || info.domid != domid || info.shutdown)
            die("there is no domain %" PRIu32 ", or it has ended", domid);
        still = info.cpu_time == last_ns && info.blocked ? still + 1 : 0;
        last_ns = info.cpu_time;
        if (still == IDLE_STEPS)
            return last_ns;
        usleep(IDLE_STEP_US);
    }
    die("the guest does not become idle");
}

static void await_input(int fd, const char *what)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (poll(&wait, 1, ANSWER_MS) != 1)
        die("%s: nothing came for %d ms", what, ANSWER_MS);
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (!inet_aton(text, &address.sin_addr))
        die("%s is no IPv4 address", text);
    address.sin_port = htons((uint16_t)(port ? atoi(port) : 0));
    return address;
}

static int connected_socket(int type, int protocol, const char *host, const char *port)
{
    struct sockaddr_in address = address_of(host, port);
    const struct timeval patience = {.tv_sec = ANSWER_MS / 1000};
    int fd = socket(AF_INET, type, protocol);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)))
        die("%s: %s", host, strerror(errno));
    return fd;
}

static uint16_t checksum(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~(sum + (sum >> 16)));
}

static void ping(uint64_t n, char **words)
{
    unsigned burst = words[1] ? (unsigned)atoi(words[1]) : 1;
    int fd = connected_socket(SOCK_RAW, IPPROTO_ICMP, words[0], NULL);

    for (uint64_t sent = 0; sent < n;) {
        unsigned pending = 0;

        for (; pending < burst && sent < n; pending++, sent++) {
            uint8_t packet[64] = {[0] = ICMP_ECHO};
            struct icmphdr *icmp = (struct icmphdr *)packet;

            icmp->un.echo.sequence = htons((uint16_t)sent);
            icmp->checksum = checksum(packet, sizeof(packet));
            if (send(fd, packet, sizeof(packet), 0) < 0)
                die("send: %s", strerror(errno));
        }
        while (pending) {
            uint8_t packet[128];

            await_input(fd, "ping");
            if (recv(fd, packet, sizeof(packet), 0) > 20 && packet[20] == ICMP_ECHOREPLY)
                pending--;
        }
        usleep(PAUSE_US);
    }
    close(fd);
}

static void connections(uint64_t n, char **words)
{
    while (n--) {
        int fd = connected_socket(SOCK_STREAM, 0, words[0], words[1]);
        ssize_t got;
        size_t bytes = 0;

        while ((got = read(fd, block, sizeof(block))) > 0)
            bytes += (size_t)got;
        if (got < 0 || bytes == 0)
            die("connection: %s", got < 0 ? strerror(errno) : "it was closed without a word");
        close(fd);
        usleep(PAUSE_US);
    }
}

/* Ask for a page, and take all of it. */
static void get_page(int fd, const char *connection)
{
    size_t n = 0, len = 0;
    const char *body = NULL, *said;

    n = (size_t)snprintf(block, sizeof(block),
                         "GET / HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n", connection);
    if (write(fd, block, n) != (ssize_t)n)
        die("request: %s", strerror(errno));
    for (n = 0; !body || n < (size_t)(body - block) + len;) {
        ssize_t got = read(fd, block + n, sizeof(block) - 1 - n);
        if (got <= 0)
            die("request: %s", got < 0 ? strerror(errno) : "the answer is not whole");
        n += (size_t)got;
        block[n] = '\0';
        if (body || !(body = strstr(block, "\r\n\r\n")))
            continue;
        body += 4;
        said = strstr(block, "Content-Length: ");
        if (!said || strncmp(block, "HTTP/1.1 200", 12) != 0)
            die("request: there is no such page");
        len = strtoul(said + 16, NULL, 10);
    }
}

static void requests(uint64_t n, char **words)
{
    int fd = connected_socket(SOCK_STREAM, 0, words[0], words[1]);

    while (n--) {
        get_page(fd, "keep-alive");
        usleep(PAUSE_US);
    }
    close(fd);
}

static void fetches(uint64_t n, char **words)
{
    static bool are_held;

    for (int i = are_held || !words[2] ? 0 : atoi(words[2]); i > 0; i--)
        get_page(connected_socket(SOCK_STREAM, 0, words[0], words[1]), "keep-alive");
    are_held = true;
    while (n--) {
        int fd = connected_socket(SOCK_STREAM, 0, words[0], words[1]);
        get_page(fd, "close");
        close(fd);
        usleep(SHORT_US);
    }
}

static void queries(uint64_t n, char **words)
{
    static const char question[] = "\0\1\0\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1";
    int fd = connected_socket(SOCK_DGRAM, 0, words[0], words[1]);

    while (n--) {
        if (send(fd, question, sizeof(question) - 1, 0) < 0)
            die("send: %s", strerror(errno));
        await_input(fd, "query");
        if (recv(fd, block, sizeof(block), 0) < (ssize_t)sizeof(question) || block[3] & 15)
            die("query: there is no such name");
        usleep(PAUSE_US);
    }
    close(fd);
}

/* Nobody answers: a burst, then a pause in which the guest takes it. */
static void datagrams_to(uint64_t n, char **words)
{
    int fd = connected_socket(SOCK_DGRAM, 0, words[0], words[1]);

    while (n) {
        for (unsigned i = 0; i < BURST && n; i++, n--)
            if (send(fd, block, PAYLOAD, 0) < 0)
                die("send: %s", strerror(errno));
        usleep(PAUSE_US);
    }
    close(fd);
}

static void datagrams_from(uint64_t n, char **words)
{
    int fd = connected_socket(SOCK_DGRAM, 0, words[0], words[1]);

    while (n) {
        uint32_t want = n < BURST ? (uint32_t)n : BURST;

        if (send(fd, &want, sizeof(want), 0) < 0)
            die("send: %s", strerror(errno));
        for (; want; want--, n--) {
            await_input(fd, "datagram");
            if (recv(fd, block, sizeof(block), 0) != PAYLOAD)
                die("a datagram of another size");
        }
        usleep(PAUSE_US);
    }
    close(fd);
}

static void upload(uint64_t n, char **words)
{
    int fd = connected_socket(SOCK_STREAM, 0, words[0], words[1]);

    while (n) {
        ssize_t sent = write(fd, block, n < BLOCK ? n : BLOCK);
        if (sent < 0)
            die("upload: %s", strerror(errno));
        n -= (uint64_t)sent;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, block, sizeof(block)) != 0) /* it closes when it has all */
        die("upload: the guest did not close");
    close(fd);
}

/* The guest is asked for so many bytes by a word of eight at the start. */
static void download(uint64_t n, char **words)
{
    int fd = connected_socket(SOCK_STREAM, 0, words[0], words[1]);
    ssize_t got;

    if (write(fd, &n, sizeof(n)) != sizeof(n))
        die("download: %s", strerror(errno));
    while ((got = read(fd, block, sizeof(block))) > 0)
        n -= (uint64_t)got;
    if (got < 0 || n)
        die("download: %" PRIu64 " bytes did not come", n);
    close(fd);
}

static int frame_socket(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

    address.sll_ifindex = (int)if_nametoindex(interface);
    if (!address.sll_ifindex || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
        die("%s: %s", interface, strerror(errno));
    return fd;
}

static void make_frame(uint8_t *frame)
{
    static const uint8_t addresses[12] = {0, 0x16, 0x3e, 1, 2, 3, 0, 0x16, 0x3e, 4, 5, 6};
    uint8_t *ip = frame + ETH_HLEN, *udp = ip + 20;

    memset(frame, 0, FRAME);
    memcpy(frame, addresses, sizeof(addresses));
    frame[12] = 8;
    memcpy(ip, (uint8_t[]){0x45, 0, 0, FRAME - ETH_HLEN, 0, 0, 0, 0, 64, IPPROTO_UDP}, 10);
    memcpy(ip + 12, (uint8_t[]){192, 0, 2, 1, 198, 51, 100, 1}, 8);
    uint16_t sum = checksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof(sum));
    memcpy(udp, (uint8_t[]){0x30, 0x39, 0x30, 0x3a, 0, 8 + PAYLOAD}, 6);
}

static void forward(uint64_t n, char **words)
{
    int in = frame_socket(words[0]), out = frame_socket(words[1]);
    uint8_t frame[FRAME], got[2048];

    make_frame(frame);
    while (n) {
        unsigned pending = n < BURST ? (unsigned)n : BURST;

        n -= pending;
        for (unsigned i = 0; i < pending; i++)
            if (send(in, frame, sizeof(frame), 0) < 0)
                die("send: %s", strerror(errno));
        while (pending) {
            await_input(out, "forward");
            if (recv(out, got, sizeof(got), 0) >= FRAME && memcmp(got, frame, FRAME) == 0)
                pending--;
        }
        usleep(PAUSE_US);
    }
    close(in);
    close(out);
}

static void start(uint64_t n, char **words)
{
    (void)n, (void)words;
}

static const struct kind {
    const char *name;
    int words; /* it needs */
    void (*run)(uint64_t n, char **words);
} kinds[] = {
    {"start", 0, start},       {"ping", 1, ping},          {"connect", 2, connections},
    {"request", 2, requests},  {"fetch", 2, fetches},      {"query", 2, queries},
    {"send", 2, datagrams_to}, {"ask", 2, datagrams_from}, {"upload", 2, upload},
    {"download", 2, download}, {"forward", 2, forward},
};

int main(int argc, char **argv)
{
    const struct kind *kind = NULL;
    const struct rlimit files = {FILES_MAX, FILES_MAX};
    char *words[4] = {NULL};

    for (size_t i = 0; argc >= 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(argv[3], kinds[i].name) == 0)
            kind = &kinds[i];
    if (!kind || argc < 4 + kind->words || argc > 7) {
        fputs("usage: lab-traffic DOMID N KIND WORD...; its source says which kinds there are\n",
              stderr);
        return 2;
    }
    memcpy(words, argv + 4, (size_t)(argc - 4) * sizeof(*argv));
    if (setrlimit(RLIMIT_NOFILE, &files))
        die("more files can't be open: %s", strerror(errno));
    xc = xc_interface_open(NULL, NULL, 0);
    if (!xc)
        die("Xen can't be asked: %s; is this dom0, as root?", strerror(errno));

    uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
    idle_cpu_ns(domid);
    kind->run(WARM_UP, words);
    uint64_t before_ns = kind->run == start ? 0 : idle_cpu_ns(domid);
    kind->run(strtoull(argv[2], NULL, 10), words);
    printf("cpu-ns %" PRIu64 "\n", idle_cpu_ns(domid) - before_ns);
    return 0;
}
