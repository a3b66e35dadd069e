/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems as users stretch them: /data is on xvda, /data/more on xvdb. Files that are larger
 * than the disk, directories of thousands, names and links as long as can be.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

#define GIB      (1ll << 30)
#define N_FILES  3000
#define N_SHARED 2000

static char buffer[8192];

static void a_file_may_be_larger_than_its_disk(void)
{
    static const off_t places[] = {2 * GIB - 3, 4 * GIB - 3, 5 * GIB, 9 * GIB};
    int fd = open("/data/sparse", O_RDWR | O_CREAT | O_EXCL, 0644);
    struct stat st;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CHECK(pwrite(fd, "across", 6, places[i]) == 6);
        CHECK(fstat(fd, &st) == 0 && st.st_size == places[i] + 6 && st.st_blocks < 100);
    }
    CHECK(fsync(fd) == 0 && close(fd) == 0);
    fd = open("/data/sparse", O_RDWR | O_APPEND);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CHECK(pread(fd, buffer, 100, places[i] - 10) >= 16);
        CHECK(memcmp(buffer, "\0\0\0\0\0\0\0\0\0\0across", 16) == 0);
    }
    CHECK(lseek(fd, -1, SEEK_END) == 9 * GIB + 5 && read(fd, buffer, 10) == 1);
    CHECK(write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 9 * GIB + 9);
    CHECK(ftruncate(fd, 3 * GIB) == 0 && pread(fd, buffer, 10, 4 * GIB - 3) == 0);
    CHECK(ftruncate(fd, 5 * GIB) == 0 && pread(fd, buffer, 6, 4 * GIB - 3) == 6);
    CHECK(memcmp(buffer, "\0\0\0\0\0\0", 6) == 0);
    CHECK_FAILS(ftruncate(fd, 1ll << 62), EFBIG);
    CHECK_FAILS(ftruncate(fd, -1), EINVAL);
    CHECK(pwrite(fd, "x", 1, 1ll << 62) == 1); /* as Linux: with O_APPEND it is appended */
    CHECK(fstat(fd, &st) == 0 && st.st_size == 5 * GIB + 1 && close(fd) == 0);
    fd = open("/data/sparse", O_WRONLY);
    CHECK_FAILS(pwrite(fd, "x", 1, 1ll << 62), EFBIG);
    CHECK(close(fd) == 0 && unlink("/data/sparse") == 0);
}

static const char *name_of(unsigned i)
{
    static char name[64];

    snprintf(name, sizeof(name), "/data/thousands/entry-number-%05u", i);
    return name;
}

static unsigned count(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    unsigned n = 0;

    CHECK(dir);
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    CHECK(closedir(dir) == 0);
    return n;
}

static void a_directory_may_have_thousands(void)
{
    struct stat st;

    CHECK(mkdir("/data/thousands", 0755) == 0);
    for (unsigned i = 0; i < N_FILES; i++) {
        int fd = open(name_of(i), O_WRONLY | O_CREAT | O_EXCL, 0644);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    CHECK(count("/data/thousands") == N_FILES);
    CHECK(stat(name_of(N_FILES - 1), &st) == 0 && stat(name_of(0), &st) == 0);
    CHECK_FAILS(stat(name_of(N_FILES), &st), ENOENT);
    for (unsigned i = 0; i < N_FILES; i += 2)
        CHECK(unlink(name_of(i)) == 0);
    CHECK(count("/data/thousands") == N_FILES / 2);
    CHECK_FAILS(stat(name_of(0), &st), ENOENT);
    for (unsigned i = 1; i < N_FILES; i += 2)
        CHECK(unlink(name_of(i)) == 0);
    CHECK(count("/data/thousands") == 0 && rmdir("/data/thousands") == 0);
}

static void names_and_links_may_be_long(void)
{
    static const unsigned lengths[] = {1, 59, 60, 61, 1000};
    char name[300] = "/data/", target[1024];
    struct stat st;

    memset(name + 6, 'n', 255);
    int fd = open(name, O_WRONLY | O_CREAT, 0644);
    CHECK(fd >= 0 && close(fd) == 0 && stat(name, &st) == 0 && unlink(name) == 0);
    name[6 + 255] = 'n';
    CHECK_FAILS(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
    CHECK_FAILS(mkdir(name, 0755), ENAMETOOLONG);
    CHECK(mkdir("/data/short", 0755) == 0);
    CHECK_FAILS(rename("/data/short", name), ENAMETOOLONG);
    CHECK(rmdir("/data/short") == 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(target, 't', lengths[i]);
        target[lengths[i]] = '\0';
        CHECK(symlink(target, "/data/link") == 0);
        CHECK(readlink("/data/link", buffer, sizeof(buffer)) == (ssize_t)lengths[i]);
        CHECK(memcmp(buffer, target, lengths[i]) == 0);
        CHECK(lstat("/data/link", &st) == 0 && st.st_size == (off_t)lengths[i]);
        CHECK_FAILS(stat("/data/link", &st), lengths[i] > 255 ? ENAMETOOLONG : ENOENT);
        CHECK(unlink("/data/link") == 0);
    }
    CHECK(symlink("there", "/data/here") == 0 && symlink("here", "/data/there") == 0);
    CHECK_FAILS(stat("/data/here", &st), ELOOP);
    CHECK_FAILS(open("/data/here", O_RDONLY), ELOOP);
    CHECK(unlink("/data/here") == 0 && unlink("/data/there") == 0);
    CHECK(symlink("made/through/it", "/data/way") == 0);
    CHECK_FAILS(open("/data/way", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_FAILS(open("/data/way", O_WRONLY | O_CREAT, 0644), ENOENT);
    CHECK(mkdir("/data/made", 0755) == 0 && mkdir("/data/made/through", 0755) == 0);
    fd = open("/data/way", O_WRONLY | O_CREAT, 0644);
    CHECK(fd >= 0 && close(fd) == 0 && stat("/data/made/through/it", &st) == 0);
}

static void directories_are_synced_and_moved(void)
{
    struct stat st;

    CHECK(mkdir("/data/outer", 0755) == 0 && mkdir("/data/outer/inner", 0755) == 0);
    int fd = open("/data/outer", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 3);
    CHECK(close(fd) == 0);
    CHECK_FAILS(open("/data/outer", O_WRONLY), EISDIR);
    CHECK_FAILS(open("/data/made/through/it", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK(rename("/data/outer", "/data/moved") == 0 && stat("/data/moved/inner/..", &st) == 0);
    CHECK(mkdir("/data/empty", 0755) == 0 && rename("/data/moved", "/data/empty") == 0);
    CHECK_FAILS(rename("/data/empty", "/data/made"), ENOTEMPTY);
    CHECK_FAILS(rename("/data/empty", "/data/empty/inner/below"), EINVAL);
    CHECK(stat("/data/empty/inner", &st) == 0 && rmdir("/data/empty/inner") == 0);
    CHECK(rmdir("/data/empty") == 0);
    /* As deep as it goes. */
    for (int i = 0; i < 40; i++) {
        snprintf(
            buffer, sizeof(buffer), "/data/deep%.*s", 2 * i,
            "/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d");
        CHECK(mkdir(buffer, 0755) == 0);
    }
    CHECK(stat(buffer, &st) == 0 && S_ISDIR(st.st_mode));
}

static void two_disks_are_two(void)
{
    struct statvfs data, more;
    struct stat st, other;

    int fd = open("/data/more/file", O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "more", 4) == 4 && close(fd) == 0);
    CHECK_FAILS(stat("/data/file", &st), ENOENT);
    CHECK_FAILS(rename("/data/more/file", "/data/file"), EXDEV);
    CHECK_FAILS(link("/data/more/file", "/data/file"), EXDEV);
    CHECK(symlink("/data/more/file", "/data/file") == 0 && stat("/data/file", &st) == 0);
    CHECK(stat("/data/more/file", &other) == 0 && st.st_ino == other.st_ino && st.st_size == 4);
    CHECK(st.st_dev == other.st_dev && stat("/data", &other) == 0 && st.st_dev != other.st_dev);
    CHECK(statvfs("/data/file", &more) == 0 && statvfs("/data", &data) == 0);
    CHECK(more.f_blocks * more.f_frsize < data.f_blocks * data.f_frsize);
    CHECK_FAILS(rmdir("/data/more"), EBUSY);
    CHECK_FAILS(unlink("/data/more"), EISDIR);
    CHECK_FAILS(rename("/data/more", "/data/less"), EBUSY);
    CHECK_FAILS(mkdir("/data/more", 0755), EEXIST);
    sync();
}

static unsigned n_seen[N_SHARED];

static void *read_numbers(void *fd)
{
    unsigned number;

    while (read(*(int *)fd, &number, sizeof(number)) == sizeof(number))
        if (number < N_SHARED)
            n_seen[number]++;
    return NULL;
}

static void *write_numbers(void *fd)
{
    for (unsigned i = 0; i < N_SHARED / 2; i++)
        CHECK(write(*(int *)fd, &i, sizeof(i)) == sizeof(i));
    return NULL;
}

static void in_two_threads(void *(*start)(void *), int fd)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, start, &fd) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/*
 * mke2fs has put these files there, with the numbers from 0 on. No block of them is in memory, so a
 * thread waits for the disk in the midst of its call, and the other one runs.
 */
static void threads_share_a_position_and_each_byte_is_read_once(void)
{
    int fd = open("/data/read", O_RDONLY);

    in_two_threads(read_numbers, fd);
    for (unsigned i = 0; i < N_SHARED; i++)
        CHECK(n_seen[i] == 1);
    CHECK(lseek(fd, 0, SEEK_CUR) == N_SHARED * sizeof(unsigned) && close(fd) == 0);
}

static void threads_share_a_position_and_none_writes_over_the_other(void)
{
    int fd = open("/data/written", O_RDWR);

    in_two_threads(write_numbers, fd);
    CHECK(lseek(fd, 0, SEEK_CUR) == N_SHARED * sizeof(unsigned));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    memset(n_seen, 0, sizeof(n_seen));
    read_numbers(&fd);
    for (unsigned i = 0; i < N_SHARED; i++)
        CHECK(n_seen[i] == (i < N_SHARED / 2 ? 2 : 0));
    CHECK(close(fd) == 0);
}

/* What test/guest/fsops does by chance leads out of no disk; here ".." does. */
static void paths_begin_in_directories(void)
{
    int more = open("/data/more", O_RDONLY | O_DIRECTORY), fd;
    struct stat st, other;

    CHECK(mkdirat(more, "deep", 0755) == 0 && mkdirat(more, "deep/er", 0755) == 0);
    int deep = openat(more, "deep/er", O_RDONLY | O_DIRECTORY);
    CHECK(fstatat(deep, "../..", &st, 0) == 0 && fstat(more, &other) == 0);
    CHECK(st.st_dev == other.st_dev && st.st_ino == other.st_ino);
    CHECK(fstatat(deep, "../../..", &st, 0) == 0 && stat("/data", &other) == 0);
    CHECK(st.st_dev == other.st_dev && st.st_ino == other.st_ino);
    CHECK(fstatat(deep, "../../../../../..", &st, 0) == 0 && stat("/", &other) == 0);
    CHECK(st.st_dev == other.st_dev && st.st_ino == other.st_ino);
    CHECK(fstatat(deep, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
    CHECK((fd = openat(deep, "../file", O_CREAT | O_WRONLY, 0644)) >= 0);
    CHECK(faccessat(more, "deep/file", W_OK, 0) == 0 && close(fd) == 0);
    CHECK_FAILS(faccessat(fd, "file", F_OK, 0), EBADF);
    fd = open("/data/more/deep/file", O_RDONLY);
    CHECK_FAILS(openat(fd, "file", O_RDONLY), ENOTDIR);
    CHECK(fstatat(fd, "/data", &st, 0) == 0 && close(fd) == 0);
    CHECK(symlinkat("/data/more/deep", more, "link") == 0);
    CHECK(renameat(more, "link/file", deep, "moved") == 0 && unlinkat(deep, "moved", 0) == 0);
    CHECK_FAILS(unlinkat(more, "deep/er", 0), EISDIR);
    CHECK(unlinkat(more, "deep/er", AT_REMOVEDIR) == 0);
    CHECK_FAILS(openat(deep, "gone", O_CREAT | O_WRONLY, 0644), ENOENT);
    CHECK_FAILS(unlinkat(more, "deep", 0x4000), EINVAL);
    CHECK_FAILS(fstatat(more, "deep", &st, 0x4000), EINVAL);
    CHECK_FAILS(linkat(more, "link", more, "other", 0x4000), EINVAL);
    CHECK_FAILS(fchownat(more, "deep", 1, 1, 0x4000), EINVAL);
    CHECK_FAILS(utimensat(more, "deep", NULL, 0x4000), EINVAL);
    CHECK_FAILS(faccessat(more, "deep", F_OK, 0x4000), EINVAL);
    CHECK_FAILS(access("/data", 0x40), EINVAL);
    CHECK_FAILS(fchmodat(more, "link", 0600, AT_SYMLINK_NOFOLLOW), ENOTSUP);
    CHECK(close(deep) == 0 && unlinkat(more, "link", 0) == 0);
    CHECK(rmdir("/data/more/deep") == 0 && close(more) == 0);
}

static void space_is_had_before_it_is_used(void)
{
    char first[8] = "", second[8] = "";
    struct iovec out[] = {{"one", 3}, {"two", 3}}, in[] = {{first, 4}, {second, 4}};
    struct statvfs before, after, by_path;
    struct stat st;
    int fd = open("/data/space", O_RDWR | O_CREAT | O_EXCL, 0644);

    CHECK(pwritev(fd, out, 2, 5000) == 6 && preadv(fd, in, 2, 4999) == 7);
    CHECK(memcmp(first, "\0one", 4) == 0 && memcmp(second, "two", 4) == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 0 && fstatvfs(fd, &before) == 0);
    CHECK(posix_fallocate(fd, 100, 1000000) == 0 && fstatvfs(fd, &after) == 0);
    CHECK(before.f_bfree - after.f_bfree >= 1000000 / before.f_frsize);
    CHECK(statvfs("/data", &by_path) == 0 && by_path.f_blocks == after.f_blocks);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 1000100 && st.st_blocks >= 1000000 / 512);
    CHECK(preadv(fd, in, 2, 4999) == 8 && memcmp(first, "\0one", 4) == 0);
    CHECK(memcmp(second, "two", 4) == 0 && posix_fallocate(fd, 0, 10) == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 1000100);
    CHECK(posix_fallocate(fd, 0, 0) == EINVAL && posix_fallocate(fd, 0, -1) == EINVAL);
    CHECK(posix_fallocate(fd, INT64_MAX, 1) == EFBIG && posix_fallocate(fd, 0, GIB) == ENOSPC);
    CHECK_FAILS(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10), EOPNOTSUPP);
    CHECK(fallocate(fd, 0, 0, 10) == 0);
    CHECK(lockf(fd, F_LOCK, 0) == 0 && lockf(fd, F_TEST, 0) == 0 && lockf(fd, F_ULOCK, 0) == 0);
    CHECK(close(fd) == 0 && unlink("/data/space") == 0);
    fd = open("/data", O_RDONLY);
    CHECK(posix_fallocate(fd, 0, 1) == EBADF && close(fd) == 0);
}

static void a_file_is_copied(void)
{
    int from = open("/data/from", O_RDWR | O_CREAT, 0644),
        to = open("/data/to", O_RDWR | O_CREAT, 0644);
    static char half[sizeof(buffer) / 2];

    for (size_t i = 0; i < sizeof(buffer); i++)
        buffer[i] = (char)(i * 7 + i / 256);
    for (int i = 0; i < 5; i++)
        CHECK(write(from, buffer, sizeof(buffer)) == (ssize_t)sizeof(buffer));
    CHECK(lseek(from, sizeof(half), SEEK_SET) == (off_t)sizeof(half));
    CHECK(sendfile(to, from, NULL, 1000000) == 5 * (off_t)sizeof(buffer) - (off_t)sizeof(half));
    CHECK(lseek(from, 0, SEEK_CUR) == 5 * (off_t)sizeof(buffer));
    CHECK(pread(to, half, sizeof(half), 0) == (ssize_t)sizeof(half));
    CHECK(memcmp(half, buffer + sizeof(half), sizeof(half)) == 0);
    CHECK(pread(to, half, sizeof(half), 7 * sizeof(half)) == (ssize_t)sizeof(half));
    CHECK(memcmp(half, buffer, sizeof(half)) == 0 && close(from) == 0 && close(to) == 0);
    CHECK(unlink("/data/from") == 0 && unlink("/data/to") == 0);
}

static void a_lock_is_of_the_file_whatever_it_is_called(void)
{
    int first = open("/data/locked", O_RDWR | O_CREAT, 0644), second;
    char resolved[PATH_MAX];

    CHECK(flock(first, LOCK_EX) == 0 && symlink("locked", "/data/alias") == 0);
    CHECK(realpath("/data/more/../alias", resolved) && strcmp(resolved, "/data/locked") == 0);
    CHECK((second = open("/data/alias", O_RDONLY)) >= 0);
    CHECK_FAILS(flock(second, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(close(first) == 0 && flock(second, LOCK_SH | LOCK_NB) == 0 && close(second) == 0);
    CHECK(unlink("/data/alias") == 0 && unlink("/data/locked") == 0);
}

int main(void)
{
    RUN(a_file_may_be_larger_than_its_disk);
    RUN(a_directory_may_have_thousands);
    RUN(names_and_links_may_be_long);
    RUN(directories_are_synced_and_moved);
    RUN(two_disks_are_two);
    RUN(threads_share_a_position_and_each_byte_is_read_once);
    RUN(threads_share_a_position_and_none_writes_over_the_other);
    RUN(paths_begin_in_directories);
    RUN(space_is_had_before_it_is_used);
    RUN(a_file_is_copied);
    RUN(a_lock_is_of_the_file_whatever_it_is_called);
    puts("all passed");
    return 0;
}
