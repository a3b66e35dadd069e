/* SPDX-License-Identifier: BSD-2-Clause */
/** How a POSIX function fails. */
#ifndef SPRAT_FAIL_H
#define SPRAT_FAIL_H

#include <errno.h>

#include <sprat/compiler.h>

/** @return -1, with errno set. */
SPRAT_INLINE int fail(int error)
{
    errno = error;
    return -1;
}

#endif
