/* SPDX-License-Identifier: BSD-2-Clause */
/* What threads and mutexes are to be like. */
#include <pthread.h>

#include <errno.h>

#include <sprat/compiler.h>
#include <sprat/page.h>
#include <sprat/thread.h>

SPRAT_API int pthread_attr_init(pthread_attr_t *attr)
{
    *attr = (pthread_attr_t){.__stack_size = THREAD_STACK_DEFAULT};
    return 0;
}

SPRAT_API int pthread_attr_destroy(pthread_attr_t *attr)
{
    (void)attr;
    return 0;
}

SPRAT_API int pthread_attr_setstacksize(pthread_attr_t *attr, size_t bytes)
{
    if (bytes < PTHREAD_STACK_MIN)
        return EINVAL;
    attr->__stack_size = bytes;
    return 0;
}

SPRAT_API int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *bytes)
{
    *bytes = attr->__stack_size;
    return 0;
}

SPRAT_API int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
    if (state != PTHREAD_CREATE_DETACHED && state != PTHREAD_CREATE_JOINABLE)
        return EINVAL;
    attr->__detached = state;
    return 0;
}

SPRAT_API int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
    *state = attr->__detached;
    return 0;
}

/* There is a page below each stack, always. */

SPRAT_API int pthread_attr_setguardsize(pthread_attr_t *attr, size_t bytes)
{
    (void)attr;
    return bytes <= PAGE_BYTES ? 0 : EINVAL;
}

SPRAT_API int pthread_attr_getguardsize(const pthread_attr_t *attr, size_t *bytes)
{
    (void)attr;
    *bytes = PAGE_BYTES;
    return 0;
}

/* Of pthread_getattr_np(). */
SPRAT_API int pthread_attr_getstack(const pthread_attr_t *attr, void **stack, size_t *bytes)
{
    *stack = attr->__stack;
    *bytes = attr->__stack_size;
    return 0;
}

/* There is one process, and a mutex is its threads'. */

SPRAT_API int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared)
{
    (void)attr;
    return shared == PTHREAD_PROCESS_PRIVATE || shared == PTHREAD_PROCESS_SHARED ? 0 : EINVAL;
}

SPRAT_API int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared)
{
    (void)attr;
    return shared == PTHREAD_PROCESS_PRIVATE || shared == PTHREAD_PROCESS_SHARED ? 0 : EINVAL;
}

SPRAT_API int pthread_mutexattr_setrobust(pthread_mutexattr_t *attr, int robust)
{
    (void)attr;
    return robust == PTHREAD_MUTEX_STALLED ? 0 : robust == PTHREAD_MUTEX_ROBUST ? ENOTSUP : EINVAL;
}

SPRAT_API int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol)
{
    (void)attr;
    return protocol == PTHREAD_PRIO_NONE                                          ? 0
           : protocol == PTHREAD_PRIO_INHERIT || protocol == PTHREAD_PRIO_PROTECT ? ENOTSUP
                                                                                  : EINVAL;
}
