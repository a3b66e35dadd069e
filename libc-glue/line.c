/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of any length: newlib reads them, by names of its own. */
#include <stdio.h>

#include <sprat/compiler.h>

SPRAT_API ssize_t getdelim(char **restrict line, size_t *restrict size, int delimiter,
                           FILE *restrict stream)
{
    return __getdelim(line, size, delimiter, stream);
}

SPRAT_API ssize_t getline(char **restrict line, size_t *restrict size, FILE *restrict stream)
{
    return getdelim(line, size, '\n', stream);
}
