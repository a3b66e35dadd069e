/* SPDX-License-Identifier: BSD-2-Clause */
/** Complaining on stderr, as the BSDs and Linux have it: "NAME: text: what errno says". */
#ifndef _ERR_H
#define _ERR_H

#include <stdarg.h>

/* Those with an x do not tell of errno. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vwarn(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
void vwarnx(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
void err(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
void errx(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
void verr(int status, const char *fmt, va_list args)
    __attribute__((noreturn, format(printf, 2, 0)));
void verrx(int status, const char *fmt, va_list args)
    __attribute__((noreturn, format(printf, 2, 0)));

#endif
