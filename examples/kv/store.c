/* SPDX-License-Identifier: BSD-2-Clause */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "reserve.h"

#define SLOTS_FIRST   1024
#define COMPACT_LEAST (1 << 20)  /* bytes of log before it is worth it */
#define COMPACT_STEP  (64 << 10) /* bytes looked at in one call */

struct entry {
    struct entry *next;
    struct log_segment *segment;
    uint64_t offset; /* of the record */
    int64_t expires_ms;
    uint32_t value_len;
    uint16_t key_len;
    char key[];
};

struct store {
    struct log *log;
    struct entry **slots;
    size_t n_slots;
    bool changed; /* since the last sync */
    struct log_record record;
    struct log_cursor compaction; /* its segment is NULL when there is none */
    struct store_stats stats;
};

static uint64_t hash_of(const char *key, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)key[i]) * 0x100000001b3;
    return hash ^ hash >> 32;
}

static struct entry **find(struct store *store, const char *key, size_t len)
{
    struct entry **link = &store->slots[hash_of(key, len) & (store->n_slots - 1)];

    while (*link && ((*link)->key_len != len || memcmp((*link)->key, key, len) != 0))
        link = &(*link)->next;
    return link;
}

static void grow(struct store *store)
{
    size_t n = store->n_slots * 2;
    struct entry **slots = calloc(n, sizeof(struct entry *));

    if (!slots)
        return; /* it goes on, slower */
    for (size_t i = 0; i < store->n_slots; i++) {
        for (struct entry *entry = store->slots[i], *next; entry; entry = next) {
            struct entry **slot = &slots[hash_of(entry->key, entry->key_len) & (n - 1)];
            next = entry->next;
            entry->next = *slot;
            *slot = entry;
        }
    }
    free(store->slots);
    store->slots = slots;
    store->n_slots = n;
}

static void count_dead(struct store *store, const struct entry *entry)
{
    store->stats.dead_bytes += log_record_bytes(entry->key_len, entry->value_len);
}

static void forget(struct store *store, struct entry **link)
{
    struct entry *entry = *link;

    count_dead(store, entry);
    *link = entry->next;
    free(entry);
    store->stats.n_keys--;
}

/* What is to remember where a key's record is, if it is not there yet. @return NULL: no memory. */
static struct entry *entry_for(struct store *store, const struct log_record *record)
{
    struct entry *entry = *find(store, record->key, record->key_len);

    if (entry)
        return entry;
    entry = reserve_malloc(sizeof(*entry) + record->key_len);
    if (!entry)
        return NULL;
    *entry = (struct entry){.key_len = (uint16_t)record->key_len};
    memcpy(entry->key, record->key, record->key_len);
    return entry;
}

/* The key's last record is there. */
static void remember(struct store *store, struct entry *entry, const struct log_record *record,
                     struct log_segment *segment, uint64_t offset)
{
    if (entry->segment) {
        count_dead(store, entry);
    } else {
        *find(store, entry->key, entry->key_len) = entry;
        store->stats.n_keys++;
    }
    entry->segment = segment;
    entry->offset = offset;
    entry->expires_ms = record->expires_ms;
    entry->value_len = record->value_len;
    if (store->stats.n_keys > store->n_slots)
        grow(store);
}

/* What the log says, in its order. */
static int replay(void *arg, const struct log_record *record, struct log_segment *segment,
                  uint64_t offset)
{
    struct store *store = arg;

    if (record->op == LOG_SET) {
        struct entry *entry = entry_for(store, record);
        if (!entry)
            return -ENOMEM;
        remember(store, entry, record, segment, offset);
        return 0;
    }
    struct entry **link = find(store, record->key, record->key_len);
    if (*link)
        forget(store, link);
    store->stats.dead_bytes += log_record_bytes(record->key_len, 0);
    return 0;
}

int store_open(const char *dir, struct store **store, char *why, size_t size)
{
    struct store *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->n_slots = SLOTS_FIRST;
    made->slots = calloc(made->n_slots, sizeof(struct entry *));
    int error = made->slots ? log_open(dir, &made->log, replay, made, why, size) : -ENOMEM;
    if (error) {
        store_close(made);
        return error;
    }
    *store = made;
    return 0;
}

void store_close(struct store *store)
{
    for (size_t i = 0; store->slots && i < store->n_slots; i++) {
        for (struct entry *entry = store->slots[i], *next; entry; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    if (store->log)
        log_close(store->log);
    log_record_free(&store->record);
    free(store->slots);
    free(store);
}

/* An entry that has expired is none. */
static struct entry *find_alive(struct store *store, const char *key, size_t len, int64_t now_ms)
{
    struct entry **link = find(store, key, len);

    if (*link && (*link)->expires_ms && (*link)->expires_ms <= now_ms)
        forget(store, link);
    return *link;
}

int64_t store_get(struct store *store, const char *key, size_t len, int64_t now_ms, char **value)
{
    const struct entry *entry = find_alive(store, key, len, now_ms);

    if (!entry)
        return -ENOENT;
    struct log_cursor cursor = {entry->segment, entry->offset};
    int result = log_read(&cursor, &store->record);
    if (result <= 0)
        return result ? result : -EIO;
    *value = store->record.value;
    return store->record.value_len;
}

int store_expiry(struct store *store, const char *key, size_t len, int64_t now_ms,
                 int64_t *expires_ms)
{
    const struct entry *entry = find_alive(store, key, len, now_ms);

    if (!entry)
        return -ENOENT;
    *expires_ms = entry->expires_ms;
    return 0;
}

int store_set(struct store *store, const char *key, size_t len, const char *value, size_t value_len,
              int64_t expires_ms)
{
    struct log_record record = {.op = LOG_SET,
                                .key_len = (uint32_t)len,
                                .value_len = (uint32_t)value_len,
                                .expires_ms = expires_ms,
                                .key = (char *)(uintptr_t)key,
                                .value = (char *)(uintptr_t)value};
    struct log_cursor at;

    /* What is in the log must be in memory, too, and the next start needs as much. */
    struct entry *entry = entry_for(store, &record);
    if (!entry)
        return -ENOMEM;
    int error = log_append(store->log, &record, &at);
    if (error) {
        if (!entry->segment)
            free(entry);
        return error;
    }
    store->changed = true;
    store->stats.n_changes++;
    remember(store, entry, &record, at.segment, at.offset);
    return 0;
}

int store_delete(struct store *store, const char *key, size_t len, int64_t now_ms)
{
    struct log_record record = {
        .op = LOG_DELETE, .key_len = (uint32_t)len, .key = (char *)(uintptr_t)key};
    struct log_cursor at;

    if (!find_alive(store, key, len, now_ms))
        return 0;
    int error = log_append(store->log, &record, &at);
    if (error)
        return error;
    forget(store, find(store, key, len));
    store->changed = true;
    store->stats.n_changes++;
    store->stats.dead_bytes += log_record_bytes(len, 0);
    return 1;
}

int store_delete_all(struct store *store)
{
    for (size_t i = 0; i < store->n_slots; i++) {
        while (store->slots[i]) {
            int result = store_delete(store, store->slots[i]->key, store->slots[i]->key_len, 0);
            if (result < 0)
                return result;
        }
    }
    return 0;
}

int store_sync(struct store *store)
{
    if (!store->changed)
        return 0;
    int error = log_sync(store->log);
    if (!error)
        store->changed = false;
    store->stats.n_syncs++;
    return error;
}

/* A record of an old segment: if the index means it, it goes on living. */
static int copy_record(struct store *store, const struct log_cursor *from, int64_t now_ms)
{
    const struct log_record *record = &store->record;
    struct entry **link = find(store, record->key, record->key_len);
    struct entry *entry = *link;
    struct log_cursor at;

    if (!entry || entry->segment != from->segment || entry->offset != from->offset)
        return 0;
    if (entry->expires_ms && entry->expires_ms <= now_ms) {
        forget(store, link);
        return 0;
    }
    int error = log_append_copy(store->log, record, &at);
    if (error)
        return error;
    entry->segment = at.segment;
    entry->offset = at.offset;
    return 0;
}

static int finish_compaction(struct store *store)
{
    int error = log_finish_copy(store->log);

    store->compaction = (struct log_cursor){0};
    store->stats.n_compactions++;
    /* What has died meanwhile is counted anew when it matters: nearly nothing is dead now. */
    store->stats.dead_bytes = 0;
    return error;
}

int store_compact(struct store *store, int64_t now_ms)
{
    struct log_cursor *at = &store->compaction;

    if (!at->segment) {
        uint64_t bytes = log_bytes(store->log);
        if (bytes < COMPACT_LEAST || store->stats.dead_bytes < bytes / 2)
            return 0;
        int error = log_begin_copy(store->log, at);
        if (error)
            return error;
    }
    for (size_t n_bytes = 0; n_bytes < COMPACT_STEP;) {
        struct log_cursor from = *at;
        int result = log_read(at, &store->record);
        if (result < 0)
            return result;
        if (result == 0) {
            if (log_next_segment(store->log, at))
                continue;
            result = finish_compaction(store);
            return result < 0 ? result : 0;
        }
        n_bytes += log_record_bytes(store->record.key_len, store->record.value_len);
        result = copy_record(store, &from, now_ms);
        if (result < 0)
            return result;
    }
    return 1;
}

void store_each(struct store *store, int64_t now_ms,
                void (*each)(void *arg, const char *key, size_t len, int64_t expires_ms), void *arg)
{
    for (size_t i = 0; i < store->n_slots; i++)
        for (struct entry *entry = store->slots[i]; entry; entry = entry->next)
            if (!entry->expires_ms || entry->expires_ms > now_ms)
                each(arg, entry->key, entry->key_len, entry->expires_ms);
}

const struct store_stats *store_stats(const struct store *store)
{
    struct store_stats *stats = (struct store_stats *)(uintptr_t)&store->stats;

    stats->log_bytes = log_bytes(store->log);
    stats->n_segments = log_n_segments(store->log);
    return stats;
}
