/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Reading the values that configuration strings and handlers are made of.
 *
 * Every function takes the whole of `s` (white space around it is allowed) and returns whether it
 * is such a value; on false the result is untouched. Source: click(5), "Configuration strings".
 */
#ifndef SPRAT_MIDDLEBOX_VALUE_H
#define SPRAT_MIDDLEBOX_VALUE_H

#include "text.h"

/** An IPv4 network; both in network order. */
struct prefix {
    uint32_t ip;
    uint32_t mask;
};

bool value_bool(struct str s, bool *out);
/** Decimal, octal (0...) or hexadecimal (0x...), with a sign; within 64 bits. */
bool value_int(struct str s, int64_t *out);
bool value_uint(struct str s, uint64_t *out);
/** A decimal fraction with `scale` units to the whole: "0.5" with scale 65536 is 32768. Rounds. */
bool value_decimal(struct str s, uint64_t scale, uint64_t *out);
/** A time with an optional unit; without one it is `unit_ns` (seconds: 1e9). */
bool value_time(struct str s, uint64_t unit_ns, uint64_t *out_ns);
/** A bandwidth in bytes per second, with an optional unit. */
bool value_bandwidth(struct str s, uint64_t *out);
bool value_ip(struct str s, uint32_t *out);
/**
 * `a.b.c.d/len`, `a.b.c.d/mask`, abbreviated `a.b/len`; with `bare`, also an address alone (/32).
 */
bool value_prefix(struct str s, bool bare, struct prefix *out);
bool value_ether(struct str s, uint8_t out[6]);
bool value_ip6(struct str s, uint8_t out[16]);
/** Remove quotes and perform backslash substitutions. Returns fresh memory, with a NUL behind. */
bool value_string(struct str s, struct str *out);

/** Mask of the first n bits, in network order. */
uint32_t prefix_mask(unsigned n);
/** Number of leading ones, or -1 when the mask is not a prefix. */
int prefix_len(uint32_t mask);

#endif
