/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what it declares for some systems only. */
#include_next <sys/stat.h>

#ifndef _SPRAT_SYS_STAT_H
#define _SPRAT_SYS_STAT_H

#ifndef UTIME_NOW
#define UTIME_NOW  (-2l) /**< in tv_nsec: the time of the call */
#define UTIME_OMIT (-1l) /**< leave it as it is */
#endif

int lstat(const char *__restrict path, struct stat *__restrict st);

#endif
