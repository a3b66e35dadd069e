/* SPDX-License-Identifier: BSD-2-Clause */
/** The compiler's, with POSIX's limits, which clang's leaves out. */
#include_next <limits.h>

#ifndef _SPRAT_LIMITS_H
#define _SPRAT_LIMITS_H

#include <sys/syslimits.h>

#endif
