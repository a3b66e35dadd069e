/* SPDX-License-Identifier: BSD-2-Clause */
/* What threads are like and would be, one CPU, timers as files; tested in a guest. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define MS 1000000l

static void there_is_one_policy(void)
{
    struct sched_param param = {.sched_priority = 7};
    int policy = -1;

    CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_getparam(getpid(), &param) == 0);
    CHECK(param.sched_priority == 0 && sched_setscheduler(0, SCHED_OTHER, &param) == 0);
    CHECK(sched_setparam(0, &param) == 0);
    CHECK_FAILS(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
    CHECK_FAILS(sched_setscheduler(0, 77, &param), EINVAL);
    CHECK_FAILS(sched_getscheduler(2), ESRCH);
    CHECK_FAILS(sched_getparam(2, &param), ESRCH);
    CHECK_FAILS(sched_setscheduler(2, SCHED_OTHER, &param), ESRCH);
    CHECK(sched_get_priority_min(SCHED_RR) == 1 && sched_get_priority_max(SCHED_FIFO) == 99);
    CHECK(sched_get_priority_min(SCHED_OTHER) == 0 && sched_get_priority_max(SCHED_BATCH) == 0);
    CHECK_FAILS(sched_get_priority_min(77), EINVAL);
    CHECK_FAILS(sched_get_priority_max(-1), EINVAL);
    CHECK(pthread_getschedparam(pthread_self(), &policy, &param) == 0 && policy == SCHED_OTHER);
    CHECK(pthread_setschedparam(pthread_self(), policy, &param) == 0);
    param.sched_priority = 1;
    CHECK_FAILS(sched_setparam(0, &param), EINVAL);
    CHECK_FAILS(sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
    CHECK(pthread_setschedparam(pthread_self(), SCHED_RR, &param) == EPERM);
    param.sched_priority = 100;
    CHECK_FAILS(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
    errno = 0;
    CHECK(getpriority(PRIO_PROCESS, 0) == 0 && getpriority(PRIO_USER, 0) == 0 && !errno);
    CHECK(setpriority(PRIO_PROCESS, 1, 0) == 0 && nice(0) == 0);
    CHECK_FAILS(setpriority(PRIO_PROCESS, 0, 5), EPERM);
    CHECK_FAILS(nice(-5), EPERM);
    CHECK_FAILS(getpriority(PRIO_PROCESS, 2), ESRCH);
    CHECK_FAILS(getpriority(PRIO_USER, 2), ESRCH);
    CHECK_FAILS(getpriority(PRIO_USER + 1, 0), EINVAL);
}

static void there_is_one_cpu(void)
{
    cpu_set_t set;

    CHECK(get_nprocs() == 1 && get_nprocs_conf() == 1 && sched_getcpu() == 0);
    CPU_ZERO(&set);
    CPU_SET(900, &set);
    CHECK(CPU_COUNT(&set) == 1 && CPU_ISSET(900, &set) && !CPU_ISSET(899, &set));
    CHECK_FAILS(sched_setaffinity(0, sizeof(set), &set), EINVAL);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == EINVAL);
    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
    CHECK(CPU_COUNT(&set) == 1 && CPU_ISSET(0, &set));
    CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
    CPU_CLR(0, &set);
    CHECK(CPU_COUNT(&set) == 0);
    CHECK(pthread_getaffinity_np(pthread_self(), sizeof(set), &set) == 0 && CPU_ISSET(0, &set));
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0);
    CHECK_FAILS(sched_getaffinity(0, 4, &set), EINVAL);
    CHECK_FAILS(sched_setaffinity(0, 4, &set), EINVAL);
    CHECK_FAILS(sched_getaffinity(2, sizeof(set), &set), ESRCH);
    CHECK_FAILS(sched_setaffinity(2, sizeof(set), &set), ESRCH);
}

static void attributes_that_are_not_there_are_refused(void)
{
    const struct sched_param none = {.sched_priority = 0}, one = {.sched_priority = 1};
    pthread_mutexattr_t mutex;
    pthread_condattr_t cond;
    pthread_attr_t attr;
    size_t bytes = 0;

    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setguardsize(&attr, 0) == 0);
    CHECK(pthread_attr_setguardsize(&attr, 4096) == 0);
    CHECK(pthread_attr_setguardsize(&attr, 4097) == EINVAL);
    CHECK(pthread_attr_getguardsize(&attr, &bytes) == 0 && bytes == 4096);
    CHECK(pthread_attr_setscope(&attr, PTHREAD_SCOPE_SYSTEM) == 0);
    CHECK(pthread_attr_setscope(&attr, PTHREAD_SCOPE_PROCESS) == ENOTSUP);
    CHECK(pthread_attr_setscope(&attr, 2) == EINVAL);
    CHECK(pthread_attr_setschedpolicy(&attr, SCHED_OTHER) == 0);
    CHECK(pthread_attr_setschedpolicy(&attr, SCHED_RR) == ENOTSUP);
    CHECK(pthread_attr_setschedpolicy(&attr, 77) == EINVAL);
    CHECK(pthread_attr_setschedparam(&attr, &none) == 0);
    CHECK(pthread_attr_setschedparam(&attr, &one) == EINVAL);
    CHECK(pthread_mutexattr_init(&mutex) == 0 && pthread_condattr_init(&cond) == 0);
    CHECK(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutexattr_setpshared(&mutex, 2) == EINVAL);
    CHECK(pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_PRIVATE) == 0);
    CHECK(pthread_condattr_setpshared(&cond, 2) == EINVAL);
    CHECK(pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_STALLED) == 0);
    CHECK(pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST) == ENOTSUP);
    CHECK(pthread_mutexattr_setrobust(&mutex, 2) == EINVAL);
    CHECK(pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_NONE) == 0);
    CHECK(pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_INHERIT) == ENOTSUP);
    CHECK(pthread_mutexattr_setprotocol(&mutex, 3) == EINVAL);
    CHECK(pthread_atfork(NULL, NULL, NULL) == 0);
}

static void what_is_said_of_cancelling_is_remembered(void)
{
    int before = -1;

    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
    CHECK(before == PTHREAD_CANCEL_ENABLE);
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before) == 0);
    CHECK(before == PTHREAD_CANCEL_DISABLE && pthread_setcancelstate(2, NULL) == EINVAL);
    CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
    CHECK(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before) == 0);
    CHECK(before == PTHREAD_CANCEL_ASYNCHRONOUS && pthread_setcanceltype(2, NULL) == EINVAL);
    pthread_testcancel();
}

static bool is_on(const void *stack, size_t bytes, const void *variable)
{
    return variable >= stack && (const char *)variable < (const char *)stack + bytes;
}

static void *tells(void *arg)
{
    pthread_attr_t attr;
    void *stack = NULL;
    size_t bytes = 0;
    int detached = -1;

    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
    CHECK(pthread_attr_getstack(&attr, &stack, &bytes) == 0);
    CHECK(bytes >= 65536 && bytes < 70000 && is_on(stack, bytes, &attr));
    CHECK(pthread_attr_getdetachstate(&attr, &detached) == 0 && detached == 0);
    *(pid_t *)arg = gettid();
    CHECK(gettid() == *(pid_t *)arg && gettid() > 1);
    return NULL;
}

static void a_thread_knows_its_stack_and_its_number(void)
{
    pthread_attr_t attr;
    pthread_t threads[2];
    pid_t numbers[2];
    void *stack = NULL;
    size_t bytes = 0;

    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 65536) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], &attr, tells, &numbers[i]) == 0);
        CHECK(pthread_getattr_np(threads[i], &attr) == 0);
    }
    sched_yield();
    CHECK(pthread_getattr_np(threads[0], &attr) == ESRCH);
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
    CHECK(numbers[0] != numbers[1] && gettid() == getpid());
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
    CHECK(pthread_attr_getstack(&attr, &stack, &bytes) == 0 && is_on(stack, bytes, &attr));
}

static pthread_spinlock_t spin;

static void *wants_it(void *arg)
{
    CHECK(pthread_spin_trylock(&spin) == EBUSY && pthread_spin_lock(&spin) == 0);
    *(bool *)arg = true;
    CHECK(pthread_spin_unlock(&spin) == 0);
    return NULL;
}

static void nobody_spins(void)
{
    pthread_t thread;
    bool had = false;

    CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
    CHECK(pthread_spin_trylock(&spin) == 0);
    CHECK(pthread_create(&thread, NULL, wants_it, &had) == 0);
    sched_yield();
    sched_yield();
    CHECK(!had && pthread_spin_unlock(&spin) == 0 && pthread_join(thread, NULL) == 0 && had);
    CHECK(pthread_spin_destroy(&spin) == 0);
}

static int64_t ns_of(const struct timespec *ts)
{
    return (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
}

static void a_timer_is_read_when_it_has_expired(void)
{
    struct itimerspec value = {.it_value = {0, 20 * MS}}, left;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLOUT};
    struct timespec before, after;
    uint64_t n = 0;
    char small[7];

    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(timerfd_gettime(fd, &left) == 0 && !ns_of(&left.it_value) && !ns_of(&left.it_interval));
    CHECK(poll(&pollfd, 1, 0) == 0 && clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && timerfd_gettime(fd, &left) == 0);
    CHECK(ns_of(&left.it_value) > 0 && ns_of(&left.it_value) <= 20 * MS);
    CHECK(poll(&pollfd, 1, -1) == 1 && pollfd.revents == POLLIN);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0 && ns_of(&after) - ns_of(&before) >= 20 * MS);
    CHECK_FAILS(read(fd, small, sizeof(small)), EINVAL);
    CHECK(timerfd_gettime(fd, &left) == 0 && !ns_of(&left.it_value));
    CHECK(read(fd, &n, sizeof(n)) == 8 && n == 1 && poll(&pollfd, 1, 0) == 0);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK_FAILS(read(fd, &n, sizeof(n)), EAGAIN);
    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && fcntl(fd, F_SETFL, 0) == 0);
    CHECK(read(fd, &n, sizeof(n)) == 8 && n == 1 && close(fd) == 0);
}

static void a_timer_that_nobody_reads_counts(void)
{
    struct itimerspec value = {.it_value = {0, 5 * MS}, .it_interval = {0, 10 * MS}}, left;
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    uint64_t n = 0;

    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && usleep(47000) == 0);
    CHECK(timerfd_gettime(fd, &left) == 0 && ns_of(&left.it_interval) == 10 * MS);
    CHECK(ns_of(&left.it_value) > 0 && ns_of(&left.it_value) <= 10 * MS);
    CHECK(read(fd, &n, sizeof(n)) == 8 && n >= 5);
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && read(fd, &n, sizeof(n)) == 8 && n >= 1);
    /* In the past of its clock: at once, and as often as it would have since. */
    CHECK(clock_gettime(CLOCK_REALTIME, &value.it_value) == 0);
    value.it_value.tv_sec -= 2;
    value.it_interval = (struct timespec){1, 0};
    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, &left) == 0);
    CHECK(ns_of(&left.it_interval) == 10 * MS);
    CHECK(read(fd, &n, sizeof(n)) == 8 && n >= 3);
    /* One that is stopped has nothing to say, nor has what it said before. */
    value = (struct itimerspec){.it_value = {0, 1}};
    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && usleep(1000) == 0);
    value.it_value.tv_nsec = 0;
    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    CHECK_FAILS(read(fd, &n, sizeof(n)), EAGAIN);
    value.it_value.tv_sec = INT64_MAX;
    CHECK(timerfd_settime(fd, 0, &value, NULL) == 0 && close(fd) == 0);
}

static void what_is_no_timer_is_told(void)
{
    static const struct timespec wrong[] = {{0, -1}, {0, 1000000000}, {-1, 0}};
    struct itimerspec value = {.it_value = {0, 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        value.it_value = wrong[i];
        CHECK_FAILS(timerfd_settime(fd, 0, &value, NULL), EINVAL);
        value = (struct itimerspec){.it_value = {0, 1}, .it_interval = wrong[i]};
        CHECK_FAILS(timerfd_settime(fd, 0, &value, NULL), EINVAL);
    }
    value = (struct itimerspec){.it_value = {0, 1}};
    CHECK_FAILS(timerfd_settime(fd, 4, &value, NULL), EINVAL);
    CHECK_FAILS(timerfd_settime(STDIN_FILENO, 0, &value, NULL), EINVAL);
    CHECK_FAILS(timerfd_gettime(STDIN_FILENO, &value), EINVAL);
    CHECK(close(fd) == 0);
    CHECK_FAILS(timerfd_settime(fd, 0, &value, NULL), EBADF);
    CHECK_FAILS(timerfd_gettime(fd, &value), EBADF);
    CHECK_FAILS(timerfd_create(77, 0), EINVAL);
    CHECK_FAILS(timerfd_create(CLOCK_MONOTONIC, 2), EINVAL);
}

int main(void)
{
    RUN(there_is_one_policy);
    RUN(there_is_one_cpu);
    RUN(attributes_that_are_not_there_are_refused);
    RUN(what_is_said_of_cancelling_is_remembered);
    RUN(a_thread_knows_its_stack_and_its_number);
    RUN(nobody_spins);
    RUN(a_timer_is_read_when_it_has_expired);
    RUN(a_timer_that_nobody_reads_counts);
    RUN(what_is_no_timer_is_told);
    puts("all passed");
    return 0;
}
