/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Cooperative threads on one vCPU.
 *
 * A thread runs until it waits, yields or ends. Nothing interrupts it: events and timers are taken
 * when a thread waits or yields. When all wait, the vCPU is given back to Xen until the next event
 * or the earliest deadline; nothing else wakes it.
 */
#ifndef SPRAT_THREAD_H
#define SPRAT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/context.h>
#include <sprat/port.h>
#include <sprat/timer.h>

#define THREAD_STACK_DEFAULT 0x8000 /* bytes: newlib's printf of a double takes about 2 KiB */

struct thread {
    struct context context;
    struct thread *next;      /**< in the run queue or the queue it waits on */
    struct port_queue *queue; /**< it waits here; NULL when it is ready */
    struct timer timer;       /**< the wait's deadline */
    bool timed_out;
    bool ended;
    uint64_t stack_limit; /**< application code reports an overflow below this */
    void *stack;          /**< the guard page; NULL for the main thread */
    size_t stack_size;    /**< bytes, without the guard page */
    const char *name;
    void (*entry)(void *);
    void *arg;
    void *local; /**< of the C library: this thread's errno and the like */
};

/**
 * Start a thread.
 *
 * @param name  not copied.
 * @param stack_size  in bytes, rounded up to pages; a guard page below it comes on top.
 * @param entry  returning from it ends the thread and frees all that is the thread's.
 * @return NULL when there is no memory.
 */
struct thread *thread_start(const char *name, size_t stack_size, void (*entry)(void *), void *arg);

/** End the calling thread. */
void thread_exit(void) __attribute__((noreturn));

struct thread *thread_self(void);

/** The lowest byte of its stack. */
void *thread_stack(const struct thread *thread);

/** Let others run: events and timers first. */
void thread_yield(void);

/** A program's call failed, and may be made again and again until it does not: now and then, yield.
 */
void thread_failed(void);

/** Sleep until a time of clock_monotonic(). */
void thread_sleep_until(uint64_t deadline_ns);

/** See port_wait() and port_wake(). */
int thread_wait(struct port_queue *queue, uint64_t deadline_ns);
void thread_wake(struct port_queue *queue);
/** Wake the one that waits longest. @return false when nobody waits. */
bool thread_wake_one(struct port_queue *queue);

/** The name of the thread whose guard page this is, or NULL. */
const char *thread_guard_name(uint64_t address);

/** Where stacks of the calling thread may be: for crash reports. */
bool thread_on_stack(uint64_t address);

/** Make the caller (on the main stack) the main thread. Once. */
void thread_init(void);

#endif
