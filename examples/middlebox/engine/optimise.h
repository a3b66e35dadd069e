/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file The working state of the optimiser: states (optimise.c) that become instructions (merge.c).
 */
#ifndef SPRAT_MIDDLEBOX_OPTIMISE_H
#define SPRAT_MIDDLEBOX_OPTIMISE_H

#include "classify.h"

struct fact {
    uint32_t mask, value; /* known bits of one word */
};

struct edge {
    uint16_t node; /* a test of the kind that holds */
    uint16_t kind;
    target_t to;
};

struct state {
    unsigned node;
    unsigned live;  /* tests that are reachable and undecided */
    unsigned edges; /* the first one */
    uint16_t n_edges;
    int32_t next;    /* in its hash chain */
    target_t no;     /* when none of the edges holds */
    target_t merged; /* what stands for it in the result */
};

struct opt {
    const struct cbuilder *b;
    unsigned n_words, n_kinds, bits; /* bits: 32-bit words in a set of kinds */
    uint8_t *word_of;                /* node -> word, WORDS_MAX: none */
    uint16_t *kind_of;               /* node -> kind: distinct (word, mask, value) */
    uint16_t *kind_node;             /* kind -> a node of that kind */
    uint32_t *implies;               /* kind -> set of kinds that fail when it fails */
    uint8_t *seen;                   /* node: reachable under the present facts */
    int8_t *outcome;                 /* node: decided(), or POINTLESS */
    target_t *res;                   /* node: where one arrives from it */
    uint16_t *uses;                  /* kind: reachable undecided tests */
    struct state *states;
    struct fact *facts; /* state, word */
    uint32_t *failed;   /* state -> set of kinds known to fail */
    struct edge *edges;
    unsigned n_edges;
    unsigned n_states, limit; /* beyond the limit, new states forget their facts */
    unsigned cap_states;
    int32_t *buckets;
    unsigned n_buckets;
    struct fact *now; /* the facts being worked on */
    uint32_t *now_failed;
    uint32_t *wanted; /* kinds that matter */
};

static inline bool same_word(const struct ctest *a, const struct ctest *b)
{
    return a->base == b->base && a->off == b->off;
}

/** Turn states into instructions, targets first; 0 or -1. */
int optimise_merge(struct opt *o, struct program *p);
/** What stands for a target among the instructions. */
target_t optimise_merged(const struct opt *o, target_t t);
/** Drop instructions that are not reached, and number the rest from the entry on; 0 or -1. */
int optimise_compact(struct program *p);

#endif
