/* SPDX-License-Identifier: BSD-2-Clause */
/** From a query to its answer: RFC 1034 4.3.2, with EDNS (6891), wildcards (4592), negative answers
 * (2308) and minimal ones to ANY (8482). No state but the zones. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zone.h"

#define ANSWER_MAX    65535 /* bytes, over TCP */
#define UDP_PLAIN_MAX 512   /* RFC 1035 */
#define UDP_EDNS_MAX  1232  /* fits into one packet of IPv6's least MTU: nothing is fragmented */

/** What became of queries. */
struct answer_counts {
    uint64_t answered; /**< with NOERROR or NXDOMAIN */
    uint64_t truncated;
    uint64_t refused;   /**< names that are not served, transfers */
    uint64_t malformed; /**< answered with FORMERR, NOTIMP or BADVERS */
    uint64_t dropped;   /**< answers to us, and what has no header */
};

/**
 * Answer a query.
 *
 * @param stream  it came over TCP: up to ANSWER_MAX bytes, nothing is cut off.
 * @param reply   receives the answer; ANSWER_MAX bytes, or UDP_EDNS_MAX if not `stream`.
 * @return the answer's length; 0: there is none to be sent.
 */
size_t answer_query(const struct zones *zones, const uint8_t *query, size_t len, bool stream,
                    uint8_t *reply, struct answer_counts *counts);

#endif
