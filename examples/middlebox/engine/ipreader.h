/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Reading a pattern word by word: what ipexpr.c and ipprim.c share. */
#ifndef SPRAT_MIDDLEBOX_IPREADER_H
#define SPRAT_MIDDLEBOX_IPREADER_H

#include "ipexpr_tree.h"

struct reader {
    struct arena *arena;
    const struct conf *c;
    struct str text;
    uint32_t at;
    struct str word; /* the next one; empty at the end */
    unsigned depth;
    struct prim last; /* what left-out qualifiers stand for */
    bool failed;
};

/** Go on to the next word. */
void reader_next(struct reader *r);
/** Report what is wrong at the current word, once; returns NULL. */
struct ipexpr *reader_fail(struct reader *r, const char *what);
/** Is the current word this word, or (if it is not NULL) this sign? Then go on behind it. */
bool reader_accept(struct reader *r, const char *word, const char *sign);
/** Can a primitive's value begin with the current word? */
bool reader_at_value(struct reader *r);
/** A new node of the tree; NULL after reporting. */
struct ipexpr *reader_node(struct reader *r, enum op op);
/** A primitive from here on; NULL after reporting. */
struct ipexpr *reader_primitive(struct reader *r);

#endif
