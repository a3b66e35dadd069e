/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Calls of POSIX on files below /data, chosen by chance, each told with what it answers. Says
 * nothing that may differ between two systems: no inode numbers, no times but those that were set.
 */
#ifndef FSOPS_H
#define FSOPS_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../ops/ops.h"

#define N_FILES    6 /* open at a time */
#define BYTES_MAX  20000
#define PATH_BYTES 1200
#define FAR        ((off_t)5 << 30)
#define TOP        "/data/1/2/3" /* with all ".." of a path no way leads out of the disk */

extern int fds[N_FILES];
extern char bytes[BYTES_MAX];

/* show.c */

void tell_stat(int result, const struct stat *st, const char *what);

/** A path as a transcript has it: long names are told by their lengths. Two may be in use. */
const char *shown(const char *path);

/* where.c */

unsigned some_file(void); /**< one of `fds` */
off_t some_place(void);   /**< in a file; -1 among them */

/** A path, and the descriptor of the directory that it begins in, or AT_FDCWD. */
struct where {
    int dir;
    char path[PATH_BYTES];
};
void some_where(struct where *where);

/** For a call that has no directory. */
char *some_path(char path[PATH_BYTES]);

/** What is told of it. Two may be in use. */
const char *told(const struct where *where);

/* Calls: files.c, paths.c, dirs.c. */

void do_open(void);
void do_read(void);
void do_write(void);
void do_seek(void);
void do_file(void);

void do_stat(void);
void do_two(void);
void do_times(void);
void do_readlink(void);
void do_path(void);
void do_space(void);

void do_list(void);
void do_stream(void);
void do_positions(void);
void do_many(void);

/* tree.c */

/** What is there, in one order. */
void tell_tree(const char *path);

/** Names of a directory, sorted: their order is the file system's. @return -1, or how many. */
struct name {
    unsigned type;
    char text[256];
};
int list(const char *path, struct name **names);

#endif
