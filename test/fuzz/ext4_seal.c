/* SPDX-License-Identifier: BSD-2-Clause */
#include "ext4_seal.h"

#include <string.h>

#include "fs.h"

/* Where fields are, in bytes. Little endian, as this CPU. */
#define S_UUID             0x68
#define S_FEATURE_INCOMPAT 0x60
#define S_CHECKSUM_SEED    0x270
#define S_CHECKSUM         0x3fc
#define BG_BLOCK_BITMAP    0x18 /* the checksums' low halves */
#define BG_INODE_BITMAP    0x1a
#define BG_CHECKSUM        0x1e
#define BG_HIGH            0x20 /* to their high halves, in descriptors that have them */
#define BG_HIGH_BYTES      64
#define I_GENERATION       0x64
#define I_CHECKSUM         0x7c
#define I_EXTRA_SIZE       0x80
#define I_CHECKSUM_HIGH    0x82
#define EH_MAX             4
#define EH_ENTRY_BYTES     12
#define NAMES_TAIL         12 /* the last bytes of a block of names; the last four of these */
#define DX_ROOT            32 /* limit and count are here in an index' root, or here: */
#define DX_NODE            8
#define DX_ENTRY_BYTES     8

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void put16(uint8_t *at, uint32_t value)
{
    uint16_t half = (uint16_t)value;

    memcpy(at, &half, sizeof(half));
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static uint32_t seed(const uint8_t *bytes)
{
    const uint8_t *super = bytes + SUPERBLOCK_OFFSET;

    if (get32(super + S_FEATURE_INCOMPAT) & EXT4_FEATURE_INCOMPAT_CSUM_SEED)
        return get32(super + S_CHECKSUM_SEED);
    return ext2fs_crc32c_le(~0u, super + S_UUID, 16);
}

static uint32_t inode_seed(const struct image *image, uint32_t ino, const uint8_t *bytes)
{
    uint32_t crc = ext2fs_crc32c_le(seed(bytes), (const uint8_t *)&ino, sizeof(ino));

    return ext2fs_crc32c_le(crc, bytes + image->inodes[ino] + I_GENERATION, 4);
}

static void seal_bitmap(const struct image *image, const struct unit *unit, uint8_t *bytes,
                        unsigned field)
{
    uint8_t *descriptor =
        bytes + image->descriptors + (size_t)unit->number * image->descriptor_bytes;
    uint32_t crc = ext2fs_crc32c_le(seed(bytes), bytes + unit->offset, unit->len);

    put16(descriptor + field, crc);
    if (image->descriptor_bytes >= BG_HIGH_BYTES)
        put16(descriptor + BG_HIGH + field, crc >> 16);
}

static void seal_descriptor(const struct unit *unit, uint8_t *bytes)
{
    uint8_t *at = bytes + unit->offset;
    uint32_t crc = ext2fs_crc32c_le(seed(bytes), (const uint8_t *)&unit->number, 4);

    put16(at + BG_CHECKSUM, 0);
    put16(at + BG_CHECKSUM, ext2fs_crc32c_le(crc, at, unit->len));
}

static void seal_inode(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *at = bytes + unit->offset;
    bool high = unit->len > EXT2_GOOD_OLD_INODE_SIZE && get16(at + I_EXTRA_SIZE) >= 4;

    put16(at + I_CHECKSUM, 0);
    if (high)
        put16(at + I_CHECKSUM_HIGH, 0);
    uint32_t crc = ext2fs_crc32c_le(inode_seed(image, unit->number, bytes), at, unit->len);
    put16(at + I_CHECKSUM, crc);
    if (high)
        put16(at + I_CHECKSUM_HIGH, crc >> 16);
}

static void seal_extents(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *at = bytes + unit->offset;
    size_t end = (get16(at + EH_MAX) + 1u) * EH_ENTRY_BYTES;

    if (end + 4 <= unit->len)
        put32(at + end, ext2fs_crc32c_le(inode_seed(image, unit->number, bytes), at, end));
}

static void seal_names(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *at = bytes + unit->offset;
    size_t len = unit->len - NAMES_TAIL;

    put32(at + unit->len - 4, ext2fs_crc32c_le(inode_seed(image, unit->number, bytes), at, len));
}

static void seal_index(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *at = bytes + unit->offset;
    size_t list = get16(at + 4) == 12 ? DX_ROOT : DX_NODE;
    size_t tail = list + (size_t)get16(at + list) * DX_ENTRY_BYTES;
    size_t used = list + (size_t)get16(at + list + 2) * DX_ENTRY_BYTES;
    static const uint8_t zeros[4];

    if (tail + 8 > unit->len || used > unit->len)
        return;
    uint32_t crc = ext2fs_crc32c_le(inode_seed(image, unit->number, bytes), at, used);
    crc = ext2fs_crc32c_le(crc, at + tail, 4);
    put32(at + tail + 4, ext2fs_crc32c_le(crc, zeros, 4));
}

/* The journal's are big endian. */

static uint32_t journal_seed(const struct image *image, const uint8_t *bytes)
{
    const struct jbd2_super *super = (const struct jbd2_super *)(bytes + image->journal[0]);

    return journal_checksum(~0u, super->uuid, sizeof(super->uuid));
}

static void seal_journal_super(const struct unit *unit, uint8_t *bytes)
{
    struct jbd2_super *super = (struct jbd2_super *)(bytes + unit->offset);

    super->checksum = 0;
    super->checksum = be32(journal_checksum(~0u, super, sizeof(*super)));
}

/* Its tags have the checksums of the blocks behind it. */
static void seal_tags(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *block = bytes + unit->offset;
    uint32_t sequence =
        journal_checksum(journal_seed(image, bytes), &((struct jbd2_header *)block)->sequence, 4);
    size_t at = sizeof(struct jbd2_header);
    uint32_t flags = 0;

    for (uint32_t next = unit->number + 1;
         next < image->n_journal && !(flags & JBD2_TAG_LAST) &&
         at + sizeof(struct jbd2_tag3) <= unit->len - JBD2_TAIL_BYTES;
         next++) {
        struct jbd2_tag3 *tag = (struct jbd2_tag3 *)(block + at);
        flags = be32(tag->flags);
        tag->checksum =
            be32(journal_checksum(sequence, bytes + image->journal[next], image->block_bytes));
        at += sizeof(*tag) + (flags & JBD2_TAG_SAME_UUID ? 0 : JBD2_UUID_BYTES);
    }
}

static void seal_journal(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    uint8_t *block = bytes + unit->offset;
    const struct jbd2_header *header = (const struct jbd2_header *)block;
    uint32_t type = be32(header->type);
    size_t field =
        type == JBD2_COMMIT ? offsetof(struct jbd2_commit, checksum) : unit->len - JBD2_TAIL_BYTES;

    if (be32(header->magic) != JBD2_MAGIC)
        return;
    if (type == JBD2_DESCRIPTOR)
        seal_tags(image, unit, bytes);
    else if (type != JBD2_COMMIT && type != JBD2_REVOKE)
        return;
    put32(block + field, 0);
    put32(block + field, be32(journal_checksum(journal_seed(image, bytes), block, unit->len)));
}

void seal_unit(const struct image *image, const struct unit *unit, uint8_t *bytes)
{
    switch (unit->kind) {
    case UNIT_BLOCK_BITMAP:
        seal_bitmap(image, unit, bytes, BG_BLOCK_BITMAP);
        break;
    case UNIT_INODE_BITMAP:
        seal_bitmap(image, unit, bytes, BG_INODE_BITMAP);
        break;
    case UNIT_SUPER:
        put32(bytes + unit->offset + S_CHECKSUM,
              ext2fs_crc32c_le(~0u, bytes + unit->offset, S_CHECKSUM));
        break;
    case UNIT_DESCRIPTOR:
        seal_descriptor(unit, bytes);
        break;
    case UNIT_INODE:
        seal_inode(image, unit, bytes);
        break;
    case UNIT_INDIRECT:
        break;
    case UNIT_EXTENTS:
        seal_extents(image, unit, bytes);
        break;
    case UNIT_NAMES:
        seal_names(image, unit, bytes);
        break;
    case UNIT_INDEX:
        seal_index(image, unit, bytes);
        break;
    case UNIT_JOURNAL_SUPER:
        seal_journal_super(unit, bytes);
        break;
    case UNIT_JOURNAL:
        seal_journal(image, unit, bytes);
        break;
    }
}
