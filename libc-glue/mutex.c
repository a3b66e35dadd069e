/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX mutexes and condition variables. Threads are cooperative: nothing here is interrupted. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "deadline.h"

#define NS_PER_S 1000000000ull

static_assert(sizeof(struct __pthread_queue) == sizeof(struct port_queue), "they are one");

bool deadline_of(clockid_t clock, const struct timespec *until, uint64_t *deadline_ns)
{
    uint64_t ns;

    *deadline_ns = PORT_FOREVER;
    if (!until)
        return true;
    if (until->tv_nsec < 0 || until->tv_nsec >= (long)NS_PER_S)
        return false;
    if (until->tv_sec < 0) {
        *deadline_ns = 0;
        return true;
    }
    if (__builtin_mul_overflow((uint64_t)until->tv_sec, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (uint64_t)until->tv_nsec, &ns))
        return true;
    if (clock == CLOCK_REALTIME) {
        uint64_t wall_ns = clock_wall();
        ns = ns > wall_ns ? clock_monotonic() + (ns - wall_ns) : 0;
    }
    *deadline_ns = ns;
    return true;
}

SPRAT_API int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
    *attr = (pthread_mutexattr_t){PTHREAD_MUTEX_DEFAULT};
    return 0;
}

SPRAT_API int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
    (void)attr;
    return 0;
}

SPRAT_API int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
    if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
        return EINVAL;
    attr->__type = type;
    return 0;
}

SPRAT_API int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type)
{
    *type = attr->__type;
    return 0;
}

SPRAT_API int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    *mutex = (pthread_mutex_t){.__type = attr ? attr->__type : PTHREAD_MUTEX_DEFAULT};
    return 0;
}

SPRAT_API int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return mutex->__owner ? EBUSY : 0;
}

SPRAT_API int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    void *self = thread_self();

    if (mutex->__owner && (mutex->__owner != self || mutex->__type != PTHREAD_MUTEX_RECURSIVE))
        return EBUSY;
    if (mutex->__depth == UINT32_MAX)
        return EAGAIN;
    mutex->__owner = self;
    mutex->__depth++;
    return 0;
}

static int lock_until(pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    int error;

    if (mutex->__owner == thread_self() && mutex->__type == PTHREAD_MUTEX_ERRORCHECK)
        return EDEADLK;
    while ((error = pthread_mutex_trylock(mutex)) == EBUSY)
        if (thread_wait(QUEUE(mutex->__waiting), deadline_ns))
            return pthread_mutex_trylock(mutex) ? ETIMEDOUT : 0;
    return error;
}

SPRAT_API int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return lock_until(mutex, PORT_FOREVER);
}

SPRAT_API int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
    uint64_t deadline_ns;

    if (!deadline_of(CLOCK_REALTIME, until, &deadline_ns))
        return EINVAL;
    return lock_until(mutex, deadline_ns);
}

SPRAT_API int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (mutex->__owner != thread_self())
        return EPERM;
    if (--mutex->__depth)
        return 0;
    mutex->__owner = NULL;
    thread_wake_one(QUEUE(mutex->__waiting));
    return 0;
}

/* Condition variables. */

SPRAT_API int pthread_condattr_init(pthread_condattr_t *attr)
{
    *attr = (pthread_condattr_t){0};
    return 0;
}

SPRAT_API int pthread_condattr_destroy(pthread_condattr_t *attr)
{
    (void)attr;
    return 0;
}

SPRAT_API int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attr->__clock = clock == CLOCK_MONOTONIC;
    return 0;
}

SPRAT_API int pthread_condattr_getclock(const pthread_condattr_t *attr, clockid_t *clock)
{
    *clock = attr->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return 0;
}

SPRAT_API int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    *cond = (pthread_cond_t){.__clock = attr ? attr->__clock : 0};
    return 0;
}

SPRAT_API int pthread_cond_destroy(pthread_cond_t *cond)
{
    return cond->__waiting.__first ? EBUSY : 0;
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    unsigned depth = mutex->__depth;

    if (mutex->__owner != thread_self())
        return EPERM;
    mutex->__depth = 1;
    pthread_mutex_unlock(mutex);
    int error = thread_wait(QUEUE(cond->__waiting), deadline_ns);
    pthread_mutex_lock(mutex);
    mutex->__depth = depth;
    return error ? ETIMEDOUT : 0;
}

SPRAT_API int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wait_until(cond, mutex, PORT_FOREVER);
}

SPRAT_API int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                     const struct timespec *until)
{
    uint64_t deadline_ns;

    if (!deadline_of(cond->__clock ? CLOCK_MONOTONIC : CLOCK_REALTIME, until, &deadline_ns))
        return EINVAL;
    return wait_until(cond, mutex, deadline_ns);
}

SPRAT_API int pthread_cond_signal(pthread_cond_t *cond)
{
    thread_wake_one(QUEUE(cond->__waiting));
    return 0;
}

SPRAT_API int pthread_cond_broadcast(pthread_cond_t *cond)
{
    thread_wake(QUEUE(cond->__waiting));
    return 0;
}
