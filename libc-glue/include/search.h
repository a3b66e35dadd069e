/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what POSIX has for arrays and lists. */
#include_next <search.h>

#ifndef _SPRAT_SEARCH_H
#define _SPRAT_SEARCH_H

/** @return what in the array equals the key; NULL, or (lsearch) where it was added. */
void *lfind(const void *key, const void *first, size_t *n, size_t bytes,
            int (*compare)(const void *, const void *));
void *lsearch(const void *key, void *first, size_t *n, size_t bytes,
              int (*compare)(const void *, const void *)) __attribute__((nonnull));

/** Of structs that begin with pointers to the next one and to the one before. @param after  NULL:
 * the list begins with `element`. */
void insque(void *element, void *after);
void remque(void *element);

#endif
