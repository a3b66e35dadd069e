/* SPDX-License-Identifier: BSD-2-Clause */
/** Vectors of buffers: POSIX, <sys/uio.h>. */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <sys/types.h>

#define IOV_MAX 1024

struct iovec {
    void *iov_base;
    size_t iov_len;
};

ssize_t readv(int fd, const struct iovec *iov, int n_iov);
ssize_t writev(int fd, const struct iovec *iov, int n_iov);

/** At an offset, the position untouched. @return bytes, or -1 with errno; ESPIPE: it has none. */
ssize_t preadv(int fd, const struct iovec *iov, int n_iov, off_t offset);
ssize_t pwritev(int fd, const struct iovec *iov, int n_iov, off_t offset);

#endif
