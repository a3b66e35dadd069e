/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs for a fuzz target built by a compiler that has no libFuzzer, always the same: random ones,
 * or seeds with some bytes changed (the first ones as they are).
 *
 *     fuzz_X -runs=RUNS [-only=N] [FOLDER OF SEEDS]
 */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX   600
#define SEEDS_MAX   256
#define CHANGES_MAX 8

static struct seed {
    uint8_t *bytes;
    size_t size;
} seeds[SEEDS_MAX];
static size_t n_seeds;

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t make_random(uint64_t *state, uint8_t *input)
{
    size_t size = next(state) % (INPUT_MAX + 1);
    bool text = next(state) % 4 == 0;

    for (size_t i = 0; i < size; i++) {
        uint64_t word = next(state) >> 20;
        input[i] = text ? (uint8_t) " '\"\\=ab_9."[word % 10] : (uint8_t)word;
    }
    return size;
}

/* Bytes are set, flipped, taken out, or doubled. */
static size_t change(uint64_t *state, uint8_t *input, size_t size)
{
    for (unsigned n = 1 + next(state) % CHANGES_MAX; n && size; n--) {
        size_t at = next(state) % size, len = 1 + next(state) % 8;
        uint64_t word = next(state) >> 20;
        len = len < size - at ? len : size - at;
        switch (word % 8) {
        case 0:
            memmove(input + at, input + at + len, size - at - len);
            size -= len;
            break;
        case 1:
            memmove(input + at + len, input + at, size - at);
            size += len;
            break;
        case 2:
            memset(input + at, word & 256 ? 0xff : 0, len);
            break;
        case 3:
        case 4:
            input[at] = (uint8_t)(word >> 8);
            break;
        default:
            input[at] ^= (uint8_t)(1u << (word >> 8) % 8);
        }
    }
    return size;
}

static void run(unsigned long n)
{
    uint64_t state = (n + 1) * 0x9e3779b97f4a7c15;
    const struct seed *seed = n_seeds ? &seeds[n % n_seeds] : NULL;
    uint8_t *input = malloc((seed ? seed->size : INPUT_MAX) + 8 * CHANGES_MAX + 1);
    size_t size;

    if (!input)
        abort();
    if (seed) {
        memcpy(input, seed->bytes, seed->size);
        size = n < n_seeds ? seed->size : change(&state, input, seed->size);
    } else {
        size = make_random(&state, input);
    }
    /* A block of its own, so that ASan sees its end. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, input, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(input);
}

static void read_seed(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct seed *seed = &seeds[n_seeds++];

    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    seed->size = (size_t)ftell(file);
    seed->bytes = malloc(seed->size + 1);
    rewind(file);
    if (!seed->bytes || fread(seed->bytes, 1, seed->size, file) != seed->size)
        abort();
    fclose(file);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_seeds(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, is_file, alphasort);

    if (n < 1 || n > SEEDS_MAX) {
        fprintf(stderr, "%s: there are no seeds, or too many\n", folder);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        read_seed(path);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    unsigned long runs = 1000, only = 0;
    bool one = false;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = strtoul(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "-only=", 6) == 0)
            one = true, only = strtoul(argv[i] + 6, NULL, 10);
        else if (argv[i][0] != '-')
            read_seeds(argv[i]);
    }
    for (unsigned long n = one ? only : 0; n < (one ? only + 1 : runs); n++)
        run(n);
    printf("%lu inputs\n", one ? 1 : runs);
    return 0;
}
