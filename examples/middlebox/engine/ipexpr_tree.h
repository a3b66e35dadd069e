/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What a pattern is between being parsed (ipexpr.c) and compiled (ipemit.c). */
#ifndef SPRAT_MIDDLEBOX_IPEXPR_TREE_H
#define SPRAT_MIDDLEBOX_IPEXPR_TREE_H

#include "ipexpr.h"

enum op { OP_AND, OP_OR, OP_NOT, OP_CHOICE, OP_TEST, OP_TRUE, OP_FALSE };

enum type {
    TYPE_NONE,
    TYPE_HOST,
    TYPE_NET,
    TYPE_PORT,
    TYPE_PROTO,
    TYPE_TCPOPT,
    TYPE_ICMPTYPE,
    TYPE_ETHERHOST,
    TYPE_FRAG,
    TYPE_UNFRAG,
    TYPE_ECT,
    TYPE_CE,
    TYPE_FIELD, /* a number at a place: ttl, tos, ip[9:1], ... */
};

enum relation { REL_EQ, REL_NE, REL_LT, REL_GT, REL_LE, REL_GE };

enum { DIR_EITHER, DIR_SRC, DIR_DST, DIR_BOTH };

/* The place of a number: `bits` bits, of which the last stands `shift` bits from the right end of
 * the word (network order). */
struct place {
    uint8_t base, shift, bits;
    uint16_t off;
};

struct prim {
    uint8_t type, dir, relation;
    int16_t proto; /* -1: any; PROTO_TRANSP: TCP or UDP */
    struct place place;
    uint32_t value, mask;
    bool has_mask;
    uint8_t ether[6];
};

#define PROTO_ANY    (-1)
#define PROTO_TCPUDP (-2)

struct ipexpr {
    uint8_t op;
    struct ipexpr *first; /* operands, linked by next; the last one first */
    struct ipexpr *next;
    struct prim prim;
};

#endif
