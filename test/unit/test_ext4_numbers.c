/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that can't be, where no checksum guards them: a mount refuses each and says which. Source
 * of the fields: Linux, Documentation/filesystems/ext4/super.rst and journal.rst.
 */
#include "mounted.h"

#define S_FEATURE_INCOMPAT 0x60
#define WANTS_RECOVERY     0x4
#define S_JOURNAL_INUM     0xe0
#define BG_TABLE           0x08 /* of a group's descriptor */
#define BG_TABLE_HIGH      0x28
#define I_MODE             0x00 /* of an inode */
#define I_SIZE             0x04
#define I_SIZE_HIGH        0x6c
#define I_BLOCK            0x28
#define FIRST_PLACE        (I_BLOCK + 20) /* of a file with extents */
#define INODE_BYTES        256
#define JOURNAL_INO        8
#define BLOCK_BYTES        1024
#define PER_BLOCK          (BLOCK_BYTES / 4) /* block numbers */
#define N_JOURNAL          1024              /* blocks */
#define J_FIRST            20                /* of the journal's superblock */
#define J_SEQUENCE         24
#define J_START            28
#define J_DESCRIPTOR       1
#define J_REVOKE           5

static uint8_t *block_at(uint32_t place)
{
    return sim.bytes + (size_t)place * BLOCK_BYTES;
}

struct lie {
    unsigned at, bytes;
    uint32_t value;
    int error;
    const char *why;
};

/* With each of the lies, and with no other, it is refused. */
static void assert_lies_refused(uint8_t *field, const struct lie *lies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t was[4], *at = field + lies[i].at;
        memcpy(was, at, sizeof(was));
        memcpy(at, &lies[i].value, lies[i].bytes);
        int error = mount_as(false);
        memcpy(at, was, sizeof(was));
        if (!error)
            fail_msg("not refused: %s", lies[i].why);
        assert_int_equal(error, lies[i].error);
        if (!strstr(why, lies[i].why))
            fail_msg("'%s', not '%s'", why, lies[i].why);
    }
    assert_mounted();
    unmount();
}

#define ASSERT_LIES_REFUSED(field, lies)                                                           \
    assert_lies_refused(field, lies, sizeof(lies) / sizeof((lies)[0]))

static void a_superblock_that_cant_be_is_refused(void **state)
{
    static const struct lie lies[] = {
        {0x18, 4, 3, -EOPNOTSUPP, "larger than 4096"},
        {0x18, 4, UINT32_MAX, -EOPNOTSUPP, "larger than 4096"},
        {0x150, 4, 1, -EINVAL, "larger than the disk"}, /* blocks, the upper half */
        {0x14, 4, 0, -EINVAL, "(blocks)"},
        {0x04, 4, 1, -EINVAL, "(blocks)"},
        {0x20, 4, 0, -EINVAL, "(blocks in a group)"},
        {0x20, 4, 8200, -EINVAL, "(blocks in a group)"},
        {0x20, 4, 8191, -EINVAL, "(blocks in a group)"},
        {0xfe, 2, 0, -EINVAL, "(size of a descriptor)"},
        {0xfe, 2, 2048, -EINVAL, "(size of a descriptor)"},
        {0xfe, 2, 96, -EINVAL, "(size of a descriptor)"},
        {0x64, 2, 0x411, -EINVAL, "(checksums)"}, /* of both kinds */
        {0x4c, 4, 2, -EINVAL, "(revision)"},
        {0x58, 2, 64, -EINVAL, "(size of an inode)"},
        {0x58, 2, 2048, -EINVAL, "(size of an inode)"},
        {0x58, 2, 192, -EINVAL, "(size of an inode)"},
        {0x28, 4, 0, -EINVAL, "(inodes in a group)"},
        {0x28, 4, 2044, -EINVAL, "(inodes in a group)"},
        {0x28, 4, 8200, -EINVAL, "(inodes in a group)"},
        {0x54, 4, 2, -EINVAL, "(first inode)"},
        {0x54, 4, UINT32_MAX, -EINVAL, "(first inode)"},
        {0xce, 2, 257, -EINVAL, "(reserved descriptors)"},
        {S_JOURNAL_INUM, 4, 0, -EOPNOTSUPP, "not in inode 8"},
        {S_JOURNAL_INUM + 4, 4, 1, -EOPNOTSUPP, "not in inode 8"},
    };

    (void)state;
    make("-t ext4 -b 1024 -O 64bit,^metadata_csum");
    ASSERT_LIES_REFUSED(sim.bytes + SUPER, lies);
}

static void a_bitmap_with_a_wrong_checksum_is_refused(void **state)
{
    uint32_t places[2]; /* of the blocks' and the inodes' */

    (void)state;
    make("-t ext4 -b 1024");
    memcpy(places, sim.bytes + SUPER + BLOCK_BYTES, sizeof(places));
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *byte = block_at(places[i]) + 100;
        *byte ^= 1;
        assert_refused(-EINVAL, "checksum");
        *byte ^= 1;
    }
    assert_mounted();
    unmount();
}

static void recovery_without_a_journal_is_refused(void **state)
{
    (void)state;
    make("-t ext2 -b 1024");
    set32(S_FEATURE_INCOMPAT, get32(S_FEATURE_INCOMPAT) | WANTS_RECOVERY);
    assert_refused(-EBUSY, "no journal");
}

static void a_disk_of_a_few_sectors_is_refused(void **state)
{
    static const uint8_t zeros[2048];

    (void)state;
    simdisk_make(&sim, zeros, sizeof(zeros), 512);
    assert_refused(-EINVAL, "too small");
}

static uint8_t *journal_inode(void)
{
    uint32_t table;

    memcpy(&table, sim.bytes + SUPER + BLOCK_BYTES + BG_TABLE, sizeof(table));
    return block_at(table) + (JOURNAL_INO - 1) * INODE_BYTES;
}

/* One of its blocks: they are in some extents of the inode. */
static uint8_t *journal_block(uint32_t block)
{
    for (const uint8_t *at = journal_inode() + I_BLOCK + 12;; at += 12) {
        uint32_t extent[3]; /* the first block, how many, the place */
        memcpy(extent, at, sizeof(extent));
        if (block - extent[0] < (uint16_t)extent[1])
            return block_at(extent[2] + block - extent[0]);
    }
}

static uint8_t *journal(void)
{
    return journal_block(0);
}

static void a_journal_whose_inode_cant_be_is_refused(void **state)
{
    static const struct lie lies[] = {
        {I_MODE, 2, 0x4180, -EINVAL, "journal's inode"},
        {I_SIZE_HIGH, 4, 0x10000, -EINVAL, "journal's inode"},
        {I_SIZE, 4, 0x7ffffc00, -EINVAL, "journal's inode"}, /* a hole at its end */
        {I_SIZE, 4, 0, -EINVAL, "its journal is empty"},
        {FIRST_PLACE, 4, 0, -EINVAL, "journal's inode"},
        {FIRST_PLACE, 4, UINT32_MAX, -EIO, "damaged"},
    };

    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    ASSERT_LIES_REFUSED(journal_inode(), lies);
}

#define BE32(n) __builtin_bswap32(n)

static void a_journal_whose_superblock_cant_be_is_refused(void **state)
{
    static const struct lie lies[] = {
        {0, 4, 0, -EINVAL, "no superblock of version 2"},
        {4, 4, BE32(3), -EINVAL, "no superblock of version 2"},
        {12, 4, BE32(4096), -EINVAL, "another size"},
        {16, 4, BE32(1000000), -EINVAL, "length"},
        {16, 4, BE32(1023), -EINVAL, "length"},
        {20, 4, BE32(0), -EINVAL, "begins at"},
        {20, 4, BE32(100000), -EINVAL, "begins at"},
        {28, 4, BE32(100000), -EINVAL, "first transaction"},
        {32, 4, BE32(5), -EBUSY, "has errors"},
        {40, 4, BE32(1u << 9), -EOPNOTSUPP, "not known"},
        {44, 4, BE32(1), -EOPNOTSUPP, "not known"},
    };

    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    ASSERT_LIES_REFUSED(journal(), lies);
}

static void a_journal_whose_superblock_is_damaged_is_refused_by_its_checksum(void **state)
{
    (void)state;
    make("-t ext4 -b 1024");
    assert_mounted(); /* which gives it the checksums */
    unmount();
    for (unsigned at = 48; at <= 80; at += 32) { /* its identity, and the checksum's type */
        journal()[at] ^= 1;
        assert_refused(-EINVAL, "checksum of the journal's superblock");
        journal()[at] ^= 1;
    }
    assert_mounted();
    unmount();
}

static void put_be32(uint8_t *at, uint32_t value)
{
    value = BE32(value);
    memcpy(at, &value, sizeof(value));
}

static void a_journal_that_begins_behind_its_first_transaction_is_refused(void **state)
{
    (void)state;
    make("-t ext4 -b 1024 -O ^metadata_csum");
    put_be32(journal() + J_FIRST, 3);
    put_be32(journal() + J_START, 2);
    assert_refused(-EINVAL, "first transaction");
}

/* The inode's block numbers, and those in its blocks: each is a run of its own. */
static void a_journal_in_too_many_pieces_is_refused(void **state)
{
    uint32_t *numbers, *twice, first;

    (void)state;
    make("-t ext3 -b 1024");
    numbers = (uint32_t *)(journal_inode() + I_BLOCK);
    first = numbers[0];
    for (unsigned i = 0; i < 12; i++)
        numbers[i] = first;
    for (unsigned i = 0; i < PER_BLOCK; i++)
        ((uint32_t *)block_at(numbers[12]))[i] = first;
    twice = (uint32_t *)block_at(numbers[13]);
    for (unsigned i = 0; i < PER_BLOCK; i++) {
        twice[i] = twice[0];
        ((uint32_t *)block_at(twice[0]))[i] = first;
    }
    uint32_t bytes = 4100 * BLOCK_BYTES;
    memcpy(journal_inode() + I_SIZE, &bytes, sizeof(bytes));
    assert_refused(-EINVAL, "journal's inode");
    bytes = 4096 * BLOCK_BYTES;
    memcpy(journal_inode() + I_SIZE, &bytes, sizeof(bytes));
    assert_mounted();
    ext4_free(fs);
}

/* All its blocks belong to one transaction, which has no end: it is gone over once. */
static void a_journal_that_is_full_and_has_no_commit_is_empty(void **state)
{
    (void)state;
    for (uint32_t type = J_DESCRIPTOR; type <= J_REVOKE; type += J_REVOKE - J_DESCRIPTOR) {
        make("-t ext4 -b 1024 -O ^metadata_csum");
        uint8_t *super = journal();
        for (uint32_t block = 1; block < N_JOURNAL; block++) {
            uint8_t *bytes = journal_block(block);
            put_be32(bytes, 0xc03b3998);
            put_be32(bytes + 4, type);
            put_be32(bytes + 8, 7);
            put_be32(bytes + 12, 16);
        }
        put_be32(super + J_SEQUENCE, 7);
        put_be32(super + J_START, 1);
        assert_mounted();
        unmount();
        assert_clean();
        simdisk_free(&sim);
    }
    memset(&sim, 0, sizeof(sim));
}

/* Their upper halves: one behind the disk's end, and one that is the right place again in bytes. */
static void descriptors_with_impossible_places_are_refused(void **state)
{
    static const struct lie lies[] = {{BG_TABLE_HIGH, 4, 1, -EIO, "damaged"},
                                      {BG_TABLE_HIGH, 4, 1u << 22, -EIO, "damaged"}};

    (void)state;
    make("-t ext4 -b 1024 -O 64bit,^metadata_csum,^uninit_bg");
    ASSERT_LIES_REFUSED(sim.bytes + SUPER + BLOCK_BYTES, lies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(a_superblock_that_cant_be_is_refused),
        EXT4_TEST(a_bitmap_with_a_wrong_checksum_is_refused),
        EXT4_TEST(recovery_without_a_journal_is_refused),
        EXT4_TEST(a_disk_of_a_few_sectors_is_refused),
        EXT4_TEST(a_journal_whose_inode_cant_be_is_refused),
        EXT4_TEST(a_journal_whose_superblock_cant_be_is_refused),
        EXT4_TEST(a_journal_whose_superblock_is_damaged_is_refused_by_its_checksum),
        EXT4_TEST(a_journal_that_begins_behind_its_first_transaction_is_refused),
        EXT4_TEST(a_journal_in_too_many_pieces_is_refused),
        EXT4_TEST(a_journal_that_is_full_and_has_no_commit_is_empty),
        EXT4_TEST(descriptors_with_impossible_places_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
