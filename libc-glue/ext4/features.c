/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file system's superblock says that one must know to read it, or to write it. */
#include "fs.h"

#include <string.h>

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

#define NAMES_BYTES 160 /* for all names that are here */

/* What its maker chose, by the names of mke2fs and tune2fs. */
struct feature {
    const char *name;
    uint32_t bit;
    bool may_be_cleared; /* by tune2fs; else it is made anew */
};

/* Nobody who does not know them may even read. */
static const struct feature incompat[] = {
    {"mmp", EXT4_FEATURE_INCOMPAT_MMP, true},
    {"ea_inode", EXT4_FEATURE_INCOMPAT_EA_INODE, false},
    {"inline_data", EXT4_FEATURE_INCOMPAT_INLINE_DATA, false},
    {"encrypt", EXT4_FEATURE_INCOMPAT_ENCRYPT, false},
    {"casefold", EXT4_FEATURE_INCOMPAT_CASEFOLD, false},
};

/* Nobody who does not know them may write. */
static const struct feature ro_compat[] = {
    {"quota", EXT4_FEATURE_RO_COMPAT_QUOTA, true},
    {"project", EXT4_FEATURE_RO_COMPAT_PROJECT, true},
    {"bigalloc", EXT4_FEATURE_RO_COMPAT_BIGALLOC, false},
    {"read-only", EXT4_FEATURE_RO_COMPAT_READONLY, true},
    {"shared_blocks", EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, false},
    {"verity", EXT4_FEATURE_RO_COMPAT_VERITY, false},
};

static const struct feature compat[] = {
    {"fast_commit", EXT4_FEATURE_COMPAT_FAST_COMMIT, true},
};

struct unknown {
    char names[NAMES_BYTES], clear[NAMES_BYTES]; /* "a, b" and "^a,^b" */
    unsigned n;
    bool may_be_cleared; /* all of them */
};

/* @return the bits that have no name here. */
static uint32_t collect(struct unknown *unknown, const struct feature *features, size_t n,
                        uint32_t bits)
{
    for (size_t i = 0; i < n; i++) {
        if (!(features[i].bit & bits))
            continue;
        bits &= ~features[i].bit;
        strcat(strcat(unknown->names, unknown->n ? ", " : ""), features[i].name);
        strcat(strcat(unknown->clear, unknown->n ? ",^" : "^"), features[i].name);
        unknown->may_be_cleared &= features[i].may_be_cleared;
        unknown->n++;
    }
    return bits;
}

const char *features_refuse(const struct ext2_super_block *super, bool read_only)
{
    static char text[2 * NAMES_BYTES + 96];
    struct unknown unknown = {.may_be_cleared = true};

    if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
        return "it is the journal of another file system";
    uint32_t rest = collect(&unknown, incompat, ARRAY_LEN(incompat),
                            super->s_feature_incompat & ~INCOMPAT_KNOWN);
    bool may_be_read = !rest && !unknown.n;
    if (!read_only) {
        if (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT)
            return "it has orphans in a file: run e2fsck on it";
        rest |= collect(&unknown, ro_compat, ARRAY_LEN(ro_compat),
                        super->s_feature_ro_compat & ~RO_COMPAT_KNOWN);
        collect(&unknown, compat, ARRAY_LEN(compat), super->s_feature_compat);
    }
    if (rest)
        return may_be_read ? "it has a feature that is not known here (see dumpe2fs -h): mount it "
                             "with ro"
                           : "it has a feature that is not known here (see dumpe2fs -h)";
    if (!unknown.n)
        return NULL;
    strcpy(text, "it has ");
    strcat(strcat(text, unknown.names), ", not known here: ");
    strcat(text, unknown.may_be_cleared ? "tune2fs -O " : "make it with mke2fs -O ");
    strcat(text, unknown.clear);
    return may_be_read ? strcat(text, ", or mount it with ro") : text;
}
