/* SPDX-License-Identifier: BSD-2-Clause */
/* What POSIX does with paths, besides opening them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

#define NS_PER_US 1000

/* Looking. */

static int stat_path(const char *path, struct stat *st, bool follow)
{
    struct fs_node node;

    fs_lock();
    int error = fs_resolve(path, follow, &node);
    if (!error)
        error = fs_stat(&node, st);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int stat(const char *restrict path, struct stat *restrict st)
{
    return stat_path(path, st, true);
}

SPRAT_API int lstat(const char *restrict path, struct stat *restrict st)
{
    return stat_path(path, st, false);
}

/* There are no users, so rights are only remembered. */
SPRAT_API int access(const char *path, int mode)
{
    struct fs_node node;

    fs_lock();
    int error = fs_resolve(path, true, &node);
    fs_unlock();
    if (!error && mode & W_OK && !fs_changes(node.fs))
        error = -EROFS;
    return (int)file_result(error);
}

SPRAT_API ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    struct fs_node node;

    fs_lock();
    ssize_t result = size ? fs_resolve(path, false, &node) : -EINVAL;
    if (!result)
        result =
            S_ISLNK(node.mode) ? node.fs->ops->readlink(node.fs, node.id, target, size) : -EINVAL;
    fs_unlock();
    return file_result(result);
}

static int space_of(const struct fs_node *node, struct statvfs *st)
{
    *st = (struct statvfs){.f_namemax = FS_NAME_MAX};
    if (!node->fs->ops->statvfs)
        return -ENOSYS;
    return node->fs->ops->statvfs(node->fs, st);
}

SPRAT_API int statvfs(const char *restrict path, struct statvfs *restrict st)
{
    struct fs_node node;

    fs_lock();
    int error = fs_resolve(path, true, &node);
    if (!error)
        error = space_of(&node, st);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API char *getcwd(char *path, size_t size)
{
    if (!path)
        return strdup("/");
    if (size < 2) {
        errno = size ? ERANGE : EINVAL;
        return NULL;
    }
    return strcpy(path, "/");
}

/* Changing names. */

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
static int resolve_new(const char *path, bool is_dir, struct fs_place *place)
{
    struct fs_node node;
    int error = fs_resolve_place(path, false, place);

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
static int make(const char *path, mode_t mode, const char *target)
{
    struct fs_place place;
    uint64_t id;

    fs_lock();
    int error = resolve_new(path, S_ISDIR(mode), &place);
    if (!error)
        error = fs_changes(place.dir.fs)
                    ->create(place.dir.fs, place.dir.id, place.name, place.len, mode, target, &id);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int mkdir(const char *path, mode_t mode)
{
    return make(path, S_IFDIR | fs_masked(mode & 07777), NULL);
}

SPRAT_API int symlink(const char *target, const char *path)
{
    if (!*target)
        return (int)file_result(-ENOENT);
    return make(path, S_IFLNK | 0777, target);
}

/* What a name says that is to go, once it is known that names can go there. */
static int find_old(const struct fs_place *place, struct fs_node *node)
{
    return fs_changes(place->dir.fs) ? fs_find(place, node) : -EROFS;
}

SPRAT_API int unlink(const char *path)
{
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = fs_resolve_place(path, false, &place);
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

SPRAT_API int rmdir(const char *path)
{
    static const int no_name[] = {
        [FS_NAME] = 0, [FS_ROOT] = -EBUSY, [FS_DOT] = -EINVAL, [FS_DOT_DOT] = -ENOTEMPTY};
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = fs_resolve_place(path, false, &place);
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

static int remove_path(const char *path)
{
    struct stat st = {0};

    if (lstat(path, &st))
        return -1;
    return S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}

SPRAT_API int remove(const char *path)
{
    return remove_path(path);
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

SPRAT_API int rename(const char *from, const char *to)
{
    struct fs_place place, to_place;

    fs_lock();
    int error = fs_resolve_place(from, false, &place);
    if (!error)
        error = fs_resolve_place(to, false, &to_place);
    if (!error)
        error = check_rename(&place, &to_place);
    if (!error)
        error = fs_changes(place.dir.fs)
                    ->rename(place.dir.fs, place.dir.id, place.name, place.len, to_place.dir.id,
                             to_place.name, to_place.len);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int link(const char *from, const char *to)
{
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = fs_resolve(from, false, &node);
    if (!error)
        error = resolve_new(to, false, &place);
    if (!error && node.fs != place.dir.fs)
        error = -EXDEV;
    if (!error)
        error = fs_changes(node.fs)->link(node.fs, place.dir.id, place.name, place.len, node.id);
    fs_unlock();
    return (int)file_result(error);
}

/* newlib's stdio and others come by these names. */
SPRAT_API int _unlink(const char *) __attribute__((alias("unlink")));
SPRAT_API int _rename(const char *, const char *) __attribute__((alias("rename")));

/* Changing what is there. One of `path` and `fd` says what. */

static int find_node(const char *path, int fd, bool follow, struct fs_node *node)
{
    if (path)
        return fs_resolve(path, follow, node);
    struct file *file = file_hold(fd);
    if (!file)
        return -EBADF;
    bool found = fs_node_of(file, node);
    file_release(file);
    return found ? 0 : -EINVAL;
}

static int find_change(const char *path, int fd, bool follow, struct fs_node *node)
{
    int error = find_node(path, fd, follow, node);

    return error ? error : fs_changes(node->fs) ? 0 : -EROFS;
}

static int change_mode(const char *path, int fd, mode_t mode)
{
    struct fs_node node;

    fs_lock();
    int error = find_change(path, fd, true, &node);
    if (!error)
        error = fs_changes(node.fs)->chmod(node.fs, node.id, mode);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int chmod(const char *path, mode_t mode)
{
    return change_mode(path, -1, mode);
}

SPRAT_API int fchmod(int fd, mode_t mode)
{
    return change_mode(NULL, fd, mode);
}

static int change_owner(const char *path, int fd, bool follow, uid_t uid, gid_t gid)
{
    struct fs_node node;

    fs_lock();
    int error = find_change(path, fd, follow, &node);
    if (!error)
        error = fs_changes(node.fs)->chown(node.fs, node.id, uid, gid);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int chown(const char *path, uid_t uid, gid_t gid)
{
    return change_owner(path, -1, true, uid, gid);
}

SPRAT_API int lchown(const char *path, uid_t uid, gid_t gid)
{
    return change_owner(path, -1, false, uid, gid);
}

SPRAT_API int fchown(int fd, uid_t uid, gid_t gid)
{
    return change_owner(NULL, fd, true, uid, gid);
}

/* NULL is now; so is UTIME_NOW in one of them. */
static int change_times(const char *path, int fd, bool follow, const struct timespec given[2])
{
    struct timespec times[2], now;
    struct fs_node node;

    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < 2; i++) {
        times[i] = given ? given[i] : now;
        if (times[i].tv_nsec == UTIME_NOW)
            times[i] = now;
        else if (times[i].tv_nsec != UTIME_OMIT &&
                 (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000))
            return (int)file_result(-EINVAL);
    }
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
        return 0; /* as Linux: the path is not even looked at */
    fs_lock();
    int error = find_change(path, fd, follow, &node);
    if (!error)
        error = fs_changes(node.fs)->utimens(node.fs, node.id, times);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int futimens(int fd, const struct timespec *times)
{
    return change_times(NULL, fd, true, times);
}

SPRAT_API int utimensat(int dir, const char *path, const struct timespec *times, int flags)
{
    if (dir != AT_FDCWD && path[0] != '/')
        return (int)file_result(-ENOTSUP);
    return change_times(path, -1, !(flags & AT_SYMLINK_NOFOLLOW), times);
}

SPRAT_API int utimes(const char *path, const struct timeval *given)
{
    struct timespec times[2];

    for (int i = 0; given && i < 2; i++)
        times[i] = (struct timespec){given[i].tv_sec, (long)given[i].tv_usec * NS_PER_US};
    return change_times(path, -1, true, given ? times : NULL);
}

SPRAT_API int utime(const char *path, const struct utimbuf *given)
{
    struct timespec times[2];

    if (given) {
        times[0] = (struct timespec){given->actime, 0};
        times[1] = (struct timespec){given->modtime, 0};
    }
    return change_times(path, -1, true, given ? times : NULL);
}

SPRAT_API int truncate(const char *path, off_t size)
{
    struct fs_node node;

    fs_lock();
    int error = size < 0 ? -EINVAL : find_change(path, -1, true, &node);
    if (!error)
        error = S_ISDIR(node.mode)
                    ? -EISDIR
                    : fs_changes(node.fs)->truncate(node.fs, node.id, (uint64_t)size);
    fs_unlock();
    return (int)file_result(error);
}
