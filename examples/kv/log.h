/* SPDX-License-Identifier: BSD-2-Clause */
/** The store's log: files "00000001.log" and so on in a directory, each of records. */
#ifndef KV_LOG_H
#define KV_LOG_H

#include <stddef.h>
#include <stdint.h>

struct log;
struct log_segment;

enum log_op {
    LOG_SET = 1,
    LOG_DELETE = 2,
    LOG_PART = 3, /**< as LOG_SET, and counts when the one that follows such records is there */
    LOG_DROP = 4, /**< those before it do not count: no LOG_SET will follow them */
};

struct log_record {
    uint32_t op; /**< enum log_op */
    uint32_t key_len, value_len;
    int64_t expires_ms; /**< since 1970; 0: never */
    char *key, *value;  /**< of a record that was read: inside `buffer` */
    char *buffer;
    size_t buffer_max;
};

void log_record_free(struct log_record *record);
/** How many bytes of log such a record is. */
size_t log_record_bytes(size_t key_len, size_t value_len);

/** Where a record is. */
struct log_cursor {
    struct log_segment *segment;
    uint64_t offset;
};

/**
 * Open a log and have `replay` called for all its records, in their order; it may fail with
 * -errno, with -EINVAL for a record that can't be there. A record at the end that is not all there
 * is taken off.
 *
 * @return 0 or -errno; -EINVAL and a sentence in `why` when a record is damaged, a file missing, or
 *         the disk too small.
 */
int log_open(const char *dir, struct log **log,
             int (*replay)(void *arg, const struct log_record *record, struct log_segment *segment,
                           uint64_t offset),
             void *arg, char *why, size_t size);
void log_close(struct log *log);

/**
 * Append to the last segment, or to a new one where that is full.
 *
 * @param n_spare  segments that there must be room for on the disk behind it.
 * @return 0; -ENOSPC: nothing was changed; -errno.
 */
int log_append(struct log *log, const struct log_record *record, unsigned n_spare,
               struct log_cursor *at);
/** Is there room for so many bytes, and such segments behind them? @return 0, -ENOSPC, -errno. */
int log_look_for_room(struct log *log, size_t bytes, unsigned n_spare);
/** All is on stable storage. */
int log_sync(struct log *log);
/** Read a record into `record`, and move behind it. @return 1, 0 at the segment's end, -errno. */
int log_read(struct log_cursor *at, struct log_record *record);

/** What is appended from now on goes to a new segment. All before it is on stable storage. */
int log_roll(struct log *log);
/** The beginning of the first segment. */
struct log_cursor log_first(const struct log *log);
/** What is of use in the first segment was appended again: sync that, then remove the segment. */
int log_drop_first(struct log *log);

uint64_t log_bytes(const struct log *log);
unsigned log_n_segments(const struct log *log);
/** No segment has more. */
uint64_t log_segment_max(const struct log *log);

#endif
