/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A web server for the image's files (or those of xl's ramdisk=): HTTP/1.1 with keep-alive,
 * pipelining, HEAD, ranges and ETags. One thread and poll(); a page is sent from where it is in
 * memory.
 *
 *     httpd [PORT]
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "connection.h"

#define PORT         80
#define BACKLOG      255
#define SWEEP_MS     1000
#define ACCEPT_BURST 64
#define COST         6144 /* bytes of a connection's, besides its struct: what TCP keeps for it */
#define SHARE        2    /* connections may take this part of the memory */
#define PAGES_LOW    64   /* free ones, below which no connection is added for nothing */
#define TELL_S       10   /* between two lines about what was dropped */

static struct pollfd *fds; /* [0] listens; the others belong to connections[i] */
static struct connection **connections;
static nfds_t n, room;
static nfds_t most; /* connections that there is memory for */
static unsigned long n_dropped;
static time_t told_s;

static int make_room(void)
{
    nfds_t bigger = room ? room * 2 : 16;
    struct pollfd *more_fds = realloc(fds, bigger * sizeof(*fds));

    if (!more_fds)
        return -1;
    fds = more_fds;
    struct connection **more = realloc(connections, bigger * sizeof(struct connection *));
    if (!more)
        return -1;
    connections = more;
    room = bigger;
    return 0;
}

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void close_at(nfds_t i)
{
    close(fds[i].fd);
    connection_free(connections[i]);
    n--;
    fds[i] = fds[n];
    connections[i] = connections[n];
}

/* The one whose time is over first makes room: it has done least with it. */
static void drop_one(void)
{
    nfds_t first = 1;

    for (nfds_t i = 2; i < n; i++)
        if (connections[i]->deadline_s < connections[first]->deadline_s)
            first = i;
    if (first < n)
        close_at(first);
    n_dropped++;
}

static void tell(time_t now)
{
    static unsigned long told;

    if (n_dropped == told || now - told_s < TELL_S)
        return;
    told = n_dropped;
    told_s = now;
    printf("httpd: %lu connections dropped so far, to make room for others\n", n_dropped);
}

static bool is_full(void)
{
    return n > most || (n > 1 && sysconf(_SC_AVPHYS_PAGES) < PAGES_LOW);
}

/* @return 0 when there was none. */
static int accept_one(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

    if (fd < 0)
        return 0;
    if (is_full())
        drop_one();
    struct connection *connection =
        n < room || make_room() == 0 ? connection_new(fd, now_s()) : NULL;
    if (!connection) {
        close(fd); /* no memory for one more */
        n_dropped++;
        return 1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
    connections[n++] = connection;
    return 1;
}

static void close_late(void)
{
    time_t now = now_s();

    for (nfds_t i = n; i-- > 1;)
        if (now > connections[i]->deadline_s)
            close_at(i);
}

static int listen_on(in_port_t port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, BACKLOG)) {
        perror("httpd");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static in_port_t port_of(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (end == text || *end || port < 1 || port > 65535) {
        fprintf(stderr, "httpd: \"%s\" is no port\n", text);
        exit(EXIT_FAILURE);
    }
    return (in_port_t)port;
}

int main(int argc, char **argv)
{
    in_port_t port = argc > 1 ? port_of(argv[1]) : PORT;
    time_t swept_s = 0;

    most = (nfds_t)sysconf(_SC_AVPHYS_PAGES) * (nfds_t)sysconf(_SC_PAGESIZE) / SHARE /
           (sizeof(struct connection) + COST);
    if (make_room()) {
        perror("httpd");
        return EXIT_FAILURE;
    }
    fds[n++] = (struct pollfd){.fd = listen_on(port), .events = POLLIN};
    printf("httpd: serving on port %d\n", port);
    for (;;) {
        poll(fds, n, n > 1 ? SWEEP_MS : -1);
        time_t now = now_s();
        for (nfds_t i = n; i-- > 1;)
            if (fds[i].revents && !connection_work(connections[i], now, &fds[i].events))
                close_at(i);
        for (int i = 0; fds[0].revents && i < ACCEPT_BURST; i++)
            if (!accept_one(fds[0].fd))
                break;
        if (now != swept_s) {
            swept_s = now;
            close_late();
            tell(now);
        }
    }
}
