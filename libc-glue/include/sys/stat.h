/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what it declares for some systems only. */
#include_next <sys/stat.h>

#ifndef _SPRAT_SYS_STAT_H
#define _SPRAT_SYS_STAT_H

int lstat(const char *__restrict path, struct stat *__restrict st);

#endif
