/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Names in one block of a directory. What a block holds is checked while it is gone through: -EIO
 * from all of these for one that is damaged.
 */
#ifndef EXT4_LEAF_H
#define EXT4_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAF_ENTRY_MIN 12 /**< bytes: a name of one */
#define LEAF_TAIL      12 /**< at the end, where there are checksums: an entry of that length */

/** An entry. Source: Linux, Documentation/filesystems/ext4/directory.rst. */
struct leaf_entry {
    uint32_t ino; /**< 0: it is free */
    uint16_t len; /**< bytes to the next entry */
    uint8_t name_len;
    uint8_t type; /**< EXT2_FT_*, or 0 */
    char name[];
};

/** A block, or what of it is there for entries. */
struct leaf {
    uint8_t *bytes;
    unsigned len;
};

/** The entry at `at`, which then moves behind it. @return 1, 0 at the end, -EIO. */
int leaf_next(const struct leaf *leaf, unsigned *at, struct leaf_entry **entry);

/** @param before  receives the entry before it, or NULL. @return 1, 0: it is not here, -EIO. */
int leaf_find(const struct leaf *leaf, const char *name, size_t name_len, struct leaf_entry **entry,
              struct leaf_entry **before);

/** Make it one without names. */
void leaf_clear(const struct leaf *leaf);

/** Is there room for a name? @return 1, 0, -EIO. */
int leaf_has_room(const struct leaf *leaf, size_t name_len);

/** Add a name that is not there. @return 1, 0: there is no room, -EIO. */
int leaf_add(const struct leaf *leaf, const char *name, size_t name_len, uint32_t ino,
             uint8_t type);

/** @param before  as leaf_find() has it. */
void leaf_remove(struct leaf_entry *entry, struct leaf_entry *before);

#endif
