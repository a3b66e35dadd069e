/* SPDX-License-Identifier: BSD-2-Clause */
/** The read-only file system at the root: a cpio archive, of the image or from the toolstack. */
#ifndef SPRAT_ARCHIVE_H
#define SPRAT_ARCHIVE_H

#include <sprat/fs.h>

/** It is empty when there is no archive. */
struct fs *archive_fs(void);

/** Is this address in the archive? */
bool archive_holds(const void *address);

#endif
