/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Keys and values on a disk: a log in segments, and an index of it in memory.
 *
 * What changes is appended to the last segment; store_sync() has it on stable storage. When more
 * than half of the log is of no use any more, what is of use in the oldest segment is appended
 * again and the segment removed, then the next one, a part at a time. A full disk takes no new
 * values, but keys can be deleted; the oldest segments go then, too. Times are ms since 1970.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_MAX 65535 /**< bytes */
#define STORE_SET_MAX 512   /**< keys that are set together */

struct store;

/**
 * Open the store in a directory and read its log. What a power cut left of a change that nobody
 * was told of is dropped.
 *
 * @param why  receives a sentence, when something is wrong with it.
 * @return 0 or -errno; -EINVAL for a log that is damaged: nothing was changed then.
 */
int store_open(const char *dir, struct store **store, char *why, size_t size);
void store_close(struct store *store);

/** A value. Valid until the store changes. @return its bytes, -ENOENT, -errno. */
int64_t store_get(struct store *store, const char *key, size_t len, int64_t now_ms, char **value);
/** When it expires: ms since 1970, 0 never. @return 0 or -ENOENT. */
int store_expiry(struct store *store, const char *key, size_t len, int64_t now_ms,
                 int64_t *expires_ms);

/** What a key is to have. */
struct store_item {
    const char *key, *value;
    size_t key_len, value_len;
    int64_t expires_ms; /**< 0: never */
};

/**
 * Set keys, at most STORE_SET_MAX: all of them or, if the power goes before they are on stable
 * storage, perhaps none.
 *
 * @return 0, -ENOMEM or -ENOSPC: nothing was changed; -errno: nothing more can be written.
 */
int store_set(struct store *store, const struct store_item *items, unsigned n);
/** @return 1; 0 when there was no such key. */
int store_delete(struct store *store, const char *key, size_t len, int64_t now_ms);
/** Delete all keys. */
int store_delete_all(struct store *store);

/** All that was changed is on stable storage. Cheap when nothing was. */
int store_sync(struct store *store);
/** Copy some more of a compaction. @return 1 when there is more to be done, 0, -errno. */
int store_compact(struct store *store, int64_t now_ms);

/** Call `each` for all keys that have not expired; it must change nothing. */
void store_each(struct store *store, int64_t now_ms,
                void (*each)(void *arg, const char *key, size_t len, int64_t expires_ms),
                void *arg);

struct store_stats {
    uint64_t n_keys;
    uint64_t log_bytes, dead_bytes;
    uint64_t n_segments, n_compactions, n_syncs, n_changes;
};
const struct store_stats *store_stats(const struct store *store);

#endif
