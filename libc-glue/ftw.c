/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks through trees of directories. */
#include <ftw.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>

#include "fail.h"

/* A directory that is being read. They are kept apart from the stack, which may be small. */
struct level {
    struct level *above;
    DIR *dir;
    struct stat st;
    struct FTW where;
    size_t len; /* of its path */
};

struct walk {
    int (*met)(const char *, const struct stat *, int, struct FTW *);
    int (*old_met)(const char *, const struct stat *, int);
    int flags;
    struct level *level; /* the deepest */
    char *path;
    size_t room;
};

static int tell(const struct walk *walk, const struct stat *st, int what, struct FTW *where)
{
    if (walk->met)
        return walk->met(walk->path, st, what, where);
    return walk->old_met(walk->path, st, what == FTW_SLN ? FTW_NS : what);
}

/* Put a name behind a path of `len` bytes. */
static int append(struct walk *walk, size_t len, const char *name)
{
    size_t needed = len + 1 + strlen(name) + 1;

    if (needed > walk->room) {
        char *path = realloc(walk->path, 2 * needed);
        if (!path)
            return -1;
        walk->path = path;
        walk->room = 2 * needed;
    }
    walk->path[len] = '/';
    strcpy(walk->path + len + 1, name);
    return 0;
}

/* Has a symbolic link led back? */
static bool is_above(const struct level *level, const struct stat *st)
{
    while (level && (level->st.st_dev != st->st_dev || level->st.st_ino != st->st_ino))
        level = level->above;
    return level;
}

static int look(const struct walk *walk, struct stat *st)
{
    if (walk->flags & FTW_PHYS ? !lstat(walk->path, st) : !stat(walk->path, st))
        return S_ISDIR(st->st_mode) ? FTW_D : S_ISLNK(st->st_mode) ? FTW_SL : FTW_F;
    if (!(walk->flags & FTW_PHYS) && !lstat(walk->path, st) && S_ISLNK(st->st_mode))
        return FTW_SLN;
    return FTW_NS;
}

static int enter_directory(struct walk *walk, const struct stat *st, struct FTW *where)
{
    struct level *level = malloc(sizeof(*level));
    DIR *dir = level ? opendir(walk->path) : NULL;

    if (!dir) {
        free(level);
        return level ? tell(walk, st, FTW_DNR, where) : -1;
    }
    *level = (struct level){walk->level, dir, *st, *where, strlen(walk->path)};
    walk->level = level;
    return walk->flags & FTW_DEPTH ? 0 : tell(walk, st, FTW_D, where);
}

static int enter(struct walk *walk, struct FTW where)
{
    struct stat st = {0};
    int what = look(walk, &st);

    if (what == FTW_NS && !where.level)
        return -1;
    if (walk->level && walk->flags & FTW_MOUNT && what != FTW_NS &&
        st.st_dev != walk->level->st.st_dev)
        return 0;
    if (what != FTW_D)
        return tell(walk, &st, what, &where);
    return is_above(walk->level, &st) ? 0 : enter_directory(walk, &st, &where);
}

static int leave(struct walk *walk, int result)
{
    struct level *level = walk->level;

    closedir(level->dir);
    walk->level = level->above;
    walk->path[level->len] = '\0';
    if (!result && walk->flags & FTW_DEPTH)
        result = tell(walk, &level->st, FTW_DP, &level->where);
    free(level);
    return result;
}

static int go_on(struct walk *walk)
{
    const struct level *level = walk->level;

    errno = 0;
    const struct dirent *entry = readdir(level->dir);
    if (!entry)
        return leave(walk, errno ? -1 : 0);
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    size_t len = level->len - (walk->path[level->len - 1] == '/');
    return append(walk, len, entry->d_name)
               ? -1
               : enter(walk, (struct FTW){(int)len + 1, level->where.level + 1});
}

static int walk_from(const char *path, struct walk *walk)
{
    const char *slash = strrchr(path, '/');
    struct FTW where = {slash ? (int)(slash + 1 - path) : 0, 0};

    if (walk->flags & ~(FTW_PHYS | FTW_MOUNT | FTW_DEPTH))
        return fail(EINVAL);
    if (!*path)
        return fail(ENOENT);
    walk->path = strdup(path);
    if (!walk->path)
        return -1;
    walk->room = strlen(path) + 1;
    int result = enter(walk, where);
    while (walk->level)
        result = result ? leave(walk, result) : go_on(walk);
    free(walk->path);
    return result;
}

SPRAT_API int nftw(const char *path,
                   int (*met)(const char *, const struct stat *, int, struct FTW *), int n_open,
                   int flags)
{
    (void)n_open;
    return walk_from(path, &(struct walk){.met = met, .flags = flags});
}

SPRAT_API int ftw(const char *path, int (*met)(const char *, const struct stat *, int), int n_open)
{
    (void)n_open;
    return walk_from(path, &(struct walk){.old_met = met});
}
