/* SPDX-License-Identifier: BSD-2-Clause */
/* The read-only file system, tested in a guest; its files are those of the folder files/. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

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

int main(void)
{
    RUN(files_are_read_by_descriptor_and_by_stream);
    RUN(paths_are_followed);
    RUN(paths_begin_in_directories);
    RUN(nothing_can_be_changed);
    RUN(a_directory_lists_each_name_once);
    RUN(a_file_is_mapped_where_it_is);
    puts("all passed");
    return EXIT_SUCCESS;
}
