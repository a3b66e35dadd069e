/* SPDX-License-Identifier: BSD-2-Clause */
/** Reading a cpio archive ("newc") where it is: nothing of it is copied. */
#ifndef SPRAT_CPIO_H
#define SPRAT_CPIO_H

#include <stddef.h>
#include <stdint.h>

/** A file, directory, symbolic link, ... of the archive. Names and data are inside it. */
struct cpio_entry {
    const char *path; /**< "a/b", without a slash at its ends; "" is the top; ends in '\0' */
    const char *data;
    uint32_t size;  /**< bytes at data */
    uint32_t mode;  /**< type and rights, as in struct stat; numbers as in the archive */
    uint32_t mtime; /**< s since 1970 */
    uint32_t inode, device, links;
};

/** All entries, in the order of their paths (strcmp). */
struct cpio {
    struct cpio_entry *entries;
    size_t n;
};

/* Types in `mode`. */
#define CPIO_TYPE      0170000
#define CPIO_FILE      0100000
#define CPIO_DIRECTORY 0040000
#define CPIO_SYMLINK   0120000

/**
 * Read an archive's headers. Everything in it is checked; the bytes may come from anywhere.
 *
 * @param cpio  receives the index; cpio_close() it.
 * @param why  receives what is wrong, a constant, and `at` the offset in bytes of the header that
 * is.
 * @return 0; -EINVAL when this is no archive, or a damaged one; -ENOMEM.
 */
int cpio_open(struct cpio *cpio, const void *bytes, size_t size, const char **why, size_t *at);

void cpio_close(struct cpio *cpio);

/** The entry of a path ("a/b"), NULL when there is none of exactly that name. */
const struct cpio_entry *cpio_find(const struct cpio *cpio, const char *path);

/** Index of the first entry whose path is not less than `path` with a '/' behind: below it, if any.
 * */
size_t cpio_below(const struct cpio *cpio, const char *path);

#endif
