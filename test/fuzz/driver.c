/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs for a fuzz target built by a compiler that has no libFuzzer: random ones, always the same.
 * driver RUNS runs the n-th input for n up to RUNS; driver RUNS N the N-th alone.
 */
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX 600

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void run(unsigned long n)
{
    uint64_t state = (n + 1) * 0x9e3779b97f4a7c15;
    size_t size = next(&state) % (INPUT_MAX + 1);
    uint8_t *input = malloc(size ? size : 1);
    bool text = next(&state) % 4 == 0;

    for (size_t i = 0; input && i < size; i++) {
        uint64_t word = next(&state) >> 20;
        input[i] = text ? (uint8_t) " '\"\\=ab_9."[word % 10] : (uint8_t)word;
    }
    if (input)
        LLVMFuzzerTestOneInput(input, size);
    free(input);
}

int main(int argc, char **argv)
{
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

    for (unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0; n < runs; n++) {
        run(n);
        if (argc > 2)
            break;
    }
    printf("%lu inputs\n", runs);
    return 0;
}
