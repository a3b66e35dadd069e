/* SPDX-License-Identifier: BSD-2-Clause */
/* Symbolic links: what they point to. */
#include "fs.h"

#include <errno.h>
#include <string.h>

static ssize_t read_link(struct ext4 *fs, uint32_t ino, char *target, size_t size)
{
    union inode inode;
    uint64_t place;
    unsigned n;

    int error = inode_read(fs, ino, &inode);
    if (error)
        return error;
    if (!inode_is(&inode, S_IFLNK))
        return -EINVAL;
    uint64_t len = inode_size(&inode);
    if (!len || len >= fs->fs->blocksize)
        return -EIO;
    if (size > len)
        size = (size_t)len;
    if (ext2fs_is_fast_symlink(&inode.small)) { /* which looks at its length, too */
        memcpy(target, inode.small.i_block, size);
        return (ssize_t)size;
    }
    error = map_find(fs, ino, &inode, 0, 1, &place, &n);
    if (!error)
        error = place ? io_read(fs, place * fs->fs->blocksize, target, size) : -EIO;
    return error ? error : (ssize_t)size;
}

ssize_t ext4_readlink(struct ext4 *fs, uint32_t ino, char *target, size_t size)
{
    ssize_t result = fs_enter(fs);

    if (result)
        return result;
    result = read_link(fs, ino, target, size);
    fs_leave(fs);
    return result;
}
