/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A file's bytes, read once and used for many guests: an image, a ramdisk.
 */
#ifndef SPRAT_TOOLSTACK_BLOB_H
#define SPRAT_TOOLSTACK_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "fail.h"

struct blob {
    unsigned references;
    bool is_stale; /* the file is another one by now: its last user frees it */
    struct blob *next;
    char path[256];
    struct timespec changed; /* the file's, and its length: another one is another blob */
    dev_t device;
    ino_t inode;
    uint8_t *bytes;
    size_t n_bytes;
};

/**
 * Get a file's bytes, from memory if it has not changed since.
 *
 * @param blob  receives it; to be given back with blob_put().
 * @return 0 or -errno: no regular file, too long, it cannot be read.
 */
int blob_get(const char *path, struct blob **blob, struct fail *fail);

/** Give it back; NULL is none. The last ones are kept for a while, as fleets come and go. */
void blob_put(struct blob *blob);

/** Another reference to one that one has. */
struct blob *blob_share(struct blob *blob);

#endif
