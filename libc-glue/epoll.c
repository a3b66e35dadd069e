/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll: files are watched as long as they are of interest, and only those that have changed are
 * looked at. An interest on the list of candidates may be ready; one that is not on it is not.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "signals.h"

#define NS_PER_MS 1000000ull
#define ALWAYS    (EPOLLERR | EPOLLHUP)
#define HOW       (EPOLLET | EPOLLONESHOT)
#define NEST_MAX  5 /* epolls that hear of each other in a row, as on Linux */

struct epoll {
    struct file file;
    struct interest *all;
    struct interest *first, **last; /* candidates */
    struct port_queue waiters;
};

struct interest {
    struct file_watch watch;
    struct epoll *epoll;
    struct file *watched; /* without a reference: when it goes, so does this */
    struct interest *next_all, **link_all;
    struct interest *next; /* candidate; meaningful if is_candidate */
    int fd;
    bool is_candidate, is_off; /* off: EPOLLONESHOT has told */
    struct epoll_event event;
};

static struct epoll *epoll_of(struct file *file)
{
    return CONTAINER_OF(file, struct epoll, file);
}

static void add_candidate(struct interest *interest)
{
    struct epoll *epoll = interest->epoll;

    if (interest->is_candidate)
        return;
    interest->is_candidate = true;
    interest->next = NULL;
    *epoll->last = interest;
    epoll->last = &interest->next;
}

static struct interest *take_candidate(struct epoll *epoll)
{
    struct interest *interest = epoll->first;

    if (interest) {
        epoll->first = interest->next;
        if (!epoll->first)
            epoll->last = &epoll->first;
        interest->is_candidate = false;
    }
    return interest;
}

static void on_changed(struct file_watch *watch)
{
    struct interest *interest = CONTAINER_OF(watch, struct interest, watch);

    add_candidate(interest);
    thread_wake(&interest->epoll->waiters);
    file_changed(&interest->epoll->file);
}

static void forget(struct interest *interest)
{
    struct epoll *epoll = interest->epoll;

    for (struct interest **at = &epoll->first; interest->is_candidate && *at; at = &(*at)->next) {
        if (*at != interest)
            continue;
        *at = interest->next;
        if (!interest->next)
            epoll->last = at;
        break;
    }
    *interest->link_all = interest->next_all;
    if (interest->next_all)
        interest->next_all->link_all = interest->link_all;
    free(interest);
}

/* The file's last descriptor was closed; the watch is taken from it already. */
static void on_gone(struct file_watch *watch)
{
    forget(CONTAINER_OF(watch, struct interest, watch));
}

static uint32_t ready_now(const struct interest *interest)
{
    const struct file_ops *ops = interest->watched->ops;
    uint32_t now = (uint16_t)ops->poll(interest->watched);

    return interest->is_off ? 0 : now & ((interest->event.events & ~HOW) | ALWAYS);
}

/* Nested: an epoll can be of interest to another, and to poll(). */
static short epoll_poll(struct file *file)
{
    const struct epoll *epoll = epoll_of(file);

    for (const struct interest *at = epoll->first; at; at = at->next)
        if (ready_now(at))
            return POLLIN | POLLRDNORM;
    return 0;
}

static int epoll_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IRUSR | S_IWUSR;
    return 0;
}

static void epoll_close(struct file *file)
{
    struct epoll *epoll = epoll_of(file);

    while (epoll->all) {
        file_unwatch(&epoll->all->watch);
        forget(epoll->all);
    }
    free(epoll);
}

static const struct file_ops epoll_ops = {
    .stat = epoll_stat, .poll = epoll_poll, .close = epoll_close};

SPRAT_API int epoll_create1(int flags)
{
    if (flags & ~EPOLL_CLOEXEC)
        return (int)file_result(-EINVAL);
    struct epoll *epoll = calloc(1, sizeof(*epoll));
    if (!epoll)
        return (int)file_result(-ENOMEM);
    epoll->last = &epoll->first;
    file_init(&epoll->file, &epoll_ops, O_RDWR);
    int fd = file_install(&epoll->file, 0, flags ? FD_CLOEXEC : 0);
    if (fd < 0)
        free(epoll);
    return (int)file_result(fd);
}

SPRAT_API int epoll_create(int size)
{
    return size > 0 ? epoll_create1(0) : (int)file_result(-EINVAL);
}

static struct interest *find(const struct epoll *epoll, const struct file *file, int fd)
{
    for (struct file_watch *watch = file->watches; watch; watch = watch->next) {
        struct interest *interest = CONTAINER_OF(watch, struct interest, watch);
        if (watch->changed == on_changed && interest->epoll == epoll && interest->fd == fd)
            return interest;
    }
    return NULL;
}

static int add(struct epoll *epoll, struct file *file, int fd, const struct epoll_event *event)
{
    struct interest *interest = calloc(1, sizeof(*interest));

    if (!interest)
        return -ENOMEM;
    *interest = (struct interest){.watch = {.changed = on_changed, .gone = on_gone},
                                  .epoll = epoll,
                                  .watched = file,
                                  .next_all = epoll->all,
                                  .link_all = &epoll->all,
                                  .fd = fd,
                                  .event = *event};
    if (epoll->all)
        epoll->all->link_all = &interest->next_all;
    epoll->all = interest;
    file_watch(file, &interest->watch);
    on_changed(&interest->watch);
    return 0;
}

/* How many epolls hear of this one's changes, or what it hears of, in a row. */
static unsigned levels_above(const struct epoll *epoll)
{
    unsigned most = 0;

    for (struct file_watch *watch = epoll->file.watches; watch; watch = watch->next) {
        if (watch->changed != on_changed)
            continue;
        unsigned levels = 1 + levels_above(CONTAINER_OF(watch, struct interest, watch)->epoll);
        most = levels > most ? levels : most;
    }
    return most;
}

/* @return NEST_MAX and more where `outer` is among them. */
static unsigned levels_below(const struct epoll *epoll, const struct epoll *outer)
{
    unsigned most = 0;

    if (epoll == outer)
        return NEST_MAX;
    for (const struct interest *at = epoll->all; at; at = at->next_all) {
        if (at->watched->ops != &epoll_ops)
            continue;
        unsigned levels = 1 + levels_below(epoll_of(at->watched), outer);
        most = levels > most ? levels : most;
    }
    return most;
}

/* @return 0, or why this can't be of interest. */
static int check_interest(const struct epoll *epoll, struct file *file)
{
    if (!file->ops->poll)
        return -EPERM; /* a file or a disk is always ready */
    if (file->ops == &epoll_ops &&
        levels_above(epoll) + 1 + levels_below(epoll_of(file), epoll) >= NEST_MAX)
        return -ELOOP;
    return 0;
}

static int control(struct epoll *epoll, int operation, struct file *file, int fd,
                   const struct epoll_event *event)
{
    struct interest *interest = find(epoll, file, fd);

    if (file == &epoll->file)
        return -EINVAL;
    int error = check_interest(epoll, file);
    if (error)
        return error;
    if (operation == EPOLL_CTL_ADD)
        return interest ? -EEXIST : add(epoll, file, fd, event);
    if (operation != EPOLL_CTL_MOD && operation != EPOLL_CTL_DEL)
        return -EINVAL;
    if (!interest)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        file_unwatch(&interest->watch);
        forget(interest);
        return 0;
    }
    interest->event = *event;
    interest->is_off = false;
    on_changed(&interest->watch);
    return 0;
}

/* @return the epoll of a descriptor, with a reference, or NULL with *error. */
static struct epoll *hold_epoll(int fd, int *error)
{
    struct file *file = file_hold(fd);

    *error = file ? -EINVAL : -EBADF;
    if (file && file->ops == &epoll_ops)
        return epoll_of(file);
    if (file)
        file_release(file);
    return NULL;
}

SPRAT_API int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    int error;
    struct epoll *epoll = hold_epoll(epoll_fd, &error);

    if (!epoll)
        return (int)file_result(error);
    struct file *file = file_hold(fd);
    if (!file)
        error = -EBADF;
    else if (!event && operation != EPOLL_CTL_DEL)
        error = -EFAULT;
    else
        error = control(epoll, operation, file, fd, event);
    if (file)
        file_release(file);
    file_release(&epoll->file);
    return (int)file_result(error);
}

/* Each candidate is looked at once; one that stays ready is a candidate again. */
static int collect(struct epoll *epoll, struct epoll_event *events, int max)
{
    struct interest *interest, *again = NULL, **last = &again;
    int n = 0;

    while (n < max && (interest = take_candidate(epoll))) {
        uint32_t ready = ready_now(interest);
        if (!ready)
            continue;
        events[n++] = (struct epoll_event){.events = ready, .data = interest->event.data};
        if (interest->event.events & EPOLLONESHOT)
            interest->is_off = true;
        else if (!(interest->event.events & EPOLLET)) {
            *last = interest;
            last = &interest->next;
        }
    }
    *last = NULL;
    while (again) {
        struct interest *next = again->next;
        add_candidate(again);
        again = next;
    }
    return n;
}

SPRAT_API int epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    uint64_t deadline_ns = PORT_FOREVER;
    int error, n;

    if (max <= 0)
        return (int)file_result(-EINVAL);
    struct epoll *epoll = hold_epoll(epoll_fd, &error);
    if (!epoll)
        return (int)file_result(error);
    if (timeout_ms > 0)
        deadline_ns = clock_monotonic() + (uint64_t)timeout_ms * NS_PER_MS;
    error = 0;
    unsigned n_handled = signal_count();
    n = collect(epoll, events, max);
    if (n || timeout_ms == 0) {
        thread_yield(); /* see poll() */
        n = n ? n : collect(epoll, events, max);
    }
    while (!n && timeout_ms && !error) {
        error = signal_wait(&epoll->waiters, deadline_ns, n_handled);
        n = collect(epoll, events, max);
    }
    file_release(&epoll->file);
    return (int)file_result(!n && error == -EINTR ? error : n);
}
