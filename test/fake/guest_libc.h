/* SPDX-License-Identifier: BSD-2-Clause */
/** The C library under guest sources on the host: the host's, but for memory and errno. */
#ifndef FAKE_GUEST_LIBC_H
#define FAKE_GUEST_LIBC_H

#include <stddef.h>

/** Blocks that were allocated and not freed. */
unsigned fake_libc_blocks(void);

/** Tell on stderr where each block came from that was allocated after the first `n`. */
void fake_libc_show(unsigned n);

/** The allocation after `after` good ones fails, and all that follow; UINT_MAX: none. */
void fake_libc_fails(unsigned after);

void *fake_malloc(size_t size);
void *fake_calloc(size_t n, size_t size);
void *fake_realloc(void *memory, size_t size);
void fake_free(void *memory);

#endif
