/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A disk with a directory for the log: a temporary one of the host's, that is as large as a test
 * says. Each test is a program of its own, so these are its own functions.
 */
#ifndef KV_TEST_DISK_H
#define KV_TEST_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_BYTES    (10u << 20)
#define DISK_SEGMENTS 1000 /* more than any test makes */

static char dir[64];
static uint64_t disk_bytes, disk_used;

static inline const char *path_of(unsigned number)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%08u.log", dir, number);
    return path;
}

static inline int up(void **state)
{
    (void)state;
    disk_bytes = DISK_BYTES;
    disk_used = 0;
    strcpy(dir, "/tmp/kv-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DISK_SEGMENTS; i++)
        unlink(path_of(i));
    return rmdir(dir);
}

/* Linked with --wrap. */

static inline int64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) ? 0 : st.st_size;
}

int __wrap_statvfs(const char *path, struct statvfs *st);
int __wrap_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    *st = (struct statvfs){.f_frsize = 1, .f_blocks = disk_bytes};
    st->f_bavail = disk_used < disk_bytes ? disk_bytes - disk_used : 0;
    return 0;
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    if (disk_used + len > disk_bytes) {
        errno = ENOSPC;
        return -1;
    }
    int64_t before = size_of(fd);
    ssize_t n = __real_pwrite(fd, bytes, len, offset);
    disk_used += (uint64_t)(size_of(fd) - before);
    return n;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0; /* the host's own disk is not what is tested */
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        disk_used -= (uint64_t)st.st_size;
    return __real_unlink(path);
}

#endif
