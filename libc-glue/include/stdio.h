/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with the reading of lines by POSIX's names. */
#include_next <stdio.h>

#ifndef _SPRAT_STDIO_H
#define _SPRAT_STDIO_H

#if __POSIX_VISIBLE >= 200809
ssize_t getdelim(char **__restrict line, size_t *__restrict size, int delimiter,
                 FILE *__restrict stream);
ssize_t getline(char **__restrict line, size_t *__restrict size, FILE *__restrict stream);
#endif

#endif
