/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Memory that is freed all at once: the life of one configuration's reading. */
#ifndef SPRAT_MIDDLEBOX_ARENA_H
#define SPRAT_MIDDLEBOX_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_chunk *chunks;
    size_t left;
    size_t total;
};

#define ARENA_MAX (8u << 20) /* a configuration that needs more is refused */

/** Zeroed memory, or NULL: out of memory, or more than ARENA_MAX. */
void *arena_alloc(struct arena *a, size_t size);

/** Room for one more element in a growing array: the array, moved perhaps, or NULL. */
void *arena_grow(struct arena *a, void *array, unsigned n, unsigned *cap, size_t size);

void arena_free(struct arena *a);

#endif
