/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done with a signal is the program's affair, what is blocked a thread's. One that is
 * blocked waits: for the thread that it was meant for, or for any.
 */
#include <signal.h>

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/app.h>
#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/port.h>
#include <sprat/thread.h>

#include "deadline.h"
#include "fail.h"
#include "signals.h"
#include "threads.h"

#define NEVER_BLOCKED (BIT(SIGKILL) | BIT(SIGSTOP))
#define BIT(signal)   ((sigset_t)1 << (signal))
#define ALL           (BIT(NSIG) - BIT(1))

/* A thread in a wait that signals end. */
struct waiting {
    struct port_queue *queue;
    struct thread_signals *own;
    sigset_t taken; /* what sigwait() waits for */
    struct waiting *next, **link;
};

static struct {
    struct sigaction actions[NSIG]; /* all zero: SIG_DFL */
    siginfo_t infos[NSIG];          /* of those that are pending */
    sigset_t pending;               /* meant for any thread */
    struct waiting *waiting;
    struct port_queue arrived;
} signals;

static struct thread_signals *own(void)
{
    return threads_signals(pthread_self());
}

static bool is_signal(int signal)
{
    return signal > 0 && signal < NSIG;
}

/* Sets. */

SPRAT_API int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

SPRAT_API int sigfillset(sigset_t *set)
{
    *set = ALL;
    return 0;
}

SPRAT_API int sigaddset(sigset_t *set, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    *set |= BIT(signal);
    return 0;
}

SPRAT_API int sigdelset(sigset_t *set, int signal)
{
    if (!is_signal(signal))
        return fail(EINVAL);
    *set &= ~BIT(signal);
    return 0;
}

SPRAT_API int sigismember(const sigset_t *set, int signal)
{
    return is_signal(signal) ? (int)(*set >> signal & 1) : fail(EINVAL);
}

/* Waits. */

static int wait_until(struct port_queue *queue, uint64_t deadline_ns, sigset_t taken)
{
    struct waiting wait = {.queue = queue,
                           .own = own(),
                           .taken = taken,
                           .next = signals.waiting,
                           .link = &signals.waiting};

    if (wait.next)
        wait.next->link = &wait.next;
    signals.waiting = &wait;
    int error = thread_wait(queue, deadline_ns);
    *wait.link = wait.next;
    if (wait.next)
        wait.next->link = wait.link;
    return error;
}

unsigned signal_count(void)
{
    return own()->n_handled;
}

int signal_wait(struct port_queue *queue, uint64_t deadline_ns, unsigned n_before)
{
    int error = own()->n_handled == n_before ? wait_until(queue, deadline_ns, 0) : 0;
    return own()->n_handled == n_before ? error : -EINTR;
}

/* Those that do not block the signal: any of them might have run its handler. */
static void interrupt(int signal)
{
    if (!(own()->blocked & BIT(signal)))
        own()->n_handled++;
    for (struct waiting *wait = signals.waiting; wait; wait = wait->next) {
        if (wait->own->blocked & BIT(signal))
            continue;
        wait->own->n_handled++;
        thread_wake(wait->queue);
    }
}

/* By sigwait(), in any thread or in the one that the signal is meant for. */
static bool is_waited_for(int signal, const sigset_t *pending)
{
    for (const struct waiting *wait = signals.waiting; wait; wait = wait->next)
        if (wait->taken & BIT(signal) &&
            (pending == &signals.pending || pending == &wait->own->pending))
            return true;
    return false;
}

/* Delivery. */

static void by_default(int signal)
{
    switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
        return;
    case SIGTERM:
        exit(EXIT_SUCCESS);
    case SIGABRT:
        port_panic("abort() was called");
    default:
        port_panic("signal %d", signal);
    }
}

static void call_handler(const siginfo_t *sent)
{
    int signal = sent->si_signo, error = errno;
    struct sigaction action = signals.actions[signal];
    sigset_t *blocked = &own()->blocked, before = *blocked;
    siginfo_t info = *sent;

    if (action.sa_flags & SA_RESETHAND)
        signals.actions[signal] = (struct sigaction){.sa_handler = SIG_DFL};
    *blocked |= action.sa_mask & ~NEVER_BLOCKED;
    if (!(action.sa_flags & SA_NODEFER))
        *blocked |= BIT(signal);
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(signal, &info, NULL);
    else
        action.sa_handler(signal);
    *blocked = before;
    errno = error;
    interrupt(signal);
}

static void deliver(const siginfo_t *info)
{
    _sig_func_ptr handler = signals.actions[info->si_signo].sa_handler;

    if (handler == SIG_DFL)
        by_default(info->si_signo);
    else if (handler != SIG_IGN)
        call_handler(info);
}

/* Take the lowest of these that waits. @return 0 when none does. */
static int take_pending(sigset_t set)
{
    sigset_t ready = (signals.pending | own()->pending) & set;

    if (!ready)
        return 0;
    int signal = __builtin_ctzl(ready);
    own()->pending &= ~BIT(signal);
    signals.pending &= ~BIT(signal);
    return signal;
}

static void deliver_pending(void)
{
    int signal;

    while ((signal = take_pending(~own()->blocked))) {
        siginfo_t info = signals.infos[signal];
        deliver(&info);
    }
}

/* @param pending  where it waits when it is among `blocked`, or for who waits for it. */
static void send(const siginfo_t *info, sigset_t blocked, sigset_t *pending)
{
    sigset_t bit = BIT(info->si_signo);

    if (!(blocked & bit) && !is_waited_for(info->si_signo, pending)) {
        deliver(info);
        deliver_pending(); /* what came while the handler blocked it */
        return;
    }
    if (!(*pending & bit))
        signals.infos[info->si_signo] = *info;
    *pending |= bit;
    thread_wake(&signals.arrived);
}

static void send_any(int signal, int code, union sigval value)
{
    siginfo_t info = {.si_signo = signal, .si_code = code, .si_pid = getpid(), .si_value = value};

    send(&info, threads_all_block(), &signals.pending);
}

void signal_send(int signal, int code)
{
    send_any(signal, code, (union sigval){0});
}

/* Sending. There is one process, and it is its own group. */

static int queue(pid_t pid, int signal, int code, union sigval value)
{
    if (signal && !is_signal(signal))
        return fail(EINVAL);
    if (pid != getpid() && pid != 0 && pid != -1)
        return fail(ESRCH);
    if (signal)
        send_any(signal, code, value);
    return 0;
}

SPRAT_API int kill(pid_t pid, int signal)
{
    return queue(pid, signal, SI_USER, (union sigval){0});
}

SPRAT_API int killpg(pid_t group, int signal)
{
    return kill(group, signal);
}

SPRAT_API int sigqueue(pid_t pid, int signal, const union sigval value)
{
    return queue(pid, signal, SI_QUEUE, value);
}

SPRAT_API int pthread_kill(pthread_t thread, int signal)
{
    if (signal && !is_signal(signal))
        return EINVAL;
    if (signal) {
        struct thread_signals *its = threads_signals(thread);
        siginfo_t info = {.si_signo = signal, .si_code = SI_USER, .si_pid = getpid()};
        send(&info, its->blocked, &its->pending);
    }
    return 0;
}

SPRAT_API int raise(int signal)
{
    int error = pthread_kill(pthread_self(), signal);
    return error ? fail(error) : 0;
}

SPRAT_API void abort(void)
{
    raise(SIGABRT);
    port_panic("abort() was called"); /* its handler returned, or it is blocked */
}

void app_terminate(void)
{
    signal_send(SIGTERM, SI_USER);
}

/* What is done with them. */

SPRAT_API int sigaction(int signal, const struct sigaction *action, struct sigaction *before)
{
    if (!is_signal(signal) || (action && NEVER_BLOCKED & BIT(signal)))
        return fail(EINVAL);
    struct sigaction was = signals.actions[signal];
    if (action) {
        signals.actions[signal] = *action;
        if (action->sa_handler == SIG_IGN) {
            signals.pending &= ~BIT(signal);
            threads_forget(BIT(signal));
        }
    }
    if (before)
        *before = was;
    return 0;
}

/* As in the BSDs and Linux: the handler stays, and is not called while it runs. */
SPRAT_API _sig_func_ptr signal(int signal, _sig_func_ptr handler)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;

    return sigaction(signal, &action, &before) ? SIG_ERR : before.sa_handler;
}

/* Blocking them. */

SPRAT_API int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    sigset_t *blocked = &own()->blocked, was = *blocked;

    if (set) {
        if (how == SIG_BLOCK)
            *blocked |= *set;
        else if (how == SIG_UNBLOCK)
            *blocked &= ~*set;
        else if (how == SIG_SETMASK)
            *blocked = *set;
        else
            return EINVAL;
        *blocked &= ALL & ~NEVER_BLOCKED;
    }
    if (before)
        *before = was;
    deliver_pending();
    return 0;
}

SPRAT_API int sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
    int error = pthread_sigmask(how, set, before);
    return error ? fail(error) : 0;
}

SPRAT_API int sigpending(sigset_t *set)
{
    *set = signals.pending | own()->pending;
    return 0;
}

/* Waiting for them. */

static int wait_handled(unsigned n_before)
{
    struct port_queue nobody_wakes = {0};

    signal_wait(&nobody_wakes, PORT_FOREVER, n_before);
    return fail(EINTR);
}

SPRAT_API int pause(void)
{
    return wait_handled(signal_count());
}

SPRAT_API int sigsuspend(const sigset_t *mask)
{
    unsigned n_before = signal_count();
    sigset_t before;

    pthread_sigmask(SIG_SETMASK, mask, &before);
    int result = wait_handled(n_before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int take(const sigset_t *set, siginfo_t *info, uint64_t deadline_ns)
{
    unsigned n_before = signal_count();
    int signal;

    while (!(signal = take_pending(*set))) {
        if (signal_count() != n_before)
            return fail(EINTR);
        if (wait_until(&signals.arrived, deadline_ns, *set))
            return fail(EAGAIN);
    }
    if (info)
        *info = signals.infos[signal];
    return signal;
}

SPRAT_API int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    uint64_t span_ns;

    if (!deadline_of(CLOCK_MONOTONIC, timeout, &span_ns))
        return fail(EINVAL);
    uint64_t now_ns = clock_monotonic();
    return take(set, info, span_ns < PORT_FOREVER - now_ns ? now_ns + span_ns : PORT_FOREVER);
}

SPRAT_API int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    return take(set, info, PORT_FOREVER);
}

SPRAT_API int sigwait(const sigset_t *set, int *signal)
{
    do
        *signal = take(set, NULL, PORT_FOREVER);
    while (*signal < 0);
    return 0;
}

SPRAT_API void siglongjmp(sigjmp_buf buffer, int value)
{
    if (buffer->__saved)
        sigprocmask(SIG_SETMASK, &buffer->__blocked, NULL);
    longjmp(buffer->__buffer, value);
}
