/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsops SEED COUNT | fsops tree: that many calls, line by line; or what is there. Built for the
 * guest and for Linux, so that one can be held against the other.
 */
#include "fsops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fds[N_FILES];
char bytes[BYTES_MAX];

static void do_one(void)
{
    uint64_t what = below(100);

    if (what < 20)
        do_open();
    else if (what < 28)
        do_read();
    else if (what < 42)
        do_write();
    else if (what < 46)
        do_seek();
    else if (what < 56)
        do_file();
    else if (what < 63)
        do_stat();
    else if (what < 75)
        do_two();
    else if (what < 78)
        do_times();
    else if (what < 81)
        do_readlink();
    else if (what < 93)
        do_path();
    else if (what < 94)
        do_space();
    else if (what < 95)
        do_list();
    else if (what < 96)
        do_positions();
    else if (what < 98)
        do_stream();
    else
        do_many();
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "tree") == 0) {
        tell_tree("/data");
    } else if (argc == 3) {
        seed(strtoull(argv[1], NULL, 10));
        umask(022);
        mkdir("/data/1", 0755);
        mkdir("/data/1/2", 0755);
        mkdir(TOP, 0755);
        for (unsigned i = 0; i < N_FILES; i++)
            fds[i] = -1;
        for (long n = strtol(argv[2], NULL, 10); n; n--)
            do_one();
        puts("done");
    } else {
        fprintf(stderr, "usage: fsops SEED COUNT | tree\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
