/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with the way back from gmtime(). */
#include_next <time.h>

#ifndef _SPRAT_TIME_H
#define _SPRAT_TIME_H

#if __MISC_VISIBLE
/** mktime() of UTC. @return -1 with EOVERFLOW when no such year can be told. */
time_t timegm(struct tm *date);
/** mktime(). */
time_t timelocal(struct tm *date);
#endif

#endif
