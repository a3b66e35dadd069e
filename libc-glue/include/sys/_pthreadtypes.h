/* SPDX-License-Identifier: BSD-2-Clause */
/** The types of <pthread.h>, in the place of newlib's. <sys/types.h> includes this. */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <stddef.h>

#define _POSIX_THREADS                  200809L
#define _POSIX_THREAD_ATTR_STACKSIZE    200809L
#define _POSIX_READER_WRITER_LOCKS      200809L
#define _POSIX_SEMAPHORES               200809L
#define _POSIX_BARRIERS                 200809L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1

/* Threads that wait, in their order: the kernel's struct port_queue. */
struct __pthread_queue {
    void *__first, *__last;
};

typedef struct __pthread *pthread_t;
typedef unsigned pthread_key_t;

typedef struct {
    size_t __stack_size;
    int __detached;
    void *__stack; /* of a thread that runs */
} pthread_attr_t;

typedef struct {
    int __type;
} pthread_mutexattr_t;

/* All zero is an unlocked mutex of the normal type, and likewise for the others. */
typedef struct {
    int __type;
    unsigned __depth;
    void *__owner;
    struct __pthread_queue __waiting;
} pthread_mutex_t;

typedef pthread_mutex_t pthread_spinlock_t;

typedef struct {
    int __clock;
} pthread_condattr_t;

typedef struct {
    int __clock; /* 0 is CLOCK_REALTIME */
    struct __pthread_queue __waiting;
} pthread_cond_t;

typedef struct {
    int __unused;
} pthread_rwlockattr_t;

typedef struct {
    void *__writer;
    unsigned __readers, __writers_waiting;
    struct __pthread_queue __waiting_readers, __waiting_writers;
} pthread_rwlock_t;

typedef struct {
    int __state;
    struct __pthread_queue __waiting;
} pthread_once_t;

typedef struct {
    int __unused;
} pthread_barrierattr_t;

typedef struct {
    unsigned __count, __arrived;
    struct __pthread_queue __waiting;
} pthread_barrier_t;

#endif
