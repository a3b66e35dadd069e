/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as a file. Nothing is kept here: what is read comes from the backend, what is written is
 * there when write() returns (and stable after fsync(), or at once with O_SYNC). Therefore offsets
 * and lengths must be multiples of the sector size, as with Linux' O_DIRECT; memory may lie
 * anywhere.
 */
#include "blkdev.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include <sprat/blkfront.h>
#include <sprat/clock.h>
#include <sprat/compiler.h>

#define CONNECT_NS 30000000000ull

static_assert(sizeof(struct blkfront_buffer) == sizeof(struct iovec) &&
                  offsetof(struct blkfront_buffer, bytes) == offsetof(struct iovec, iov_base) &&
                  offsetof(struct blkfront_buffer, len) == offsetof(struct iovec, iov_len),
              "a request's buffers are a vector");

/* A disk that is open, once or more. */
struct disk {
    struct disk *next;
    struct blkfront *bf;
    unsigned number, n_files;
};

struct disk_file {
    struct file file;
    struct disk *disk;
    pthread_mutex_t lock; /* of the position: one call after the other moves it */
    off_t position;
};

static struct disk *disks;

static struct disk_file *of_file(struct file *file)
{
    return CONTAINER_OF(file, struct disk_file, file);
}

static const struct blkfront_geometry *geometry_of(struct file *file)
{
    return blkfront_geometry(of_file(file)->disk->bf);
}

/* Disks */

static void let_go(struct disk *disk)
{
    struct disk **at = &disks;

    if (--disk->n_files)
        return;
    while (*at != disk)
        at = &(*at)->next;
    *at = disk->next;
    blkfront_close(disk->bf);
    free(disk);
}

static int take(unsigned number, struct disk **taken)
{
    struct disk *disk = disks;

    while (disk && disk->number != number)
        disk = disk->next;
    if (!disk) {
        disk = malloc(sizeof(*disk));
        if (!disk)
            return -ENOMEM;
        *disk = (struct disk){.next = disks, .number = number};
        int error = blkfront_open(number, NULL, NULL, NULL, &disk->bf);
        if (error) {
            free(disk);
            return error == -ENODEV ? -ENXIO : error;
        }
        disks = disk;
    }
    disk->n_files++;
    *taken = disk;
    if (blkfront_wait_up(disk->bf, clock_monotonic() + CONNECT_NS) == 0)
        return 0;
    let_go(disk);
    return -ENXIO;
}

/* Reading and writing */

/* Cut a vector to `left` bytes. @return how many of its buffers that takes. */
static int cut(struct iovec *iov, int n_iov, size_t left)
{
    int n = 0;

    for (; n < n_iov && left; left -= iov[n++].iov_len)
        if (iov[n].iov_len > left)
            iov[n].iov_len = left;
    return n;
}

/* @return bytes; 0 at the disk's end. The vector may be changed. */
static ssize_t transfer(struct file *file, enum blkfront_op op, struct iovec *iov, int n_iov,
                        uint64_t offset)
{
    const struct blkfront_geometry *geometry = geometry_of(file);
    ssize_t len = file_iov_bytes(iov, n_iov);

    if (len <= 0)
        return len;
    if (offset % geometry->sector_bytes || (size_t)len % geometry->sector_bytes)
        return -EINVAL;
    if (offset >= geometry->bytes)
        return op == BLKFRONT_READ ? 0 : -ENOSPC;
    if ((uint64_t)len > geometry->bytes - offset) {
        len = (ssize_t)(geometry->bytes - offset);
        n_iov = cut(iov, n_iov, (size_t)len);
    }
    struct blkfront_request request = {
        .op = op,
        .fua = op == BLKFRONT_WRITE && file->flags & O_SYNC,
        .offset = offset,
        .buffers = (const struct blkfront_buffer *)iov,
        .n_buffers = (unsigned)n_iov,
    };
    int error = blkfront_do(of_file(file)->disk->bf, &request);
    return error ? error : len;
}

static ssize_t transfer_here(struct file *file, enum blkfront_op op, const struct iovec *iov,
                             int n_iov)
{
    struct disk_file *disk_file = of_file(file);
    struct iovec *copy = malloc((size_t)n_iov * sizeof(*copy));

    if (!copy)
        return -ENOMEM;
    for (int i = 0; i < n_iov; i++)
        copy[i] = iov[i];
    pthread_mutex_lock(&disk_file->lock);
    ssize_t n = transfer(file, op, copy, n_iov, (uint64_t)disk_file->position);
    if (n > 0)
        disk_file->position += n;
    pthread_mutex_unlock(&disk_file->lock);
    free(copy);
    return n;
}

static ssize_t disk_read(struct file *file, const struct iovec *iov, int n_iov)
{
    return transfer_here(file, BLKFRONT_READ, iov, n_iov);
}

static ssize_t disk_write(struct file *file, const struct iovec *iov, int n_iov)
{
    return transfer_here(file, BLKFRONT_WRITE, iov, n_iov);
}

static ssize_t disk_pread(struct file *file, void *bytes, size_t len, off_t offset)
{
    return transfer(file, BLKFRONT_READ, &(struct iovec){bytes, len}, 1, (uint64_t)offset);
}

static ssize_t disk_pwrite(struct file *file, const void *bytes, size_t len, off_t offset)
{
    return transfer(file, BLKFRONT_WRITE, &(struct iovec){(void *)(uintptr_t)bytes, len}, 1,
                    (uint64_t)offset);
}

/* A position that is no multiple of the sector size is refused when something is read there. */
static off_t disk_seek(struct file *file, off_t offset, int whence)
{
    struct disk_file *disk_file = of_file(file);
    off_t size = (off_t)geometry_of(file)->bytes;

    pthread_mutex_lock(&disk_file->lock);
    off_t from = whence == SEEK_SET   ? 0
                 : whence == SEEK_CUR ? disk_file->position
                 : whence == SEEK_END ? size
                                      : -1;

    if (from < 0 || __builtin_add_overflow(from, offset, &from) || from < 0 || from > size)
        from = -EINVAL;
    else
        disk_file->position = from;
    pthread_mutex_unlock(&disk_file->lock);
    return from;
}

static int disk_sync(struct file *file)
{
    struct blkfront_request request = {.op = BLKFRONT_FLUSH};

    return blkfront_do(of_file(file)->disk->bf, &request);
}

static int discard(struct file *file, enum blkfront_op op, const uint64_t range[2])
{
    struct blkfront_request request = {.op = op, .offset = range[0], .length = range[1]};

    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    int error = blkfront_do(of_file(file)->disk->bf, &request);
    return error == -ERANGE ? -EINVAL : error;
}

static int disk_ioctl(struct file *file, unsigned long request, void *arg)
{
    const struct blkfront_geometry *geometry = geometry_of(file);

    switch (request) {
    case BLKROGET:
        *(int *)arg = geometry->read_only;
        return 0;
    case BLKGETSIZE:
        *(unsigned long *)arg = geometry->bytes / 512;
        return 0;
    case BLKGETSIZE64:
        *(uint64_t *)arg = geometry->bytes;
        return 0;
    case BLKSSZGET:
        *(int *)arg = (int)geometry->sector_bytes;
        return 0;
    case BLKIOMIN:
    case BLKPBSZGET:
        *(unsigned *)arg = geometry->physical_bytes;
        return 0;
    case BLKFLSBUF:
        return disk_sync(file);
    case BLKDISCARD:
        return discard(file, BLKFRONT_DISCARD, arg);
    case BLKSECDISCARD:
        return discard(file, BLKFRONT_SECURE_DISCARD, arg);
    default:
        return -ENOTTY;
    }
}

static int disk_stat(struct file *file, struct stat *st)
{
    st->st_mode = S_IFBLK | S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    st->st_rdev = (dev_t)of_file(file)->disk->number;
    st->st_blksize = BLKFRONT_SECTOR_MAX;
    return 0;
}

static void disk_close(struct file *file)
{
    let_go(of_file(file)->disk);
    free(of_file(file));
}

static const struct file_ops disk_ops = {
    .read = disk_read,
    .write = disk_write,
    .pread = disk_pread,
    .pwrite = disk_pwrite,
    .seek = disk_seek,
    .sync = disk_sync,
    .stat = disk_stat,
    .ioctl = disk_ioctl,
    .close = disk_close,
};

int blkdev_open(unsigned number, int flags, struct file **file)
{
    struct disk_file *disk_file = malloc(sizeof(*disk_file));

    if (!disk_file)
        return -ENOMEM;
    int error = take(number, &disk_file->disk);
    if (!error && (flags & O_ACCMODE) != O_RDONLY &&
        blkfront_geometry(disk_file->disk->bf)->read_only) {
        let_go(disk_file->disk);
        error = -EROFS;
    }
    if (error) {
        free(disk_file);
        return error;
    }
    file_init(&disk_file->file, &disk_ops, flags & (O_ACCMODE | O_NONBLOCK | O_SYNC));
    disk_file->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    disk_file->position = 0;
    *file = &disk_file->file;
    return 0;
}
