/* SPDX-License-Identifier: BSD-2-Clause */
/** Counters as files, as Linux has them: one thread wakes another that polls. */
#ifndef _SYS_EVENTFD_H
#define _SYS_EVENTFD_H

#include <fcntl.h>
#include <stdint.h>

#define EFD_SEMAPHORE 1 /**< a read takes one, not all */
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

typedef uint64_t eventfd_t;

/** @return a descriptor; -1 with EINVAL, EMFILE or ENOMEM. */
int eventfd(unsigned count, int flags);

/** read() and write() of one counter. @return 0, or -1 with errno. */
int eventfd_read(int fd, eventfd_t *value);
int eventfd_write(int fd, eventfd_t value);

#endif
