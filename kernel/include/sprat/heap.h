/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The heap: what malloc() is made of, and what the kernel itself allocates from.
 *
 * Small blocks of one size share a page, larger ones are pages of their own. Behind each block lies
 * a seal that depends on the boot's secret and the block's address; a write past the end of a
 * block, a block freed twice, and an address that was never given out are found when the block is
 * freed or resized, and end the guest with a report.
 */
#ifndef SPRAT_HEAP_H
#define SPRAT_HEAP_H

#include <stddef.h>
#include <stdint.h>

/** Choose the secret. Once, before the first allocation. */
void heap_init(uint64_t secret);

/** Allocate, aligned to 16, not zeroed. @return NULL when there is no memory. */
void *heap_alloc(size_t size);

/** Allocate with an alignment that is a power of two. */
void *heap_alloc_aligned(size_t align, size_t size);

/** Give back; NULL is allowed. */
void heap_free(void *block);

/**
 * Change the size, as realloc does. @return NULL, with the old block whole, when there is no
 * memory.
 */
void *heap_resize(void *block, size_t size);

/** The size that was asked for. Checks the block. */
size_t heap_size(const void *block);

#endif
