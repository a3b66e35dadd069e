/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paint, CheckPaint, PaintTee, PaintSwitch, SetAnnoByte: a byte of annotation that travels with the
 * packet. As Click's.
 */
#include "../engine/element.h"

struct paint {
    struct element e;
    uint8_t color, anno;
};

static struct packet *paint(struct element *e, struct packet *p)
{
    const struct paint *s = (const struct paint *)e;

    p->anno.b[s->anno] = s->color;
    return p;
}

static struct packet *checkpaint(struct element *e, struct packet *p)
{
    const struct paint *s = (const struct paint *)e;

    if (p->anno.b[s->anno] == s->color)
        return p;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static struct packet *painttee(struct element *e, struct packet *p)
{
    const struct paint *s = (const struct paint *)e;
    struct packet *copy;

    if (p->anno.b[s->anno] == s->color && (copy = packet_clone(p)))
        element_push_or_kill(e, 1, copy);
    return p;
}

static void paintswitch_push(struct element *e, unsigned port, struct packet *batch)
{
    const struct paint *s = (const struct paint *)e;
    struct splitter split;

    (void)port;
    split_init(&split);
    while (batch) {
        struct packet *p = batch;
        unsigned color = p->anno.b[s->anno];

        batch = p->next;
        if (color == 255 && e->n_out) { /* to all of them */
            for (unsigned i = 1; i < e->n_out; i++) {
                struct packet *copy = packet_clone(p);

                if (copy)
                    split_add(e, &split, i, copy);
            }
            color = 0;
        }
        split_add(e, &split, color, p);
    }
    split_flush(e, &split);
}

static const struct field fields[] = {
    FIELD(struct paint, color, "COLOR", T_U8, F_POS | F_REQ | F_RW),
    FIELD(struct paint, anno, "ANNO", T_ANNO, F_POS, .def = ANNO_PAINT, .max = 1),
    {0},
};

static const struct field switch_fields[] = {
    FIELD(struct paint, anno, "ANNO", T_ANNO, F_POS, .def = ANNO_PAINT, .max = 1),
    {0},
};

static const struct field byte_fields[] = {
    FIELD(struct paint, anno, "ANNO", T_ANNO, F_POS | F_REQ | F_RD, .max = 1),
    FIELD(struct paint, color, "VALUE", T_U8, F_POS | F_REQ | F_RW),
    {0},
};

#define PAINT_CLASS(id, ports_, processing_, fields_, ...)                                         \
    const struct element_class class_##id = {.name = #id,                                          \
                                             .ports = ports_,                                      \
                                             .processing = processing_,                            \
                                             .size = sizeof(struct paint),                         \
                                             .fields = fields_,                                    \
                                             __VA_ARGS__}

PAINT_CLASS(Paint, "1/1", "a/a", fields, .action = paint);
PAINT_CLASS(SetAnnoByte, "1/1", "a/a", byte_fields, .action = paint);
PAINT_CLASS(CheckPaint, "1/1-2", "a/ah", fields, .action = checkpaint);
PAINT_CLASS(PaintTee, "1/2", "a/ah", fields, .action = painttee);
PAINT_CLASS(PaintSwitch, "1/-", "h/h", switch_fields, PUSHES(paintswitch_push));
