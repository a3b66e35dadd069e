/* SPDX-License-Identifier: BSD-2-Clause */
/* What a path is without symbolic links and dots. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>

#define LINKS_MAX 40 /* as in paths that are opened */

struct real {
    char path[PATH_MAX]; /* the answer so far: "" is the root */
    size_t len;
    char rest[PATH_MAX]; /* what is left of the question */
    unsigned n_links;
};

static void go_up(struct real *real)
{
    while (real->len && real->path[--real->len] != '/')
        ;
    real->path[real->len] = '\0';
}

/* The last name of the answer is a symbolic link: what it says comes before `left`. */
static int follow(struct real *real, const char *left)
{
    size_t left_len = strlen(left);
    char target[PATH_MAX];

    if (++real->n_links > LINKS_MAX)
        return -ELOOP;
    ssize_t len = readlink(real->path, target, sizeof(target));
    if (len < 0)
        return -errno;
    if ((size_t)len + left_len >= sizeof(real->rest))
        return -ENAMETOOLONG;
    memmove(real->rest + len, left, left_len + 1);
    memcpy(real->rest, target, (size_t)len);
    go_up(real);
    if (len && target[0] == '/')
        real->path[real->len = 0] = '\0';
    return 0;
}

/* Add a name to the answer. `left` begins with a slash or is nothing. */
static int enter(struct real *real, const char *name, size_t len, const char *left)
{
    struct stat st;

    if (real->len + 1 + len >= sizeof(real->path))
        return -ENAMETOOLONG;
    real->path[real->len] = '/';
    memcpy(real->path + real->len + 1, name, len);
    real->len += 1 + len;
    real->path[real->len] = '\0';
    if (lstat(real->path, &st))
        return -errno;
    if (S_ISLNK(st.st_mode))
        return follow(real, left);
    memmove(real->rest, left, strlen(left) + 1);
    return *left && !S_ISDIR(st.st_mode) ? -ENOTDIR : 0;
}

static int find(struct real *real)
{
    int error = 0;

    while (!error && *real->rest) {
        char *name = real->rest + strspn(real->rest, "/");
        size_t len = strcspn(name, "/");
        bool is_dots = len == 2 && memcmp(name, "..", 2) == 0;
        if (len && !is_dots && (len != 1 || *name != '.')) {
            error = enter(real, name, len, name + len);
            continue;
        }
        if (is_dots)
            go_up(real);
        memmove(real->rest, name + len, strlen(name + len) + 1);
    }
    if (!real->len)
        strcpy(real->path, "/");
    return error;
}

SPRAT_API char *realpath(const char *restrict path, char *restrict resolved)
{
    size_t len = path ? strlen(path) : 0;
    int error = !path ? -EINVAL : !len ? -ENOENT : len >= PATH_MAX ? -ENAMETOOLONG : 0;
    struct real *real = error ? NULL : malloc(sizeof(*real)); /* too large for small stacks */

    if (!error && !real)
        error = -ENOMEM;
    if (!error) {
        real->len = real->n_links = 0;
        real->path[0] = '\0';
        memcpy(real->rest, path, len + 1);
        error = find(real);
    }
    if (error)
        file_result(error);
    else
        resolved = resolved ? strcpy(resolved, real->path) : strdup(real->path);
    free(real);
    return error ? NULL : resolved;
}
