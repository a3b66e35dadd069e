/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals beyond signal() and kill(): masks, sigaction(), waiting, alarms; tested in a guest. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int n_caught, last, blocked_inside;
static siginfo_t last_info;

static void catch (int number)
{
    sigset_t now;

    sigprocmask(SIG_BLOCK, NULL, &now);
    blocked_inside = sigismember(&now, SIGUSR1) + 2 * sigismember(&now, SIGUSR2);
    last = number;
    n_caught++;
}

static void catch_info(int number, siginfo_t *info, void *context)
{
    CHECK(!context);
    last_info = *info;
    catch (number);
}

static sigset_t set_of(int number)
{
    sigset_t set;

    CHECK(sigemptyset(&set) == 0 && sigaddset(&set, number) == 0);
    return set;
}

static void act(int number, int flags, int also_blocked)
{
    struct sigaction action = {.sa_handler = catch, .sa_flags = flags};

    if (also_blocked)
        action.sa_mask = set_of(also_blocked);
    CHECK(sigaction(number, &action, NULL) == 0);
    n_caught = last = 0;
}

static void sets_hold_signals(void)
{
    sigset_t set;

    CHECK(sigfillset(&set) == 0 && sigismember(&set, SIGHUP) && sigismember(&set, SIGUSR2));
    CHECK(sigdelset(&set, SIGHUP) == 0 && !sigismember(&set, SIGHUP));
    CHECK_FAILS(sigaddset(&set, 0), EINVAL);
    CHECK_FAILS(sigaddset(&set, NSIG), EINVAL);
    CHECK_FAILS(sigdelset(&set, -1), EINVAL);
    CHECK_FAILS(sigismember(&set, NSIG), EINVAL);
}

static void a_handler_stays_unless_it_is_for_once(void)
{
    act(SIGUSR1, 0, 0);
    CHECK(raise(SIGUSR1) == 0 && raise(SIGUSR1) == 0 && n_caught == 2);
    CHECK(blocked_inside == 1);
    act(SIGUSR1, SA_NODEFER, SIGUSR2);
    CHECK(raise(SIGUSR1) == 0 && blocked_inside == 2);
    act(SIGCHLD, SA_RESETHAND, 0);
    CHECK(raise(SIGCHLD) == 0 && raise(SIGCHLD) == 0 && n_caught == 1);
    struct sigaction now;
    CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    CHECK_FAILS(sigaction(SIGKILL, &now, NULL), EINVAL);
    CHECK_FAILS(sigaction(0, NULL, &now), EINVAL);
    CHECK(signal(NSIG, SIG_IGN) == SIG_ERR && errno == EINVAL);
}

static void a_handler_is_told_who_sent_it(void)
{
    struct sigaction action = {.sa_sigaction = catch_info, .sa_flags = SA_SIGINFO};

    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    CHECK(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 42}) == 0);
    CHECK(last_info.si_signo == SIGUSR2 && last_info.si_code == SI_QUEUE);
    CHECK(last_info.si_value.sival_int == 42 && last_info.si_pid == getpid());
    CHECK(kill(0, SIGUSR2) == 0 && last_info.si_code == SI_USER);
}

static void a_blocked_signal_waits_and_comes_once(void)
{
    sigset_t set = set_of(SIGUSR1), before, pending;

    act(SIGUSR1, 0, 0);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0);
    CHECK(raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0 && n_caught == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0 && n_caught == 1);
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
    CHECK_FAILS(sigprocmask(9, &set, NULL), EINVAL);
    CHECK(pthread_sigmask(9, &set, NULL) == EINVAL);
    sigfillset(&set);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(sigprocmask(SIG_SETMASK, &before, &set) == 0 && !sigismember(&set, SIGKILL));
}

static void raise_again(int number)
{
    if (n_caught++ == 0)
        raise(number);
}

static void send_another(int number)
{
    last = number;
    CHECK(kill(getpid(), SIGUSR2) == 0 && n_caught == 0);
}

static void what_a_handler_blocks_comes_behind_it(void)
{
    act(SIGUSR1, 0, 0);
    CHECK(signal(SIGUSR1, raise_again) != SIG_ERR);
    CHECK(raise(SIGUSR1) == 0 && n_caught == 2);
    act(SIGUSR2, 0, 0);
    struct sigaction action = {.sa_handler = send_another, .sa_mask = set_of(SIGUSR2)};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0 && n_caught == 1 && last == SIGUSR2);
}

static void *block_all_and_wait(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    usleep(20000);
    return arg;
}

static void one_thread_that_does_not_block_it_is_enough(void)
{
    pthread_t thread;

    act(SIGUSR1, 0, 0);
    CHECK(pthread_create(&thread, NULL, block_all_and_wait, NULL) == 0);
    usleep(1000);
    CHECK(kill(getpid(), SIGUSR1) == 0 && n_caught == 1);
    CHECK(pthread_kill(thread, SIGUSR1) == 0 && n_caught == 1); /* this one blocks it */
    CHECK(pthread_kill(thread, 0) == 0 && pthread_kill(thread, NSIG) == EINVAL);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(raise(0) == 0 && kill(getpid(), 0) == 0 && n_caught == 1);
    CHECK_FAILS(raise(NSIG), EINVAL);
}

static void *wait_for_one(void *arg)
{
    sigset_t set = set_of(SIGTERM);
    int number = 0;

    CHECK(sigaddset(&set, SIGUSR1) == 0);
    CHECK(sigwait(&set, &number) == 0);
    return number == SIGTERM ? arg : NULL;
}

static void a_thread_may_wait_for_what_all_block(void)
{
    sigset_t set = set_of(SIGTERM), before;
    pthread_t thread;
    void *result;
    siginfo_t info;
    struct timespec soon = {.tv_nsec = 1000000}, bad = {.tv_nsec = -1};

    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0); /* the new thread blocks them, too */
    CHECK(pthread_create(&thread, NULL, wait_for_one, &set) == 0);
    usleep(1000);
    CHECK(kill(getpid(), SIGTERM) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == &set);
    CHECK_FAILS(sigtimedwait(&set, &info, &soon), EAGAIN);
    CHECK_FAILS(sigtimedwait(&set, &info, &bad), EINVAL);
    CHECK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7}) == 0);
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_value.sival_int == 7);
    CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

static uint64_t now_us(void)
{
    struct timespec ts;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void an_alarm_ends_a_pause(void)
{
    struct itimerval value = {.it_value = {.tv_usec = 5000}}, left;
    uint64_t start_us = now_us();

    act(SIGALRM, 0, 0);
    CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
    CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_usec > 0);
    CHECK_FAILS(pause(), EINTR);
    CHECK(n_caught == 1 && now_us() - start_us >= 5000);
    CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_usec == 0);
    value.it_value.tv_usec = 1000000;
    CHECK_FAILS(setitimer(ITIMER_REAL, &value, NULL), EINVAL);
    CHECK_FAILS(setitimer(ITIMER_PROF, &left, NULL), EINVAL);
}

static void an_alarm_may_come_again_and_again(void)
{
    struct itimerval value = {.it_value = {.tv_usec = 1000}, .it_interval = {.tv_usec = 1000}};
    struct itimerval none = {0}, before;
    sigset_t nothing;

    act(SIGALRM, 0, 0);
    sigemptyset(&nothing);
    CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
    while (n_caught < 3)
        CHECK_FAILS(sigsuspend(&nothing), EINTR);
    CHECK(setitimer(ITIMER_REAL, &none, &before) == 0 && before.it_interval.tv_usec == 1000);
    int n = n_caught;
    usleep(5000);
    CHECK(n_caught == n);
    CHECK(alarm(100) == 0 && alarm(0) == 100 && alarm(0) == 0);
}

static void alarm_in(int us)
{
    struct itimerval value = {.it_value = {.tv_usec = us}};

    CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
}

static void a_handler_ends_a_wait_for_files(void)
{
    int pipes[2], epoll = epoll_create1(0);
    struct pollfd fds[9];
    struct epoll_event event = {.events = EPOLLIN};
    fd_set set;

    CHECK(pipe(pipes) == 0 && epoll >= 0);
    for (int i = 0; i < 9; i++)
        fds[i] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
    act(SIGALRM, SA_RESTART, 0);
    alarm_in(1000);
    CHECK_FAILS(poll(fds, 1, -1), EINTR);
    alarm_in(1000);
    CHECK_FAILS(poll(fds, 9, 60000), EINTR);
    alarm_in(1000);
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    CHECK_FAILS(select(pipes[0] + 1, &set, NULL, NULL, NULL), EINTR);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event) == 0);
    alarm_in(1000);
    CHECK_FAILS(epoll_wait(epoll, &event, 1, -1), EINTR);
    CHECK(n_caught == 4);
    CHECK(write(pipes[1], "x", 1) == 1 && raise(SIGALRM) == 0 && poll(fds, 1, -1) == 1);
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0 && close(epoll) == 0);
}

static void what_is_blocked_or_ignored_ends_no_wait(void)
{
    sigset_t set = set_of(SIGALRM), before;

    act(SIGALRM, 0, 0);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0);
    alarm_in(1000);
    CHECK(poll(NULL, 0, 5) == 0 && n_caught == 0);
    CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0 && n_caught == 1);
    signal(SIGALRM, SIG_IGN);
    alarm_in(1000);
    CHECK(poll(NULL, 0, 5) == 0 && n_caught == 1);
}

static void ppoll_and_pselect_let_in_what_waits(void)
{
    sigset_t set = set_of(SIGALRM), nothing, now;
    struct timespec long_time = {.tv_sec = 60};

    act(SIGALRM, 0, 0);
    sigemptyset(&nothing);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(raise(SIGALRM) == 0 && n_caught == 0);
    CHECK_FAILS(ppoll(NULL, 0, &long_time, &nothing), EINTR);
    CHECK(raise(SIGALRM) == 0 && n_caught == 1);
    CHECK_FAILS(pselect(0, NULL, NULL, NULL, &long_time, &nothing), EINTR);
    alarm_in(1000);
    CHECK_FAILS(ppoll(NULL, 0, NULL, &nothing), EINTR);
    alarm_in(1000);
    CHECK_FAILS(pselect(0, NULL, NULL, NULL, NULL, &nothing), EINTR);
    CHECK(n_caught == 4);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, &now) == 0 && sigismember(&now, SIGALRM));
}

static void a_handler_ends_a_sleep(void)
{
    struct timespec minute = {.tv_sec = 60}, left = {0};

    act(SIGALRM, 0, 0);
    alarm_in(1000);
    CHECK_FAILS(nanosleep(&minute, &left), EINTR);
    CHECK(left.tv_sec > 0 && left.tv_sec < 60);
    alarm_in(1000);
    CHECK_FAILS(usleep(60000000), EINTR);
    alarm_in(1000);
    unsigned seconds = sleep(60);
    CHECK(seconds > 0 && seconds <= 60 && n_caught == 3);
}

static void who_waits_for_a_signal_gets_it_even_unblocked(void)
{
    sigset_t set = set_of(SIGALRM);
    siginfo_t info;
    int number;

    act(SIGALRM, 0, 0);
    alarm_in(1000);
    CHECK(sigwait(&set, &number) == 0 && number == SIGALRM && n_caught == 0);
    set = set_of(SIGUSR1);
    alarm_in(1000);
    CHECK_FAILS(sigwaitinfo(&set, &info), EINTR);
    CHECK(n_caught == 1);
}

static void what_waits_is_gone_once_it_is_ignored(void)
{
    sigset_t set = set_of(SIGUSR1), pending;

    act(SIGUSR1, 0, 0);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0);
    CHECK(signal(SIGUSR1, SIG_IGN) == catch);
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
    act(SIGUSR1, 0, 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && n_caught == 0);
}

static sigjmp_buf back;

static void jump_back(int number)
{
    siglongjmp(back, number);
}

static void a_handler_may_jump_out_with_the_mask_of_before(void)
{
    sigset_t now;

    signal(SIGUSR2, jump_back);
    int number = sigsetjmp(back, 1);
    if (!number)
        raise(SIGUSR2);
    CHECK(number == SIGUSR2);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && !sigismember(&now, SIGUSR2));
    jmp_buf plain;
    volatile int round = 0;
    if (_setjmp(plain) < 3)
        _longjmp(plain, ++round);
    CHECK(round == 3);
}

int main(void)
{
    RUN(sets_hold_signals);
    RUN(a_handler_stays_unless_it_is_for_once);
    RUN(a_handler_is_told_who_sent_it);
    RUN(a_blocked_signal_waits_and_comes_once);
    RUN(what_a_handler_blocks_comes_behind_it);
    RUN(one_thread_that_does_not_block_it_is_enough);
    RUN(a_thread_may_wait_for_what_all_block);
    RUN(an_alarm_ends_a_pause);
    RUN(an_alarm_may_come_again_and_again);
    RUN(a_handler_ends_a_wait_for_files);
    RUN(what_is_blocked_or_ignored_ends_no_wait);
    RUN(ppoll_and_pselect_let_in_what_waits);
    RUN(a_handler_ends_a_sleep);
    RUN(who_waits_for_a_signal_gets_it_even_unblocked);
    RUN(what_waits_is_gone_once_it_is_ignored);
    RUN(a_handler_may_jump_out_with_the_mask_of_before);
    puts("all passed");
    return EXIT_SUCCESS;
}
