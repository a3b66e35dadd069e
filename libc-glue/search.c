/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays without order, and lists. */
#include <search.h>
#include <stdint.h>
#include <string.h>

#include <sprat/compiler.h>

struct element {
    struct element *next, *before;
};

SPRAT_API void *lfind(const void *key, const void *first, size_t *n, size_t bytes,
                      int (*compare)(const void *, const void *))
{
    const char *at = first;

    for (size_t i = 0; i < *n; i++, at += bytes)
        if (compare(key, at) == 0)
            return (void *)(uintptr_t)at;
    return NULL;
}

SPRAT_API void *lsearch(const void *key, void *first, size_t *n, size_t bytes,
                        int (*compare)(const void *, const void *))
{
    void *found = lfind(key, first, n, bytes, compare);

    return found ? found : memcpy((char *)first + (*n)++ * bytes, key, bytes);
}

SPRAT_API void insque(void *element, void *after)
{
    struct element *added = element, *before = after;

    *added = (struct element){before ? before->next : NULL, before};
    if (added->next)
        added->next->before = added;
    if (before)
        before->next = added;
}

SPRAT_API void remque(void *element)
{
    const struct element *removed = element;

    if (removed->next)
        removed->next->before = removed->before;
    if (removed->before)
        removed->before->next = removed->next;
}
