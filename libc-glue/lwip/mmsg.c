/* SPDX-License-Identifier: BSD-2-Clause */
/* Several messages by one call. */
#define _GNU_SOURCE /* struct mmsghdr */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <time.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>

#define NS_PER_S 1000000000

SPRAT_API int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    unsigned done = 0;

    for (; done < n && done < IOV_MAX; done++) {
        ssize_t len = sendmsg(fd, &messages[done].msg_hdr, flags);
        if (len < 0)
            return done ? (int)done : -1;
        messages[done].msg_len = (unsigned)len;
    }
    return (int)done;
}

/* As on Linux, the time is looked at when a message has come, and no wait ends for it. */
SPRAT_API int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags,
                       struct timespec *timeout)
{
    int64_t end_ns = INT64_MAX, left_ns = 1;
    unsigned done = 0;

    if (timeout) {
        if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= NS_PER_S) {
            errno = EINVAL;
            return -1;
        }
        if (__builtin_mul_overflow((int64_t)timeout->tv_sec, NS_PER_S, &end_ns) ||
            __builtin_add_overflow(end_ns, timeout->tv_nsec + (int64_t)clock_monotonic(), &end_ns))
            end_ns = INT64_MAX;
    }
    while (done < n && done < IOV_MAX && left_ns > 0) {
        ssize_t len = recvmsg(fd, &messages[done].msg_hdr, flags & ~MSG_WAITFORONE);
        if (len < 0)
            break;
        messages[done++].msg_len = (unsigned)len;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (timeout)
            left_ns = end_ns - (int64_t)clock_monotonic();
    }
    if (timeout && done) {
        left_ns = left_ns > 0 ? left_ns : 0;
        timeout->tv_sec = left_ns / NS_PER_S;
        timeout->tv_nsec = left_ns % NS_PER_S;
    }
    return done || !n ? (int)done : -1;
}
