/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths: short ones of few names, so that they meet; now and then one that is odd. */
#include "fsops.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

unsigned some_file(void)
{
    return (unsigned)below(N_FILES);
}

off_t some_place(void)
{
    static const off_t places[] = {0, 1, 511, 4095, 4096, 4097, 10000, 65536, 1000000, FAR, -1};

    return places[below(sizeof(places) / sizeof(places[0]))];
}

static void add_name(char *path)
{
    static const char *const names[] = {"a", "b", "c", "dir", "file", "x.y", "link"};
    size_t at = strlen(path);
    uint64_t odd = below(40);

    if (odd < 2) { /* as long as can be, or longer */
        memset(path + at, 'L', 255 + odd);
        path[at + 255 + odd] = '\0';
    } else {
        strcpy(path + at, odd == 2   ? "."
                          : odd == 3 ? ".."
                          : odd == 4 ? ""
                                     : names[below(sizeof(names) / sizeof(names[0]))]);
    }
}

static void add_names(char *path)
{
    for (uint64_t n = 1 + below(3); n; n--) {
        if (*path)
            strcat(path, below(30) ? "/" : "//");
        add_name(path);
    }
    if (below(25) == 0)
        strcat(path, "/");
    if (below(200) == 0)
        path[0] = '\0';
}

char *some_path(char path[PATH_BYTES])
{
    strcpy(path, TOP);
    add_names(path);
    return path;
}

void some_where(struct where *where)
{
    if (below(3)) {
        where->dir = below(2) ? AT_FDCWD : fds[some_file()]; /* which an absolute path ignores */
        some_path(where->path);
    } else {
        where->dir = fds[some_file()];
        where->path[0] = '\0';
        add_names(where->path);
    }
    if (!*where->path) /* Linux' readlinkat() takes it for what the descriptor stands for */
        where->dir = AT_FDCWD;
}

const char *told(const struct where *where)
{
    static char texts[2][PATH_BYTES + 8];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    unsigned i = 0;

    while (i < N_FILES && (fds[i] < 0 || fds[i] != where->dir))
        i++;
    if (i == N_FILES)
        sprintf(text, "-:%s", shown(where->path));
    else
        sprintf(text, "%u:%s", i, shown(where->path));
    return text;
}
