/* SPDX-License-Identifier: BSD-2-Clause */
/* For guest sources on the host: nobody sends signals. */
#include "signals.h"

#include <pthread.h>
#include <signal.h>

#include <sprat/thread.h>

unsigned signal_count(void)
{
    return 0;
}

int signal_wait(struct port_queue *queue, uint64_t deadline_ns, unsigned n_before)
{
    (void)n_before;
    return thread_wait(queue, deadline_ns);
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how;
    (void)set;
    if (before)
        *before = 0;
    return 0;
}
