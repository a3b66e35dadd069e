/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX read-write locks and barriers, tested in a guest. */
#include <pthread.h>
#include <sched.h>

#include "check.h"

static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static int written;

static void *writes(void *arg)
{
    (void)arg;
    CHECK(pthread_rwlock_wrlock(&shared) == 0);
    written++;
    sched_yield();
    CHECK(pthread_rwlock_unlock(&shared) == 0);
    return NULL;
}

static void many_read_or_one_writes(void)
{
    pthread_t thread;

    CHECK(pthread_rwlock_rdlock(&shared) == 0 && pthread_rwlock_rdlock(&shared) == 0);
    CHECK(pthread_create(&thread, NULL, writes, NULL) == 0);
    sched_yield();
    CHECK(written == 0);
    CHECK(pthread_rwlock_unlock(&shared) == 0 && pthread_rwlock_unlock(&shared) == 0);
    CHECK(sched_yield() == 0 && pthread_rwlock_tryrdlock(&shared) == EBUSY);
    CHECK(pthread_rwlock_rdlock(&shared) == 0 && written == 1);
    CHECK(pthread_rwlock_unlock(&shared) == 0);
    CHECK(pthread_rwlock_unlock(&shared) == EPERM);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void who_reads_may_read_again_while_another_wants_to_write(void)
{
    pthread_t thread;

    written = 0;
    CHECK(pthread_rwlock_rdlock(&shared) == 0);
    CHECK(pthread_create(&thread, NULL, writes, NULL) == 0 && sched_yield() == 0);
    CHECK(pthread_rwlock_rdlock(&shared) == 0 && written == 0);
    CHECK(pthread_rwlock_unlock(&shared) == 0 && pthread_rwlock_unlock(&shared) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && written == 1);
}

static void *reads_too(void *arg)
{
    CHECK(pthread_rwlock_rdlock(&shared) == 0);
    *(int *)arg = 1;
    CHECK(pthread_rwlock_unlock(&shared) == 0);
    return NULL;
}

/* One that waits for a writer's end is let in by it, whoever wants to write behind it. */
static void readers_that_wait_are_let_in_with_those_that_come(void)
{
    pthread_t reader, writer;
    int has_read = 0;

    CHECK(pthread_rwlock_wrlock(&shared) == 0);
    CHECK(pthread_create(&reader, NULL, reads_too, &has_read) == 0 && sched_yield() == 0);
    CHECK(pthread_create(&writer, NULL, writes, NULL) == 0 && sched_yield() == 0);
    CHECK(pthread_rwlock_unlock(&shared) == 0 && pthread_rwlock_rdlock(&shared) == 0);
    CHECK(pthread_join(reader, NULL) == 0 && has_read);
    CHECK(pthread_rwlock_unlock(&shared) == 0 && pthread_join(writer, NULL) == 0);
}

static void *meets(void *barrier)
{
    int result = pthread_barrier_wait(barrier);
    CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
    return NULL;
}

/* Whoever came last has all at the barrier behind it, and may use its memory for something else. */
static void a_barrier_is_over_when_the_last_has_come(void)
{
    pthread_t thread;
    pthread_barrier_t barrier;

    CHECK(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, meets, &barrier) == 0 && sched_yield() == 0);
    CHECK(pthread_barrier_destroy(&barrier) == EBUSY);
    CHECK(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
    CHECK(pthread_barrier_destroy(&barrier) == 0);
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    RUN(many_read_or_one_writes);
    RUN(who_reads_may_read_again_while_another_wants_to_write);
    RUN(readers_that_wait_are_let_in_with_those_that_come);
    RUN(a_barrier_is_over_when_the_last_has_come);
    puts("all passed");
    return EXIT_SUCCESS;
}
