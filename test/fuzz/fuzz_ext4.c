/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that are damaged: a small one, made once by mke2fs, with bytes of the input's choice
 * changed, is mounted, looked through and changed. Whatever it holds, nothing may crash or wait for
 * ever.
 *
 * The input is a list of changes: which of the images (1 byte), then where (3 bytes, in units that
 * make the beginning likely), how (1 byte) and what (1 byte).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/port.h>

#include "ext4.h"
#include "fuzz.h"
#include "simdisk.h"

#define N_IMAGES    4
#define IMAGE_BYTES (4u << 20)
#define ENTRIES_MAX 100
#define LINE_BYTES  6 /* of the input, for each change */
#define CHANGES_MAX 64
#define FILE_BYTES  20000

static uint8_t *images[N_IMAGES];

void port_log(const char *fmt, ...)
{
    (void)fmt;
}

/* With files, a symbolic link and a directory; the last one was not unmounted. */
static uint8_t *make_image(const char *options, bool dirty)
{
    char path[] = "/tmp/fuzz-ext4-XXXXXX", command[256];
    const struct ext4_options mount = {0};
    static uint8_t bytes[FILE_BYTES];
    struct simdisk sim;
    struct ext4 *fs;
    const char *why;
    uint32_t dir, ino;

    int fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) || close(fd))
        abort();
    snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F %s %s", options,
             path);
    if (system(command) != 0)
        abort();
    simdisk_load(&sim, path, 512);
    unlink(path);
    if (ext4_mount(&sim.disk, &mount, &fs, &why))
        abort();
    if (ext4_create(fs, EXT4_ROOT, "dir", 3, S_IFDIR | 0755, NULL, &dir) ||
        ext4_create(fs, dir, "link", 4, S_IFLNK | 0777, "../dir/file", &ino))
        abort();
    for (int i = 0; i < 20; i++) {
        char name[32];
        uint64_t offset = (uint64_t)i * 1000;
        int len = snprintf(name, sizeof(name), "file-%d", i);
        if (ext4_create(fs, dir, name, (size_t)len, S_IFREG | 0644, NULL, &ino) ||
            ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false) < 0)
            abort();
    }
    ext4_sync(fs);
    if (!dirty)
        ext4_unmount(fs);
    ext4_free(fs);
    uint8_t *image = sim.bytes;
    sim.bytes = NULL;
    simdisk_free(&sim);
    return image;
}

static void look_through(struct ext4 *fs, uint32_t dir, unsigned depth)
{
    static uint8_t bytes[FILE_BYTES];
    struct ext4_entry entry;
    uint64_t position = 0;
    struct stat st;

    for (int i = 0; i < ENTRIES_MAX && ext4_readdir(fs, dir, &position, &entry) > 0; i++) {
        ext4_lookup(fs, dir, entry.name, entry.len, &entry.ino);
        if (ext4_stat(fs, entry.ino, &st) == 0 && S_ISDIR(st.st_mode) && depth &&
            entry.name[0] != '.')
            look_through(fs, entry.ino, depth - 1);
        ext4_read(fs, entry.ino, bytes, sizeof(bytes), (uint64_t)st.st_size / 2);
        ext4_readlink(fs, entry.ino, (char *)bytes, sizeof(bytes));
    }
}

static void change(struct ext4 *fs)
{
    static const uint8_t bytes[FILE_BYTES];
    uint32_t dir, ino;
    uint64_t offset = 3000;

    if (ext4_create(fs, EXT4_ROOT, "new", 3, S_IFREG | 0644, NULL, &ino) == 0)
        ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false);
    if (ext4_lookup(fs, EXT4_ROOT, "dir", 3, &dir))
        return;
    if (ext4_lookup(fs, dir, "file-3", 6, &ino) == 0)
        ext4_write(fs, ino, bytes, sizeof(bytes), &offset, true);
    ext4_sync(fs);
    if (ext4_lookup(fs, dir, "file-4", 6, &ino) == 0)
        ext4_truncate(fs, ino, 5);
    ext4_unlink(fs, dir, "file-5", 6);
    ext4_rename(fs, dir, "file-6", 6, EXT4_ROOT, "moved", 5);
    ext4_rename(fs, dir, "file-7", 6, dir, "file-8", 6);
    ext4_create(fs, dir, "deep", 4, S_IFDIR | 0755, NULL, &ino);
    ext4_rmdir(fs, EXT4_ROOT, "dir", 3);
    ext4_sync(fs);
}

static void damage(uint8_t *image, const uint8_t *line)
{
    static const uint32_t scales[] = {1, 1, 16, 64, 256};
    uint32_t at = ((uint32_t)line[0] | (uint32_t)line[1] << 8) * scales[line[2] % 5] +
                  (line[2] / 5 % 4 == 0 ? 1024 : line[2] / 5 * 4);

    at %= IMAGE_BYTES;
    switch (line[3] % 4) {
    case 0:
        image[at] = line[4];
        break;
    case 1:
        image[at] ^= (uint8_t)(1u << line[4] % 8);
        break;
    case 2:
        memset(image + at, line[4], at < IMAGE_BYTES - 4 ? 4 : 1);
        break;
    default: /* a block is another one */
        memmove(image + at / 1024 * 1024, image + (uint32_t)line[4] * 1024, 1024);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ext4_options options = {.read_only = size > 1 && data[1] % 8 == 0};
    struct simdisk sim;
    struct ext4 *fs;
    const char *why;

    if (!images[0]) {
        images[0] = make_image("-t ext4 -b 1024 -O ^metadata_csum", false);
        images[1] = make_image("-t ext4 -b 1024", true);
        images[2] = make_image("-t ext3 -b 1024", true);
        images[3] = make_image("-t ext2 -b 1024", false);
    }
    if (!size)
        return 0;
    simdisk_make(&sim, images[data[0] % N_IMAGES], IMAGE_BYTES, 512);
    for (size_t at = 1, n = 0; at + LINE_BYTES <= size && n < CHANGES_MAX; at += LINE_BYTES, n++)
        damage(sim.bytes, data + at);
    if (ext4_mount(&sim.disk, &options, &fs, &why) == 0) {
        look_through(fs, EXT4_ROOT, 2);
        change(fs);
        ext4_unmount(fs);
        ext4_free(fs);
    } else if (!why || !*why) {
        abort(); /* refused, and nobody knows why */
    }
    simdisk_free(&sim);
    return 0;
}
