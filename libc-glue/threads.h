/* SPDX-License-Identifier: BSD-2-Clause */
/** The program's threads, as signals see them. */
#ifndef SPRAT_THREADS_H
#define SPRAT_THREADS_H

#include <pthread.h>
#include <reent.h>
#include <signal.h>

/** newlib's: makes the first thread's standard streams ready. */
void __sinit(struct _reent *reent);

struct thread_signals {
    sigset_t blocked;
    sigset_t pending;   /**< meant for this thread, not for any */
    unsigned n_handled; /**< see signal_count() */
};

/** A thread of the runtime's own counts as the first. */
struct thread_signals *threads_signals(pthread_t thread);

/** The signals that all threads block. */
sigset_t threads_all_block(void);

/** What is pending of these for one thread or another is no more. */
void threads_forget(sigset_t set);

#endif
