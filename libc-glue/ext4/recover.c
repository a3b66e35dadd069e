/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery: what the journal's transactions say is written to its place. Three walks over the log,
 * as Linux does it: the first finds its end, the second which blocks were revoked (freed, and used
 * for something that is not in the journal), the third writes. All of the log may be damaged; a
 * transaction counts when its commit block is there, so what is wrong before that is refused, and
 * what is wrong behind it was not finished.
 */
#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A block is not to be written by transactions up to this one. */
struct revoked {
    uint64_t block;
    uint32_t sequence;
};

struct walk {
    struct journal *journal;
    uint64_t n_disk_blocks;
    uint32_t block, sequence; /* where it is */
    uint32_t n_left;          /* blocks of the log that it may still go over */
    uint8_t *header, *data;   /* a block each */
    struct revoked *revoked;
    size_t n_revoked, n_revoked_max;
    const char *why;
};

static int read_log(const struct walk *walk, uint32_t block, uint8_t *bytes)
{
    const struct journal *journal = walk->journal;

    return disk_read(journal->disk, journal_place(journal, block) * journal->block_bytes, bytes,
                     journal->block_bytes);
}

/* @return false when the walk has been round the whole log. */
static bool step(struct walk *walk)
{
    walk->block = journal_next(walk->journal, walk->block);
    return walk->n_left && --walk->n_left;
}

static bool tail_is_right(const struct walk *walk)
{
    const struct journal *journal = walk->journal;
    size_t at = journal->block_bytes - JBD2_TAIL_BYTES;
    be32_t found;

    if (!journal_has_checksums(journal))
        return true;
    memcpy(&found, walk->header + at, sizeof(found));
    memset(walk->header + at, 0, sizeof(found));
    return be32(found) == journal_checksum(journal->seed, walk->header, journal->block_bytes);
}

static bool commit_is_right(const struct walk *walk)
{
    struct jbd2_commit *commit = (struct jbd2_commit *)walk->header;
    be32_t found = commit->checksum[0];

    if (!journal_has_checksums(walk->journal))
        return true;
    commit->checksum[0] = 0;
    return be32(found) ==
           journal_checksum(walk->journal->seed, walk->header, walk->journal->block_bytes);
}

/* Reads the tag at *at and moves behind it. @return false at the descriptor's end. */
static bool read_tag(const struct walk *walk, size_t *at, uint64_t *block, uint32_t *flags,
                     uint32_t *checksum)
{
    const struct journal *journal = walk->journal;
    size_t bytes = journal_tag_bytes(journal), end = journal->block_bytes;
    struct jbd2_tag3 tag3 = {0};
    struct jbd2_tag tag = {0};

    if (journal_has_checksums(journal))
        end -= JBD2_TAIL_BYTES;
    if (*at + bytes > end)
        return false;
    if (journal->features & JBD2_INCOMPAT_CSUM_V3) {
        memcpy(&tag3, walk->header + *at, sizeof(tag3));
        *flags = be32(tag3.flags);
        *checksum = be32(tag3.checksum);
    } else {
        memcpy(&tag, walk->header + *at, bytes < sizeof(tag) ? bytes : sizeof(tag));
        *flags = be16(tag.flags);
        *checksum = be16(tag.checksum);
        tag3.block = tag.block;
        tag3.block_high = tag.block_high;
    }
    *block = be32(tag3.block);
    if (journal->features & JBD2_INCOMPAT_64BIT)
        *block |= (uint64_t)be32(tag3.block_high) << 32;
    *at += bytes + (*flags & JBD2_TAG_SAME_UUID ? 0 : JBD2_UUID_BYTES);
    return true;
}

static bool data_is_right(const struct walk *walk, uint32_t expected)
{
    const struct journal *journal = walk->journal;
    be32_t sequence = be32(walk->sequence);

    if (!journal_has_checksums(journal))
        return true;
    uint32_t checksum = journal_checksum(journal->seed, &sequence, sizeof(sequence));
    checksum = journal_checksum(checksum, walk->data, journal->block_bytes);
    return expected == (journal->features & JBD2_INCOMPAT_CSUM_V3 ? checksum : (uint16_t)checksum);
}

static int compare_revoked(const void *a, const void *b)
{
    const struct revoked *x = a, *y = b;

    return x->block < y->block ? -1 : x->block > y->block;
}

static bool is_revoked(const struct walk *walk, uint64_t block)
{
    struct revoked wanted = {.block = block};
    const struct revoked *found = walk->n_revoked ? bsearch(&wanted, walk->revoked, walk->n_revoked,
                                                            sizeof(wanted), compare_revoked)
                                                  : NULL;

    return found && (int32_t)(found->sequence - walk->sequence) >= 0;
}

static int fail(struct walk *walk, const char *why)
{
    walk->why = why;
    return -EINVAL;
}

static int replay_block(struct walk *walk, uint64_t block, uint32_t flags, uint32_t checksum)
{
    const struct journal *journal = walk->journal;
    be32_t magic = be32(JBD2_MAGIC);

    if (block >= walk->n_disk_blocks)
        return fail(walk, "the journal names a block beyond the file system's end");
    if (is_revoked(walk, block))
        return 0;
    int error = read_log(walk, walk->block, walk->data);
    if (error)
        return error;
    if (!data_is_right(walk, checksum))
        return fail(walk, "a block in the journal has a wrong checksum");
    if (flags & JBD2_TAG_ESCAPED)
        memcpy(walk->data, &magic, sizeof(magic));
    return disk_write(journal->disk, block * journal->block_bytes, walk->data,
                      journal->block_bytes);
}

/* Go over a descriptor's blocks. @return 1 when the walk is over, 0, -errno. */
static int pass_blocks(struct walk *walk, bool replay)
{
    size_t at = sizeof(struct jbd2_header);
    uint32_t flags = 0, checksum;
    uint64_t block;

    while (!(flags & JBD2_TAG_LAST) && read_tag(walk, &at, &block, &flags, &checksum)) {
        int error = replay ? replay_block(walk, block, flags, checksum) : 0;
        if (error)
            return error;
        if (!step(walk))
            return 1;
    }
    return 0;
}

static int add_revoked(struct walk *walk, uint64_t block)
{
    if (walk->n_revoked == walk->n_revoked_max) {
        size_t n = walk->n_revoked_max ? 2 * walk->n_revoked_max : 64;
        struct revoked *revoked = realloc(walk->revoked, n * sizeof(*revoked));
        if (!revoked)
            return -ENOMEM;
        walk->revoked = revoked;
        walk->n_revoked_max = n;
    }
    walk->revoked[walk->n_revoked++] = (struct revoked){block, walk->sequence};
    return 0;
}

static int take_revoked(struct walk *walk)
{
    const struct jbd2_revoke *revoke = (const struct jbd2_revoke *)walk->header;
    size_t bytes = walk->journal->features & JBD2_INCOMPAT_64BIT ? 8 : 4;
    size_t end = be32(revoke->bytes);

    if (end < sizeof(*revoke) || end > walk->journal->block_bytes)
        return fail(walk, "a revoke block in the journal has an impossible length");
    for (size_t at = sizeof(*revoke); at + bytes <= end; at += bytes) {
        be32_t words[2] = {0};
        memcpy(words, walk->header + at, bytes);
        uint64_t block =
            bytes == 8 ? (uint64_t)be32(words[0]) << 32 | be32(words[1]) : be32(words[0]);
        int error = add_revoked(walk, block);
        if (error)
            return error;
    }
    return 0;
}

/* Of a block that was revoked several times, the last one counts. */
static void sort_revoked(struct walk *walk)
{
    size_t n = 0;

    if (!walk->n_revoked)
        return;
    qsort(walk->revoked, walk->n_revoked, sizeof(*walk->revoked), compare_revoked);
    for (size_t i = 1; i < walk->n_revoked; i++) {
        struct revoked *last = &walk->revoked[n], *next = &walk->revoked[i];
        if (next->block != last->block)
            walk->revoked[++n] = *next;
        else if ((int32_t)(next->sequence - last->sequence) > 0)
            last->sequence = next->sequence;
    }
    walk->n_revoked = n + 1;
}

enum pass { FIND_END, FIND_REVOKED, REPLAY };

/* One walk over the log, up to (not with) transaction `end`. */
static int walk_log(struct walk *walk, enum pass pass, uint32_t end)
{
    struct journal *journal = walk->journal;
    int result = 0;

    walk->block = be32(journal->super.start);
    walk->sequence = be32(journal->super.sequence);
    walk->n_left = journal->end - journal->first;
    while (pass == FIND_END || walk->sequence != end) {
        const struct jbd2_header *header = (const struct jbd2_header *)walk->header;
        result = read_log(walk, walk->block, walk->header);
        if (result)
            return result;
        if (be32(header->magic) != JBD2_MAGIC || be32(header->sequence) != walk->sequence)
            break;
        uint32_t type = be32(header->type);
        bool lists = type == JBD2_DESCRIPTOR || type == JBD2_REVOKE;
        if (type == JBD2_COMMIT ? !commit_is_right(walk) : !lists || !tail_is_right(walk))
            break;
        if (type == JBD2_COMMIT)
            walk->sequence++;
        if (type == JBD2_REVOKE && pass == FIND_REVOKED)
            result = take_revoked(walk);
        if (result || !step(walk))
            break;
        if (type == JBD2_DESCRIPTOR)
            result = pass_blocks(walk, pass == REPLAY);
        if (result)
            break;
    }
    return result < 0 ? result : 0;
}

int journal_recover(struct journal *journal, uint64_t n_disk_blocks, const char **why)
{
    struct walk walk = {.journal = journal, .n_disk_blocks = n_disk_blocks};
    int error = -ENOMEM;

    walk.header = malloc(journal->block_bytes);
    walk.data = malloc(journal->block_bytes);
    if (!walk.header || !walk.data)
        goto out;
    error = walk_log(&walk, FIND_END, 0);
    if (error)
        goto out;
    uint32_t end = walk.sequence;
    error = walk_log(&walk, FIND_REVOKED, end);
    if (error)
        goto out;
    sort_revoked(&walk);
    error = walk_log(&walk, REPLAY, end);
    if (!error)
        error = disk_flush(journal->disk);
    if (error)
        goto out;
    journal->sequence = end + 1;
    journal->super.sequence = be32(journal->sequence);
    journal->super.start = 0;
    error = journal_write_super(journal);
out:
    free(walk.header);
    free(walk.data);
    free(walk.revoked);
    *why = walk.why;
    return error;
}
