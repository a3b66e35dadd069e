/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qsort() by a heap: what is sorted comes from archives, disks and zone files, and takes n log n
 * steps in whatever order it comes. newlib's takes n^2 in some, and four times the room.
 */
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>

#define PART 32 /* bytes that are exchanged at a time */

/* What is being sorted. */
struct heap {
    char *base;
    size_t size; /* of an element */
    int (*compare)(const void *, const void *);
};

static void exchange(char *a, char *b, size_t size)
{
    char kept[PART];

    for (size_t n; size; a += n, b += n, size -= n) {
        n = size < PART ? size : PART;
        memcpy(kept, a, n);
        memcpy(a, b, n);
        memcpy(b, kept, n);
    }
}

/* Let an element of the first n sink to where none below it is larger. */
static void sink(const struct heap *heap, size_t i, size_t n)
{
    for (size_t below; (below = 2 * i + 1) < n; i = below) {
        char *child = heap->base + below * heap->size, *at = heap->base + i * heap->size;
        if (below + 1 < n && heap->compare(child, child + heap->size) < 0) {
            child += heap->size;
            below++;
        }
        if (heap->compare(at, child) >= 0)
            return;
        exchange(at, child, heap->size);
    }
}

SPRAT_API void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    const struct heap heap = {base, size, compare};

    for (size_t i = n / 2; i--;)
        sink(&heap, i, n);
    while (n > 1) {
        exchange(heap.base, heap.base + --n * size, size);
        sink(&heap, 0, n);
    }
}
