/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's one alarm, a SIGALRM in a thread of its own. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "fail.h"
#include "signals.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull
#define S_MAX     (INT64_MAX / NS_PER_S)

static struct {
    struct timer timer;
    uint64_t deadline_ns; /* 0 when it is not set */
    uint64_t interval_ns;
    bool ringing; /* a thread serves it */
    bool rang;    /* and no signal was sent for it yet */
} alarms;

static void ring(void *arg)
{
    (void)arg;
    while (alarms.rang) {
        alarms.rang = false;
        signal_send(SIGALRM, SI_TIMER);
    }
    alarms.ringing = false;
}

static void expired(struct timer *timer)
{
    alarms.deadline_ns = alarms.interval_ns ? alarms.deadline_ns + alarms.interval_ns : 0;
    if (alarms.deadline_ns)
        timer_start(timer, alarms.deadline_ns, expired);
    alarms.rang = true;
    if (alarms.ringing)
        return;
    alarms.ringing = thread_start("alarm", THREAD_STACK_DEFAULT, ring, NULL);
    if (!alarms.ringing)
        port_log("alarm: no memory for a thread to handle SIGALRM");
}

static bool to_ns(const struct timeval *tv, uint64_t *ns)
{
    if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
        return false;
    uint64_t s = (uint64_t)tv->tv_sec < S_MAX ? (uint64_t)tv->tv_sec : S_MAX - 1;
    *ns = s * NS_PER_S + (uint64_t)tv->tv_usec * NS_PER_US;
    return true;
}

static struct timeval of_ns(uint64_t ns)
{
    return (struct timeval){.tv_sec = (time_t)(ns / NS_PER_S),
                            .tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US)};
}

/* ns until it rings, at least a microsecond; 0 when it is not set. */
static uint64_t left(void)
{
    if (!alarms.deadline_ns)
        return 0;
    uint64_t soon_ns = clock_monotonic() + NS_PER_US;
    return alarms.deadline_ns > soon_ns ? alarms.deadline_ns - soon_ns + NS_PER_US : NS_PER_US;
}

/* No signal of the alarm before comes from now on. */
static void set(uint64_t first_ns, uint64_t interval_ns)
{
    alarms.rang = false;
    alarms.interval_ns = interval_ns;
    alarms.deadline_ns = first_ns ? clock_monotonic() + first_ns : 0;
    if (first_ns)
        timer_start(&alarms.timer, alarms.deadline_ns, expired);
    else
        timer_stop(&alarms.timer);
}

SPRAT_API int getitimer(int which, struct itimerval *value)
{
    if (which != ITIMER_REAL)
        return fail(EINVAL);
    *value =
        (struct itimerval){.it_interval = of_ns(alarms.interval_ns), .it_value = of_ns(left())};
    return 0;
}

SPRAT_API int setitimer(int which, const struct itimerval *restrict value,
                        struct itimerval *restrict before)
{
    uint64_t first_ns, interval_ns;

    if (which != ITIMER_REAL || !to_ns(&value->it_value, &first_ns) ||
        !to_ns(&value->it_interval, &interval_ns))
        return fail(EINVAL);
    if (before)
        getitimer(which, before);
    set(first_ns, interval_ns);
    return 0;
}

/* What was left of the one before is rounded up: 0 would say that there was none. */
SPRAT_API unsigned alarm(unsigned seconds)
{
    uint64_t before_ns = left();

    set(seconds * NS_PER_S, 0);
    return (unsigned)((before_ns + NS_PER_S - 1) / NS_PER_S);
}
