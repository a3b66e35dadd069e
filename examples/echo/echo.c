/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent comes back (RFC 862): TCP and UDP, IPv4 and IPv6, any number of connections at once.
 *
 * One thread, poll(), and no buffer for a connection: what can't be sent back yet is not read.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define PORT    7
#define BACKLOG 128

enum { TCP, UDP, FIRST_PEER };

static struct pollfd *fds;
static nfds_t n_fds, room;
static char buffer[16384];

static void add(int fd, short events)
{
    if (n_fds == room) {
        nfds_t bigger = room ? room * 2 : 16;
        struct pollfd *moved = realloc(fds, bigger * sizeof(*fds));
        if (!moved) {
            close(fd); /* no memory for one more */
            return;
        }
        fds = moved;
        room = bigger;
    }
    fds[n_fds++] = (struct pollfd){.fd = fd, .events = events};
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

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        add(fd, POLLIN);
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
static bool echo(struct pollfd *peer)
{
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
    }
}

int main(void)
{
    add(open_socket(SOCK_STREAM), POLLIN);
    add(open_socket(SOCK_DGRAM), POLLIN);
    for (;;) {
        poll(fds, n_fds, -1);
        for (nfds_t i = n_fds; i-- > FIRST_PEER;) {
            if (!fds[i].revents || echo(&fds[i]))
                continue;
            close(fds[i].fd);
            fds[i] = fds[--n_fds];
        }
        if (fds[UDP].revents)
            echo_datagrams(fds[UDP].fd);
        if (fds[TCP].revents)
            accept_all(fds[TCP].fd);
    }
}
