/* SPDX-License-Identifier: BSD-2-Clause */
/** Input as a script: each byte or number is taken from it once. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct fuzz {
    const uint8_t *at;
    size_t left;
};

static inline size_t fuzz_bytes(struct fuzz *fuzz, void *to, size_t len)
{
    size_t n = fuzz->left < len ? fuzz->left : len;

    memcpy(to, fuzz->at, n);
    fuzz->at += n;
    fuzz->left -= n;
    return n;
}

static inline uint8_t fuzz_byte(struct fuzz *fuzz)
{
    uint8_t byte = 0;

    fuzz_bytes(fuzz, &byte, 1);
    return byte;
}

/**
 * A number that is small most of the time, near a power of two often, and anything now and then.
 */
static inline uint32_t fuzz_number(struct fuzz *fuzz)
{
    uint8_t kind = fuzz_byte(fuzz);
    uint32_t number = 0;

    if (kind < 128)
        return kind;
    if (kind < 192)
        return (1u << kind % 32) + fuzz_byte(fuzz) % 5 - 2;
    fuzz_bytes(fuzz, &number, sizeof(number));
    return number;
}

/** What must be true whatever the input is. */
static inline void fuzz_check(bool is_so)
{
    if (!is_so)
        abort();
}

/* libFuzzer calls this, or driver.c where there is no libFuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
