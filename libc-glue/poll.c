/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for one of many files: poll() and select(). */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "signals.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
#define US_PER_S  1000000ul
#define FEW       8         /* descriptors that need no heap */
#define LOOK_NS   10000000u /* between two looks, without memory */

#define ALWAYS (POLLERR | POLLHUP | POLLNVAL)
#define ANY    (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM)

/* A file that a poll() in progress waits for. */
struct wait {
    struct file_watch watch;
    struct file *file;
    struct port_queue *queue;
};

static void wake(struct file_watch *watch)
{
    thread_wake(CONTAINER_OF(watch, struct wait, watch)->queue);
}

static short look(struct pollfd *at, struct file *file)
{
    short now = file->ops->poll ? file->ops->poll(file) : ANY;

    at->revents = now & (at->events | ALWAYS);
    return at->revents;
}

/* @return how many of the descriptors are ready. */
static int look_at_all(struct pollfd *fds, nfds_t n)
{
    int n_ready = 0;

    for (nfds_t i = 0; i < n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        struct file *file = file_hold(fds[i].fd);
        if (!file) {
            fds[i].revents = POLLNVAL;
            n_ready++;
            continue;
        }
        n_ready += look(&fds[i], file) != 0;
        file_release(file);
    }
    return n_ready;
}

static int look_again(struct pollfd *fds, nfds_t n, const struct wait *waits)
{
    int n_ready = 0;

    for (nfds_t i = 0; i < n; i++)
        if (waits[i].file)
            n_ready += look(&fds[i], waits[i].file) != 0;
    return n_ready;
}

/*
 * There is no memory to be told of changes with. Others may free some while this looks now and
 * then; to return an error would be to be called again at once, by a program that has to go on.
 */
static int look_now_and_then(struct pollfd *fds, nfds_t n, uint64_t deadline_ns, unsigned n_handled)
{
    struct port_queue nobody_wakes = {0};

    for (;;) {
        uint64_t next_ns = clock_monotonic() + LOOK_NS;
        int error =
            signal_wait(&nobody_wakes, next_ns < deadline_ns ? next_ns : deadline_ns, n_handled);
        int n_ready = look_at_all(fds, n);
        if (!n_ready && error == -EINTR)
            return error;
        if (n_ready || clock_monotonic() >= deadline_ns)
            return n_ready;
    }
}

/*
 * @param n_handled  signal_count() when the call began.
 * @return how many are ready, or -EINTR.
 */
static int poll_until(struct pollfd *fds, nfds_t n, uint64_t deadline_ns, unsigned n_handled)
{
    struct wait few[FEW], *waits = few;
    struct port_queue queue = {0};
    int n_ready = look_at_all(fds, n);

    if (n_ready || deadline_ns == 0) {
        thread_yield(); /* events come to who waits or yields: one that only polls would see none */
        return n_ready ? n_ready : look_at_all(fds, n);
    }
    if (n > FEW && !(waits = malloc(n * sizeof(*waits))))
        return look_now_and_then(fds, n, deadline_ns, n_handled);
    for (nfds_t i = 0; i < n; i++) {
        waits[i] = (struct wait){.watch = {.changed = wake}, .queue = &queue};
        waits[i].file = fds[i].fd < 0 ? NULL : file_hold(fds[i].fd);
        if (waits[i].file)
            file_watch(waits[i].file, &waits[i].watch);
    }
    while (!n_ready) {
        int error = signal_wait(&queue, deadline_ns, n_handled);
        n_ready = look_again(fds, n, waits);
        if (!n_ready && error == -EINTR)
            n_ready = error;
        if (error)
            break;
    }
    for (nfds_t i = 0; i < n; i++) {
        if (!waits[i].file)
            continue;
        file_unwatch(&waits[i].watch);
        file_release(waits[i].file);
    }
    if (waits != few)
        free(waits);
    return n_ready;
}

/* From now on; 0: do not wait. */
static uint64_t deadline_in(uint64_t ns)
{
    uint64_t deadline_ns;

    if (ns == 0)
        return 0;
    if (__builtin_add_overflow(clock_monotonic(), ns, &deadline_ns))
        return PORT_FOREVER;
    return deadline_ns;
}

/* @return false when this is no length of time. */
static bool length_ns(time_t s, uint64_t ns_part, uint64_t *length)
{
    if (s < 0 || ns_part >= NS_PER_S)
        return false;
    if (__builtin_mul_overflow((uint64_t)s, NS_PER_S, length) ||
        __builtin_add_overflow(*length, ns_part, length))
        *length = UINT64_MAX;
    return true;
}

SPRAT_API int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    uint64_t deadline_ns = PORT_FOREVER;

    if (n > INT_MAX)
        return (int)file_result(-EINVAL);
    if (timeout_ms >= 0)
        deadline_ns = deadline_in((uint64_t)timeout_ms * NS_PER_MS);
    return (int)file_result(poll_until(fds, n, deadline_ns, signal_count()));
}

/* The thread's mask while ppoll() or pselect() waits; what waited for it is handled at once. */
static void exchange_mask(const sigset_t *mask, sigset_t *before)
{
    if (mask)
        pthread_sigmask(SIG_SETMASK, mask, before);
}

SPRAT_API int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                    const sigset_t *mask)
{
    uint64_t length = UINT64_MAX;
    unsigned n_handled = signal_count();
    sigset_t before;

    if (n > INT_MAX ||
        (timeout && !length_ns(timeout->tv_sec, (uint64_t)timeout->tv_nsec, &length)))
        return (int)file_result(-EINVAL);
    exchange_mask(mask, &before);
    int result = poll_until(fds, n, deadline_in(length), n_handled);
    exchange_mask(mask ? &before : NULL, NULL);
    return (int)file_result(result);
}

/* select(), by way of poll(). */

static const struct {
    short asked, answered;
} kinds[] = {
    {POLLIN | POLLRDNORM, POLLIN | POLLRDNORM | POLLHUP | POLLERR},
    {POLLOUT | POLLWRNORM, POLLOUT | POLLWRNORM | POLLERR},
    {POLLPRI, POLLPRI},
};
#define KINDS ARRAY_LEN(kinds)

static bool is_set(const fd_set *set, int fd)
{
    return set && FD_ISSET(fd, set);
}

static int select_until(int n, fd_set *sets[KINDS], uint64_t deadline_ns, unsigned n_handled)
{
    struct pollfd few[FEW], *fds = few;
    nfds_t n_asked = 0;

    if (n > FEW && !(fds = malloc((size_t)n * sizeof(*fds))))
        return -ENOMEM;
    for (int fd = 0; fd < n; fd++) {
        short events = 0;
        for (size_t kind = 0; kind < KINDS; kind++)
            if (is_set(sets[kind], fd))
                events |= kinds[kind].asked;
        if (events)
            fds[n_asked++] = (struct pollfd){.fd = fd, .events = events};
    }

    int n_ready = poll_until(fds, n_asked, deadline_ns, n_handled);
    for (nfds_t i = 0; i < n_asked && n_ready >= 0; i++)
        if (fds[i].revents & POLLNVAL)
            n_ready = -EBADF;
    if (n_ready >= 0) {
        n_ready = 0;
        for (nfds_t i = 0; i < n_asked; i++) {
            for (size_t kind = 0; kind < KINDS; kind++) {
                if (!is_set(sets[kind], fds[i].fd))
                    continue;
                if (fds[i].revents & kinds[kind].answered)
                    n_ready++;
                else
                    FD_CLR(fds[i].fd, sets[kind]);
            }
        }
    }
    if (fds != few)
        free(fds);
    return n_ready;
}

SPRAT_API int select(int n, fd_set *reading, fd_set *writing, fd_set *except,
                     struct timeval *timeout)
{
    fd_set *sets[KINDS] = {reading, writing, except};
    uint64_t length = UINT64_MAX;
    time_t s;

    /* As on Linux, any number of us. */
    if (n < 0 || (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
        return (int)file_result(-EINVAL);
    if (timeout &&
        !__builtin_add_overflow(timeout->tv_sec, timeout->tv_usec / (suseconds_t)US_PER_S, &s))
        length_ns(s, (uint64_t)timeout->tv_usec % US_PER_S * 1000, &length);
    return (int)file_result(select_until(n, sets, deadline_in(length), signal_count()));
}

SPRAT_API int pselect(int n, fd_set *reading, fd_set *writing, fd_set *except,
                      const struct timespec *timeout, const sigset_t *mask)
{
    fd_set *sets[KINDS] = {reading, writing, except};
    uint64_t length = UINT64_MAX;
    unsigned n_handled = signal_count();
    sigset_t before;

    if (n < 0 || (timeout && !length_ns(timeout->tv_sec, (uint64_t)timeout->tv_nsec, &length)))
        return (int)file_result(-EINVAL);
    exchange_mask(mask, &before);
    int result = select_until(n, sets, deadline_in(length), n_handled);
    exchange_mask(mask ? &before : NULL, NULL);
    return (int)file_result(result);
}
