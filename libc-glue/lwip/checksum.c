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
    uint64_t sum = 0, few = 0;

    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        sum += word;
        sum += sum < word; /* the carry */
    }
    if (left & 4) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        few = word;
        at += 4;
    }
    if (left & 2) {
        uint16_t word;
        memcpy(&word, at, sizeof(word));
        few += word;
        at += 2;
    }
    if (left & 1)
        few += *at;
    few += (uint32_t)sum + (sum >> 32);
    few = (uint32_t)few + (few >> 32);
    uint32_t folded = (uint32_t)few + (uint32_t)(few >> 32); /* 32 bits */
    folded = (folded & 0xffff) + (folded >> 16);
    return (u16_t)(folded + (folded >> 16));
}
