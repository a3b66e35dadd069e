/* SPDX-License-Identifier: BSD-2-Clause */
/** A stream of bytes through a shared page: the console's and xenstore's rings. */
#ifndef SPRAT_BYTERING_H
#define SPRAT_BYTERING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** One direction. The indices run freely; the other side may write anything into them. */
struct bytering {
    volatile char *data;
    uint32_t size; /**< a power of two */
    volatile uint32_t *consumer, *producer;
};

/**
 * Put as many bytes as fit.
 *
 * @return how many, 0 when the ring is full, -EIO when the other side's index is impossible.
 */
ssize_t bytering_put(const struct bytering *ring, const void *bytes, size_t len);

/** Take what is there, at most `len` bytes. @return how many, or -EIO as above. */
ssize_t bytering_take(const struct bytering *ring, void *bytes, size_t len);

/** Bytes that wait in the ring, or -EIO. */
ssize_t bytering_used(const struct bytering *ring);

#endif
