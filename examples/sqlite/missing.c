/* SPDX-License-Identifier: BSD-2-Clause */
/* What SQLite's shell asks of a system with users and working directories. */
#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <unistd.h>

/* Where is ~/.sqliterc? Nowhere. */
struct passwd *getpwuid(uid_t uid)
{
    (void)uid;
    return NULL;
}

/* Its .cd: paths begin at the root. */
int chdir(const char *path)
{
    (void)path;
    errno = ENOSYS;
    return -1;
}
