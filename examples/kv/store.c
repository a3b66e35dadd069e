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
#define FULL_SHARE    64         /* of the log that is of no use: worth it on a full disk */

/*
 * On a full disk keys can be deleted, and what is of no use goes then: new values leave room for
 * two segments, records of deletions for one, and that one is for a segment's copy.
 */
#define SPARE_OF_SET    2
#define SPARE_OF_DELETE 1
#define SPARE_OF_COPY   0

struct entry {
    struct entry *next;
    struct log_segment *segment;
    uint64_t offset; /* of the record */
    int64_t expires_ms;
    uint32_t value_len;
    uint16_t key_len;
    char key[];
};

/* A key that is about to be set: a record of it is in the log. */
struct part {
    struct entry *entry; /* the index has it, if it has a segment */
    struct log_cursor at;
    int64_t expires_ms;
    uint32_t value_len;
};

struct store {
    struct log *log;
    struct entry **slots;
    size_t n_slots;
    uint64_t live_bytes; /* of the log: records that the index means */
    bool changed;        /* since the last sync */
    bool full;           /* something found no room, and no compaction has ended since */
    struct part parts[STORE_SET_MAX];
    unsigned n_parts;
    struct log_record record;
    struct log_cursor compaction; /* its segment is NULL when there is none */
    unsigned n_left;              /* segments that are to be compacted, the first ones */
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

static uint64_t bytes_of(const struct entry *entry)
{
    return log_record_bytes(entry->key_len, entry->value_len);
}

static void forget(struct store *store, struct entry **link)
{
    struct entry *entry = *link;

    store->live_bytes -= bytes_of(entry);
    *link = entry->next;
    free(entry);
    store->stats.n_keys--;
}

/* What is to remember where a key's record is, if it is not there yet. @return NULL: no memory. */
static struct entry *entry_for(struct store *store, const char *key, size_t len)
{
    struct entry *entry = *find(store, key, len);

    if (entry)
        return entry;
    entry = reserve_malloc(sizeof(*entry) + len);
    if (!entry)
        return NULL;
    *entry = (struct entry){.key_len = (uint16_t)len};
    memcpy(entry->key, key, len);
    return entry;
}

/* The key's last record is there. */
static void remember(struct store *store, const struct part *part)
{
    struct entry *entry = part->entry;

    if (!entry->segment) {
        struct entry **link = find(store, entry->key, entry->key_len);
        if (*link) /* two of the parts have one key */
            free(entry);
        else
            *link = entry;
        entry = *link;
    }
    if (entry->segment)
        store->live_bytes -= bytes_of(entry);
    else
        store->stats.n_keys++;
    entry->segment = part->at.segment;
    entry->offset = part->at.offset;
    entry->expires_ms = part->expires_ms;
    entry->value_len = part->value_len;
    store->live_bytes += bytes_of(entry);
    if (store->stats.n_keys > store->n_slots)
        grow(store);
}

static void remember_parts(struct store *store)
{
    for (unsigned i = 0; i < store->n_parts; i++)
        remember(store, &store->parts[i]);
    store->n_parts = 0;
}

static void drop_parts(struct store *store)
{
    for (unsigned i = 0; i < store->n_parts; i++)
        if (!store->parts[i].entry->segment)
            free(store->parts[i].entry);
    store->n_parts = 0;
}

/* @return 0 or -ENOMEM. */
static int add_part(struct store *store, const struct log_record *record, struct log_cursor at)
{
    struct entry *entry = entry_for(store, record->key, record->key_len);

    if (!entry)
        return -ENOMEM;
    store->parts[store->n_parts++] =
        (struct part){entry, at, record->expires_ms, record->value_len};
    return 0;
}

/* What the log says, in its order. */
static int replay(void *arg, const struct log_record *record, struct log_segment *segment,
                  uint64_t offset)
{
    struct store *store = arg;

    if (record->op == LOG_SET || record->op == LOG_PART) {
        if (store->n_parts == STORE_SET_MAX)
            return -EINVAL;
        int error = add_part(store, record, (struct log_cursor){segment, offset});
        if (!error && record->op == LOG_SET)
            remember_parts(store);
        return error;
    }
    drop_parts(store);
    if (record->op == LOG_DELETE) {
        struct entry **link = find(store, record->key, record->key_len);
        if (*link)
            forget(store, link);
    }
    return 0;
}

/* Only some records of what was set together are there, and the others will not come. */
static int say_dropped(struct store *store)
{
    struct log_record record = {.op = LOG_DROP};
    struct log_cursor at;

    drop_parts(store);
    store->changed = true;
    return log_append(store->log, &record, SPARE_OF_COPY, &at);
}

int store_open(const char *dir, struct store **store, char *why, size_t size)
{
    struct store *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->n_slots = SLOTS_FIRST;
    made->slots = calloc(made->n_slots, sizeof(struct entry *));
    int error = made->slots ? log_open(dir, &made->log, replay, made, why, size) : -ENOMEM;
    if (!error && made->n_parts)
        error = say_dropped(made);
    if (error) {
        store_close(made);
        return error;
    }
    *store = made;
    return 0;
}

void store_close(struct store *store)
{
    drop_parts(store);
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

static struct log_record record_of(const struct store_item *item)
{
    return (struct log_record){.op = LOG_SET,
                               .key_len = (uint32_t)item->key_len,
                               .value_len = (uint32_t)item->value_len,
                               .expires_ms = item->expires_ms,
                               .key = (char *)(uintptr_t)item->key,
                               .value = (char *)(uintptr_t)item->value};
}

/* What is in the log must be in memory, too, and the next start needs as much. */
static int begin_set(struct store *store, const struct store_item *items, unsigned n)
{
    size_t bytes = 0;
    int error = 0;

    for (unsigned i = 0; i < n && !error; i++) {
        struct log_record record = record_of(&items[i]);
        bytes += log_record_bytes(record.key_len, record.value_len);
        error = add_part(store, &record, (struct log_cursor){0});
    }
    return error ? error : log_look_for_room(store->log, bytes, SPARE_OF_SET);
}

int store_set(struct store *store, const struct store_item *items, unsigned n)
{
    int error = begin_set(store, items, n);
    unsigned i = 0;

    for (; i < n && !error; i++) {
        struct log_record record = record_of(&items[i]);
        record.op = i + 1 < n ? LOG_PART : LOG_SET;
        error = log_append(store->log, &record, SPARE_OF_SET, &store->parts[i].at);
    }
    if (!error) {
        remember_parts(store);
        store->changed = true;
        store->stats.n_changes += n;
        return 0;
    }
    store->full |= error == -ENOSPC;
    if (i > 1 && say_dropped(store))
        error = -EIO;
    drop_parts(store);
    return error;
}

/* A record of the first segment: if the index means it, it goes on living. */
static int copy_record(struct store *store, uint64_t offset, int64_t now_ms)
{
    struct log_record *record = &store->record;
    struct entry **link = find(store, record->key, record->key_len);
    struct entry *entry = *link;
    struct log_cursor at;

    if (!entry || entry->segment != store->compaction.segment || entry->offset != offset)
        return 0;
    if (entry->expires_ms && entry->expires_ms <= now_ms) {
        forget(store, link);
        return 0;
    }
    record->op = LOG_SET;
    int error = log_append(store->log, record, SPARE_OF_COPY, &at);
    if (error)
        return error;
    entry->segment = at.segment;
    entry->offset = at.offset;
    return 0;
}

static bool is_worth_it(const struct store *store)
{
    uint64_t bytes = log_bytes(store->log), dead = bytes - store->live_bytes;
    uint64_t share = bytes / FULL_SHARE, segment = log_segment_max(store->log);

    if (store->full && dead >= (share < segment ? share : segment))
        return dead;
    return bytes >= COMPACT_LEAST && dead >= bytes / 2;
}

/* All segments that there are now. */
static int begin_compaction(struct store *store)
{
    int error = log_roll(store->log);

    if (error)
        return error;
    store->n_left = log_n_segments(store->log) - 1;
    store->compaction = log_first(store->log);
    return 0;
}

/* The first segment is done. @return 1 when others are to be. */
static int end_segment(struct store *store)
{
    int error = log_drop_first(store->log);

    if (error)
        return error;
    store->compaction = log_first(store->log);
    if (--store->n_left)
        return 1;
    store->compaction.segment = NULL;
    store->stats.n_compactions++;
    store->full = false;
    return 0;
}

int store_compact(struct store *store, int64_t now_ms)
{
    struct log_cursor *at = &store->compaction;
    int result = 1;

    if (!at->segment && !is_worth_it(store))
        return 0;
    if (!at->segment)
        result = begin_compaction(store);
    for (size_t n_bytes = 0; n_bytes < COMPACT_STEP && result >= 0;) {
        struct log_cursor next = *at;
        result = log_read(&next, &store->record);
        if (result < 0)
            break;
        if (result == 0) {
            result = end_segment(store);
            if (result <= 0)
                break;
            continue;
        }
        n_bytes += log_record_bytes(store->record.key_len, store->record.value_len);
        result = copy_record(store, at->offset, now_ms);
        if (!result) /* else it is tried again */
            *at = next;
    }
    return result < 0 || !at->segment ? result : 1;
}

/* For the record of a deletion: what is of no use makes it. */
static int make_room(struct store *store, size_t bytes, int64_t now_ms)
{
    int error;

    while ((error = log_look_for_room(store->log, bytes, SPARE_OF_DELETE)) == -ENOSPC) {
        store->full = true;
        if (!store->compaction.segment && !is_worth_it(store))
            break;
        int result = store_compact(store, now_ms);
        if (result < 0)
            return result;
    }
    return error;
}

int store_delete(struct store *store, const char *key, size_t len, int64_t now_ms)
{
    struct log_record record = {
        .op = LOG_DELETE, .key_len = (uint32_t)len, .key = (char *)(uintptr_t)key};
    struct log_cursor at;

    if (!find_alive(store, key, len, now_ms))
        return 0;
    int error = make_room(store, log_record_bytes(len, 0), now_ms);
    if (error)
        return error;
    if (!find_alive(store, key, len, now_ms))
        return 0; /* it has expired while room was made */
    error = log_append(store->log, &record, SPARE_OF_DELETE, &at);
    if (error)
        return error;
    struct entry **link = find(store, key, len);
    if (*link)
        forget(store, link);
    store->changed = true;
    store->stats.n_changes++;
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
    stats->dead_bytes = stats->log_bytes - store->live_bytes;
    stats->n_segments = log_n_segments(store->log);
    return stats;
}
