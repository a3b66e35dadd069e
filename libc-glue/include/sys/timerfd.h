/* SPDX-License-Identifier: BSD-2-Clause */
/** Timers as files, as Linux has them. */
#ifndef _SYS_TIMERFD_H
#define _SYS_TIMERFD_H

#include <fcntl.h>
#include <time.h>

#define TFD_CLOEXEC             O_CLOEXEC
#define TFD_NONBLOCK            O_NONBLOCK
#define TFD_TIMER_ABSTIME       1
#define TFD_TIMER_CANCEL_ON_SET 2 /**< nobody sets the clock */

/** @param clock  CLOCK_REALTIME or CLOCK_MONOTONIC. @return a descriptor, or -1 with errno. */
int timerfd_create(clockid_t clock, int flags);

/** @param before  may be NULL. @return 0, or -1 with EBADF or EINVAL. */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *before);
int timerfd_gettime(int fd, struct itimerspec *value);

#endif
