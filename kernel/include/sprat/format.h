/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * printf's formats for the kernel's own messages: the kernel is below the C library.
 * Applications that print no more than this spare their image newlib's printf.
 */
#ifndef SPRAT_FORMAT_H
#define SPRAT_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#include <sprat/compiler.h>

/**
 * Write text as snprintf does, with %c %s %d %i %u %x %p %%, the lengths l, ll, z, the flag 0,
 * width, and .* or .N for %s.
 *
 * @return the length that the whole text would have; what does not fit `size` is cut.
 */
size_t format(char *buffer, size_t size, const char *fmt, ...) SPRAT_PRINTF(3, 4);
SPRAT_API size_t format_list(char *buffer, size_t size, const char *fmt, va_list args);

#endif
