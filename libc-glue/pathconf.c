/* SPDX-License-Identifier: BSD-2-Clause */
/* What limits files and their names have. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/fs.h>

#include "fail.h"

#define LINKS_MAX  65000 /* ext4's */
#define LINE_BYTES 255

/* -1, errno untouched: there is no limit, or the option is not there. */
static long value_of(int name, const struct stat *st)
{
    switch (name) {
    case _PC_LINK_MAX:
        return LINKS_MAX;
    case _PC_MAX_CANON:
    case _PC_MAX_INPUT:
        return LINE_BYTES;
    case _PC_PATH_MAX:
        return PATH_MAX;
    case _PC_NAME_MAX:
        return FS_NAME_MAX;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_CHOWN_RESTRICTED:
    case _PC_NO_TRUNC:
    case _PC_2_SYMLINKS:
        return 1;
    case _PC_VDISABLE:
        return 0;
    case _PC_FILESIZEBITS:
        return 64;
    case _PC_ALLOC_SIZE_MIN:
    case _PC_REC_MIN_XFER_SIZE:
    case _PC_REC_XFER_ALIGN:
        return st->st_blksize ? (long)st->st_blksize : -1;
    case _PC_ASYNC_IO:
    case _PC_PRIO_IO:
    case _PC_SYNC_IO:
    case _PC_SYMLINK_MAX:
    case _PC_REC_INCR_XFER_SIZE:
    case _PC_REC_MAX_XFER_SIZE:
        return -1;
    default:
        return fail(EINVAL);
    }
}

SPRAT_API long pathconf(const char *path, int name)
{
    struct stat st;

    return stat(path, &st) ? -1 : value_of(name, &st);
}

SPRAT_API long fpathconf(int fd, int name)
{
    struct stat st;

    return fstat(fd, &st) ? -1 : value_of(name, &st);
}
