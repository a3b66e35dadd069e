/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's retargetable locks. Threads are cooperative, so what takes a lock and gives it back
 * without waiting in between never meets another: only stdio does that, while the console is full.
 * */
#include "lock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/lock.h>

#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "threads.h"

struct __lock {
    struct thread *owner;
    unsigned depth;
    struct port_queue waiting;
};

#define LOCK(name) SPRAT_API struct __lock __lock___##name
LOCK(sinit_recursive_mutex);
LOCK(sfp_recursive_mutex);
LOCK(atexit_recursive_mutex);
LOCK(at_quick_exit_mutex);
LOCK(malloc_recursive_mutex);
LOCK(env_recursive_mutex);
LOCK(tz_mutex);
LOCK(dd_hash_mutex);
LOCK(arc4random_mutex);

static bool waiting_ended;

void lock_end_of_waiting(void)
{
    waiting_ended = true;
}

static bool try_acquire(struct __lock *lock)
{
    struct thread *self = thread_self();

    if (lock->owner && lock->owner != self && !waiting_ended)
        return false;
    lock->owner = self;
    lock->depth++;
    return true;
}

SPRAT_API void __retarget_lock_acquire_recursive(struct __lock *lock)
{
    while (!try_acquire(lock))
        thread_wait(&lock->waiting, PORT_FOREVER);
}

SPRAT_API int __retarget_lock_try_acquire_recursive(struct __lock *lock)
{
    return try_acquire(lock);
}

SPRAT_API void __retarget_lock_release_recursive(struct __lock *lock)
{
    if (--lock->depth)
        return;
    lock->owner = NULL;
    thread_wake_one(&lock->waiting);
}

/* The interface has no way to fail: whoever finds no memory shares one lock. */
static struct __lock shared;

SPRAT_API void __retarget_lock_init_recursive(struct __lock **lock)
{
    *lock = calloc(1, sizeof(**lock));
    if (!*lock)
        *lock = &shared;
}

SPRAT_API void __retarget_lock_close_recursive(struct __lock *lock)
{
    if (lock != &shared)
        free(lock);
}

/* The plain kind may be the same: nobody may take one twice. */
SPRAT_API void __retarget_lock_acquire(struct __lock *)
    __attribute__((alias("__retarget_lock_acquire_recursive")));
SPRAT_API int __retarget_lock_try_acquire(struct __lock *)
    __attribute__((alias("__retarget_lock_try_acquire_recursive")));
SPRAT_API void __retarget_lock_release(struct __lock *)
    __attribute__((alias("__retarget_lock_release_recursive")));
SPRAT_API void __retarget_lock_init(struct __lock **)
    __attribute__((alias("__retarget_lock_init_recursive")));
SPRAT_API void __retarget_lock_close(struct __lock *)
    __attribute__((alias("__retarget_lock_close_recursive")));

/* Streams, by the program's own wish. */

/* The standard streams have no lock before the first call that uses one of them. */
static void make_streams(const FILE *stream)
{
    if (!stream->_lock)
        __sinit(_impure_ptr);
}

SPRAT_API void flockfile(FILE *stream)
{
    make_streams(stream);
    __retarget_lock_acquire_recursive(stream->_lock);
}

SPRAT_API int ftrylockfile(FILE *stream)
{
    make_streams(stream);
    return __retarget_lock_try_acquire_recursive(stream->_lock) ? 0 : -1;
}

SPRAT_API void funlockfile(FILE *stream)
{
    __retarget_lock_release_recursive(stream->_lock);
}
