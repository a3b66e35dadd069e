/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file system's superblock says that one must know to read it, or to write it. */
#include "fs.h"

#include <errno.h>

#include <sprat/compiler.h>

#define INCOMPAT_KNOWN                                                                             \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER |                              \
     EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | \
     EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |                             \
     EXT4_FEATURE_INCOMPAT_LARGEDIR)
#define RO_COMPAT_KNOWN                                                                            \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                     \
     EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |                          \
     EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |                       \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

#define MADE_WITH(name) "it has " name ", which is not known here: make it with mke2fs -O ^" name
#define CLEARED(name)   "it has " name ", which is not known here: tune2fs -O ^" name
#define ONLY_READ(name) "it has " name ", which is not known here: mount it with ro"

struct feature {
    uint32_t bit;
    const char *why;
};

/* Nobody who does not know them may even read. */
static const struct feature incompat[] = {
    {EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "it is the journal of another file system"},
    {EXT4_FEATURE_INCOMPAT_MMP, CLEARED("mmp")},
    {EXT4_FEATURE_INCOMPAT_EA_INODE, MADE_WITH("ea_inode")},
    {EXT4_FEATURE_INCOMPAT_INLINE_DATA, MADE_WITH("inline_data")},
    {EXT4_FEATURE_INCOMPAT_ENCRYPT, MADE_WITH("encrypt")},
    {EXT4_FEATURE_INCOMPAT_CASEFOLD, MADE_WITH("casefold")},
    {~INCOMPAT_KNOWN, "it has a feature that is not known here (see dumpe2fs -h)"},
};

/* Nobody who does not know them may write. */
static const struct feature ro_compat[] = {
    {EXT4_FEATURE_RO_COMPAT_QUOTA, CLEARED("quota") ", or mount it with ro"},
    {EXT4_FEATURE_RO_COMPAT_PROJECT, CLEARED("project") ", or mount it with ro"},
    {EXT4_FEATURE_RO_COMPAT_BIGALLOC, ONLY_READ("bigalloc")},
    {EXT4_FEATURE_RO_COMPAT_READONLY, ONLY_READ("read-only")},
    {EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, ONLY_READ("shared_blocks")},
    {EXT4_FEATURE_RO_COMPAT_VERITY, ONLY_READ("verity")},
    {EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT, "it has orphans in a file: run e2fsck on it"},
    {~RO_COMPAT_KNOWN, "it has a feature that is not known here (see dumpe2fs -h): mount it with "
                       "ro"},
};

static const char *find(const struct feature *features, size_t n, uint32_t bits)
{
    for (size_t i = 0; i < n; i++)
        if (features[i].bit & bits)
            return features[i].why;
    return NULL;
}

const char *features_refuse(const struct ext2_super_block *super, bool read_only)
{
    const char *why = find(incompat, ARRAY_LEN(incompat), super->s_feature_incompat);

    if (!why && !read_only)
        why = find(ro_compat, ARRAY_LEN(ro_compat), super->s_feature_ro_compat);
    if (!why && !read_only && super->s_feature_compat & EXT4_FEATURE_COMPAT_FAST_COMMIT)
        why = CLEARED("fast_commit");
    return why;
}
