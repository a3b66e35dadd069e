/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shaper and BandwidthShaper: pull elements that let a rate through, and give what is above it to
 * whoever pulls from output 1. As Click's, except that who pulls from output 0 sleeps until the
 * next packet may pass.
 */
#include "../engine/element.h"
#include "../engine/rate.h"

struct shaper {
    struct element e;
    struct bucket bucket;
    uint64_t rate;
    struct timer timer;
};

#define SHAPER_BURST_NS (10 * NSEC_PER_MSEC) /* small: a shaper is there to smooth bursts */

static void shaper_changed(struct element *e)
{
    struct shaper *s = (struct shaper *)e;

    bucket_set(&s->bucket, s->rate, 0, SHAPER_BURST_NS, 1, now_ns(e));
    element_wake_pullers(e);
}

static int shaper_configure(struct element *e, struct conf *c)
{
    (void)c;
    shaper_changed(e);
    return 0;
}

static void wake(struct element *e, struct timer *t)
{
    (void)t;
    element_wake_pullers(e);
}

static struct packet *shaper_pull(struct element *e, unsigned port, unsigned max)
{
    struct shaper *s = (struct shaper *)e;
    struct packet *batch = NULL, **tail = &batch;
    bool bytes = e->cls->name[0] == 'B';

    if (port) /* what the rate allows is for output 0 */
        return bucket_when(&s->bucket, now_ns(e)) > now_ns(e) ? element_pull(e, 0, 1) : NULL;
    while (max--) {
        uint64_t when = bucket_when(&s->bucket, now_ns(e));

        if (when > now_ns(e)) {
            if (!batch && when != NEVER)
                timer_set(&s->timer, e, wake, when);
            break;
        }
        *tail = element_pull(e, 0, 1);
        if (!*tail)
            break;
        bucket_take(&s->bucket, bytes ? (*tail)->len : 1, now_ns(e));
        tail = &(*tail)->next;
    }
    return batch;
}

static const struct field packet_fields[] = {
    FIELD(struct shaper, rate, "RATE", T_U64, F_POS | F_REQ | F_RW, .max = 0xffffffff),
    {0},
};

static const struct field byte_fields[] = {
    FIELD(struct shaper, rate, "RATE", T_BW, F_POS | F_REQ | F_RW),
    {0},
};

#define SHAPER_CLASS(id, fields_)                                                                  \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/1-2",                                                                          \
        .processing = "l/l",                                                                       \
        .size = sizeof(struct shaper),                                                             \
        .fields = fields_,                                                                         \
        .configure = shaper_configure,                                                             \
        .changed = shaper_changed,                                                                 \
        .pull = shaper_pull,                                                                       \
    }

SHAPER_CLASS(Shaper, packet_fields);
SHAPER_CLASS(BandwidthShaper, byte_fields);
