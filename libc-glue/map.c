/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping files for reading, and anonymous memory. */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>
#include <sprat/page.h>
#include <sprat/port.h>

#include "archive.h"

/* Whole pages of zeros for this many bytes. NULL: there are not so many. */
static void *map_zeros(size_t len)
{
    return len > SIZE_MAX - PAGE_BYTES ? NULL
                                       : port_pages_alloc((len + PAGE_BYTES - 1) / PAGE_BYTES);
}

/* A copy of what the file holds now; what follows its end is zero. */
static int map_copy(const struct fs_node *node, size_t len, off_t offset, void **address)
{
    char *copy = map_zeros(len);
    size_t done = 0;
    ssize_t n = 1;

    if (!copy)
        return -ENOMEM;
    while (n > 0 && done < len) {
        n = node->fs->ops->read(node->fs, node->id, copy + done, len - done,
                                (uint64_t)offset + done);
        done += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        port_pages_free(copy);
        return (int)n;
    }
    *address = copy;
    return 0;
}

static int map_node(const struct fs_node *node, size_t len, int protection, int flags, off_t offset,
                    void **address)
{
    struct stat st;

    if (!S_ISREG(node->mode))
        return -ENODEV;
    const void *bytes = node->fs->ops->map ? node->fs->ops->map(node->fs, node->id) : NULL;
    if (protection & PROT_EXEC || (protection & PROT_WRITE && flags & MAP_SHARED))
        return -EACCES;
    int error = fs_stat(node, &st);
    if (error)
        return error;
    if (offset < 0 || offset % PAGE_BYTES || offset > st.st_size ||
        len > (((size_t)(st.st_size - offset) + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1)))
        return -EINVAL;
    if (!bytes || protection & PROT_WRITE)
        return map_copy(node, len, offset, address);
    *address = (char *)(uintptr_t)bytes + offset;
    return 0;
}

static int map_file(int fd, size_t len, int protection, int flags, off_t offset, void **address)
{
    struct file *file = file_hold(fd);
    struct fs_node node;

    if (!file)
        return -EBADF;
    int error = fs_node_of(file, &node) ? map_node(&node, len, protection, flags, offset, address)
                                        : -ENODEV;
    file_release(file);
    return error;
}

SPRAT_API void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    int error = 0;

    if (!len || flags & MAP_FIXED)
        error = -EINVAL;
    else if (!(flags & MAP_ANONYMOUS))
        error = map_file(fd, len, protection, flags, offset, &address);
    else if (protection & PROT_EXEC)
        error = -EACCES;
    else if (!(address = map_zeros(len)))
        error = -ENOMEM;
    return error ? (void *)file_result(error) : address;
}

/* The archive's files stay where they are. Of other mappings any pages are given back; what is not
 * mapped is passed over, as everywhere. */
SPRAT_API int munmap(void *address, size_t len)
{
    char *at = address, *end;

    if (archive_holds(address))
        return 0;
    if ((uintptr_t)address % PAGE_BYTES || !len || len > SIZE_MAX - PAGE_BYTES ||
        __builtin_add_overflow((uintptr_t)address, ROUND_UP(len, PAGE_BYTES), (uintptr_t *)&end))
        return (int)file_result(-EINVAL);
    while (at < end) {
        size_t wanted = (size_t)(end - at) / PAGE_BYTES, n = 1;
        if (page_split(at)) {
            n = page_run(at);
            if (n > wanted && page_split(at + wanted * PAGE_BYTES))
                n = wanted;
            page_free(at);
        }
        at += n * PAGE_BYTES;
    }
    return 0;
}

SPRAT_API int msync(void *address, size_t len, int flags)
{
    (void)address;
    (void)len;
    return flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ? (int)file_result(-EINVAL) : 0;
}

SPRAT_API int mlock(const void *address, size_t len)
{
    (void)address;
    (void)len;
    return 0;
}

SPRAT_API int munlock(const void *address, size_t len)
{
    (void)address;
    (void)len;
    return 0;
}

SPRAT_API int mlockall(int flags)
{
    (void)flags;
    return 0;
}

SPRAT_API int munlockall(void)
{
    return 0;
}
