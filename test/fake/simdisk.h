/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A disk in memory with a volatile cache: a write is lost in a power cut until a flush has followed
 * it, each sector by itself. All that is done to it is recorded, so that a run can be cut at any
 * point afterwards.
 */
#ifndef FAKE_SIMDISK_H
#define FAKE_SIMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk.h"

/** A write of one sector, or a flush, or a mark of the test's. */
struct simdisk_event {
    enum { SIMDISK_WRITE, SIMDISK_FLUSH, SIMDISK_MARK } what;
    uint64_t sector;  /**< a mark: its number */
    uint64_t request; /**< which one it was part of */
    uint8_t *bytes;
};

struct simdisk {
    struct disk disk;
    uint8_t *bytes; /**< as the guest sees it */
    uint8_t *start; /**< as it was when the recording began */
    struct simdisk_event *events;
    size_t n_events, n_events_max;
    uint64_t n_reads, n_writes, n_flushes; /**< requests so far */
    /** Requests that fail: the Nth from now on, of any kind; 0 none. And all that follow. */
    uint64_t fail_after;
    bool fail_for_ever;
    int fail_with; /**< what they return; 0: -EIO */
};

/** Make one from a file's contents. Ends the test when it can't be read. */
void simdisk_load(struct simdisk *sim, const char *path, uint32_t sector_bytes);
/** Make one from bytes, which are copied. */
void simdisk_make(struct simdisk *sim, const void *bytes, size_t len, uint32_t sector_bytes);
void simdisk_free(struct simdisk *sim);
/** Write what the guest sees into a file. */
void simdisk_save(const struct simdisk *sim, const char *path);

/** Forget what was recorded; what is there now is the beginning, and on the medium. */
void simdisk_record(struct simdisk *sim);
/** Note that something has happened: number `n`. */
void simdisk_mark(struct simdisk *sim, uint64_t n);

/**
 * The medium after a cut behind the first `n_events` of what was recorded: what was flushed, and of
 * what was not each piece with a chance of `keep` in 256.
 *
 * @param piece_bytes  what the medium writes whole or not at all: a sector, or several.
 * @param random  state of the generator, changed.
 * @return bytes from malloc(), as many as the disk has.
 */
uint8_t *simdisk_cut(const struct simdisk *sim, size_t n_events, unsigned keep,
                     uint32_t piece_bytes, uint64_t *random);
/** The highest mark among the first `n_events`, 0 when there is none. */
uint64_t simdisk_marked(const struct simdisk *sim, size_t n_events);

/** The next number of a generator (splitmix64). */
uint64_t simdisk_random(uint64_t *state);

#endif
