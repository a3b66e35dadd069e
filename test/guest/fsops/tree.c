/* SPDX-License-Identifier: BSD-2-Clause */
#include "fsops.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 4096
#define HEAD      1100000 /* bytes of a file that may not be holes, at its beginning and at FAR */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

int list(const char *path, struct name **names)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int n = 0;

    if (!dir)
        return -1;
    *names = malloc(NAMES_MAX * sizeof(**names));
    while ((entry = readdir(dir)) && n < NAMES_MAX) {
        (*names)[n].type = entry->d_type;
        strcpy((*names)[n++].text, entry->d_name);
    }
    closedir(dir);
    qsort(*names, (size_t)n, sizeof(**names), by_text);
    return n;
}

static uint64_t hash_of_file(const char *path)
{
    static const off_t starts[] = {0, FAR, 2 * FAR};
    uint64_t hash = 0;
    int fd = open(path, O_RDONLY);
    ssize_t n;

    /* The rest are holes. */
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        for (off_t at = starts[i];
             at < starts[i] + HEAD && (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n)
            hash = hash * 31 + hash_of(bytes, (size_t)n);
    close(fd);
    return hash;
}

void tell_tree(const char *path)
{
    char below_it[PATH_BYTES], target[PATH_BYTES];
    struct name *names;
    struct stat st;

    tell_stat(lstat(path, &st), &st, shown(path));
    if (S_ISREG(st.st_mode))
        printf("  bytes %016" PRIx64 "\n", hash_of_file(path));
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        printf("  to %s\n", shown(target));
    }
    int n = S_ISDIR(st.st_mode) ? list(path, &names) : -1;
    for (int i = 0; i < n; i++) {
        if (names[i].text[0] == '.' || strcmp(names[i].text, "lost+found") == 0)
            continue;
        snprintf(below_it, sizeof(below_it), "%s/%s", path, names[i].text);
        tell_tree(below_it);
    }
    if (n >= 0)
        free(names);
}
