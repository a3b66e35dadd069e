/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs say that they will do with files and memory: heard, and nothing comes of it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <sprat/compiler.h>
#include <sprat/file.h>

#include "fail.h"

SPRAT_API int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
    struct stat st;

    (void)offset;
    if (fstat(fd, &st))
        return errno;
    if (S_ISFIFO(st.st_mode))
        return ESPIPE;
    return len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE ? EINVAL : 0;
}

SPRAT_API int posix_madvise(void *address, size_t len, int advice)
{
    (void)address;
    (void)len;
    return advice < POSIX_MADV_NORMAL || advice > POSIX_MADV_DONTNEED ? EINVAL : 0;
}

SPRAT_API int madvise(void *address, size_t len, int advice)
{
    (void)address;
    (void)len;
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
        return 0;
    default:
        return fail(EINVAL);
    }
}
