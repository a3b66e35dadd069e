/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* O_CLOEXEC, O_NONBLOCK */
#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
    struct file file;
    uint64_t count;
    bool semaphore;
    struct port_queue readers, writers;
};

static struct eventfd *eventfd_of(struct file *file)
{
    return CONTAINER_OF(file, struct eventfd, file);
}

/* A counter is read and written whole: what the vector's first piece has no room for is EINVAL. */
static bool is_whole(const struct iovec *iov, int n_iov)
{
    return n_iov > 0 && iov->iov_len >= sizeof(uint64_t);
}

static ssize_t eventfd_take(struct file *file, const struct iovec *iov, int n_iov)
{
    struct eventfd *eventfd = eventfd_of(file);

    if (!is_whole(iov, n_iov))
        return -EINVAL;
    while (!eventfd->count) {
        if (file_nonblocking(file))
            return -EAGAIN;
        thread_wait(&eventfd->readers, PORT_FOREVER);
    }
    uint64_t taken = eventfd->semaphore ? 1 : eventfd->count;
    memcpy(iov->iov_base, &taken, sizeof(taken));
    eventfd->count -= taken;
    thread_wake(&eventfd->writers);
    file_changed(file);
    return sizeof(taken);
}

static ssize_t eventfd_add(struct file *file, const struct iovec *iov, int n_iov)
{
    struct eventfd *eventfd = eventfd_of(file);
    uint64_t more;

    if (!is_whole(iov, n_iov))
        return -EINVAL;
    memcpy(&more, iov->iov_base, sizeof(more));
    if (more > COUNT_MAX)
        return -EINVAL;
    while (more > COUNT_MAX - eventfd->count) {
        if (file_nonblocking(file))
            return -EAGAIN;
        thread_wait(&eventfd->writers, PORT_FOREVER);
    }
    eventfd->count += more;
    if (more) {
        thread_wake(&eventfd->readers);
        file_changed(file);
    }
    return sizeof(more);
}

static int eventfd_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    return 0;
}

static short eventfd_poll(struct file *file)
{
    const struct eventfd *eventfd = eventfd_of(file);
    short readable = eventfd->count ? POLLIN | POLLRDNORM : 0;
    short writable = eventfd->count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0;

    return (short)(readable | writable);
}

static void eventfd_close(struct file *file)
{
    free(eventfd_of(file));
}

static const struct file_ops ops = {
    .read = eventfd_take,
    .write = eventfd_add,
    .stat = eventfd_stat,
    .poll = eventfd_poll,
    .close = eventfd_close,
};

SPRAT_API int eventfd(unsigned count, int flags)
{
    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return (int)file_result(-EINVAL);
    struct eventfd *eventfd = calloc(1, sizeof(*eventfd));
    if (!eventfd)
        return -1;
    file_init(&eventfd->file, &ops, O_RDWR | (flags & EFD_NONBLOCK));
    eventfd->count = count;
    eventfd->semaphore = flags & EFD_SEMAPHORE;
    int fd = file_install(&eventfd->file, 0, flags & EFD_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0)
        file_release(&eventfd->file);
    return (int)file_result(fd);
}

SPRAT_API int eventfd_read(int fd, eventfd_t *value)
{
    return read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

SPRAT_API int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}
