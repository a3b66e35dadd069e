/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the layers above arch and below the kernel need of it: memory, waiting, the log, the end.
 *
 * The kernel implements this in the guest; in host tests the fake world does, where waiting is what
 * makes the other side move. Frontends see nothing else of the kernel, which is what lets the same
 * source run on both.
 */
#ifndef SPRAT_PORT_H
#define SPRAT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/compiler.h>

struct arch_regs;

#define PORT_FOREVER UINT64_MAX /**< a deadline that never comes */

/**
 * Allocate pages that follow one another, mapped readable and writable. They hold nothing that the
 * guest had in them before: another domain may see them.
 *
 * @return NULL when there are none. Callable anywhere; the caller owns them.
 */
void *port_pages_alloc(size_t n_pages);

/** Give back what port_pages_alloc() gave. All of it at once. */
void port_pages_free(void *pages);

/** Allocate bytes, aligned to 16, not zeroed. @return NULL when there are none. */
void *port_alloc(size_t size);

/** Give back what port_alloc() gave; NULL is allowed. */
void port_free(void *memory);

/** Threads that wait for the same thing. All zero is an empty one. */
struct port_queue {
    void *first, *last;
};

/**
 * Sleep until woken or until the deadline, in ns of clock_monotonic(). The caller looks at what it
 * waits for before and after: a wake-up is a hint. Not callable from event handlers.
 *
 * @return 0 when woken, -ETIMEDOUT.
 */
SPRAT_API int port_wait(struct port_queue *queue, uint64_t deadline_ns);

/** Let all threads that wait here run again. Callable from event handlers. */
SPRAT_API void port_wake(struct port_queue *queue);

/** Something to be done soon, where waiting is allowed. Owned by the caller until it has run. */
struct port_work {
    void (*run)(struct port_work *work);
    struct port_work *next; /**< of the queue */
    bool queued;
};

/**
 * Have work->run(work) called by the worker thread, after what was queued before it. Work that is
 * queued already is not queued twice. Callable from event handlers.
 */
void port_work(struct port_work *work);

/**
 * Write a line to the guest's log (the console), "sprat: " before it and a line's end behind it.
 * Never waits: what the console can't take now is kept, and counted when even that is full.
 */
void port_log(const char *fmt, ...) SPRAT_PRINTF(1, 2);

/** Our own mistake: say so, with a backtrace, and end the domain as crashed. */
void port_panic(const char *fmt, ...) SPRAT_PRINTF(1, 2) __attribute__((noreturn));

#endif
