/* SPDX-License-Identifier: BSD-2-Clause */
/* SetTimestamp: stores the time in the packet's timestamp annotation. As Click's. */
#include "../engine/element.h"

struct stamp {
    struct element e;
    uint64_t time_ns;
    bool first;
};

static struct packet *stamp_action(struct element *e, struct packet *p)
{
    const struct stamp *s = (const struct stamp *)e;
    uint64_t t = s->time_ns ? s->time_ns : port_wall_ns();

    if (s->first)
        memcpy(p->anno.b + ANNO_FIRST_TIMESTAMP, &t, 8);
    else
        p->time_ns = t;
    return p;
}

static const struct field fields[] = {
    FIELD(struct stamp, time_ns, "TIMESTAMP", T_TIME, F_POS),
    FIELD(struct stamp, first, "FIRST", T_BOOL, F_KEY),
    {0},
};

const struct element_class class_SetTimestamp = {
    .name = "SetTimestamp",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct stamp),
    .fields = fields,
    .action = stamp_action,
};
