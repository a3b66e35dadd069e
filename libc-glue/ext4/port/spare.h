/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Memory that is kept for libext2fs, for it crashes where it finds none: a call begins when all of
 * it is there, and goes on with it when the guest has no other.
 */
#ifndef EXT4_PORT_SPARE_H
#define EXT4_PORT_SPARE_H

#include <stdbool.h>
#include <stddef.h>

/** A file system is here, or is no more; the last one gives all back. */
void spare_open(void);
void spare_close(void);
/**
 * Have all of it, or at least half if that is enough: a change may take half, and its commit.
 *
 * @return 0 or -ENOMEM.
 */
int spare_fill(bool half);

/** As malloc() and realloc(). */
void *spare_malloc(size_t len);
void *spare_realloc(void *bytes, size_t len);

#endif
