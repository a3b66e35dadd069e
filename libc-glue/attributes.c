/* SPDX-License-Identifier: BSD-2-Clause */
/* What files are like: their rights, owners, times and sizes, by paths and descriptors. */
#define _GNU_SOURCE /* AT_EMPTY_PATH */
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

SPRAT_API int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
    struct fs_node node;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return (int)file_result(-EINVAL);
    if (flags & AT_EMPTY_PATH && !*path && dir != AT_FDCWD)
        return fstat(dir, st);
    fs_lock();
    int error = fs_resolve(dir, path, !(flags & AT_SYMLINK_NOFOLLOW), &node);
    if (!error)
        error = fs_stat(&node, st);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int stat(const char *restrict path, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, path, st, 0);
}

SPRAT_API int lstat(const char *restrict path, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

/* There are no users, so rights are only remembered. */
SPRAT_API int faccessat(int dir, const char *path, int mode, int flags)
{
    struct fs_node node;

    if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW) || mode & ~(R_OK | W_OK | X_OK))
        return (int)file_result(-EINVAL);
    fs_lock();
    int error = fs_resolve(dir, path, !(flags & AT_SYMLINK_NOFOLLOW), &node);
    fs_unlock();
    if (!error && mode & W_OK && !fs_changes(node.fs))
        error = -EROFS;
    return (int)file_result(error);
}

SPRAT_API int access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

SPRAT_API ssize_t readlinkat(int dir, const char *restrict path, char *restrict target, size_t size)
{
    struct fs_node node;

    fs_lock();
    ssize_t result = size ? fs_resolve(dir, path, false, &node) : -EINVAL;
    if (!result)
        result =
            S_ISLNK(node.mode) ? node.fs->ops->readlink(node.fs, node.id, target, size) : -EINVAL;
    fs_unlock();
    return file_result(result);
}

SPRAT_API ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    return readlinkat(AT_FDCWD, path, target, size);
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
    int error = fs_resolve(AT_FDCWD, path, true, &node);
    if (!error)
        error = space_of(&node, st);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int fstatvfs(int fd, struct statvfs *st)
{
    struct file *file = file_hold(fd);
    struct fs_node node;

    if (!file)
        return (int)file_result(-EBADF);
    int error = fs_node_of(file, &node) ? space_of(&node, st) : -ENOSYS;
    file_release(file);
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

/* The working directory is the root, and stays it. */
SPRAT_API int chdir(const char *path)
{
    struct fs_node node, root;

    fs_lock();
    int error = fs_resolve(AT_FDCWD, path, true, &node);
    if (!error && !S_ISDIR(node.mode))
        error = -ENOTDIR;
    if (!error)
        error = fs_resolve(AT_FDCWD, "/", true, &root);
    if (!error && (node.fs != root.fs || node.id != root.id))
        error = -ENOSYS;
    fs_unlock();
    return (int)file_result(error);
}

/* Changing what a path that begins in `dir` leads to; without a path, what `dir` stands for. */

static int find_node(int dir, const char *path, bool follow, struct fs_node *node)
{
    if (path)
        return fs_resolve(dir, path, follow, node);
    struct file *file = file_hold(dir);
    if (!file)
        return -EBADF;
    bool found = fs_node_of(file, node);
    file_release(file);
    return found ? 0 : -EINVAL;
}

static int find_change(int dir, const char *path, bool follow, struct fs_node *node)
{
    int error = find_node(dir, path, follow, node);

    return error ? error : fs_changes(node->fs) ? 0 : -EROFS;
}

static int change_mode(int dir, const char *path, mode_t mode)
{
    struct fs_node node;

    fs_lock();
    int error = find_change(dir, path, true, &node);
    if (!error)
        error = fs_changes(node.fs)->chmod(node.fs, node.id, mode);
    fs_unlock();
    return (int)file_result(error);
}

/* As on Linux, a symbolic link's own rights can't be changed. */
SPRAT_API int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    if (flags)
        return (int)file_result(flags == AT_SYMLINK_NOFOLLOW ? -ENOTSUP : -EINVAL);
    return change_mode(dir, path, mode);
}

SPRAT_API int chmod(const char *path, mode_t mode)
{
    return change_mode(AT_FDCWD, path, mode);
}

SPRAT_API int fchmod(int fd, mode_t mode)
{
    return change_mode(fd, NULL, mode);
}

static int change_owner(int dir, const char *path, bool follow, uid_t uid, gid_t gid)
{
    struct fs_node node;

    fs_lock();
    int error = find_change(dir, path, follow, &node);
    if (!error)
        error = fs_changes(node.fs)->chown(node.fs, node.id, uid, gid);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
    if (flags & ~AT_SYMLINK_NOFOLLOW)
        return (int)file_result(-EINVAL);
    return change_owner(dir, path, !flags, uid, gid);
}

SPRAT_API int chown(const char *path, uid_t uid, gid_t gid)
{
    return change_owner(AT_FDCWD, path, true, uid, gid);
}

SPRAT_API int lchown(const char *path, uid_t uid, gid_t gid)
{
    return change_owner(AT_FDCWD, path, false, uid, gid);
}

SPRAT_API int fchown(int fd, uid_t uid, gid_t gid)
{
    return change_owner(fd, NULL, true, uid, gid);
}

/* NULL is now; so is UTIME_NOW in one of them. */
static int change_times(int dir, const char *path, bool follow, const struct timespec given[2])
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
    int error = find_change(dir, path, follow, &node);
    if (!error)
        error = fs_changes(node.fs)->utimens(node.fs, node.id, times);
    fs_unlock();
    return (int)file_result(error);
}

SPRAT_API int futimens(int fd, const struct timespec *times)
{
    return change_times(fd, NULL, true, times);
}

SPRAT_API int utimensat(int dir, const char *path, const struct timespec *times, int flags)
{
    if (flags & ~AT_SYMLINK_NOFOLLOW)
        return (int)file_result(-EINVAL);
    return change_times(dir, path, !flags, times);
}

static int change_times_us(int dir, const char *path, bool follow, const struct timeval *given)
{
    struct timespec times[2];

    for (int i = 0; given && i < 2; i++)
        times[i] = (struct timespec){given[i].tv_sec, (long)given[i].tv_usec * NS_PER_US};
    return change_times(dir, path, follow, given ? times : NULL);
}

SPRAT_API int utimes(const char *path, const struct timeval *given)
{
    return change_times_us(AT_FDCWD, path, true, given);
}

SPRAT_API int lutimes(const char *path, const struct timeval *given)
{
    return change_times_us(AT_FDCWD, path, false, given);
}

SPRAT_API int futimes(int fd, const struct timeval *given)
{
    return change_times_us(fd, NULL, true, given);
}

SPRAT_API int utime(const char *path, const struct utimbuf *given)
{
    struct timespec times[2];

    if (given) {
        times[0] = (struct timespec){given->actime, 0};
        times[1] = (struct timespec){given->modtime, 0};
    }
    return change_times(AT_FDCWD, path, true, given ? times : NULL);
}

SPRAT_API int truncate(const char *path, off_t size)
{
    struct fs_node node;

    fs_lock();
    int error = size < 0 ? -EINVAL : find_change(AT_FDCWD, path, true, &node);
    if (!error)
        error = S_ISDIR(node.mode)
                    ? -EISDIR
                    : fs_changes(node.fs)->truncate(node.fs, node.id, (uint64_t)size);
    fs_unlock();
    return (int)file_result(error);
}
