/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems that are damaged: a small one (see ext4_image.h), with bytes of the input's choice
 * changed, is mounted, looked through and changed. Whatever it holds, nothing may crash or wait for
 * ever.
 *
 * The input: which of the images, and whether checksums are made right behind the changes (1 byte);
 * how many changes at most (1 byte); then the changes, each of 6 bytes: where (3 bytes: a piece of
 * metadata and a place in it, or a place anywhere), how (1 byte), and what (2 bytes).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/port.h>

#include "ext4.h"
#include "ext4_image.h"
#include "fuzz.h"
#include "simdisk.h"

#define ENTRIES_MAX  100
#define HEADER_BYTES 2 /* of the input */
#define LINE_BYTES   6 /* of the input, for each change */
#define CHANGES_MAX  8
#define RESEAL       0x80 /* in the first byte */
#define ANYWHERE     0x80 /* in a change's fourth byte */
#define FILE_BYTES   20000

static const struct {
    const char *options;
    bool dirty;
} kinds[] = {
    {"-t ext4 -b 1024", false},
    {"-t ext4 -b 1024", true},
    {"-t ext4 -b 1024 -O ^metadata_csum", false},
    {"-t ext4 -b 4096 -O ^has_journal", false},
    {"-t ext3 -b 1024", true},
    {"-t ext2 -b 1024", false},
};
static struct image images[ARRAY_LEN(kinds)];

void port_log(const char *fmt, ...)
{
    (void)fmt;
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
    if (ext4_lookup(fs, EXT4_ROOT, "spread", 6, &ino) == 0) {
        ext4_write(fs, ino, bytes, sizeof(bytes), &offset, false);
        ext4_truncate(fs, ino, 100000);
        ext4_unlink(fs, EXT4_ROOT, "spread", 6);
    }
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
    for (int i = 0; i < 20; i++) {
        char name[EXT4_NAME_MAX];
        memset(name, 'a' + i, sizeof(name));
        ext4_create(fs, dir, name, sizeof(name) - (size_t)i, S_IFREG | 0644, NULL, &ino);
    }
    ext4_rmdir(fs, EXT4_ROOT, "dir", 3);
    ext4_sync(fs);
}

static uint32_t get16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

/* A number that means something somewhere: a block, an inode, a limit. */
static uint32_t some_number(const struct image *image, uint32_t choice)
{
    static const uint32_t limits[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 0xf30a};
    const struct unit *unit = &image->units[choice / 4 % image->n_units];

    switch (choice % 4) {
    case 0:
        return limits[choice / 4 % ARRAY_LEN(limits)];
    case 1:
        return unit->number;
    case 2:
        return unit->offset / image->block_bytes;
    default:
        return choice / 4;
    }
}

static void damage(const struct image *image, uint8_t *bytes, const uint8_t *line)
{
    const struct unit *unit = &image->units[get16(line) % image->n_units];
    uint32_t place = line[2] * 4u + (line[3] >> 5) % 4u, what = get16(line + 4);
    uint32_t at = unit->offset + place % unit->len, value;

    if (line[3] & ANYWHERE)
        at = (uint32_t)(get16(line) * 64 + line[2]) % IMAGE_BYTES;
    if (at > IMAGE_BYTES - 16)
        return;
    switch (line[3] % 8) {
    case 0:
        bytes[at] = line[4];
        break;
    case 1:
        bytes[at] ^= (uint8_t)(1u << line[4] % 8);
        break;
    case 2:
        memcpy(bytes + at, line + 4, 2);
        break;
    case 3:
    case 4:
        value = some_number(image, what);
        memcpy(bytes + at / 4 * 4, &value, sizeof(value));
        break;
    case 5:
        value = get16(bytes + at) + what;
        memcpy(bytes + at, &value, 2);
        break;
    case 6: /* it is as another place */
        unit = &image->units[what % image->n_units];
        if (unit->offset + place % unit->len <= IMAGE_BYTES - 16)
            memmove(bytes + at, bytes + unit->offset + place % unit->len, 16);
        break;
    default: /* a block is another one */
        memmove(bytes + at / 1024 * 1024, bytes + what % (IMAGE_BYTES / 1024) * 1024, 1024);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ext4_options options = {.cache_bytes = 1};
    struct simdisk sim;
    struct ext4 *fs;
    const char *why;

    if (!images[0].bytes)
        for (size_t i = 0; i < ARRAY_LEN(images); i++)
            image_make(&images[i], kinds[i].options, kinds[i].dirty);
    if (size < HEADER_BYTES)
        return 0;
    const struct image *image = &images[data[0] % RESEAL % ARRAY_LEN(images)];
    size_t n_changes = 1 + data[1] % CHANGES_MAX;
    options.read_only = data[1] / CHANGES_MAX % 8 == 0;
    simdisk_make(&sim, image->bytes, IMAGE_BYTES, 512);
    for (size_t n = 0; n < n_changes && HEADER_BYTES + (n + 1) * LINE_BYTES <= size; n++)
        damage(image, sim.bytes, data + HEADER_BYTES + n * LINE_BYTES);
    if (data[0] & RESEAL)
        image_reseal(image, sim.bytes);
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
