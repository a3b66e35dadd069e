/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-timed: how long a command takes that makes a guest, and when the guest's first packet comes.
 *
 *     lab-timed [--packet SECONDS] COMMAND...
 *
 * Goes to stdout, behind what the command says: "command-ns N", and with --packet "packet-ns N":
 * both since the command's start. The packet is the first from a network backend that is new since
 * then; it fails when none comes in time. The exit code is the command's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 125, NS_PER_MS = 1000000 };

struct watch {
    int packets;     /* a socket that hears all interfaces, or -1 */
    unsigned newest; /* interface, before the command: numbers only grow */
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("lab-timed: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(FAILED);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void watch_open(struct watch *watch)
{
    struct if_nameindex *names = if_nameindex();

    if (!names)
        die("the interfaces can't be listed: %s", strerror(errno));
    for (const struct if_nameindex *at = names; at->if_index; at++)
        if (at->if_index > watch->newest)
            watch->newest = at->if_index;
    if_freenameindex(names);
    watch->packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    if (watch->packets < 0)
        die("no socket for packets: %s", strerror(errno));
}

/* @return whether one has come from a new guest. */
static bool watch_take(const struct watch *watch)
{
    struct sockaddr_ll from = {0};
    socklen_t len = sizeof(from);
    char name[IF_NAMESIZE], byte;

    while (recvfrom(watch->packets, &byte, 1, 0, (struct sockaddr *)&from, &len) >= 0) {
        if (from.sll_pkttype != PACKET_OUTGOING && (unsigned)from.sll_ifindex > watch->newest &&
            if_indextoname((unsigned)from.sll_ifindex, name) && strncmp(name, "vif", 3) == 0)
            return true;
        len = sizeof(from);
    }
    return false;
}

static int children_ended(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd: %s", strerror(errno));
    return fd;
}

static pid_t start(char **argv)
{
    pid_t child = fork();

    if (child < 0)
        die("fork: %s", strerror(errno));
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(argv[0], argv);
        die("%s can't be run: %s", argv[0], strerror(errno));
    }
    return child;
}

int main(int argc, char **argv)
{
    struct watch watch = {.packets = -1};
    int64_t patience_ns = INT64_MAX, command_ns = 0, packet_ns = 0;
    int at = 1, status = 0;

    if (argc > 2 && strcmp(argv[1], "--packet") == 0) {
        patience_ns = atoi(argv[2]) * 1000000000LL;
        at = 3;
        watch_open(&watch);
    }
    if (at >= argc || patience_ns <= 0) {
        fputs("usage: lab-timed [--packet SECONDS] COMMAND...\n", stderr);
        return FAILED;
    }
    struct pollfd fds[] = {{.fd = children_ended(), .events = POLLIN},
                           {.fd = watch.packets, .events = POLLIN}};
    int64_t start_ns = now_ns();
    pid_t child = start(argv + at);

    while (!command_ns || (watch.packets >= 0 && !packet_ns)) {
        int64_t left_ns = patience_ns == INT64_MAX ? -NS_PER_MS : start_ns + patience_ns - now_ns();
        if (command_ns && left_ns <= 0)
            die("no packet has come from a new guest");
        fds[1].fd = packet_ns ? -1 : watch.packets;
        if (poll(fds, 2, command_ns ? (int)(left_ns / NS_PER_MS) + 1 : -1) < 0)
            die("poll: %s", strerror(errno));
        if (fds[1].revents && watch_take(&watch))
            packet_ns = now_ns() - start_ns;
        if (fds[0].revents && !command_ns) {
            command_ns = now_ns() - start_ns;
            fds[0].fd = -1;
            waitpid(child, &status, 0);
            if (!WIFEXITED(status) || WEXITSTATUS(status))
                break;
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("command-ns %" PRId64 "\n", command_ns);
        if (packet_ns)
            printf("packet-ns %" PRId64 "\n", packet_ns);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}
