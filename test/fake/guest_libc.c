/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest_libc.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sanitizer/asan_interface.h>

#define BLOCKS_MAX 65536

static struct {
    void *blocks[BLOCKS_MAX]; /* the oldest first */
    unsigned n_blocks, left;
} heap = {.left = UINT_MAX};

unsigned fake_libc_blocks(void)
{
    return heap.n_blocks;
}

void fake_libc_fails(unsigned after)
{
    heap.left = after;
}

static bool may_allocate(void)
{
    if (heap.left == UINT_MAX)
        return true;
    if (!heap.left)
        return false;
    heap.left--;
    return true;
}

/* The host gives memory whenever the test says that there is some. */
static void *counted(void *memory)
{
    if (!memory || heap.n_blocks == BLOCKS_MAX)
        abort();
    heap.blocks[heap.n_blocks++] = memory;
    return memory;
}

static void forget(void *memory)
{
    unsigned i = heap.n_blocks;

    while (i && heap.blocks[i - 1] != memory)
        i--;
    if (!i)
        abort(); /* nobody allocated it */
    for (; i < heap.n_blocks; i++)
        heap.blocks[i - 1] = heap.blocks[i];
    heap.n_blocks--;
}

void fake_libc_show(unsigned n)
{
    for (; n < heap.n_blocks; n++)
        __asan_describe_address(heap.blocks[n]);
}

void *fake_malloc(size_t size)
{
    return may_allocate() ? counted(malloc(size)) : NULL;
}

void *fake_calloc(size_t n, size_t size)
{
    return may_allocate() ? counted(calloc(n, size)) : NULL;
}

void *fake_realloc(void *memory, size_t size)
{
    if (!may_allocate())
        return NULL;
    if (memory)
        forget(memory);
    return counted(realloc(memory, size));
}

void fake_free(void *memory)
{
    if (!memory)
        return;
    forget(memory);
    free(memory);
}

/* newlib's errno. */
int *__errno(void);

int *__errno(void)
{
    static int number;

    return &number;
}
