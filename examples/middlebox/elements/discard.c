/* SPDX-License-Identifier: BSD-2-Clause */
/* Discard: drops all packets; pulls them when its input is pull. As Click's. */
#include "../engine/element.h"

struct discard {
    struct element e;
    uint64_t count;
    uint32_t burst;
    bool active;
};

static void discard_push(struct element *e, unsigned port, struct packet *batch)
{
    struct discard *d = (struct discard *)e;

    (void)port;
    d->count += packet_kill_batch(batch);
}

static bool discard_run(struct element *e)
{
    struct discard *d = (struct discard *)e;
    struct packet *batch;

    if (!d->active || input_is_push(e, 0))
        return false;
    batch = element_pull(e, 0, d->burst ? d->burst : 1);
    d->count += packet_kill_batch(batch);
    return batch;
}

static const struct field fields[] = {
    FIELD(struct discard, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct discard, burst, "BURST", T_U32, F_KEY, .def = 1, .max = 4096),
    FIELD(struct discard, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_Discard = {
    .name = "Discard",
    .ports = "1/0",
    .processing = "a/a",
    .size = sizeof(struct discard),
    .fields = fields,
    .changed = task_wake,
    PUSHES(discard_push),
    .run = discard_run,
};
