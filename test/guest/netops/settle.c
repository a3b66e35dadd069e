/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the loopback interface come in the order in which they were sent. So when a datagram
 * that is sent now has come, all that was sent before has come as well; and when a second one has,
 * what that was answered with; and so on. No answer has more answers than ROUNDS.
 */
#include "netops.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define ROUNDS 6

static int own = -1;
static struct address own_address;

static struct {
    short events;
    int readable, error;
} before[N_SOCKETS];

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    printf("%s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

void settle_begin(void)
{
    loopback_address(AF_INET, PORT_OWN, &own_address);
    own = socket(AF_INET, SOCK_DGRAM, 0);
    must(own >= 0, "socket");
    must(bind(own, (struct sockaddr *)&own_address.any, own_address.len) == 0, "bind");
}

void settle(void)
{
    char c = 'x';

    for (int round = 0; round < ROUNDS; round++) {
        must(sendto(own, &c, 1, 0, (struct sockaddr *)&own_address.any, own_address.len) == 1,
             "sendto");
        must(recv(own, &c, 1, 0) == 1, "recv");
    }
}

static void tell_events(short events)
{
    static const struct {
        short event;
        const char *name;
    } names[] = {{POLLIN, "in"},         {POLLPRI, "pri"},       {POLLOUT, "out"},
                 {POLLRDNORM, "rdnorm"}, {POLLERR, "err"},       {POLLHUP, "hup"},
                 {POLLNVAL, "nval"},     {POLLWRNORM, "wrnorm"}, {POLLRDHUP, "rdhup"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (events & names[i].event)
            printf(" %s", names[i].name);
}

void tell_changes(void)
{
    struct pollfd polls[N_SOCKETS];

    for (unsigned i = 0; i < N_SOCKETS; i++)
        polls[i] = (struct pollfd){.fd = fds[i],
                                   .events = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLWRNORM |
                                             POLLRDHUP};
    poll(polls, N_SOCKETS, 0);
    for (unsigned i = 0; i < N_SOCKETS; i++) {
        int readable = -1;
        int error = ioctl(fds[i], FIONREAD, &readable) == 0 ? 0 : errno;
        if (error == EINVAL) /* Linux' answer about who listens */
            readable = error = 0;
        if (error)
            readable = -1;
        if (polls[i].revents == before[i].events && readable == before[i].readable &&
            error == before[i].error)
            continue;
        before[i].events = polls[i].revents;
        before[i].readable = readable;
        before[i].error = error;
        printf("  %s is", kind(i));
        tell_events(polls[i].revents);
        if (error)
            printf(" %s\n", error_name(error));
        else
            printf(" %d\n", readable);
    }
}
