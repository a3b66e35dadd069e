/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's console as a file. Like a terminal, it is one file for reading and writing. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <sprat/compiler.h>
#include <sprat/log.h>

/* The Enter key, as `xl console` passes it on: no terminal's driver made a line's end of it. */
static void end_lines(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\r')
            bytes[i] = '\n';
}

static ssize_t console_file_read(struct file *file, const struct iovec *iov, int n_iov)
{
    (void)n_iov;
    while (!iov->iov_len)
        iov++;
    size_t n = file_nonblocking(file) ? log_read_now(iov->iov_base, iov->iov_len)
                                      : log_read(iov->iov_base, iov->iov_len);
    end_lines(iov->iov_base, n);
    return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t console_file_write(struct file *file, const struct iovec *iov, int n_iov)
{
    size_t written = 0;

    for (int i = 0; i < n_iov; i++) {
        size_t n = iov[i].iov_len;
        if (file_nonblocking(file))
            n = log_write_now(iov[i].iov_base, n);
        else
            log_write(iov[i].iov_base, n);
        written += n;
        if (n < iov[i].iov_len)
            return written ? (ssize_t)written : -EAGAIN;
    }
    return (ssize_t)written;
}

static int console_file_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    return 0;
}

static void changed(void)
{
    file_changed(&console_file);
}

static short console_file_poll(struct file *file)
{
    short events = 0;

    (void)file;
    log_listen(changed); /* who asks may go on to wait */
    if (log_readable())
        events |= POLLIN | POLLRDNORM;
    if (log_writable())
        events |= POLLOUT | POLLWRNORM;
    return events;
}

static const struct file_ops console_ops = {
    .read = console_file_read,
    .write = console_file_write,
    .stat = console_file_stat,
    .poll = console_file_poll,
};

/* References: three descriptors, and one that stays. */
struct file console_file = {.ops = &console_ops, .references = 4, .flags = O_RDWR};
