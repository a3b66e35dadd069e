/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A timer that nobody reads does not wake the guest again and again: how often it would have
 * expired is reckoned when it is read, and then it is started again.
 */
#define _GNU_SOURCE /* O_CLOEXEC */
#include <sys/timerfd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>
#include <sprat/timer.h>

#include "deadline.h"

#define NS_PER_S 1000000000ull

struct timerfd {
    struct file file;
    struct timer timer;
    clockid_t clock;
    bool set;             /* or expired and not read */
    uint64_t deadline_ns; /* the next one, or the first that was not read */
    uint64_t interval_ns; /* 0: once */
    bool expired;
    struct port_queue readers;
};

static struct timerfd *timerfd_of(struct file *file)
{
    return CONTAINER_OF(file, struct timerfd, file);
}

static void expire(struct timer *timer)
{
    struct timerfd *timerfd = CONTAINER_OF(timer, struct timerfd, timer);

    timerfd->expired = true;
    thread_wake(&timerfd->readers);
    file_changed(&timerfd->file);
}

/* How often it has expired since it was read. */
static uint64_t count_expired(const struct timerfd *timerfd)
{
    if (!timerfd->expired)
        return 0;
    if (!timerfd->interval_ns)
        return 1;
    return 1 + (clock_monotonic() - timerfd->deadline_ns) / timerfd->interval_ns;
}

static ssize_t timerfd_take(struct file *file, const struct iovec *iov, int n_iov)
{
    struct timerfd *timerfd = timerfd_of(file);

    if (n_iov < 1 || iov->iov_len < sizeof(uint64_t))
        return -EINVAL;
    while (!timerfd->expired) {
        if (file_nonblocking(file))
            return -EAGAIN;
        thread_wait(&timerfd->readers, PORT_FOREVER);
    }
    uint64_t n = count_expired(timerfd);
    timerfd->expired = false;
    timerfd->set = timerfd->interval_ns;
    timerfd->deadline_ns += n * timerfd->interval_ns;
    if (timerfd->set)
        timer_start(&timerfd->timer, timerfd->deadline_ns, expire);
    memcpy(iov->iov_base, &n, sizeof(n));
    return sizeof(n);
}

static int timerfd_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    return 0;
}

static short timerfd_poll(struct file *file)
{
    return timerfd_of(file)->expired ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_close(struct file *file)
{
    timer_stop(&timerfd_of(file)->timer);
    free(timerfd_of(file));
}

static const struct file_ops ops = {
    .read = timerfd_take,
    .stat = timerfd_stat,
    .poll = timerfd_poll,
    .close = timerfd_close,
};

SPRAT_API int timerfd_create(clockid_t clock, int flags)
{
    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) ||
        (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return (int)file_result(-EINVAL);
    struct timerfd *timerfd = calloc(1, sizeof(*timerfd));
    if (!timerfd)
        return -1;
    file_init(&timerfd->file, &ops, O_RDWR | (flags & TFD_NONBLOCK));
    timerfd->clock = clock;
    int fd = file_install(&timerfd->file, 0, flags & TFD_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0)
        file_release(&timerfd->file);
    return (int)file_result(fd);
}

static bool is_span(const struct timespec *ts, uint64_t *ns)
{
    return ts->tv_sec >= 0 && deadline_of(CLOCK_MONOTONIC, ts, ns);
}

static struct timespec span_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static void tell(const struct timerfd *timerfd, struct itimerspec *value)
{
    uint64_t now_ns = clock_monotonic(),
             next_ns = timerfd->deadline_ns + count_expired(timerfd) * timerfd->interval_ns;

    *value = (struct itimerspec){.it_interval = span_of(timerfd->interval_ns)};
    if (timerfd->set && next_ns > now_ns)
        value->it_value = span_of(next_ns - now_ns);
    else if (timerfd->set && !timerfd->expired)
        value->it_value.tv_nsec = 1; /* any moment now */
}

static int set(struct timerfd *timerfd, int flags, const struct itimerspec *value)
{
    uint64_t first_ns, interval_ns, now_ns = clock_monotonic();

    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) ||
        !is_span(&value->it_value, &first_ns) || !is_span(&value->it_interval, &interval_ns))
        return -EINVAL;
    timer_stop(&timerfd->timer);
    timerfd->expired = false;
    timerfd->set = first_ns;
    timerfd->interval_ns = interval_ns;
    if (flags & TFD_TIMER_ABSTIME)
        deadline_of(timerfd->clock, &value->it_value, &timerfd->deadline_ns);
    else if (__builtin_add_overflow(now_ns, first_ns, &timerfd->deadline_ns))
        timerfd->deadline_ns = PORT_FOREVER;
    if (timerfd->set)
        timer_start(&timerfd->timer, timerfd->deadline_ns, expire);
    return 0;
}

static int find(int fd, struct timerfd **timerfd)
{
    struct file *file = file_hold(fd);

    if (!file)
        return -EBADF;
    if (file->ops != &ops) {
        file_release(file);
        return -EINVAL;
    }
    *timerfd = timerfd_of(file);
    return 0;
}

SPRAT_API int timerfd_settime(int fd, int flags, const struct itimerspec *value,
                              struct itimerspec *before)
{
    struct timerfd *timerfd;
    struct itimerspec was;
    int error = find(fd, &timerfd);

    if (error)
        return (int)file_result(error);
    tell(timerfd, &was);
    error = set(timerfd, flags, value);
    if (!error && before)
        *before = was;
    file_release(&timerfd->file);
    return (int)file_result(error);
}

SPRAT_API int timerfd_gettime(int fd, struct itimerspec *value)
{
    struct timerfd *timerfd;
    int error = find(fd, &timerfd);

    if (error)
        return (int)file_result(error);
    tell(timerfd, value);
    file_release(&timerfd->file);
    return 0;
}
