/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing, seeking and describing, whatever the kind of file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>

ssize_t file_iov_bytes(const struct iovec *iov, int n_iov)
{
    size_t bytes = 0;

    if (n_iov < 0 || n_iov > IOV_MAX)
        return -EINVAL;
    for (int i = 0; i < n_iov; i++)
        if (__builtin_add_overflow(bytes, iov[i].iov_len, &bytes) || bytes > PTRDIFF_MAX)
            return -EINVAL;
    return (ssize_t)bytes;
}

/* O_RDONLY is 0, O_WRONLY 1 and O_RDWR 2. */
static bool may_read(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY && file->ops->read;
}

static bool may_write(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY && file->ops->write;
}

SPRAT_API ssize_t readv(int fd, const struct iovec *iov, int n_iov)
{
    ssize_t result = file_iov_bytes(iov, n_iov);
    struct file *file = file_hold(fd);

    if (!file)
        return file_result(-EBADF);
    if (!may_read(file))
        result = -EBADF;
    else if (result > 0)
        result = file->ops->read(file, iov, n_iov);
    file_release(file);
    return file_result(result);
}

SPRAT_API ssize_t writev(int fd, const struct iovec *iov, int n_iov)
{
    ssize_t result = file_iov_bytes(iov, n_iov);
    struct file *file = file_hold(fd);

    if (!file)
        return file_result(-EBADF);
    if (!may_write(file))
        result = -EBADF;
    else if (result >= 0)
        result = file->ops->write(file, iov, n_iov);
    file_release(file);
    return file_result(result);
}

SPRAT_API ssize_t read(int fd, void *bytes, size_t len)
{
    return readv(fd, &(struct iovec){bytes, len}, 1);
}

SPRAT_API ssize_t write(int fd, const void *bytes, size_t len)
{
    return writev(fd, &(struct iovec){(void *)(uintptr_t)bytes, len}, 1);
}

SPRAT_API ssize_t pread(int fd, void *bytes, size_t len, off_t offset)
{
    struct file *file = offset < 0 ? NULL : file_hold(fd);
    ssize_t result;

    if (!file)
        return file_result(offset < 0 ? -EINVAL : -EBADF);
    if (!may_read(file))
        result = -EBADF;
    else if (!file->ops->pread)
        result = -ESPIPE;
    else if (len > PTRDIFF_MAX)
        result = -EINVAL;
    else
        result = file->ops->pread(file, bytes, len, offset);
    file_release(file);
    return file_result(result);
}

SPRAT_API ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct file *file = offset < 0 ? NULL : file_hold(fd);
    ssize_t result;

    if (!file)
        return file_result(offset < 0 ? -EINVAL : -EBADF);
    if (!may_write(file))
        result = -EBADF;
    else if (!file->ops->pwrite)
        result = -ESPIPE;
    else if (len > PTRDIFF_MAX)
        result = -EINVAL;
    else
        result = len ? file->ops->pwrite(file, bytes, len, offset) : 0;
    file_release(file);
    return file_result(result);
}

/* Piece by piece, until one is short; without pieces, whether it could be done is what is asked. */
static ssize_t transfer_at(int fd, const struct iovec *iov, int n_iov, off_t offset, bool writes)
{
    ssize_t n = file_iov_bytes(iov, n_iov), done = 0;
    const struct iovec none = {0};

    if (n < 0)
        return file_result(n);
    if (!n) {
        iov = &none;
        n_iov = 1;
    }
    for (int i = 0; i < n_iov; i++) {
        n = writes ? pwrite(fd, iov[i].iov_base, iov[i].iov_len, offset + done)
                   : pread(fd, iov[i].iov_base, iov[i].iov_len, offset + done);
        done += n > 0 ? n : 0;
        if (n < (ssize_t)iov[i].iov_len)
            break;
    }
    return done ? done : n;
}

SPRAT_API ssize_t preadv(int fd, const struct iovec *iov, int n_iov, off_t offset)
{
    return transfer_at(fd, iov, n_iov, offset, false);
}

SPRAT_API ssize_t pwritev(int fd, const struct iovec *iov, int n_iov, off_t offset)
{
    return transfer_at(fd, iov, n_iov, offset, true);
}

SPRAT_API int ftruncate(int fd, off_t size)
{
    struct file *file = size < 0 ? NULL : file_hold(fd);
    int result;

    if (!file)
        return (int)file_result(size < 0 ? -EINVAL : -EBADF);
    if (!may_write(file) || !file->ops->truncate)
        result = -EINVAL;
    else
        result = file->ops->truncate(file, size);
    file_release(file);
    return (int)file_result(result);
}

SPRAT_API int fsync(int fd)
{
    struct file *file = file_hold(fd);

    if (!file)
        return (int)file_result(-EBADF);
    int result = file->ops->sync ? file->ops->sync(file) : -EINVAL;
    file_release(file);
    return (int)file_result(result);
}

/* What data needs to be found is part of the same commit. */
SPRAT_API int fdatasync(int fd)
{
    return fsync(fd);
}

SPRAT_API off_t lseek(int fd, off_t offset, int whence)
{
    struct file *file = file_hold(fd);

    if (!file)
        return file_result(-EBADF);
    off_t result = file->ops->seek ? file->ops->seek(file, offset, whence) : -ESPIPE;
    file_release(file);
    return file_result(result);
}

SPRAT_API int fstat(int fd, struct stat *st)
{
    struct file *file = file_hold(fd);

    if (!file)
        return (int)file_result(-EBADF);
    *st = (struct stat){0};
    int result = file->ops->stat(file, st);
    file_release(file);
    return (int)file_result(result);
}

SPRAT_API int isatty(int fd)
{
    struct stat st = {0};

    if (fstat(fd, &st))
        return 0;
    if (S_ISCHR(st.st_mode))
        return 1;
    errno = ENOTTY;
    return 0;
}
