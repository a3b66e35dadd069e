/* SPDX-License-Identifier: BSD-2-Clause */
/** @file RoundRobinIPMapper, as HealthCheck sees it. */
#ifndef SPRAT_MIDDLEBOX_MAPPERS_H
#define SPRAT_MIDDLEBOX_MAPPERS_H

#include "rewriter.h"

struct rrtarget {
    struct pattern pattern;
    uint16_t outputs[2];
    bool down; /* gets no new flows */
    uint64_t flows;
};

struct rrmapper {
    struct mapper mapper;
    struct rrtarget *targets;
    unsigned n, next;
};

#endif
