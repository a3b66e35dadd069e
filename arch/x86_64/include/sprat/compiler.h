/* SPDX-License-Identifier: BSD-2-Clause */
/** What the runtime asks of the compiler. */
#ifndef SPRAT_COMPILER_H
#define SPRAT_COMPILER_H

#include <stddef.h>

/**
 * A function that the application may call.
 *
 * The runtime is built with hidden visibility, and what is hidden is made local before an
 * application is linked: only what carries this mark is part of Sprat's interface.
 */
#define SPRAT_API __attribute__((visibility("default")))

#define SPRAT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/** For the few lines that run for each packet or block: -Os would rather call them. */
#define SPRAT_INLINE static inline __attribute__((always_inline))

#define PAGE_BYTES 4096ul
#define PAGE_BITS  12

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define ROUND_UP(value, step) ((((value) + (step)-1) / (step)) * (step))

/** The struct of which `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
