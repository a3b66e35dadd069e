/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounting: what is refused, recovery, and the clean end. */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprat/port.h>

#define BLOCK_BYTES_MAX  4096 /* as Linux on this CPU */
#define JOURNAL_RUNS_MAX 4096

#define WANTS_E2FSCK "run e2fsck on it"
#define NO_MEMORY    "there is not enough memory: give the guest more"

static int refuse(const char **why, int error, const char *sentence)
{
    *why = sentence;
    return error;
}

/* Numbers that libext2fs, or what is here, relies on. */
static const char *check_numbers(const struct ext2_super_block *super, const struct disk *disk)
{
    unsigned block_bytes = 1024u << super->s_log_block_size;
    uint64_t n_blocks = super->s_blocks_count;
    unsigned desc_bytes = EXT2_MIN_DESC_SIZE;

    if (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) {
        n_blocks |= (uint64_t)super->s_blocks_count_hi << 32;
        desc_bytes = super->s_desc_size;
    }
    if (block_bytes < disk->sector_bytes)
        return "its blocks are smaller than the disk's sectors";
    if (n_blocks > disk->bytes / block_bytes)
        return "it is larger than the disk";
    if (super->s_first_data_block != (block_bytes == 1024) || n_blocks <= super->s_first_data_block)
        return "its superblock is damaged (blocks); " WANTS_E2FSCK;
    if (super->s_blocks_per_group < 256 || super->s_blocks_per_group > 8 * block_bytes ||
        super->s_blocks_per_group % 8)
        return "its superblock is damaged (blocks in a group); " WANTS_E2FSCK;
    if (desc_bytes < EXT2_MIN_DESC_SIZE || desc_bytes > block_bytes ||
        desc_bytes & (desc_bytes - 1))
        return "its superblock is damaged (size of a descriptor); " WANTS_E2FSCK;
    if (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_GDT_CSUM &&
        super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)
        return "its superblock is damaged (checksums); " WANTS_E2FSCK;
    if (super->s_rev_level > EXT2_DYNAMIC_REV)
        return "its superblock is damaged (revision); " WANTS_E2FSCK;
    unsigned inode_bytes = super->s_rev_level ? super->s_inode_size : EXT2_GOOD_OLD_INODE_SIZE;
    uint32_t first = super->s_rev_level ? super->s_first_ino : EXT2_GOOD_OLD_FIRST_INO;
    if (inode_bytes < EXT2_GOOD_OLD_INODE_SIZE || inode_bytes > block_bytes ||
        inode_bytes & (inode_bytes - 1))
        return "its superblock is damaged (size of an inode); " WANTS_E2FSCK;
    if (super->s_inodes_per_group < block_bytes / inode_bytes || super->s_inodes_per_group % 8 ||
        super->s_inodes_per_group > 8 * block_bytes)
        return "its superblock is damaged (inodes in a group); " WANTS_E2FSCK;
    if (first < EXT2_GOOD_OLD_FIRST_INO || first > super->s_inodes_count)
        return "its superblock is damaged (first inode); " WANTS_E2FSCK;
    if (super->s_reserved_gdt_blocks > block_bytes / 4)
        return "its superblock is damaged (reserved descriptors); " WANTS_E2FSCK;
    return NULL;
}

static int check_state(const struct ext2_super_block *super, bool read_only, const char **why)
{
    bool has_journal = super->s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL;

    if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER && !has_journal)
        return refuse(why, -EBUSY, "it wants recovery and has no journal; " WANTS_E2FSCK);
    if (read_only)
        return 0;
    if (super->s_state & EXT2_ERROR_FS)
        return refuse(why, -EBUSY, "it has errors; " WANTS_E2FSCK);
    if (!(super->s_state & EXT2_VALID_FS) &&
        !(super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER))
        return refuse(why, -EBUSY, "it was not unmounted and has no journal; " WANTS_E2FSCK);
    return 0;
}

/* A table of an MBR, as one with a GPT has it, too. */
static bool has_partitions(const uint8_t *sector)
{
    unsigned n = 0;

    if (sector[510] != 0x55 || sector[511] != 0xaa)
        return false;
    for (const uint8_t *entry = sector + 446; entry < sector + 510; entry += 16) {
        if (entry[0] & 0x7f) /* it can be booted, or not, and nothing else */
            return false;
        n += entry[4] != 0; /* its type */
    }
    return n;
}

static bool is_empty(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BLOCK_BYTES_MAX - 1) == 0;
}

/* What a disk has instead of a file system. */
static const char *say_other(const uint8_t *block)
{
    if (has_partitions(block))
        return "it has a partition table: give the guest the partition, as a disk of its own";
    return is_empty(block) ? "there is no ext2, ext3 or ext4 file system: make one with mke2fs "
                             "-t ext4"
                           : "there is no ext2, ext3 or ext4 file system, but something else";
}

/* Read and check the superblock, before anybody else does. */
static int read_super(struct disk *disk, bool read_only, struct ext2_super_block *super,
                      const char **why)
{
    if (disk->bytes < BLOCK_BYTES_MAX)
        return refuse(why, -EINVAL, "the disk is too small for a file system");
    uint8_t *block = malloc(BLOCK_BYTES_MAX);
    if (!block)
        return -ENOMEM;
    int error = disk_read(disk, 0, block, BLOCK_BYTES_MAX);
    memcpy(super, block + SUPERBLOCK_OFFSET, sizeof(*super));
    const char *other = say_other(block);
    free(block);
    if (error)
        return error;
    if (super->s_magic != EXT2_SUPER_MAGIC)
        return refuse(why, -EINVAL, other);
    if (super->s_log_block_size > 2)
        return refuse(why, -EOPNOTSUPP, "its blocks are larger than 4096 bytes");
    const char *unknown = features_refuse(super, read_only);
    if (unknown)
        return refuse(why, -EOPNOTSUPP, unknown);
    const char *damage = check_numbers(super, disk);
    if (damage)
        return refuse(why, -EINVAL, damage);
    return check_state(super, read_only, why);
}

/*
 * Open it with libext2fs, on an empty cache. Checksums are not looked at: before the recovery a
 * block may be half of an old one and half of a new one (its places are right in either).
 */
static int load(struct ext4 *fs, const struct ext2_super_block *super, const char **why)
{
    unsigned block_bytes = 1024u << super->s_log_block_size;
    uint64_t n_blocks = super->s_blocks_count;
    int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | EXT2_FLAG_IGNORE_CSUM_ERRORS;

    if (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT)
        n_blocks |= (uint64_t)super->s_blocks_count_hi << 32;
    size_t n_cached = fs->options.cache_bytes / block_bytes;
    if (n_cached < EXT4_CACHE_LEAST)
        n_cached = EXT4_CACHE_LEAST;
    int error = cache_init(&fs->cache, fs->disk, block_bytes, n_blocks, (unsigned)n_cached);
    if (error)
        return error;
    io_init(fs);
    errcode_t code = ext2fs_open2("", NULL, flags, 0, 0, &fs->manager, &fs->fs);
    if (code) {
        fs->fs = NULL;
        *why = fs_error_text(code);
        return code == EXT2_ET_NO_MEMORY ? -ENOMEM : code == EIO ? -EIO : -EINVAL;
    }
    fs->scratch = malloc(2 * (size_t)block_bytes);
    if (!fs->scratch)
        return -ENOMEM;
    return dir_init(fs);
}

/* From now on, what is read must be right. */
static int check_loaded(struct ext4 *fs, const char **why)
{
    fs->fs->flags &= ~EXT2_FLAG_IGNORE_CSUM_ERRORS;
    if (!ext2fs_verify_csum_type(fs->fs, fs->fs->super) ||
        !ext2fs_superblock_csum_verify(fs->fs, fs->fs->super))
        return refuse(why, -EINVAL, "its superblock's checksum is wrong; " WANTS_E2FSCK);
    errcode_t code = ext2fs_check_desc(fs->fs);
    if (!code)
        return 0;
    *why = fs_error_text(code);
    return code == EXT2_ET_NO_MEMORY ? -ENOMEM : -EINVAL;
}

static void unload(struct ext4 *fs)
{
    if (fs->fs)
        ext2fs_free(fs->fs);
    fs->fs = NULL;
    cache_destroy(&fs->cache);
    free(fs->scratch);
    fs->scratch = NULL;
    dir_destroy(fs);
}

/* Where the journal's blocks are. */
static int find_journal(struct ext4 *fs, struct journal_run **runs, unsigned *n_runs,
                        const char **why)
{
    uint32_t ino = fs->fs->super->s_journal_inum;
    union inode inode;

    *n_runs = 0;
    *runs = NULL;
    if (ino != EXT2_JOURNAL_INO || fs->fs->super->s_journal_dev)
        return refuse(why, -EOPNOTSUPP, "its journal is not in inode 8; " WANTS_E2FSCK);
    int error = inode_read(fs, ino, &inode);
    if (error)
        return error;
    uint64_t n_blocks = inode_size(&inode) / fs->fs->blocksize;
    if (!inode_is(&inode, S_IFREG) || n_blocks > INT32_MAX)
        return refuse(why, -EINVAL, "its journal's inode is damaged; " WANTS_E2FSCK);
    for (uint64_t at = 0; at < n_blocks;) {
        struct journal_run run = {.first = (uint32_t)at};
        error = map_find(fs, ino, &inode, at, (unsigned)(n_blocks - at), &run.place, &run.n);
        if (!error && (!run.place || *n_runs == JOURNAL_RUNS_MAX))
            error = refuse(why, -EINVAL, "its journal's inode is damaged; " WANTS_E2FSCK);
        struct journal_run *more =
            error ? NULL : realloc(*runs, (*n_runs + 1) * sizeof(struct journal_run));
        if (!more)
            return error ? error : -ENOMEM;
        *runs = more;
        (*runs)[(*n_runs)++] = run;
        at += run.n;
    }
    return 0;
}

static int open_journal(struct ext4 *fs, const char **why)
{
    struct journal_run *runs;
    unsigned n_runs;

    int error = find_journal(fs, &runs, &n_runs, why);
    if (error) {
        free(runs);
        return error;
    }
    if (!n_runs)
        return refuse(why, -EINVAL, "its journal is empty; " WANTS_E2FSCK);
    error = journal_open(&fs->journal, fs->disk, fs->fs->blocksize, runs, n_runs, why);
    if (!error && fs->journal.super.error && !fs->options.read_only)
        return refuse(why, -EBUSY, "its journal says that it has errors; " WANTS_E2FSCK);
    return error;
}

/* Replay the journal, and read all again: anything may have changed. */
static int recover(struct ext4 *fs, struct ext2_super_block *super, const char **why)
{
    if (fs->disk->read_only)
        return refuse(why, -EROFS,
                      "it wants recovery and the disk is read-only: mount it writable once");
    int error = journal_recover(&fs->journal, ext2fs_blocks_count(fs->fs->super), why);
    if (error)
        return error;
    port_log("%s: recovered from the journal", fs->disk->name);
    journal_close(&fs->journal);
    unload(fs);
    error = read_super(fs->disk, fs->options.read_only, super, why);
    if (!error)
        error = load(fs, super, why);
    return error ? error : open_journal(fs, why);
}

/*
 * The superblock has two sectors, and a cut can leave one of them old. So it goes through the
 * journal, too, when it says that the journal is in use, or is not any more.
 */
static int put_super(struct ext4 *fs)
{
    fs->changed = true;
    int error = tx_commit(fs);
    return error ? error : journal_checkpoint(&fs->journal, &fs->cache);
}

static int start_journal(struct ext4 *fs)
{
    struct ext2_super_block *super = fs->fs->super;

    int error = journal_start(&fs->journal, ext2fs_has_feature_64bit(super),
                              ext2fs_has_feature_metadata_csum(super), fs->n_blocks_max);
    fs->n_blocks_max = fs->journal.n_blocks_max;
    ext2fs_set_feature_journal_needs_recovery(super);
    return error ? error : put_super(fs);
}

static int start_without_journal(struct ext4 *fs)
{
    fs->fs->super->s_state &= (uint16_t)~EXT2_VALID_FS;
    return meta_write_super(fs);
}

static int start_writing(struct ext4 *fs, const char **why)
{
    struct ext2_super_block *super = fs->fs->super;

    errcode_t code = ext2fs_read_bitmaps(fs->fs);
    if (code == EXT2_ET_BLOCK_BITMAP_READ || code == EXT2_ET_INODE_BITMAP_READ)
        return -EIO;
    if (code) {
        *why = fs_error_text(code);
        return code == EXT2_ET_NO_MEMORY ? -ENOMEM : -EINVAL;
    }
    int error = meta_init(fs);
    if (error)
        return error;
    fs->n_blocks_max = fs->cache.n_max / 2;
    super->s_mtime = (uint32_t)time(NULL);
    super->s_mnt_count++;
    error = fs->has_journal ? start_journal(fs) : start_without_journal(fs);
    if (!error)
        error = orphan_free_all(fs);
    if (error == -EIO && !*why)
        *why = "its list of orphans is damaged, or the disk fails; " WANTS_E2FSCK;
    return error;
}

static int mount(struct ext4 *fs, const char **why)
{
    struct ext2_super_block super;

    int error = read_super(fs->disk, fs->options.read_only, &super, why);
    if (error)
        return error;
    if (fs->disk->read_only && !fs->options.read_only)
        return refuse(why, -EROFS, "the disk is read-only: mount it with ro");
    fs->has_journal = super.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL;
    fs->read_only = true; /* nothing is written through libext2fs before the recovery */
    error = load(fs, &super, why);
    if (!error && fs->has_journal)
        error = open_journal(fs, why);
    if (!error && fs->has_journal &&
        (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER ||
         !journal_is_empty(&fs->journal)))
        error = recover(fs, &super, why);
    if (!error)
        error = check_loaded(fs, why);
    if (error || fs->options.read_only)
        return error;
    fs->read_only = false;
    fs->fs->flags |= EXT2_FLAG_RW;
    return start_writing(fs, why);
}

void ext4_free(struct ext4 *fs)
{
    meta_destroy(fs);
    journal_close(&fs->journal);
    unload(fs);
    for (struct held *held = fs->held, *next; held; held = next) {
        next = held->next;
        free(held);
    }
    free(fs->orphans);
    pthread_mutex_destroy(&fs->lock);
    free(fs);
    spare_close();
}

int ext4_mount(struct disk *disk, const struct ext4_options *options, struct ext4 **fs,
               const char **why)
{
    *fs = calloc(1, sizeof(**fs));
    if (!*fs)
        return refuse(why, -ENOMEM, NO_MEMORY);
    *why = NULL;
    (*fs)->disk = disk;
    (*fs)->options = *options;
    pthread_mutex_init(&(*fs)->lock, NULL);
    spare_open();
    int error = spare_fill(false);
    if (!error)
        error = mount(*fs, why);
    if (error) {
        if (error == -ENOMEM)
            *why = NO_MEMORY;
        else if (!*why)
            *why = error == -EIO ? "it is damaged, or the disk fails; " WANTS_E2FSCK
                                 : "the journal could not be replayed; " WANTS_E2FSCK;
        ext4_free(*fs);
        *fs = NULL;
    }
    return error;
}

int ext4_unmount(struct ext4 *fs)
{
    struct ext2_super_block *super = fs->fs->super;

    pthread_mutex_lock(&fs->lock);
    int error = fs->dead ? -EIO : fs->read_only ? 0 : orphan_free_unlinked(fs);
    if (!error && !fs->read_only) {
        error = tx_commit(fs);
        ext2fs_clear_feature_journal_needs_recovery(super);
        super->s_state |= EXT2_VALID_FS;
        if (!error && fs->has_journal)
            error = put_super(fs);
        else if (!error)
            error = meta_write_super(fs);
        if (!error && fs->has_journal)
            error = journal_stop(&fs->journal);
    }
    fs->dead = true;
    pthread_mutex_unlock(&fs->lock);
    return error;
}

bool ext4_is_read_only(const struct ext4 *fs)
{
    return fs->read_only;
}
