/* SPDX-License-Identifier: BSD-2-Clause */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fail_text(struct fail *fail, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fail->text, sizeof(fail->text), format, args);
    va_end(args);
}

int fail_text_errno(struct fail *fail, const char *format, ...)
{
    int error = errno;
    va_list args;

    va_start(args, format);
    vsnprintf(fail->text, sizeof(fail->text), format, args);
    va_end(args);
    size_t len = strlen(fail->text);
    snprintf(fail->text + len, sizeof(fail->text) - len, ": %s", strerror(error));
    return error ? error : EIO;
}

void fail_prefix(struct fail *fail, const char *format, ...)
{
    struct fail whole;
    va_list args;

    va_start(args, format);
    vsnprintf(whole.text, sizeof(whole.text), format, args);
    va_end(args);
    size_t len = strlen(whole.text);
    snprintf(whole.text + len, sizeof(whole.text) - len, ": %.400s", fail->text);
    *fail = whole;
}
