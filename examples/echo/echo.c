/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent comes back (RFC 862): TCP and UDP, IPv4 and IPv6, any number of connections at once.
 *
 * One thread, poll(), and no buffer for a connection: what can't be sent back yet is not read. When
 * memory is short, a new connection takes the place of the one that has been idle for longest.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define PORT      7
#define BACKLOG   128
#define PAGES_LOW 64 /* free ones: what TCP needs for those connections that there are */
#define TELL_S    10 /* between two lines about what was dropped */

enum { TCP, UDP, FIRST_PEER };

static struct pollfd *fds;
static time_t *active_s; /* when each last brought or took something */
static nfds_t n_fds, room;
static char buffer[16384];

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static bool make_room(void)
{
    nfds_t bigger = room ? room * 2 : 16;
    struct pollfd *more_fds = realloc(fds, bigger * sizeof(*fds));

    if (!more_fds)
        return false;
    fds = more_fds;
    time_t *more = realloc(active_s, bigger * sizeof(*active_s));
    if (!more)
        return false;
    active_s = more;
    room = bigger;
    return true;
}

static void add(int fd, short events)
{
    if (n_fds == room && !make_room()) {
        close(fd); /* no memory for one more */
        return;
    }
    active_s[n_fds] = now_s();
    fds[n_fds++] = (struct pollfd){.fd = fd, .events = events};
}

static void drop(nfds_t i)
{
    close(fds[i].fd);
    n_fds--;
    fds[i] = fds[n_fds];
    active_s[i] = active_s[n_fds];
}

static void drop_idlest(void)
{
    static unsigned long n_dropped;
    static time_t told_s;
    nfds_t idlest = FIRST_PEER;

    for (nfds_t i = FIRST_PEER + 1; i < n_fds; i++)
        if (active_s[i] < active_s[idlest])
            idlest = i;
    drop(idlest);
    n_dropped++;
    if (n_dropped > 1 && now_s() - told_s < TELL_S)
        return;
    told_s = now_s();
    printf("echo: %lu connections dropped so far, to make room for others\n", n_dropped);
}

static int open_socket(int type)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
        (type == SOCK_STREAM && listen(fd, BACKLOG))) {
        perror("echo");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (n_fds > FIRST_PEER && sysconf(_SC_AVPHYS_PAGES) < PAGES_LOW)
            drop_idlest();
        add(fd, POLLIN);
    }
}

static void echo_datagrams(int fd)
{
    struct sockaddr_in6 from;
    socklen_t len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &len)) >= 0) {
        sendto(fd, buffer, (size_t)n, 0, (struct sockaddr *)&from, len); /* UDP may lose it */
        len = sizeof(from);
    }
}

/*
 * Send back what came. It is looked at first and read only as far as it was taken for sending.
 * @return false when the connection is over.
 */
static bool echo(nfds_t i)
{
    struct pollfd *peer = &fds[i];

    for (;;) {
        ssize_t n = recv(peer->fd, buffer, sizeof(buffer), MSG_PEEK);
        if (n <= 0) {
            peer->events = POLLIN;
            return n < 0 && errno == EAGAIN;
        }
        n = send(peer->fd, buffer, (size_t)n, 0);
        if (n < 0) {
            peer->events = POLLOUT;
            return errno == EAGAIN;
        }
        recv(peer->fd, buffer, (size_t)n, 0);
        active_s[i] = now_s();
    }
}

int main(void)
{
    add(open_socket(SOCK_STREAM), POLLIN);
    add(open_socket(SOCK_DGRAM), POLLIN);
    for (;;) {
        poll(fds, n_fds, -1);
        for (nfds_t i = n_fds; i-- > FIRST_PEER;)
            if (fds[i].revents && !echo(i))
                drop(i);
        if (fds[UDP].revents)
            echo_datagrams(fds[UDP].fd);
        if (fds[TCP].revents)
            accept_all(fds[TCP].fd);
    }
}
