/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "host.h"
#include "image.h"
#include "json.h"
#include "life.h"
#include "log.h"
#include "store.h"

struct pool {
    struct pool *next;
    struct config shape;
    bool filling;
    bool stuck; /* until somebody wants a shell again */
    unsigned wanted, low, n_shells, n_taken, n_missed;
    struct guest *shells[POOL_MAX];
    char trouble[256]; /* why it could not be filled, or empty */
};

static struct pool *pools;

static bool same_shape(const struct config *a, const struct config *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && strcmp(a->ramdisk, b->ramdisk) == 0 &&
           strcmp(a->pool, b->pool) == 0 && a->memory_mib == b->memory_mib &&
           a->tsc_mode == b->tsc_mode && a->max_event_channels == b->max_event_channels &&
           a->max_grant_frames == b->max_grant_frames &&
           a->max_maptrack_frames == b->max_maptrack_frames && a->cpus_given == b->cpus_given &&
           memcmp(a->cpus, b->cpus, sizeof(a->cpus)) == 0;
}

static struct pool *find(const struct config *config)
{
    for (struct pool *pool = pools; pool; pool = pool->next)
        if (same_shape(&pool->shape, config))
            return pool;
    return NULL;
}

int pool_set(const struct config *config, unsigned size, unsigned low, struct fail *fail)
{
    struct pool *pool = find(config);

    if (size > POOL_MAX)
        return fail_set(fail, EINVAL, "a pool has at most %d shells", POOL_MAX);
    if (size && (low < 1 || low > size))
        return fail_set(fail, EINVAL, "a pool of %u is filled up below 1 to %u", size, size);
    if (!pool) {
        pool = calloc(1, sizeof(*pool));
        if (!pool)
            return fail_set(fail, ENOMEM, "no memory for a pool");
        pool->shape = *config;
        pool->next = pools;
        pools = pool;
    }
    pool->wanted = size;
    pool->low = low;
    pool->filling = pool->n_shells < low;
    pool->stuck = false;
    pool->trouble[0] = '\0';
    return 0;
}

static void drop_newest(struct host *host, struct pool *pool)
{
    struct fail fail;

    if (guest_destroy(host, pool->shells[--pool->n_shells], false, &fail) < 0)
        log_line("pool: %s", fail.text);
}

/*
 * Shells built from what the files were before are of no use.
 *
 * @return whether the files are there.
 */
static bool drop_stale(struct host *host, struct pool *pool)
{
    struct blob *ramdisk = NULL;
    struct image *image;
    struct fail fail;

    if (image_get(pool->shape.kernel, &image, &fail) < 0)
        return false;
    bool is_there = !*pool->shape.ramdisk || blob_get(pool->shape.ramdisk, &ramdisk, &fail) == 0;
    while (is_there && pool->n_shells) {
        const struct guest *newest = pool->shells[pool->n_shells - 1];
        if (newest->image == image && newest->ramdisk == ramdisk)
            break;
        drop_newest(host, pool);
    }
    image_put(image);
    blob_put(ramdisk);
    return is_there;
}

struct guest *pool_take(struct host *host, const struct config *config)
{
    struct pool *pool = find(config);

    if (!pool || !drop_stale(host, pool))
        return NULL;
    pool->stuck = false;
    if (!pool->n_shells) {
        pool->n_missed++;
        return NULL;
    }
    pool->n_taken++;
    return pool->shells[--pool->n_shells];
}

static void add_shell(struct host *host, struct pool *pool)
{
    struct guest *shell;
    struct fail fail;

    int error = guest_build(host, &pool->shape, NULL, &shell, &fail);
    if (!error) {
        error = store_flush(host->store, &fail);
        if (error) {
            struct fail ignored;
            guest_destroy(host, shell, false, &ignored);
        }
    }
    if (error) {
        if (strncmp(pool->trouble, fail.text, sizeof(pool->trouble) - 1) != 0)
            log_line("pool of %s: %s", pool->shape.kernel, fail.text);
        snprintf(pool->trouble, sizeof(pool->trouble), "%.255s", fail.text);
        pool->stuck = true;
        return;
    }
    pool->trouble[0] = '\0';
    pool->shells[pool->n_shells++] = shell;
    life_sweep(); /* nothing else tells when somebody destroys it */
}

bool pool_work(struct host *host)
{
    for (struct pool **at = &pools; *at; at = &(*at)->next) {
        struct pool *pool = *at;
        if (pool->n_shells < pool->low)
            pool->filling = true;
        else if (pool->n_shells >= pool->wanted)
            pool->filling = false;
        if (pool->filling && pool->wanted && !pool->stuck) {
            add_shell(host, pool);
            return true;
        }
        if (pool->n_shells > pool->wanted) {
            drop_newest(host, pool);
            return true;
        }
        if (pool->wanted == 0) {
            *at = pool->next;
            free(pool);
            return true;
        }
    }
    return false;
}

void pool_lose(struct guest *guest)
{
    for (struct pool *pool = pools; pool; pool = pool->next) {
        for (unsigned i = 0; i < pool->n_shells; i++) {
            if (pool->shells[i] == guest) {
                pool->shells[i] = pool->shells[--pool->n_shells];
                return;
            }
        }
    }
}

void pool_report(struct json_out *out, const char *key)
{
    json_open(out, key, '[');
    for (struct pool *pool = pools; pool; pool = pool->next) {
        json_open(out, NULL, '{');
        json_put_string(out, "kernel", pool->shape.kernel);
        json_put_number(out, "memory_mib", pool->shape.memory_mib);
        json_put_number(out, "wanted", pool->wanted);
        json_put_number(out, "low", pool->low);
        json_put_number(out, "shells", pool->n_shells);
        json_put_number(out, "taken", pool->n_taken);
        json_put_number(out, "missed", pool->n_missed);
        if (pool->trouble[0])
            json_put_string(out, "trouble", pool->trouble);
        json_close(out, '}');
    }
    json_close(out, ']');
}

void pool_close(struct host *host)
{
    for (struct pool *pool = pools; pool; pool = pool->next)
        pool->wanted = 0;
    while (pool_work(host))
        ;
}
