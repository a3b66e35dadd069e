/* SPDX-License-Identifier: BSD-2-Clause */
/** Domain names: text, and RFC 1035's wire form (labels with their lengths, the root's zero). */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_BYTES  255 /* with the root's zero: RFC 1035, 2.3.4 */
#define NAME_MAX_LABELS 127
#define LABEL_MAX_BYTES 63
#define NAME_TEXT_MAX   1024 /* each byte as \DDD, dots, and the terminator */

/** A name as it was written; letters keep their case, and compare without it. */
struct name {
    uint8_t len;
    uint8_t wire[NAME_MAX_BYTES];
};

/**
 * A name taken apart for look-ups. A suffix is the name from one of its labels to the root; suffix
 * n_labels is the root itself.
 */
struct name_parts {
    uint8_t len;
    uint8_t n_labels;
    uint8_t lower[NAME_MAX_BYTES];        /**< the name in lower case */
    uint8_t starts[NAME_MAX_LABELS + 1];  /**< where each suffix begins */
    uint32_t hashes[NAME_MAX_LABELS + 1]; /**< of each suffix */
};

/** Take a name apart. `wire` is a whole name without pointers, as name_length() knows it. */
void name_take_apart(struct name_parts *parts, const uint8_t *wire);

/**
 * The length of the name at `wire`, which has `max` bytes left.
 *
 * @return 0 when it is no name that ends there, or one with a pointer.
 */
size_t name_length(const uint8_t *wire, size_t max);

/** Are two whole names the same, whatever their case? */
bool name_equal(const uint8_t *one, const uint8_t *other);

/** Is `name` at or below `parent`? Both are whole names. */
bool name_is_below(const uint8_t *name, const uint8_t *parent);

/**
 * Read a name's text: labels with dots, `\X` and `\DDD`, "@" for the origin; relative to the origin
 * unless it ends in a dot.
 *
 * @param origin  NULL where there is none: relative names are refused.
 * @return NULL, or a sentence on what is wrong.
 */
const char *name_parse(struct name *name, const char *text, size_t len, const struct name *origin);

/** Write a name as text, with the last dot. @return `text`, which has NAME_TEXT_MAX bytes. */
char *name_text(const uint8_t *wire, char *text);

/** A letter in lower case; every other byte as it is. Not the C library's: no locale. */
static inline uint8_t name_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
}

#endif
