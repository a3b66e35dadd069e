/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * One-shot timers. As many as there is memory for; the vCPU's one alarm is set for the earliest.
 */
#ifndef SPRAT_TIMER_H
#define SPRAT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/** Owned by the caller; all zero is a stopped timer. */
struct timer {
    uint64_t deadline_ns;
    void (*handler)(struct timer *timer); /**< runs like an event handler: must not wait */

    /* Of timer.c: a pairing heap. */
    struct timer *child, *sibling, **link;
};

/** Call handler(timer) at a time of clock_monotonic(). A timer that runs is moved. */
void timer_start(struct timer *timer, uint64_t deadline_ns, void (*handler)(struct timer *));

/** @return false when it was not running (or its handler has been called). */
bool timer_stop(struct timer *timer);

/** Call the handlers of all timers whose time has come. */
void timer_run(void);

/** The earliest deadline, PORT_FOREVER when no timer runs. */
uint64_t timer_next(void);

#endif
