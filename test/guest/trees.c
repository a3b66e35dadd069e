/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks through the archive, whose files are those of the folder files/; arrays and lists. */
#define _GNU_SOURCE
#include <dirent.h>
#include <ftw.h>
#include <search.h>
#include <stdbool.h>

#include "check.h"

static char met[500];
static int stop_at;

static int note(const char *path, const struct stat *st, int what, struct FTW *where)
{
    char line[100];

    if (what == FTW_F)
        CHECK(S_ISREG(st->st_mode));
    snprintf(line, sizeof(line), "%d %d %s %s\n", what, where->level, path, path + where->base);
    CHECK(strlen(met) + strlen(line) < sizeof(met));
    strcat(met, line);
    return --stop_at == 0 ? 42 : 0;
}

static int note_old(const char *path, const struct stat *st, int what)
{
    struct FTW where = {0, 0};

    return note(path, st, what, &where);
}

static void a_tree_is_walked(void)
{
    met[0] = '\0';
    CHECK(nftw("/", note, 10, FTW_PHYS) == 0);
    CHECK(strcmp(met, "1 0 / \n"
                      "0 1 /hello.txt hello.txt\n"
                      "4 1 /link.txt link.txt\n"
                      "4 1 /loop loop\n"
                      "1 1 /sub sub\n"
                      "1 2 /sub/deep deep\n"
                      "0 3 /sub/deep/d.txt d.txt\n"
                      "0 2 /sub/empty empty\n") == 0);
    met[0] = '\0';
    CHECK(nftw("sub/", note, 10, FTW_DEPTH | FTW_MOUNT) == 0);
    CHECK(strcmp(met, "0 2 sub/deep/d.txt d.txt\n"
                      "5 1 sub/deep deep\n"
                      "0 1 sub/empty empty\n"
                      "5 0 sub/ \n") == 0);
    met[0] = '\0';
    CHECK(nftw("loop", note, 10, 0) == 0 && nftw("link.txt", note, 10, 0) == 0);
    CHECK(strcmp(met, "6 0 loop loop\n0 0 link.txt link.txt\n") == 0);
    met[0] = '\0';
    CHECK(ftw("/sub", note_old, 10) == 0 && ftw("/loop", note_old, 1) == 0);
    CHECK(strcmp(met, "1 0 /sub /sub\n"
                      "1 0 /sub/deep /sub/deep\n"
                      "0 0 /sub/deep/d.txt /sub/deep/d.txt\n"
                      "0 0 /sub/empty /sub/empty\n"
                      "3 0 /loop /loop\n") == 0);
}

static void a_walk_ends_when_it_is_told_to(void)
{
    for (int i = 1; i <= 4; i++) {
        met[0] = '\0';
        stop_at = i;
        CHECK(nftw("/sub", note, 10, i % 2 ? FTW_DEPTH : 0) == 42);
    }
    CHECK_FAILS(nftw("/none", note, 10, 0), ENOENT);
    CHECK_FAILS(nftw("", note, 10, 0), ENOENT);
    CHECK_FAILS(nftw("/sub", note, 10, FTW_CHDIR), EINVAL);
    CHECK_FAILS(nftw("/sub", note, 10, 1024), EINVAL);
    CHECK_FAILS(ftw("/hello.txt/x", note_old, 10), ENOTDIR);
}

static void a_directory_is_read_into_ones_own_entry(void)
{
    DIR *dir = opendir("/sub");
    struct dirent entry, *found;
    int n = 0;

    while (readdir_r(dir, &entry, &found) == 0 && found) {
        CHECK(found == &entry && strlen(entry.d_name) > 0);
        n++;
    }
    CHECK(n == 4 && !found && closedir(dir) == 0);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void what_is_not_in_an_array_is_added(void)
{
    int array[4] = {5, 3, 9}, key = 3;
    size_t n = 3;

    CHECK(lfind(&key, array, &n, sizeof(int), compare) == &array[1]);
    CHECK(lsearch(&key, array, &n, sizeof(int), compare) == &array[1] && n == 3);
    key = 7;
    CHECK(!lfind(&key, array, &n, sizeof(int), compare) && n == 3);
    CHECK(lsearch(&key, array, &n, sizeof(int), compare) == &array[3] && n == 4 && array[3] == 7);
    n = 0;
    CHECK(!lfind(&key, array, &n, sizeof(int), compare));
}

static void a_list_is_linked_both_ways(void)
{
    struct element {
        struct element *next, *before;
    } a, b, c;

    insque(&a, NULL);
    insque(&c, &a);
    insque(&b, &a);
    CHECK(!a.before && a.next == &b && b.next == &c && !c.next && c.before == &b && b.before == &a);
    remque(&b);
    CHECK(a.next == &c && c.before == &a);
    remque(&a);
    CHECK(!c.before && !c.next);
}

int main(void)
{
    RUN(a_tree_is_walked);
    RUN(a_walk_ends_when_it_is_told_to);
    RUN(a_directory_is_read_into_ones_own_entry);
    RUN(what_is_not_in_an_array_is_added);
    RUN(a_list_is_linked_both_ways);
    puts("all passed");
    return 0;
}
