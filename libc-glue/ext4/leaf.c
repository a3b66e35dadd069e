/* SPDX-License-Identifier: BSD-2-Clause */
#include "leaf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HEADER_BYTES 8

static_assert(offsetof(struct leaf_entry, name) == HEADER_BYTES, "directory format");

static unsigned needed(size_t name_len)
{
    return (unsigned)(HEADER_BYTES + name_len + 3) & ~3u;
}

int leaf_next(const struct leaf *leaf, unsigned *at, struct leaf_entry **entry)
{
    if (*at == leaf->len)
        return 0;
    *entry = (struct leaf_entry *)(leaf->bytes + *at);
    if (leaf->len - *at < LEAF_ENTRY_MIN || (*entry)->len < LEAF_ENTRY_MIN || (*entry)->len % 4 ||
        (*entry)->len > leaf->len - *at || needed((*entry)->name_len) > (*entry)->len)
        return -EIO;
    *at += (*entry)->len;
    return 1;
}

int leaf_find(const struct leaf *leaf, const char *name, size_t name_len, struct leaf_entry **entry,
              struct leaf_entry **before)
{
    unsigned at = 0;
    int found;

    *before = NULL;
    while ((found = leaf_next(leaf, &at, entry)) > 0) {
        if ((*entry)->ino && (*entry)->name_len == name_len &&
            memcmp((*entry)->name, name, name_len) == 0)
            return 1;
        *before = *entry;
    }
    return found;
}

void leaf_clear(const struct leaf *leaf)
{
    memset(leaf->bytes, 0, leaf->len);
    ((struct leaf_entry *)leaf->bytes)->len = (uint16_t)leaf->len;
}

/* The first entry that a name fits in or behind. @param used  bytes of the entry that is there. */
static int find_room(const struct leaf *leaf, size_t name_len, struct leaf_entry **entry,
                     unsigned *used)
{
    unsigned at = 0;
    int found;

    while ((found = leaf_next(leaf, &at, entry)) > 0) {
        *used = (*entry)->ino ? needed((*entry)->name_len) : 0;
        if ((*entry)->len - *used >= needed(name_len))
            break;
    }
    return found;
}

int leaf_has_room(const struct leaf *leaf, size_t name_len)
{
    struct leaf_entry *entry;
    unsigned used;

    return find_room(leaf, name_len, &entry, &used);
}

int leaf_add(const struct leaf *leaf, const char *name, size_t name_len, uint32_t ino, uint8_t type)
{
    struct leaf_entry *entry;
    unsigned used;

    int found = find_room(leaf, name_len, &entry, &used);
    if (found <= 0)
        return found;
    unsigned len = entry->len - used;
    if (used) {
        entry->len = (uint16_t)used;
        entry = (struct leaf_entry *)((uint8_t *)entry + used);
    }
    entry->ino = ino;
    entry->len = (uint16_t)len;
    entry->name_len = (uint8_t)name_len;
    entry->type = type;
    memcpy(entry->name, name, name_len);
    return 1;
}

void leaf_remove(struct leaf_entry *entry, struct leaf_entry *before)
{
    if (before)
        before->len = (uint16_t)(before->len + entry->len);
    else
        entry->ino = 0;
}
