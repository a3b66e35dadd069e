/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many disks at once: disks DISK[:FLOOR]... (a DISK is as disk.h has it) drives each by a thread of
 * its own, with requests of all sizes under way together, until the host says that it is enough.
 * A disk that is not there is waited for, one that is taken away is given up and waited for again.
 * What is read is what was written. A disk with a FLOOR may change its size, never below so many
 * bytes: from there on requests may fail, and what was written may be lost.
 */
#include "disk.h"

#define DISKS_MAX 12
#define DEPTH     6
#define SLOT      131072u /* no two requests under way are for one of these */
#define SLOTS_MAX 128
#define FLUSH_ONE 16 /* in so many */

struct request {
    struct blkfront_request request;
    struct blkfront_buffer buffers[2];
    struct driven *driven;
    unsigned slot;
    bool busy;
    uint64_t memory[SLOT / 8];
};

static struct driven {
    const char *words;
    uint64_t floor; /* 0: it keeps its size */
    struct blkfront *disk;
    uint64_t random, n_done, n_beyond;
    uint64_t seeds[SLOTS_MAX]; /* of what is there, 0: not known */
    bool busy[SLOTS_MAX];
    struct request requests[DEPTH];
    const char *wrong; /* what it did that it must not */
    pthread_t thread;
} disks[DISKS_MAX];

static uint64_t below(struct driven *driven, uint64_t n)
{
    uint64_t z = driven->random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

static bool may_fail(const struct driven *driven, unsigned slot)
{
    return driven->floor && (slot + 1ull) * SLOT > driven->floor;
}

static void done(struct blkfront_request *blk)
{
    struct request *request = (struct request *)blk;
    struct driven *driven = request->driven;
    uint64_t *seed = &driven->seeds[request->slot], offset = (uint64_t)request->slot * SLOT;

    request->busy = false;
    if (blk->op == BLKFRONT_FLUSH) {
        if (blk->status && blk->status != -ENODEV && blk->status != -EOPNOTSUPP)
            driven->wrong = "a flush failed";
        return;
    }
    driven->busy[request->slot] = false;
    driven->n_done++;
    if (blk->status) {
        *seed = 0;
        if (blk->status != -ENODEV && !may_fail(driven, request->slot))
            driven->wrong = "a request failed";
        driven->n_beyond += blk->status != -ENODEV;
        return;
    }
    for (uint64_t at = 0; blk->op == BLKFRONT_READ && *seed && at < blk->length; at += 8) {
        if (request->memory[at / 8] == disk_word(*seed, offset + at))
            continue;
        if (!may_fail(driven, request->slot))
            driven->wrong = "it holds something else";
        *seed = 0;
    }
}

/* Write all of a slot, or read a part of it. */
static void begin(struct driven *driven, struct request *request)
{
    const struct blkfront_geometry *geometry = blkfront_geometry(driven->disk);
    uint64_t n_slots = geometry->bytes / SLOT;
    unsigned slot = (unsigned)below(driven, n_slots < SLOTS_MAX ? n_slots : SLOTS_MAX);
    bool write = below(driven, 2) || !driven->seeds[slot];
    unsigned sectors = SLOT / geometry->sector_bytes;
    size_t len = write ? SLOT : geometry->sector_bytes * (size_t)(1 + below(driven, sectors));

    if (driven->busy[slot])
        return;
    request->driven = driven;
    request->slot = slot;
    request->busy = true;
    /* In two pieces, the first of any length. */
    size_t first = 1 + (size_t)below(driven, len - 1);
    request->buffers[0] = (struct blkfront_buffer){request->memory, first};
    request->buffers[1] = (struct blkfront_buffer){(char *)request->memory + first, len - first};
    request->request = (struct blkfront_request){.op = write ? BLKFRONT_WRITE : BLKFRONT_READ,
                                                 .fua = write && below(driven, FLUSH_ONE) == 0,
                                                 .offset = (uint64_t)slot * SLOT,
                                                 .buffers = request->buffers,
                                                 .n_buffers = 2,
                                                 .done = done};
    if (below(driven, FLUSH_ONE) == 0) {
        request->request = (struct blkfront_request){.op = BLKFRONT_FLUSH, .done = done};
    } else {
        driven->busy[slot] = true;
        if (write)
            driven->seeds[slot] = below(driven, UINT64_MAX) | 1;
        for (uint64_t at = 0; write && at < len; at += 8)
            request->memory[at / 8] = disk_word(driven->seeds[slot], (uint64_t)slot * SLOT + at);
    }
    struct blkfront_request *blk = &request->request;
    blkfront_submit(driven->disk, &blk, 1);
}

/* Until it is enough, or the disk goes. @return whether it has gone. */
static bool drive_once(struct driven *driven)
{
    bool enough = false, gone = false;

    memset(driven->seeds, 0, sizeof(driven->seeds));
    for (;;) {
        enough = enough || disk_enough() || driven->wrong;
        gone = blkfront_link(driven->disk) == BLKFRONT_GONE;
        for (size_t i = 0; i < DEPTH && !enough && !gone; i++)
            if (!driven->requests[i].busy)
                begin(driven, &driven->requests[i]);
        if ((enough || gone) && !blkfront_under_way(driven->disk))
            return gone && !enough;
        blkfront_wait(driven->disk, UINT64_MAX);
    }
}

static void *drive(void *arg)
{
    struct driven *driven = arg;

    for (;;) {
        int error = disk_appear(driven->words, &driven->disk);
        if (error) {
            driven->wrong = strerror(-error);
            return NULL;
        }
        printf("%s: driven\n", driven->words);
        bool again = drive_once(driven);
        const struct blkfront_stats *stats = blkfront_stats(driven->disk);
        printf("%s: %s after %u requests, %u beyond, faults %u lost %u\n", driven->words,
               again ? "gone" : "done", (unsigned)driven->n_done, (unsigned)driven->n_beyond,
               (unsigned)stats->faults, (unsigned)stats->pages_lost);
        if (stats->faults || stats->pages_lost)
            driven->wrong = "it has faults";
        blkfront_close(driven->disk);
        if (!again)
            return NULL;
    }
}

int main(int argc, char **argv)
{
    int n = argc - 1, n_wrong = 0;

    if (n < 1 || n > DISKS_MAX)
        return EXIT_FAILURE;
    for (int i = 0; i < n; i++) {
        struct driven *driven = &disks[i];
        char *words = argv[i + 1];
        driven->words = strsep(&words, ":");
        driven->floor = words ? strtoull(words, NULL, 10) : 0;
        driven->random = (uint64_t)i;
        pthread_create(&driven->thread, NULL, drive, driven);
    }
    for (int i = 0; i < n; i++) {
        pthread_join(disks[i].thread, NULL);
        if (disks[i].wrong)
            printf("%s: %s\n", disks[i].words, disks[i].wrong);
        n_wrong += disks[i].wrong != NULL;
    }
    puts(n_wrong ? "failed" : "all passed");
    return n_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
