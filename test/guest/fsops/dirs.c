/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on directories. */
#include "fsops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_DIRS          3
#define POSITIONS_MAX   1024
#define POSITIONS_TRIED 8

static DIR *dirs[N_DIRS];

static const char *type_text(unsigned type)
{
    return type == DT_DIR ? "d" : type == DT_REG ? "f" : type == DT_LNK ? "l" : "?";
}

void do_list(void)
{
    char path[PATH_BYTES];
    struct name *names;

    int n = list(some_path(path), &names);
    tell(n, "list %s", shown(path));
    for (int i = 0; i < n; i++)
        printf("  %s %s\n", type_text(names[i].type), shown(names[i].text));
    if (n >= 0)
        free(names);
}

void do_stream(void)
{
    char path[PATH_BYTES];
    size_t i = (size_t)below(N_DIRS);

    if (dirs[i]) { /* what is in it may have changed: how much is not told */
        while (readdir(dirs[i]))
            ;
        tell(closedir(dirs[i]), "stream %zu: closed", i);
        dirs[i] = NULL;
        return;
    }
    dirs[i] = opendir(some_path(path));
    tell(dirs[i] ? 0 : -1, "stream %zu: %s", i, shown(path));
    if (dirs[i] && readdir(dirs[i]) == NULL)
        puts("  it is empty");
}

/* Positions in a directory that nobody changes: each leads to the name that was found behind it. */
void do_positions(void)
{
    char path[PATH_BYTES];
    DIR *dir = opendir(below(2) ? TOP "/many" : some_path(path));
    struct name *names;
    const struct dirent *entry;
    long positions[POSITIONS_MAX];
    int n = 0, wrong = 0;

    tell(dir ? 0 : -1, "positions");
    if (!dir)
        return;
    names = malloc(POSITIONS_MAX * sizeof(*names));
    positions[0] = telldir(dir);
    while (n < POSITIONS_MAX - 1 && (entry = readdir(dir))) {
        strcpy(names[n++].text, entry->d_name);
        positions[n] = telldir(dir);
    }
    for (int i = 0; i < POSITIONS_TRIED; i++) {
        int at = (int)below((uint64_t)n);
        seekdir(dir, positions[at]);
        entry = readdir(dir);
        wrong += !entry || strcmp(entry->d_name, names[at].text) != 0;
    }
    rewinddir(dir);
    for (int i = 0; i < n; i++) {
        entry = readdir(dir);
        wrong += !entry || strcmp(entry->d_name, names[i].text) != 0;
    }
    printf("  %d names, %d wrong\n", n, wrong);
    free(names);
    closedir(dir);
}

/* Many names at once, so that a directory needs an index. */
void do_many(void)
{
    unsigned first = (unsigned)below(500);
    bool make = below(3);
    char path[64];
    int n = 0;

    mkdir(TOP "/many", 0755);
    for (unsigned i = first; i < first + 100; i++) {
        snprintf(path, sizeof(path), TOP "/many/a-name-of-some-length-%u", i * 7919 % 1009);
        int fd = make ? open(path, O_WRONLY | O_CREAT | O_EXCL, 0644) : -1;
        n += make ? fd >= 0 && close(fd) == 0 : unlink(path) == 0;
    }
    tell(n, "many %u %d", first, make);
}
