/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file system on a disk, tested in a guest: /data is on xvda. With the argument "again" it finds
 * what an earlier run left; "full" fills the disk; "ro" has it mounted read-only; "leave" ends with
 * files open and removed; "twice" has two threads end it; "failing" writes until the disk fails;
 * "recovering" reads until it fails, and does not any more.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 4096

static char pattern[256 * 1024], buffer[256 * 1024];

static void fill_pattern(void)
{
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)(i * 31 + i / 257);
}

static void a_file_is_made_written_and_read(void)
{
    struct stat st;
    int fd = open("/data/file", O_RDWR | O_CREAT | O_EXCL, 0640);

    CHECK(fd >= 0);
    CHECK_FAILS(open("/data/file", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    CHECK(write(fd, pattern, sizeof(pattern)) == (ssize_t)sizeof(pattern));
    CHECK(lseek(fd, 0, SEEK_END) == (off_t)sizeof(pattern));
    CHECK(pwrite(fd, "xyz", 3, 100001) == 3);
    CHECK(pread(fd, buffer, sizeof(buffer), 0) == (ssize_t)sizeof(buffer));
    CHECK(memcmp(buffer + 100001, "xyz", 3) == 0);
    memcpy(buffer + 100001, pattern + 100001, 3);
    CHECK(memcmp(buffer, pattern, sizeof(pattern)) == 0);
    CHECK(pwrite(fd, pattern + 100001, 3, 100001) == 3);
    CHECK(fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(pattern) && st.st_nlink == 1);
    CHECK(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0640);
    CHECK(st.st_mtime > 1600000000);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(close(fd) == 0);
    CHECK(chmod("/data/file", 0600) == 0 && stat("/data/file", &st) == 0);
    CHECK((st.st_mode & 0777) == 0600);
    const struct timespec times[2] = {{1000, 5}, {2000000000, 123456789}};
    CHECK(utimensat(AT_FDCWD, "/data/file", times, 0) == 0 && stat("/data/file", &st) == 0);
    CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000000000);
    CHECK(st.st_mtim.tv_nsec == 123456789);
    const struct timeval us[2] = {{1000, 5}, {3000, 6}};
    CHECK(symlink("file", "/data/times") == 0 && lutimes("/data/times", us) == 0);
    CHECK(lstat("/data/times", &st) == 0 && st.st_mtim.tv_sec == 3000);
    CHECK(stat("/data/times", &st) == 0 && st.st_mtim.tv_sec == 2000000000);
    CHECK(unlink("/data/times") == 0 && (fd = open("/data/file", O_RDONLY)) >= 0);
    CHECK(futimes(fd, us) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 3000);
    CHECK(st.st_mtim.tv_nsec == 6000 && st.st_atim.tv_nsec == 5000 && close(fd) == 0);
    CHECK_FAILS(futimes(fd, us), EBADF);
}

static void appending_and_truncating_keep_the_rest(void)
{
    struct stat st;
    int fd = open("/data/log", O_WRONLY | O_CREAT | O_APPEND, 0644);

    for (int i = 0; i < 1000; i++)
        CHECK(write(fd, "0123456789", 10) == 10);
    CHECK_FAILS(read(fd, buffer, 1), EBADF);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 10000);
    CHECK(ftruncate(fd, 5001) == 0 && ftruncate(fd, 20000) == 0);
    close(fd);
    fd = open("/data/log", O_RDONLY);
    CHECK(read(fd, buffer, sizeof(buffer)) == 20000);
    CHECK(buffer[5000] == '0' && buffer[5001] == 0 && buffer[19999] == 0);
    CHECK(read(fd, buffer, 10) == 0);
    CHECK_FAILS(write(fd, "x", 1), EBADF);
    close(fd);
    CHECK(truncate("/data/log", 0) == 0 && stat("/data/log", &st) == 0 && st.st_size == 0);
    fd = open("/data/sparse", O_RDWR | O_CREAT, 0644);
    CHECK(pwrite(fd, "end", 3, 100000000) == 3);
    CHECK(pread(fd, buffer, 10, 50000000) == 10 && buffer[0] == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 100000003 && st.st_blocks < 100);
    close(fd);
}

static void names_are_made_moved_and_removed(void)
{
    struct stat st, other;
    char target[32] = "";

    CHECK(mkdir("/data/dir", 0755) == 0 && mkdir("/data/dir/sub", 0755) == 0);
    CHECK_FAILS(mkdir("/data/dir", 0755), EEXIST);
    CHECK_FAILS(rmdir("/data/dir"), ENOTEMPTY);
    CHECK(link("/data/file", "/data/dir/hard") == 0 && stat("/data/dir/hard", &st) == 0);
    CHECK(stat("/data/file", &other) == 0 && st.st_ino == other.st_ino && st.st_nlink == 2);
    CHECK(symlink("../file", "/data/dir/soft") == 0 && stat("/data/dir/soft", &st) == 0);
    CHECK(st.st_ino == other.st_ino && lstat("/data/dir/soft", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(readlink("/data/dir/soft", target, sizeof(target)) == 7);
    CHECK(memcmp(target, "../file", 7) == 0);
    CHECK(symlink("/data/dir", "/data/way") == 0 && stat("/data/way/../dir/sub/", &st) == 0);
    CHECK(rename("/data/dir/hard", "/data/dir/sub/harder") == 0);
    CHECK_FAILS(stat("/data/dir/hard", &st), ENOENT);
    CHECK_FAILS(rename("/data/dir", "/data/dir/sub/dir"), EINVAL);
    CHECK(mkdir("/data/other", 0755) == 0 && rename("/data/dir/sub", "/data/other") == 0);
    CHECK(stat("/data/other/harder", &st) == 0 && stat("/data/other/..", &st) == 0);
    CHECK(st.st_ino == 2);
    CHECK_FAILS(rename("/data/file", "/data/other"), EISDIR);
    CHECK(rename("/data/other/harder", "/data/replaced") == 0);
    CHECK(rename("/data/log", "/data/replaced") == 0);
    CHECK(stat("/data/file", &st) == 0 && st.st_nlink == 1);
    CHECK_FAILS(rename("/data/file", "/file"), EXDEV);
    CHECK_FAILS(rmdir("/data"), EROFS); /* it is in the archive */
    CHECK_FAILS(unlink("/data/dir"), EISDIR);
    CHECK(unlink("/data/dir/soft") == 0 && rmdir("/data/dir") == 0 && unlink("/data/way") == 0);
    CHECK_FAILS(open("/data/nothing/x", O_CREAT | O_WRONLY, 0644), ENOENT);
    CHECK_FAILS(open("/data/file/x", O_CREAT | O_WRONLY, 0644), ENOTDIR);
}

static void a_path_is_as_deep_as_it_likes(void)
{
    enum { DEPTH = 300 };
    static char path[8 * DEPTH] = "/data";
    struct stat st, top;
    size_t len = strlen(path);

    for (unsigned i = 0; i < DEPTH; i++) {
        strcat(path, "/d");
        CHECK(mkdir(path, 0755) == 0);
    }
    strcat(path, "/file");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(stat(path, &st) == 0 && S_ISREG(st.st_mode));
    CHECK(unlink(path) == 0);
    path[len + (size_t)2 * DEPTH] = '\0';
    for (unsigned i = 0; i < DEPTH; i++)
        strcat(path, "/..");
    CHECK(stat("/data", &top) == 0 && stat(path, &st) == 0 && st.st_ino == top.st_ino);
    for (unsigned i = DEPTH; i > 0; i--) {
        path[len + (size_t)2 * i] = '\0';
        CHECK(rmdir(path) == 0);
    }
}

static void a_removed_file_lives_while_it_is_open(void)
{
    int fd = open("/data/gone", O_RDWR | O_CREAT, 0600);
    struct stat st;

    CHECK(unlink("/data/gone") == 0 && write(fd, pattern, 100000) == 100000);
    CHECK_FAILS(stat("/data/gone", &st), ENOENT);
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 100000);
    CHECK(pread(fd, buffer, 100000, 0) == 100000 && memcmp(buffer, pattern, 100000) == 0);
    CHECK(close(fd) == 0);
}

static void a_directory_lists_what_is_in_it(void)
{
    char name[64];
    unsigned n = 0;

    CHECK(mkdir("/data/many", 0755) == 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "/data/many/a-name-of-some-length-%03d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0644);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    for (int i = 0; i < 300; i += 2) {
        snprintf(name, sizeof(name), "/data/many/a-name-of-some-length-%03d", i);
        CHECK(unlink(name) == 0);
    }
    DIR *dir = opendir("/data/many");
    struct dirent *entry;
    CHECK(dir);
    while ((entry = readdir(dir)))
        n += entry->d_type == DT_REG && entry->d_name[strlen(entry->d_name) - 1] % 2;
    CHECK(n == 150 && closedir(dir) == 0);
    dir = opendir("/");
    bool seen = false;
    while ((entry = readdir(dir)))
        seen |= strcmp(entry->d_name, "data") == 0;
    CHECK(seen && closedir(dir) == 0);
}

static void locks_maps_and_space_are_as_posix_has_them(void)
{
    struct flock lock = {.l_type = F_WRLCK};
    int fd = open("/data/file", O_RDWR);
    struct statvfs st;

    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && fcntl(fd, F_GETLK, &lock) == 0);
    CHECK(lock.l_type == F_UNLCK);
    char *map = mmap(NULL, sizeof(pattern), PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED && memcmp(map, pattern, sizeof(pattern)) == 0);
    CHECK(munmap(map, sizeof(pattern)) == 0 && close(fd) == 0);
    CHECK(statvfs("/data", &st) == 0 && st.f_bfree > 100 && st.f_blocks > st.f_bfree);
    FILE *stream = fopen("/data/stream", "w");
    for (int i = 0; i < 1000; i++)
        fprintf(stream, "line %d\n", i);
    CHECK(fclose(stream) == 0 && (stream = fopen("/data/stream", "r")));
    CHECK(fseek(stream, -9, SEEK_END) == 0 && fgets(buffer, 20, stream));
    CHECK(strcmp(buffer, "line 999\n") == 0 && fclose(stream) == 0);
}

static void an_earlier_run_left_its_files(void)
{
    struct stat st;
    int fd = open("/data/file", O_RDONLY);

    CHECK(fd >= 0 && read(fd, buffer, sizeof(buffer)) == (ssize_t)sizeof(pattern));
    CHECK(memcmp(buffer, pattern, sizeof(pattern)) == 0 && close(fd) == 0);
    CHECK(stat("/data/replaced", &st) == 0 && st.st_size == 0);
    CHECK_FAILS(stat("/data/gone", &st), ENOENT);
    CHECK(stat("/data/many/a-name-of-some-length-299", &st) == 0);
}

static void a_full_disk_says_so_and_goes_on(void)
{
    int fd = open("/data/filler", O_WRONLY | O_CREAT, 0644);
    ssize_t n, total = 0;
    struct stat st;

    while ((n = write(fd, pattern, sizeof(pattern))) > 0)
        total += n;
    CHECK(n == -1 && errno == ENOSPC && total > 1000000);
    CHECK(fsync(fd) == 0 && fstat(fd, &st) == 0 && st.st_size == total);
    CHECK_FAILS(mkdir("/data/no-room", 0755), ENOSPC);
    CHECK(close(fd) == 0 && unlink("/data/filler") == 0);
    CHECK(mkdir("/data/room", 0755) == 0 && rmdir("/data/room") == 0);
}

static void nothing_is_changed_when_mounted_read_only(void)
{
    CHECK_FAILS(open("/data/new", O_WRONLY | O_CREAT, 0644), EROFS);
    CHECK_FAILS(open("/data/file", O_WRONLY), EROFS);
    CHECK_FAILS(unlink("/data/file"), EROFS);
    CHECK_FAILS(mkdir("/data/new", 0755), EROFS);
    CHECK_FAILS(truncate("/data/file", 0), EROFS);
    CHECK_FAILS(access("/data/file", W_OK), EROFS);
}

static void a_disk_that_fails_ends_all(void)
{
    int fd = open("/data/counted", O_RDWR | O_CREAT, 0644);
    struct stat st;
    unsigned n = 0;

    CHECK(fd >= 0);
    while (pwrite(fd, &n, sizeof(n), 0) == sizeof(n) && fsync(fd) == 0)
        if (n++ == 0)
            puts("writing");
    CHECK(errno == EIO);
    CHECK_FAILS(pread(fd, &n, sizeof(n), 0), EIO);
    CHECK_FAILS(open("/data/another", O_WRONLY | O_CREAT, 0644), EIO);
    CHECK_FAILS(stat("/data/counted", &st), EIO);
    printf("synced %u\n", n);
}

/* Only reads met it, so nothing is in doubt afterwards. */
static void a_disk_that_fails_for_a_while_is_read_again(void)
{
    int fd = open("/data/read", O_RDWR | O_CREAT, 0644);
    struct stat st;

    for (int i = 0; i < 16; i++) /* more than stays in memory */
        CHECK(write(fd, pattern, sizeof(pattern)) == (ssize_t)sizeof(pattern));
    CHECK(fsync(fd) == 0);
    puts("reading");
    while (pread(fd, buffer, sizeof(buffer), 0) >= 0) /* fewer when it fails on the way */
        usleep(20000);
    CHECK(errno == EIO);
    puts("it fails");
    while (pread(fd, buffer, sizeof(buffer), 0) < 0)
        usleep(20000);
    CHECK(pread(fd, buffer, sizeof(buffer), 0) == (ssize_t)sizeof(buffer));
    CHECK(memcmp(buffer, pattern, sizeof(pattern)) == 0);
    CHECK(pwrite(fd, "again", 5, 0) == 5 && fsync(fd) == 0 && close(fd) == 0);
    CHECK(stat("/data/read", &st) == 0 && st.st_size == 16 * (off_t)sizeof(pattern));
}

static void *end(void *arg)
{
    (void)arg;
    exit(EXIT_SUCCESS);
}

/* Two threads end the program: neither does so before all is on the disk. */
static void the_end_comes_twice(void)
{
    int fd = open("/data/twice", O_WRONLY | O_CREAT, 0644);
    pthread_t thread;

    CHECK(fd >= 0 && write(fd, "on the disk", 11) == 11);
    CHECK(pthread_create(&thread, NULL, end, NULL) == 0);
    puts("all passed");
    CHECK(sched_yield() == 0);
}

static void files_that_stay_open_are_no_trouble(void)
{
    int fd = open("/data/left", O_RDWR | O_CREAT, 0600);

    CHECK(fd >= 0 && write(fd, pattern, 50000) == 50000 && unlink("/data/left") == 0);
    FILE *stream = fopen("/data/unflushed", "w");
    CHECK(stream && fputs("said at the end", stream) >= 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    fill_pattern();
    if (strcmp(what, "again") == 0) {
        RUN(an_earlier_run_left_its_files);
    } else if (strcmp(what, "full") == 0) {
        RUN(a_full_disk_says_so_and_goes_on);
    } else if (strcmp(what, "ro") == 0) {
        RUN(an_earlier_run_left_its_files);
        RUN(nothing_is_changed_when_mounted_read_only);
    } else if (strcmp(what, "failing") == 0) {
        RUN(a_disk_that_fails_ends_all);
    } else if (strcmp(what, "recovering") == 0) {
        RUN(a_disk_that_fails_for_a_while_is_read_again);
    } else if (strcmp(what, "twice") == 0) {
        RUN(the_end_comes_twice);
    } else if (strcmp(what, "leave") == 0) {
        RUN(files_that_stay_open_are_no_trouble);
    } else {
        RUN(a_file_is_made_written_and_read);
        RUN(appending_and_truncating_keep_the_rest);
        RUN(names_are_made_moved_and_removed);
        RUN(a_path_is_as_deep_as_it_likes);
        RUN(a_removed_file_lives_while_it_is_open);
        RUN(a_directory_lists_what_is_in_it);
        RUN(locks_maps_and_space_are_as_posix_has_them);
    }
    puts("all passed");
    return 0;
}
