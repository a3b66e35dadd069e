/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk by POSIX calls: /dev/xvda is for reading and writing, /dev/xvdb for reading only. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fs.h>

#include "check.h"

#define LARGE (3 << 20)

static uint64_t size;
static uint8_t out[LARGE + 1], in[LARGE + 1];

static int open_disk(int flags)
{
    int fd = open("/dev/xvda", flags);
    CHECK(fd >= 0);
    return fd;
}

static void it_tells_what_it_is(void)
{
    int fd = open_disk(O_RDONLY), sector, read_only;
    unsigned long sectors;
    unsigned physical;
    struct stat st;

    CHECK(ioctl(fd, BLKGETSIZE64, &size) == 0 && size >= 2 * LARGE);
    CHECK(ioctl(fd, BLKGETSIZE, &sectors) == 0 && sectors == size / 512);
    CHECK(ioctl(fd, BLKSSZGET, &sector) == 0 && sector == 512);
    CHECK(ioctl(fd, BLKPBSZGET, &physical) == 0 && physical >= 512);
    CHECK(ioctl(fd, BLKROGET, &read_only) == 0 && read_only == 0);
    CHECK_FAILS(ioctl(fd, 0x1234, &sector), ENOTTY);
    CHECK(lseek(fd, 0, SEEK_END) == (off_t)size);
    CHECK(fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == (dev_t)51712);
    CHECK(stat("/dev/xvda", &st) == 0 && S_ISBLK(st.st_mode));
    CHECK(!isatty(fd));
    CHECK(close(fd) == 0);
}

static void dev_holds_the_disks_there_are(void)
{
    DIR *dir = opendir("/dev");
    const struct dirent *entry;
    unsigned n = 0;

    CHECK(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, "xvda") == 0 || strcmp(entry->d_name, "xvdb") == 0)
            n++;
    CHECK(n == 2);
    closedir(dir);
    CHECK_FAILS(open("/dev/xvdc", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/dev/51712", O_RDONLY), ENOENT);
    CHECK_FAILS(open("/dev/no-such-disk-of-so-long-a-name", O_RDONLY), ENOENT);
}

static void what_is_written_is_read_again(void)
{
    int fd = open_disk(O_RDWR);

    for (unsigned i = 0; i < LARGE; i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    CHECK(write(fd, out, LARGE) == LARGE);
    CHECK(lseek(fd, 0, SEEK_CUR) == LARGE);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(pread(fd, in + 1, LARGE, 0) == LARGE && memcmp(in + 1, out, LARGE) == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == LARGE);
    CHECK(pwrite(fd, out + 1, 1024, 512) == 1024);
    CHECK(lseek(fd, 512, SEEK_SET) == 512);
    CHECK(read(fd, in, 1024) == 1024 && memcmp(in, out + 1, 1024) == 0);
    struct iovec parts[] = {{in, 100}, {in + 100, 0}, {in + 100, 412}};
    CHECK(readv(fd, parts, 3) == 512 && memcmp(in, out + 1536, 512) == 0);
    CHECK(close(fd) == 0);
}

static void a_write_with_o_sync_is_a_write(void)
{
    int fd = open_disk(O_RDWR | O_SYNC);

    CHECK(pwrite(fd, out, 4096, 8192) == 4096);
    CHECK(pread(fd, in, 4096, 8192) == 4096 && memcmp(in, out, 4096) == 0);
    CHECK(close(fd) == 0);
}

static void only_whole_sectors_are_read_and_written(void)
{
    int fd = open_disk(O_RDWR);

    CHECK_FAILS(read(fd, in, 511), EINVAL);
    CHECK_FAILS(read(fd, in, 513), EINVAL);
    CHECK_FAILS(pread(fd, in, 512, 1), EINVAL);
    CHECK_FAILS(pwrite(fd, out, 100, 0), EINVAL);
    CHECK_FAILS(pwrite(fd, out, 512, 511), EINVAL);
    CHECK_FAILS(pread(fd, in, 512, -512), EINVAL);
    CHECK(lseek(fd, 100, SEEK_SET) == 100);
    CHECK_FAILS(read(fd, in, 512), EINVAL);
    CHECK(read(fd, in, 0) == 0);
    CHECK(close(fd) == 0);
}

static void the_end_is_where_it_is(void)
{
    int fd = open_disk(O_RDWR);

    CHECK(pread(fd, in, 4096, (off_t)size - 1024) == 1024);
    CHECK(pread(fd, in, 512, (off_t)size) == 0);
    CHECK(pread(fd, in, 512, (off_t)size + 512) == 0);
    CHECK(pwrite(fd, out, 4096, (off_t)size - 512) == 512);
    CHECK_FAILS(pwrite(fd, out, 512, (off_t)size), ENOSPC);
    CHECK(lseek(fd, 0, SEEK_END) == (off_t)size);
    CHECK(read(fd, in, 512) == 0);
    CHECK_FAILS(lseek(fd, 1, SEEK_END), EINVAL);
    CHECK_FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_FAILS(lseek(fd, 0, 77), EINVAL);
    CHECK(close(fd) == 0);
}

static void discarding_is_for_those_who_may_write(void)
{
    uint64_t range[2] = {65536, 65536}, beyond[2] = {size, 512};
    int fd = open_disk(O_RDONLY);

    CHECK_FAILS(ioctl(fd, BLKDISCARD, range), EBADF);
    CHECK(close(fd) == 0);
    fd = open_disk(O_RDWR);
    CHECK_FAILS(ioctl(fd, BLKDISCARD, beyond), EINVAL);
    CHECK(ioctl(fd, BLKDISCARD, range) == 0);
    CHECK(pread(fd, in, 65536, 65536) == 65536);
    for (unsigned i = 0; i < 65536; i++)
        CHECK(in[i] == 0);
    CHECK(ioctl(fd, BLKFLSBUF, 0) == 0);
    CHECK(close(fd) == 0);
}

static void a_disk_may_be_open_twice(void)
{
    int first = open_disk(O_RDWR), second = open_disk(O_RDONLY);

    CHECK(pwrite(first, out, 512, 0) == 512);
    CHECK(close(first) == 0);
    CHECK_FAILS(pwrite(second, out, 512, 0), EBADF);
    CHECK(pread(second, in, 512, 0) == 512 && memcmp(in, out, 512) == 0);
    CHECK(close(second) == 0);
}

static void a_disk_for_reading_is_not_opened_for_writing(void)
{
    CHECK_FAILS(open("/dev/xvdb", O_RDWR), EROFS);
    CHECK_FAILS(open("/dev/xvdb", O_WRONLY), EROFS);
    int fd = open("/dev/xvdb", O_RDONLY), read_only;
    CHECK(fd >= 0 && ioctl(fd, BLKROGET, &read_only) == 0 && read_only == 1);
    CHECK(pread(fd, in, 4096, 0) == 4096);
    CHECK(close(fd) == 0);
}

#define N_SHARED 64 /* sectors */

static unsigned n_seen[N_SHARED];

static void *read_sectors(void *fd)
{
    uint8_t sector[512];

    for (int i = 0; i < N_SHARED / 2; i++) {
        CHECK(read(*(int *)fd, sector, sizeof(sector)) == (ssize_t)sizeof(sector));
        n_seen[sector[0] % N_SHARED]++;
    }
    return NULL;
}

static void threads_share_a_position_and_each_sector_is_read_once(void)
{
    int fd = open_disk(O_RDWR);
    pthread_t threads[2];

    for (unsigned i = 0; i < N_SHARED; i++)
        memset(out + (size_t)i * 512, (int)i, 512);
    CHECK(pwrite(fd, out, (size_t)N_SHARED * 512, 0) == (ssize_t)N_SHARED * 512);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, read_sectors, &fd) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (unsigned i = 0; i < N_SHARED; i++)
        CHECK(n_seen[i] == 1);
    CHECK(close(fd) == 0);
}

int main(void)
{
    RUN(it_tells_what_it_is);
    RUN(dev_holds_the_disks_there_are);
    RUN(what_is_written_is_read_again);
    RUN(a_write_with_o_sync_is_a_write);
    RUN(only_whole_sectors_are_read_and_written);
    RUN(the_end_is_where_it_is);
    RUN(discarding_is_for_those_who_may_write);
    RUN(a_disk_may_be_open_twice);
    RUN(a_disk_for_reading_is_not_opened_for_writing);
    RUN(threads_share_a_position_and_each_sector_is_read_once);
    printf("all passed\n");
    return EXIT_SUCCESS;
}
