/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX threads, tested in a guest. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MANY 100 /* descriptors: poll() has room on the stack for fewer */

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static void *twice(void *arg)
{
    sched_yield();
    if (*(int *)arg == 3)
        pthread_exit((void *)100L);
    return (void *)(*(int *)arg * 2L);
}

static void a_thread_returns_what_join_gives(void)
{
    pthread_t threads[4];
    void *result;

    int args[4] = {0, 1, 2, 3};

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, twice, &args[i]) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], &result) == 0 && (long)result == (i == 3 ? 100 : i * 2));
    CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
}

static void *sets_errno(void *arg)
{
    (void)arg;
    CHECK(errno == 0);
    errno = EILSEQ;
    sched_yield();
    CHECK(errno == EILSEQ);
    printf("a line from a thread, with a double: %.3f\n", 1.5);
    return NULL;
}

static void each_thread_has_its_errno(void)
{
    pthread_t thread;

    errno = EDOM;
    CHECK(pthread_create(&thread, NULL, sets_errno, NULL) == 0);
    sched_yield();
    CHECK(errno == EDOM);
    CHECK(pthread_join(thread, NULL) == 0);
    errno = 0;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int counter;

static void *counts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        CHECK(pthread_mutex_lock(&lock) == 0);
        int seen = counter;
        sched_yield();
        counter = seen + 1;
        CHECK(pthread_mutex_unlock(&lock) == 0);
    }
    return NULL;
}

static void a_mutex_lets_one_in(void)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, counts, NULL) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(counter == 300);
}

static void kinds_of_mutexes_differ(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t mutex;
    struct timespec soon = in_ms(CLOCK_REALTIME, 5);

    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0);
    pthread_mutex_init(&mutex, &attr);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == EPERM);
    CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
    pthread_mutex_init(&mutex, &attr);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_lock(&mutex) == EDEADLK);
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY && pthread_mutex_destroy(&mutex) == EBUSY);
    CHECK(pthread_mutex_lock(&lock) == 0);
    CHECK(pthread_mutex_timedlock(&lock, &soon) == ETIMEDOUT);
    CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_mutexattr_settype(&attr, 77) == EINVAL);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool ready;

static void *makes_ready(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    ready = true;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void a_condition_wakes_and_times_out(void)
{
    pthread_t thread;
    pthread_condattr_t attr;
    pthread_cond_t monotonic;

    pthread_mutex_lock(&lock);
    CHECK(pthread_create(&thread, NULL, makes_ready, NULL) == 0);
    while (!ready)
        CHECK(pthread_cond_wait(&cond, &lock) == 0);
    struct timespec soon = in_ms(CLOCK_REALTIME, 10);
    CHECK(pthread_cond_timedwait(&cond, &lock, &soon) == ETIMEDOUT);
    pthread_condattr_init(&attr);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    pthread_cond_init(&monotonic, &attr);
    soon = in_ms(CLOCK_MONOTONIC, 10);
    CHECK(pthread_cond_timedwait(&monotonic, &lock, &soon) == ETIMEDOUT);
    struct timespec now = in_ms(CLOCK_MONOTONIC, 0);
    CHECK(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
    soon.tv_nsec = 1000000000;
    CHECK(pthread_cond_timedwait(&monotonic, &lock, &soon) == EINVAL);
    pthread_mutex_unlock(&lock);
    CHECK(pthread_join(thread, NULL) == 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int inits, destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static void init(void)
{
    inits++;
    sched_yield();
    CHECK(pthread_key_create(&key, destroy) == 0);
}

static void *has_a_value(void *arg)
{
    pthread_once(&once, init);
    CHECK(pthread_getspecific(key) == NULL);
    CHECK(pthread_setspecific(key, arg) == 0);
    sched_yield();
    CHECK(pthread_getspecific(key) == arg);
    return NULL;
}

static void keys_are_each_threads_own(void)
{
    pthread_t threads[2];
    int values[2] = {1, 10};

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, has_a_value, &values[i]) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(inits == 1 && destroyed == 11);
    CHECK(pthread_key_delete(key) == 0 && pthread_key_delete(key) == EINVAL);
}

static void *has_nothing_under_a_new_key(void *old)
{
    static int value;

    CHECK(pthread_setspecific(*(pthread_key_t *)old, &value) == 0);
    sched_yield();
    CHECK(pthread_getspecific(key) == NULL);
    return NULL;
}

static void a_new_key_has_no_value_in_any_thread(void)
{
    pthread_t thread;
    pthread_key_t old;
    int value;

    destroyed = 0;
    CHECK(pthread_key_create(&old, NULL) == 0 && pthread_setspecific(old, &value) == 0);
    CHECK(pthread_create(&thread, NULL, has_nothing_under_a_new_key, &old) == 0);
    sched_yield();
    CHECK(pthread_key_delete(old) == 0 && pthread_key_create(&key, destroy) == 0 && key == old);
    CHECK(pthread_getspecific(key) == NULL);
    CHECK(pthread_join(thread, NULL) == 0 && destroyed == 0);
    CHECK(pthread_key_delete(key) == 0);
}

static sem_t sem;

static void *posts(void *arg)
{
    (void)arg;
    sem_post(&sem);
    return NULL;
}

static void a_semaphore_counts(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    int value;
    struct timespec soon = in_ms(CLOCK_REALTIME, 5);

    CHECK(sem_init(&sem, 0, 1) == 0);
    CHECK(sem_wait(&sem) == 0);
    CHECK_FAILS(sem_trywait(&sem), EAGAIN);
    CHECK_FAILS(sem_timedwait(&sem, &soon), ETIMEDOUT);
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setstacksize(&attr, 100) == EINVAL);
    CHECK(pthread_attr_setstacksize(&attr, 65536) == 0);
    CHECK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    CHECK(pthread_create(&thread, &attr, posts, NULL) == 0);
    CHECK(sem_wait(&sem) == 0);
    CHECK(sem_getvalue(&sem, &value) == 0 && value == 0);
}

static void *sets_flag(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

/* What waits for nothing must not keep the network's thread, nor any other, from running. */
static void who_only_polls_lets_others_run(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    struct epoll_event event = {.events = EPOLLOUT};
    bool flags[3] = {false};
    pthread_t threads[3];
    int ends[2];
    int epoll = epoll_create1(0);

    CHECK(pipe(ends) == 0);
    struct pollfd nothing = {.fd = ends[0], .events = POLLIN};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, sets_flag, &flags[i]) == 0);
    CHECK(!flags[0]);
    CHECK(poll(&out, 1, -1) == 1);
    CHECK(flags[0] && flags[1] && flags[2]);

    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        flags[i] = false;
    }
    CHECK(pthread_create(&threads[0], NULL, sets_flag, &flags[0]) == 0);
    CHECK(poll(&nothing, 1, 0) == 0);
    CHECK(flags[0] && pthread_join(threads[0], NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, sets_flag, &flags[1]) == 0);
    CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
    CHECK(flags[1] && pthread_join(threads[1], NULL) == 0);
    close(epoll);
    close(ends[0]);
    close(ends[1]);
}

static void who_only_reads_lets_others_run(void)
{
    bool flag = false;
    pthread_t thread;
    int ends[2];
    char c;

    CHECK(pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(pthread_create(&thread, NULL, sets_flag, &flag) == 0);
    for (int i = 0; i < 100 && !flag; i++)
        CHECK_FAILS(read(ends[0], &c, 1), EAGAIN);
    CHECK(flag && pthread_join(thread, NULL) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

struct block {
    struct block *next;
};

static struct block *take_all_memory(void)
{
    struct block *first = NULL, *block;

    for (size_t size = 1 << 16; size >= sizeof(*block); size /= 2) {
        while ((block = malloc(size))) {
            block->next = first;
            first = block;
        }
    }
    return first;
}

static void *writes_later(void *arg)
{
    struct timespec moment = {.tv_nsec = 20000000};

    nanosleep(&moment, NULL);
    CHECK(write(*(int *)arg, "x", 1) == 1);
    return NULL;
}

/* Who calls poll() can't do without it, and others may be those who free some. */
static void poll_waits_without_memory_too(void)
{
    struct pollfd fds[MANY];
    pthread_t thread;
    int ends[2];

    CHECK(pipe(ends) == 0);
    for (int i = 0; i < MANY; i++)
        fds[i] = (struct pollfd){.fd = i == MANY - 1 ? ends[0] : -1, .events = POLLIN};
    CHECK(pthread_create(&thread, NULL, writes_later, &ends[1]) == 0);
    struct block *first = take_all_memory();
    int timed_out = poll(fds, MANY, 1), ready = poll(fds, MANY, -1);
    while (first) {
        struct block *block = first;
        first = block->next;
        free(block);
    }
    CHECK(timed_out == 0);
    CHECK(ready == 1 && fds[MANY - 1].revents == POLLIN);
    CHECK(pthread_join(thread, NULL) == 0);
    close(ends[0]);
    close(ends[1]);
}

static void many_threads_leave_nothing_behind(void)
{
    pthread_t thread;
    int one = 1;

    for (int i = 0; i < 10; i++) {
        CHECK(pthread_create(&thread, NULL, twice, &one) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    long before = sysconf(_SC_AVPHYS_PAGES);
    for (int i = 0; i < 200; i++) {
        CHECK(pthread_create(&thread, NULL, twice, &one) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK(sysconf(_SC_AVPHYS_PAGES) == before);
}

static void *has_a_name(void *arg)
{
    char name[16];

    sem_wait(arg);
    CHECK(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0);
    CHECK(strcmp(name, "worker") == 0);
    return NULL;
}

static void a_thread_has_the_name_that_it_is_given(void)
{
    char name[16];
    pthread_t thread;
    sem_t sem;

    CHECK(sem_init(&sem, 0, 0) == 0 && pthread_create(&thread, NULL, has_a_name, &sem) == 0);
    CHECK(pthread_setname_np(thread, "a-name-of-16-byt") == ERANGE);
    CHECK(pthread_setname_np(thread, "a-name-of-15-by") == 0);
    CHECK(pthread_getname_np(thread, name, 15) == ERANGE);
    CHECK(pthread_getname_np(thread, name, 16) == 0 && strcmp(name, "a-name-of-15-by") == 0);
    CHECK(pthread_setname_np(thread, "worker") == 0 && sem_post(&sem) == 0);
    sched_yield();
    CHECK(pthread_setname_np(thread, "late") == ESRCH && pthread_join(thread, NULL) == 0);
    CHECK(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strlen(name) > 0);
    CHECK(pthread_setname_np(pthread_self(), "first") == 0);
    CHECK(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0);
    CHECK(strcmp(name, "first") == 0 && sem_destroy(&sem) == 0);
}

static int n_awake;

static void *sleeps(void *arg)
{
    const struct timespec *length = arg;

    n_awake += nanosleep(length, NULL) == 0;
    return NULL;
}

static void who_sleeps_for_ever_sleeps(void)
{
    /* The first is 2^64 ns less a moment. */
    static const struct timespec lengths[] = {{.tv_sec = 18446744073}, {.tv_sec = INT64_MAX}},
                                 moment = {.tv_nsec = 10000000};
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&thread, NULL, sleeps, (void *)(uintptr_t)&lengths[i]) == 0);
    CHECK(nanosleep(&moment, NULL) == 0 && n_awake == 0);
}

int main(void)
{
    RUN(a_thread_returns_what_join_gives);
    RUN(each_thread_has_its_errno);
    RUN(a_mutex_lets_one_in);
    RUN(kinds_of_mutexes_differ);
    RUN(a_condition_wakes_and_times_out);
    RUN(keys_are_each_threads_own);
    RUN(a_new_key_has_no_value_in_any_thread);
    RUN(a_semaphore_counts);
    RUN(who_only_polls_lets_others_run);
    RUN(who_only_reads_lets_others_run);
    RUN(poll_waits_without_memory_too);
    RUN(many_threads_leave_nothing_behind);
    RUN(a_thread_has_the_name_that_it_is_given);
    RUN(who_sleeps_for_ever_sleeps); /* until the guest ends */
    puts("all passed");
    return EXIT_SUCCESS;
}
