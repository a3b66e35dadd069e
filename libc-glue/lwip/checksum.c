/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071), eight bytes at a time: lwIP's LWIP_CHKSUM. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lwip/inet_chksum.h"

u16_t net_checksum(const void *data, int len)
{
    const uint8_t *at = data;
    size_t left = (size_t)len;
    uint64_t sum = 0;

    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        sum += (uint32_t)word;
        sum += word >> 32;
    }
    if (left & 4) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        sum += word;
        at += 4;
    }
    if (left & 2) {
        uint16_t word;
        memcpy(&word, at, sizeof(word));
        sum += word;
        at += 2;
    }
    if (left & 1)
        sum += *at;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)sum;
}
