/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "port.h"
#include "table.h"

#define SLAB_BYTES 4000 /* a little less than a page, with malloc's own bytes */

struct tslab {
    struct tslab *next;
};

int table_init(struct table *t, unsigned capacity, size_t entry_size, size_t key_len)
{
    unsigned n = 16;

    memset(t, 0, sizeof(*t));
    while (n < capacity && n < 1u << 24)
        n *= 2;
    t->buckets = calloc(n, sizeof(*t->buckets));
    if (!t->buckets)
        return -1;
    t->mask = n - 1;
    t->capacity = capacity;
    t->entry_size = (uint16_t)((entry_size + 7) & ~(size_t)7);
    t->key_len = (uint16_t)key_len;
    for (int i = 0; i < 2; i++)
        t->secret[i] = ((uint64_t)port_random() << 32 | port_random()) | 1;
    return 0;
}

void table_free(struct table *t)
{
    while (t->slabs) {
        struct tslab *s = t->slabs;

        t->slabs = s->next;
        free(s);
    }
    free(t->buckets);
    memset(t, 0, sizeof(*t));
}

/* Multiply and fold, 8 bytes at a time. */
uint32_t table_hash(const struct table *t, const void *key)
{
    const uint8_t *k = key;
    uint64_t h = t->secret[0];
    unsigned n = t->key_len;

    for (; n; n -= n < 8 ? 4 : 8, k += 8) {
        uint64_t w = get_raw32(k);
        unsigned __int128 m;

        if (n >= 8)
            w |= (uint64_t)get_raw32(k + 4) << 32;
        m = (unsigned __int128)(h ^ w) * t->secret[1];
        h = (uint64_t)m ^ (uint64_t)(m >> 64);
    }
    return (uint32_t)(h ^ h >> 32);
}

/* Keys are short, and of whole words. */
static bool same_key(const uint32_t *a, const uint8_t *b, unsigned len)
{
    for (; len; len -= 4, b += 4) {
        if (*a++ != get_raw32(b))
            return false;
    }
    return true;
}

struct tentry *table_find(const struct table *t, const void *key)
{
    uint32_t h = table_hash(t, key);

    for (struct tentry *e = t->buckets[h & t->mask]; e; e = e->chain) {
        if (e->hash == h && same_key(tentry_key(e), key, t->key_len))
            return e;
    }
    return NULL;
}

static void unlink_age(struct table *t, struct tentry *e)
{
    if (e->older)
        e->older->newer = e->newer;
    else
        t->oldest[e->list] = e->newer;
    if (e->newer)
        e->newer->older = e->older;
    else
        t->newest[e->list] = e->older;
}

static void link_newest(struct table *t, struct tentry *e, unsigned list, uint64_t now_ns)
{
    e->list = list;
    e->used_ns = now_ns;
    e->newer = NULL;
    e->older = t->newest[list];
    if (e->older)
        e->older->newer = e;
    else
        t->oldest[list] = e;
    t->newest[list] = e;
}

static void add_slab(struct table *t)
{
    size_t n = (SLAB_BYTES - sizeof(struct tslab)) / t->entry_size;
    struct tslab *s;

    if (n > t->capacity - t->count)
        n = t->capacity - t->count;
    if (!n)
        n = 1;
    s = malloc(sizeof(*s) + 8 + n * t->entry_size);
    if (!s)
        return;
    s->next = t->slabs;
    t->slabs = s;
    for (size_t i = 0; i < n; i++) {
        struct tentry *e = (struct tentry *)((char *)(s + 1) + i * t->entry_size);

        e->chain = t->free;
        t->free = e;
    }
}

struct tentry *table_add(struct table *t, const void *key, unsigned list, uint64_t now_ns)
{
    uint32_t h = table_hash(t, key);
    struct tentry *e;

    if (t->count >= t->capacity)
        return NULL;
    if (!t->free)
        add_slab(t);
    e = t->free;
    if (!e)
        return NULL;
    t->free = e->chain;
    memset(e, 0, t->entry_size);
    memcpy(tentry_key(e), key, t->key_len);
    e->hash = h;
    e->chain = t->buckets[h & t->mask];
    t->buckets[h & t->mask] = e;
    link_newest(t, e, list, now_ns);
    t->count++;
    return e;
}

void table_remove(struct table *t, struct tentry *e)
{
    struct tentry **at = &t->buckets[e->hash & t->mask];

    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_age(t, e);
    e->chain = t->free;
    t->free = e;
    t->count--;
}

void table_touch(struct table *t, struct tentry *e, unsigned list, uint64_t now_ns)
{
    if (e->list == list && !e->newer) {
        e->used_ns = now_ns;
        return;
    }
    unlink_age(t, e);
    link_newest(t, e, list, now_ns);
}

struct tentry *table_oldest(const struct table *t, unsigned list, uint64_t before_ns)
{
    struct tentry *e = t->oldest[list];

    return e && e->used_ns < before_ns ? e : NULL;
}
