/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer.h"

#include <assert.h>
#include <string.h>

#include "message.h"

#define CHAIN_MAX 8 /* CNAMEs that are followed, so that a loop of them ends */

/* The header's third and fourth byte: RFC 1035, 4.1.1; CD: RFC 4035. */
enum {
    FLAG_QR = 0x80,
    OPCODE = 0x78,
    FLAG_AA = 0x04,
    FLAG_TC = 0x02,
    FLAG_RD = 0x01,
    FLAG_CD = 0x10,
};

enum rcode { NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 16 };

enum {
    OPT_BYTES = 11,
    RECORD_MIN = 11,      /* the root's name, type, class, TTL, length */
    TYPE_TRANSFERS = 251, /* IXFR, AXFR, MAILB, MAILA */
};

struct query {
    const uint8_t *bytes;
    size_t len;
    size_t question_len; /* with type and class */
    uint16_t type, class;
    bool has_opt, dnssec_ok;
    uint8_t edns_version;
    uint16_t udp_max;
};

struct answer {
    struct message message;
    const struct zones *zones;
    enum rcode rcode;
    bool authoritative, truncated;
    unsigned n_answers, n_authorities, n_additional;
};

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

/* @return the length of a name that may end in a pointer, wherever that leads; 0: it is none. */
static size_t skip_name(const uint8_t *wire, size_t max)
{
    size_t at = 0;

    while (at < max && at < NAME_MAX_BYTES) {
        unsigned len = wire[at];
        if (!len)
            return at + 1;
        if (len >= 0xc0)
            return max - at >= 2 ? at + 2 : 0;
        if (len > LABEL_MAX_BYTES)
            return 0;
        at += 1 + len;
    }
    return 0;
}

/* RFC 6891, 6.1: the root's name; the class is a size, the TTL flags. */
static bool take_opt(struct query *query, const uint8_t *record, size_t name_len)
{
    if (query->has_opt || name_len != 1)
        return false;
    query->has_opt = true;
    query->udp_max = (uint16_t)get16(record + 3);
    query->edns_version = record[6];
    query->dnssec_ok = record[7] & 0x80;
    return true;
}

/* The records behind the question: nothing matters but OPT, and that they are well made. */
static bool parse_records(struct query *query)
{
    const uint8_t *header = query->bytes;
    unsigned n_before = get16(header + 6) + get16(header + 8);
    unsigned n = n_before + get16(header + 10);
    size_t at = MESSAGE_HEADER + query->question_len;

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *record = query->bytes + at;
        size_t left = query->len - at, name_len = skip_name(record, left);
        if (!name_len || left - name_len < RECORD_MIN - 1)
            return false;
        size_t data_len = get16(record + name_len + 8);
        size_t len = name_len + RECORD_MIN - 1 + data_len;
        if (len > left)
            return false;
        if (get16(record + name_len) == TYPE_OPT &&
            (i < n_before || !take_opt(query, record, name_len)))
            return false;
        at += len;
    }
    return at == query->len;
}

/* @return false when it is malformed. query->question_len tells whether the question was read. */
static bool parse(struct query *query)
{
    const uint8_t *question = query->bytes + MESSAGE_HEADER;
    size_t left = query->len - MESSAGE_HEADER, name_len = name_length(question, left);

    if (get16(query->bytes + 4) != 1 || !name_len || left - name_len < 4)
        return false;
    query->question_len = name_len + 4;
    query->type = (uint16_t)get16(question + name_len);
    query->class = (uint16_t)get16(question + name_len + 2);
    return query->type != TYPE_OPT && parse_records(query);
}

/* @return false when there was no room, and it is cut off. */
static bool add_set(struct answer *answer, unsigned *count, const uint8_t *owner,
                    const struct record_set *set, uint32_t ttl_s)
{
    int n = message_set(&answer->message, owner, set, ttl_s);

    if (n < 0)
        return false;
    *count += (unsigned)n;
    return true;
}

/* The name, or records of the type, are not there: the SOA says how long that is so. */
static void negative(struct answer *answer, const struct zone *zone, enum rcode rcode)
{
    answer->rcode = rcode;
    if (!add_set(answer, &answer->n_authorities, zone->apex->name, zone->soa, zone->negative_ttl_s))
        answer->truncated = true;
}

/* RFC 9471: addresses below the delegation are nowhere else, so they must not be missing. */
static void add_glue(struct answer *answer, const struct zone *zone, const struct node *cut,
                     const uint8_t *server)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    static struct name_parts parts; /* large for a stack; there is one thread */

    if (!name_is_below(server, zone->apex->name))
        return;
    name_take_apart(&parts, server);
    const struct node *node = zone_find(zone, &parts, 0);
    for (unsigned i = 0; node && i < 2; i++) {
        const struct record_set *set = node_set(node, types[i]);
        if (set && !add_set(answer, &answer->n_additional, server, set, set->ttl_s) &&
            name_is_below(server, cut->name))
            answer->truncated = true;
    }
}

static void refer(struct answer *answer, const struct zone *zone, const struct node *cut)
{
    const struct record_set *servers = node_set(cut, TYPE_NS);

    if (!add_set(answer, &answer->n_authorities, cut->name, servers, servers->ttl_s)) {
        answer->truncated = true;
        return;
    }
    for (const struct record *record = servers->first; record; record = record->next)
        add_glue(answer, zone, cut, record->data);
}

static const struct zone *find_zone(const struct answer *answer, const struct name_parts *name,
                                    uint16_t type, unsigned *apex)
{
    const struct zone *zone = NULL;

    if (type == TYPE_DS) /* the parent has it, at the delegation: RFC 4035, 3.1.4.1 */
        zone = zones_find(answer->zones, name, true, apex);
    return zone ? zone : zones_find(answer->zones, name, false, apex);
}

/*
 * Answer for one name.
 *
 * @return the name to go on with, a CNAME's; NULL when all is said.
 */
static const uint8_t *look_up(struct answer *answer, const struct name_parts *name,
                              const uint8_t *owner, uint16_t type)
{
    unsigned apex = 0, suffix = 0;
    const struct zone *zone = find_zone(answer, name, type, &apex);

    if (!zone) {
        if (!owner)
            answer->rcode = REFUSED;
        return NULL;
    }
    const struct node *node = zone_find(zone, name, 0), *closest = node;
    while (!closest && suffix < apex)
        closest = zone_find(zone, name, ++suffix);
    assert(closest); /* the zone's own name, if nothing else */
    if (closest->cut && !(type == TYPE_DS && closest->cut == node)) {
        refer(answer, zone, closest->cut);
        return NULL;
    }
    if (!owner)
        answer->authoritative = true;
    if (!node)
        node = closest->wildcard;
    if (!node) {
        negative(answer, zone, NXDOMAIN);
        return NULL;
    }
    const struct record_set *alias = node_set(node, TYPE_CNAME);
    const struct record_set *set = type == TYPE_ANY ? node->sets : node_set(node, type);
    if (alias && type != TYPE_ANY)
        set = alias;
    if (!set) {
        negative(answer, zone, NOERROR);
        return NULL;
    }
    if (!add_set(answer, &answer->n_answers, owner, set, set->ttl_s)) {
        answer->truncated = true;
        return NULL;
    }
    return set == alias && type != TYPE_CNAME && type != TYPE_ANY ? alias->first->data : NULL;
}

static void resolve(struct answer *answer, const struct query *query)
{
    static struct name_parts name; /* large for a stack; there is one thread */
    const uint8_t *next = query->bytes + MESSAGE_HEADER, *owner = NULL;

    if (query->class != CLASS_IN || (query->type >= TYPE_TRANSFERS && query->type < TYPE_ANY)) {
        answer->rcode = REFUSED;
        return;
    }
    for (int i = 0; next && i < CHAIN_MAX; i++) {
        name_take_apart(&name, next);
        next = look_up(answer, &name, owner, query->type);
        owner = next;
    }
}

/* A message that is cut off says nothing but that. */
static void cut_off(struct answer *answer, size_t question_end)
{
    answer->message.len = question_end;
    answer->n_answers = answer->n_authorities = answer->n_additional = 0;
}

/* There is always room: it was kept. */
static void put_opt(struct answer *answer, const struct query *query)
{
    uint8_t *opt = answer->message.data + answer->message.len;

    memset(opt, 0, OPT_BYTES);
    put16(opt + 1, TYPE_OPT);
    put16(opt + 3, UDP_EDNS_MAX);
    opt[5] = (uint8_t)(answer->rcode >> 4);
    opt[7] = query->dnssec_ok ? 0x80 : 0; /* RFC 3225, 3: as it came */
    answer->message.len += OPT_BYTES;
    answer->n_additional++;
}

static void put_header(const struct answer *answer, const struct query *query, uint8_t *reply)
{
    const uint8_t *header = query->bytes;

    reply[0] = header[0];
    reply[1] = header[1];
    reply[2] = (uint8_t)(FLAG_QR | (header[2] & (OPCODE | FLAG_RD)) |
                         (answer->authoritative ? FLAG_AA : 0) | (answer->truncated ? FLAG_TC : 0));
    reply[3] = (uint8_t)((header[3] & FLAG_CD) | (answer->rcode & 0xf));
    put16(reply + 4, query->question_len ? 1 : 0);
    put16(reply + 6, answer->n_answers);
    put16(reply + 8, answer->n_authorities);
    put16(reply + 10, answer->n_additional);
}

static void count(struct answer_counts *counts, const struct answer *answer)
{
    counts->truncated += answer->truncated;
    if (answer->rcode == NOERROR || answer->rcode == NXDOMAIN)
        counts->answered++;
    else if (answer->rcode == REFUSED)
        counts->refused++;
    else
        counts->malformed++;
}

static size_t reply_max(const struct query *query, bool stream)
{
    if (stream)
        return ANSWER_MAX;
    return !query->has_opt || query->udp_max < UDP_PLAIN_MAX ? UDP_PLAIN_MAX
           : query->udp_max < UDP_EDNS_MAX                   ? query->udp_max
                                                             : UDP_EDNS_MAX;
}

size_t answer_query(const struct zones *zones, const uint8_t *bytes, size_t len, bool stream,
                    uint8_t *reply, struct answer_counts *counts)
{
    struct query query = {.bytes = bytes, .len = len};
    struct answer answer = {.zones = zones};

    if (len < MESSAGE_HEADER || bytes[2] & FLAG_QR) {
        counts->dropped++; /* an answer to an answer could go on for ever */
        return 0;
    }
    bool is_query = !(bytes[2] & OPCODE), well_made = is_query && parse(&query);
    size_t question_end = MESSAGE_HEADER + query.question_len;
    memcpy(reply + MESSAGE_HEADER, bytes + MESSAGE_HEADER, query.question_len);
    size_t max = reply_max(&query, stream) - (query.has_opt ? OPT_BYTES : 0);
    if (!is_query) {
        answer.rcode = NOTIMP;
    } else if (!well_made) {
        answer.rcode = FORMERR;
        query.has_opt = false;
    } else if (query.edns_version) {
        answer.rcode = BADVERS;
    }
    if (answer.rcode == NOERROR) {
        message_begin(&answer.message, reply, question_end, max);
        resolve(&answer, &query);
    } else {
        answer.message = (struct message){.data = reply, .len = question_end};
    }
    if (answer.truncated)
        cut_off(&answer, question_end);
    if (query.has_opt)
        put_opt(&answer, &query);
    put_header(&answer, &query, reply);
    count(counts, &answer);
    return answer.message.len;
}
