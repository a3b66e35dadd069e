/* SPDX-License-Identifier: BSD-2-Clause */
/* Directory streams: the archive's entries below a path, in their order. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sprat/compiler.h>
#include <sprat/file.h>

#include "fs.h"

struct __dir {
    struct fs_node node;
    long position; /* 0 ".", 1 "..", then the entries' indices + 2 */
    struct dirent entry;
};

SPRAT_API DIR *opendir(const char *path)
{
    DIR *dir = malloc(sizeof(*dir));

    if (!dir)
        return NULL;
    int error = fs_resolve(path, 1, &dir->node);
    if (!error && !fs_is_directory(&dir->node))
        error = -ENOTDIR;
    if (error) {
        free(dir);
        file_result(error);
        return NULL;
    }
    dir->position = 0;
    return dir;
}

static struct dirent *give(DIR *dir, const char *name, size_t len, const struct cpio_entry *entry)
{
    mode_t mode = entry ? entry->mode : S_IFDIR;

    dir->entry.d_ino = entry ? (ino_t)entry->inode : 0;
    dir->entry.d_type = S_ISREG(mode)   ? DT_REG
                        : S_ISDIR(mode) ? DT_DIR
                        : S_ISLNK(mode) ? DT_LNK
                                        : DT_UNKNOWN;
    memcpy(dir->entry.d_name, name, len);
    dir->entry.d_name[len] = '\0';
    return &dir->entry;
}

/* Was the directory that this entry is in given already? By its own entry, or by one before. */
static int is_known(const struct cpio *cpio, size_t i, size_t len)
{
    const char *path = cpio->entries[i].path;
    char name[sizeof(((struct fs_node *)0)->path)];

    if (i > 0 && strncmp(cpio->entries[i - 1].path, path, len + 1) == 0)
        return 1;
    if (len >= sizeof(name))
        return 1;
    memcpy(name, path, len);
    name[len] = '\0';
    return cpio_find(cpio, name) != NULL;
}

SPRAT_API struct dirent *readdir(DIR *dir)
{
    const struct cpio *cpio = fs_archive();
    size_t above = strlen(dir->node.path), first = cpio_below(cpio, dir->node.path);

    if (dir->position < 2)
        return give(dir, "..", (size_t)++dir->position, NULL);
    for (;;) {
        size_t i = first + (size_t)dir->position - 2;
        if (i >= cpio->n)
            return NULL;
        const char *path = cpio->entries[i].path;
        if (above && (strncmp(path, dir->node.path, above) != 0 || path[above] != '/'))
            return NULL;
        dir->position++;
        const char *name = path + above + (above ? 1 : 0);
        size_t len = strcspn(name, "/");
        if (!len || len > MAXNAMLEN)
            continue; /* the top itself, or what no struct dirent can hold */
        if (!name[len])
            return give(dir, name, len, &cpio->entries[i]);
        if (!is_known(cpio, i, (size_t)(name - path) + len))
            return give(dir, name, len, NULL);
    }
}

SPRAT_API void rewinddir(DIR *dir)
{
    dir->position = 0;
}

SPRAT_API long telldir(DIR *dir)
{
    return dir->position;
}

SPRAT_API void seekdir(DIR *dir, long position)
{
    dir->position = position;
}

SPRAT_API int closedir(DIR *dir)
{
    free(dir);
    return 0;
}
