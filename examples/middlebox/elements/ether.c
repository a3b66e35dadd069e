/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EtherMirror, EtherRewrite: change a frame's addresses. HostEtherFilter: what a device would
 * accept. As Click's; frames too short for a header are dropped and counted.
 */
#include "../engine/element.h"
#include "../engine/net.h"

struct ether {
    struct element e;
    uint8_t mac[6], dst[6];
    bool drop_own, drop_other;
    uint32_t offset;
    uint64_t drops;
};

static struct packet *drop(struct element *e, struct packet *p)
{
    ((struct ether *)e)->drops++;
    packet_kill(p);
    return NULL;
}

static struct packet *mirror(struct element *e, struct packet *p)
{
    uint8_t src[6];

    if (p->len < ETHER_LEN)
        return drop(e, p);
    memcpy(src, p->data + 6, 6);
    memcpy(p->data + 6, p->data, 6);
    memcpy(p->data, src, 6);
    return p;
}

static struct packet *rewrite(struct element *e, struct packet *p)
{
    const struct ether *s = (const struct ether *)e;

    if (p->len < ETHER_LEN)
        return drop(e, p);
    memcpy(p->data, s->dst, 6);
    memcpy(p->data + 6, s->mac, 6);
    return p;
}

static struct packet *filter(struct element *e, struct packet *p)
{
    struct ether *s = (struct ether *)e;
    const uint8_t *h = p->data + s->offset;

    if (p->len < s->offset + ETHER_LEN)
        return drop(e, p);
    p->type = ether_packet_type(h, s->mac);
    if ((s->drop_own && memcmp(h + 6, s->mac, 6) == 0) ||
        (s->drop_other && p->type == PACKET_OTHERHOST)) {
        s->drops++;
        element_push_or_kill(e, 1, p);
        return NULL;
    }
    return p;
}

static const struct field mirror_fields[] = {
    FIELD(struct ether, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct field rewrite_fields[] = {
    FIELD(struct ether, mac, "SRC", T_ETHER, F_POS | F_REQ | F_RW),
    FIELD(struct ether, dst, "DST", T_ETHER, F_POS | F_REQ | F_RW),
    FIELD(struct ether, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct field filter_fields[] = {
    FIELD(struct ether, mac, "ETHER", T_ETHER, F_POS | F_REQ | F_RW),
    FIELD(struct ether, drop_own, "DROP_OWN", T_BOOL, F_POS),
    FIELD(struct ether, drop_other, "DROP_OTHER", T_BOOL, F_POS, .def = 1),
    FIELD(struct ether, offset, "OFFSET", T_U32, F_KEY, .max = 65535),
    FIELD(struct ether, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

#define ETHER_CLASS(id, ports_, fields_, action_)                                                  \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "a/ah",                                                                      \
        .size = sizeof(struct ether),                                                              \
        .fields = fields_,                                                                         \
        .action = action_,                                                                         \
    }

ETHER_CLASS(EtherMirror, "1/1", mirror_fields, mirror);
ETHER_CLASS(EtherRewrite, "1/1", rewrite_fields, rewrite);
ETHER_CLASS(HostEtherFilter, "1/1-2", filter_fields, filter);
