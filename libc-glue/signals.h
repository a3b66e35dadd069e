/* SPDX-License-Identifier: BSD-2-Clause */
/** Signals that do not come from the program. */
#ifndef SPRAT_SIGNALS_H
#define SPRAT_SIGNALS_H

/**
 * Send the program a signal: its handler runs in the calling thread, before this returns, unless
 * all of its threads block the signal.
 *
 * @param code  SI_...
 */
void signal_send(int signal, int code);

#endif
