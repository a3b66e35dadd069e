/* SPDX-License-Identifier: BSD-2-Clause */
#include "crc32.h"

#define POLYNOMIAL 0xedb88320u /* IEEE 802.3's, its bits reversed */

uint32_t crc32_of(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return ~crc;
}
