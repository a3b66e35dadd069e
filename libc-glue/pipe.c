/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes: a page of bytes between two files. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#define ROOM         4096 /* bytes in flight; a power of two */
#define ATOMIC_BYTES 512  /* POSIX's PIPE_BUF: written as a whole or not yet */

struct pipe {
    struct file read_end, write_end;
    bool reading, writing; /* that end is open */
    size_t first, used;
    struct port_queue readers, writers;
    char bytes[ROOM];
};

static struct pipe *pipe_of_reader(struct file *file)
{
    return CONTAINER_OF(file, struct pipe, read_end);
}

static struct pipe *pipe_of_writer(struct file *file)
{
    return CONTAINER_OF(file, struct pipe, write_end);
}

static void tell_readers(struct pipe *pipe)
{
    thread_wake(&pipe->readers);
    file_changed(&pipe->read_end);
}

static void tell_writers(struct pipe *pipe)
{
    thread_wake(&pipe->writers);
    file_changed(&pipe->write_end);
}

static size_t take(struct pipe *pipe, char *to, size_t len)
{
    size_t n = 0;

    while (n < len && pipe->used) {
        size_t run = ROOM - pipe->first;
        run = run < pipe->used ? run : pipe->used;
        run = run < len - n ? run : len - n;
        memcpy(to + n, pipe->bytes + pipe->first, run);
        pipe->first = (pipe->first + run) % ROOM;
        pipe->used -= run;
        n += run;
    }
    return n;
}

static size_t put(struct pipe *pipe, const char *from, size_t len)
{
    size_t n = 0;

    while (n < len && pipe->used < ROOM) {
        size_t at = (pipe->first + pipe->used) % ROOM;
        size_t run = at < pipe->first ? pipe->first - at : ROOM - at;
        run = run < ROOM - pipe->used ? run : ROOM - pipe->used;
        run = run < len - n ? run : len - n;
        memcpy(pipe->bytes + at, from + n, run);
        pipe->used += run;
        n += run;
    }
    return n;
}

static ssize_t pipe_read(struct file *file, const struct iovec *iov, int n_iov)
{
    struct pipe *pipe = pipe_of_reader(file);
    size_t n = 0;

    while (!pipe->used) {
        if (!pipe->writing)
            return 0;
        if (file_nonblocking(file))
            return -EAGAIN;
        thread_wait(&pipe->readers, PORT_FOREVER);
    }
    for (int i = 0; i < n_iov; i++)
        n += take(pipe, iov[i].iov_base, iov[i].iov_len);
    tell_writers(pipe);
    return (ssize_t)n;
}

/* Nobody reads: EPIPE, and no SIGPIPE, whose default is to end the guest. */
static ssize_t pipe_write(struct file *file, const struct iovec *iov, int n_iov)
{
    struct pipe *pipe = pipe_of_writer(file);
    size_t left = (size_t)file_iov_bytes(iov, n_iov), offset = 0, written = 0;

    while (left) {
        size_t least = left <= ATOMIC_BYTES && !written ? left : 1;
        if (!pipe->reading)
            return written ? (ssize_t)written : -EPIPE;
        if (ROOM - pipe->used < least) {
            if (file_nonblocking(file))
                return written ? (ssize_t)written : -EAGAIN;
            thread_wait(&pipe->writers, PORT_FOREVER);
            continue;
        }
        size_t n = put(pipe, (const char *)iov->iov_base + offset, iov->iov_len - offset);
        written += n;
        left -= n;
        offset += n;
        if (offset == iov->iov_len) {
            iov++;
            offset = 0;
        }
        tell_readers(pipe);
    }
    return (ssize_t)written;
}

static int pipe_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IFIFO | S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    return 0;
}

static short pipe_read_poll(struct file *file)
{
    const struct pipe *pipe = pipe_of_reader(file);
    short events = pipe->used ? POLLIN | POLLRDNORM : 0;

    return pipe->writing ? events : (short)(events | POLLHUP);
}

static short pipe_write_poll(struct file *file)
{
    const struct pipe *pipe = pipe_of_writer(file);
    short events = ROOM - pipe->used >= ATOMIC_BYTES ? POLLOUT | POLLWRNORM : 0;

    return pipe->reading ? events : POLLERR;
}

static int pipe_read_ioctl(struct file *file, unsigned long request, void *arg)
{
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)arg = (int)pipe_of_reader(file)->used;
    return 0;
}

static void free_if_closed(struct pipe *pipe)
{
    if (!pipe->reading && !pipe->writing)
        free(pipe);
}

static void pipe_read_close(struct file *file)
{
    struct pipe *pipe = pipe_of_reader(file);

    pipe->reading = false;
    tell_writers(pipe);
    free_if_closed(pipe);
}

static void pipe_write_close(struct file *file)
{
    struct pipe *pipe = pipe_of_writer(file);

    pipe->writing = false;
    tell_readers(pipe);
    free_if_closed(pipe);
}

static const struct file_ops read_ops = {
    .read = pipe_read,
    .stat = pipe_stat,
    .poll = pipe_read_poll,
    .ioctl = pipe_read_ioctl,
    .close = pipe_read_close,
};

static const struct file_ops write_ops = {
    .write = pipe_write,
    .stat = pipe_stat,
    .poll = pipe_write_poll,
    .close = pipe_write_close,
};

SPRAT_API int pipe2(int fds[2], int flags)
{
    int fd_flags = flags & O_CLOEXEC ? FD_CLOEXEC : 0;

    if (flags & ~(O_NONBLOCK | O_CLOEXEC))
        return (int)file_result(-EINVAL);
    struct pipe *pipe = malloc(sizeof(*pipe));
    if (!pipe)
        return -1;
    memset(pipe, 0, offsetof(struct pipe, bytes));
    file_init(&pipe->read_end, &read_ops, O_RDONLY | (flags & O_NONBLOCK));
    file_init(&pipe->write_end, &write_ops, O_WRONLY | (flags & O_NONBLOCK));
    pipe->reading = pipe->writing = true;

    int reader = file_install(&pipe->read_end, 0, fd_flags);
    int writer = reader < 0 ? reader : file_install(&pipe->write_end, 0, fd_flags);
    if (writer < 0) {
        file_release(&pipe->write_end);
        if (reader < 0)
            file_release(&pipe->read_end);
        else
            close(reader);
        return (int)file_result(writer);
    }
    fds[0] = reader;
    fds[1] = writer;
    return 0;
}

SPRAT_API int pipe(int fds[2])
{
    return pipe2(fds, 0);
}
