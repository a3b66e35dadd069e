/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/bytering.h>

#include <errno.h>

#include <sprat/cpu.h>

ssize_t bytering_used(const struct bytering *ring)
{
    uint32_t used = *ring->producer - *ring->consumer;
    return used <= ring->size ? (ssize_t)used : -EIO;
}

ssize_t bytering_put(const struct bytering *ring, const void *bytes, size_t len)
{
    const char *from = bytes;
    uint32_t producer = *ring->producer; /* ours: the other side changing it cheats itself */
    ssize_t used = bytering_used(ring);

    if (used < 0)
        return used;
    cpu_mb(); /* read the consumer before overwriting what it consumed */
    size_t n = ring->size - (size_t)used;
    if (n > len)
        n = len;
    for (size_t i = 0; i < n; i++)
        ring->data[(producer + i) & (ring->size - 1)] = from[i];
    cpu_wmb(); /* bytes before index */
    *ring->producer = producer + (uint32_t)n;
    return (ssize_t)n;
}

ssize_t bytering_take(const struct bytering *ring, void *bytes, size_t len)
{
    char *to = bytes;
    uint32_t consumer = *ring->consumer;
    ssize_t used = bytering_used(ring);

    if (used < 0)
        return used;
    cpu_rmb(); /* index before bytes */
    size_t n = (size_t)used < len ? (size_t)used : len;
    for (size_t i = 0; i < n; i++)
        to[i] = ring->data[(consumer + i) & (ring->size - 1)];
    cpu_mb(); /* all read before the space is given back */
    *ring->consumer = consumer + (uint32_t)n;
    return (ssize_t)n;
}
