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
static const char *failing = "";   /* the call that does */
static unsigned allocations = ~0u; /* that succeed from now on */
static size_t largest = SIZE_MAX;  /* of them */
static unsigned writes = ~0u;      /* likewise; then so many find the disk full */
static unsigned lost_writes;

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
    failing = "";
    allocations = writes = ~0u;
    largest = SIZE_MAX;
    lost_writes = 0;
    strcpy(dir, "/tmp/kv-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int down(void **state)
{
    (void)state;
    failing = "";
    for (unsigned i = 0; i < DISK_SEGMENTS; i++)
        unlink(path_of(i));
    return rmdir(dir);
}

/* Linked with --wrap. */

static inline bool fails(const char *call)
{
    errno = EIO;
    return strcmp(failing, call) == 0;
}

/* One less, unless there is no limit. @return whether there was one. */
static inline bool count_down(unsigned *left)
{
    if (*left == 0 || *left == ~0u)
        return *left;
    (*left)--;
    return true;
}

static inline bool has_memory(void)
{
    return count_down(&allocations);
}

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_malloc(size_t len)
{
    return has_memory() && len <= largest ? __real_malloc(len) : NULL;
}

void *__real_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len)
{
    return has_memory() ? __real_calloc(n, len) : NULL;
}

void *__real_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len)
{
    return has_memory() ? __real_realloc(bytes, len) : NULL;
}

ssize_t __real_pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t offset)
{
    return fails("pread") ? -1 : __real_pread(fd, bytes, len, offset);
}

static inline int64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) ? 0 : st.st_size;
}

int __wrap_statvfs(const char *path, struct statvfs *st);
int __wrap_statvfs(const char *path, struct statvfs *st)
{
    (void)path;
    if (fails("statvfs"))
        return -1;
    *st = (struct statvfs){.f_frsize = 1, .f_blocks = disk_bytes};
    st->f_bavail = disk_used < disk_bytes ? disk_bytes - disk_used : 0;
    return 0;
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    bool is_lost = !count_down(&writes) && count_down(&lost_writes);
    if (is_lost || disk_used + len > disk_bytes) {
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
    return fails("fsync") || fcntl(fd, F_GETFD) < 0
               ? -1
               : 0; /* the host's own disk is not what is tested */
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    struct stat st;

    if (fails("unlink"))
        return -1;
    if (stat(path, &st) == 0)
        disk_used -= (uint64_t)st.st_size;
    return __real_unlink(path);
}

#endif
