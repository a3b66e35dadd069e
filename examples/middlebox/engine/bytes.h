/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Byte order and unaligned access. */
#ifndef SPRAT_MIDDLEBOX_BYTES_H
#define SPRAT_MIDDLEBOX_BYTES_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the engine runs on little-endian x86");

static inline uint32_t host_to_be32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint16_t host_to_be16(uint16_t v)
{
    return __builtin_bswap16(v);
}

#define be32_to_host host_to_be32
#define be16_to_host host_to_be16

static inline uint16_t get_be16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, 2);
    return be16_to_host(v);
}

static inline uint32_t get_be32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return be32_to_host(v);
}

/** As it lies in memory: for addresses and ports, which stay in network order. */
static inline uint32_t get_raw32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static inline uint16_t get_raw16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, 2);
    return v;
}

static inline void put_be16(void *p, uint16_t v)
{
    v = host_to_be16(v);
    memcpy(p, &v, 2);
}

static inline void put_be32(void *p, uint32_t v)
{
    v = host_to_be32(v);
    memcpy(p, &v, 4);
}

static inline void put_raw32(void *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

static inline void put_raw16(void *p, uint16_t v)
{
    memcpy(p, &v, 2);
}

#endif
