/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ext2, ext3 and ext4 file systems on libext2fs, by inode number. Paths are the callers' matter.
 *
 * What changes belongs to the running transaction and is on the disk after ext4_sync(); a power cut
 * leaves the state of some commit, never less than the last ext4_sync() that returned 0, and all of
 * a call or nothing of it (a long write or truncation is several). Without a journal (ext2) a cut
 * can leave any mixture; such a file system is then refused until e2fsck has been at it.
 *
 * One call at a time: others wait. Functions return 0 or more, or -errno; -EIO from all of them
 * once something went wrong in the middle of a change, or the disk failed to take a commit.
 */
#ifndef EXT4_EXT4_H
#define EXT4_EXT4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "disk.h"

#define EXT4_ROOT        2u
#define EXT4_NAME_MAX    255 /**< bytes */
#define EXT4_CACHE_LEAST 128 /**< blocks */

struct ext4;

struct ext4_options {
    bool read_only;
    size_t cache_bytes; /**< for blocks in memory; at least EXT4_CACHE_LEAST of them are kept */
    /** There is something to commit; called with the lock held, so it must not wait. Or NULL. */
    void (*on_change)(void *arg);
    void *arg;
};

/**
 * Mount, after recovery where the journal wants it.
 *
 * @param why  receives a sentence that says what is wrong and what to do; a constant.
 * @return 0; -EINVAL for what is no file system, or a damaged one; -EOPNOTSUPP for one with
 *         features that are not known here; -EBUSY for one that e2fsck must see first (it was not
 *         unmounted and has no journal, or has errors); -EROFS, -EIO, -ENOMEM.
 */
int ext4_mount(struct disk *disk, const struct ext4_options *options, struct ext4 **fs,
               const char **why);

/** Commit and leave the file system clean. All other calls fail from now on, with -EIO. */
int ext4_unmount(struct ext4 *fs);

/** Free an unmounted file system that nobody uses any more. */
void ext4_free(struct ext4 *fs);

/** All changes so far are on stable storage. */
int ext4_sync(struct ext4 *fs);

/** Sizes in blocks of `block_bytes`. */
struct ext4_space {
    unsigned block_bytes;
    uint64_t n_blocks; /**< that can hold data, or do */
    uint64_t n_free;
    uint64_t n_inodes, n_inodes_free;
};
void ext4_space(struct ext4 *fs, struct ext4_space *space);

bool ext4_is_read_only(const struct ext4 *fs);

/* Inodes. One that is held stays when its last name goes; the last ext4_release() frees it then. */
int ext4_hold(struct ext4 *fs, uint32_t ino);
void ext4_release(struct ext4 *fs, uint32_t ino);
int ext4_stat(struct ext4 *fs, uint32_t ino, struct stat *st);
int ext4_chmod(struct ext4 *fs, uint32_t ino, mode_t mode);
int ext4_chown(struct ext4 *fs, uint32_t ino, uid_t uid, gid_t gid);
/** A tv_nsec of UTIME_OMIT (of <sys/stat.h>) leaves one as it is. */
int ext4_utimens(struct ext4 *fs, uint32_t ino, const struct timespec times[2]);

/* Regular files. */
ssize_t ext4_read(struct ext4 *fs, uint32_t ino, void *bytes, size_t len, uint64_t offset);
/** @param at_end  the offset is the file's size; receives the offset behind what was written. */
ssize_t ext4_write(struct ext4 *fs, uint32_t ino, const void *bytes, size_t len, uint64_t *offset,
                   bool at_end);
int ext4_truncate(struct ext4 *fs, uint32_t ino, uint64_t size);

/* Names. `name` has `len` bytes, none of them '/' or '\0', and is neither "." nor ".." where
 * something is made, moved or removed. */
int ext4_lookup(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t *ino);
/** Make a file, a directory or, with a target, a symbolic link: by `mode`'s type. */
int ext4_create(struct ext4 *fs, uint32_t dir, const char *name, size_t len, mode_t mode,
                const char *target, uint32_t *ino);
int ext4_link(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t ino);
int ext4_unlink(struct ext4 *fs, uint32_t dir, const char *name, size_t len);
int ext4_rmdir(struct ext4 *fs, uint32_t dir, const char *name, size_t len);
int ext4_rename(struct ext4 *fs, uint32_t dir, const char *name, size_t len, uint32_t to_dir,
                const char *to_name, size_t to_len);
/** The target of a symbolic link, without a '\0'. @return its bytes, of which `size` were given. */
ssize_t ext4_readlink(struct ext4 *fs, uint32_t ino, char *target, size_t size);

struct ext4_entry {
    uint32_t ino;
    mode_t type; /**< S_IFREG, ...; 0 when the directory does not tell */
    size_t len;
    char name[EXT4_NAME_MAX + 1];
};
/** The next entry from *position on (0: the first), which moves behind it. @return 1, 0: no more.
 */
int ext4_readdir(struct ext4 *fs, uint32_t dir, uint64_t *position, struct ext4_entry *entry);

#endif
