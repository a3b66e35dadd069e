/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * CRC-32 as zlib, Ethernet and `gzip` have it: whether two texts are the same, told in a number.
 */
#ifndef SPRAT_TOOLSTACK_CRC32_H
#define SPRAT_TOOLSTACK_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *bytes, size_t len);

#endif
