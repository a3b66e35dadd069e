/* SPDX-License-Identifier: BSD-2-Clause */
/** Record data: what each type holds, from text to the wire's form. */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include <stdint.h>

#include "lex.h"
#include "name.h"

#define RDATA_MAX 8192 /* bytes of one record's data */

/** A type's number, or 0 for a name that is none. Knows the types' names and RFC 3597's TYPEn. */
uint16_t rdata_type(const char *text, size_t len);

/**
 * A number of seconds: digits, or digits with units (1h30m).
 *
 * @return 0, or -1 for what is none, or is more than 2^31-1 (RFC 2181, 8).
 */
int rdata_seconds(const char *text, size_t len, uint32_t *seconds);

/**
 * Read a record's data up to its line's end.
 *
 * @param data    receives it; RDATA_MAX bytes.
 * @param token   the first word of it; afterwards the one where reading ended, which in case of an
 *                error is the one that is wrong.
 * @return its length, or -1 with *why.
 */
int rdata_parse(uint16_t type, struct lex *lex, struct token *token, const struct name *origin,
                uint8_t *data, const char **why);

/**
 * Where in the data there are names that may be compressed (RFC 3597, 4): `*before` bytes, then so
 * many names, then the rest as it is.
 */
unsigned rdata_names(uint16_t type, unsigned *before);

#endif
