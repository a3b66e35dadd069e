/* SPDX-License-Identifier: BSD-2-Clause */
/** @file The pattern language of IPClassifier and IPFilter. */
#ifndef SPRAT_MIDDLEBOX_IPEXPR_H
#define SPRAT_MIDDLEBOX_IPEXPR_H

#include "classify.h"
#include "element.h"

/** A parsed pattern; its memory is in the arena. */
struct ipexpr;

/** Parse a pattern of an element's argument; NULL with the reason reported through `c`. */
struct ipexpr *ipexpr_parse(struct arena *arena, const struct conf *c, struct str text);

/** Compile: where to go when it matches and when not. */
target_t ipexpr_emit(const struct ipexpr *x, struct cbuilder *b, target_t yes, target_t no);

struct ipname {
    const char *name;
    uint16_t value;
};

/** Tables that end with a NULL name. */
extern const struct ipname ipname_protos[], ipname_ports[], ipname_icmp_types[],
    ipname_tcp_options[];
bool ipname_find(const struct ipname *names, struct str s, uint64_t *out);

/** IP protocol, port and ICMP type by name or number; false: unknown. */
bool ipname_proto(struct str s, uint64_t *out);
bool ipname_port(struct str s, uint64_t *out);
bool ipname_icmp_type(struct str s, uint64_t *out);

#endif
