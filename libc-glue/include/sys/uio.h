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

#endif
