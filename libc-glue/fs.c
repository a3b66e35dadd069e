/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the archive comes from, and paths in it. */
#include "fs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#define LINKS_MAX 8 /* followed in one path */

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
const struct cpio *fs_archive(void)
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

int fs_is_directory(const struct fs_node *node)
{
    return !node->entry || (node->entry->mode & CPIO_TYPE) == CPIO_DIRECTORY;
}

/* Find node->path. @return 0 or -ENOENT. */
static int look_up(struct fs_node *node)
{
    const struct cpio *cpio = fs_archive();
    size_t len = strlen(node->path);

    node->entry = cpio_find(cpio, node->path);
    if (node->entry || !len)
        return 0;
    size_t below = cpio_below(cpio, node->path);
    if (below == cpio->n || strncmp(cpio->entries[below].path, node->path, len) != 0 ||
        cpio->entries[below].path[len] != '/')
        return -ENOENT;
    return 0;
}

static void go_up(struct fs_node *node)
{
    char *slash = strrchr(node->path, '/');

    *(slash ? slash : node->path) = '\0';
    look_up(node);
}

static int go_down(struct fs_node *node, const char *part, size_t len)
{
    size_t at = strlen(node->path);

    if (at + len + 2 > sizeof(node->path))
        return -ENAMETOOLONG;
    if (at)
        node->path[at++] = '/';
    memcpy(node->path + at, part, len);
    node->path[at + len] = '\0';
    return look_up(node);
}

int fs_resolve(const char *path, int follow_last, struct fs_node *node)
{
    char rest[sizeof(node->path)]; /* of the path, behind a link */
    int n_links = 0;

    if (!*path)
        return -ENOENT;
    node->path[0] = '\0';
    look_up(node);
    for (;;) {
        bool slash = *path == '/';
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (!len)
            return slash && !fs_is_directory(node) ? -ENOTDIR : 0;
        if (!fs_is_directory(node))
            return -ENOTDIR;
        const char *part = path;
        path += len;
        if (len == 1 && part[0] == '.')
            continue;
        if (len == 2 && part[0] == '.' && part[1] == '.') {
            go_up(node);
            continue;
        }
        int error = go_down(node, part, len);
        if (error)
            return error;
        const struct cpio_entry *entry = node->entry;
        if (!entry || (entry->mode & CPIO_TYPE) != CPIO_SYMLINK || (!*path && !follow_last))
            continue;

        /* The link's target, then what is left. */
        size_t left = strlen(path);
        if (++n_links > LINKS_MAX)
            return -ELOOP;
        if (entry->size + left >= sizeof(rest))
            return -ENAMETOOLONG;
        memmove(rest + entry->size, path, left + 1);
        memcpy(rest, entry->data, entry->size);
        path = rest;
        if (rest[0] == '/')
            node->path[0] = '\0';
        else
            go_up(node);
        look_up(node);
    }
}
