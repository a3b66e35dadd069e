/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX read-write locks, once, barriers and semaphores. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "deadline.h"

/*
 * Read-write locks. As with glibc, readers go before writers that wait: a thread that has the lock
 * for reading may take it again.
 */

SPRAT_API int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
    (void)attr;
    *lock = (pthread_rwlock_t){0};
    return 0;
}

SPRAT_API int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    return lock->__writer || lock->__readers ? EBUSY : 0;
}

SPRAT_API int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    if (lock->__writer)
        return EBUSY;
    lock->__readers++;
    return 0;
}

SPRAT_API int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    if (lock->__writer || lock->__readers)
        return EBUSY;
    lock->__writer = thread_self();
    return 0;
}

static int read_until(pthread_rwlock_t *lock, uint64_t deadline_ns)
{
    if (lock->__writer == thread_self())
        return EDEADLK;
    while (pthread_rwlock_tryrdlock(lock))
        if (thread_wait(QUEUE(lock->__waiting_readers), deadline_ns))
            return pthread_rwlock_tryrdlock(lock) ? ETIMEDOUT : 0;
    return 0;
}

static int write_until(pthread_rwlock_t *lock, uint64_t deadline_ns)
{
    int error = 0;

    if (lock->__writer == thread_self())
        return EDEADLK;
    lock->__writers_waiting++;
    while (pthread_rwlock_trywrlock(lock) && !error)
        error = thread_wait(QUEUE(lock->__waiting_writers), deadline_ns);
    lock->__writers_waiting--;
    if (lock->__writer == thread_self())
        return 0;
    thread_wake(QUEUE(lock->__waiting_readers)); /* they waited for this writer, perhaps */
    return ETIMEDOUT;
}

SPRAT_API int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return read_until(lock, PORT_FOREVER);
}

SPRAT_API int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return write_until(lock, PORT_FOREVER);
}

SPRAT_API int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    uint64_t deadline_ns;

    return deadline_of(CLOCK_REALTIME, until, &deadline_ns) ? read_until(lock, deadline_ns)
                                                            : EINVAL;
}

SPRAT_API int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
    uint64_t deadline_ns;

    return deadline_of(CLOCK_REALTIME, until, &deadline_ns) ? write_until(lock, deadline_ns)
                                                            : EINVAL;
}

SPRAT_API int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    if (lock->__writer == thread_self())
        lock->__writer = NULL;
    else if (lock->__readers && !lock->__writer)
        lock->__readers--;
    else
        return EPERM;
    if (lock->__readers)
        return 0;
    /* Who is woken in vain waits again. */
    thread_wake(QUEUE(lock->__waiting_readers));
    thread_wake_one(QUEUE(lock->__waiting_writers));
    return 0;
}

/* Once. */

enum { ONCE_NEW, ONCE_RUNNING, ONCE_DONE };

SPRAT_API int pthread_once(pthread_once_t *once, void (*init)(void))
{
    if (once->__state == ONCE_NEW) {
        once->__state = ONCE_RUNNING;
        init();
        once->__state = ONCE_DONE;
        thread_wake(QUEUE(once->__waiting));
    }
    while (once->__state != ONCE_DONE)
        thread_wait(QUEUE(once->__waiting), PORT_FOREVER);
    return 0;
}

/* Barriers. */

SPRAT_API int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr,
                                   unsigned count)
{
    (void)attr;
    if (!count)
        return EINVAL;
    *barrier = (pthread_barrier_t){.__count = count};
    return 0;
}

SPRAT_API int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    return barrier->__arrived ? EBUSY : 0;
}

SPRAT_API int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    if (++barrier->__arrived == barrier->__count) {
        barrier->__arrived = 0;
        thread_wake(QUEUE(barrier->__waiting));
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    /* Who came last alone wakes the others, and may have freed the barrier before they run. */
    thread_wait(QUEUE(barrier->__waiting), PORT_FOREVER);
    return 0;
}

/* Semaphores. */

SPRAT_API int sem_init(sem_t *sem, int shared, unsigned value)
{
    (void)shared;
    if (value > SEM_VALUE_MAX)
        return (int)file_result(-EINVAL);
    *sem = (sem_t){.__value = value};
    return 0;
}

SPRAT_API int sem_destroy(sem_t *sem)
{
    return sem->__waiting.__first ? (int)file_result(-EBUSY) : 0;
}

SPRAT_API int sem_post(sem_t *sem)
{
    if (sem->__value == SEM_VALUE_MAX)
        return (int)file_result(-EOVERFLOW);
    sem->__value++;
    thread_wake_one(QUEUE(sem->__waiting));
    return 0;
}

SPRAT_API int sem_trywait(sem_t *sem)
{
    if (!sem->__value)
        return (int)file_result(-EAGAIN);
    sem->__value--;
    return 0;
}

static int down_until(sem_t *sem, uint64_t deadline_ns)
{
    int error = 0;

    while (!sem->__value && !error)
        error = thread_wait(QUEUE(sem->__waiting), deadline_ns);
    if (!sem->__value)
        return (int)file_result(-ETIMEDOUT);
    sem->__value--;
    return 0;
}

SPRAT_API int sem_wait(sem_t *sem)
{
    return down_until(sem, PORT_FOREVER);
}

SPRAT_API int sem_timedwait(sem_t *sem, const struct timespec *until)
{
    uint64_t deadline_ns;

    if (!deadline_of(CLOCK_REALTIME, until, &deadline_ns))
        return (int)file_result(-EINVAL);
    return down_until(sem, deadline_ns);
}

SPRAT_API int sem_getvalue(sem_t *sem, int *value)
{
    *value = (int)sem->__value;
    return 0;
}
