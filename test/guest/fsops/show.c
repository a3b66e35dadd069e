/* SPDX-License-Identifier: BSD-2-Clause */
#include "fsops.h"

#include <stdio.h>
#include <string.h>

#define TIME_MAX 1000000000 /* times that were set are before this one */

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
