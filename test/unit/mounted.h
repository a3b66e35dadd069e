/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the tests of ext4 share. Each is a program of its own, so these are its own functions.
 */
#ifndef UNIT_MOUNTED_H
#define UNIT_MOUNTED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sprat/port.h>

#include "ext4.h"
#include "simdisk.h"

#define IMAGE_BYTES (8u << 20)
#define SUPER       1024 /* where the superblock is */

static struct simdisk sim;
static struct ext4 *fs;
static const char *why;
static char logged[256] __attribute__((unused)); /* the last line */

void port_log(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(logged, sizeof(logged), fmt, args);
    va_end(args);
}

static inline void make(const char *options)
{
    char path[] = "/tmp/test-ext4-XXXXXX", command[256];

    int fd = mkstemp(path);
    assert_true(fd >= 0 && ftruncate(fd, IMAGE_BYTES) == 0 && close(fd) == 0);
    snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F %s %s", options,
             path);
    assert_int_equal(system(command), 0);
    simdisk_load(&sim, path, 512);
    unlink(path);
}

static inline int mount_as(bool read_only)
{
    const struct ext4_options options = {.read_only = read_only};

    return ext4_mount(&sim.disk, &options, &fs, &why);
}

static inline void assert_mounted(void)
{
    int error = mount_as(false);

    if (error)
        fail_msg("refused: %s", why);
}

static inline void unmount(void)
{
    assert_int_equal(ext4_unmount(fs), 0);
    ext4_free(fs);
}

static inline int teardown(void **state)
{
    (void)state;
    simdisk_free(&sim);
    return 0;
}

static inline void assert_refused(int error, const char *sentence)
{
    assert_int_equal(mount_as(false), error);
    assert_non_null(strstr(why, sentence));
}

static inline void set32(unsigned field, uint32_t value)
{
    memcpy(sim.bytes + SUPER + field, &value, sizeof(value));
}

static inline uint32_t get32(unsigned field)
{
    uint32_t value;

    memcpy(&value, sim.bytes + SUPER + field, sizeof(value));
    return value;
}

/* An inode of the first group, where blocks have 1 KiB and inodes 256 bytes. */
static inline uint8_t *inode_of(uint32_t ino)
{
    uint32_t table;

    assert_true(ino <= get32(0x28));                             /* s_inodes_per_group */
    memcpy(&table, sim.bytes + SUPER + 1024 + 8, sizeof(table)); /* bg_inode_table */
    return sim.bytes + (size_t)table * 1024 + (size_t)(ino - 1) * 256;
}

static inline void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline uint32_t make_file(const char *name)
{
    uint32_t ino;

    assert_int_equal(ext4_create(fs, EXT4_ROOT, name, strlen(name), S_IFREG | 0644, NULL, &ino), 0);
    return ino;
}

static inline void fill(uint32_t ino, size_t len)
{
    uint8_t *bytes = malloc(len);
    uint64_t offset = 0;

    memset(bytes, 0x5a, len);
    assert_int_equal(ext4_write(fs, ino, bytes, len, &offset, true), len);
    free(bytes);
}

/* e2fsck finds nothing wrong with it. */
static inline void assert_clean(void)
{
    char path[] = "/tmp/test-ext4-XXXXXX", command[128];

    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    simdisk_save(&sim, path);
    snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin e2fsck -fn %s >&2", path);
    int status = system(command);
    unlink(path);
    assert_int_equal(status, 0);
}

#define EXT4_TEST(name) cmocka_unit_test_teardown(name, teardown)

#endif
