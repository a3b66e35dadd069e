/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The disk under a file system: blkfront in the guest, files and simulated disks in host tests.
 */
#ifndef EXT4_DISK_H
#define EXT4_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk;

/** A piece of the disk and the memory for it. */
struct disk_io {
    bool write;
    uint64_t offset; /**< bytes; a multiple of the sector size, as is the vector's length */
    struct iovec *iov;
    unsigned n_iov;
};

struct disk_ops {
    /** Do all of them, in any order, and wait for them. @return 0, or -errno of one that failed. */
    int (*run)(struct disk *disk, struct disk_io *ios, unsigned n);
    /** What was written before is on stable storage when this returns 0. */
    int (*flush)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    const char *name; /**< for the log: "xvda" */
    uint64_t bytes;
    uint32_t sector_bytes;
    bool read_only;
};

/** Read or write one piece. @return 0 or -errno. */
int disk_read(struct disk *disk, uint64_t offset, void *bytes, size_t len);
int disk_write(struct disk *disk, uint64_t offset, const void *bytes, size_t len);
int disk_flush(struct disk *disk);

#define BATCH_MAX 128 /* pieces of memory before what was collected is done */

/** Pieces that are collected; neighbours on the disk become one request. */
struct batch {
    struct disk *disk;
    bool write;
    unsigned n_ios, n_iovs;
    int error; /**< of what was done already */
    uint64_t end;
    struct disk_io ios[BATCH_MAX];
    struct iovec iovs[BATCH_MAX];
};

void batch_init(struct batch *batch, struct disk *disk, bool write);
/** The memory must stay until batch_done(). */
void batch_add(struct batch *batch, uint64_t offset, void *bytes, size_t len);
/** Do what is left. @return 0, or -errno of one that failed. */
int batch_done(struct batch *batch);

#endif
