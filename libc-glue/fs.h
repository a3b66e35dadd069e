/* SPDX-License-Identifier: BSD-2-Clause */
/** The read-only file system: a cpio archive, of the image or from the toolstack. */
#ifndef SPRAT_FS_H
#define SPRAT_FS_H

#include "cpio.h"

/** A path, resolved. */
struct fs_node {
    const struct cpio_entry *entry; /**< NULL: a directory that the archive does not name */
    char path[512];                 /**< in the archive: "a/b" */
};

/** The archive; one without entries when there is none. */
const struct cpio *fs_archive(void);

/**
 * Follow a path from the root; there is no working directory.
 *
 * @param follow_last  a symbolic link at its end, too.
 * @return 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int fs_resolve(const char *path, int follow_last, struct fs_node *node);

/** Is it a directory? */
int fs_is_directory(const struct fs_node *node);

#endif
