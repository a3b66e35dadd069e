/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone.h"

#include <stdlib.h>
#include <string.h>

#ifndef ZONE_CHUNK_BYTES
#define ZONE_CHUNK_BYTES 4000
#endif
#define BUCKETS_FIRST 64
/* A whole set, with its owner as a pointer, has to fit into one message over TCP. */
#define SET_MAX_BYTES      60000
#define RECORD_WIRE_HEADER 12

/* Memory that is given back with the zone. */
struct zone_chunk {
    struct zone_chunk *next;
    size_t used, size;
    _Alignas(8) char bytes[];
};

static void *allocate(struct zone *zone, size_t len)
{
    struct zone_chunk *chunk = zone->chunks;

    len = (len + 7) & ~(size_t)7;
    if (!chunk || len > chunk->size - chunk->used) {
        size_t size = len > ZONE_CHUNK_BYTES ? len : ZONE_CHUNK_BYTES;
        chunk = malloc(sizeof(*chunk) + size);
        if (!chunk)
            return NULL;
        *chunk = (struct zone_chunk){.next = zone->chunks, .size = size};
        zone->chunks = chunk;
    }
    void *at = chunk->bytes + chunk->used;
    chunk->used += len;
    memset(at, 0, len);
    return at;
}

struct zone *zone_new(void)
{
    struct zone *zone = calloc(1, sizeof(*zone));

    if (!zone)
        return NULL;
    zone->buckets = calloc(BUCKETS_FIRST, sizeof(struct node *));
    zone->n_buckets = BUCKETS_FIRST;
    if (!zone->buckets) {
        free(zone);
        return NULL;
    }
    return zone;
}

void zone_free(struct zone *zone)
{
    while (zone->chunks) {
        struct zone_chunk *next = zone->chunks->next;
        free(zone->chunks);
        zone->chunks = next;
    }
    free(zone->buckets);
    free(zone);
}

/* Twice as many buckets. Without memory for them the zone is slower, and works. */
static void grow(struct zone *zone)
{
    size_t more = zone->n_buckets * 2;
    struct node **buckets = calloc(more, sizeof(struct node *));

    if (!buckets)
        return;
    for (size_t i = 0; i < zone->n_buckets; i++) {
        while (zone->buckets[i]) {
            struct node *node = zone->buckets[i];
            zone->buckets[i] = node->next;
            struct node **bucket = &buckets[node->hash & (more - 1)];
            node->next = *bucket;
            *bucket = node;
        }
    }
    free(zone->buckets);
    zone->buckets = buckets;
    zone->n_buckets = more;
}

struct node *zone_find(const struct zone *zone, const struct name_parts *name, unsigned suffix)
{
    const uint8_t *wire = name->lower + name->starts[suffix];
    size_t len = name->len - name->starts[suffix];
    uint32_t hash = name->hashes[suffix];
    struct node *node = zone->buckets[hash & (zone->n_buckets - 1)];

    while (node &&
           (node->hash != hash || node->name_len != len || memcmp(node->name, wire, len) != 0))
        node = node->next;
    return node;
}

/* Find a name, or make it with all names between it and the zone's. @return NULL: no memory. */
static struct node *find_or_make(struct zone *zone, const struct name_parts *name, unsigned suffix,
                                 unsigned apex_suffix)
{
    struct node *below = NULL, *found = NULL;

    for (;; suffix++) {
        struct node *node = zone_find(zone, name, suffix);
        bool known = node != NULL;
        if (!known) {
            size_t len = name->len - name->starts[suffix];
            node = allocate(zone, sizeof(*node) + len);
            if (!node)
                return NULL;
            node->hash = name->hashes[suffix];
            node->name_len = (uint8_t)len;
            memcpy(node->name, name->lower + name->starts[suffix], len);
            struct node **bucket = &zone->buckets[node->hash & (zone->n_buckets - 1)];
            node->next = *bucket;
            *bucket = node;
            if (++zone->n_nodes > zone->n_buckets)
                grow(zone);
        }
        if (below)
            below->parent = node;
        else
            found = node;
        if (known || suffix == apex_suffix)
            return found;
        below = node;
    }
}

struct record_set *node_set(const struct node *node, uint16_t type)
{
    struct record_set *set = node->sets;

    while (set && set->type != type)
        set = set->next;
    return set;
}

static const char *check_company(const struct node *node, uint16_t type)
{
    const struct record_set *set = node->sets;

    if (type == TYPE_CNAME && set && set->type != TYPE_CNAME)
        return "a CNAME at a name that has other records: it must be alone";
    if (type == TYPE_CNAME && set)
        return "a second CNAME at this name";
    if (type != TYPE_CNAME && set && set->type == TYPE_CNAME)
        return "a record at a name that has a CNAME, which must be alone";
    return NULL;
}

static bool has_record(const struct record_set *set, const uint8_t *data, size_t len)
{
    for (const struct record *record = set->first; record; record = record->next)
        if (record->len == len && memcmp(record->data, data, len) == 0)
            return true;
    return false;
}

static const char *add_to_node(struct zone *zone, struct node *node, uint16_t type, uint32_t ttl_s,
                               const uint8_t *data, size_t len)
{
    struct record_set *set = node_set(node, type);

    if (set && has_record(set, data, len))
        return NULL;
    const char *why = check_company(node, type);
    if (why)
        return why;
    if (type == TYPE_SOA && set)
        return "a second SOA";
    if (!set) {
        set = allocate(zone, sizeof(*set));
        if (!set)
            return "no memory is left: give the guest more";
        set->type = type;
        set->ttl_s = ttl_s;
        set->next = node->sets;
        node->sets = set;
    }
    if (set->bytes + (set->n + 1u) * RECORD_WIRE_HEADER + len > SET_MAX_BYTES)
        return "more records of one name and type than a message can hold";
    struct record *record = allocate(zone, sizeof(*record) + len);
    if (!record)
        return "no memory is left: give the guest more";
    record->len = (uint16_t)len;
    memcpy(record->data, data, len);
    if (set->last)
        set->last->next = record;
    else
        set->first = record;
    set->last = record;
    set->n++;
    set->bytes += len;
    if (ttl_s < set->ttl_s)
        set->ttl_s = ttl_s; /* RFC 2181, 5.2: one for the whole set */
    zone->n_records++;
    return NULL;
}

static void take_soa(struct zone *zone, struct node *node)
{
    zone->apex = node;
    zone->soa = node_set(node, TYPE_SOA);
    const struct record *record = zone->soa->first;
    const uint8_t *minimum = record->data + record->len - 4;
    uint32_t minimum_s = (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 |
                         (uint32_t)minimum[2] << 8 | minimum[3];
    zone->negative_ttl_s = minimum_s < zone->soa->ttl_s ? minimum_s : zone->soa->ttl_s;
}

const char *zone_add(struct zone *zone, const struct name *owner, uint16_t type, uint32_t ttl_s,
                     const uint8_t *data, size_t len, uint32_t line)
{
    static struct name_parts parts; /* large for a stack; there is one thread */
    unsigned apex_suffix = 0;

    name_take_apart(&parts, owner->wire);
    if (zone->apex) {
        if (!name_is_below(parts.lower, zone->apex->name))
            return "this name is not in the zone";
        while (parts.len - parts.starts[apex_suffix] > zone->apex->name_len)
            apex_suffix++;
        if (type == TYPE_SOA && apex_suffix)
            return "an SOA below the zone's name";
    } else if (type != TYPE_SOA) {
        return "the zone's SOA must come first";
    }
    struct node *node = find_or_make(zone, &parts, 0, apex_suffix);
    if (!node)
        return "no memory is left: give the guest more";
    if (!node->line)
        node->line = line;
    const char *why = add_to_node(zone, node, type, ttl_s, data, len);
    if (!why && !zone->apex)
        take_soa(zone, node);
    return why;
}

void zone_error_about(struct zone_error *error, const char *text, size_t len)
{
    if (len >= sizeof(error->about))
        len = sizeof(error->about) - 1;
    memcpy(error->about, text, len);
    error->about[len] = '\0';
}

static int refuse(struct zone_error *error, const struct node *node, const char *why,
                  const uint8_t *about)
{
    static char text[NAME_TEXT_MAX];

    *error = (struct zone_error){.line = node->line, .column = 1, .why = why};
    name_text(about, text);
    zone_error_about(error, text, strlen(text));
    return -1;
}

static bool is_wildcard(const struct node *node)
{
    return node->name[0] == 1 && node->name[1] == '*';
}

/* A name server within the zone has to have an address there. */
static int check_servers(const struct zone *zone, const struct node *node, struct zone_error *error)
{
    static struct name_parts parts;
    const struct record_set *set = node_set(node, TYPE_NS);

    for (const struct record *record = set ? set->first : NULL; record; record = record->next) {
        name_take_apart(&parts, record->data);
        if (!name_is_below(parts.lower, zone->apex->name))
            continue;
        const struct node *server = zone_find(zone, &parts, 0);
        if (!server || (!node_set(server, TYPE_A) && !node_set(server, TYPE_AAAA)))
            return refuse(error, node, "a name server in this zone without an address there",
                          record->data);
    }
    return 0;
}

static int finish_node(struct zone *zone, struct node *node, struct zone_error *error)
{
    bool delegated = node != zone->apex && node_set(node, TYPE_NS);

    if (is_wildcard(node) && delegated)
        return refuse(error, node, "a wildcard can't be delegated", node->name);
    if (is_wildcard(node) && node->parent)
        node->parent->wildcard = node;
    /* The topmost delegation counts: what is below it is not this zone's. */
    for (struct node *above = node; above && above != zone->apex; above = above->parent)
        if (node_set(above, TYPE_NS))
            node->cut = above;
    return check_servers(zone, node, error);
}

int zone_finish(struct zone *zone, struct zone_error *error)
{
    if (!zone->apex) {
        *error = (struct zone_error){.line = 1, .column = 1, .why = "this zone has no records"};
        return -1;
    }
    if (!node_set(zone->apex, TYPE_NS))
        return refuse(error, zone->apex, "the zone has no NS records of its own", zone->apex->name);
    for (size_t i = 0; i < zone->n_buckets; i++)
        for (struct node *node = zone->buckets[i]; node; node = node->next)
            if (finish_node(zone, node, error))
                return -1;
    return 0;
}

int zones_add(struct zones *zones, struct zone *zone)
{
    struct zone **bucket = &zones->buckets[zone->apex->hash % ZONES_BUCKETS];

    for (struct zone *other = *bucket; other; other = other->next)
        if (name_equal(other->apex->name, zone->apex->name))
            return -1;
    zone->next = *bucket;
    *bucket = zone;
    return 0;
}

struct zone *zones_find(const struct zones *zones, const struct name_parts *name, bool above,
                        unsigned *suffix)
{
    for (unsigned i = above; i <= name->n_labels; i++) {
        size_t len = name->len - name->starts[i];
        struct zone *zone = zones->buckets[name->hashes[i] % ZONES_BUCKETS];
        for (; zone; zone = zone->next) {
            if (zone->apex->hash == name->hashes[i] && zone->apex->name_len == len &&
                memcmp(zone->apex->name, name->lower + name->starts[i], len) == 0) {
                *suffix = i;
                return zone;
            }
        }
    }
    return NULL;
}
