/* SPDX-License-Identifier: BSD-2-Clause */
/* First sequence numbers: RFC 6528, with SipHash-2-4 as the keyed function. */
#include "isn.h"
#include "net.h"
#include "net_hooks.h"
#include "syncookie.h"

#include <string.h>

#include <sprat/clock.h>

#define NS_PER_STEP 4000 /* RFC 6528: the clock part counts every 4 us */

static uint64_t rotate(uint64_t word, int by)
{
    return word << by | word >> (64 - by);
}

static void rounds(uint64_t v[4], int n)
{
    while (n--) {
        v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
    }
}

/* Of whole words; the last byte of the last block says how many bytes there were. */
static uint64_t siphash(const uint64_t key[2], const uint64_t *words, size_t n)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    for (size_t i = 0; i <= n; i++) {
        uint64_t word = i < n ? words[i] : (uint64_t)(n * 8) << 56;
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void add_address(uint64_t *words, const ip_addr_t *address)
{
    if (IP_IS_V6(address))
        memcpy(words, ip_2_ip6(address)->addr, 16);
    else
        words[0] = ip_2_ip4(address)->addr;
}

uint64_t isn_hash(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                  u16_t remote_port, uint64_t more)
{
    static uint64_t key[2];
    uint64_t words[6] = {(uint64_t)local_port << 16 | remote_port, more};

    while (!key[0])
        for (size_t i = 0; i < 4; i++)
            key[i / 2] = key[i / 2] << 32 | net_random();
    add_address(words + 2, local);
    add_address(words + 4, remote);
    return siphash(key, words, 6);
}

u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    u32_t cookie;

    if (syncookie_take(&cookie))
        return cookie;
    return (u32_t)(isn_hash(local, local_port, remote, remote_port, 0) +
                   clock_monotonic() / NS_PER_STEP);
}
