/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Small file systems with a bit of everything, to be damaged: where their metadata is, and its
 * checksums, made right again behind the damage, so that what is behind them is reached as well.
 */
#ifndef FUZZ_EXT4_IMAGE_H
#define FUZZ_EXT4_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_BYTES (4u << 20)

enum unit_kind {
    UNIT_BLOCK_BITMAP,
    UNIT_INODE_BITMAP,
    UNIT_SUPER,
    UNIT_DESCRIPTOR,
    UNIT_INODE,
    UNIT_INDIRECT, /**< has no checksum */
    UNIT_EXTENTS,
    UNIT_NAMES,
    UNIT_INDEX, /**< of a directory */
    UNIT_JOURNAL_SUPER,
    UNIT_JOURNAL,
};

/** A piece of metadata with one checksum. */
struct unit {
    enum unit_kind kind;
    uint32_t number; /**< the group, or the inode that it belongs to */
    uint32_t offset, len;
};

struct image {
    uint8_t *bytes;
    unsigned block_bytes, inode_bytes, descriptor_bytes;
    bool checksums;
    struct unit *units;
    unsigned n_units, n_units_max;
    uint32_t descriptors; /**< their offset */
    uint32_t *inodes;     /**< their offsets, by number */
    uint32_t n_inodes;
    uint32_t *journal; /**< its blocks' offsets */
    unsigned n_journal;
};

/**
 * Make one by mke2fs, and fill it: files with many extents, links, directories with and without an
 * index. Ends the program when that fails.
 *
 * @param options  of mke2fs.
 * @param dirty  it was not unmounted: its journal has to be replayed.
 */
void image_make(struct image *image, const char *options, bool dirty);

/** Make the checksums of all metadata right in `bytes`, a damaged copy. */
void image_reseal(const struct image *image, uint8_t *bytes);

#endif
