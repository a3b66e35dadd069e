/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what it declares for some systems only. */
#include_next <unistd.h>

#ifndef _SPRAT_UNISTD_H
#define _SPRAT_UNISTD_H

#if __GNU_VISIBLE
/** 1 for the first thread, which is the process. */
pid_t gettid(void);
#endif

#endif
