/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flows of a rewriter. The table is bounded: when it is full, the flow that has the least time
 * left and is beyond its guarantee makes room; if there is none, the new flow is refused and
 * counted.
 */
#include "rewriter.h"

struct rwentry *rewriter_find(const struct rewriter *r, const struct flowid *f)
{
    return (struct rwentry *)table_find(&r->table, f);
}

bool rewriter_free_reply(const struct rewriter *r, const struct flowid *out)
{
    struct flowid reply = flowid_reverse(*out);

    return !table_find(&r->table, &reply);
}

bool rewriter_try_port(const struct rewriter *r, struct flowid *out, uint32_t port)
{
    out->sport = host_to_be16((uint16_t)port);
    if (out->proto == IPPROTO_ICMP)
        out->dport = out->sport;
    return rewriter_free_reply(r, out);
}

static void end_flow(struct rewriter *r, struct rwentry *fw)
{
    struct rwentry *rv = fw->twin;
    struct spec *s = fw->input < r->n_specs ? &r->specs[fw->input] : NULL;

    if (s && s->kind == SPEC_MAPPER && s->mapper->unmap) {
        struct flowid out = rwentry_result(fw);

        s->mapper->unmap(s->mapper, &fw->key, &out);
    }
    table_remove(&r->table, &rv->entry);
    table_remove(&r->table, &fw->entry);
}

static uint64_t guarantee(const struct rewriter *r, unsigned list)
{
    return list <= RW_TCP_NODATA ? r->tcp_guarantee_ns : r->udp_guarantee_ns;
}

static void reap(struct rewriter *r, uint64_t now)
{
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        struct tentry *t;

        while (now > r->timeout_ns[list] &&
               (t = table_oldest(&r->table, list, now - r->timeout_ns[list])))
            end_flow(r, (struct rwentry *)t);
    }
}

void rewriter_reap(struct rewriter *r)
{
    reap(r, now_ns(&r->e));
}

void rewriter_clear(struct rewriter *r)
{
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        while (r->table.oldest[list])
            end_flow(r, (struct rwentry *)r->table.oldest[list]);
    }
}

/* Make room for a flow. False: all are guaranteed. */
static bool make_room(struct rewriter *r, uint64_t now)
{
    struct rwentry *victim = NULL;
    uint64_t soonest = NEVER;

    if (r->table.count + 2 <= r->table.capacity)
        return true;
    reap(r, now);
    if (r->table.count + 2 <= r->table.capacity)
        return true;
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        struct tentry *t = r->table.oldest[list];

        if (t && now - t->used_ns >= guarantee(r, list) &&
            t->used_ns + r->timeout_ns[list] < soonest) {
            soonest = t->used_ns + r->timeout_ns[list];
            victim = (struct rwentry *)t;
        }
    }
    if (victim)
        end_flow(r, victim);
    return victim;
}

static struct rwentry *add_flow(struct rewriter *r, const struct flowid *in,
                                const struct flowid *out, const uint16_t outputs[2], unsigned input,
                                uint64_t now)
{
    struct flowid reply = flowid_reverse(*out);
    unsigned list = in->proto == IPPROTO_TCP ? RW_TCP_NODATA : RW_UDP;
    struct rwentry *fw, *rv;

    if (memcmp(&reply, in, sizeof(reply)) == 0)
        return NULL; /* a flow that is its own reply */
    fw = (struct rwentry *)table_add(&r->table, in, list, now);
    if (!fw)
        return NULL;
    rv = (struct rwentry *)table_add(&r->table, &reply, RW_REVERSE, now);
    if (!rv) {
        table_remove(&r->table, &fw->entry);
        return NULL;
    }
    fw->twin = rv;
    rv->twin = fw;
    fw->forward = true;
    fw->input = rv->input = (uint16_t)input;
    fw->output = outputs[0];
    rv->output = outputs[1];
    return fw;
}

struct rwentry *rewriter_begin(struct rewriter *r, const struct flowid *in, unsigned input)
{
    struct spec *s = &r->specs[input];
    uint16_t outputs[2] = {s->outputs[0], s->outputs[1]};
    uint64_t now = now_ns(&r->e);
    struct rwentry *w = NULL;
    struct flowid out = *in;
    bool found;

    if (!make_room(r, now))
        goto out;
    if (s->kind == SPEC_MAPPER)
        found = s->mapper->map(s->mapper, r, in, &out, outputs);
    else if (s->kind == SPEC_PATTERN)
        found = pattern_apply(&s->pattern, r, in, &out);
    else
        found = rewriter_free_reply(r, &out);
    if (found) {
        w = add_flow(r, in, &out, outputs, input, now);
        if (!w && s->kind == SPEC_MAPPER && s->mapper->unmap)
            s->mapper->unmap(s->mapper, in, &out);
    }
out:
    if (!w)
        r->mapping_failures++;
    return w;
}

void rewriter_note(struct rewriter *r, struct rwentry *w, const uint8_t *transport, uint32_t len)
{
    struct rwentry *fw = w->forward ? w : w->twin;
    unsigned list = RW_UDP;

    if (w->packets < 255)
        w->packets++;
    if (w->key.proto == IPPROTO_TCP) {
        if (transport[13] & (TCP_FIN | TCP_RST))
            fw->flags |= RW_DONE;
        else if ((transport[13] & TCP_SYN) && !(transport[13] & TCP_ACK))
            fw->flags &= (uint8_t)~RW_DONE; /* the ports are used anew */
        if (len > (transport[12] >> 4) * 4u)
            w->flags |= RW_DATA;
        list = fw->flags & RW_DONE                                ? RW_TCP_DONE
               : fw->flags & RW_DATA && fw->twin->flags & RW_DATA ? RW_TCP
                                                                  : RW_TCP_NODATA;
    } else if (fw->packets && fw->twin->packets && fw->packets + fw->twin->packets >= 3) {
        list = RW_UDP_STREAMING;
    }
    table_touch(&r->table, &fw->entry, list, now_ns(&r->e));
}

void rewriter_inherit(struct rewriter *r, const struct rewriter *old)
{
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        for (struct tentry *t = old->table.oldest[list]; t; t = t->newer) {
            struct rwentry *was = (struct rwentry *)t, *w;
            struct flowid out = rwentry_result(was);
            uint16_t outputs[2] = {was->output, was->twin->output};
            const struct spec *s;

            if (was->output >= r->e.n_out || was->twin->output >= r->e.n_out ||
                was->input >= r->n_specs || r->table.count + 2 > r->table.capacity)
                continue;
            s = &r->specs[was->input];
            if (s->kind == SPEC_MAPPER && s->mapper->adopt &&
                !s->mapper->adopt(s->mapper, &was->key, &out))
                continue;
            w = add_flow(r, &was->key, &out, outputs, was->input, t->used_ns);
            if (!w)
                continue;
            w->flags = was->flags;
            w->packets = was->packets;
            w->twin->flags = was->twin->flags;
            w->twin->packets = was->twin->packets;
            table_touch(&r->table, &w->entry, list, t->used_ns);
        }
    }
}
