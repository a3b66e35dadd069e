/* SPDX-License-Identifier: BSD-2-Clause */
#include <err.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/app.h>
#include <sprat/compiler.h>

static void complain(const char *reason, const char *fmt, va_list args)
{
    fprintf(stderr, "%s: ", app_name);
    if (fmt)
        vfprintf(stderr, fmt, args);
    fprintf(stderr, "%s%s\n", fmt && reason ? ": " : "", reason ? reason : "");
}

SPRAT_API void vwarn(const char *fmt, va_list args)
{
    complain(strerror(errno), fmt, args);
}

SPRAT_API void vwarnx(const char *fmt, va_list args)
{
    complain(NULL, fmt, args);
}

SPRAT_API void warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vwarn(fmt, args);
    va_end(args);
}

SPRAT_API void warnx(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vwarnx(fmt, args);
    va_end(args);
}

SPRAT_API void verr(int status, const char *fmt, va_list args)
{
    vwarn(fmt, args);
    exit(status);
}

SPRAT_API void verrx(int status, const char *fmt, va_list args)
{
    vwarnx(fmt, args);
    exit(status);
}

SPRAT_API void err(int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    verr(status, fmt, args);
}

SPRAT_API void errx(int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    verrx(status, fmt, args);
}
