/* SPDX-License-Identifier: BSD-2-Clause */
/* Mount points, and following paths over them. */
#include <sprat/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "archive.h"

#define LINKS_MAX 40   /* followed in one path: as Linux */
#define DEPTH_FEW 16   /* directories in one path, for which there is room at once */
#define REST_MAX  4096 /* bytes of what is left of a path behind a symbolic link */

struct mount {
    struct mount *next; /* the one before it */
    struct fs *fs;
    struct fs_node dir; /* where it is; of no file system: the root */
    size_t len;
    char name[];
};

static struct mount *mounts; /* the last one first */
static unsigned n_mounted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fs_lock(void)
{
    pthread_mutex_lock(&lock);
}

void fs_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

static const struct mount *mount_at(const struct fs_node *dir, const char *name, size_t len)
{
    for (const struct mount *mount = mounts; mount; mount = mount->next)
        if (mount->dir.fs == dir->fs && mount->dir.id == dir->id && mount->len == len &&
            memcmp(mount->name, name, len) == 0)
            return mount;
    return NULL;
}

bool fs_is_mount_point(const struct fs_node *dir, const char *name, size_t len)
{
    return mount_at(dir, name, len);
}

bool fs_mount_point(const struct fs_node *dir, unsigned n, struct fs_entry *entry)
{
    const struct mount *mount = mounts;

    for (; mount; mount = mount->next)
        if (mount->dir.fs == dir->fs && mount->dir.id == dir->id && n-- == 0)
            break;
    if (!mount)
        return false;
    entry->id = mount->fs->root;
    entry->type = S_IFDIR;
    entry->len = mount->len;
    memcpy(entry->name, mount->name, mount->len + 1);
    return true;
}

int fs_stat(const struct fs_node *node, struct stat *st)
{
    *st = (struct stat){0};
    int error = node->fs->ops->stat(node->fs, node->id, st);
    st->st_dev = (dev_t)node->fs->number;
    return error;
}

const struct fs_changes *fs_changes(const struct fs *fs)
{
    return fs->read_only ? NULL : fs->ops->changes;
}

static int complete(struct fs_node *node)
{
    struct stat st;
    int error = fs_stat(node, &st);

    node->mode = st.st_mode;
    return error;
}

static int root_node(struct fs_node *node)
{
    static const struct fs_node nowhere;
    const struct mount *mount = mount_at(&nowhere, "", 0);

    node->fs = mount ? mount->fs : archive_fs();
    node->id = node->fs->root;
    return complete(node);
}

static int descend(const struct fs_node *dir, const char *name, size_t len, struct fs_node *node)
{
    if (len > FS_NAME_MAX)
        return -ENAMETOOLONG;
    const struct mount *mount = mount_at(dir, name, len);
    node->fs = mount ? mount->fs : dir->fs;
    node->id = mount ? mount->fs->root : 0;
    int error = mount ? 0 : dir->fs->ops->lookup(dir->fs, dir->id, name, len, &node->id);
    return error ? error : complete(node);
}

/* A path that is being followed. */
struct walk {
    struct fs_node *at; /* from where it began: what ".." leads back to */
    unsigned depth, depth_max;
    unsigned n_links;
    const char *path; /* what is left */
    char *rest;       /* where it is, behind a symbolic link */
    struct fs_node few[DEPTH_FEW];
};

/* Room for one more. */
static int make_room(struct walk *walk)
{
    if (walk->depth < walk->depth_max)
        return 0;
    struct fs_node *kept = walk->at == walk->few ? NULL : walk->at;
    struct fs_node *at = realloc(kept, 2 * walk->depth_max * sizeof(*at));
    if (!at)
        return -ENOMEM;
    if (!kept)
        memcpy(at, walk->few, sizeof(walk->few));
    walk->at = at;
    walk->depth_max *= 2;
    return 0;
}

/* The walk stands at a symbolic link: what it says comes before what is left. */
static int follow(struct walk *walk, const struct fs_node *link)
{
    size_t left = strlen(walk->path);

    if (++walk->n_links > LINKS_MAX)
        return -ELOOP;
    char *rest = malloc(REST_MAX);
    if (!rest)
        return -ENOMEM;
    ssize_t len = link->fs->ops->readlink(link->fs, link->id, rest, REST_MAX);
    if (len <= 0 || (size_t)len + left >= REST_MAX) {
        free(rest);
        return len < 0 ? (int)len : len ? -ENAMETOOLONG : -ENOENT;
    }
    memcpy(rest + len, walk->path, left + 1);
    free(walk->rest);
    walk->rest = rest;
    walk->path = rest;
    if (rest[0] != '/')
        return 0;
    walk->depth = 1;
    return root_node(&walk->at[0]);
}

/*
 * Take one name off the path. @return its length; 0 at the end; -errno.
 * *slash: something that can only be a directory was there before the end.
 */
static ssize_t take_name(struct walk *walk, const char **name, bool *slash)
{
    *slash = *walk->path == '/';
    walk->path += strspn(walk->path, "/");
    *name = walk->path;
    size_t len = strcspn(walk->path, "/");
    walk->path += len;
    return (ssize_t)len;
}

static bool is_last(const struct walk *walk)
{
    return walk->path[strspn(walk->path, "/")] == '\0';
}

static bool is_dots(const char *name, ssize_t len)
{
    return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* Above where the walk began. The root is above itself. */
static int go_up(struct fs_node *node)
{
    const struct mount *mount = mounts;

    if (node->id != node->fs->root)
        return node->fs->ops->lookup(node->fs, node->id, "..", 2, &node->id);
    while (mount && mount->fs != node->fs)
        mount = mount->next;
    if (mount && mount->dir.fs)
        *node = mount->dir;
    return 0;
}

/* Go to `name`, which is not the place that is looked for. */
static int go(struct walk *walk, const char *name, ssize_t len, bool follow_it)
{
    int error = make_room(walk);

    if (error)
        return error;
    struct fs_node *here = &walk->at[walk->depth - 1];
    if (!S_ISDIR(here->mode))
        return -ENOTDIR;
    if (is_dots(name, len)) {
        if (len == 2 && walk->depth == 1)
            return go_up(here);
        walk->depth -= len == 2;
        return 0;
    }
    error = descend(here, name, (size_t)len, here + 1);
    if (error)
        return error;
    if (S_ISLNK(here[1].mode) && follow_it)
        return follow(walk, here + 1);
    walk->depth++;
    return 0;
}

static void end_walk(struct walk *walk)
{
    if (!walk)
        return;
    if (walk->at != walk->few)
        free(walk->at);
    free(walk->rest);
    free(walk);
}

/* Where a path begins. */
static int start_node(int dir, const char *path, struct fs_node *node)
{
    *node = (struct fs_node){0};
    if (!*path)
        return -ENOENT;
    if (*path == '/' || dir == AT_FDCWD)
        return root_node(node);
    struct file *file = file_hold(dir);
    if (!file)
        return -EBADF;
    bool is_dir = fs_node_of(file, node) && S_ISDIR(node->mode);
    file_release(file);
    return is_dir ? 0 : -ENOTDIR;
}

static struct walk *begin_walk(int dir, const char *path, int *error)
{
    struct walk *walk = malloc(sizeof(*walk)); /* too large for small stacks */

    *error = walk ? start_node(dir, path, &walk->few[0]) : -ENOMEM;
    if (*error) {
        free(walk);
        return NULL;
    }
    walk->at = walk->few;
    walk->depth = 1;
    walk->depth_max = DEPTH_FEW;
    walk->n_links = 0;
    walk->rest = NULL;
    walk->path = path;
    return walk;
}

int fs_resolve(int dir, const char *path, bool follow_last, struct fs_node *node)
{
    struct walk *walk;
    const char *name;
    bool slash;
    int error;

    walk = begin_walk(dir, path, &error);
    while (walk) {
        ssize_t len = take_name(walk, &name, &slash);
        *node = walk->at[walk->depth - 1];
        if (slash && !S_ISDIR(node->mode))
            error = -ENOTDIR;
        if (error || !len)
            break;
        error = go(walk, name, len, follow_last || !is_last(walk) || *walk->path);
        if (error)
            break;
    }
    end_walk(walk);
    return error;
}

/* When this name is a symbolic link the walk goes on with what it says. @return 1, 0, -errno. */
static int follow_name(struct walk *walk, const char *name, size_t len)
{
    int error = make_room(walk);

    if (error)
        return error;
    struct fs_node *here = &walk->at[walk->depth - 1];
    error = descend(here, name, len, here + 1);
    if (!error && S_ISLNK(here[1].mode))
        error = follow(walk, here + 1);
    else
        return error == -ENOENT ? 0 : error;
    return error ? error : 1;
}

/* The last name of a path with symbolic links in the middle is not changed by them. */
int fs_resolve_place(int dir, const char *path, bool follow_last, struct fs_place *place)
{
    struct walk *walk;
    const char *name;
    bool slash;
    int error;

    walk = begin_walk(dir, path, &error);
    while (walk) {
        ssize_t len = take_name(walk, &name, &slash);
        struct fs_node *here = &walk->at[walk->depth - 1];
        if (!len) {
            *place = (struct fs_place){.last = FS_ROOT, .dir = *here};
            break;
        }
        if (!is_last(walk)) {
            error = go(walk, name, len, true);
            if (error)
                break;
            continue;
        }
        bool is_name = !is_dots(name, len);
        error = S_ISDIR(here->mode) ? 0 : -ENOTDIR;
        if (!error && is_name && follow_last && *walk->path != '/')
            error = follow_name(walk, name, (size_t)len);
        if (error > 0) {
            error = 0;
            continue;
        }
        if (error)
            break;
        *place = (struct fs_place){
            .last = is_name    ? FS_NAME
                    : len == 1 ? FS_DOT
                               : FS_DOT_DOT,
            .dir = *here,
            .len = (size_t)len,
            .slash = *walk->path == '/',
        };
        memcpy(place->name, name, len > FS_NAME_MAX ? FS_NAME_MAX : (size_t)len);
        break;
    }
    end_walk(walk);
    return error;
}

int fs_find(const struct fs_place *place, struct fs_node *node)
{
    return descend(&place->dir, place->name, place->len, node);
}

int fs_mount(struct fs *fs, const char *path)
{
    struct fs_place place = {0};
    int error = path[0] == '/' ? 0 : -EINVAL;

    if (!error && path[strspn(path, "/")])
        error = fs_resolve_place(AT_FDCWD, path, false, &place);
    if (!error && place.last != FS_NAME)
        error = -EINVAL;
    if (!error && place.len > FS_NAME_MAX)
        error = -ENAMETOOLONG;
    if (!error && mount_at(&place.dir, place.name, place.len))
        error = -EBUSY;
    if (error)
        return error;
    struct mount *mount = malloc(sizeof(*mount) + place.len + 1);
    if (!mount)
        return -ENOMEM;
    fs->number = ++n_mounted;
    *mount = (struct mount){.next = mounts, .fs = fs, .dir = place.dir, .len = place.len};
    memcpy(mount->name, place.name, place.len + 1);
    mounts = mount;
    return 0;
}

SPRAT_API void sync(void)
{
    for (const struct mount *mount = mounts; mount; mount = mount->next)
        if (mount->fs->ops->sync)
            mount->fs->ops->sync(mount->fs);
}

void fs_unmount_all(void)
{
    static bool ending;
    struct port_queue nobody_wakes = {0};

    if (ending) /* the thread that came first ends the guest when all is on the disks */
        thread_wait(&nobody_wakes, PORT_FOREVER);
    ending = true;
    while (mounts) {
        struct mount *mount = mounts;
        mounts = mount->next;
        if (mount->fs->ops->unmount)
            mount->fs->ops->unmount(mount->fs);
        free(mount);
    }
}
