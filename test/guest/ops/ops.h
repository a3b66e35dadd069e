/* SPDX-License-Identifier: BSD-2-Clause */
/** What programs share that do the same calls in a guest and on Linux: chance, and telling. */
#ifndef OPS_H
#define OPS_H

#include <stddef.h>
#include <stdint.h>

/* chance.c */

void seed(uint64_t number);
uint64_t below(uint64_t n); /**< 0 to n - 1 */

/* tell.c */

/** What was called, and what came of it: a number, or the error's name. */
void tell(long long result, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *error_name(int error);
uint64_t hash_of(const void *from, size_t len);

#endif
