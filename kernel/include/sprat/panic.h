/* SPDX-License-Identifier: BSD-2-Clause */
/** The end of a guest that can't go on: see also port_panic(). */
#ifndef SPRAT_PANIC_H
#define SPRAT_PANIC_H

#include <stdarg.h>

/**
 * Report and end the domain as crashed.
 *
 * @param rip, rbp  where the backtrace starts.
 */
void panic_here(const void *rip, const void *rbp, const char *fmt, va_list args)
    __attribute__((noreturn));

#endif
