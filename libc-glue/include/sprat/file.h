/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Open files: what descriptors stand for.
 *
 * One table for all kinds (console, pipe, file, socket, ...). A kind is a struct with a struct file
 * in it and one const struct file_ops. Functions return 0 or more, or -errno; the POSIX functions
 * above them set errno.
 */
#ifndef SPRAT_FILE_H
#define SPRAT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <sprat/port.h>

#define FILE_MAX 65536 /**< descriptors: what poll() of all of them still can look through */

/** New descriptors are below this; FILE_MAX, or less if the program wants (RLIMIT_NOFILE). */
extern int file_limit;

struct file;
struct flock;
struct stat;

/** What a kind can do. What may be NULL is said to fail with the error named. */
struct file_ops {
    /**
     * Read or write some, at the file's position; wait for the first byte unless O_NONBLOCK is set.
     * What is read is at least one byte; nothing may be written: an empty datagram. @return bytes,
     * 0 at the end, -EAGAIN, -errno. NULL: EBADF.
     */
    ssize_t (*read)(struct file *file, const struct iovec *iov, int n_iov);
    ssize_t (*write)(struct file *file, const struct iovec *iov, int n_iov);
    /** Read at an offset, the position untouched. NULL: ESPIPE. */
    ssize_t (*pread)(struct file *file, void *bytes, size_t len, off_t offset);
    ssize_t (*pwrite)(struct file *file, const void *bytes, size_t len, off_t offset);
    /** Set the position. NULL: ESPIPE. */
    off_t (*seek)(struct file *file, off_t offset, int whence);
    /** Make it so long. NULL: EINVAL. */
    int (*truncate)(struct file *file, off_t size);
    /** All that was written is on stable storage. NULL: EINVAL. */
    int (*sync)(struct file *file);
    /** fcntl()'s F_GETLK, F_SETLK or F_SETLKW. NULL: EINVAL. */
    int (*lock)(struct file *file, int command, struct flock *lock);
    /** Describe; `st` is all zero. Never NULL. */
    int (*stat)(struct file *file, struct stat *st);
    /** What is true now of POLLIN, POLLOUT, POLLERR, POLLHUP, ... NULL: always readable and
     * writable. */
    short (*poll)(struct file *file);
    /** NULL: ENOTTY. FIONBIO never comes here. */
    int (*ioctl)(struct file *file, unsigned long request, void *arg);
    /** The last reference is gone: free it all. NULL: nothing to do. */
    void (*close)(struct file *file);
};

/** Somebody who wants to know when what `poll` says of a file may have changed. Owned by the
 * caller. */
struct file_watch {
    struct file_watch *next, **link;
    void (*changed)(struct file_watch *watch); /**< must not wait, nor add or remove watches */
    /** The file's last reference is gone, the watch taken off. NULL: whoever watches has one. */
    void (*gone)(struct file_watch *watch);
};

struct file {
    const struct file_ops *ops;
    unsigned references; /**< descriptors, and calls under way */
    int flags;           /**< O_RDONLY, O_WRONLY or O_RDWR, and O_NONBLOCK and the like */
    struct file_watch *watches;
};

/** Make a file with one reference, the caller's. */
void file_init(struct file *file, const struct file_ops *ops, int flags);

/** The file of a descriptor, with a reference for the caller. NULL: EBADF. */
struct file *file_hold(int fd);

/** Give back a reference. */
void file_release(struct file *file);

/**
 * Give a file a descriptor, the lowest free one from `least` on. The caller's reference becomes the
 * descriptor's; on failure it stays the caller's.
 *
 * @param flags  FD_CLOEXEC or 0; only remembered, as nothing is ever executed.
 * @return the descriptor, -EMFILE or -ENOMEM.
 */
int file_install(struct file *file, int least, int flags);

/** Is O_NONBLOCK set? */
bool file_nonblocking(const struct file *file);

/** Tell those that watch the file. Callable from event handlers. */
void file_changed(struct file *file);

void file_watch(struct file *file, struct file_watch *watch);
void file_unwatch(struct file_watch *watch);

/** Bytes in a vector; -EINVAL when there is no such number or the vector is none. */
ssize_t file_iov_bytes(const struct iovec *iov, int n_iov);

/** Turn 0 or more, or -errno, into what POSIX functions return. */
ssize_t file_result(ssize_t result);

#endif
