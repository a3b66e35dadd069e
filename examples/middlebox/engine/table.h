/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file Hash tables with a bound, for what the network makes us remember: neighbours, stations,
 * flows, fragments. Entries are embedded in the user's structs, kept in slabs that grow up to the
 * capacity, and linked from the least to the most recently used, which is the order in which they
 * age.
 *
 * Keys are hashed with a secret, so that nobody outside can aim at one bucket.
 */
#ifndef SPRAT_MIDDLEBOX_TABLE_H
#define SPRAT_MIDDLEBOX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * First member of an entry. The key follows at once: `key_len` bytes, without padding that differs.
 */
struct tentry {
    struct tentry *chain;
    struct tentry *older, *newer;
    uint64_t used_ns;
    uint32_t hash;
    uint32_t list; /* which of the table's ageing lists it is on */
};

#define TABLE_LISTS 6 /* entries with different lifetimes go to different lists */

struct table {
    struct tentry **buckets;
    uint32_t mask;
    uint16_t entry_size, key_len;
    unsigned count, capacity;
    struct tentry *free;
    struct tslab *slabs;
    struct tentry *oldest[TABLE_LISTS], *newest[TABLE_LISTS];
    uint64_t secret[2];
};

/** Prepare an empty table; 0, or -1 without memory. `key_len` is a multiple of 4. */
int table_init(struct table *t, unsigned capacity, size_t entry_size, size_t key_len);
/** Free all memory; entries' own resources are the user's business. */
void table_free(struct table *t);

uint32_t table_hash(const struct table *t, const void *key);
struct tentry *table_find(const struct table *t, const void *key);
/** A new zeroed entry for a key that is not there; NULL when full. */
struct tentry *table_add(struct table *t, const void *key, unsigned list, uint64_t now_ns);
void table_remove(struct table *t, struct tentry *e);
/** Note that it was used: it becomes the youngest of a list. */
void table_touch(struct table *t, struct tentry *e, unsigned list, uint64_t now_ns);
/** The oldest of a list if it was last used before a moment. */
struct tentry *table_oldest(const struct table *t, unsigned list, uint64_t before_ns);

static inline void *tentry_key(struct tentry *e)
{
    return e + 1;
}

#endif
