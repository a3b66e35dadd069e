/* SPDX-License-Identifier: BSD-2-Clause */
#include <syslog.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sprat/app.h>
#include <sprat/compiler.h>

#define LINE_BYTES 1024 /* of a message; what is beyond is cut */

static struct {
    const char *ident;
    int options, mask;
} settings = {.mask = LOG_UPTO(LOG_DEBUG)};

SPRAT_API void openlog(const char *ident, int options, int facility)
{
    (void)facility;
    settings.ident = ident;
    settings.options = options;
}

SPRAT_API void closelog(void)
{
    settings.ident = NULL;
    settings.options = 0;
}

SPRAT_API int setlogmask(int mask)
{
    int before = settings.mask;

    if (mask)
        settings.mask = mask;
    return before;
}

/* %m is what errno says; all else is printf()'s. */
static void expand(char *to, size_t size, const char *fmt, const char *error)
{
    size_t n = 0;

    for (; *fmt && n + 2 < size; fmt++) {
        if (fmt[0] == '%' && fmt[1] == 'm') {
            for (const char *from = error; *from && n + 2 < size; from++) {
                if (*from == '%')
                    to[n++] = '%';
                to[n++] = *from;
            }
            fmt++;
            continue;
        }
        to[n++] = *fmt;
        if (fmt[0] == '%' && fmt[1])
            to[n++] = *++fmt;
    }
    to[n] = '\0';
}

SPRAT_API void vsyslog(int priority, const char *fmt, va_list args)
{
    char whole[LINE_BYTES], text[LINE_BYTES];
    int error = errno;

    if (!(settings.mask & LOG_MASK(LOG_PRI(priority))))
        return;
    expand(whole, sizeof(whole), fmt, strerror(error));
    vsnprintf(text, sizeof(text), whole, args);
    size_t len = strlen(text);
    fprintf(stderr, "%s%s: %s%s", settings.ident ? settings.ident : app_name,
            settings.options & LOG_PID ? "[1]" : "", text,
            len && text[len - 1] == '\n' ? "" : "\n");
    errno = error;
}

SPRAT_API void syslog(int priority, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsyslog(priority, fmt, args);
    va_end(args);
}
