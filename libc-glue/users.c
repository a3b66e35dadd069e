/* SPDX-License-Identifier: BSD-2-Clause */
/* There is one user, who may do all, in one group. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/compiler.h>

#include "fail.h"

#define ROOT 0

/* The structs' members are not const, and nobody may write to them: each call makes them anew. */

static struct passwd *fill_user(struct passwd *user)
{
    *user = (struct passwd){.pw_name = "root",
                            .pw_passwd = "x",
                            .pw_uid = ROOT,
                            .pw_gid = ROOT,
                            .pw_comment = "",
                            .pw_gecos = "",
                            .pw_dir = "/",
                            .pw_shell = ""};
    return user;
}

static struct group *fill_group(struct group *group)
{
    static char *members[] = {NULL};

    *group = (struct group){.gr_name = "root", .gr_passwd = "x", .gr_gid = ROOT, .gr_mem = members};
    return group;
}

static int only_root(unsigned id)
{
    return id == ROOT ? 0 : fail(EPERM);
}

SPRAT_API uid_t getuid(void)
{
    return ROOT;
}

SPRAT_API uid_t geteuid(void)
{
    return ROOT;
}

SPRAT_API gid_t getgid(void)
{
    return ROOT;
}

SPRAT_API gid_t getegid(void)
{
    return ROOT;
}

SPRAT_API int setuid(uid_t uid)
{
    return only_root(uid);
}

SPRAT_API int seteuid(uid_t uid)
{
    return only_root(uid);
}

SPRAT_API int setgid(gid_t gid)
{
    return only_root(gid);
}

SPRAT_API int setegid(gid_t gid)
{
    return only_root(gid);
}

SPRAT_API int getgroups(int max, gid_t *groups)
{
    (void)max;
    (void)groups;
    return 0;
}

SPRAT_API int setgroups(int n, const gid_t *groups)
{
    for (int i = 0; i < n; i++)
        if (only_root(groups[i]))
            return -1;
    return 0;
}

SPRAT_API int initgroups(const char *name, gid_t group)
{
    (void)name;
    return only_root(group);
}

/* @return how many; -1 when there is no room for the one. */
SPRAT_API int getgrouplist(const char *name, gid_t group, gid_t *groups, int *n)
{
    bool fits = *n >= 1;

    (void)name;
    if (fits)
        groups[0] = group;
    *n = 1;
    return fits ? 1 : -1;
}

/* One that is not there is no error: errno stays. */

static bool is_root(const char *name)
{
    return strcmp(name, "root") == 0;
}

SPRAT_API struct passwd *getpwuid(uid_t uid)
{
    static struct passwd user;
    return uid == ROOT ? fill_user(&user) : NULL;
}

SPRAT_API struct passwd *getpwnam(const char *name)
{
    return is_root(name) ? getpwuid(ROOT) : NULL;
}

SPRAT_API struct group *getgrgid(gid_t gid)
{
    static struct group group;
    return gid == ROOT ? fill_group(&group) : NULL;
}

SPRAT_API struct group *getgrnam(const char *name)
{
    return is_root(name) ? getgrgid(ROOT) : NULL;
}

/* The texts are constant, so the buffer is not used. */

SPRAT_API int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size,
                         struct passwd **found)
{
    (void)buffer;
    (void)size;
    *found = uid == ROOT ? fill_user(user) : NULL;
    return 0;
}

SPRAT_API int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
                         struct passwd **found)
{
    return getpwuid_r(is_root(name) ? ROOT : ROOT + 1, user, buffer, size, found);
}

SPRAT_API int getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size,
                         struct group **found)
{
    (void)buffer;
    (void)size;
    *found = gid == ROOT ? fill_group(group) : NULL;
    return 0;
}

SPRAT_API int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
                         struct group **found)
{
    return getgrgid_r(is_root(name) ? ROOT : ROOT + 1, group, buffer, size, found);
}

SPRAT_API char *getlogin(void)
{
    return (char *)(uintptr_t) "root";
}

/* Nobody gave the program rights that its user lacks, so its environment may be trusted. */

SPRAT_API int issetugid(void)
{
    return 0;
}

SPRAT_API char *secure_getenv(const char *name)
{
    return getenv(name);
}
