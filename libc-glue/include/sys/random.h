/* SPDX-License-Identifier: BSD-2-Clause */
/** Random bytes, as Linux has them. */
#ifndef _SYS_RANDOM_H
#define _SYS_RANDOM_H

#include <sys/types.h>

/* They have no meaning here: what the CPU gives is there from the start. */
#define GRND_NONBLOCK 1
#define GRND_RANDOM   2

/** @return len, or -1 with errno. */
ssize_t getrandom(void *buffer, size_t len, unsigned flags);

#endif
