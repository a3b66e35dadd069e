/* SPDX-License-Identifier: BSD-2-Clause */
/** Semaphores: POSIX, <semaphore.h>. */
#ifndef _SEMAPHORE_H
#define _SEMAPHORE_H

#include <sys/types.h>
#include <time.h>

#define SEM_VALUE_MAX 0x7fffffff

typedef struct {
    unsigned __value;
    struct __pthread_queue __waiting;
} sem_t;

/** @param shared  there is one process: nothing differs. */
int sem_init(sem_t *sem, int shared, unsigned value);
int sem_destroy(sem_t *sem);
int sem_post(sem_t *sem);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
int sem_timedwait(sem_t *sem, const struct timespec *until);
int sem_getvalue(sem_t *sem, int *value);

#endif
