/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A device's keys in xenstore, written or read many at a time, for the price of one wait.
 *
 * One struct is for writing or for reading, until keys_write() or keys_read(). All zero is an empty
 * one. It is large (some 3 KiB): not for the stack.
 */
#ifndef SPRAT_KEYS_H
#define SPRAT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <sprat/decimal.h>
#include <sprat/xenstore.h>

#define KEYS_MAX        XENSTORE_ITEMS_MAX
#define KEYS_PATH_BYTES 128

struct keys {
    struct xenstore_item items[KEYS_MAX];
    char paths[KEYS_MAX][KEYS_PATH_BYTES];
    char values[KEYS_MAX][DECIMAL_MAX + 1];
    size_t n;
    int error; /**< of what was written so far */
};

/**
 * Write "folder/key". When KEYS_MAX are gathered, they are written first; an error of that comes
 * from keys_write().
 *
 * @param value  at most DECIMAL_MAX bytes.
 */
void keys_put(struct keys *keys, const char *folder, const char *key, const char *value);
void keys_put_number(struct keys *keys, const char *folder, const char *key, uint64_t value);

/** Write what is gathered. @return 0, or the first error of any key. */
int keys_write(struct keys *keys);

/** Read "folder/key" with the next keys_read(); at most KEYS_MAX. @return what will hold it. */
struct xenstore_item *keys_want(struct keys *keys, const char *folder, const char *key);

/** @return 0 when all were answered, be it with an error of their own. */
int keys_read(struct keys *keys);

/** Was it read, and is it a text without a NUL in the middle? */
bool keys_is_text(const struct xenstore_item *item);

/** A value that was read as a number; `otherwise` when there is none, or it is no number. */
uint64_t keys_number(const struct xenstore_item *item, uint64_t otherwise);

#endif
