/* SPDX-License-Identifier: BSD-2-Clause */
/** Walks through trees of directories: POSIX, <ftw.h>. */
#ifndef _FTW_H
#define _FTW_H

#include <sys/stat.h>

/* What it is that is met. */
#define FTW_F   0 /**< no directory */
#define FTW_D   1 /**< a directory, before what is in it */
#define FTW_DNR 2 /**< a directory that can't be read */
#define FTW_NS  3 /**< it can't be said */
#define FTW_SL  4 /**< a symbolic link, with FTW_PHYS */
#define FTW_DP  5 /**< a directory, behind what was in it, with FTW_DEPTH */
#define FTW_SLN 6 /**< a symbolic link to nothing */

/* How to walk. */
#define FTW_PHYS  1 /**< do not follow symbolic links */
#define FTW_MOUNT 2 /**< stay in the file system */
#define FTW_CHDIR 4 /**< refused: EINVAL, as the working directory stays */
#define FTW_DEPTH 8 /**< directories behind what is in them */

struct FTW {
    int base;  /**< where in the path its last name begins */
    int level; /**< below where the walk began */
};

/**
 * @param n_open  not used: one descriptor is open for each level.
 * @return 0; what `met` returned, when that is not 0; -1 with errno.
 */
int nftw(const char *path, int (*met)(const char *, const struct stat *, int, struct FTW *),
         int n_open, int flags);
int ftw(const char *path, int (*met)(const char *, const struct stat *, int), int n_open);

#endif
