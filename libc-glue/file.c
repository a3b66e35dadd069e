/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of descriptors, and what is done to a descriptor whatever its kind. */
#include <sprat/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "console.h"

#define TABLE_FIRST 16

struct slot {
    struct file *file;
    int flags; /* FD_CLOEXEC */
};

static struct slot first_slots[TABLE_FIRST] = {
    {&console_file, 0}, {&console_file, 0}, {&console_file, 0}};

static struct {
    struct slot *slots;
    int n;
    int hint; /* no slot below is free */
} table = {first_slots, TABLE_FIRST, 0};

int file_limit = FILE_MAX;

void file_init(struct file *file, const struct file_ops *ops, int flags)
{
    *file = (struct file){.ops = ops, .references = 1, .flags = flags};
}

static struct slot *slot_of(int fd)
{
    if (fd < 0 || fd >= table.n || !table.slots[fd].file)
        return NULL;
    return &table.slots[fd];
}

struct file *file_hold(int fd)
{
    struct slot *slot = slot_of(fd);

    if (!slot)
        return NULL;
    slot->file->references++;
    return slot->file;
}

void file_release(struct file *file)
{
    if (--file->references)
        return;
    while (file->watches) {
        struct file_watch *watch = file->watches;
        file_unwatch(watch);
        if (watch->gone)
            watch->gone(watch);
    }
    if (file->ops->close)
        file->ops->close(file);
}

/* @return 0, or -errno. */
static int make_room(int n)
{
    int bigger = table.n;

    if (n > file_limit)
        return -EMFILE;
    while (bigger < n)
        bigger *= 2;
    if (bigger == table.n)
        return 0;
    struct slot *old = table.slots == first_slots ? NULL : table.slots;
    struct slot *slots = realloc(old, (size_t)bigger * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    if (!old)
        memcpy(slots, first_slots, sizeof(first_slots));
    memset(slots + table.n, 0, (size_t)(bigger - table.n) * sizeof(*slots));
    table.slots = slots;
    table.n = bigger;
    return 0;
}

int file_install(struct file *file, int least, int flags)
{
    int fd = least > table.hint ? least : table.hint;

    while (slot_of(fd))
        fd++;
    if (least <= table.hint)
        table.hint = fd;
    int error = make_room(fd + 1);
    if (error)
        return error;
    table.slots[fd] = (struct slot){file, flags};
    return fd;
}

bool file_nonblocking(const struct file *file)
{
    return file->flags & O_NONBLOCK;
}

void file_changed(struct file *file)
{
    for (struct file_watch *watch = file->watches; watch; watch = watch->next)
        watch->changed(watch);
}

void file_watch(struct file *file, struct file_watch *watch)
{
    watch->next = file->watches;
    watch->link = &file->watches;
    if (watch->next)
        watch->next->link = &watch->next;
    file->watches = watch;
}

void file_unwatch(struct file_watch *watch)
{
    *watch->link = watch->next;
    if (watch->next)
        watch->next->link = watch->link;
}

ssize_t file_result(ssize_t result)
{
    if (result >= 0)
        return result;
    thread_failed();
    errno = (int)-result;
    return -1;
}

SPRAT_API int close(int fd)
{
    struct slot *slot = slot_of(fd);

    if (!slot)
        return (int)file_result(-EBADF);
    struct file *file = slot->file;
    *slot = (struct slot){0};
    if (fd < table.hint)
        table.hint = fd;
    file_release(file);
    return 0;
}

static int duplicate(int fd, int least, int flags)
{
    struct file *file = file_hold(fd);

    if (!file)
        return -EBADF;
    int copy = least < 0 || least >= FILE_MAX ? -EINVAL : file_install(file, least, flags);
    if (copy < 0)
        file_release(file);
    return copy;
}

SPRAT_API int dup(int fd)
{
    return (int)file_result(duplicate(fd, 0, 0));
}

static int duplicate_to(int fd, int to, int flags)
{
    if (!slot_of(fd) || to < 0 || to >= FILE_MAX)
        return -EBADF;
    int error = make_room(to + 1);
    if (error)
        return error;
    struct file *replaced = table.slots[to].file;
    table.slots[to] = (struct slot){file_hold(fd), flags};
    if (replaced)
        file_release(replaced);
    return to;
}

SPRAT_API int dup2(int fd, int to)
{
    if (fd == to)
        return slot_of(fd) ? fd : (int)file_result(-EBADF);
    return (int)file_result(duplicate_to(fd, to, 0));
}

SPRAT_API int dup3(int fd, int to, int flags)
{
    if (fd == to || flags & ~O_CLOEXEC)
        return (int)file_result(-EINVAL);
    return (int)file_result(duplicate_to(fd, to, flags & O_CLOEXEC ? FD_CLOEXEC : 0));
}

/* The flags that may be changed behind open(). */
#define CHANGEABLE (O_NONBLOCK | O_APPEND)

SPRAT_API int fcntl(int fd, int command, ...)
{
    struct slot *slot = slot_of(fd);
    bool locks = command == F_GETLK || command == F_SETLK || command == F_SETLKW;
    va_list args;

    va_start(args, command);
    struct flock *lock = locks ? va_arg(args, struct flock *) : NULL;
    int arg = locks ? 0 : va_arg(args, int);
    va_end(args);

    if (!slot)
        return (int)file_result(-EBADF);
    if (locks) {
        struct file *file = file_hold(fd);
        int error = file->ops->lock ? file->ops->lock(file, command, lock) : -EINVAL;
        file_release(file);
        return (int)file_result(error);
    }
    switch (command) {
    case F_DUPFD:
        return (int)file_result(duplicate(fd, arg, 0));
    case F_DUPFD_CLOEXEC:
        return (int)file_result(duplicate(fd, arg, FD_CLOEXEC));
    case F_GETFD:
        return slot->flags;
    case F_SETFD:
        slot->flags = arg & FD_CLOEXEC;
        return 0;
    case F_GETFL:
        return slot->file->flags;
    case F_SETFL:
        slot->file->flags = (slot->file->flags & ~CHANGEABLE) | (arg & CHANGEABLE);
        return 0;
    default:
        return (int)file_result(-EINVAL);
    }
}

SPRAT_API int ioctl(int fd, unsigned long request, ...)
{
    struct file *file = file_hold(fd);
    int result = 0;
    va_list args;

    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);

    if (!file)
        return (int)file_result(-EBADF);
    if (request == FIONBIO)
        file->flags = *(int *)arg ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
    else
        result = file->ops->ioctl ? file->ops->ioctl(file, request, arg) : -ENOTTY;
    file_release(file);
    return (int)file_result(result);
}
