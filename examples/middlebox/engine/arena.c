/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    max_align_t data[];
};

#define CHUNK 4096

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_chunk *c = a->chunks;

    size = (size + 15) & ~(size_t)15;
    if (!c || size > a->left) {
        size_t bytes = size > CHUNK ? size : CHUNK;

        if (size > ARENA_MAX || a->total + bytes > ARENA_MAX)
            return NULL;
        c = calloc(1, sizeof(*c) + bytes);
        if (!c)
            return NULL;
        c->size = bytes;
        c->next = a->chunks;
        a->chunks = c;
        a->left = bytes;
        a->total += bytes;
    }
    a->left -= size;
    return (char *)c->data + (c->size - a->left - size);
}

void *arena_grow(struct arena *a, void *array, unsigned n, unsigned *cap, size_t size)
{
    unsigned bigger = *cap ? *cap * 2 : 8;
    void *moved;

    if (n < *cap)
        return array;
    moved = arena_alloc(a, bigger * size);
    if (!moved)
        return NULL;
    if (n)
        memcpy(moved, array, n * size);
    *cap = bigger;
    return moved;
}

void arena_free(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *c = a->chunks;

        a->chunks = c->next;
        free(c);
    }
    a->left = a->total = 0;
}
