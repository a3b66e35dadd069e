/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tee and PullTee: a copy of each packet out of every output. As Click's, except that copies do not
 * share memory: an element may always write into the packets it has.
 */
#include "../engine/element.h"

struct tee {
    struct element e;
    uint32_t n;
};

static int tee_configure(struct element *e, struct conf *c)
{
    struct tee *t = (struct tee *)e;

    if (t->n && t->n != e->n_out)
        return conf_error(c, (struct str){NULL, 0}, "%u outputs, but %u are connected",
                          (unsigned)t->n, e->n_out);
    return 0;
}

static void tee_push(struct element *e, unsigned port, struct packet *batch)
{
    (void)port;
    for (unsigned i = 1; i < e->n_out; i++) {
        struct packet *copy = packet_clone_batch(batch);

        if (copy)
            element_push(e, i - 1, copy);
    }
    element_push(e, e->n_out - 1, batch);
}

static struct packet *pulltee_pull(struct element *e, unsigned port, unsigned max)
{
    struct packet *batch = element_pull(e, 0, max);

    (void)port;
    for (unsigned i = 1; batch && i < e->n_out; i++) {
        struct packet *copy = packet_clone_batch(batch);

        if (copy)
            element_push(e, i, copy);
    }
    return batch;
}

static const struct field fields[] = {
    FIELD(struct tee, n, "N", T_U32, F_POS),
    {0},
};

const struct element_class class_Tee = {
    .name = "Tee",
    .ports = "1/1-",
    .processing = "h/h",
    .size = sizeof(struct tee),
    .fields = fields,
    .configure = tee_configure,
    PUSHES(tee_push),
};

const struct element_class class_PullTee = {
    .name = "PullTee",
    .ports = "1/1-",
    .processing = "l/lh",
    .size = sizeof(struct tee),
    .fields = fields,
    .configure = tee_configure,
    .pull = pulltee_pull,
};
