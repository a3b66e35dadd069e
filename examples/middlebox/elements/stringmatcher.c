/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * StringMatcher: searches packets for any of several strings at once; not in Click.
 *
 *     StringMatcher(PATTERN, ... [, NOCASE, PAYLOAD, ANNO])
 *
 * Packets without a match leave by output 0; with a match by output 1, or, without such an output,
 * they are dropped. PAYLOAD true searches only what is behind the TCP, UDP or ICMP header (the IP
 * header must be marked). ANNO names a byte annotation that gets the number of the pattern found,
 * from 0.
 *
 * Patterns become one automaton (Aho and Corasick). A state's successors are a short list; the root
 * has a table. Most bytes are never shown to it: while no pattern has begun, the last two bytes of
 * a window as long as the shortest pattern tell how far the next place is where one may begin
 * (Wu and Manber). Whatever a packet holds, each place is looked up once and each byte shown once.
 *
 * Handlers: `matches`, `count#` (packets in which pattern # was the first to be found).
 */
#include <limits.h>
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

#define STATES_MAX 65535u
#define SKIPS      2048u /* a table of them, for each element */
#define WINDOW_MIN 3u    /* below, there is little to skip */
#define WINDOW_MAX 64u

struct mstate {
    uint16_t fail, first, next; /* first child; next sibling; 0: none */
    uint16_t match;             /* pattern that ends here or in a suffix, plus one */
    uint8_t byte;
};

struct matcher {
    struct element e;
    struct mstate *states;
    unsigned n;
    uint16_t root[256];
    uint8_t *skip;     /* by two bytes; NULL: the shortest pattern is too short for it */
    unsigned shortest; /* pattern */
    uint64_t *counts;
    unsigned n_patterns;
    bool nocase, payload, anno_set;
    uint8_t anno;
    struct str anno_text;
    uint64_t matches;
};

static uint8_t folded(const struct matcher *m, uint8_t c)
{
    return m->nocase && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static uint8_t other_case(const struct matcher *m, uint8_t c)
{
    return m->nocase && c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static uint16_t child(const struct matcher *m, uint16_t s, uint8_t c)
{
    uint16_t k;

    if (!s)
        return m->root[c];
    for (k = m->states[s].first; k && m->states[k].byte != c; k = m->states[k].next)
        ;
    return k;
}

static int add_pattern(struct matcher *m, struct str s, unsigned pattern)
{
    uint16_t at = 0;

    for (uint32_t i = 0; i < s.len; i++) {
        uint8_t c = folded(m, (uint8_t)s.s[i]);
        uint16_t next = child(m, at, c);

        if (!next) {
            struct mstate *states = m->states;

            if (m->n == STATES_MAX)
                return -1;
            if ((m->n & (m->n - 1)) == 0) { /* full: double */
                states = realloc(m->states, 2 * (size_t)m->n * sizeof(*states));
                if (!states)
                    return -1;
                m->states = states;
            }
            next = (uint16_t)m->n++;
            states[next] = (struct mstate){.byte = c};
            if (!at) {
                m->root[c] = next;
            } else {
                states[next].next = states[at].first;
                states[at].first = next;
            }
        }
        at = next;
    }
    if (!m->states[at].match)
        m->states[at].match = (uint16_t)(pattern + 1);
    return 0;
}

/* Where the skip of two bytes is: the first of them at `pair`. */
static unsigned skip_index(const uint8_t *pair)
{
    return (uint16_t)(get_raw16(pair) * 40503u) / (65536 / SKIPS);
}

/* A pattern has these bytes, folded; it may begin `skip` further on. */
static void limit_skip(struct matcher *m, uint8_t a, uint8_t b, unsigned skip)
{
    for (unsigned i = 0; i < 4; i++) {
        uint8_t pair[2] = {i & 1 ? other_case(m, a) : a, i & 2 ? other_case(m, b) : b};
        uint8_t *limit = &m->skip[skip_index(pair)];

        if (*limit > skip)
            *limit = (uint8_t)skip;
    }
}

static unsigned window(const struct matcher *m)
{
    return m->shortest < WINDOW_MAX ? m->shortest : WINDOW_MAX;
}

/* Breadth first: where to go on when a state has no child for a byte, and what can be skipped. */
static int link_states(struct matcher *m)
{
    uint16_t *queue = calloc(m->n, sizeof(*queue));
    unsigned head = 0, tail = 0, depth = 1, depth_end;

    if (m->shortest >= WINDOW_MIN) {
        m->skip = malloc(SKIPS);
        if (m->skip)
            memset(m->skip, (int)window(m) - 1, SKIPS);
    }
    if (!queue || (!m->skip && m->shortest >= WINDOW_MIN)) {
        free(queue);
        return -1;
    }
    for (unsigned c = 0; c < 256; c++) {
        if (m->root[c])
            queue[tail++] = m->root[c];
    }
    depth_end = tail;
    while (head < tail) {
        uint16_t s = queue[head++];

        for (uint16_t k = m->states[s].first; k; k = m->states[k].next) {
            uint16_t f = m->states[s].fail, to;

            while (!(to = child(m, f, m->states[k].byte)) && f)
                f = m->states[f].fail;
            m->states[k].fail = to;
            if (!m->states[k].match)
                m->states[k].match = m->states[to].match;
            queue[tail++] = k;
            if (m->skip && depth < window(m))
                limit_skip(m, m->states[s].byte, m->states[k].byte, window(m) - depth - 1);
        }
        if (head == depth_end) {
            depth++;
            depth_end = tail;
        }
    }
    free(queue);
    return 0;
}

static int matcher_configure(struct element *e, struct conf *c)
{
    struct matcher *m = (struct matcher *)e;
    struct field anno = {.type = T_ANNO, .max = 1, .offset = offsetof(struct matcher, anno)};

    if (m->anno_text.len) {
        m->anno_set = conf_field(c, &anno, m->anno_text);
        if (!m->anno_set)
            return conf_error(c, (struct str){NULL, 0}, "ANNO must be a byte annotation");
    }
    if (!c->argc)
        return conf_error(c, (struct str){NULL, 0}, "a PATTERN is missing");
    m->states = calloc(1, sizeof(*m->states));
    m->counts = calloc(c->argc, sizeof(*m->counts));
    if (!m->states || !m->counts)
        return -1;
    m->n = 1;
    m->shortest = UINT_MAX;
    for (; m->n_patterns < c->argc; m->n_patterns++) {
        struct str s;
        int rc;

        if (!value_string(c->argv[m->n_patterns], &s))
            return conf_error(c, c->argv[m->n_patterns], "PATTERN must be a string");
        rc = s.len ? add_pattern(m, s, m->n_patterns) : 1;
        if (s.len < m->shortest)
            m->shortest = s.len;
        free((char *)s.s);
        if (rc > 0)
            return conf_error(c, c->argv[m->n_patterns], "an empty PATTERN would match everything");
        if (rc < 0)
            return conf_error(c, c->argv[m->n_patterns], "patterns too large");
    }
    return link_states(m);
}

static void matcher_cleanup(struct element *e)
{
    struct matcher *m = (struct matcher *)e;

    free(m->states);
    free(m->skip);
    free(m->counts);
}

static void matcher_adopt(struct element *e, struct element *from)
{
    struct matcher *m = (struct matcher *)e, *f = (struct matcher *)from, old = *m;

    m->states = f->states;
    m->n = f->n;
    memcpy(m->root, f->root, sizeof(m->root));
    m->skip = f->skip;
    m->shortest = f->shortest;
    m->counts = f->counts;
    m->n_patterns = f->n_patterns;
    m->nocase = f->nocase;
    m->payload = f->payload;
    m->anno_set = f->anno_set;
    m->anno = f->anno;
    f->states = old.states;
    f->skip = old.skip;
    f->counts = old.counts;
}

/* The first place at or behind `at` where a pattern may begin; NULL: there is none. */
static const uint8_t *skipped(const struct matcher *m, const uint8_t *at, const uint8_t *end)
{
    unsigned width = window(m), skip = 1;

    while (skip) {
        if ((size_t)(end - at) < width)
            return NULL;
        skip = m->skip[skip_index(at + width - 2)];
        at += skip;
    }
    return at;
}

/* The first pattern found, plus one; 0: none. */
static unsigned search(const struct matcher *m, const uint8_t *at, uint32_t len)
{
    const uint8_t *end = at + len;
    uint16_t s = 0;

    while (at < end) {
        uint16_t to;

        if (!s && m->skip) {
            at = skipped(m, at, end);
            if (!at)
                return 0;
        }
        uint8_t c = folded(m, *at++);
        while (!(to = child(m, s, c)) && s)
            s = m->states[s].fail;
        s = to;
        if (unlikely(m->states[s].match))
            return m->states[s].match;
    }
    return 0;
}

/* What is behind the transport header; the whole packet if there is none. */
static const uint8_t *payload_of(const struct packet *p, uint32_t *len)
{
    struct ip_hdr *ip = packet_ip(p);
    uint8_t *t = NULL;
    uint32_t hl = 8;

    *len = p->len;
    if (ip && ip->proto == IPPROTO_TCP && (t = ip_transport(p, ip, 20, len)))
        hl = (t[12] >> 4) * 4u;
    else if (ip && (ip->proto == IPPROTO_UDP || ip->proto == IPPROTO_ICMP))
        t = ip_transport(p, ip, 8, len);
    if (!t) {
        *len = p->len;
        return p->data;
    }
    if (hl > *len)
        hl = *len;
    *len -= hl;
    return t + hl;
}

static struct packet *matcher_action(struct element *e, struct packet *p)
{
    struct matcher *m = (struct matcher *)e;
    uint32_t len = p->len;
    const uint8_t *data = m->payload ? payload_of(p, &len) : p->data;
    unsigned found = search(m, data, len);

    if (!found)
        return p;
    m->matches++;
    m->counts[found - 1]++;
    if (m->anno_set)
        p->anno.b[m->anno] = (uint8_t)(found - 1);
    element_push_or_kill(e, 1, p);
    return NULL;
}

static int read_count(struct hcall *c)
{
    text_addf(c->out, "%llu", (unsigned long long)((struct matcher *)c->e)->counts[c->index]);
    return 0;
}

static unsigned pattern_count(const struct element *e)
{
    return ((const struct matcher *)e)->n_patterns;
}

static const struct field fields[] = {
    FIELD(struct matcher, nocase, "NOCASE", T_BOOL, F_KEY),
    FIELD(struct matcher, payload, "PAYLOAD", T_BOOL, F_KEY),
    FIELD(struct matcher, anno_text, "ANNO", T_RAW, F_KEY),
    FIELD(struct matcher, matches, "MATCHES", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "count#", .read = read_count},
    {0},
};

const struct element_class class_StringMatcher = {
    .name = "StringMatcher",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct matcher),
    .flags = CLASS_ARGS | CLASS_LIVE,
    .fields = fields,
    .handlers = handlers,
    .configure = matcher_configure,
    .cleanup = matcher_cleanup,
    .extra = EXTRA(.adopt = matcher_adopt, .handler_count = pattern_count),
    .action = matcher_action,
};
