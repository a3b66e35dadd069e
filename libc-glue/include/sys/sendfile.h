/* SPDX-License-Identifier: BSD-2-Clause */
/** From a file to a socket, or to another file, as Linux has it. */
#ifndef _SYS_SENDFILE_H
#define _SYS_SENDFILE_H

#include <sys/types.h>

/**
 * @param offset  where to read, moved by what was written; NULL: at the file's position, which is.
 * @return bytes, or -1 with errno; EINVAL: `in` has no offsets.
 */
ssize_t sendfile(int out, int in, off_t *offset, size_t len);

#endif
