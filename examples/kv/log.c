/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "resp.h"
#include "store.h"

#define PATH_BYTES   256
#define NAME_DIGITS  8
#define NUMBER_MAX   99999999u
#define CRC_POLYNOME 0xedb88320u

#define SEGMENT_LEAST (1152u << 10) /* bytes: the largest record fits */
#define SEGMENT_MOST  (256u << 20)
#define SEGMENT_SHARE 64           /* of the disk, if it is between them */
#define SEGMENTS_MIN  8            /* that a disk must have room for */
#define SLACK_BYTES   (256u << 10) /* what the file system needs besides, for a segment */

struct log_segment {
    struct log_segment *next; /* the one that was begun after it */
    unsigned number;
    int fd;
    uint64_t bytes;
};

struct log {
    char dir[PATH_BYTES];
    struct log_segment *first, *last;
    uint64_t segment_max, free_bytes; /* of the disk, at most: when it was looked at */
};

/* As it is in the file; x86's byte order. */
struct header {
    uint32_t checksum; /* of what follows it */
    uint32_t op, key_len, value_len;
    int64_t expires_ms;
};

static_assert(sizeof(struct header) + STORE_KEY_MAX + RESP_WORD_MAX <= SEGMENT_LEAST,
              "a record fits in a segment");

static uint32_t crc32_of(uint32_t crc, const void *bytes, size_t len)
{
    static uint32_t table[256];
    const uint8_t *at = bytes;

    for (uint32_t i = 0; !table[255] && i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? CRC_POLYNOME : 0);
    }
    crc = ~crc;
    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

size_t log_record_bytes(size_t key_len, size_t value_len)
{
    return sizeof(struct header) + key_len + value_len;
}

void log_record_free(struct log_record *record)
{
    free(record->buffer);
    *record = (struct log_record){0};
}

static void path_of(const struct log *log, unsigned number, char path[PATH_BYTES + 16])
{
    snprintf(path, PATH_BYTES + 16, "%s/%0*u.log", log->dir, NAME_DIGITS, number);
}

/* Behind the segment `before`, or first. */
static struct log_segment *add_segment(struct log *log, unsigned number, int flags, int *error)
{
    struct log_segment *segment = calloc(1, sizeof(*segment));
    char path[PATH_BYTES + 16];

    *error = -ENOMEM;
    if (!segment)
        return NULL;
    path_of(log, number, path);
    segment->number = number;
    segment->fd = open(path, O_RDWR | flags, 0644);
    off_t end = segment->fd < 0 ? -1 : lseek(segment->fd, 0, SEEK_END);
    if (end < 0) {
        *error = -errno;
        if (segment->fd >= 0)
            close(segment->fd);
        free(segment);
        return NULL;
    }
    *error = 0;
    segment->bytes = (uint64_t)end;
    *(log->last ? &log->last->next : &log->first) = segment;
    log->last = segment;
    return segment;
}

static int make_segment(struct log *log)
{
    int error;

    if (log->last && log->last->number == NUMBER_MAX)
        return -EFBIG;
    add_segment(log, log->last ? log->last->number + 1 : 1, O_CREAT | O_EXCL, &error);
    return error;
}

/* @return 1, 0 when the end comes before that, -errno. */
static int read_all(const struct log_segment *segment, void *bytes, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(segment->fd, (char *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        done += (size_t)n;
    }
    return 1;
}

static bool is_possible(const struct header *header)
{
    uint32_t op = header->op;
    bool has_key = op == LOG_SET || op == LOG_PART || op == LOG_DELETE;
    bool has_value = op == LOG_SET || op == LOG_PART;

    return (has_key || op == LOG_DROP) && header->key_len <= (has_key ? STORE_KEY_MAX : 0) &&
           header->value_len <= (has_value ? RESP_WORD_MAX : 0);
}

int log_read(struct log_cursor *at, struct log_record *record)
{
    struct header header;

    int result = read_all(at->segment, &header, sizeof(header), at->offset);
    if (result <= 0)
        return result;
    if (!is_possible(&header))
        return -EINVAL;
    size_t len = (size_t)header.key_len + header.value_len;
    if (len > record->buffer_max) {
        char *buffer = realloc(record->buffer, len);
        if (!buffer)
            return -ENOMEM;
        record->buffer = buffer;
        record->buffer_max = len;
    }
    result = len ? read_all(at->segment, record->buffer, len, at->offset + sizeof(header)) : 1;
    if (result <= 0)
        return result;
    uint32_t checksum = crc32_of(0, &header.op, sizeof(header) - sizeof(header.checksum));
    if (crc32_of(checksum, record->buffer, len) != header.checksum)
        return -EINVAL;
    record->op = header.op;
    record->key_len = header.key_len;
    record->value_len = header.value_len;
    record->expires_ms = header.expires_ms;
    record->key = record->buffer;
    record->value = record->buffer + header.key_len;
    at->offset += sizeof(header) + len;
    return 1;
}

static int look_at_disk(const struct log *log, struct statvfs *disk)
{
    return statvfs(log->dir, disk) ? -errno : 0;
}

int log_look_for_room(struct log *log, size_t bytes, unsigned n_spare)
{
    uint64_t wanted = bytes + n_spare * (log->segment_max + SLACK_BYTES);
    struct statvfs disk;

    if (log->free_bytes >= wanted)
        return 0;
    int error = look_at_disk(log, &disk);
    if (error)
        return error;
    log->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return log->free_bytes < wanted ? -ENOSPC : 0;
}

static int write_all(int fd, const void *bytes, size_t len, uint64_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, (const char *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

static int write_record(struct log_segment *segment, const struct log_record *record)
{
    struct header header = {.op = record->op,
                            .key_len = record->key_len,
                            .value_len = record->value_len,
                            .expires_ms = record->expires_ms};
    const void *parts[] = {&header, record->key, record->value};
    size_t lens[] = {sizeof(header), record->key_len, record->value_len};
    uint64_t end = segment->bytes;

    header.checksum = crc32_of(0, &header.op, sizeof(header) - sizeof(header.checksum));
    header.checksum = crc32_of(header.checksum, record->key, record->key_len);
    header.checksum = crc32_of(header.checksum, record->value, record->value_len);
    for (int i = 0; i < 3; i++) {
        int error = write_all(segment->fd, parts[i], lens[i], end);
        if (error) /* What is there of it is taken off again, or overwritten by the next one. */
            return ftruncate(segment->fd, (off_t)segment->bytes) ? -EIO : error;
        end += lens[i];
    }
    segment->bytes = end;
    return 0;
}

int log_append(struct log *log, const struct log_record *record, unsigned n_spare,
               struct log_cursor *at)
{
    size_t bytes = log_record_bytes(record->key_len, record->value_len);

    int error = log_look_for_room(log, bytes, n_spare);
    if (!error && log->last->bytes + bytes > log->segment_max)
        error = log_roll(log);
    if (error)
        return error;
    *at = (struct log_cursor){log->last, log->last->bytes};
    error = write_record(log->last, record);
    log->free_bytes -= bytes < log->free_bytes ? bytes : log->free_bytes;
    return error;
}

int log_sync(struct log *log)
{
    return fsync(log->last->fd) ? -errno : 0;
}

int log_roll(struct log *log)
{
    if (!log->last->bytes)
        return 0;
    int error = log_sync(log);
    return error ? error : make_segment(log);
}

struct log_cursor log_first(const struct log *log)
{
    return (struct log_cursor){log->first, 0};
}

int log_drop_first(struct log *log)
{
    struct log_segment *first = log->first;
    char path[PATH_BYTES + 16];

    int error = log_sync(log);
    if (error)
        return error;
    path_of(log, first->number, path);
    if (unlink(path))
        return -errno;
    log->first = first->next;
    close(first->fd);
    free(first);
    return 0;
}

uint64_t log_segment_max(const struct log *log)
{
    return log->segment_max;
}

uint64_t log_bytes(const struct log *log)
{
    uint64_t bytes = 0;

    for (const struct log_segment *segment = log->first; segment; segment = segment->next)
        bytes += segment->bytes;
    return bytes;
}

unsigned log_n_segments(const struct log *log)
{
    unsigned n = 0;

    for (const struct log_segment *segment = log->first; segment; segment = segment->next)
        n++;
    return n;
}

static int compare_numbers(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return x < y ? -1 : x > y;
}

/* The numbers of the segments in the directory, rising. @return how many, or -errno. */
static int list_segments(const char *dir, unsigned **numbers)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;
    int n = 0;

    *numbers = NULL;
    if (!stream)
        return -errno;
    while ((entry = readdir(stream))) {
        const char *name = entry->d_name;
        unsigned long number = strtoul(name, NULL, 10);
        if (strspn(name, "0123456789") != NAME_DIGITS || strcmp(name + NAME_DIGITS, ".log") != 0 ||
            number < 1)
            continue;
        unsigned *more = realloc(*numbers, (size_t)(n + 1) * sizeof(unsigned));
        if (!more) {
            closedir(stream);
            return -ENOMEM;
        }
        *numbers = more;
        more[n++] = (unsigned)number;
    }
    closedir(stream);
    if (n)
        qsort(*numbers, (size_t)n, sizeof(unsigned), compare_numbers);
    return n;
}

static void say_damaged(const struct log *log, const struct log_cursor *at, char *why, size_t size)
{
    char path[PATH_BYTES + 16];

    path_of(log, at->segment->number, path);
    snprintf(why, size, "%s is damaged at byte %llu: restore it from a copy", path,
             (unsigned long long)at->offset);
}

static void say_missing(const struct log *log, char *why, size_t size)
{
    char path[PATH_BYTES + 16];

    path_of(log, log->last->number + 1, path);
    snprintf(why, size, "%s is missing: restore it from a copy", path);
}

/* How long segments are on this disk. */
static int measure_disk(struct log *log, char *why, size_t size)
{
    struct statvfs disk;
    int error = look_at_disk(log, &disk);

    if (error)
        return error;
    uint64_t bytes = (uint64_t)disk.f_blocks * disk.f_frsize, least = SEGMENTS_MIN * SEGMENT_LEAST;
    if (bytes < least) {
        snprintf(why, size, "the disk of %s is too small: its files need room for %llu bytes",
                 log->dir, (unsigned long long)least);
        return -EINVAL;
    }
    log->segment_max = bytes / SEGMENT_SHARE;
    if (log->segment_max < SEGMENT_LEAST)
        log->segment_max = SEGMENT_LEAST;
    if (log->segment_max > SEGMENT_MOST)
        log->segment_max = SEGMENT_MOST;
    return 0;
}

/* @param may_be_torn  its last record may be cut short: the power went while it was written. */
static int replay_segment(const struct log *log, struct log_segment *segment, bool may_be_torn,
                          struct log_record *record,
                          int (*replay)(void *, const struct log_record *, struct log_segment *,
                                        uint64_t),
                          void *arg, char *why, size_t size)
{
    struct log_cursor at = {segment, 0};
    int result;

    for (;;) {
        uint64_t offset = at.offset;
        result = log_read(&at, record);
        if (result <= 0)
            break;
        result = replay(arg, record, segment, offset);
        if (result) {
            at.offset = offset;
            break;
        }
    }
    if (result == 0 && at.offset != segment->bytes && !may_be_torn)
        result = -EINVAL;
    if (result == -EINVAL)
        say_damaged(log, &at, why, size);
    if (result || at.offset == segment->bytes)
        return result;
    segment->bytes = at.offset;
    return ftruncate(segment->fd, (off_t)at.offset) ? -errno : 0;
}

int log_open(const char *dir, struct log **log,
             int (*replay)(void *arg, const struct log_record *record, struct log_segment *segment,
                           uint64_t offset),
             void *arg, char *why, size_t size)
{
    struct log *made = calloc(1, sizeof(*made));
    struct log_record record = {0};
    unsigned *numbers;
    int error = 0;

    snprintf(why, size, "%s can't be read", dir);
    if (!made)
        return -ENOMEM;
    if (strlen(dir) >= sizeof(made->dir)) {
        free(made);
        return -ENAMETOOLONG;
    }
    strcpy(made->dir, dir);
    int n = list_segments(dir, &numbers);
    error = n < 0 ? n : measure_disk(made, why, size);
    for (int i = 0; numbers && i < n && !error; i++) {
        if (made->last && numbers[i] != made->last->number + 1) {
            say_missing(made, why, size);
            error = -EINVAL;
            break;
        }
        bool may_be_torn = i == n - 1;
        struct log_segment *segment = add_segment(made, numbers[i], 0, &error);
        if (segment)
            error = replay_segment(made, segment, may_be_torn, &record, replay, arg, why, size);
    }
    if (!error && !made->last)
        error = make_segment(made);
    free(numbers);
    log_record_free(&record);
    if (error)
        log_close(made);
    else
        *log = made;
    return error;
}

void log_close(struct log *log)
{
    for (struct log_segment *segment = log->first, *next; segment; segment = next) {
        next = segment->next;
        close(segment->fd);
        free(segment);
    }
    free(log);
}
