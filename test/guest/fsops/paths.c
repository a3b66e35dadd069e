/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on paths. */
#include "fsops.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TIME_MAX 1000000000 /* times that are set are before this one */

void do_stat(void)
{
    char what[PATH_BYTES + 20];
    struct where where;
    struct stat st;
    bool follow = below(2);

    some_where(&where);
    snprintf(what, sizeof(what), "%s %s", follow ? "stat" : "lstat", told(&where));
    tell_stat(fstatat(where.dir, where.path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW), &st, what);
}

void do_two(void)
{
    struct where from, to;
    bool follow = below(2);
    const char *slash;

    some_where(&from);
    some_where(&to);
    switch (below(5)) {
    case 0:
        tell(linkat(from.dir, from.path, to.dir, to.path, follow ? AT_SYMLINK_FOLLOW : 0),
             "link %s %s %d", told(&from), told(&to), follow);
        break;
    case 1:
        slash = strrchr(from.path, '/');
        tell(symlinkat(below(2) ? from.path
                       : slash  ? slash + 1
                                : "",
                       to.dir, to.path),
             "symlink %s %s", told(&from), told(&to));
        break;
    default:
        tell(renameat(from.dir, from.path, to.dir, to.path), "rename %s %s", told(&from),
             told(&to));
    }
}

void do_times(void)
{
    struct timespec times[2];
    struct where where;

    some_where(&where);
    for (int i = 0; i < 2; i++) {
        times[i].tv_sec = (time_t)below(TIME_MAX);
        times[i].tv_nsec = below(8) ? (long)below(1000000000) : UTIME_OMIT;
    }
    bool follow = below(2);
    tell(utimensat(where.dir, where.path, times, follow ? 0 : AT_SYMLINK_NOFOLLOW), "times %s %d",
         told(&where), follow);
}

void do_readlink(void)
{
    char target[PATH_BYTES];
    size_t size = below(4) ? sizeof(target) - 1 : (size_t)below(10);
    struct where where;

    some_where(&where);
    ssize_t n = readlinkat(where.dir, where.path, target, size);
    tell(n, "readlink %s %zu", told(&where), size);
    if (n > 0) {
        target[n] = '\0';
        printf("  %s\n", shown(target));
    }
}

void do_path(void)
{
    struct where where;
    off_t size = some_place();
    bool follow = below(2);
    char path[PATH_BYTES];

    some_where(&where);
    some_path(path);
    switch (below(9)) {
    case 0:
    case 1:
        tell(mkdirat(where.dir, where.path, 0700 + (mode_t)below(0100)), "mkdir %s", told(&where));
        break;
    case 2:
        tell(unlinkat(where.dir, where.path, AT_REMOVEDIR), "rmdir %s", told(&where));
        break;
    case 3:
    case 4:
        tell(unlinkat(where.dir, where.path, 0), "unlink %s", told(&where));
        break;
    case 5:
        tell(fchmodat(where.dir, where.path, 0400 + (mode_t)below(0400), 0), "chmod %s",
             told(&where));
        break;
    case 6:
        tell(truncate(path, size), "truncate %s %lld", shown(path), (long long)size);
        break;
    case 7:
        tell(faccessat(where.dir, where.path, F_OK, 0), "access %s", told(&where));
        break;
    default: {
        uid_t uid = below(3) ? (uid_t)below(60000) : (uid_t)-1;
        tell(fchownat(where.dir, where.path, uid, 77, follow ? 0 : AT_SYMLINK_NOFOLLOW),
             "chown %s %d", told(&where), follow);
    }
    }
}

/* Free blocks are not told: where blocks for names and places are taken is each system's own. */
void do_space(void)
{
    char path[PATH_BYTES];
    struct statvfs st;

    some_path(path);
    tell(statvfs(path, &st), "space %s", shown(path));
    statvfs("/data", &st);
    printf("  blocks %llu of %lu inodes %llu used %llu names %lu\n",
           (unsigned long long)st.f_blocks, (unsigned long)st.f_frsize,
           (unsigned long long)st.f_files, (unsigned long long)(st.f_files - st.f_ffree),
           (unsigned long)st.f_namemax);
}
