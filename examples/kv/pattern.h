/* SPDX-License-Identifier: BSD-2-Clause */
/** Patterns for names of keys. */
#ifndef KV_PATTERN_H
#define KV_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/** Does the name match the pattern? `*`, `?`, `[a-c]`, `[^a]`, and `\` before what means itself. */
bool pattern_match(const char *pattern, size_t pattern_len, const char *name, size_t len);

#endif
