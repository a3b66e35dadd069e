/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Null, PushNull, PullNull: pass packets on. As Click's. Align is the same thing here: the engine
 * reads headers at any alignment.
 */
#include "../engine/element.h"

static struct packet *null_action(struct element *e, struct packet *p)
{
    (void)e;
    return p;
}

#define NULL_CLASS(id, processing_, ...)                                                           \
    const struct element_class class_##id = {.name = #id,                                          \
                                             .ports = "1/1",                                       \
                                             .processing = processing_,                            \
                                             .size = sizeof(struct element),                       \
                                             .action = null_action,                                \
                                             __VA_ARGS__}

NULL_CLASS(Null, "a/a", .flags = 0);
NULL_CLASS(PushNull, "h/h", .flags = 0);
NULL_CLASS(PullNull, "l/l", .flags = 0);
NULL_CLASS(Align, "a/a", .flags = CLASS_ARGS);
