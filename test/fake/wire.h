/* SPDX-License-Identifier: BSD-2-Clause */
/** Numbers as they are in packets: the first byte is the highest. */
#ifndef FAKE_WIRE_H
#define FAKE_WIRE_H

#include <stddef.h>
#include <stdint.h>

/** The number in n bytes, of 4 at most. */
static inline uint32_t wire_get(const uint8_t *at, size_t n)
{
    uint32_t value = 0;

    while (n--)
        value = value << 8 | *at++;
    return value;
}

/** Make n bytes a number; what of it does not fit is left out. */
static inline void wire_put(uint8_t *at, size_t n, uint32_t value)
{
    for (; n--; value >>= 8)
        at[n] = (uint8_t)value;
}

/** Add bytes to RFC 1071's sum, which is not folded yet. */
static inline uint32_t wire_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

/** The sum as it goes into a header. */
static inline uint16_t wire_fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

#endif
