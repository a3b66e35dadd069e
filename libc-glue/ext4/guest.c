/* SPDX-License-Identifier: BSD-2-Clause */
/* In the guest: disks of the toolstack, mounted as the command line says. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <sprat/blkfront.h>
#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/format.h>
#include <sprat/fs.h>
#include <sprat/option.h>
#include <sprat/page.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/thread.h>

#include "ext4.h"

#define STATUS_BAD_LINE 64             /* EX_USAGE of <sysexits.h> */
#define STATUS_BAD_DISK 74             /* EX_IOERR */
#define DISK_WAIT_NS    60000000000ull /* until the disk is there */
#define COMMIT_NS       5000000000ull  /* what nobody syncs is on the disk then, as with Linux */
#define COMMIT_STACK    0x4000
#define CACHE_SHARE     8 /* of the memory that is free */
#define CACHE_BYTES_MAX 0x1000000
#define PATH_MAX_BYTES  256
#define SHOWN_BYTES     80 /* of a word: what is wrong with it is on the same line */
#define DISKS_MAX       32

static_assert(sizeof(struct blkfront_buffer) == sizeof(struct iovec) &&
                  offsetof(struct blkfront_buffer, len) == offsetof(struct iovec, iov_len),
              "a vector is a vector");

/** A disk with a file system. It stays until the guest ends. */
struct mounted {
    struct fs fs;
    struct disk disk;
    struct ext4 *ext4;
    struct blkfront *blkfront;
    char name[BLKFRONT_NAME_MAX];
    struct blkfront_request requests[BATCH_MAX], *list[BATCH_MAX];
    unsigned n_under_way;
    struct port_queue done;
    struct port_queue committer;
    bool changed; /* something waits for the committer */
};

static struct mounted *of_fs(struct fs *fs)
{
    return CONTAINER_OF(fs, struct mounted, fs);
}

/* The disk. One thread at a time is here: the file system's lock sees to it. */

static void request_done(struct blkfront_request *request)
{
    struct mounted *mounted = request->arg;

    if (--mounted->n_under_way == 0)
        port_wake(&mounted->done);
}

static int do_requests(struct mounted *mounted, unsigned n)
{
    mounted->n_under_way = n;
    for (unsigned i = 0; i < n; i++) {
        mounted->requests[i].done = request_done;
        mounted->requests[i].arg = mounted;
        mounted->list[i] = &mounted->requests[i];
    }
    blkfront_submit(mounted->blkfront, mounted->list, n);
    while (mounted->n_under_way)
        port_wait(&mounted->done, PORT_FOREVER);
    for (unsigned i = 0; i < n; i++)
        if (mounted->requests[i].status)
            return mounted->requests[i].status;
    return 0;
}

static int run_ios(struct disk *disk, struct disk_io *ios, unsigned n)
{
    struct mounted *mounted = CONTAINER_OF(disk, struct mounted, disk);

    for (unsigned i = 0; i < n; i++)
        mounted->requests[i] = (struct blkfront_request){
            .op = ios[i].write ? BLKFRONT_WRITE : BLKFRONT_READ,
            .offset = ios[i].offset,
            .buffers = (const struct blkfront_buffer *)ios[i].iov,
            .n_buffers = ios[i].n_iov,
        };
    return do_requests(mounted, n);
}

static int flush_disk(struct disk *disk)
{
    struct mounted *mounted = CONTAINER_OF(disk, struct mounted, disk);

    mounted->requests[0] = (struct blkfront_request){.op = BLKFRONT_FLUSH};
    return do_requests(mounted, 1);
}

static const struct disk_ops disk_ops = {.run = run_ios, .flush = flush_disk};

/* What nobody syncs. */

static void has_changed(void *arg)
{
    struct mounted *mounted = arg;

    if (mounted->changed)
        return;
    mounted->changed = true;
    port_wake(&mounted->committer);
}

static void commit_now_and_then(void *arg)
{
    struct mounted *mounted = arg;

    for (;;) {
        while (!mounted->changed)
            port_wait(&mounted->committer, PORT_FOREVER);
        thread_sleep_until(clock_monotonic() + COMMIT_NS);
        mounted->changed = false;
        /* What fails is said there, and to whom it concerns; there may be memory later. */
        if (ext4_sync(mounted->ext4) == -ENOMEM)
            mounted->changed = true;
    }
}

/* The file system, as <sprat/fs.h> has it. */

static int glue_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *id)
{
    uint32_t ino;
    int error = ext4_lookup(of_fs(fs)->ext4, (uint32_t)dir, name, len, &ino);

    if (!error)
        *id = ino;
    return error;
}

static int glue_stat(struct fs *fs, uint64_t id, struct stat *st)
{
    return ext4_stat(of_fs(fs)->ext4, (uint32_t)id, st);
}

static ssize_t glue_read(struct fs *fs, uint64_t id, void *bytes, size_t len, uint64_t offset)
{
    return ext4_read(of_fs(fs)->ext4, (uint32_t)id, bytes, len, offset);
}

static ssize_t glue_readlink(struct fs *fs, uint64_t id, char *target, size_t size)
{
    return ext4_readlink(of_fs(fs)->ext4, (uint32_t)id, target, size);
}

static int glue_readdir(struct fs *fs, uint64_t dir, uint64_t *position, struct fs_entry *entry)
{
    struct ext4_entry found;
    int result = ext4_readdir(of_fs(fs)->ext4, (uint32_t)dir, position, &found);

    if (result <= 0)
        return result;
    entry->id = found.ino;
    entry->type = found.type;
    entry->len = found.len;
    memcpy(entry->name, found.name, found.len + 1);
    return 1;
}

static int glue_hold(struct fs *fs, uint64_t id)
{
    return ext4_hold(of_fs(fs)->ext4, (uint32_t)id);
}

static void glue_release(struct fs *fs, uint64_t id)
{
    ext4_release(of_fs(fs)->ext4, (uint32_t)id);
}

static int glue_sync(struct fs *fs)
{
    return ext4_sync(of_fs(fs)->ext4);
}

static int glue_statvfs(struct fs *fs, struct statvfs *st)
{
    struct ext4_space space;

    ext4_space(of_fs(fs)->ext4, &space);
    st->f_bsize = st->f_frsize = space.block_bytes;
    st->f_blocks = space.n_blocks;
    st->f_bfree = st->f_bavail = space.n_free;
    st->f_files = space.n_inodes;
    st->f_ffree = st->f_favail = space.n_inodes_free;
    st->f_flag = fs->read_only ? ST_RDONLY : 0;
    return 0;
}

static void glue_unmount(struct fs *fs)
{
    struct mounted *mounted = of_fs(fs);
    int error = ext4_unmount(mounted->ext4);

    if (error)
        port_log("%s: unmounting it failed: error %d", mounted->name, -error);
}

static ssize_t glue_write(struct fs *fs, uint64_t id, const void *bytes, size_t len,
                          uint64_t *offset, bool at_end)
{
    return ext4_write(of_fs(fs)->ext4, (uint32_t)id, bytes, len, offset, at_end);
}

static int glue_truncate(struct fs *fs, uint64_t id, uint64_t size)
{
    return ext4_truncate(of_fs(fs)->ext4, (uint32_t)id, size);
}

static int glue_create(struct fs *fs, uint64_t dir, const char *name, size_t len, mode_t mode,
                       const char *target, uint64_t *id)
{
    uint32_t ino = 0;
    int error = ext4_create(of_fs(fs)->ext4, (uint32_t)dir, name, len, mode, target, &ino);

    *id = ino;
    return error;
}

static int glue_link(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t id)
{
    return ext4_link(of_fs(fs)->ext4, (uint32_t)dir, name, len, (uint32_t)id);
}

static int glue_unlink(struct fs *fs, uint64_t dir, const char *name, size_t len)
{
    return ext4_unlink(of_fs(fs)->ext4, (uint32_t)dir, name, len);
}

static int glue_rmdir(struct fs *fs, uint64_t dir, const char *name, size_t len)
{
    return ext4_rmdir(of_fs(fs)->ext4, (uint32_t)dir, name, len);
}

static int glue_rename(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t to_dir,
                       const char *to_name, size_t to_len)
{
    return ext4_rename(of_fs(fs)->ext4, (uint32_t)dir, name, len, (uint32_t)to_dir, to_name,
                       to_len);
}

static int glue_chmod(struct fs *fs, uint64_t id, mode_t mode)
{
    return ext4_chmod(of_fs(fs)->ext4, (uint32_t)id, mode);
}

static int glue_chown(struct fs *fs, uint64_t id, uid_t uid, gid_t gid)
{
    return ext4_chown(of_fs(fs)->ext4, (uint32_t)id, uid, gid);
}

static int glue_utimens(struct fs *fs, uint64_t id, const struct timespec times[2])
{
    return ext4_utimens(of_fs(fs)->ext4, (uint32_t)id, times);
}

static const struct fs_changes glue_changes = {
    .write = glue_write,
    .truncate = glue_truncate,
    .create = glue_create,
    .link = glue_link,
    .unlink = glue_unlink,
    .rmdir = glue_rmdir,
    .rename = glue_rename,
    .chmod = glue_chmod,
    .chown = glue_chown,
    .utimens = glue_utimens,
};

static const struct fs_ops glue_ops = {
    .lookup = glue_lookup,
    .stat = glue_stat,
    .read = glue_read,
    .readlink = glue_readlink,
    .readdir = glue_readdir,
    .hold = glue_hold,
    .release = glue_release,
    .sync = glue_sync,
    .statvfs = glue_statvfs,
    .unmount = glue_unmount,
    .changes = &glue_changes,
};

/* Mounting. Without its disk the guest is not what it was started for, so it ends. */

static _Noreturn void refuse_line(const char *option, const char *why)
{
    port_log("command line: 'sprat.disk.%.*s': %s", SHOWN_BYTES, option, why);
    fs_unmount_all();
    shutdown_exit(STATUS_BAD_LINE);
}

static _Noreturn void refuse_disk(const char *name, const char *path, const char *why)
{
    port_log("%s: can't be mounted on %.*s: %s", name, SHOWN_BYTES, path, why);
    fs_unmount_all();
    shutdown_exit(STATUS_BAD_DISK);
}

static struct mounted *open_disk(const char *name, const char *path)
{
    struct mounted *mounted = calloc(1, sizeof(*mounted));
    unsigned number;

    if (!mounted)
        refuse_disk(name, path, "there is not enough memory: give the guest more");
    if (blkfront_number(name, &number))
        refuse_line(name, "it is no disk's name, as xvda is");
    int error = blkfront_open(number, NULL, NULL, NULL, &mounted->blkfront);
    if (error == -ENODEV)
        refuse_disk(name, path, "the guest has no such disk: see disk= in its cfg");
    if (!error)
        error = blkfront_wait_up(mounted->blkfront, clock_monotonic() + DISK_WAIT_NS);
    if (error)
        refuse_disk(name, path,
                    error == -ENOMEM ? "there is not enough memory: give the guest more"
                                     : "its backend does not connect");
    const struct blkfront_geometry *geometry = blkfront_geometry(mounted->blkfront);
    blkfront_name(number, mounted->name);
    mounted->disk = (struct disk){
        .ops = &disk_ops,
        .name = mounted->name,
        .bytes = geometry->bytes,
        .sector_bytes = geometry->sector_bytes,
        .read_only = geometry->read_only,
    };
    return mounted;
}

static void mount_disk(const char *name, const char *path, bool read_only)
{
    struct mounted *mounted = open_disk(name, path);
    size_t cache_bytes = page_free_count() * PAGE_BYTES / CACHE_SHARE;
    struct ext4_options options = {
        .read_only = read_only,
        .cache_bytes = cache_bytes < CACHE_BYTES_MAX ? cache_bytes : CACHE_BYTES_MAX,
        .on_change = has_changed,
        .arg = mounted,
    };
    const char *why;

    if (ext4_mount(&mounted->disk, &options, &mounted->ext4, &why))
        refuse_disk(name, path, why);
    mounted->fs = (struct fs){.ops = &glue_ops, .root = EXT4_ROOT, .read_only = read_only};
    if (!read_only && !thread_start("commit", COMMIT_STACK, commit_now_and_then, mounted))
        refuse_disk(name, path, "there is not enough memory: give the guest more");
    int error = fs_mount(&mounted->fs, path);
    if (error) {
        ext4_unmount(mounted->ext4);
        refuse_disk(name, path,
                    error == -EBUSY    ? "something is mounted there"
                    : error == -ENOENT ? "the directory that it would be in is not there"
                                       : "this is no path for it, as /data is");
    }
}

/* NAME=PATH or NAME=PATH,ro */
static void take_option(const char *option)
{
    char text[BLKFRONT_NAME_MAX + PATH_MAX_BYTES];
    bool read_only = false;

    if (strlen(option) >= sizeof(text))
        refuse_line(option, "it is too long");
    strcpy(text, option);
    char *path = strchr(text, '=');
    if (!path || path[1] != '/')
        refuse_line(option, "a disk and a path are needed, as in sprat.disk.xvda=/data");
    *path++ = '\0';
    char *rest = path, *word;
    strsep(&rest, ",");
    while ((word = strsep(&rest, ","))) {
        if (strcmp(word, "ro") == 0)
            read_only = true;
        else if (strcmp(word, "rw") == 0)
            read_only = false;
        else
            refuse_line(option, "only ro or rw may follow the path");
    }
    mount_disk(text, path, read_only);
}

/* Before main(): whoever links this layer wants its disks. Of one disk the last
 * word counts, as of other options: it is the user's, and the first one the cfg's. */
__attribute__((constructor)) static void mount_disks(void)
{
    const char *options[DISKS_MAX], *option;
    unsigned n = 0;

    while ((option = option_take_any("disk."))) {
        size_t len = strcspn(option, "=");
        unsigned i = 0;
        while (i < n && (strncmp(options[i], option, len) != 0 || options[i][len] != '='))
            i++;
        if (i == DISKS_MAX)
            refuse_line(option, "there are too many disks");
        if (i < n)
            port_log("command line: 'sprat.disk.%.*s' counts no more: it is given again",
                     SHOWN_BYTES, options[i]);
        options[i] = option;
        n += i == n;
    }
    for (unsigned i = 0; i < n; i++)
        take_option(options[i]);
}
