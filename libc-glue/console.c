/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors 0, 1 and 2: the guest's console. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/log.h>

static bool is_console(int fd)
{
    return fd >= STDIN_FILENO && fd <= STDERR_FILENO;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

SPRAT_API ssize_t write(int fd, const void *bytes, size_t len)
{
    if (!is_console(fd))
        return fail(EBADF);
    log_write(bytes, len);
    return (ssize_t)len;
}

SPRAT_API ssize_t read(int fd, void *bytes, size_t len)
{
    if (!is_console(fd))
        return fail(EBADF);
    return len ? (ssize_t)log_read(bytes, len) : 0;
}

SPRAT_API int fstat(int fd, struct stat *st)
{
    if (!is_console(fd))
        return fail(EBADF);
    *st = (struct stat){.st_mode = S_IFCHR | S_IRUSR | S_IWUSR, .st_nlink = 1};
    return 0;
}

SPRAT_API int isatty(int fd)
{
    if (is_console(fd))
        return 1;
    errno = EBADF;
    return 0;
}

SPRAT_API off_t lseek(int fd, off_t offset, int whence)
{
    (void)offset;
    (void)whence;
    return fail(is_console(fd) ? ESPIPE : EBADF);
}

SPRAT_API int close(int fd)
{
    return is_console(fd) ? 0 : fail(EBADF);
}
