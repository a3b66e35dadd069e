/* SPDX-License-Identifier: BSD-2-Clause */
/* Block: what is above a rate, which IPRateMonitor wrote on it, leaves by output 1. As Click's. */
#include "../engine/element.h"

struct block {
    struct element e;
    uint32_t thresh;
};

static unsigned block_route(struct element *e, unsigned port, struct packet *p)
{
    const struct block *b = (const struct block *)e;

    (void)port;
    return b->thresh && packet_anno32(p, ANNO_FWD_RATE) > b->thresh;
}

static const struct field fields[] = {
    FIELD(struct block, thresh, "THRESH", T_U32, F_POS | F_REQ | F_RW),
    {0},
};

const struct element_class class_Block = {
    .name = "Block",
    .ports = "1/2",
    .processing = "h/h",
    .size = sizeof(struct block),
    .fields = fields,
    ROUTES(block_route),
};
