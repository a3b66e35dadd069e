/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole directory as a list. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>

struct list {
    struct dirent **entries;
    size_t n, room;
};

static bool add(struct list *list, const struct dirent *entry)
{
    size_t bytes = offsetof(struct dirent, d_name) + strlen(entry->d_name) + 1;

    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct dirent **entries = reallocarray(list->entries, room, sizeof(struct dirent *));
        if (!entries)
            return false;
        list->entries = entries;
        list->room = room;
    }
    struct dirent *copy = malloc(bytes);
    if (!copy)
        return false;
    memcpy(copy, entry, bytes);
    list->entries[list->n++] = copy;
    return true;
}

/* @return 0, or the errno that ended it. */
static int read_all(DIR *dir, struct list *list, int (*wanted)(const struct dirent *))
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return errno;
        if ((!wanted || wanted(entry)) && !add(list, entry))
            return ENOMEM;
    }
}

SPRAT_API int scandir(const char *path, struct dirent ***entries,
                      int (*wanted)(const struct dirent *),
                      int (*compare)(const struct dirent **, const struct dirent **))
{
    struct list list = {0};
    DIR *dir = opendir(path);

    if (!dir)
        return -1;
    int before = errno, error = read_all(dir, &list, wanted);
    closedir(dir);
    if (error) {
        while (list.n)
            free(list.entries[--list.n]);
        free(list.entries);
        errno = error;
        return -1;
    }
    if (compare && list.n)
        qsort(list.entries, list.n, sizeof(struct dirent *),
              (int (*)(const void *, const void *))compare);
    errno = before;
    *entries = list.entries;
    return (int)list.n;
}

SPRAT_API int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcoll((*a)->d_name, (*b)->d_name);
}
