/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spare.h"

#define SLOTS_MIN 64

int cache_init(struct cache *cache, struct disk *disk, unsigned block_bytes, uint64_t n_disk_blocks,
               unsigned n_max)
{
    unsigned n_slots = SLOTS_MIN;

    while (n_slots < n_max)
        n_slots *= 2;
    *cache = (struct cache){.disk = disk,
                            .block_bytes = block_bytes,
                            .n_disk_blocks = n_disk_blocks,
                            .n_max = n_max,
                            .n_slots = n_slots};
    cache->slots = calloc(n_slots, sizeof(*cache->slots));
    cache->blocks = calloc(n_max, sizeof(*cache->blocks));
    cache->memory = malloc((size_t)n_max * block_bytes);
    cache->list_max = 2 * n_max;
    cache->list = calloc(cache->list_max, sizeof(struct block *));
    if (!cache->slots || !cache->blocks || !cache->memory || !cache->list) {
        cache_destroy(cache);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < n_max; i++) {
        cache->blocks[i].bytes = cache->memory + (size_t)i * block_bytes;
        cache->blocks[i].hash_next = cache->unused;
        cache->unused = &cache->blocks[i];
    }
    return 0;
}

void cache_destroy(struct cache *cache)
{
    for (struct block *block = cache->oldest, *newer; block; block = newer) {
        newer = block->newer;
        if (block->extra)
            free(block);
    }
    free(cache->slots);
    free(cache->blocks);
    free(cache->memory);
    free(cache->list);
    *cache = (struct cache){0};
}

static struct block **slot_of(const struct cache *cache, uint64_t number)
{
    return &cache->slots[(number ^ number >> 17) & (cache->n_slots - 1)];
}

static void leave_order(struct cache *cache, struct block *block)
{
    *(block->older ? &block->older->newer : &cache->oldest) = block->newer;
    *(block->newer ? &block->newer->older : &cache->newest) = block->older;
}

static void become_newest(struct cache *cache, struct block *block)
{
    block->older = cache->newest;
    block->newer = NULL;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = block;
    cache->newest = block;
}

static void count(struct cache *cache, unsigned state, int by)
{
    cache->n_dirty += (unsigned)(state & BLOCK_DIRTY ? by : 0);
    cache->n_fresh += (unsigned)(state & BLOCK_FRESH ? by : 0);
    cache->n_logged += (unsigned)(state & BLOCK_LOGGED ? by : 0);
}

static void become(struct cache *cache, struct block *block, unsigned state)
{
    count(cache, block->state, -1);
    block->state = state;
    count(cache, block->state, 1);
}

static void drop(struct cache *cache, struct block *block)
{
    struct block **link = slot_of(cache, block->number);

    while (*link != block)
        link = &(*link)->hash_next;
    *link = block->hash_next;
    leave_order(cache, block);
    become(cache, block, 0);
    cache->n--;
    if (block->extra) {
        free(block);
        return;
    }
    block->hash_next = cache->unused;
    cache->unused = block;
}

struct block *cache_find(struct cache *cache, uint64_t number)
{
    struct block *block = *slot_of(cache, number);

    while (block && block->number != number)
        block = block->hash_next;
    if (block && block != cache->newest) {
        leave_order(cache, block);
        become_newest(cache, block);
    }
    return block;
}

static bool drop_oldest_clean(struct cache *cache)
{
    struct block *block = cache->oldest;

    while (block && block->state)
        block = block->newer;
    if (block)
        drop(cache, block);
    return block;
}

/*
 * Room for one more. What the journal has, and what is fresh, may go to its place at any time; what
 * is dirty stays, so a large transaction makes the cache larger for a while.
 */
static int make_room(struct cache *cache)
{
    while (cache->n >= cache->n_max) {
        if (drop_oldest_clean(cache))
            continue;
        if (cache->n_fresh + cache->n_logged == 0)
            break;
        int error = cache_write(cache, BLOCK_FRESH);
        if (!error)
            error = cache_write(cache, BLOCK_LOGGED);
        if (error)
            return error;
        if (!drop_oldest_clean(cache))
            break;
    }
    return 0;
}

/* All are dirty. */
static struct block *allocate_extra(struct cache *cache)
{
    if (cache->n == cache->list_max) {
        struct block **list =
            spare_realloc(cache->list, 2 * cache->list_max * sizeof(struct block *));
        if (!list)
            return NULL;
        cache->list = list;
        cache->list_max *= 2;
    }
    struct block *block = spare_malloc(sizeof(*block) + cache->block_bytes);
    if (!block)
        return NULL;
    block->extra = true;
    block->bytes = (uint8_t *)(block + 1);
    return block;
}

int cache_take(struct cache *cache, uint64_t number, struct block **block)
{
    *block = cache_find(cache, number);
    if (*block)
        return 0;
    if (number >= cache->n_disk_blocks)
        return -EIO;
    int error = make_room(cache);
    if (error)
        return error;
    if (cache->unused) {
        *block = cache->unused;
        cache->unused = (*block)->hash_next;
    } else {
        *block = allocate_extra(cache);
        if (!*block)
            return -ENOMEM;
    }
    struct block **slot = slot_of(cache, number);
    (*block)->number = number;
    (*block)->state = 0;
    (*block)->hash_next = *slot;
    *slot = *block;
    become_newest(cache, *block);
    cache->n++;
    return 0;
}

int cache_read(struct cache *cache, uint64_t number, struct block **block)
{
    *block = cache_find(cache, number);
    if (*block)
        return 0;
    int error = cache_take(cache, number, block);
    if (error)
        return error;
    error =
        disk_read(cache->disk, number * cache->block_bytes, (*block)->bytes, cache->block_bytes);
    if (error)
        drop(cache, *block);
    return error;
}

void cache_changed(struct cache *cache, struct block *block, bool fresh)
{
    unsigned state = block->state & ~(unsigned)(BLOCK_DIRTY | BLOCK_FRESH);

    become(cache, block, state | (fresh ? BLOCK_FRESH : BLOCK_DIRTY));
}

void cache_forget(struct cache *cache, uint64_t number)
{
    struct block *block = cache_find(cache, number);

    if (block)
        drop(cache, block);
}

static int by_number(const void *a, const void *b)
{
    const struct block *x = *(struct block *const *)a, *y = *(struct block *const *)b;

    return x->number < y->number ? -1 : x->number > y->number;
}

unsigned cache_collect(struct cache *cache, unsigned states)
{
    unsigned n = 0;

    for (struct block *block = cache->oldest; block; block = block->newer)
        if (block->state & states)
            cache->list[n++] = block;
    qsort(cache->list, n, sizeof(struct block *), by_number);
    return n;
}

int cache_write(struct cache *cache, unsigned state)
{
    unsigned n = cache_collect(cache, state), n_taken = 0;
    struct block **list = cache->list;

    batch_init(&cache->batch, cache->disk, true);
    for (unsigned i = 0; i < n; i++) {
        if (state == BLOCK_LOGGED && list[i]->state & BLOCK_DIRTY)
            continue; /* what was logged of it is not here any more */
        list[n_taken++] = list[i];
        batch_add(&cache->batch, list[i]->number * cache->block_bytes, list[i]->bytes,
                  cache->block_bytes);
    }
    int error = batch_done(&cache->batch);
    if (!error)
        for (unsigned i = 0; i < n_taken; i++)
            become(cache, list[i], list[i]->state & ~state);
    return error;
}

void cache_committed(struct cache *cache)
{
    for (struct block *block = cache->oldest; block; block = block->newer)
        if (block->state & BLOCK_DIRTY)
            become(cache, block, BLOCK_LOGGED);
}
