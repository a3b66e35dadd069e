/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what POSIX and Linux say of files' space and of how they will be read. */
#include_next <fcntl.h>

#ifndef _SPRAT_FCNTL_H
#define _SPRAT_FCNTL_H

#define POSIX_FADV_NORMAL     0
#define POSIX_FADV_RANDOM     1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED   3
#define POSIX_FADV_DONTNEED   4
#define POSIX_FADV_NOREUSE    5

/** Nothing is read ahead. @return 0, EBADF, EINVAL, or ESPIPE for a pipe. */
int posix_fadvise(int fd, off_t offset, off_t len, int advice);

/**
 * From now on writing there does not fail for want of space; the file grows to hold it.
 *
 * @return 0, EBADF, EINVAL, EFBIG, ENODEV, ESPIPE, ENOSPC (what could be had is the file's then).
 */
int posix_fallocate(int fd, off_t offset, off_t len);

#if __GNU_VISIBLE
#define FALLOC_FL_KEEP_SIZE 1 /**< refused, as all modes are: EOPNOTSUPP */

/** @return 0, or -1 with errno. */
int fallocate(int fd, int mode, off_t offset, off_t len);
#endif

#endif
