/* SPDX-License-Identifier: BSD-2-Clause */
/* The read-only file system, tested in a guest; its files are those of the folder files/. */
#define _GNU_SOURCE /* O_CLOEXEC */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

#define PAGE_BYTES 4096

static void files_are_read_by_descriptor_and_by_stream(void)
{
    char text[32];
    int fd = open("/hello.txt", O_RDONLY);

    CHECK(fd >= 0);
    CHECK(read(fd, text, sizeof(text)) == 12 && memcmp(text, "hello, file\n", 12) == 0);
    CHECK(read(fd, text, sizeof(text)) == 0);
    CHECK(lseek(fd, -5, SEEK_END) == 7 && read(fd, text, 4) == 4 && memcmp(text, "file", 4) == 0);
    CHECK(pread(fd, text, 5, 0) == 5 && memcmp(text, "hello", 5) == 0);
    CHECK_FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_FAILS(write(fd, "x", 1), EBADF);
    CHECK(close(fd) == 0);
    FILE *stream = fopen("sub/../link.txt", "r");
    CHECK(stream && fgets(text, sizeof(text), stream) && strcmp(text, "deep\n") == 0);
    fclose(stream);
}

static void paths_begin_in_directories(void)
{
    int deep = open("/sub/deep", O_RDONLY | O_DIRECTORY);
    struct stat st, other;

    CHECK(fstatat(deep, "..", &st, 0) == 0 && stat("/sub", &other) == 0);
    CHECK(S_ISDIR(st.st_mode) && st.st_ino == other.st_ino);
    CHECK(fstatat(deep, "../..", &st, 0) == 0 && stat("/", &other) == 0);
    CHECK(S_ISDIR(st.st_mode) && st.st_ino == other.st_ino);
    CHECK(fstatat(deep, "../../../../hello.txt", &st, 0) == 0 && st.st_size == 12);
    CHECK(close(deep) == 0);
}

static void paths_are_followed(void)
{
    struct stat st;
    char target[32];

    CHECK(stat("/", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(stat("sub//deep/", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(stat("/link.txt", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 5);
    CHECK(lstat("/link.txt", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(readlink("link.txt", target, sizeof(target)) == 14);
    CHECK_FAILS(stat("/loop", &st), ELOOP);
    CHECK_FAILS(stat("/none", &st), ENOENT);
    CHECK_FAILS(stat("", &st), ENOENT);
    CHECK_FAILS(stat("/hello.txt/x", &st), ENOTDIR);
    CHECK_FAILS(stat("/hello.txt/", &st), ENOTDIR);
    CHECK(access("/../../hello.txt", R_OK) == 0);
}

static void nothing_can_be_changed(void)
{
    CHECK_FAILS(open("/hello.txt", O_WRONLY), EROFS);
    CHECK_FAILS(open("/new", O_WRONLY | O_CREAT, 0644), EROFS);
    CHECK_FAILS(open("/sub", O_RDWR), EISDIR);
    CHECK_FAILS(unlink("/hello.txt"), EROFS);
    CHECK_FAILS(mkdir("/more", 0755), EROFS);
    CHECK_FAILS(rename("/hello.txt", "/x"), EROFS);
}

static void a_directory_lists_each_name_once(void)
{
    DIR *dir = opendir("/");
    struct dirent *entry;
    char all[128] = "";

    CHECK(dir);
    while ((entry = readdir(dir)))
        strcat(strcat(all, entry->d_name), " ");
    CHECK(strcmp(all, ". .. hello.txt link.txt loop sub ") == 0);
    closedir(dir);
    dir = opendir("sub");
    all[0] = '\0';
    while ((entry = readdir(dir)))
        strcat(strcat(all, entry->d_name), " ");
    CHECK(strcmp(all, ". .. deep empty ") == 0);
    closedir(dir);
    CHECK(!opendir("/hello.txt") && errno == ENOTDIR);
}

static void a_file_is_mapped_where_it_is(void)
{
    int fd = open("/hello.txt", O_RDONLY);
    const char *text = mmap(NULL, 12, PROT_READ, MAP_PRIVATE, fd, 0);

    CHECK(text != MAP_FAILED && memcmp(text, "hello, file\n", 12) == 0);
    CHECK(munmap((void *)text, 12) == 0);
    CHECK(mmap(NULL, 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EACCES);
    CHECK(mmap(NULL, 5000, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
    close(fd);
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && pages[8191] == 0);
    pages[0] = 1;
    CHECK(munmap(pages, 8192) == 0);
}

static bool is_real(const char *path, const char *expected)
{
    char resolved[PATH_MAX];

    return realpath(path, resolved) == resolved && strcmp(resolved, expected) == 0;
}

static void a_real_path_has_no_links_and_no_dots(void)
{
    static char path[2 * PATH_MAX];

    CHECK(is_real("/", "/") && is_real(".", "/") && is_real("..", "/") && is_real("//", "/"));
    CHECK(is_real("link.txt", "/sub/deep/d.txt") && is_real("sub//./deep/", "/sub/deep"));
    CHECK(is_real("/sub/deep/../../link.txt", "/sub/deep/d.txt"));
    CHECK(is_real("/sub/deep/..", "/sub") && is_real("/../sub/../..", "/"));
    char *made = realpath("sub/empty", NULL);
    CHECK(made && strcmp(made, "/sub/empty") == 0);
    free(made);
    CHECK(!realpath("/loop", NULL) && errno == ELOOP);
    CHECK(!realpath("/none", NULL) && errno == ENOENT);
    CHECK(!realpath("/none/..", NULL) && errno == ENOENT);
    CHECK(!realpath("", NULL) && errno == ENOENT);
    CHECK(!realpath(NULL, path) && errno == EINVAL);
    CHECK(!realpath("/hello.txt/", NULL) && errno == ENOTDIR);
    CHECK(!realpath("/hello.txt/..", NULL) && errno == ENOTDIR);
    CHECK(!realpath("/link.txt/.", NULL) && errno == ENOTDIR);
    memset(path, '/', PATH_MAX - 1);
    CHECK(is_real(path, "/"));
    path[PATH_MAX - 1] = '.';
    CHECK(!realpath(path, NULL) && errno == ENAMETOOLONG);
    memset(path, 'x', PATH_MAX - 1);
    path[PATH_MAX - 1] = '\0';
    CHECK(!realpath(path, NULL) && errno == ENAMETOOLONG);
}

static void pieces_are_read_at_an_offset(void)
{
    char first[4] = "", second[20] = "";
    struct iovec iov[] = {{first, 3}, {NULL, 0}, {second, sizeof(second)}};
    int fd = open("/hello.txt", O_RDONLY), ends[2];

    CHECK(preadv(fd, iov, 3, 2) == 10 && strcmp(first, "llo") == 0);
    CHECK(strcmp(second, ", file\n") == 0 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(preadv(fd, iov, 3, 12) == 0 && preadv(fd, iov, 0, 0) == 0);
    CHECK_FAILS(preadv(fd, iov, -1, 0), EINVAL);
    CHECK_FAILS(preadv(fd, iov, 3, -1), EINVAL);
    CHECK_FAILS(pwritev(fd, iov, 3, 0), EBADF);
    CHECK(close(fd) == 0 && pipe(ends) == 0);
    CHECK_FAILS(preadv(fd + 100, iov, 0, 0), EBADF);
    CHECK_FAILS(preadv(ends[0], iov, 3, 0), ESPIPE);
    CHECK_FAILS(pwritev(ends[1], iov, 3, 0), ESPIPE);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void space_and_advice_have_their_errors(void)
{
    int fd = open("/hello.txt", O_RDONLY), ends[2];
    struct statvfs st;

    CHECK_FAILS(fstatvfs(fd, &st), ENOSYS); /* as statvfs() of a path there */
    CHECK_FAILS(fstatvfs(fd + 100, &st), EBADF);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(posix_fadvise(fd, 0, 100, POSIX_FADV_NOREUSE) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE + 1) == EINVAL);
    CHECK(posix_fadvise(fd, 0, 0, -1) == EINVAL);
    CHECK(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL) == EINVAL);
    CHECK(posix_fallocate(fd, 0, 100) == EBADF && posix_fallocate(fd, -1, 100) == EINVAL);
    CHECK_FAILS(lockf(fd, F_LOCK, 0), EBADF);
    CHECK_FAILS(lockf(fd, F_TLOCK, 0), EBADF);
    CHECK(lockf(fd, F_TEST, 0) == 0 && lockf(fd, F_ULOCK, 0) == 0);
    CHECK_FAILS(lockf(fd, F_TEST + 1, 0), EINVAL);
    CHECK(close(fd) == 0 && pipe(ends) == 0);
    CHECK(posix_fadvise(fd + 100, 0, 0, POSIX_FADV_NORMAL) == EBADF);
    CHECK(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE);
    CHECK(posix_fallocate(fd + 100, 0, 1) == EBADF && posix_fallocate(ends[1], 0, 1) == ESPIPE);
    CHECK(posix_fallocate(STDOUT_FILENO, 0, 1) == ENODEV);
    CHECK_FAILS(lockf(fd + 100, F_LOCK, 0), EBADF);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void two_open_files_lock_each_other_out(void)
{
    int first = open("/hello.txt", O_RDONLY), second = open("/hello.txt", O_RDONLY);
    int other = open("/sub/empty", O_RDONLY), copy = dup(first), ends[2];

    CHECK(flock(first, LOCK_SH) == 0 && flock(second, LOCK_SH | LOCK_NB) == 0);
    CHECK_FAILS(flock(first, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(second, LOCK_EX | LOCK_NB) == 0); /* what tried in vain lost its own */
    CHECK_FAILS(flock(first, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(second, LOCK_EX | LOCK_NB) == 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    CHECK(flock(second, LOCK_UN) == 0 && flock(second, LOCK_UN) == 0);
    /* A copy of a descriptor is the same open file, which ends with the last of them. */
    CHECK(flock(first, LOCK_EX) == 0 && flock(copy, LOCK_EX) == 0 && close(first) == 0);
    CHECK_FAILS(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(close(copy) == 0 && flock(second, LOCK_EX | LOCK_NB) == 0);
    CHECK_FAILS(flock(copy, LOCK_SH), EBADF);
    CHECK_FAILS(flock(second, 0), EINVAL);
    CHECK_FAILS(flock(second, LOCK_SH | LOCK_EX), EINVAL);
    CHECK(close(second) == 0 && close(other) == 0 && pipe(ends) == 0);
    CHECK(flock(ends[0], LOCK_EX) == 0 && flock(ends[0], LOCK_UN) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static int waiting_for;

static void *takes_it(void *arg)
{
    CHECK(flock(waiting_for, LOCK_EX) == 0);
    *(bool *)arg = true;
    return NULL;
}

static void who_waits_for_a_lock_gets_it(void)
{
    int holder = open("/hello.txt", O_RDONLY);
    pthread_t thread;
    bool taken = false;

    waiting_for = open("/hello.txt", O_RDONLY);
    CHECK(flock(holder, LOCK_SH) == 0);
    CHECK(pthread_create(&thread, NULL, takes_it, &taken) == 0);
    CHECK(usleep(1000) == 0 && !taken);
    CHECK(close(holder) == 0 && pthread_join(thread, NULL) == 0 && taken);
    CHECK(close(waiting_for) == 0);
}

static void a_file_of_ones_own_may_be_written_in_memory(void)
{
    int fd = open("/hello.txt", O_RDONLY);
    char *text = mmap(NULL, 12, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), again[12];

    CHECK(text != MAP_FAILED && memcmp(text, "hello, file\n", 12) == 0);
    for (int i = 12; i < PAGE_BYTES; i++)
        CHECK(text[i] == 0);
    memset(text, 'x', PAGE_BYTES);
    CHECK(pread(fd, again, 12, 0) == 12 && memcmp(again, "hello, file\n", 12) == 0);
    CHECK(munmap(text, 12) == 0 && close(fd) == 0);
}

/* As allocators do that want memory aligned to more than a page. */
static void any_pages_of_a_mapping_are_given_back_alone(void)
{
    long before = sysconf(_SC_AVPHYS_PAGES);
    char *pages =
        mmap(NULL, 9 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(pages != MAP_FAILED && sysconf(_SC_AVPHYS_PAGES) == before - 9);
    memset(pages, 'a', 9 * PAGE_BYTES);
    CHECK(munmap(pages, 2 * PAGE_BYTES) == 0);
    CHECK(munmap(pages + 7 * PAGE_BYTES, 2 * PAGE_BYTES) == 0);
    CHECK(munmap(pages + 4 * PAGE_BYTES, 1) == 0);
    CHECK(sysconf(_SC_AVPHYS_PAGES) == before - 4);
    for (int i = 2; i < 7; i++)
        CHECK(i == 4 || (pages[i * PAGE_BYTES] == 'a' && pages[(i + 1) * PAGE_BYTES - 1] == 'a'));
    CHECK(munmap(pages, 9 * PAGE_BYTES) == 0 && sysconf(_SC_AVPHYS_PAGES) == before);
    CHECK(munmap(pages, PAGE_BYTES) == 0); /* nothing is mapped there */
    CHECK_FAILS(munmap(pages + 1, PAGE_BYTES), EINVAL);
    CHECK_FAILS(munmap(pages, 0), EINVAL);
    CHECK_FAILS(munmap(pages, (size_t)0 - PAGE_BYTES), EINVAL);
    CHECK(mmap(NULL, SIZE_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == ENOMEM);
}

static void a_file_is_sent(void)
{
    int fd = open("/hello.txt", O_RDONLY), ends[2];
    char text[20] = "";
    off_t offset = 7;

    CHECK(pipe(ends) == 0 && sendfile(ends[1], fd, &offset, 100) == 5 && offset == 12);
    CHECK(read(ends[0], text, sizeof(text)) == 5 && strcmp(text, "file\n") == 0);
    CHECK(sendfile(ends[1], fd, &offset, 100) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(sendfile(ends[1], fd, NULL, 5) == 5 && lseek(fd, 0, SEEK_CUR) == 5);
    CHECK(sendfile(ends[1], fd, NULL, 0) == 0 && sendfile(ends[1], fd, NULL, 2) == 2);
    CHECK(read(ends[0], text, sizeof(text)) == 7 && memcmp(text, "hello, ", 7) == 0);
    offset = -1;
    CHECK_FAILS(sendfile(ends[1], fd, &offset, 5), EINVAL);
    offset = 100;
    CHECK(sendfile(ends[1], fd, &offset, 5) == 0 && offset == 100);
    CHECK_FAILS(sendfile(ends[1], ends[0], NULL, 5), EINVAL);
    offset = 0;
    CHECK_FAILS(sendfile(ends[1], ends[0], &offset, 5), EINVAL);
    CHECK_FAILS(sendfile(ends[0], fd, NULL, 5), EBADF);
    CHECK_FAILS(sendfile(ends[1], fd + 100, NULL, 5), EBADF);
    CHECK(lseek(fd, 0, SEEK_CUR) == 7 && close(fd) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void)
{
    RUN(files_are_read_by_descriptor_and_by_stream);
    RUN(paths_are_followed);
    RUN(paths_begin_in_directories);
    RUN(nothing_can_be_changed);
    RUN(a_directory_lists_each_name_once);
    RUN(a_file_is_mapped_where_it_is);
    RUN(a_real_path_has_no_links_and_no_dots);
    RUN(pieces_are_read_at_an_offset);
    RUN(a_file_is_sent);
    RUN(space_and_advice_have_their_errors);
    RUN(two_open_files_lock_each_other_out);
    RUN(who_waits_for_a_lock_gets_it);
    RUN(a_file_of_ones_own_may_be_written_in_memory);
    RUN(any_pages_of_a_mapping_are_given_back_alone);
    puts("all passed");
    return EXIT_SUCCESS;
}
