/* SPDX-License-Identifier: BSD-2-Clause */
/** Waiting for one of many descriptors: POSIX, <poll.h>. */
#ifndef _POLL_H
#define _POLL_H

#include <signal.h>
#include <time.h>

#define POLLIN     0x001
#define POLLPRI    0x002
#define POLLOUT    0x004
#define POLLERR    0x008
#define POLLHUP    0x010
#define POLLNVAL   0x020
#define POLLRDNORM 0x040
#define POLLRDBAND 0x080
#define POLLWRNORM 0x100
#define POLLWRBAND 0x200
#define POLLRDHUP  0x2000

typedef unsigned long nfds_t;

struct pollfd {
    int fd;
    short events, revents;
};

/** @param timeout_ms  negative: for ever. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms);

/** @param timeout  NULL: for ever. @param mask  ignored: signals come from this program only. */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);

#endif
