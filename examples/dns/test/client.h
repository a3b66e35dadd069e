/* SPDX-License-Identifier: BSD-2-Clause */
/** A resolver's side, for tests: makes queries, reads answers, with none of the server's code. */
#ifndef DNS_TEST_CLIENT_H
#define DNS_TEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct question {
    const char *name; /* with dots; no escapes */
    uint16_t type;
    uint16_t class;        /* 0: IN */
    unsigned udp_max;      /* of OPT; 0: none */
    unsigned edns_version; /* of OPT */
    bool dnssec_ok;        /* of OPT */
};

#define CLIENT_QUERY_MAX 300

/** Write a query into CLIENT_QUERY_MAX bytes; return its length. */
size_t client_query(uint8_t *query, const struct question *question);

/**
 * Read an answer: the code and flags, then a line for each record ("an", "ns", "ar").
 *
 * @return a text that stays until the next call, or NULL when the answer is malformed.
 */
const char *client_read(const uint8_t *answer, size_t len);

#endif
