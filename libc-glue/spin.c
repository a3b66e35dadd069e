/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has the lock runs only when who wants it waits: nobody spins. */
#include <pthread.h>

#include <sprat/compiler.h>

SPRAT_API int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    return pthread_mutex_init(lock, NULL);
}

SPRAT_API int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    return pthread_mutex_destroy(lock);
}

SPRAT_API int pthread_spin_lock(pthread_spinlock_t *lock)
{
    return pthread_mutex_lock(lock);
}

SPRAT_API int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    return pthread_mutex_trylock(lock);
}

SPRAT_API int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    return pthread_mutex_unlock(lock);
}
