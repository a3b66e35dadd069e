/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of whole files, flock(): between open files, of which one program may have two of one file.
 * Locks of a file's parts, lockf(), are between processes: fcntl() has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>
#include <sprat/thread.h>

#include "fail.h"

struct held {
    struct file_watch watch; /* for the open file's end */
    struct file *file;
    struct fs_node node; /* what others open, too */
    int type;            /* LOCK_SH or LOCK_EX */
    struct held *next, **link;
};

static struct held *all;
static struct port_queue waiting;

static struct held *held_by(const struct file *file)
{
    struct held *held = all;

    while (held && held->file != file)
        held = held->next;
    return held;
}

static void forget(struct held *held)
{
    *held->link = held->next;
    if (held->next)
        held->next->link = held->link;
    free(held);
    thread_wake(&waiting);
}

static void changed(struct file_watch *watch)
{
    (void)watch;
}

static void gone(struct file_watch *watch)
{
    forget(CONTAINER_OF(watch, struct held, watch));
}

static void unlock(struct file *file)
{
    struct held *held = held_by(file);

    if (!held)
        return;
    file_unwatch(&held->watch);
    forget(held);
}

static bool is_in_the_way(const struct fs_node *node, int type)
{
    for (const struct held *held = all; held; held = held->next)
        if (held->node.fs == node->fs && held->node.id == node->id &&
            (type == LOCK_EX || held->type == LOCK_EX))
            return true;
    return false;
}

/* As on Linux, a lock that becomes one of the other type is given back first. */
static int lock(struct file *file, int type, bool waits)
{
    struct fs_node node = {.fs = NULL, .id = (uintptr_t)file}; /* nobody else opens a pipe */
    struct held *held = held_by(file);

    if (held && held->type == type)
        return 0;
    unlock(file);
    fs_node_of(file, &node);
    while (is_in_the_way(&node, type)) {
        if (!waits)
            return -EWOULDBLOCK;
        thread_wait(&waiting, PORT_FOREVER);
        unlock(file); /* another thread may have locked the same open file */
    }
    held = malloc(sizeof(*held));
    if (!held)
        return -ENOLCK;
    *held = (struct held){.watch = {.changed = changed, .gone = gone},
                          .file = file,
                          .node = node,
                          .type = type,
                          .next = all,
                          .link = &all};
    if (held->next)
        held->next->link = &held->next;
    all = held;
    file_watch(file, &held->watch);
    return 0;
}

SPRAT_API int flock(int fd, int operation)
{
    struct file *file = file_hold(fd);
    int type = operation & ~LOCK_NB, error = 0;

    if (!file)
        return fail(EBADF);
    if (type == LOCK_UN)
        unlock(file);
    else
        error =
            type == LOCK_SH || type == LOCK_EX ? lock(file, type, !(operation & LOCK_NB)) : -EINVAL;
    file_release(file);
    return (int)file_result(error);
}

SPRAT_API int lockf(int fd, int command, off_t len)
{
    struct flock part = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = len};
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -1;
    switch (command) {
    case F_TEST:
        return fcntl(fd, F_GETLK, &part); /* no other process has locked it */
    case F_ULOCK:
        part.l_type = F_UNLCK;
        return fcntl(fd, F_SETLK, &part);
    case F_LOCK:
    case F_TLOCK:
        if ((flags & O_ACCMODE) == O_RDONLY)
            return fail(EBADF);
        return fcntl(fd, command == F_LOCK ? F_SETLKW : F_SETLK, &part);
    default:
        return fail(EINVAL);
    }
}
