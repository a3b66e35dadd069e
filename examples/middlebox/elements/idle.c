/* SPDX-License-Identifier: BSD-2-Clause */
/* Idle: never sends anything, drops what it gets. As Click's. */
#include "../engine/element.h"

static void idle_push(struct element *e, unsigned port, struct packet *batch)
{
    (void)e;
    (void)port;
    packet_kill_batch(batch);
}

static struct packet *idle_pull(struct element *e, unsigned port, unsigned max)
{
    (void)e;
    (void)port;
    (void)max;
    return NULL;
}

const struct element_class class_Idle = {
    .name = "Idle",
    .ports = "-/-",
    .processing = "a/a",
    .extra = EXTRA(.flow = "x/y"),
    .size = sizeof(struct element),
    PUSHES(idle_push),
    .pull = idle_pull,
};
