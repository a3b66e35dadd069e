/* SPDX-License-Identifier: BSD-2-Clause */
/* Directory streams: ".", "..", what is mounted there, and what the file system has. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

#define N_DOTS      2
#define MOUNTS_MAX  16 /* positions for them; more are not told */
#define FIRST_ENTRY (N_DOTS + MOUNTS_MAX)

struct __dir {
    int fd;
    struct fs_node node;
    long position; /* 0 ".", 1 "..", mount points, then the file system's positions */
    struct fs_entry found;
    struct dirent entry;
};

SPRAT_API DIR *fdopendir(int fd)
{
    struct file *file = file_hold(fd);
    DIR *dir = file ? malloc(sizeof(*dir)) : NULL;
    int error = !file ? -EBADF : !dir ? -ENOMEM : 0;

    if (!error && (!fs_node_of(file, &dir->node) || !S_ISDIR(dir->node.mode)))
        error = -ENOTDIR;
    if (file)
        file_release(file);
    if (error) {
        free(dir);
        file_result(error);
        return NULL;
    }
    dir->fd = fd;
    dir->position = 0;
    return dir;
}

SPRAT_API DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

static unsigned char type_of(mode_t mode)
{
    return S_ISREG(mode)   ? DT_REG
           : S_ISDIR(mode) ? DT_DIR
           : S_ISLNK(mode) ? DT_LNK
           : S_ISCHR(mode) ? DT_CHR
                           : DT_UNKNOWN;
}

static struct dirent *give(DIR *dir, const struct fs_entry *entry)
{
    dir->entry.d_ino = (ino_t)entry->id;
    dir->entry.d_type = type_of(entry->type);
    memcpy(dir->entry.d_name, entry->name, entry->len);
    dir->entry.d_name[entry->len] = '\0';
    return &dir->entry;
}

static bool is_hidden(const DIR *dir)
{
    const struct fs_entry *found = &dir->found;

    return strcmp(found->name, ".") == 0 || strcmp(found->name, "..") == 0 ||
           fs_is_mount_point(&dir->node, found->name, found->len);
}

SPRAT_API struct dirent *readdir(DIR *dir)
{
    static const struct fs_entry dots = {.type = S_IFDIR, .len = 2, .name = ".."};
    struct fs *fs = dir->node.fs;

    if (dir->position < N_DOTS) {
        struct fs_entry entry = dots;
        entry.len = (size_t)++dir->position;
        return give(dir, &entry);
    }
    while (dir->position < FIRST_ENTRY) {
        if (fs_mount_point(&dir->node, (unsigned)(dir->position++ - N_DOTS), &dir->found))
            return give(dir, &dir->found);
        dir->position = FIRST_ENTRY;
    }
    for (;;) {
        uint64_t at = (uint64_t)(dir->position - FIRST_ENTRY);
        int result = fs->ops->readdir(fs, dir->node.id, &at, &dir->found);
        dir->position = (long)at + FIRST_ENTRY;
        if (result < 0)
            file_result(result);
        if (result <= 0)
            return NULL;
        if (!is_hidden(dir))
            return give(dir, &dir->found);
    }
}

SPRAT_API int readdir_r(DIR *restrict dir, struct dirent *restrict entry,
                        struct dirent **restrict found)
{
    int before = errno;

    errno = 0;
    const struct dirent *next = readdir(dir);
    int error = errno;
    errno = before;
    if (next)
        *entry = *next;
    *found = next ? entry : NULL;
    return next ? 0 : error;
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

SPRAT_API int dirfd(DIR *dir)
{
    return dir->fd;
}

SPRAT_API int closedir(DIR *dir)
{
    int result = close(dir->fd);

    free(dir);
    return result;
}
