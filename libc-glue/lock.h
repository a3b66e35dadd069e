/* SPDX-License-Identifier: BSD-2-Clause */
/** The C library's locks. */
#ifndef SPRAT_LOCK_H
#define SPRAT_LOCK_H

/**
 * From now on a lock that another thread holds is simply taken.
 *
 * exit() flushes all streams at its very end, and a thread that waits for input holds the lock of
 * stdin: waiting for it would be for ever.
 */
void lock_end_of_waiting(void);

#endif
