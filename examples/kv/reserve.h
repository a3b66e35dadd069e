/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Memory that is left alone, whatever clients send: the file system works with it. What grows as
 * clients like takes memory here, and has none when there is only this much.
 */
#ifndef KV_RESERVE_H
#define KV_RESERVE_H

#include <stddef.h>

/** As realloc(). Looks at how much is left each time: for what grows in large steps. */
void *reserve_realloc(void *bytes, size_t len);

/** As malloc(). Looks at how much is left now and then: for what is small. */
void *reserve_malloc(size_t len);

#endif
