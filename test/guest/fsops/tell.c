/* SPDX-License-Identifier: BSD-2-Clause */
#include "fsops.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TIME_MAX 1000000000 /* times that were set are before this one */

static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {EACCES, "EACCES"},   {EBADF, "EBADF"},   {EBUSY, "EBUSY"},
        {EEXIST, "EEXIST"},   {EFBIG, "EFBIG"},   {EINVAL, "EINVAL"},
        {EISDIR, "EISDIR"},   {ELOOP, "ELOOP"},   {EMLINK, "EMLINK"},
        {ENOENT, "ENOENT"},   {ENOSPC, "ENOSPC"}, {ENAMETOOLONG, "ENAMETOOLONG"},
        {ENOTDIR, "ENOTDIR"}, {EPERM, "EPERM"},   {ENOTEMPTY, "ENOTEMPTY"},
        {EROFS, "EROFS"},     {EXDEV, "EXDEV"},   {ENXIO, "ENXIO"},
        {EIO, "EIO"},         {ESPIPE, "ESPIPE"}, {EOPNOTSUPP, "EOPNOTSUPP"},
        {ENOSYS, "ENOSYS"},
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

const char *shown(const char *path)
{
    static char texts[2][PATH_BYTES];
    static unsigned turn;
    char *text = texts[turn++ % 2], *at = text;

    for (; *path; path++) {
        size_t n = strspn(path, "L");
        if (n) {
            at += sprintf(at, "<%zu>", n);
            path += n - 1;
        } else {
            *at++ = *path;
        }
    }
    *at = '\0';
    return text;
}

void tell_stat(int result, const struct stat *st, const char *what)
{
    tell(result, "%s", what);
    if (result)
        return;
    printf("  mode %o links %u uid %u gid %u", (unsigned)st->st_mode, (unsigned)st->st_nlink,
           (unsigned)st->st_uid, (unsigned)st->st_gid);
    if (!S_ISDIR(st->st_mode))
        printf(" size %lld", (long long)st->st_size);
    if (st->st_mtime < TIME_MAX)
        printf(" mtime %lld.%09ld", (long long)st->st_mtime, (long)st->st_mtim.tv_nsec);
    if (st->st_atime < TIME_MAX)
        printf(" atime %lld.%09ld", (long long)st->st_atime, (long)st->st_atim.tv_nsec);
    putchar('\n');
}
