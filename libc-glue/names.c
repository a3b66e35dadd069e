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
    ssize_t result = fs_resolve(path, false, &node);
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

/* @param target  of a symbolic link. */
static int make(const char *path, mode_t mode, const char *target)
{
    struct fs_place place;
    struct fs_node node;
    uint64_t id;

    fs_lock();
    int error =
        fs_resolve(path, false, &node) == 0 ? -EEXIST : fs_resolve_place(path, false, &place);
    const struct fs_changes *changes = error ? NULL : fs_changes(place.dir.fs);
    if (!error && place.slash && !S_ISDIR(mode))
        error = -ENOENT;
    if (!error)
        error = changes ? changes->create(place.dir.fs, place.dir.id, place.name, place.len, mode,
                                          target, &id)
                        : -EROFS;
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int mkdir(const char *path, mode_t mode)
{
    return make(path, S_IFDIR | (mode & 07777), NULL);
}

SPRAT_API int symlink(const char *target, const char *path)
{
    if (!*target)
        return (int)file_result(-ENOENT);
    return make(path, S_IFLNK | 0777, target);
}

/* A place that has something, in a file system that can be changed. */
static int resolve_change(const char *path, struct fs_place *place, struct fs_node *node)
{
    int error = fs_resolve(path, false, node);

    if (!error)
        error = fs_resolve_place(path, false, place);
    if (!error && !fs_changes(place->dir.fs))
        error = -EROFS;
    return error;
}

SPRAT_API int unlink(const char *path)
{
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = resolve_change(path, &place, &node);
    if (!error)
        error = S_ISDIR(node.mode)
                    ? -EISDIR
                    : fs_changes(place.dir.fs)
                          ->unlink(place.dir.fs, place.dir.id, place.name, place.len);
    fs_unlock();
    return (int)file_result(error);
}

/* A directory that something is mounted in stays. */
static bool has_mounts(const struct fs_node *dir)
{
    struct fs_entry entry;

    return fs_mount_point(dir, 0, &entry);
}

SPRAT_API int rmdir(const char *path)
{
    struct fs_place place;
    struct fs_node node;

    fs_lock();
    int error = resolve_change(path, &place, &node);
    if (!error && !S_ISDIR(node.mode))
        error = -ENOTDIR;
    if (!error && has_mounts(&node))
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

SPRAT_API int rename(const char *from, const char *to)
{
    struct fs_place place, to_place;
    struct fs_node node;

    fs_lock();
    int error = resolve_change(from, &place, &node);
    if (!error)
        error = fs_resolve_place(to, false, &to_place);
    if (!error && !S_ISDIR(node.mode) && (place.slash || to_place.slash))
        error = -ENOTDIR;
    if (!error && place.dir.fs != to_place.dir.fs)
        error = -EXDEV;
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
    if (!error && !fs_changes(node.fs))
        error = -EROFS;
    if (!error)
        error = fs_resolve_place(to, false, &place);
    if (!error && (node.fs != place.dir.fs || place.slash))
        error = place.slash ? -ENOENT : -EXDEV;
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

SPRAT_API mode_t umask(mode_t mask)
{
    (void)mask; /* nobody else is here */
    return 0;
}
