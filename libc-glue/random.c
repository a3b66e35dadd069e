/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes from the CPU; newlib's arc4random() is seeded with them. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/port.h>

#include "fail.h"

#define GETENTROPY_MAX 256 /* bytes a call may ask for, as everywhere */

/* A CPU without RDRAND leaves a guest nothing that others could not guess with patience. */
static uint64_t guessable(void)
{
    static uint64_t state;

    if (!state)
        port_log("random: the CPU has no RDRAND, so random numbers can be guessed");
    state = (state ^ cpu_tsc() ^ clock_wall() << 32) * 0xd6e8feb86659fd93 + 1;
    return state ^ state >> 29;
}

SPRAT_API ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
    char *to = buffer;

    (void)flags;
    for (size_t left = len; left;) {
        uint64_t word;
        size_t n = left < sizeof(word) ? left : sizeof(word);
        if (!cpu_random(&word))
            word = guessable();
        memcpy(to, &word, n);
        to += n;
        left -= n;
    }
    return (ssize_t)len;
}

SPRAT_API int getentropy(void *buffer, size_t len)
{
    if (len > GETENTROPY_MAX)
        return fail(EIO);
    getrandom(buffer, len, 0);
    return 0;
}
