/* SPDX-License-Identifier: BSD-2-Clause */
/** POSIX's points in time as the kernel's deadlines. */
#ifndef SPRAT_DEADLINE_H
#define SPRAT_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <sprat/port.h>

/**
 * @param clock  CLOCK_REALTIME or CLOCK_MONOTONIC.
 * @param until  of that clock; NULL: for ever.
 * @return false when it is no time.
 */
bool deadline_of(clockid_t clock, const struct timespec *until, uint64_t *deadline_ns);

/** The queue in one of <pthread.h>'s types. */
#define QUEUE(member) ((struct port_queue *)&(member))

#endif
