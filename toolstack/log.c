/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_WORDS_MAX 2048 /* bytes: a crash report has about 1 KiB */

void log_line(const char *format, ...)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    va_list args;

    strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", localtime_r(&now, &tm));
    fprintf(stderr, "%s spratd: ", stamp);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void log_last_words(const char *name, const char *text, size_t len)
{
    const char *end = text + len;

    if (len > LAST_WORDS_MAX) {
        text = end - LAST_WORDS_MAX;
        const char *line = memchr(text, '\n', LAST_WORDS_MAX);
        text = line ? line + 1 : text;
    }
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        fprintf(stderr, "    %s: ", name);
        for (; text < stop; text++)
            if (*text != '\r')
                fputc(*text >= ' ' && *text <= '~' ? *text : '?', stderr);
        fputc('\n', stderr);
        text = stop + 1;
    }
}
