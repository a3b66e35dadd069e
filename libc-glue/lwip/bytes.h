/* SPDX-License-Identifier: BSD-2-Clause */
/** Numbers as they are in packets: the first byte is the highest, and they lie anywhere. */
#ifndef SPRAT_NET_BYTES_H
#define SPRAT_NET_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t bytes_get32(const uint8_t *at)
{
    return (uint32_t)bytes_get16(at) << 16 | bytes_get16(at + 2);
}

/** @return where the next number goes; likewise below. */
static inline uint8_t *bytes_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *bytes_put32(uint8_t *at, uint32_t value)
{
    return bytes_put16(bytes_put16(at, value >> 16), value);
}

#endif
