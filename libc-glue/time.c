/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and sleeping. */
#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "fail.h"
#include "signals.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

static bool clock_now(clockid_t clock, uint64_t *now_ns)
{
    switch (clock) {
    case CLOCK_REALTIME:
        *now_ns = clock_wall();
        return true;
    case CLOCK_MONOTONIC:
        *now_ns = clock_monotonic();
        return true;
    default:
        return false;
    }
}

SPRAT_API int clock_gettime(clockid_t clock, struct timespec *ts)
{
    uint64_t now_ns;

    if (!clock_now(clock, &now_ns))
        return fail(EINVAL);
    ts->tv_sec = (time_t)(now_ns / NS_PER_S);
    ts->tv_nsec = (long)(now_ns % NS_PER_S);
    return 0;
}

SPRAT_API int clock_getres(clockid_t clock, struct timespec *ts)
{
    uint64_t now_ns;

    if (!clock_now(clock, &now_ns))
        return fail(EINVAL);
    if (ts)
        *ts = (struct timespec){.tv_nsec = 1};
    return 0;
}

SPRAT_API int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    uint64_t now_ns = clock_wall();

    (void)zone;
    tv->tv_sec = (time_t)(now_ns / NS_PER_S);
    tv->tv_usec = (suseconds_t)(now_ns % NS_PER_S / NS_PER_US);
    return 0;
}

static clock_t ticks_of(uint64_t ns)
{
    return (clock_t)(ns / (NS_PER_S / CLOCKS_PER_SEC));
}

SPRAT_API clock_t times(struct tms *tms)
{
    *tms = (struct tms){.tms_utime = ticks_of(clock_cpu())};
    return ticks_of(clock_monotonic());
}

/* All of it is the program's own; what Xen does for the guest is not told apart. */
SPRAT_API int getrusage(int who, struct rusage *usage)
{
    uint64_t ns = clock_cpu();

    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN)
        return fail(EINVAL);
    *usage = (struct rusage){0};
    if (who == RUSAGE_SELF) {
        usage->ru_utime.tv_sec = (time_t)(ns / NS_PER_S);
        usage->ru_utime.tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US);
    }
    return 0;
}

/* @return how much is left of it, when a signal ended it. */
static uint64_t sleep_ns(uint64_t ns)
{
    struct port_queue nobody_wakes = {0};
    uint64_t deadline_ns = clock_monotonic() + ns;

    if (signal_wait(&nobody_wakes, deadline_ns, signal_count()) != -EINTR)
        return 0;
    uint64_t now_ns = clock_monotonic();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

SPRAT_API int clock_nanosleep(clockid_t clock, int flags, const struct timespec *ts,
                              struct timespec *left)
{
    uint64_t now_ns, length_ns;

    if (!clock_now(clock, &now_ns) || ts->tv_nsec < 0 || ts->tv_nsec >= (long)NS_PER_S ||
        ts->tv_sec < 0)
        return EINVAL;
    if (__builtin_mul_overflow((uint64_t)ts->tv_sec, NS_PER_S, &length_ns) ||
        __builtin_add_overflow(length_ns, (uint64_t)ts->tv_nsec, &length_ns) ||
        length_ns > INT64_MAX)
        length_ns = INT64_MAX;
    if (flags & TIMER_ABSTIME)
        length_ns = length_ns > now_ns ? length_ns - now_ns : 0;
    uint64_t left_ns = length_ns ? sleep_ns(length_ns) : 0;
    if (left && !(flags & TIMER_ABSTIME))
        *left = (struct timespec){.tv_sec = (time_t)(left_ns / NS_PER_S),
                                  .tv_nsec = (long)(left_ns % NS_PER_S)};
    return left_ns ? EINTR : 0;
}

SPRAT_API int nanosleep(const struct timespec *ts, struct timespec *left)
{
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, ts, left);
    return error ? fail(error) : 0;
}

SPRAT_API int usleep(useconds_t us)
{
    return sleep_ns(us * NS_PER_US) ? fail(EINTR) : 0;
}

SPRAT_API unsigned sleep(unsigned seconds)
{
    return (unsigned)((sleep_ns(seconds * NS_PER_S) + NS_PER_S - 1) / NS_PER_S);
}
