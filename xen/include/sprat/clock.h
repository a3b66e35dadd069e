/* SPDX-License-Identifier: BSD-2-Clause */
/** Time, as Xen keeps it for the guest (pvclock), and the vCPU's one-shot timer. */
#ifndef SPRAT_CLOCK_H
#define SPRAT_CLOCK_H

#include <stdint.h>

/** ns since the host booted that started the guest, while it was not saved. Never goes back. */
uint64_t clock_monotonic(void);

/** ns since 1970-01-01 00:00 UTC. Follows the host when its clock is set. */
uint64_t clock_wall(void);

/** ns for which the guest has used a CPU. */
uint64_t clock_cpu(void);

/**
 * Make an event come at a time of clock_monotonic(), in ns; PORT_FOREVER cancels it. One deadline
 * at a time, the last one counts. One that is many days ahead may come early. @return 0 or -errno.
 */
int clock_set_alarm(uint64_t deadline_ns);

/** The same moment as Xen counts it, for a hypercall that takes one. */
uint64_t clock_xen(uint64_t monotonic_ns);

/** Go on from where time stood, on whatever host this is now, without an alarm. */
void clock_restart(void);

#endif
