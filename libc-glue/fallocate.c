/* SPDX-License-Identifier: BSD-2-Clause */
/* Space for what files will hold. */
#define _GNU_SOURCE /* fallocate() */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

#include "fail.h"

static int find_node(struct file *file, struct fs_node *node)
{
    struct stat st = {0};

    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (fs_node_of(file, node))
        return fs_changes(node->fs) ? 0 : -EROFS;
    int error = file->ops->stat(file, &st);
    return error ? error : S_ISFIFO(st.st_mode) ? -ESPIPE : -ENODEV;
}

static int allocate(struct file *file, off_t offset, off_t len)
{
    uint64_t at = (uint64_t)offset, end = at + (uint64_t)len;
    struct fs_node node;
    int error = find_node(file, &node);

    if (!error && end > INT64_MAX)
        error = -EFBIG;
    while (!error && at < end) {
        ssize_t n = fs_changes(node.fs)->write(node.fs, node.id, NULL, end - at, &at, false);
        error = n < 0 ? (int)n : 0;
    }
    return error;
}

SPRAT_API int posix_fallocate(int fd, off_t offset, off_t len)
{
    struct file *file = file_hold(fd);

    if (!file)
        return EBADF;
    int error = offset < 0 || len <= 0 ? -EINVAL : allocate(file, offset, len);
    file_release(file);
    return -error;
}

SPRAT_API int fallocate(int fd, int mode, off_t offset, off_t len)
{
    int error = mode ? EOPNOTSUPP : posix_fallocate(fd, offset, len);

    return error ? fail(error) : 0;
}
