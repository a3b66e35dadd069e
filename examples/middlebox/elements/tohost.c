/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ToHost, ToHostSniffers: the stack of the host that Click runs on. A guest has none, so what they
 * get is dropped, and a configuration that has them is warned about it.
 */
#include "../engine/element.h"

struct tohost {
    struct element e;
    uint64_t drops;
};

static int tohost_configure(struct element *e, struct conf *c)
{
    errs_warn(c->errs, e->pos, "a guest has no host's stack: what comes here is dropped");
    return 0;
}

static void tohost_push(struct element *e, unsigned port, struct packet *batch)
{
    (void)port;
    ((struct tohost *)e)->drops += packet_kill_batch(batch);
}

static const struct field fields[] = {
    FIELD(struct tohost, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_ToHost = {
    .name = "ToHost",
    .ports = "1/0",
    .processing = "h/h",
    .size = sizeof(struct tohost),
    .fields = fields,
    .flags = CLASS_ARGS,
    .configure = tohost_configure,
    PUSHES(tohost_push),
};
