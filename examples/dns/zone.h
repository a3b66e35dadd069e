/* SPDX-License-Identifier: BSD-2-Clause */
/** Zones in memory: names in a hash table, each with its record sets. They are only added to. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "name.h"

/** Types: RFC 1035, 3596, 2782, 8659, 6891. */
enum dns_type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_HINFO = 13,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_SRV = 33,
    TYPE_OPT = 41,
    TYPE_DS = 43,
    TYPE_ANY = 255,
    TYPE_CAA = 257,
};

#define CLASS_IN 1

/** One record's data, as on the wire, without pointers. */
struct record {
    struct record *next;
    uint16_t len;
    uint8_t data[];
};

/** The records of one name and type. */
struct record_set {
    struct record_set *next;
    uint16_t type;
    uint16_t n;
    uint32_t ttl_s;
    size_t bytes; /**< of all data */
    struct record *first, *last;
};

/** A name of a zone; one without sets is there because something is below it. */
struct node {
    struct node *next; /**< in its bucket */
    struct record_set *sets;
    struct node *parent;
    struct node *cut;      /**< the delegation it is at or below; NULL in the zone's own part */
    struct node *wildcard; /**< its child "*" */
    uint32_t hash;
    uint32_t line; /**< where the file first speaks of it; 0 for a name in between */
    uint8_t name_len;
    uint8_t name[]; /**< in lower case */
};

struct zone {
    struct zone *next; /**< in its bucket of struct zones */
    struct node **buckets;
    size_t n_buckets, n_nodes, n_records;
    struct node *apex;
    struct record_set *soa;
    uint32_t negative_ttl_s; /**< RFC 2308: the smaller of the SOA's own and its last field */
    struct zone_chunk *chunks;
};

#define ZONES_BUCKETS 64

/** All zones that are served. */
struct zones {
    struct zone *buckets[ZONES_BUCKETS];
};

/** What is wrong, and where: lines and columns begin with 1. */
struct zone_error {
    unsigned line, column;
    const char *why;
    char about[80]; /**< the word or name it is about, or empty */
};

/** Make a zone without a name. @return NULL when there is no memory. */
struct zone *zone_new(void);

void zone_free(struct zone *zone);

/**
 * Add a record; one that is there already is left out. The first one must be the SOA: its owner
 * becomes the zone's name.
 *
 * @param line  of the file, for what zone_finish() may find.
 * @return NULL, or a sentence on what is wrong.
 */
const char *zone_add(struct zone *zone, const struct name *owner, uint16_t type, uint32_t ttl_s,
                     const uint8_t *data, size_t len, uint32_t line);

/**
 * All records are there: see to delegations and wildcards, and look for what can't be served.
 *
 * @return 0, or -1 with *error filled in.
 */
int zone_finish(struct zone *zone, struct zone_error *error);

/** Find the name from label `suffix` on. @return NULL when the zone has none. */
struct node *zone_find(const struct zone *zone, const struct name_parts *name, unsigned suffix);

struct record_set *node_set(const struct node *node, uint16_t type);

/** Serve a zone. @return -1 when there is one of that name. */
int zones_add(struct zones *zones, struct zone *zone);

/**
 * Find the zone that a name is in: the one with the longest name.
 *
 * @param above    look for one above the name itself (for DS, which the parent has).
 * @param suffix  receives the label where the zone's name begins.
 */
struct zone *zones_find(const struct zones *zones, const struct name_parts *name, bool above,
                        unsigned *suffix);

/** Copy as much of a text as fits behind "why". */
void zone_error_about(struct zone_error *error, const char *text, size_t len);

#endif
