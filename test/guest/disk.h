/* SPDX-License-Identifier: BSD-2-Clause */
/** What guests share that drive disks for a test. Each has its own functions. */
#ifndef GUEST_DISK_H
#define GUEST_DISK_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/blkfront.h>
#include <sprat/xenstore.h>

/* Has the host said so, in xenstore? */
static inline bool disk_enough(void)
{
    char text[4];

    return xenstore_read(0, "data/enough", text, sizeof(text)) >= 0;
}

/* What the byte at this place is; the tests' Python makes the same. */
static inline uint64_t disk_word(uint64_t seed, uint64_t offset)
{
    uint64_t x = (offset / 8 + 1) * 0x9e3779b97f4a7c15ull + seed * 0xbf58476d1ce4e5b9ull;

    return x ^ x >> 29;
}

static inline int disk_option(char *option, struct blkfront_config *config)
{
    const char *name = strsep(&option, "=");
    unsigned number = option ? (unsigned)strtoul(option, NULL, 10) : 0;

    if (strcmp(name, "queues") == 0)
        config->queues_max = number;
    else if (strcmp(name, "ring") == 0)
        config->ring_pages = number;
    else if (strcmp(name, "pages") == 0)
        config->pages_max = number;
    else if (strcmp(name, "no-persistent") == 0)
        config->no_persistent = true;
    else if (strcmp(name, "no-indirect") == 0)
        config->no_indirect = true;
    else
        return -EINVAL;
    return 0;
}

/* NAME[,OPTION...]: queues=N, ring=PAGES, pages=N, no-persistent, no-indirect. */
static inline int disk_open(const char *words, struct blkfront **disk)
{
    struct blkfront_config config = {0};
    char text[128], *rest = text;
    unsigned number;
    int error = 0;

    snprintf(text, sizeof(text), "%s", words);
    const char *name = strsep(&rest, ",");
    while (rest && !error)
        error = disk_option(strsep(&rest, ","), &config);
    if (!error)
        error = blkfront_number(name, &number);
    if (!error)
        error = blkfront_open(number, &config, NULL, NULL, disk);
    return error ? error : blkfront_wait_up(*disk, UINT64_MAX);
}

/** Somebody waits for disks to come. */
struct disk_watch {
    struct xenstore_watch watch;
    pthread_cond_t condition;
    bool changed;
};

static inline void disk_folder_changed(struct xenstore_watch *watch, const char *path)
{
    struct disk_watch *disks = (struct disk_watch *)watch;

    (void)path;
    disks->changed = true;
    pthread_cond_signal(&disks->condition);
}

/* Wait until it is there. */
static inline int disk_appear(const char *words, struct blkfront **disk)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct disk_watch disks = {.watch = {.path = "device/vbd", .handler = disk_folder_changed},
                               .condition = PTHREAD_COND_INITIALIZER};
    int error = xenstore_watch(&disks.watch);

    pthread_mutex_lock(&lock);
    while (!error && (error = disk_open(words, disk)) == -ENODEV) {
        error = 0;
        while (!disks.changed)
            pthread_cond_wait(&disks.condition, &lock);
        disks.changed = false;
    }
    pthread_mutex_unlock(&lock);
    xenstore_unwatch(&disks.watch);
    return error;
}

#endif
