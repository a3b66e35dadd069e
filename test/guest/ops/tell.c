/* SPDX-License-Identifier: BSD-2-Clause */
#include "ops.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
#define NAME(error) {error, #error}
        NAME(EACCES),       NAME(EADDRINUSE),   NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),
        NAME(EAGAIN),       NAME(EALREADY),     NAME(EBADF),         NAME(EBUSY),
        NAME(ECONNABORTED), NAME(ECONNREFUSED), NAME(ECONNRESET),    NAME(EDESTADDRREQ),
        NAME(EDOM),         NAME(EEXIST),       NAME(EFAULT),        NAME(EFBIG),
        NAME(EHOSTUNREACH), NAME(EINPROGRESS),  NAME(EINVAL),        NAME(EIO),
        NAME(EISCONN),      NAME(EISDIR),       NAME(ELOOP),         NAME(EMLINK),
        NAME(EMSGSIZE),     NAME(ENAMETOOLONG), NAME(ENETUNREACH),   NAME(ENOBUFS),
        NAME(ENODEV),       NAME(ENOENT),       NAME(ENOMEM),        NAME(ENOPROTOOPT),
        NAME(ENOSPC),       NAME(ENOSYS),       NAME(ENOTCONN),      NAME(ENOTDIR),
        NAME(ENOTEMPTY),    NAME(ENOTSOCK),     NAME(ENOTTY),        NAME(ENXIO),
        NAME(EOPNOTSUPP),   NAME(EPERM),        NAME(EPIPE),         NAME(EPROTONOSUPPORT),
        NAME(EPROTOTYPE),   NAME(EROFS),        NAME(ESPIPE),        NAME(ETIMEDOUT),
        NAME(EXDEV),
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].error == error)
            return names[i].name;
    return "E?";
}

void tell(long long result, const char *fmt, ...)
{
    int error = errno;
    va_list args;

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    if (result < 0)
        printf(" = %s\n", error_name(error));
    else
        printf(" = %lld\n", result);
}

uint64_t hash_of(const void *from, size_t len)
{
    const uint8_t *at = from;
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}
