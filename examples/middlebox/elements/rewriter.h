/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Address and port translation: what IPRewriter and its relatives share.
 *
 * A flow is two entries in the rewriter's table, one for each direction, that point at each other.
 * An entry's key is the packet's flow as it arrives; what it becomes is the other's key, turned
 * round.
 */
#ifndef SPRAT_MIDDLEBOX_REWRITER_H
#define SPRAT_MIDDLEBOX_REWRITER_H

#include "../engine/table.h"
#include "flowid.h"

/** `SADDR SPORT DADDR DPORT`; a zero field is left as it is. */
struct pattern {
    uint32_t src, dst;
    uint16_t low, high; /* source ports, host order; 0: left alone */
    uint16_t dport;
    bool sequential, random; /* '#' and '?' behind the range */
    uint16_t next;
};

struct rewriter;

/** Elements that choose how a flow is rewritten (IPMapper). First member of their structs. */
struct mapper {
    struct element e;
    /** Choose a new flow that is free in the rewriter. False: none. */
    bool (*map)(struct mapper *m, struct rewriter *r, const struct flowid *in, struct flowid *out,
                uint16_t outputs[2]);
    /** A flow made before a hot swap goes on. False: it cannot. May be NULL. */
    bool (*adopt)(struct mapper *m, const struct flowid *in, const struct flowid *out);
    /** A flow that was made by map() or adopted is over. May be NULL. */
    void (*unmap)(struct mapper *m, const struct flowid *in, const struct flowid *out);
};

enum spec_kind { SPEC_DROP, SPEC_PASS, SPEC_KEEP, SPEC_PATTERN, SPEC_MAPPER };

/** What to do with packets of an input that belong to no flow. */
struct spec {
    uint8_t kind;
    uint16_t outputs[2]; /* forward and reply */
    struct pattern pattern;
    struct mapper *mapper;
};

struct rwentry {
    struct tentry entry;
    struct flowid key;
    struct rwentry *twin;
    uint16_t output;
    uint16_t input; /* whose spec made it */
    bool forward;   /* this one carries the flow's age */
    uint8_t flags;
    uint8_t packets; /* up to 255 */
};

#define RW_DATA 1 /* payload was seen in this entry's direction */
#define RW_DONE 2 /* FIN or RST was seen */

/* Ageing lists. */
enum { RW_TCP, RW_TCP_DONE, RW_TCP_NODATA, RW_UDP, RW_UDP_STREAMING, RW_REVERSE };

struct rewriter {
    struct element e;
    struct table table;
    struct spec *specs;
    unsigned n_specs;
    uint64_t timeout_ns[RW_REVERSE];
    uint64_t tcp_guarantee_ns, udp_guarantee_ns;
    uint64_t reap_ns;
    struct str capacity_text;
    uint32_t capacity;
    bool dst_anno;
    uint64_t mapping_failures, drops;
    struct timer reaper;
};

#define MAPPINGS_DEFAULT 8192

/* ---- the flows of a rewriter: flowtable.c ---- */

/** The entry for a flow, or NULL. */
struct rwentry *rewriter_find(const struct rewriter *r, const struct flowid *f);
/** Begin the flow that the input's specification makes of this one; NULL (and counted): none. */
struct rwentry *rewriter_begin(struct rewriter *r, const struct flowid *in, unsigned input);
/** Note a packet, from its transport header on, in its flow's age and state. */
void rewriter_note(struct rewriter *r, struct rwentry *w, const uint8_t *transport, uint32_t len);
/** End the flows that were silent for too long. */
void rewriter_reap(struct rewriter *r);
/** End all flows. */
void rewriter_clear(struct rewriter *r);
/** Take over another's flows, as far as the inputs and outputs they need are here. */
void rewriter_inherit(struct rewriter *r, const struct rewriter *old);
/** Is this reply key free? Mappers and patterns ask. */
bool rewriter_free_reply(const struct rewriter *r, const struct flowid *out);
/** Give the new flow a source port (a ping its identifier). Is its reply key free? */
bool rewriter_try_port(const struct rewriter *r, struct flowid *out, uint32_t port);
/** What packets with an entry's key become. */
static inline struct flowid rwentry_result(const struct rwentry *w)
{
    return flowid_reverse(w->twin->key);
}

/** Apply a pattern to a flow; false: no port is free. */
bool pattern_apply(struct pattern *p, const struct rewriter *r, const struct flowid *in,
                   struct flowid *out);
/**
 * `SADDR SPORT DADDR DPORT` from the first words of `*s`, or a named pattern. False after
 * reporting.
 */
bool pattern_parse(const struct conf *c, struct str *s, struct pattern *out);
/** An input specification. 0 or -1 after reporting. */
int spec_parse(const struct conf *c, struct str s, struct spec *out);
void pattern_print(const struct pattern *p, struct text *out);

/** IPRewriterPatterns: a pattern by name, or NULL. */
const struct pattern *patterns_find(const struct router *r, struct str name);

#endif
