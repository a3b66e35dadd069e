/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An authoritative name server: zone files from the image (or xl's ramdisk=), over UDP and TCP,
 * IPv4 and IPv6.
 *
 *     dns [FILE...]        by default all files *.zone in /
 *
 * One thread and poll(). At its end it says what it did.
 */
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "answer.h"
#include "load.h"
#include "say.h"
#include "stream.h"

#define PORT        53
#define BACKLOG     128
#define STREAMS_MAX 128
#define PATIENCE_S  2  /* then the one that is idle longest has to go, if others wait */
#define IDLE_S      10 /* a stream that brings no whole query for so long is closed: RFC 7766 */
#define SWEEP_MS    1000
#define BURST       256 /* datagrams between two looks at the streams */

enum { TCP, UDP, FIRST_STREAM, FULL = FIRST_STREAM + STREAMS_MAX };

static struct {
    struct zones zones;
    struct answer_counts counts;
    struct pollfd fds[FULL];
    struct stream *streams[FULL]; /* each belongs to the pollfd there */
    nfds_t n;
} server;

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void add_socket(int type)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
        (type == SOCK_STREAM && listen(fd, BACKLOG))) {
        say("dns: there is no memory for a socket at port 53\n");
        exit(EXIT_FAILURE);
    }
    server.fds[server.n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void close_stream(nfds_t i)
{
    close(server.fds[i].fd);
    stream_free(server.streams[i]);
    server.n--;
    server.fds[i] = server.fds[server.n];
    server.streams[i] = server.streams[server.n];
    server.fds[TCP].events = POLLIN;
}

/* Somebody waits. Who has asked and is not answered yet does not go for him, or of many nobody
 * would be served. */
static void make_room(time_t now)
{
    nfds_t oldest = FIRST_STREAM;

    for (nfds_t i = FIRST_STREAM; i < server.n; i++)
        if (server.streams[i]->active_s < server.streams[oldest]->active_s)
            oldest = i;
    if (now - server.streams[oldest]->active_s >= PATIENCE_S)
        close_stream(oldest);
    else
        server.fds[TCP].events = 0; /* until one ends, or the next sweep */
}

static void accept_streams(time_t now)
{
    int fd;

    if (server.n == FULL)
        make_room(now);
    while (server.n < FULL && (fd = accept4(server.fds[TCP].fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct stream *stream = stream_new(fd, now);
        if (!stream) {
            close(fd); /* no memory for one more */
            continue;
        }
        server.streams[server.n] = stream;
        server.fds[server.n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
}

static void close_idle(time_t now)
{
    for (nfds_t i = server.n; i-- > FIRST_STREAM;)
        if (now - server.streams[i]->active_s > IDLE_S)
            close_stream(i);
    server.fds[TCP].events = POLLIN;
}

static void answer_datagrams(int fd)
{
    static uint8_t query[UDP_PLAIN_MAX * 2], reply[UDP_EDNS_MAX];

    for (int i = 0; i < BURST; i++) {
        struct sockaddr_in6 from;
        socklen_t from_len = sizeof(from);
        ssize_t len =
            recvfrom(fd, query, sizeof(query), MSG_TRUNC, (struct sockaddr *)&from, &from_len);
        if (len < 0)
            return;
        if ((size_t)len > sizeof(query)) {
            server.counts.dropped++;
            continue;
        }
        size_t n = answer_query(&server.zones, query, (size_t)len, false, reply, &server.counts);
        if (n)
            sendto(fd, reply, n, 0, (struct sockaddr *)&from, from_len); /* UDP may lose it */
    }
}

static void say_count(const char *what, uint64_t count)
{
    say(what);
    say_number(count);
}

static void say_counts(void)
{
    say_count("dns: answered ", server.counts.answered);
    say_count(", truncated ", server.counts.truncated);
    say_count(", refused ", server.counts.refused);
    say_count(", malformed ", server.counts.malformed);
    say_count(", dropped ", server.counts.dropped);
    say("\n");
}

static void load(int argc, char **argv)
{
    struct load_sums sums = {0};
    int error = argc < 2 ? load_folder(&server.zones, "/", &sums) : 0;

    for (int i = 1; i < argc && !error; i++)
        error = load_file(&server.zones, argv[i], &sums);
    if (error)
        exit(EXIT_FAILURE);
    if (!sums.n_zones) {
        say("dns: there is no file *.zone in /: give one by FILES, or by xl's ramdisk=\n");
        exit(EXIT_FAILURE);
    }
    say_count("dns: serving zones: ", sums.n_zones);
    say_count(", names: ", sums.n_names);
    say_count(", records: ", sums.n_records);
    say("\n");
}

int main(int argc, char **argv)
{
    time_t swept_s = 0;

    add_socket(SOCK_STREAM);
    add_socket(SOCK_DGRAM);
    load(argc, argv);
    atexit(say_counts);
    for (;;) {
        poll(server.fds, server.n, server.n > FIRST_STREAM ? SWEEP_MS : -1);
        time_t now = now_s();
        for (nfds_t i = server.n; i-- > FIRST_STREAM;)
            if (server.fds[i].revents && !stream_work(server.streams[i], &server.zones,
                                                      &server.counts, now, &server.fds[i].events))
                close_stream(i);
        if (server.fds[UDP].revents)
            answer_datagrams(server.fds[UDP].fd);
        if (server.fds[TCP].revents)
            accept_streams(now);
        if (now != swept_s) {
            swept_s = now;
            close_idle(now);
        }
    }
}
