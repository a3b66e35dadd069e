/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the archive comes from, and the file system in it. */
#include "archive.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#include "cpio.h"

#define PATH_BYTES 512 /* of a path in the archive, with the '\0' */

/* What FILES of sprat_add_unikernel() linked in; nothing when there is no such word. */
extern const char app_files[] __attribute__((weak));
extern const char app_files_end[] __attribute__((weak));

static struct {
    struct cpio cpio;
    bool opened;
} archive;

/* xl's ramdisk= wins: it is what the operator said last. */
static const void *find_archive(size_t *size)
{
    const struct start_info *si = arch_start_info();

    if (si->mod_len && !(si->flags & SIF_MOD_START_PFN)) {
        *size = si->mod_len;
        return (const void *)si->mod_start;
    }
    *size = (size_t)(app_files_end - app_files);
    return app_files;
}

/* A damaged archive ends the guest: what it was built to serve is not there. */
static const struct cpio *open_archive(void)
{
    const char *why;
    size_t size, at;

    if (archive.opened)
        return &archive.cpio;
    archive.opened = true;
    const void *bytes = find_archive(&size);
    if (!bytes || !size)
        return &archive.cpio;
    int error = cpio_open(&archive.cpio, bytes, size, &why, &at);
    if (error == -ENOMEM)
        port_panic("no memory for the index of the cpio archive");
    if (error)
        port_panic("the cpio archive of %zu bytes is damaged at byte %zu: %s", size, at, why);
    return &archive.cpio;
}

/*
 * A file's number is its entry's index. A directory that the archive has no entry for is known by
 * the first entry below it, and how much of that one's path is its own.
 */
#define IMPLIED      (1ull << 63)
#define LENGTH_SHIFT 32

static const struct cpio_entry *archive_entry(uint64_t id)
{
    return id & IMPLIED ? NULL : &open_archive()->entries[id];
}

/* Its path in the archive, "a/b". @return bytes. */
static size_t archive_path(uint64_t id, const char **path)
{
    const struct cpio *cpio = open_archive();
    size_t len = (id & ~IMPLIED) >> LENGTH_SHIFT;

    if (!(id & IMPLIED)) {
        *path = cpio->entries[id].path;
        return strlen(*path);
    }
    *path = len ? cpio->entries[(uint32_t)id].path : "";
    return len;
}

/* The number of a path. @return 0 or -ENOENT. */
static int find_path(const char *path, uint64_t *id)
{
    const struct cpio *cpio = open_archive();
    const struct cpio_entry *entry = cpio_find(cpio, path);
    size_t len = strlen(path), below = cpio_below(cpio, path);

    if (entry) {
        *id = (uint64_t)(entry - cpio->entries);
        return 0;
    }
    if (len && (below == cpio->n || strncmp(cpio->entries[below].path, path, len) != 0 ||
                cpio->entries[below].path[len] != '/'))
        return -ENOENT;
    *id = IMPLIED | (uint64_t)len << LENGTH_SHIFT | below;
    return 0;
}

static int archive_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *id)
{
    char path[PATH_BYTES];
    const char *above;
    size_t at = archive_path(dir, &above);

    (void)fs;
    if (len == 2 && memcmp(name, "..", 2) == 0) {
        while (at && above[at - 1] != '/')
            at--;
        at -= at > 0;
        memcpy(path, above, at);
        path[at] = '\0';
        return find_path(path, id);
    }
    if (at + len + 2 > sizeof(path))
        return -ENAMETOOLONG;
    memcpy(path, above, at);
    if (at)
        path[at++] = '/';
    memcpy(path + at, name, len);
    path[at + len] = '\0';
    return find_path(path, id);
}

static int archive_stat(struct fs *fs, uint64_t id, struct stat *st)
{
    const struct cpio_entry *entry = archive_entry(id);

    (void)fs;
    st->st_nlink = 1;
    if (!entry) {
        st->st_mode = S_IFDIR | S_IRUSR | S_IXUSR | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;
        return 0;
    }
    st->st_mode = entry->mode;
    st->st_ino = (ino_t)entry->inode;
    st->st_size = (off_t)entry->size;
    st->st_mtime = (time_t)entry->mtime;
    st->st_blksize = 4096;
    st->st_blocks = (blkcnt_t)((entry->size + 511) / 512);
    return 0;
}

static ssize_t archive_read(struct fs *fs, uint64_t id, void *bytes, size_t len, uint64_t offset)
{
    const struct cpio_entry *entry = archive_entry(id);

    (void)fs;
    if (!entry || !S_ISREG(entry->mode))
        return -EISDIR;
    if (offset >= entry->size)
        return 0;
    size_t left = entry->size - (size_t)offset;
    len = len < left ? len : left;
    memcpy(bytes, entry->data + offset, len);
    return (ssize_t)len;
}

static ssize_t archive_readlink(struct fs *fs, uint64_t id, char *target, size_t size)
{
    const struct cpio_entry *entry = archive_entry(id);

    (void)fs;
    if (!entry || !S_ISLNK(entry->mode))
        return -EINVAL;
    size = size < entry->size ? size : entry->size;
    memcpy(target, entry->data, size);
    return (ssize_t)size;
}

/* Was the directory that this entry is in given already? By its own entry, or by one before. */
static bool is_known(const struct cpio *cpio, size_t i, size_t len)
{
    const char *path = cpio->entries[i].path;
    char name[PATH_BYTES];

    if (i > 0 && strncmp(cpio->entries[i - 1].path, path, len + 1) == 0)
        return true;
    if (len >= sizeof(name))
        return true;
    memcpy(name, path, len);
    name[len] = '\0';
    return cpio_find(cpio, name);
}

/* The position is how many entries below the directory were looked at. */
static int archive_readdir(struct fs *fs, uint64_t dir, uint64_t *position, struct fs_entry *entry)
{
    const struct cpio *cpio = open_archive();
    const char *above;
    size_t at = archive_path(dir, &above);
    char path[PATH_BYTES];

    (void)fs;
    if (at >= sizeof(path))
        return -ENAMETOOLONG;
    memcpy(path, above, at);
    path[at] = '\0';
    for (size_t first = cpio_below(cpio, path); first + *position < cpio->n;) {
        size_t i = first + (size_t)(*position)++;
        const char *below = cpio->entries[i].path;
        if (at && (strncmp(below, path, at) != 0 || below[at] != '/'))
            return 0;
        const char *name = below + at + (at ? 1 : 0);
        size_t len = strcspn(name, "/");
        if (!len || len > FS_NAME_MAX)
            continue; /* the top itself, or what no struct dirent can hold */
        bool is_own = !name[len];
        if (!is_own && is_known(cpio, i, (size_t)(name - below) + len))
            continue;
        entry->id = is_own ? cpio->entries[i].inode : 0;
        entry->type = is_own ? cpio->entries[i].mode & S_IFMT : S_IFDIR;
        entry->len = len;
        memcpy(entry->name, name, len);
        entry->name[len] = '\0';
        return 1;
    }
    return 0;
}

static const void *archive_map(struct fs *fs, uint64_t id)
{
    const struct cpio_entry *entry = archive_entry(id);

    (void)fs;
    return entry ? entry->data : NULL;
}

static const struct fs_ops archive_ops = {
    .lookup = archive_lookup,
    .stat = archive_stat,
    .read = archive_read,
    .readlink = archive_readlink,
    .readdir = archive_readdir,
    .map = archive_map,
};

struct fs *archive_fs(void)
{
    static struct fs fs = {.ops = &archive_ops, .read_only = true};

    find_path("", &fs.root);
    return &fs;
}

bool archive_holds(const void *address)
{
    const struct cpio *cpio = open_archive();
    const char *at = address;

    for (size_t i = 0; i < cpio->n; i++)
        if (at >= cpio->entries[i].data && at <= cpio->entries[i].data + cpio->entries[i].size)
            return true;
    return false;
}
