/* SPDX-License-Identifier: BSD-2-Clause */
/** Space in a file system: POSIX, <sys/statvfs.h>. */
#ifndef _SYS_STATVFS_H
#define _SYS_STATVFS_H

#include <sys/types.h>

#define ST_RDONLY 1

struct statvfs {
    unsigned long f_bsize, f_frsize;           /**< bytes */
    unsigned long f_blocks, f_bfree, f_bavail; /**< of f_frsize */
    unsigned long f_files, f_ffree, f_favail;
    unsigned long f_fsid, f_flag, f_namemax;
};

int statvfs(const char *__restrict path, struct statvfs *__restrict st);
int fstatvfs(int fd, struct statvfs *st);

#endif
