/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The journal's format: all numbers are big endian.
 * Source: Linux, Documentation/filesystems/ext4/journal.rst.
 */
#ifndef EXT4_JBD2_H
#define EXT4_JBD2_H

#include <assert.h>
#include <stdint.h>

#define JBD2_MAGIC 0xc03b3998u

enum jbd2_type {
    JBD2_DESCRIPTOR = 1,
    JBD2_COMMIT = 2,
    JBD2_SUPER_V1 = 3,
    JBD2_SUPER_V2 = 4,
    JBD2_REVOKE = 5,
};

/* What a reader must understand. */
#define JBD2_INCOMPAT_REVOKE       0x01u
#define JBD2_INCOMPAT_64BIT        0x02u
#define JBD2_INCOMPAT_ASYNC_COMMIT 0x04u
#define JBD2_INCOMPAT_CSUM_V2      0x08u
#define JBD2_INCOMPAT_CSUM_V3      0x10u
#define JBD2_INCOMPAT_FAST_COMMIT  0x20u
#define JBD2_COMPAT_CHECKSUM       0x01u

#define JBD2_SUPER_BYTES 1024

typedef uint32_t be32_t;

static inline uint32_t be32(be32_t value)
{
    return __builtin_bswap32(value);
}

static inline uint16_t be16(uint16_t value)
{
    return __builtin_bswap16(value);
}

struct jbd2_header {
    be32_t magic, type, sequence;
};

struct jbd2_super {
    struct jbd2_header header;
    be32_t block_bytes;
    be32_t n_blocks; /**< of the journal, this one too */
    be32_t first;    /**< block of the log */
    be32_t sequence; /**< of the first transaction in the log */
    be32_t start;    /**< its block; 0: the log is empty */
    be32_t error;    /**< the file system met one */
    be32_t feature_compat, feature_incompat, feature_ro_compat;
    uint8_t uuid[16];
    be32_t n_users;
    be32_t dynamic_super;
    be32_t max_transaction, max_transaction_data;
    uint8_t checksum_type; /**< 4: crc32c */
    uint8_t unused1[3];
    be32_t n_fast_commit_blocks;
    be32_t unused2[41];
    be32_t checksum; /**< of these 1024 bytes, this field as 0 */
    uint8_t users[16 * 48];
};
static_assert(sizeof(struct jbd2_super) == JBD2_SUPER_BYTES, "journal format");

#define JBD2_CRC32C 4

struct jbd2_commit {
    struct jbd2_header header;
    uint8_t checksum_type, checksum_size, unused[2];
    be32_t checksum[8];
    be32_t seconds_high, seconds_low, nanoseconds;
};

/* A descriptor's entry for one block; its size depends on the features. */
#define JBD2_TAG_ESCAPED   1u /**< the block began with the magic number, now with 0 */
#define JBD2_TAG_SAME_UUID 2u /**< no UUID follows */
#define JBD2_TAG_LAST      8u

struct jbd2_tag {
    be32_t block;
    uint16_t checksum, flags;
    be32_t block_high;
};

struct jbd2_tag3 {
    be32_t block, flags, block_high, checksum;
};

#define JBD2_UUID_BYTES 16
#define JBD2_TAIL_BYTES 4 /**< a checksum at the end of a descriptor or revoke block */

struct jbd2_revoke {
    struct jbd2_header header;
    be32_t bytes; /**< in use, this header too */
};

#endif
