/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names: making, moving and removing them, by paths that begin in a directory or at the root.
 */
#include <errno.h>
#include <fcntl.h>
#include <reent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

static mode_t mask; /* as umask() has set it */

SPRAT_API mode_t umask(mode_t wanted)
{
    mode_t before = mask;

    mask = wanted & 0777;
    return before;
}

mode_t fs_masked(mode_t mode)
{
    return mode & ~mask;
}

/*
 * Errors come in Linux' order: first what is wrong with the ways to the names, then with the names,
 * then with what has them.
 */

/* A place for a name that is not there yet. */
static int resolve_new(int dir, const char *path, bool is_dir, struct fs_place *place)
{
    struct fs_node node;
    int error = fs_resolve_place(dir, path, false, place);

    if (error)
        return error;
    if (place->last != FS_NAME)
        return -EEXIST;
    error = fs_find(place, &node);
    if (error != -ENOENT)
        return error ? error : -EEXIST;
    if (place->slash && !is_dir)
        return -ENOENT;
    return fs_changes(place->dir.fs) ? 0 : -EROFS;
}

/* @param target  of a symbolic link. */
static int make(int dir, const char *path, mode_t mode, const char *target)
{
    struct fs_place place;
    uint64_t id;

    fs_lock();
    int error = resolve_new(dir, path, S_ISDIR(mode), &place);
    if (!error)
        error = fs_changes(place.dir.fs)
                    ->create(place.dir.fs, place.dir.id, place.name, place.len, mode, target, &id);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int mkdirat(int dir, const char *path, mode_t mode)
{
    return make(dir, path, S_IFDIR | fs_masked(mode & 07777), NULL);
}

SPRAT_API int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

SPRAT_API int symlinkat(const char *target, int dir, const char *path)
{
    if (!*target)
        return (int)file_result(-ENOENT);
    return make(dir, path, S_IFLNK | 0777, target);
}

SPRAT_API int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

/* What a name says that is to go, once it is known that names can go there. */
static int find_old(const struct fs_place *place, struct fs_node *node)
{
    return fs_changes(place->dir.fs) ? fs_find(place, node) : -EROFS;
}

static int unlink_at(int dir, const char *path)
{
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = fs_resolve_place(dir, path, false, &place);
    if (!error)
        error = place.last == FS_NAME ? find_old(&place, &node) : -EISDIR;
    if (!error && S_ISDIR(node.mode))
        error = -EISDIR;
    if (!error && place.slash)
        error = -ENOTDIR;
    if (!error)
        error = fs_changes(place.dir.fs)->unlink(place.dir.fs, place.dir.id, place.name, place.len);
    fs_unlock();
    return (int)file_result(error);
}

static bool is_mount_point(const struct fs_place *place)
{
    return fs_is_mount_point(&place->dir, place->name, place->len);
}

/* A directory that something is mounted in stays. */
static bool has_mounts(const struct fs_node *dir)
{
    struct fs_entry entry;

    return fs_mount_point(dir, 0, &entry);
}

static int rmdir_at(int dir, const char *path)
{
    static const int no_name[] = {
        [FS_NAME] = 0, [FS_ROOT] = -EBUSY, [FS_DOT] = -EINVAL, [FS_DOT_DOT] = -ENOTEMPTY};
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = fs_resolve_place(dir, path, false, &place);
    if (!error)
        error = no_name[place.last];
    if (!error)
        error = find_old(&place, &node);
    if (!error && !S_ISDIR(node.mode))
        error = -ENOTDIR;
    if (!error && (is_mount_point(&place) || has_mounts(&node)))
        error = -EBUSY;
    if (!error)
        error = fs_changes(place.dir.fs)->rmdir(place.dir.fs, place.dir.id, place.name, place.len);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int unlinkat(int dir, const char *path, int flags)
{
    if (flags & ~AT_REMOVEDIR)
        return (int)file_result(-EINVAL);
    return flags ? rmdir_at(dir, path) : unlink_at(dir, path);
}

SPRAT_API int unlink(const char *path)
{
    return unlink_at(AT_FDCWD, path);
}

SPRAT_API int rmdir(const char *path)
{
    return rmdir_at(AT_FDCWD, path);
}

SPRAT_API int remove(const char *path)
{
    struct stat st = {0};

    if (lstat(path, &st))
        return -1;
    return S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}

/* What newlib's tmpfile() calls: without it, newlib's own remove() would come along. */
SPRAT_API int _remove_r(struct _reent *reent, const char *path)
{
    (void)reent;
    return remove(path);
}

/* Both ways lead to a name in one file system, and the first one has something. */
static int check_rename(const struct fs_place *from, const struct fs_place *to)
{
    struct fs_node node;

    if (from->dir.fs != to->dir.fs)
        return -EXDEV;
    if (from->last != FS_NAME || to->last != FS_NAME)
        return -EBUSY;
    int error = find_old(from, &node);
    if (error)
        return error;
    if (to->len > FS_NAME_MAX)
        return -ENAMETOOLONG;
    if (!S_ISDIR(node.mode) && (from->slash || to->slash))
        return -ENOTDIR;
    return is_mount_point(from) || is_mount_point(to) || has_mounts(&node) ? -EBUSY : 0;
}

SPRAT_API int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    struct fs_place place, to_place;

    fs_lock();
    int error = fs_resolve_place(from_dir, from, false, &place);
    if (!error)
        error = fs_resolve_place(to_dir, to, false, &to_place);
    if (!error)
        error = check_rename(&place, &to_place);
    if (!error)
        error = fs_changes(place.dir.fs)
                    ->rename(place.dir.fs, place.dir.id, place.name, place.len, to_place.dir.id,
                             to_place.name, to_place.len);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

SPRAT_API int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    struct fs_place place;
    struct fs_node node;

    if (flags & ~AT_SYMLINK_FOLLOW)
        return (int)file_result(-EINVAL);
    fs_lock();
    int error = fs_resolve(from_dir, from, flags & AT_SYMLINK_FOLLOW, &node);
    if (!error)
        error = resolve_new(to_dir, to, false, &place);
    if (!error && node.fs != place.dir.fs)
        error = -EXDEV;
    if (!error)
        error = fs_changes(node.fs)->link(node.fs, place.dir.id, place.name, place.len, node.id);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* newlib's stdio and others come by these names. */
SPRAT_API int _unlink(const char *) __attribute__((alias("unlink")));
SPRAT_API int _rename(const char *, const char *) __attribute__((alias("rename")));
