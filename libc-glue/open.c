/* SPDX-License-Identifier: BSD-2-Clause */
/* Files and directories of file systems as descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

struct open_file {
    struct file file;
    struct fs_node node;
    pthread_mutex_t lock; /* of the position: one call after the other moves it */
    off_t position;
};

static struct open_file *of_file(struct file *file)
{
    return CONTAINER_OF(file, struct open_file, file);
}

static ssize_t open_file_pread(struct file *file, void *bytes, size_t len, off_t offset)
{
    const struct fs_node *node = &of_file(file)->node;

    if (S_ISDIR(node->mode))
        return -EISDIR;
    return node->fs->ops->read(node->fs, node->id, bytes, len, (uint64_t)offset);
}

static ssize_t open_file_read(struct file *file, const struct iovec *iov, int n_iov)
{
    struct open_file *open_file = of_file(file);
    ssize_t n = 0, done = 0;

    pthread_mutex_lock(&open_file->lock);
    for (int i = 0; i < n_iov; i++) {
        n = open_file_pread(file, iov[i].iov_base, iov[i].iov_len, open_file->position);
        if (n < 0)
            break;
        open_file->position += n;
        done += n;
        if ((size_t)n < iov[i].iov_len)
            break;
    }
    pthread_mutex_unlock(&open_file->lock);
    return done ? done : n;
}

static ssize_t write_at(struct open_file *open_file, const void *bytes, size_t len,
                        uint64_t *offset)
{
    const struct fs_node *node = &open_file->node;
    const struct fs_changes *changes = fs_changes(node->fs);
    int flags = open_file->file.flags;

    if (!changes)
        return -EROFS;
    ssize_t n = changes->write(node->fs, node->id, bytes, len, offset, flags & O_APPEND);
    if (n > 0 && flags & O_SYNC) {
        int error = node->fs->ops->sync(node->fs);
        return error ? error : n;
    }
    return n;
}

static ssize_t open_file_write(struct file *file, const struct iovec *iov, int n_iov)
{
    struct open_file *open_file = of_file(file);
    ssize_t n = 0, done = 0;

    pthread_mutex_lock(&open_file->lock);
    for (int i = 0; i < n_iov; i++) {
        uint64_t offset = (uint64_t)open_file->position;
        n = iov[i].iov_len ? write_at(open_file, iov[i].iov_base, iov[i].iov_len, &offset) : 0;
        if (n < 0)
            break;
        if (n > 0)
            open_file->position = (off_t)offset;
        done += n;
        if ((size_t)n < iov[i].iov_len)
            break;
    }
    pthread_mutex_unlock(&open_file->lock);
    return done ? done : n;
}

static ssize_t open_file_pwrite(struct file *file, const void *bytes, size_t len, off_t offset)
{
    uint64_t at = (uint64_t)offset;

    return write_at(of_file(file), bytes, len, &at);
}

static off_t seek(struct open_file *open_file, off_t offset, int whence)
{
    struct stat st;
    off_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? open_file->position : -1;

    if (whence == SEEK_END) {
        int error = fs_stat(&open_file->node, &st);
        if (error)
            return error;
        from = st.st_size;
    }
    if (from < 0 || __builtin_add_overflow(from, offset, &from) || from < 0)
        return -EINVAL;
    open_file->position = from;
    return from;
}

static off_t open_file_seek(struct file *file, off_t offset, int whence)
{
    struct open_file *open_file = of_file(file);

    pthread_mutex_lock(&open_file->lock);
    off_t result = seek(open_file, offset, whence);
    pthread_mutex_unlock(&open_file->lock);
    return result;
}

static int open_file_stat(struct file *file, struct stat *st)
{
    return fs_stat(&of_file(file)->node, st);
}

static int open_file_truncate(struct file *file, off_t size)
{
    const struct fs_node *node = &of_file(file)->node;
    const struct fs_changes *changes = fs_changes(node->fs);

    return changes ? changes->truncate(node->fs, node->id, (uint64_t)size) : -EROFS;
}

static int open_file_sync(struct file *file)
{
    struct fs *fs = of_file(file)->node.fs;

    return fs->ops->sync ? fs->ops->sync(fs) : 0;
}

/* Locks are between processes, and there is one: nobody is in the way. */
static int open_file_lock(struct file *file, int command, struct flock *lock)
{
    (void)file;
    if (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK)
        return -EINVAL;
    if (command == F_GETLK)
        lock->l_type = F_UNLCK;
    return 0;
}

static void open_file_close(struct file *file)
{
    struct open_file *open_file = of_file(file);
    struct fs *fs = open_file->node.fs;

    if (fs->ops->release)
        fs->ops->release(fs, open_file->node.id);
    free(open_file);
}

static const struct file_ops open_file_ops = {
    .read = open_file_read,
    .write = open_file_write,
    .pread = open_file_pread,
    .pwrite = open_file_pwrite,
    .seek = open_file_seek,
    .stat = open_file_stat,
    .truncate = open_file_truncate,
    .sync = open_file_sync,
    .lock = open_file_lock,
    .close = open_file_close,
};

bool fs_node_of(struct file *file, struct fs_node *node)
{
    if (file->ops != &open_file_ops)
        return false;
    *node = of_file(file)->node;
    return true;
}

int fs_open(const struct fs_node *node, int flags, struct file **file)
{
    const struct fs_ops *ops = node->fs->ops;
    bool writes = (flags & O_ACCMODE) != O_RDONLY;

    if (S_ISDIR(node->mode) && (writes || flags & O_TRUNC))
        return -EISDIR;
    if (!S_ISDIR(node->mode) && flags & O_DIRECTORY)
        return -ENOTDIR;
    if (S_ISLNK(node->mode))
        return -ELOOP;
    if (!S_ISDIR(node->mode) && !S_ISREG(node->mode))
        return ops->open ? ops->open(node->fs, node->id, flags, file) : -ENXIO;
    if ((writes || flags & O_TRUNC) && !fs_changes(node->fs))
        return -EROFS;
    struct open_file *open_file = malloc(sizeof(*open_file));
    if (!open_file)
        return -ENOMEM;
    int error = ops->hold ? ops->hold(node->fs, node->id) : 0;
    if (error) {
        free(open_file);
        return error;
    }
    file_init(&open_file->file, &open_file_ops,
              flags & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC));
    open_file->node = *node;
    open_file->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    open_file->position = 0;
    *file = &open_file->file;
    if (!(flags & O_TRUNC))
        return 0;
    error = open_file_truncate(*file, 0);
    if (error)
        file_release(*file);
    return error;
}

/* What open() makes, or finds in its place. */
static int create(int dir, const char *path, int flags, mode_t mode, struct fs_node *node)
{
    bool exclusive = flags & O_EXCL;
    struct fs_place place;

    int error = fs_resolve_place(dir, path, !exclusive && !(flags & O_NOFOLLOW), &place);
    if (error)
        return error;
    if (place.last != FS_NAME)
        return exclusive ? -EEXIST : -EISDIR;
    if (place.slash)
        return -EISDIR;
    error = fs_find(&place, node);
    if (!error && exclusive)
        return -EEXIST;
    if (error != -ENOENT)
        return !error && S_ISDIR(node->mode) ? -EISDIR : error;
    struct fs *fs = place.dir.fs;
    const struct fs_changes *changes = fs_changes(fs);
    if (!changes)
        return -EROFS;
    error = changes->create(fs, place.dir.id, place.name, place.len,
                            S_IFREG | fs_masked(mode & 07777), NULL, &node->id);
    node->fs = fs;
    node->mode = S_IFREG;
    return error;
}

static int open_path(int dir, const char *path, int flags, mode_t mode)
{
    struct fs_node node;
    struct file *file;

    fs_lock();
    int error = flags & O_CREAT ? create(dir, path, flags, mode, &node)
                                : fs_resolve(dir, path, !(flags & O_NOFOLLOW), &node);
    if (!error)
        error = fs_open(&node, flags, &file);
    fs_unlock();
    if (error)
        return error;
    int fd = file_install(file, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0)
        file_release(file);
    return fd;
}

/* The argument that only O_CREAT has. */
static mode_t mode_of(int flags, va_list args)
{
    return flags & O_CREAT ? (mode_t)va_arg(args, int) : 0;
}

SPRAT_API int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return (int)file_result(open_path(AT_FDCWD, path, flags, mode));
}

SPRAT_API int openat(int dir, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return (int)file_result(open_path(dir, path, flags, mode));
}

SPRAT_API int creat(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
