/* SPDX-License-Identifier: BSD-2-Clause */
#include "disk.h"

int disk_read(struct disk *disk, uint64_t offset, void *bytes, size_t len)
{
    struct iovec iov = {bytes, len};
    struct disk_io io = {.offset = offset, .iov = &iov, .n_iov = 1};

    return disk->ops->run(disk, &io, 1);
}

int disk_write(struct disk *disk, uint64_t offset, const void *bytes, size_t len)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct disk_io io = {.write = true, .offset = offset, .iov = &iov, .n_iov = 1};

    return disk->ops->run(disk, &io, 1);
}

int disk_flush(struct disk *disk)
{
    return disk->ops->flush(disk);
}

void batch_init(struct batch *batch, struct disk *disk, bool write)
{
    batch->disk = disk;
    batch->write = write;
    batch->n_ios = batch->n_iovs = 0;
    batch->error = 0;
}

static void run(struct batch *batch)
{
    if (batch->n_ios && !batch->error)
        batch->error = batch->disk->ops->run(batch->disk, batch->ios, batch->n_ios);
    batch->n_ios = batch->n_iovs = 0;
}

void batch_add(struct batch *batch, uint64_t offset, void *bytes, size_t len)
{
    if (batch->n_iovs == BATCH_MAX)
        run(batch);
    struct iovec *iov = &batch->iovs[batch->n_iovs++];
    *iov = (struct iovec){bytes, len};
    if (batch->n_ios && batch->end == offset) {
        batch->ios[batch->n_ios - 1].n_iov++;
    } else {
        batch->ios[batch->n_ios++] =
            (struct disk_io){.write = batch->write, .offset = offset, .iov = iov, .n_iov = 1};
    }
    batch->end = offset + len;
}

int batch_done(struct batch *batch)
{
    run(batch);
    return batch->error;
}
