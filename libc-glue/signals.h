/* SPDX-License-Identifier: BSD-2-Clause */
/** Signals that do not come from the program, and waits that they end. */
#ifndef SPRAT_SIGNALS_H
#define SPRAT_SIGNALS_H

#include <stdint.h>

#include <sprat/port.h>

/**
 * Send the program a signal: its handler runs in the calling thread, before this returns, unless
 * all of its threads block the signal.
 *
 * @param code  SI_...
 */
void signal_send(int signal, int code);

/** How many handlers ran that the calling thread might have run, had it the vCPU. */
unsigned signal_count(void);

/**
 * thread_wait() that ends when such a handler has run.
 *
 * @param n_before  signal_count() when the call began that waits.
 * @return 0 when woken, perhaps for nothing; -ETIMEDOUT; -EINTR.
 */
int signal_wait(struct port_queue *queue, uint64_t deadline_ns, unsigned n_before);

#endif
