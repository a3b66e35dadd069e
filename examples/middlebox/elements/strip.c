/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strip, Unstrip, Truncate, Pad, CheckLength, StripIPHeader, StripToNetworkHeader: where a packet's
 * data begins and ends. As Click's, except: a packet shorter than Strip's length is dropped and
 * counted (Click's warns and leaves it).
 */
#include "../engine/element.h"
#include "../engine/net.h"

struct strip {
    struct element e;
    uint32_t n;
    bool extra; /* Truncate: cut bytes count as extra length; Pad: added bytes are zero */
    uint64_t drops;
};

static struct packet *drop(struct strip *s, struct packet *p)
{
    s->drops++;
    packet_kill(p);
    return NULL;
}

static struct packet *strip(struct element *e, struct packet *p)
{
    struct strip *s = (struct strip *)e;

    if (s->n > p->len)
        return drop(s, p);
    packet_pull(p, s->n);
    return p;
}

static struct packet *unstrip(struct element *e, struct packet *p)
{
    return packet_push(p, ((struct strip *)e)->n);
}

static struct packet *truncate(struct element *e, struct packet *p)
{
    struct strip *s = (struct strip *)e;

    if (p->len > s->n) {
        p->extra_len += s->extra ? p->len - s->n : 0;
        p->len = s->n;
    }
    return p;
}

/* What was in memory before goes to nobody, whatever ZERO says. */
static struct packet *pad(struct element *e, struct packet *p)
{
    uint32_t n = ((struct strip *)e)->n, len = p->len;

    if (!n)
        n = len + p->extra_len;
    if (len < n) {
        p = packet_put(p, n - len);
        if (!p)
            return NULL;
        memset(p->data + len, 0, n - len);
    }
    p->extra_len = 0;
    return p;
}

static struct packet *checklength(struct element *e, struct packet *p)
{
    if (p->len <= ((struct strip *)e)->n)
        return p;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static struct packet *stripipheader(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);

    if (!ip)
        return drop((struct strip *)e, p);
    packet_pull(p, (uint32_t)(p->net - p->data) + ip_hdr_len(ip));
    return p;
}

static struct packet *striptonet(struct element *e, struct packet *p)
{
    if (!p->net || p->net < p->data || p->net > p->data + p->len)
        return drop((struct strip *)e, p);
    packet_pull(p, (uint32_t)(p->net - p->data));
    return p;
}

static const struct field length_fields[] = {
    FIELD(struct strip, n, "LENGTH", T_U32, F_POS | F_REQ | F_RW, .max = 65535),
    FIELD(struct strip, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct field truncate_fields[] = {
    FIELD(struct strip, n, "LENGTH", T_U32, F_POS | F_REQ | F_RW, .max = 65535),
    FIELD(struct strip, extra, "EXTRA_LENGTH", T_BOOL, F_KEY, .def = 1),
    FIELD(struct strip, n, "NBYTES", T_U32, F_RW, .max = 65535),
    {0},
};

static const struct field pad_fields[] = {
    FIELD(struct strip, n, "LENGTH", T_U32, F_POS, .max = 65535),
    FIELD(struct strip, extra, "ZERO", T_BOOL, F_KEY, .def = 1),
    {0},
};

static const struct field drop_fields[] = {
    FIELD(struct strip, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

#define STRIP_CLASS(id, ports_, processing_, fields_, action_)                                     \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = processing_,                                                                 \
        .size = sizeof(struct strip),                                                              \
        .fields = fields_,                                                                         \
        .action = action_,                                                                         \
    }

STRIP_CLASS(Strip, "1/1", "a/a", length_fields, strip);
STRIP_CLASS(Unstrip, "1/1", "a/a", length_fields, unstrip);
STRIP_CLASS(Truncate, "1/1", "a/a", truncate_fields, truncate);
STRIP_CLASS(Pad, "1/1", "a/a", pad_fields, pad);
STRIP_CLASS(CheckLength, "1/1-2", "a/ah", length_fields, checklength);
STRIP_CLASS(StripIPHeader, "1/1", "a/a", drop_fields, stripipheader);
STRIP_CLASS(StripToNetworkHeader, "1/1", "a/a", drop_fields, striptonet);
