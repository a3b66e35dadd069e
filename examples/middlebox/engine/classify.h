/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Decision programs: what Classifier, IPClassifier and IPFilter compile to.
 *
 * A builder holds a DAG of tests, "four bytes at an offset, masked, equal a value", made from the
 * last rule to the first, so that a test's targets exist before it does. The optimiser walks the
 * DAG with what is known on each path, leaves out tests whose outcome is known, merges equal parts,
 * and turns runs of tests of the same bytes into one binary search.
 */
#ifndef SPRAT_MIDDLEBOX_CLASSIFY_H
#define SPRAT_MIDDLEBOX_CLASSIFY_H

#include "net.h"
#include "text.h"

/** What offsets count from. */
enum { BASE_DATA, BASE_NET, BASE_TRANSPORT, BASE_MAC, BASES };

#define CLASSIFY_DROP         0xffffu /* the output of packets that match nothing */
#define CLASSIFY_NODES_MAX    65536u  /* tests before optimisation */
#define CLASSIFY_OPTIMISE_MAX 1024u   /* programs larger than this are not optimised by paths */

/** A target: an earlier test (>= 0) or an output (~output). */
typedef int32_t target_t;

static inline target_t target_output(unsigned output)
{
    return ~(int32_t)output;
}

struct ctest {
    uint32_t mask, value; /* host order; value is within mask */
    uint16_t off;         /* a multiple of 4 */
    uint8_t base;
    target_t yes, no;
};

struct cbuilder {
    struct ctest *tests;
    unsigned n, cap;
    bool failed; /* out of memory or too large: the result is unusable */
};

/**
 * Add a test of up to four bytes that lie within one aligned word.
 *
 * @param mask, value  in network order as numbers: the byte at `off & ~3` is the most significant.
 * @return the test, or a target when the outcome is clear (nothing is masked, or yes and no agree).
 */
target_t cbuilder_test(struct cbuilder *b, unsigned base, unsigned off, uint32_t mask,
                       uint32_t value, target_t yes, target_t no);
void cbuilder_free(struct cbuilder *b);

/**
 * One step: is the masked word in the range [lo, lo + span]? An equality has span 0. Words are in
 * host order, the first byte the most significant.
 */
struct cinsn {
    uint32_t mask, lo, span;
    uint16_t off;
    uint8_t base;
    target_t to[2]; /* no, yes */
};

struct program {
    struct cinsn *insns;
    target_t entry;
    unsigned n;
    uint32_t need[BASES]; /* packets with that many bytes need no further check */
    /* For shorter packets, the tests as they were: one that lacks its bytes fails, whatever others
     * of the same word said, so nothing can be concluded from it. */
    struct ctest *tests;
    target_t tests_entry;
};

/** Optimise; 0, or -1 without memory. The builder can be freed afterwards. */
int program_make(struct program *p, const struct cbuilder *b, target_t entry);
void program_free(struct program *p);
/** As Click's `program` handler prints it. */
void program_print(const struct program *p, struct text *out);

/** Where the bases lie in one packet. */
struct cview {
    const uint8_t *base[BASES];
    uint32_t len[BASES];
};

/** Which output? CLASSIFY_DROP if none. */
unsigned program_run_short(const struct program *p, const struct cview *v);

#define CLASSIFY_LANES 4 /* packets that are classified side by side, to overlap their latencies */

/** Classify up to CLASSIFY_LANES packets; outputs as from program_run(). */
void program_run_lanes(const struct program *p, const struct cview *v, unsigned n, unsigned *out);

static inline unsigned program_run(const struct program *p, const struct cview *v)
{
    unsigned out;

    program_run_lanes(p, v, 1, &out);
    return out;
}

/** Set up the view of a packet for IP programs. False: it has no whole IP header. */
static inline bool cview_ip(struct cview *v, const struct packet *p)
{
    const struct ip_hdr *ip = packet_ip(p);
    uint32_t hl, net_len;

    if (!ip)
        return false;
    hl = ip_hdr_len(ip);
    net_len = packet_net_len(p);
    v->base[BASE_DATA] = p->data;
    v->len[BASE_DATA] = p->len;
    v->base[BASE_NET] = p->net;
    v->len[BASE_NET] = net_len;
    v->base[BASE_TRANSPORT] = p->net + hl;
    v->len[BASE_TRANSPORT] = net_len - hl;
    v->base[BASE_MAC] = p->mac;
    v->len[BASE_MAC] = 0;
    if (p->mac && p->mac >= p->head && p->mac < p->data + p->len)
        v->len[BASE_MAC] = (uint32_t)(p->data + p->len - p->mac);
    return true;
}

#endif
