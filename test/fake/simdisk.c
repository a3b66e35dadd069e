/* SPDX-License-Identifier: BSD-2-Clause */
#include "simdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static struct simdisk_event *add_event(struct simdisk *sim)
{
    if (sim->n_events == sim->n_events_max) {
        sim->n_events_max = sim->n_events_max ? 2 * sim->n_events_max : 1024;
        sim->events = must(realloc(sim->events, sim->n_events_max * sizeof(*sim->events)));
    }
    return &sim->events[sim->n_events++];
}

static void write_sectors(struct simdisk *sim, uint64_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t sector_bytes = sim->disk.sector_bytes;

    memcpy(sim->bytes + offset, bytes, len);
    if (!sim->start)
        return;
    for (size_t at = 0; at < len; at += sector_bytes) {
        uint8_t *copy = must(malloc(sector_bytes));
        memcpy(copy, sim->bytes + offset + at, sector_bytes);
        *add_event(sim) = (struct simdisk_event){.what = SIMDISK_WRITE,
                                                 .sector = (offset + at) / sector_bytes,
                                                 .request = sim->n_writes,
                                                 .bytes = copy};
    }
}

/* @return 0, or the request's error. */
static int fails(struct simdisk *sim)
{
    if (!sim->fail_after)
        return 0;
    if (sim->fail_after > 1) {
        sim->fail_after--;
        return 0;
    }
    if (!sim->fail_for_ever)
        sim->fail_after = 0;
    return sim->fail_with ? sim->fail_with : -EIO;
}

static int run_one(struct simdisk *sim, const struct disk_io *io)
{
    uint64_t offset = io->offset;

    *(io->write ? &sim->n_writes : &sim->n_reads) += 1;
    int error = fails(sim);
    if (error)
        return error;
    if (io->write && sim->disk.read_only)
        return -EROFS;
    for (unsigned i = 0; i < io->n_iov; i++) {
        size_t len = io->iov[i].iov_len;
        if (offset % sim->disk.sector_bytes || len % sim->disk.sector_bytes)
            return -EINVAL;
        if (offset > sim->disk.bytes || len > sim->disk.bytes - offset)
            return -ERANGE;
        if (io->write)
            write_sectors(sim, offset, io->iov[i].iov_base, len);
        else
            memcpy(io->iov[i].iov_base, sim->bytes + offset, len);
        offset += len;
    }
    return 0;
}

static int run(struct disk *disk, struct disk_io *ios, unsigned n)
{
    struct simdisk *sim = CONTAINER_OF(disk, struct simdisk, disk);
    int error = 0;

    for (unsigned i = 0; i < n; i++) {
        int result = run_one(sim, &ios[i]);
        error = error ? error : result;
    }
    return error;
}

static int flush(struct disk *disk)
{
    struct simdisk *sim = CONTAINER_OF(disk, struct simdisk, disk);

    sim->n_flushes++;
    int error = fails(sim);
    if (error)
        return error;
    if (sim->start)
        *add_event(sim) = (struct simdisk_event){.what = SIMDISK_FLUSH};
    return 0;
}

static const struct disk_ops ops = {.run = run, .flush = flush};

void simdisk_make(struct simdisk *sim, const void *bytes, size_t len, uint32_t sector_bytes)
{
    *sim = (struct simdisk){
        .disk = {.ops = &ops,
                 .name = "xvda",
                 .bytes = len / sector_bytes * sector_bytes,
                 .sector_bytes = sector_bytes},
        .bytes = must(malloc(len ? len : 1)),
    };
    memcpy(sim->bytes, bytes, len);
}

void simdisk_load(struct simdisk *sim, const char *path, uint32_t sector_bytes)
{
    FILE *file = must(fopen(path, "rb"));

    fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = must(malloc(len));
    if (fread(bytes, 1, len, file) != len)
        abort();
    fclose(file);
    simdisk_make(sim, bytes, len, sector_bytes);
    free(bytes);
}

static void forget_events(struct simdisk *sim)
{
    for (size_t i = 0; i < sim->n_events; i++)
        free(sim->events[i].what == SIMDISK_WRITE ? sim->events[i].bytes : NULL);
    sim->n_events = 0;
}

void simdisk_free(struct simdisk *sim)
{
    forget_events(sim);
    free(sim->events);
    free(sim->bytes);
    free(sim->start);
    *sim = (struct simdisk){0};
}

void simdisk_save(const struct simdisk *sim, const char *path)
{
    FILE *file = must(fopen(path, "wb"));

    if (fwrite(sim->bytes, 1, sim->disk.bytes, file) != sim->disk.bytes || fclose(file) != 0)
        abort();
}

void simdisk_record(struct simdisk *sim)
{
    forget_events(sim);
    if (!sim->start)
        sim->start = must(malloc(sim->disk.bytes));
    memcpy(sim->start, sim->bytes, sim->disk.bytes);
}

void simdisk_mark(struct simdisk *sim, uint64_t n)
{
    if (sim->start)
        *add_event(sim) = (struct simdisk_event){.what = SIMDISK_MARK, .sector = n};
}

uint64_t simdisk_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The same for all sectors of a piece that one request wrote. */
static bool is_kept(const struct simdisk *sim, const struct simdisk_event *event, unsigned keep,
                    uint32_t piece_bytes, uint64_t seed)
{
    uint64_t piece = event->sector / (piece_bytes / sim->disk.sector_bytes);
    uint64_t state = seed ^ event->request << 32 ^ piece * 0x9e3779b97f4a7c15;

    return (simdisk_random(&state) & 0xff) < keep;
}

uint8_t *simdisk_cut(const struct simdisk *sim, size_t n_events, unsigned keep,
                     uint32_t piece_bytes, uint64_t *random)
{
    uint64_t seed = simdisk_random(random);
    uint32_t sector_bytes = sim->disk.sector_bytes;
    uint8_t *bytes = must(malloc(sim->disk.bytes));
    size_t n_flushed = n_events;

    memcpy(bytes, sim->start, sim->disk.bytes);
    while (n_flushed && sim->events[n_flushed - 1].what != SIMDISK_FLUSH)
        n_flushed--;
    for (size_t i = 0; i < n_events; i++) {
        const struct simdisk_event *event = &sim->events[i];
        if (event->what == SIMDISK_WRITE &&
            (i < n_flushed || is_kept(sim, event, keep, piece_bytes, seed)))
            memcpy(bytes + event->sector * sector_bytes, event->bytes, sector_bytes);
    }
    return bytes;
}

uint64_t simdisk_marked(const struct simdisk *sim, size_t n_events)
{
    uint64_t marked = 0;

    for (size_t i = 0; i < n_events; i++)
        if (sim->events[i].what == SIMDISK_MARK && sim->events[i].sector > marked)
            marked = sim->events[i].sector;
    return marked;
}
