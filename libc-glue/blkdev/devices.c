/* SPDX-License-Identifier: BSD-2-Clause */
/* The file system on /dev: a name for each disk that the guest has now. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <sprat/blkfront.h>
#include <sprat/compiler.h>
#include <sprat/fs.h>
#include <sprat/port.h>

#include "blkdev.h"

#define ROOT      1
#define DISK      (1ull << 32) /* and its number */
#define DISKS_MAX 256

static int devices_lookup(struct fs *fs, uint64_t dir, const char *name, size_t len, uint64_t *id)
{
    unsigned numbers[DISKS_MAX], number;
    char text[BLKFRONT_NAME_MAX], canonical[BLKFRONT_NAME_MAX];

    (void)fs;
    (void)dir;
    if (len >= sizeof(text))
        return -ENOENT;
    memcpy(text, name, len);
    text[len] = '\0';
    if (strlen(text) != len || blkfront_number(text, &number) ||
        strcmp(blkfront_name(number, canonical), text) != 0)
        return -ENOENT;
    int n = blkfront_list(numbers, DISKS_MAX);
    for (int i = 0; i < n; i++) {
        if (numbers[i] == number) {
            *id = DISK | number;
            return 0;
        }
    }
    return n < 0 ? n : -ENOENT;
}

static int devices_stat(struct fs *fs, uint64_t id, struct stat *st)
{
    (void)fs;
    st->st_ino = (ino_t)id;
    st->st_nlink = 1;
    if (id == ROOT) {
        st->st_mode = S_IFDIR | S_IRUSR | S_IXUSR | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;
        return 0;
    }
    st->st_mode = S_IFBLK | S_IRUSR | S_IWUSR;
    st->st_rdev = (dev_t)(uint32_t)id;
    st->st_blksize = BLKFRONT_SECTOR_MAX;
    return 0;
}

static int devices_readdir(struct fs *fs, uint64_t dir, uint64_t *position, struct fs_entry *entry)
{
    unsigned numbers[DISKS_MAX];
    int n = blkfront_list(numbers, DISKS_MAX);

    (void)fs;
    (void)dir;
    if (n < 0)
        return n;
    if (*position >= (uint64_t)n)
        return 0;
    unsigned number = numbers[(*position)++];
    entry->id = DISK | number;
    entry->type = S_IFBLK;
    entry->len = strlen(blkfront_name(number, entry->name));
    return 1;
}

/* They are neither files nor links. */

static ssize_t devices_read(struct fs *fs, uint64_t id, void *bytes, size_t len, uint64_t offset)
{
    (void)fs;
    (void)id;
    (void)bytes;
    (void)len;
    (void)offset;
    return -EISDIR;
}

static ssize_t devices_readlink(struct fs *fs, uint64_t id, char *target, size_t size)
{
    (void)fs;
    (void)id;
    (void)target;
    (void)size;
    return -EINVAL;
}

static int devices_open(struct fs *fs, uint64_t id, int flags, struct file **file)
{
    (void)fs;
    return blkdev_open((unsigned)id, flags, file);
}

static const struct fs_ops devices_ops = {
    .lookup = devices_lookup,
    .stat = devices_stat,
    .read = devices_read,
    .readlink = devices_readlink,
    .readdir = devices_readdir,
    .open = devices_open,
};

static struct fs devices = {.ops = &devices_ops, .root = ROOT};

__attribute__((constructor)) static void mount_devices(void)
{
    int error = fs_mount(&devices, "/dev");

    if (error)
        port_panic("/dev can't be mounted: error %d", -error);
}
