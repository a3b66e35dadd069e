/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A web server for the image's files (or those of xl's ramdisk=): HTTP/1.1 with keep-alive,
 * pipelining, HEAD, ranges and ETags. One thread and epoll; a page is sent from where it is in
 * memory.
 *
 *     httpd [PORT]
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "deadlines.h"

#define PORT         80
#define BACKLOG      255
#define SWEEP_MS     1000
#define ACCEPT_BURST 64
#define EVENTS       32   /* taken at a time */
#define COST         8192 /* bytes of a connection's, besides its struct: a page each way */
#define SHARE        2    /* connections may take this part of the memory */
#define PAGES_LOW    48   /* free ones, below which none is added; the network keeps 64 if it can */
#define PATIENCE_S   2    /* while others wait, with one that makes nothing of its place */
#define CROWDED_S    1    /* that others waited is remembered for so long */
#define TELL_S       10   /* between two lines about what was dropped */

/*
 * When all places are taken, those who come wait in the backlog: who is being served is not dropped
 * for them, or a crowd would be served nothing at all. Each answer then ends its connection, and
 * who keeps a place without a use for it loses it soon.
 */
static int poller;   /* tells of the listener with NULL, of a connection with it */
static size_t most;  /* connections that there is memory for */
static bool is_shut; /* the listener is not watched: there is no place */
static time_t crowded_s;
static unsigned long n_dropped;
static time_t told_s;

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void drop(struct connection *connection)
{
    deadlines_remove(connection);
    close(connection->fd); /* and the poller forgets it */
    connection_free(connection);
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
    size_t n = deadlines_count();

    return n >= most || (n && sysconf(_SC_AVPHYS_PAGES) < PAGES_LOW);
}

/* Somebody waits. The one whose time is over first has made least of it. */
static void make_room(time_t now)
{
    crowded_s = now;
    if (deadlines_first()->deadline_s > now + IDLE_S - PATIENCE_S)
        return;
    drop(deadlines_first());
    n_dropped++;
}

static int watch(int fd, int operation, uint32_t events, struct connection *connection)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    return epoll_ctl(poller, operation, fd, &event);
}

/* @return 0 when there was none. */
static int accept_one(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

    if (fd < 0)
        return 0;
    struct connection *connection = connection_new(fd, now_s());
    if (!connection || !deadlines_add(connection)) {
        connection_free(connection);
        close(fd); /* no memory for one more */
        n_dropped++;
    } else if (watch(fd, EPOLL_CTL_ADD, EPOLLIN, connection)) {
        drop(connection);
        n_dropped++;
    } else {
        connection->events = EPOLLIN;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return 1;
}

static void shut(int listener, bool yes)
{
    if (is_shut != yes && !watch(listener, EPOLL_CTL_MOD, yes ? 0 : EPOLLIN, NULL))
        is_shut = yes;
}

static void accept_some(int listener, time_t now)
{
    if (is_full())
        make_room(now);
    shut(listener, is_full());
    for (int i = 0; i < ACCEPT_BURST && !is_full(); i++)
        if (!accept_one(listener))
            return;
}

static void close_late(void)
{
    time_t now = now_s();
    struct connection *first;

    while ((first = deadlines_first()) && now > first->deadline_s)
        drop(first);
}

static int listen_on(in_port_t port)
{
    int backlog = most < BACKLOG ? (int)most : BACKLOG; /* who waits takes memory, too */
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, backlog)) {
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

static void work(struct connection *connection, time_t now)
{
    short events = connection->events;

    connection->is_last = now - crowded_s <= CROWDED_S;
    if (!connection_work(connection, now, &events) ||
        (events != connection->events &&
         watch(connection->fd, EPOLL_CTL_MOD, (uint32_t)events, connection))) {
        drop(connection);
        return;
    }
    connection->events = events;
    deadlines_changed(connection);
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS];
    time_t swept_s = 0;

    for (;;) {
        int n_events = epoll_wait(poller, events, EVENTS, deadlines_first() ? SWEEP_MS : -1);
        time_t now = now_s();
        bool is_asked = is_shut; /* when that was so, somebody waited */
        for (int i = 0; i < n_events; i++) {
            if (events[i].data.ptr)
                work(events[i].data.ptr, now);
            else
                is_asked = true;
        }
        /* Not before: it may drop one that an event was about. */
        if (is_asked)
            accept_some(listener, now);
        if (now != swept_s) {
            swept_s = now;
            close_late();
            tell(now);
        }
    }
}

int main(int argc, char **argv)
{
    in_port_t port = argc > 1 ? port_of(argv[1]) : PORT;

    most = (size_t)sysconf(_SC_AVPHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / SHARE /
           (sizeof(struct connection) + COST);
    crowded_s = -CROWDED_S - 1; /* never yet */
    int listener = listen_on(port);
    poller = epoll_create1(0);
    if (poller < 0 || watch(listener, EPOLL_CTL_ADD, EPOLLIN, NULL)) {
        perror("httpd");
        return EXIT_FAILURE;
    }
    printf("httpd: serving on port %d\n", port);
    serve(listener);
}
