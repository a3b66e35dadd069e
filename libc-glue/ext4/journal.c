/* SPDX-License-Identifier: BSD-2-Clause */
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ext2fs/ext2fs.h>

#define KNOWN_FEATURES                                                                             \
    (JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3)
#define BLOCKS_MIN 1024u /* Linux takes no journal that is smaller */

uint32_t journal_checksum(uint32_t seed, const void *bytes, size_t len)
{
    return ext2fs_crc32c_le(seed, bytes, len);
}

bool journal_has_checksums(const struct journal *journal)
{
    return journal->features & (JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3);
}

size_t journal_tag_bytes(const struct journal *journal)
{
    size_t bytes = sizeof(struct jbd2_tag);

    if (journal->features & JBD2_INCOMPAT_CSUM_V3)
        return sizeof(struct jbd2_tag3);
    if (journal->features & JBD2_INCOMPAT_CSUM_V2)
        bytes += sizeof(uint16_t);
    return journal->features & JBD2_INCOMPAT_64BIT ? bytes : bytes - sizeof(be32_t);
}

uint64_t journal_place(const struct journal *journal, uint32_t block)
{
    const struct journal_run *run = journal->runs;

    while (block - run->first >= run->n)
        run++;
    return run->place + (block - run->first);
}

uint32_t journal_next(const struct journal *journal, uint32_t block)
{
    return block + 1 == journal->end ? journal->first : block + 1;
}

static uint32_t super_checksum(const struct jbd2_super *super)
{
    struct jbd2_super copy = *super;

    copy.checksum = 0;
    return journal_checksum(~0u, &copy, sizeof(copy));
}

int journal_write_super(struct journal *journal)
{
    struct disk *disk = journal->disk;
    uint8_t *block = journal->escaped; /* nothing is in it now */

    if (journal_has_checksums(journal)) {
        journal->super.checksum_type = JBD2_CRC32C;
        journal->super.checksum = be32(super_checksum(&journal->super));
    }
    memset(block, 0, journal->block_bytes);
    memcpy(block, &journal->super, sizeof(journal->super));
    int error = disk_write(disk, journal_place(journal, 0) * journal->block_bytes, block,
                           journal->block_bytes);
    return error ? error : disk_flush(disk);
}

/* @return NULL, or what is wrong. */
static const char *check_super(struct journal *journal, uint32_t n_blocks)
{
    const struct jbd2_super *super = &journal->super;

    if (be32(super->header.magic) != JBD2_MAGIC || be32(super->header.type) != JBD2_SUPER_V2)
        return "the journal has no superblock of version 2";
    if (be32(super->block_bytes) != journal->block_bytes)
        return "the journal has blocks of another size";
    if (be32(super->n_blocks) > n_blocks || be32(super->n_blocks) < BLOCKS_MIN)
        return "the journal's length is impossible";
    if (be32(super->first) < 1 || be32(super->first) >= be32(super->n_blocks) - BLOCKS_MIN / 2)
        return "the journal begins at an impossible block";
    if (super->start &&
        (be32(super->start) < be32(super->first) || be32(super->start) >= be32(super->n_blocks)))
        return "the journal's first transaction is at an impossible block";
    if (journal_has_checksums(journal) &&
        (super->checksum_type != JBD2_CRC32C || be32(super->checksum) != super_checksum(super)))
        return "the checksum of the journal's superblock is wrong";
    return NULL;
}

int journal_open(struct journal *journal, struct disk *disk, unsigned block_bytes,
                 struct journal_run *runs, unsigned n_runs, const char **why)
{
    *journal =
        (struct journal){.disk = disk, .block_bytes = block_bytes, .runs = runs, .n_runs = n_runs};
    journal->escaped = malloc(block_bytes);
    if (!journal->escaped)
        return -ENOMEM;
    int error = disk_read(disk, runs[0].place * block_bytes, journal->escaped, block_bytes);
    if (error)
        return error;
    struct jbd2_super *super = &journal->super;
    memcpy(super, journal->escaped, sizeof(*super));
    journal->features = be32(super->feature_incompat);
    const struct journal_run *last = &runs[n_runs - 1];
    *why = check_super(journal, last->first + last->n);
    if (*why)
        return -EINVAL;
    if (journal->features & ~KNOWN_FEATURES || super->feature_ro_compat) {
        *why = "the journal has features that are not known here";
        return -EOPNOTSUPP;
    }
    journal->first = be32(super->first);
    journal->end = be32(super->n_blocks);
    journal->sequence = be32(super->sequence);
    journal->seed = journal_checksum(~0u, super->uuid, sizeof(super->uuid));
    return 0;
}

void journal_close(struct journal *journal)
{
    free(journal->runs);
    free(journal->descriptors);
    free(journal->escaped);
    *journal = (struct journal){0};
}

bool journal_is_empty(const struct journal *journal)
{
    return !journal->super.start;
}

/*
 * The log is "not empty" from now on: it begins at its head, with a transaction that is not there
 * yet. So a commit has no need to write this superblock.
 */
static int empty_log(struct journal *journal)
{
    journal->super.start = be32(journal->head);
    journal->super.sequence = be32(journal->sequence);
    journal->n_used = 0;
    return journal_write_super(journal);
}

static unsigned tags_in_descriptor(const struct journal *journal)
{
    size_t room = journal->block_bytes - sizeof(struct jbd2_header) - JBD2_UUID_BYTES;

    if (journal_has_checksums(journal))
        room -= JBD2_TAIL_BYTES;
    return (unsigned)(room / journal_tag_bytes(journal));
}

static unsigned n_descriptors(const struct journal *journal, unsigned n_blocks)
{
    unsigned n_tags = tags_in_descriptor(journal);

    return (n_blocks + n_tags - 1) / n_tags;
}

int journal_start(struct journal *journal, bool is_64bit, bool checksums, unsigned n_blocks_max)
{
    uint32_t n_log = journal->end - journal->first;

    if (n_blocks_max > n_log / 4)
        n_blocks_max = n_log / 4;
    journal->n_blocks_max = n_blocks_max;
    journal->features = (is_64bit ? JBD2_INCOMPAT_64BIT : 0) |
                        (checksums ? JBD2_INCOMPAT_CSUM_V3 : 0) | JBD2_INCOMPAT_REVOKE;
    journal->super.feature_incompat = be32(journal->features);
    journal->super.feature_compat = 0;
    /* Twice what is meant to be in one: journal_commit() finds room for all that may come. */
    journal->descriptors = malloc((size_t)n_descriptors(journal, n_log / 2) * journal->block_bytes);
    if (!journal->descriptors)
        return -ENOMEM;
    journal->head = journal->first;
    /* What an unfinished transaction left in the log has the next number: it must not be taken for
     * a part of ours. */
    journal->sequence++;
    return empty_log(journal);
}

/* Fill in the tag of a block; it may have to be escaped. @return its bytes in the log. */
static uint8_t *fill_tag(struct journal *journal, uint8_t *at, struct block *block, unsigned flags)
{
    be32_t magic = be32(JBD2_MAGIC), sequence = be32(journal->sequence);
    uint8_t *bytes = block->bytes;
    uint32_t checksum = 0;

    if (memcmp(bytes, &magic, sizeof(magic)) == 0) {
        flags |= JBD2_TAG_ESCAPED;
        memcpy(journal->escaped, bytes, journal->block_bytes);
        bytes = journal->escaped;
        memset(bytes, 0, sizeof(magic));
    }
    if (journal_has_checksums(journal)) {
        checksum = journal_checksum(journal->seed, &sequence, sizeof(sequence));
        checksum = journal_checksum(checksum, bytes, journal->block_bytes);
    }
    if (journal->features & JBD2_INCOMPAT_CSUM_V3) {
        struct jbd2_tag3 tag = {be32((uint32_t)block->number), be32(flags),
                                be32((uint32_t)(block->number >> 32)), be32(checksum)};
        memcpy(at, &tag, sizeof(tag));
    } else {
        struct jbd2_tag tag = {be32((uint32_t)block->number), 0, be16((uint16_t)flags),
                               be32((uint32_t)(block->number >> 32))};
        memcpy(at, &tag, journal_tag_bytes(journal));
    }
    return bytes;
}

static void fill_header(const struct journal *journal, void *bytes, enum jbd2_type type)
{
    struct jbd2_header header = {be32(JBD2_MAGIC), be32(type), be32(journal->sequence)};

    memcpy(bytes, &header, sizeof(header));
}

static void finish_descriptor(const struct journal *journal, uint8_t *bytes)
{
    size_t at = journal->block_bytes - JBD2_TAIL_BYTES;

    if (!journal_has_checksums(journal))
        return;
    be32_t checksum = be32(journal_checksum(journal->seed, bytes, journal->block_bytes));
    memcpy(bytes + at, &checksum, sizeof(checksum));
}

/* Add a block to the batch of writes, at the log's head. */
static void put(struct journal *journal, struct batch *batch, uint8_t *bytes)
{
    batch_add(batch, journal_place(journal, journal->head) * journal->block_bytes, bytes,
              journal->block_bytes);
    /* There is room for one escaped block, so it is written before the next one needs it. */
    if (bytes == journal->escaped)
        batch_done(batch);
    journal->head = journal_next(journal, journal->head);
    journal->n_used++;
}

static void put_blocks(struct journal *journal, struct cache *cache, unsigned n)
{
    unsigned n_tags = tags_in_descriptor(journal), n_done = 0;
    uint8_t *descriptor = journal->descriptors;

    while (n_done < n) {
        unsigned n_here = n - n_done < n_tags ? n - n_done : n_tags;
        uint8_t *at = descriptor + sizeof(struct jbd2_header);
        memset(descriptor, 0, journal->block_bytes);
        fill_header(journal, descriptor, JBD2_DESCRIPTOR);
        /* The descriptor is before its blocks, and is complete only after them. */
        uint32_t place = journal->head;
        journal->head = journal_next(journal, journal->head);
        journal->n_used++;
        for (unsigned i = 0; i < n_here; i++) {
            unsigned flags = (i ? JBD2_TAG_SAME_UUID : 0) | (i + 1 == n_here ? JBD2_TAG_LAST : 0);
            put(journal, &cache->batch, fill_tag(journal, at, cache->list[n_done + i], flags));
            at += journal_tag_bytes(journal);
            if (i == 0) {
                memcpy(at, journal->super.uuid, JBD2_UUID_BYTES);
                at += JBD2_UUID_BYTES;
            }
        }
        finish_descriptor(journal, descriptor);
        batch_add(&cache->batch, journal_place(journal, place) * journal->block_bytes, descriptor,
                  journal->block_bytes);
        descriptor += journal->block_bytes;
        n_done += n_here;
    }
}

static int put_commit(struct journal *journal, struct batch *batch, uint64_t now_ns)
{
    uint8_t *block = journal->escaped;
    struct jbd2_commit commit = {
        .seconds_high = be32((uint32_t)(now_ns / 1000000000 >> 32)),
        .seconds_low = be32((uint32_t)(now_ns / 1000000000)),
        .nanoseconds = be32((uint32_t)(now_ns % 1000000000)),
    };

    fill_header(journal, &commit, JBD2_COMMIT);
    memset(block, 0, journal->block_bytes);
    memcpy(block, &commit, sizeof(commit));
    if (journal_has_checksums(journal)) {
        commit.checksum[0] = be32(journal_checksum(journal->seed, block, journal->block_bytes));
        memcpy(block, &commit, sizeof(commit));
    }
    put(journal, batch, block);
    return batch_done(batch);
}

/*
 * 1. What is fresh goes to its place, what is dirty to the log, in any order.
 * 2. Flush. All that the transaction names is there.
 * 3. The commit block. From the moment that it is on the disk the transaction has happened.
 * 4. Flush. Now it may be told.
 */
int journal_commit(struct journal *journal, struct cache *cache, uint64_t now_ns)
{
    uint32_t n_log = journal->end - journal->first;

    if (cache->n_dirty + n_descriptors(journal, cache->n_dirty) + 1 > n_log - journal->n_used)
        return -ENOSPC;
    int error = cache_write(cache, BLOCK_FRESH);
    if (error)
        return error;
    unsigned n = cache_collect(cache, BLOCK_DIRTY);
    batch_init(&cache->batch, journal->disk, true);
    put_blocks(journal, cache, n);
    error = batch_done(&cache->batch);
    if (!error)
        error = disk_flush(journal->disk);
    if (!error)
        error = put_commit(journal, &cache->batch, now_ns);
    if (!error)
        error = disk_flush(journal->disk);
    if (error)
        return error;
    journal->sequence++;
    cache_committed(cache);
    return 0;
}

bool journal_is_full(const struct journal *journal)
{
    return journal->n_used > (journal->end - journal->first) / 2;
}

int journal_checkpoint(struct journal *journal, struct cache *cache)
{
    int error = cache_write(cache, BLOCK_LOGGED);

    if (!error)
        error = disk_flush(journal->disk);
    return error ? error : empty_log(journal);
}

int journal_stop(struct journal *journal)
{
    journal->super.start = 0;
    return journal_write_super(journal);
}
