/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A folder in place of /var/lib/xen, and the file calls that lead there: linked with --wrap. Each
 * test is a program of its own, so these are its own functions.
 */
#ifndef SPRAT_TEST_XLFOLDER_H
#define SPRAT_TEST_XLFOLDER_H

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UUID "00010203-0405-0607-0809-0a0b0c0d0e0f"

static char folder[] = "/tmp/sprat-xlfolder-XXXXXX";
static int refusal; /* an errno of open() */

/* Where it is here. The one before is still good. */
static const char *moved(const char *path)
{
    static char texts[2][256];
    static unsigned n;
    char *text = texts[n++ % 2];

    assert_int_equal(strncmp(path, "/var/lib/xen/", 13), 0);
    snprintf(text, 256, "%s%s", folder, strrchr(path, '/'));
    return text;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    errno = refusal;
    return refusal ? -1 : __real_open(moved(path), flags, 0600);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    return __real_unlink(moved(path));
}

static const char *file(const char *kind, const char *what)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/userdata-%s.7." UUID ".%s", folder, kind, what);
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

#endif
