/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * File systems: what open() and the like find their files in.
 *
 * The root is the archive of the image or of the toolstack, read-only; others are mounted on paths.
 * A file system knows its files by numbers; paths, symbolic links and mount points are followed
 * here. Functions return 0 or more, or -errno.
 */
#ifndef SPRAT_FS_H
#define SPRAT_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file;
struct fs;
struct stat;
struct statvfs;
struct timespec;

#define FS_NAME_MAX 255 /**< bytes */

/** An entry of a directory. */
struct fs_entry {
    uint64_t id;
    mode_t type; /**< S_IFREG, S_IFDIR, ...; 0: not known */
    size_t len;
    char name[FS_NAME_MAX + 1];
};

/** What a file system that can be written does; names have `len` bytes, without '/' and '\0'. */
struct fs_changes {
    /** Write at *offset (or at the file's end, which *offset receives), and move it behind that.
     * Without `bytes`, what is there stays, and what is not becomes zeros that have their place. */
    ssize_t (*write)(struct fs *fs, uint64_t id, const void *bytes, size_t len, uint64_t *offset,
                     bool at_end);
    int (*truncate)(struct fs *fs, uint64_t id, uint64_t size);
    /** Make a file, a directory or (with a target) a symbolic link, by `mode`'s type. */
    int (*create)(struct fs *fs, uint64_t dir, const char *name, size_t len, mode_t mode,
                  const char *target, uint64_t *id);
    int (*link)(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t id);
    int (*unlink)(struct fs *fs, uint64_t dir, const char *name, size_t len);
    int (*rmdir)(struct fs *fs, uint64_t dir, const char *name, size_t len);
    int (*rename)(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t to_dir,
                  const char *to_name, size_t to_len);
    int (*chmod)(struct fs *fs, uint64_t id, mode_t mode);
    int (*chown)(struct fs *fs, uint64_t id, uid_t uid, gid_t gid);
    int (*utimens)(struct fs *fs, uint64_t id, const struct timespec times[2]);
};

struct fs_ops {
    /** In a directory that is not the root, ".." may be looked for. */
    int (*lookup)(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *id);
    /** `st` is all zero. */
    int (*stat)(struct fs *fs, uint64_t id, struct stat *st);
    ssize_t (*read)(struct fs *fs, uint64_t id, void *bytes, size_t len, uint64_t offset);
    ssize_t (*readlink)(struct fs *fs, uint64_t id, char *target, size_t size);
    /** The next entry from *position on (0: the first; "." and ".." may be among them), which moves
     * behind it. @return 1, or 0 when there is none. */
    int (*readdir)(struct fs *fs, uint64_t dir, uint64_t *position, struct fs_entry *entry);
    /** Keep a file that is open, whatever becomes of its names. NULL: there is no need. */
    int (*hold)(struct fs *fs, uint64_t id);
    void (*release)(struct fs *fs, uint64_t id);
    /** The bytes in memory, for mmap() to give away. NULL: they are copied. */
    const void *(*map)(struct fs *fs, uint64_t id);
    /** Open what is neither a file, a directory nor a symbolic link. NULL: ENXIO. */
    int (*open)(struct fs *fs, uint64_t id, int flags, struct file **file);
    /** All changes are on stable storage. NULL: they always are. */
    int (*sync)(struct fs *fs);
    /** NULL: ENOSYS. */
    int (*statvfs)(struct fs *fs, struct statvfs *st);
    /** The guest ends: commit, leave the disk clean. NULL: nothing to do. */
    void (*unmount)(struct fs *fs);
    const struct fs_changes *changes; /**< NULL: EROFS */
};

struct fs {
    const struct fs_ops *ops;
    uint64_t root;   /**< its top directory */
    bool read_only;  /**< EROFS, whatever it could change */
    unsigned number; /**< st_dev; given by fs_mount() */
};

/** A file, directory, ... of some file system. */
struct fs_node {
    struct fs *fs;
    uint64_t id;
    mode_t mode;
};

/**
 * Mount a file system. Before main(), or between calls that open files.
 *
 * @param path  absolute: "/" (in place of the archive), or a name in a directory that is there;
 *              what it names need not be there, and is hidden if it is.
 * @return 0, -EBUSY for a mount point that is one already, -ENOMEM, or what is wrong with the path.
 */
int fs_mount(struct fs *fs, const char *path);

/** Unmount all, the last one first. The guest ends. */
void fs_unmount_all(void);

/* Of libc-glue itself. */

/** Hold while paths are followed and names changed. */
void fs_lock(void);
void fs_unlock(void);

/**
 * Follow a path.
 *
 * @param dir  the descriptor of the directory that it begins in, unless at the root with a "/".
 *             AT_FDCWD: it begins at the root, too, for there is no working directory.
 * @param follow_last  a symbolic link at its end, too.
 * @return 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -EBADF, or an error of the file system's.
 */
int fs_resolve(int dir, const char *path, bool follow_last, struct fs_node *node);

/** Where a name is, or would be. */
struct fs_place {
    /** What the path ends with. "/" itself and the others are no names that can be changed. */
    enum { FS_NAME, FS_ROOT, FS_DOT, FS_DOT_DOT } last;
    struct fs_node dir;
    char name[FS_NAME_MAX + 1]; /**< as much of it as there is room for */
    size_t len;
    bool slash; /**< the path ends in one: it can only be a directory */
};

/**
 * Follow a path up to its last name, which need not be there.
 *
 * @param follow_last  where that is a symbolic link, without a slash behind it, to the name that it
 *                     stands for.
 * @return as fs_resolve().
 */
int fs_resolve_place(int dir, const char *path, bool follow_last, struct fs_place *place);
/** What has the name. @return 0, -ENOENT, -ENAMETOOLONG, or an error of the file system's. */
int fs_find(const struct fs_place *place, struct fs_node *node);

/** Open a node by its flags of <fcntl.h>; no more names are followed. */
int fs_open(const struct fs_node *node, int flags, struct file **file);
/** The node of such a file. @return false when it is something else. */
bool fs_node_of(struct file *file, struct fs_node *node);

int fs_stat(const struct fs_node *node, struct stat *st);
/** What can change the file system, or NULL. */
const struct fs_changes *fs_changes(const struct fs *fs);

/** Without the rights that umask() takes away. */
mode_t fs_masked(mode_t mode);

/** The mount points in a directory, in some order. @return false when there are no more. */
bool fs_mount_point(const struct fs_node *dir, unsigned n, struct fs_entry *entry);
/** Is this entry hidden by a mount point? */
bool fs_is_mount_point(const struct fs_node *dir, const char *name, size_t len);

#endif
