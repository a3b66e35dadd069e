/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Signals: POSIX, <signal.h>, in the place of newlib's.
 *
 * A signal comes from the program itself, from alarm() and setitimer(), or from the host: `xl
 * shutdown` and `xl reboot` are a SIGTERM. Threads are cooperative, so a handler runs when the
 * thread that runs gives way: it interrupts no code. It ends waits with EINTR in all threads that
 * do not block the signal: of poll(), select() and epoll_wait(), sleeps, sigsuspend(), pause() and
 * sigtimedwait(). What reads, writes, accepts or connects goes on, as after SA_RESTART. A handler
 * may run on another stack than the thread's that it ends the wait of: it must not jump out of
 * itself unless the program sent the signal by raise(). Faults are no signals: they end the guest
 * with a report.
 */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/types.h>

#ifndef _SIGSET_T_DECLARED
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

_BEGIN_STD_C

/* The numbers are newlib's, whose strsignal() names them. */
#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGIOT    SIGABRT
#define SIGEMT    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGBUS    10
#define SIGSEGV   11
#define SIGSYS    12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGURG    16
#define SIGSTOP   17
#define SIGTSTP   18
#define SIGCONT   19
#define SIGCHLD   20
#define SIGCLD    SIGCHLD
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGIO     23
#define SIGPOLL   SIGIO
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGLOST   29
#define SIGUSR1   30
#define SIGUSR2   31
#define NSIG      32
#define _NSIG     NSIG

#define SIG_BLOCK   1
#define SIG_UNBLOCK 2
#define SIG_SETMASK 0

#define SA_NOCLDSTOP 0x01
#define SA_SIGINFO   0x02
#define SA_ONSTACK   0x04 /* has no meaning here, like SA_RESTART and SA_NOCLDWAIT */
#define SA_RESTART   0x08
#define SA_NOCLDWAIT 0x10
#define SA_NODEFER   0x20
#define SA_RESETHAND 0x40

#define SI_USER  1
#define SI_QUEUE 2
#define SI_TIMER 3

#define SIGEV_NONE   1
#define SIGEV_SIGNAL 2
#define SIGEV_THREAD 3

union sigval {
    int sival_int;
    void *sival_ptr;
};

struct sigevent {
    int sigev_notify;
    int sigev_signo;
    union sigval sigev_value;
    void (*sigev_notify_function)(union sigval value);
    pthread_attr_t *sigev_notify_attributes;
};

typedef struct {
    int si_signo;
    int si_code; /**< SI_...: who sent it */
    int si_errno;
    pid_t si_pid;
    uid_t si_uid;
    void *si_addr;
    int si_status;
    union sigval si_value; /**< sigqueue()'s */
} siginfo_t;

typedef void (*_sig_func_ptr)(int signal);

struct sigaction {
    union {
        _sig_func_ptr __handler;
        void (*__action)(int signal, siginfo_t *info, void *context);
    } __do;
    sigset_t sa_mask;
    int sa_flags;
};
#define sa_handler   __do.__handler
#define sa_sigaction __do.__action /* its context is NULL */

int kill(pid_t pid, int signal);
int killpg(pid_t group, int signal);
int sigqueue(pid_t pid, int signal, const union sigval value);
int sigaction(int signal, const struct sigaction *action, struct sigaction *before);
int sigprocmask(int how, const sigset_t *set, sigset_t *before);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int pthread_kill(pthread_t thread, int signal);
int sigpending(sigset_t *set);
int sigsuspend(const sigset_t *mask);
int sigwait(const sigset_t *set, int *signal);
int sigwaitinfo(const sigset_t *set, siginfo_t *info);
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);

int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal);
int sigdelset(sigset_t *set, int signal);
int sigismember(const sigset_t *set, int signal);

_END_STD_C

#ifndef _SIGNAL_H_
#include <signal.h>
#endif

#endif
