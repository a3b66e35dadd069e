/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The format "newc": for each entry a header of 110 characters, its name with a '\0', padding to a
 * multiple of 4, its data, padding again; the last one is called TRAILER!!!.
 * Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "070701"
#define MAGIC_CRC   "070702" /* the same, with a sum of the data that nobody needs here */
#define MAGIC_BYTES 6
#define FIELDS      13
#define DIGITS      8
#define HEADER      (MAGIC_BYTES + FIELDS * DIGITS)
#define NAME_MAX    1024 /* bytes, with the '\0' */
#define TRAILER     "TRAILER!!!"

enum { INO, MODE, UID, GID, NLINK, MTIME, FILESIZE, MAJOR, MINOR, RMAJOR, RMINOR, NAMESIZE, CHECK };

static bool parse_field(const char *digits, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < DIGITS; i++) {
        char c = digits[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

/* "./a", "/a" are "a"; "." is "". @return NULL when the path has an empty part or one of dots. */
static const char *plain_path(const char *path)
{
    for (;;) {
        if (path[0] == '/')
            path++;
        else if (path[0] == '.' && path[1] == '/')
            path += 2;
        else
            break;
    }
    if (strcmp(path, ".") == 0)
        return path + 1;
    for (const char *part = path; *part;) {
        size_t len = strcspn(part, "/");
        if (!len || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return NULL;
        part += len;
        if (*part && !*++part)
            return NULL; /* a slash at the end */
    }
    return path;
}

/* Where a reader is. */
struct cursor {
    const char *bytes;
    size_t size, at;
};

static size_t padded(size_t at)
{
    return (at + 3) & ~(size_t)3;
}

/*
 * Read the header at the cursor and move behind the entry.
 * @return NULL, or what is wrong; entry->path is NULL at the archive's end.
 */
static const char *read_entry(struct cursor *cursor, struct cpio_entry *entry)
{
    const char *header = cursor->bytes + cursor->at;
    size_t left = cursor->size - cursor->at;
    uint32_t field[FIELDS];

    if (left < HEADER)
        return "the archive ends before its trailer";
    if (memcmp(header, MAGIC, MAGIC_BYTES) != 0 && memcmp(header, MAGIC_CRC, MAGIC_BYTES) != 0)
        return "no cpio header of the format \"newc\" is here";
    for (int i = 0; i < FIELDS; i++)
        if (!parse_field(header + MAGIC_BYTES + i * DIGITS, &field[i]))
            return "a number in the header is not hexadecimal";
    uint32_t name_size = field[NAMESIZE];
    if (name_size < 1 || name_size > NAME_MAX)
        return "the length of a name is impossible";
    size_t data_at = padded(HEADER + name_size);
    if (data_at > left || field[FILESIZE] > left - data_at)
        return "a file reaches beyond the archive's end";
    const char *name = header + HEADER;
    if (strnlen(name, name_size) != name_size - 1)
        return "a name does not end where its length says";
    if (strcmp(name, TRAILER) == 0) {
        entry->path = NULL;
        return NULL;
    }
    *entry = (struct cpio_entry){
        .path = plain_path(name),
        .data = header + data_at,
        .size = field[FILESIZE],
        .mode = field[MODE],
        .mtime = field[MTIME],
        .inode = field[INO],
        .device = field[MAJOR] << 8 ^ field[MINOR],
        .links = field[NLINK],
    };
    if (!entry->path)
        return "a name has an empty part, or a part of dots";
    size_t end = cursor->at + data_at + field[FILESIZE];
    cursor->at = padded(end) < cursor->size ? padded(end) : cursor->size;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct cpio_entry *)a)->path, ((const struct cpio_entry *)b)->path);
}

static int compare_inodes(const void *a, const void *b)
{
    const struct cpio_entry *x = *(struct cpio_entry *const *)a,
                            *y = *(struct cpio_entry *const *)b;

    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return x->size < y->size ? 1 : x->size > y->size ? -1 : 0; /* the one with data first */
}

static bool is_linked(const struct cpio_entry *entry)
{
    return (entry->mode & CPIO_TYPE) == CPIO_FILE && entry->links > 1;
}

/* Of files that are one (hard links), the archive has the data once. */
static int share_data(struct cpio *cpio)
{
    size_t n = 0;

    for (size_t i = 0; i < cpio->n; i++)
        n += is_linked(&cpio->entries[i]);
    if (n < 2)
        return 0;
    struct cpio_entry **linked = malloc(n * sizeof(struct cpio_entry *));
    if (!linked)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < cpio->n; i++)
        if (is_linked(&cpio->entries[i]))
            linked[n++] = &cpio->entries[i];
    qsort(linked, n, sizeof(struct cpio_entry *), compare_inodes);
    for (size_t i = 1; i < n; i++) {
        const struct cpio_entry *first = linked[i - 1];
        if (linked[i]->size || linked[i]->inode != first->inode ||
            linked[i]->device != first->device)
            continue;
        linked[i]->data = first->data;
        linked[i]->size = first->size;
    }
    free(linked);
    return 0;
}

int cpio_open(struct cpio *cpio, const void *bytes, size_t size, const char **why, size_t *at)
{
    struct cursor cursor = {.bytes = bytes, .size = size};
    struct cpio_entry entry;
    size_t n = 0;

    /* Once to check and count, once to keep. */
    *cpio = (struct cpio){0};
    for (;; n++) {
        *at = cursor.at;
        *why = read_entry(&cursor, &entry);
        if (*why)
            return -EINVAL;
        if (!entry.path)
            break;
    }
    if (!n)
        return 0;
    cpio->entries = malloc(n * sizeof(struct cpio_entry));
    if (!cpio->entries)
        return -ENOMEM;
    cursor.at = 0;
    while (cpio->n < n)
        read_entry(&cursor, &cpio->entries[cpio->n++]);
    qsort(cpio->entries, n, sizeof(struct cpio_entry), compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(&cpio->entries[i - 1], &cpio->entries[i]) != 0)
            continue;
        *at = (size_t)(cpio->entries[i].path - (const char *)bytes);
        *why = "a name is in the archive twice";
        cpio_close(cpio);
        return -EINVAL;
    }
    int error = share_data(cpio);
    if (error)
        cpio_close(cpio);
    return error;
}

void cpio_close(struct cpio *cpio)
{
    free(cpio->entries);
    *cpio = (struct cpio){0};
}

/* The first entry for which order(path, wanted) is not negative. */
static size_t search(const struct cpio *cpio, const char *wanted,
                     int (*order)(const char *path, const char *wanted))
{
    size_t from = 0, to = cpio->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (order(cpio->entries[middle].path, wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct cpio_entry *cpio_find(const struct cpio *cpio, const char *path)
{
    size_t i = search(cpio, path, strcmp);

    return i < cpio->n && strcmp(cpio->entries[i].path, path) == 0 ? &cpio->entries[i] : NULL;
}

/* As strcmp(), with "wanted/" instead of "wanted". */
static int order_below(const char *path, const char *wanted)
{
    size_t len = strlen(wanted);
    int order = strncmp(path, wanted, len);

    return order ? order : (unsigned char)path[len] - '/';
}

size_t cpio_below(const struct cpio *cpio, const char *path)
{
    return *path ? search(cpio, path, order_below) : 0;
}
