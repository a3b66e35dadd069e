/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DecIPTTL, FixIPSrc, IPMirror, SetIPChecksum, SetTCPChecksum, SetUDPChecksum, SetIPAddress,
 * GetIPAddress, StoreIPAddress, DropBroadcasts: small changes to IP packets and their annotations.
 * As Click's, except that packets without a whole IP header are dropped and counted. The checksum
 * of a fragment's or a cut-off packet's transport header can't be made: it leaves by output 1 of
 * SetUDPChecksum, if that is there.
 */
#include "../engine/element.h"
#include "../engine/net.h"

struct ipmod {
    struct element e;
    uint32_t ip;
    uint32_t offset;
    uint8_t anno;
    uint8_t which; /* 1: src, 2: dst */
    bool active, multicast, dst_anno, has_ip;
    uint64_t drops;
};

static struct packet *drop(struct element *e, struct packet *p)
{
    ((struct ipmod *)e)->drops++;
    packet_kill(p);
    return NULL;
}

static struct packet *drop_or_side(struct element *e, struct packet *p)
{
    ((struct ipmod *)e)->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static struct packet *decipttl(struct element *e, struct packet *p)
{
    const struct ipmod *m = (const struct ipmod *)e;
    struct ip_hdr *ip = packet_ip(p);
    uint16_t sum;

    if (!ip)
        return drop(e, p);
    if (!m->active || (!m->multicast && (ip->dst & 0xf0) == 0xe0))
        return p;
    if (ip->ttl <= 1)
        return drop_or_side(e, p);
    sum = ip->sum;
    sum_update16(&sum, (uint16_t)(ip->ttl | ip->proto << 8),
                 (uint16_t)((ip->ttl - 1) | ip->proto << 8));
    ip->sum = sum;
    ip->ttl--;
    return p;
}

static void change_ip(struct ip_hdr *ip, bool dst, uint32_t to)
{
    uint16_t sum = ip->sum;

    sum_update32(&sum, dst ? ip->dst : ip->src, to);
    ip->sum = sum;
    if (dst)
        ip->dst = to;
    else
        ip->src = to;
}

static struct packet *fixipsrc(struct element *e, struct packet *p)
{
    struct ip_hdr *ip;

    if (!p->anno.b[ANNO_FIX_IP_SRC])
        return p;
    p->anno.b[ANNO_FIX_IP_SRC] = 0;
    ip = packet_ip(p);
    if (!ip)
        return drop(e, p);
    change_ip(ip, false, ((struct ipmod *)e)->ip);
    return p;
}

static struct packet *ipmirror(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);
    uint32_t src;
    uint8_t *t;

    if (!ip)
        return drop(e, p);
    src = ip->src;
    ip->src = ip->dst;
    ip->dst = src;
    if (((struct ipmod *)e)->dst_anno)
        packet_set_dst_ip(p, src);
    if (ip->proto != IPPROTO_TCP && ip->proto != IPPROTO_UDP)
        return p;
    t = ip_transport(p, ip, ip->proto == IPPROTO_TCP ? 20 : 8, NULL);
    if (t) {
        uint16_t sport = get_raw16(t);

        put_raw16(t, get_raw16(t + 2));
        put_raw16(t + 2, sport);
        if (ip->proto == IPPROTO_TCP) {
            uint32_t seq = get_raw32(t + 4);

            put_raw32(t + 4, get_raw32(t + 8));
            put_raw32(t + 8, seq);
        }
    }
    return p;
}

static struct packet *setipchecksum(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);

    if (!ip)
        return drop(e, p);
    ip_set_checksum(ip);
    return p;
}

/* SetTCPChecksum, SetUDPChecksum */
static struct packet *settransport(struct element *e, struct packet *p)
{
    bool tcp = e->cls->name[3] == 'T';
    struct ip_hdr *ip = packet_ip(p);
    uint16_t sum;
    uint32_t len;
    uint8_t *t;

    if (!ip || ip->proto != (tcp ? IPPROTO_TCP : IPPROTO_UDP))
        return drop_or_side(e, p);
    t = ip_transport(p, ip, tcp ? 20 : 8, &len);
    if (!t)
        return drop_or_side(e, p);
    put_raw16(t + (tcp ? 16 : 6), 0);
    sum = transport_checksum(ip, t, len);
    put_raw16(t + (tcp ? 16 : 6), !tcp && !sum ? 0xffff : sum);
    return p;
}

static struct packet *setipaddress(struct element *e, struct packet *p)
{
    const struct ipmod *m = (const struct ipmod *)e;

    packet_set_anno32(p, m->anno, m->ip);
    return p;
}

static struct packet *getipaddress(struct element *e, struct packet *p)
{
    const struct ipmod *m = (const struct ipmod *)e;
    struct ip_hdr *ip;

    if (m->which) {
        ip = packet_ip(p);
        if (!ip)
            return drop(e, p);
        packet_set_anno32(p, m->anno, m->which == 1 ? ip->src : ip->dst);
        return p;
    }
    if (p->len < m->offset + 4)
        return drop(e, p);
    packet_set_anno32(p, m->anno, get_raw32(p->data + m->offset));
    return p;
}

/* Change an address inside an IP packet, with the checksums that cover it. */
static void store_in_header(struct packet *p, struct ip_hdr *ip, bool dst, uint32_t to)
{
    uint32_t from = dst ? ip->dst : ip->src;
    unsigned at = ip->proto == IPPROTO_TCP ? 16 : 6;
    uint8_t *t = NULL;

    if (ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP)
        t = ip_transport(p, ip, at + 2, NULL);
    if (t && (ip->proto == IPPROTO_TCP || get_raw16(t + at))) {
        uint16_t sum = get_raw16(t + at);

        sum_update32(&sum, from, to);
        put_raw16(t + at, sum);
    }
    change_ip(ip, dst, to);
}

static struct packet *storeipaddress(struct element *e, struct packet *p)
{
    const struct ipmod *m = (const struct ipmod *)e;
    uint32_t ip = m->has_ip ? m->ip : packet_dst_ip(p);
    struct ip_hdr *hdr;

    if (!m->has_ip && !ip)
        return p;
    if (m->which) {
        hdr = packet_ip(p);
        if (!hdr)
            return drop_or_side(e, p);
        store_in_header(p, hdr, m->which == 2, ip);
        return p;
    }
    if (p->len < m->offset + 4)
        return drop_or_side(e, p);
    put_raw32(p->data + m->offset, ip);
    return p;
}

/* An offset, or 'src' or 'dst'. */
static bool read_offset(struct ipmod *m, struct str s)
{
    uint64_t v;

    if (str_is(s, "src") || str_is(s, "dst")) {
        m->which = str_is(s, "src") ? 1 : 2;
        return true;
    }
    if (!value_uint(s, &v) || v > 65535)
        return false;
    m->offset = (uint32_t)v;
    return true;
}

static int storeipaddress_configure(struct element *e, struct conf *c)
{
    struct ipmod *m = (struct ipmod *)e;

    if (c->argc < 1 || c->argc > 2)
        return conf_error(c, (struct str){NULL, 0}, "expected '[ADDR,] OFFSET'");
    m->has_ip = c->argc == 2;
    if (m->has_ip && !conf_ip(c, c->argv[0], &m->ip))
        return conf_error(c, c->argv[0], "ADDR must be an IP address");
    if (!read_offset(m, c->argv[c->argc - 1]))
        return conf_error(c, c->argv[c->argc - 1], "OFFSET must be a number, 'src' or 'dst'");
    return 0;
}

static int getipaddress_configure(struct element *e, struct conf *c)
{
    struct ipmod *m = (struct ipmod *)e;

    if (m->which == 0 && m->offset == UINT32_MAX)
        return conf_error(c, (struct str){NULL, 0}, "OFFSET is missing");
    return 0;
}

static struct packet *dropbroadcasts(struct element *e, struct packet *p)
{
    return p->type == PACKET_BROADCAST || p->type == PACKET_MULTICAST ? drop(e, p) : p;
}

static const char *const which_words[] = {"", "src", "dst", NULL};

#define DROPS FIELD(struct ipmod, drops, "DROPS", T_U64, F_RD | F_ZERO)

static const struct field ttl_fields[] = {
    FIELD(struct ipmod, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct ipmod, multicast, "MULTICAST", T_BOOL, F_KEY, .def = 1),
    DROPS,
    {0},
};

static const struct field src_fields[] = {
    FIELD(struct ipmod, ip, "IPADDR", T_IP, F_POS | F_REQ),
    DROPS,
    {0},
};

static const struct field mirror_fields[] = {
    FIELD(struct ipmod, dst_anno, "DST_ANNO", T_BOOL, F_POS, .def = 1),
    DROPS,
    {0},
};

static const struct field set_fields[] = {
    FIELD(struct ipmod, ip, "IPADDR", T_IP, F_POS | F_REQ),
    FIELD(struct ipmod, ip, "ADDR", T_IP, F_RW),
    FIELD(struct ipmod, anno, "ANNO", T_ANNO, F_KEY, .def = ANNO_DST_IP, .max = 4),
    {0},
};

static const struct field get_fields[] = {
    FIELD(struct ipmod, offset, "OFFSET", T_U32, F_POS, .def = -1, .max = 65535),
    FIELD(struct ipmod, anno, "ANNO", T_ANNO, F_POS, .def = ANNO_DST_IP, .max = 4),
    FIELD(struct ipmod, which, "IP", T_WORD, F_KEY, .words = which_words),
    DROPS,
    {0},
};

static const struct field drop_fields[] = {DROPS, {0}};

static const struct field fixoff_fields[] = {
    FIELD(struct ipmod, active, "FIXOFF", T_BOOL, F_POS), /* accepted, not needed */
    DROPS,
    {0},
};

#define IPMOD_CLASS(id, ports_, fields_, action_, ...)                                             \
    const struct element_class class_##id = {.name = #id,                                          \
                                             .ports = ports_,                                      \
                                             .processing = "a/ah",                                 \
                                             .size = sizeof(struct ipmod),                         \
                                             .fields = fields_,                                    \
                                             .action = action_,                                    \
                                             __VA_ARGS__}

IPMOD_CLASS(DecIPTTL, "1/1-2", ttl_fields, decipttl, .flags = 0);
IPMOD_CLASS(FixIPSrc, "1/1", src_fields, fixipsrc, .flags = 0);
IPMOD_CLASS(IPMirror, "1/1", mirror_fields, ipmirror, .flags = 0);
IPMOD_CLASS(SetIPChecksum, "1/1", drop_fields, setipchecksum, .flags = 0);
IPMOD_CLASS(SetTCPChecksum, "1/1", fixoff_fields, settransport, .flags = 0);
IPMOD_CLASS(SetUDPChecksum, "1/1-2", drop_fields, settransport, .flags = 0);
IPMOD_CLASS(SetIPAddress, "1/1", set_fields, setipaddress, .flags = 0);
IPMOD_CLASS(GetIPAddress, "1/1", get_fields, getipaddress, .configure = getipaddress_configure);
IPMOD_CLASS(StoreIPAddress, "1/1-2", drop_fields, storeipaddress, .flags = CLASS_ARGS,
            .configure = storeipaddress_configure);
IPMOD_CLASS(DropBroadcasts, "1/1", drop_fields, dropbroadcasts, .flags = 0);
