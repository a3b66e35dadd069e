/* SPDX-License-Identifier: BSD-2-Clause */
/* strsep(): newlib's has no last word where that is empty, so "a," would be as good as "a". */
#include <string.h>

#include <sprat/compiler.h>

SPRAT_API char *strsep(char **restrict rest, const char *restrict separators)
{
    char *word = *rest;

    if (!word)
        return NULL;
    char *end = word + strcspn(word, separators);
    *rest = *end ? end + 1 : NULL;
    *end = '\0';
    return word;
}
