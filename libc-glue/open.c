/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of the archive as descriptors, and what POSIX does with paths. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>

#include "fs.h"

struct open_file {
    struct file file;
    const struct cpio_entry *entry; /* NULL: a directory that the archive does not name */
    off_t position;
};

static struct open_file *of_file(struct file *file)
{
    return CONTAINER_OF(file, struct open_file, file);
}

static void describe(const struct cpio_entry *entry, struct stat *st)
{
    st->st_nlink = 1;
    if (!entry) {
        st->st_mode = S_IFDIR | S_IRUSR | S_IXUSR | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;
        return;
    }
    st->st_mode = entry->mode;
    st->st_ino = (ino_t)entry->inode;
    st->st_size = (off_t)entry->size;
    st->st_mtime = (time_t)entry->mtime;
    st->st_blksize = 4096;
    st->st_blocks = (blkcnt_t)((entry->size + 511) / 512);
}

static ssize_t open_file_pread(struct file *file, void *bytes, size_t len, off_t offset)
{
    const struct cpio_entry *entry = of_file(file)->entry;

    if (!entry || !S_ISREG(entry->mode))
        return -EISDIR;
    if (offset >= (off_t)entry->size)
        return 0;
    size_t left = entry->size - (size_t)offset;
    len = len < left ? len : left;
    memcpy(bytes, entry->data + offset, len);
    return (ssize_t)len;
}

static ssize_t open_file_read(struct file *file, const struct iovec *iov, int n_iov)
{
    struct open_file *open_file = of_file(file);
    ssize_t done = 0;

    for (int i = 0; i < n_iov; i++) {
        ssize_t n = open_file_pread(file, iov[i].iov_base, iov[i].iov_len, open_file->position);
        if (n < 0)
            return n;
        open_file->position += n;
        done += n;
    }
    return done;
}

static off_t open_file_seek(struct file *file, off_t offset, int whence)
{
    struct open_file *open_file = of_file(file);
    off_t from = whence == SEEK_SET   ? 0
                 : whence == SEEK_CUR ? open_file->position
                 : whence == SEEK_END ? (off_t)(open_file->entry ? open_file->entry->size : 0)
                                      : -1;

    if (from < 0 || __builtin_add_overflow(from, offset, &from) || from < 0)
        return -EINVAL;
    open_file->position = from;
    return from;
}

static int open_file_stat(struct file *file, struct stat *st)
{
    describe(of_file(file)->entry, st);
    return 0;
}

static void open_file_close(struct file *file)
{
    free(of_file(file));
}

static const struct file_ops open_file_ops = {
    .read = open_file_read,
    .pread = open_file_pread,
    .seek = open_file_seek,
    .stat = open_file_stat,
    .close = open_file_close,
};

static int open_path(const char *path, int flags)
{
    struct fs_node node;
    int error = fs_resolve(path, !(flags & O_NOFOLLOW), &node);

    if (error == -ENOENT && flags & O_CREAT)
        return -EROFS;
    if (error)
        return error;
    if (flags & O_CREAT && flags & O_EXCL)
        return -EEXIST;
    if (fs_is_directory(&node) && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
        return -EROFS;
    if (flags & O_DIRECTORY && !fs_is_directory(&node))
        return -ENOTDIR;
    if (!fs_is_directory(&node) && !S_ISREG(node.entry->mode))
        return S_ISLNK(node.entry->mode) ? -ELOOP : -ENXIO;
    struct open_file *open_file = malloc(sizeof(*open_file));
    if (!open_file)
        return -ENOMEM;
    file_init(&open_file->file, &open_file_ops, flags & (O_ACCMODE | O_NONBLOCK));
    open_file->entry = node.entry;
    open_file->position = 0;
    int fd = file_install(&open_file->file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0)
        free(open_file);
    return fd;
}

SPRAT_API int open(const char *path, int flags, ...)
{
    return (int)file_result(open_path(path, flags));
}

static int stat_path(const char *path, struct stat *st, int follow)
{
    struct fs_node node;
    int error = fs_resolve(path, follow, &node);

    if (error)
        return error;
    *st = (struct stat){0};
    describe(node.entry, st);
    return 0;
}

SPRAT_API int stat(const char *restrict path, struct stat *restrict st)
{
    return (int)file_result(stat_path(path, st, true));
}

SPRAT_API int lstat(const char *restrict path, struct stat *restrict st)
{
    return (int)file_result(stat_path(path, st, false));
}

SPRAT_API int access(const char *path, int mode)
{
    struct fs_node node;
    int error = fs_resolve(path, true, &node);

    return (int)file_result(error ? error : mode & W_OK ? -EROFS : 0);
}

SPRAT_API ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    struct fs_node node;
    int error = fs_resolve(path, false, &node);

    if (error)
        return file_result(error);
    if (!node.entry || !S_ISLNK(node.entry->mode))
        return file_result(-EINVAL);
    size = size < node.entry->size ? size : node.entry->size;
    memcpy(target, node.entry->data, size);
    return (ssize_t)size;
}

/* Nothing can be changed. */

static int refuse_change(const char *path)
{
    struct fs_node node;
    int error = fs_resolve(path, false, &node);

    return (int)file_result(error ? error : -EROFS);
}

SPRAT_API int unlink(const char *path)
{
    return refuse_change(path);
}

SPRAT_API int rmdir(const char *path)
{
    return refuse_change(path);
}

SPRAT_API int rename(const char *from, const char *to)
{
    (void)to;
    return refuse_change(from);
}

SPRAT_API int link(const char *from, const char *to)
{
    (void)to;
    return refuse_change(from);
}

SPRAT_API int mkdir(const char *path, mode_t mode)
{
    struct fs_node node;

    (void)mode;
    return (int)file_result(fs_resolve(path, false, &node) ? -EROFS : -EEXIST);
}

/* Mapping. */

static int map_file(int fd, size_t len, int protection, off_t offset, void **address)
{
    struct file *file = file_hold(fd);

    if (!file)
        return -EBADF;
    const struct cpio_entry *entry = file->ops == &open_file_ops ? of_file(file)->entry : NULL;
    file_release(file);
    if (!entry || !S_ISREG(entry->mode))
        return -ENODEV;
    if (protection & (PROT_WRITE | PROT_EXEC))
        return -EACCES;
    if (offset < 0 || offset % 4096 || (size_t)offset > entry->size ||
        len > ((entry->size - (size_t)offset + 4095) & ~4095ul))
        return -EINVAL;
    *address = (void *)(uintptr_t)(entry->data + offset);
    return 0;
}

SPRAT_API void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    int error = 0;

    if (!len || flags & MAP_FIXED)
        error = -EINVAL;
    else if (!(flags & MAP_ANONYMOUS))
        error = map_file(fd, len, protection, offset, &address);
    else if (protection & PROT_EXEC)
        error = -EACCES;
    else if (!(address = memalign(PAGE_BYTES, len)))
        error = -ENOMEM;
    else
        memset(address, 0, len);
    return error ? (void *)file_result(error) : address;
}

/* A file's mapping needs nothing; anonymous memory is given back whole. */
SPRAT_API int munmap(void *address, size_t len)
{
    const struct cpio *cpio = fs_archive();

    (void)len;
    for (size_t i = 0; i < cpio->n; i++) {
        const struct cpio_entry *entry = &cpio->entries[i];
        if ((const char *)address >= entry->data &&
            (const char *)address <= entry->data + entry->size)
            return 0;
    }
    free(address);
    return 0;
}
