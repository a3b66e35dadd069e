/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of inodes: who holds one that has no name any more, and the list of those that are being
 * freed or truncated, which begins in the superblock. A mount goes on with what it finds there.
 */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The last ones are asked for most. @return its place, or n_orphans. */
static unsigned find(const struct ext4 *fs, uint32_t ino)
{
    unsigned i = fs->n_orphans;

    while (i && fs->orphans[i - 1] != ino)
        i--;
    return i ? i - 1 : fs->n_orphans;
}

bool orphan_is(const struct ext4 *fs, uint32_t ino)
{
    return find(fs, ino) < fs->n_orphans;
}

static int remember(struct ext4 *fs, uint32_t ino)
{
    if (fs->n_orphans == fs->n_orphans_max) {
        unsigned n = fs->n_orphans_max ? 2 * fs->n_orphans_max : 16;
        uint32_t *orphans = spare_realloc(fs->orphans, n * sizeof(*orphans));
        if (!orphans)
            return -ENOMEM;
        fs->orphans = orphans;
        fs->n_orphans_max = n;
    }
    fs->orphans[fs->n_orphans++] = ino;
    return 0;
}

int orphan_add(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    int error = remember(fs, ino);

    if (error)
        return error;
    inode->small.i_dtime = fs->fs->super->s_last_orphan;
    fs->fs->super->s_last_orphan = ino;
    return inode_write(fs, ino, inode);
}

int orphan_remove(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    unsigned i = find(fs, ino);
    uint32_t next = i ? fs->orphans[i - 1] : 0;
    union inode before;

    if (i + 1 == fs->n_orphans) {
        fs->fs->super->s_last_orphan = next;
    } else {
        uint32_t before_ino = fs->orphans[i + 1];
        int error = inode_read(fs, before_ino, &before);
        if (error)
            return tx_failed(fs, "the list of orphans", -error);
        before.small.i_dtime = next;
        error = inode_write(fs, before_ino, &before);
        if (error)
            return error;
    }
    memmove(&fs->orphans[i], &fs->orphans[i + 1], (fs->n_orphans - i - 1) * sizeof(*fs->orphans));
    fs->n_orphans--;
    inode->small.i_dtime = 0;
    return inode_write(fs, ino, inode);
}

/* The inode is an orphan without a name. */
static int free_inode(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    bool is_dir = inode_is(inode, S_IFDIR);

    if (ext2fs_inode_has_valid_blocks2(fs->fs, &inode->small)) {
        int error = map_free(fs, ino, inode, 0);
        if (error)
            return error;
    }
    errcode_t code = ext2fs_free_ext_attr(fs->fs, ino, &inode->large);
    if (code)
        return tx_failed(fs, "freeing attributes", code);
    int error = orphan_remove(fs, ino, inode);
    if (error)
        return error;
    inode->small.i_dtime = (uint32_t)time(NULL);
    inode_set_size(inode, 0);
    ext2fs_inode_alloc_stats2(fs->fs, ino, -1, is_dir);
    meta_group_changed(fs, ext2fs_group_of_ino(fs->fs, ino));
    return inode_write(fs, ino, inode);
}

static struct held **find_held(struct ext4 *fs, uint32_t ino)
{
    struct held **link = &fs->held;

    while (*link && (*link)->ino != ino)
        link = &(*link)->next;
    return link;
}

int orphan_drop(struct ext4 *fs, uint32_t ino, union inode *inode)
{
    struct held *held = *find_held(fs, ino);

    int error = orphan_add(fs, ino, inode);
    if (error)
        return error == -ENOMEM ? tx_failed(fs, "freeing an inode", ENOMEM) : error;
    if (!held)
        return free_inode(fs, ino, inode);
    held->unlinked = true;
    return 0;
}

/* The whole list. One that goes in a circle comes back to where it was 2^n steps before. */
static int read_list(struct ext4 *fs)
{
    uint32_t ino = fs->fs->super->s_last_orphan, before = 0;
    union inode inode;

    while (ino) {
        int error = inode_read(fs, ino, &inode);
        if (!error && (ino == before || ino < EXT2_FIRST_INODE(fs->fs->super) ||
                       !ext2fs_test_inode_bitmap2(fs->fs->inode_map, ino)))
            error = -EIO;
        if (!error)
            error = remember(fs, ino);
        if (error)
            return error;
        if ((fs->n_orphans & (fs->n_orphans - 1)) == 0)
            before = ino;
        ino = inode.small.i_dtime;
    }
    return 0;
}

int orphan_free_all(struct ext4 *fs)
{
    union inode inode;
    uint32_t ino;

    int listed = read_list(fs);
    if (listed)
        return listed;
    /* Found from the list's head on, and kept from its end on. */
    for (unsigned i = 0; i < fs->n_orphans / 2; i++) {
        uint32_t swapped = fs->orphans[i];
        fs->orphans[i] = fs->orphans[fs->n_orphans - 1 - i];
        fs->orphans[fs->n_orphans - 1 - i] = swapped;
    }
    while (fs->n_orphans) {
        ino = fs->orphans[fs->n_orphans - 1];
        int error = tx_more(fs, ORPHAN_CHANGES);
        if (!error)
            error = inode_read(fs, ino, &inode);
        if (error)
            return error;
        if (!inode.small.i_links_count) {
            error = free_inode(fs, ino, &inode);
        } else {
            uint64_t bytes = fs->fs->blocksize;
            if (inode_is(&inode, S_IFREG))
                error = map_free(fs, ino, &inode, (inode_size(&inode) + bytes - 1) / bytes);
            if (!error)
                error = orphan_remove(fs, ino, &inode);
        }
        if (error)
            return error;
    }
    return 0;
}

int orphan_free_unlinked(struct ext4 *fs)
{
    union inode inode;

    for (struct held *held = fs->held; held; held = held->next) {
        if (!held->unlinked)
            continue;
        if (spare_fill(true))
            return 0; /* it stays on the list, for the next mount */
        int error = tx_more(fs, ORPHAN_CHANGES);
        if (!error)
            error = inode_read(fs, held->ino, &inode);
        if (!error)
            error = free_inode(fs, held->ino, &inode);
        if (error)
            return error;
        held->unlinked = false;
    }
    return 0;
}

int ext4_hold(struct ext4 *fs, uint32_t ino)
{
    int error = fs_enter(fs);

    if (error)
        return error;
    struct held **link = find_held(fs, ino);
    if (!*link) {
        *link = calloc(1, sizeof(**link));
        if (*link)
            (*link)->ino = ino;
    }
    if (*link)
        (*link)->n++;
    else
        error = -ENOMEM;
    fs_leave(fs);
    return error;
}

void ext4_release(struct ext4 *fs, uint32_t ino)
{
    union inode inode;

    pthread_mutex_lock(&fs->lock); /* of a dead file system, too */
    struct held **link = find_held(fs, ino), *held = *link;
    if (!held || --held->n) {
        fs_leave(fs);
        return;
    }
    *link = held->next;
    bool unlinked = held->unlinked;
    free(held);
    /* Without memory for it, it stays on the list, and the next mount frees it. */
    if (unlinked && !fs->dead && spare_fill(true) == 0 && tx_more(fs, ORPHAN_CHANGES) == 0) {
        int error = inode_read(fs, ino, &inode);
        if (error)
            tx_failed(fs, "reading an inode", -error);
        else
            free_inode(fs, ino, &inode);
    }
    tx_end(fs, 0);
}
