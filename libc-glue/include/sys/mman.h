/* SPDX-License-Identifier: BSD-2-Clause */
/** Mapping files: POSIX, <sys/mman.h>, for reading files of the archive, and anonymous memory. */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <sys/types.h>

#define PROT_NONE  0
#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_SHARED    0x01
#define MAP_PRIVATE   0x02
#define MAP_FIXED     0x10 /**< refused */
#define MAP_ANONYMOUS 0x20
#define MAP_ANON      MAP_ANONYMOUS
#define MAP_FAILED    ((void *)-1)

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

#define POSIX_MADV_NORMAL     0
#define POSIX_MADV_RANDOM     1
#define POSIX_MADV_SEQUENTIAL 2
#define POSIX_MADV_WILLNEED   3
#define POSIX_MADV_DONTNEED   4

#define MADV_NORMAL     POSIX_MADV_NORMAL
#define MADV_RANDOM     POSIX_MADV_RANDOM
#define MADV_SEQUENTIAL POSIX_MADV_SEQUENTIAL
#define MADV_WILLNEED   POSIX_MADV_WILLNEED
#define MADV_DONTNEED   POSIX_MADV_DONTNEED /**< refused, as of locked memory on Linux: EINVAL */
#define MADV_FREE       8                   /**< refused */
#define MADV_DONTFORK   10
#define MADV_DOFORK     11
#define MADV_DONTDUMP   16
#define MADV_DODUMP     17

#define MCL_CURRENT 1
#define MCL_FUTURE  2

/**
 * Whole pages, zeros behind a file's end; any of them can be given back alone. But a file of the
 * archive that is only read is mapped where it is there: the address is aligned to 4 bytes, not to
 * a page, and what follows the file's end is not zero.
 */
void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
int munmap(void *address, size_t len);

/** Nothing that is mapped is written to a file. @return 0, or -1 with EINVAL for unknown flags. */
int msync(void *address, size_t len, int flags);

/** All memory stays where it is. @return 0. */
int mlock(const void *address, size_t len);
int munlock(const void *address, size_t len);
int mlockall(int flags);
int munlockall(void);

/** Nothing comes of advice. @return 0, or EINVAL for what is none. */
int posix_madvise(void *address, size_t len, int advice);
/** @return 0; -1 with EINVAL for what would change the memory, or is not known. */
int madvise(void *address, size_t len, int advice);

#endif
