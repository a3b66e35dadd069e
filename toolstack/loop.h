/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Loop devices: a file as a block device. Source: Linux' include/uapi/linux/loop.h, loop(4).
 */
#ifndef SPRAT_TOOLSTACK_LOOP_H
#define SPRAT_TOOLSTACK_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fail.h"

/**
 * Take a free loop device for a file. The kernel frees it when the last one who has it open closes
 * it, whatever becomes of us.
 *
 * @param file    open, for writing too unless `read_only`.
 * @param path    its name, for people.
 * @param device  receives its number.
 * @return a descriptor of the device, or -errno.
 */
int loop_take(int file, const char *path, bool read_only, dev_t *device, struct fail *fail);

/** What a loop device's file is. @return whether it is a loop device that has one. */
bool loop_file_of(dev_t device, uint64_t *file_device, uint64_t *file_inode);

#endif
