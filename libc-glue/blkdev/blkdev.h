/* SPDX-License-Identifier: BSD-2-Clause */
/** Disks as files: /dev/xvda and the like. */
#ifndef SPRAT_BLKDEV_H
#define SPRAT_BLKDEV_H

#include <stdbool.h>
#include <sys/types.h>

#include <sprat/file.h>

/**
 * Open disk `number` as a file; several files of one disk share it. Waits until it is connected.
 *
 * @param file  receives it, with one reference, the caller's.
 * @return 0; -ENXIO when there is no such disk or its backend does not connect; -EROFS; -EBUSY when
 *         somebody else has it (a file system); -ENOMEM.
 */
int blkdev_open(unsigned number, int flags, struct file **file);

#endif
