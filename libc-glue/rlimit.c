/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/resource.h>

#include <stdbool.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/page.h>
#include <sprat/thread.h>

#include "fail.h"

static bool limit_of(int resource, rlim_t *limit)
{
    switch (resource) {
    case RLIMIT_CPU:
    case RLIMIT_FSIZE:
        *limit = RLIM_INFINITY;
        return true;
    case RLIMIT_DATA:
    case RLIMIT_RSS:
    case RLIMIT_MEMLOCK:
    case RLIMIT_AS:
        *limit = page_total() * PAGE_BYTES;
        return true;
    case RLIMIT_STACK:
        *limit = thread_self()->stack_size;
        return true;
    case RLIMIT_CORE:
        *limit = 0;
        return true;
    case RLIMIT_NPROC:
        *limit = 1;
        return true;
    case RLIMIT_NOFILE:
        *limit = FILE_MAX;
        return true;
    default:
        return false;
    }
}

SPRAT_API int getrlimit(int resource, struct rlimit *limit)
{
    rlim_t is;

    if (!limit_of(resource, &is))
        return fail(EINVAL);
    *limit = (struct rlimit){resource == RLIMIT_NOFILE ? (rlim_t)file_limit : is, is};
    return 0;
}

SPRAT_API int setrlimit(int resource, const struct rlimit *limit)
{
    rlim_t is;

    if (!limit_of(resource, &is) || limit->rlim_cur > limit->rlim_max)
        return fail(EINVAL);
    if (limit->rlim_max > is)
        return fail(EPERM);
    if (resource == RLIMIT_NOFILE)
        file_limit = (int)limit->rlim_cur;
    else if (limit->rlim_cur < is)
        return fail(EINVAL);
    return 0;
}
