/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EtherEncap, IPEncap, UDPIPEncap: static headers, as Click's.
 *
 * Tunnels, which Click has no elements for: GREEncap(SRC, DST [, KEY]) and VXLANEncap(SRC, DST, VNI
 * [, SPORT]) put outer IPv4 headers around IP packets (GRE) and Ethernet frames (VXLAN); GREDecap
 * and VXLANDecap([VNI]) take them off again (input: IP packets with their header marked; what is
 * not theirs leaves by output 1). IPIP is IPEncap(ipip, ...) and StripIPHeader.
 */
#include "../engine/element.h"
#include "../engine/ipexpr.h"
#include "../engine/net.h"

struct encap {
    struct element e;
    uint16_t ethertype;
    uint8_t eth_src[6], eth_dst[6];
    uint32_t src, dst;
    struct str dst_text, proto_text;
    bool dst_anno, checksum, df, ce;
    uint8_t ttl, tos, dscp, ect, proto;
    uint16_t sport, dport, id;
    int32_t key; /* GRE key or VXLAN network; -1: none */
    uint64_t drops;
};

static struct packet *etherencap(struct element *e, struct packet *p)
{
    const struct encap *n = (const struct encap *)e;
    struct ether_hdr *eth;

    p = packet_push(p, ETHER_LEN);
    if (!p)
        return NULL;
    eth = (struct ether_hdr *)p->data;
    memcpy(eth->dst, n->eth_dst, 6);
    memcpy(eth->src, n->eth_src, 6);
    eth->type = host_to_be16(n->ethertype);
    p->mac = p->data;
    return p;
}

static const struct field ether_fields[] = {
    FIELD(struct encap, ethertype, "ETHERTYPE", T_U16, F_POS | F_REQ | F_RW),
    FIELD(struct encap, eth_src, "SRC", T_ETHER, F_POS | F_REQ | F_RW),
    FIELD(struct encap, eth_dst, "DST", T_ETHER, F_POS | F_REQ | F_RW),
    {0},
};

const struct element_class class_EtherEncap = {
    .name = "EtherEncap",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct encap),
    .fields = ether_fields,
    .action = etherencap,
};

/* ---- IP ---- */

/* DST is an address or "DST_ANNO". */
static int ip_configure(struct element *e, struct conf *c)
{
    struct encap *n = (struct encap *)e;
    uint64_t proto;

    n->dst_anno = str_is(n->dst_text, "DST_ANNO");
    if (!n->dst_anno && !conf_ip(c, n->dst_text, &n->dst))
        return conf_error(c, (struct str){NULL, 0}, "DST must be an IP address or DST_ANNO");
    if (n->proto_text.len) {
        if (!ipname_proto(n->proto_text, &proto) || proto > 255)
            return conf_error(c, (struct str){NULL, 0}, "PROTO must be an IP protocol");
        n->proto = (uint8_t)proto;
    }
    if (n->tos && (n->dscp || n->ect || n->ce))
        return conf_error(c, (struct str){NULL, 0}, "TOS excludes DSCP, ECT and CE");
    if (!n->tos)
        n->tos = (uint8_t)(n->dscp << 2 | (n->ce ? 3 : n->ect & 3));
    return 0;
}

/* Put an IP header in front; what is behind it is in place. */
static struct packet *push_ip(struct encap *n, struct packet *p, uint8_t proto)
{
    struct ip_hdr *ip;

    if (p->len > 65535 - 20) {
        n->drops++;
        packet_kill(p);
        return NULL;
    }
    p = packet_push(p, 20);
    if (!p)
        return NULL;
    ip = (struct ip_hdr *)p->data;
    ip_fill(ip, proto, n->src, n->dst_anno ? packet_dst_ip(p) : n->dst, (uint16_t)p->len, n->id++);
    ip->tos = n->tos;
    ip->ttl = n->ttl;
    ip->off = n->df ? host_to_be16(IP_DF) : 0;
    ip_set_checksum(ip);
    p->net = p->data;
    packet_set_dst_ip(p, ip->dst);
    return p;
}

static struct packet *ipencap(struct element *e, struct packet *p)
{
    struct encap *n = (struct encap *)e;

    return push_ip(n, p, n->proto);
}

static struct packet *push_udp(struct encap *n, struct packet *p, uint16_t sport)
{
    struct udp_hdr *udp;
    uint16_t sum;

    p = packet_push(p, 8);
    if (!p)
        return NULL;
    udp = (struct udp_hdr *)p->data;
    udp->sport = host_to_be16(sport);
    udp->dport = host_to_be16(n->dport);
    udp->len = host_to_be16((uint16_t)p->len); /* what is too long, push_ip() drops */
    udp->sum = 0;
    p = push_ip(n, p, IPPROTO_UDP);
    if (p && n->checksum) {
        udp = (struct udp_hdr *)(p->data + 20);
        sum = transport_checksum((struct ip_hdr *)p->data, udp, p->len - 20);
        udp->sum = sum ? sum : 0xffff;
    }
    return p;
}

static struct packet *udpipencap(struct element *e, struct packet *p)
{
    struct encap *n = (struct encap *)e;

    return push_udp(n, p, n->sport);
}

#define IP_FIELDS                                                                                  \
    FIELD(struct encap, ttl, "TTL", T_U8, F_KEY, .def = 250),                                      \
        FIELD(struct encap, tos, "TOS", T_U8, F_KEY),                                              \
        FIELD(struct encap, df, "DF", T_BOOL, F_KEY),                                              \
        FIELD(struct encap, drops, "DROPS", T_U64, F_RD | F_ZERO)

/* the values stand at indices whose last two bits mean the same: 0, 1, 2 */
static const char *const ect_words[] = {"false", "true", "2",  "",    "0", "1",
                                        "",      "",     "no", "yes", NULL};

static const struct field ip_fields[] = {
    FIELD(struct encap, proto_text, "PROTO", T_RAW, F_POS | F_REQ),
    FIELD(struct encap, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct encap, dst_text, "DST", T_RAW, F_POS | F_REQ),
    FIELD(struct encap, dst, "DST", T_IP, F_RW),
    FIELD(struct encap, dscp, "DSCP", T_U8, F_KEY, .max = 63),
    FIELD(struct encap, ect, "ECT", T_WORD, F_KEY, .words = ect_words),
    FIELD(struct encap, ce, "CE", T_BOOL, F_KEY),
    IP_FIELDS,
    {0},
};

static const struct field udp_fields[] = {
    FIELD(struct encap, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct encap, sport, "SPORT", T_U16, F_POS | F_REQ | F_RW),
    FIELD(struct encap, dst_text, "DST", T_RAW, F_POS | F_REQ),
    FIELD(struct encap, dst, "DST", T_IP, F_RW),
    FIELD(struct encap, dport, "DPORT", T_U16, F_POS | F_REQ | F_RW),
    FIELD(struct encap, checksum, "CHECKSUM", T_BOOL, F_POS, .def = 1),
    IP_FIELDS,
    {0},
};

/* ---- tunnels ---- */

static struct packet *greencap(struct element *e, struct packet *p)
{
    struct encap *n = (struct encap *)e;
    unsigned hl = n->key >= 0 ? 8 : 4;
    uint8_t version = p->len ? p->data[0] >> 4 : 0;

    p = packet_push(p, hl);
    if (!p)
        return NULL;
    put_be16(p->data, n->key >= 0 ? 0x2000 : 0);
    put_be16(p->data + 2, version == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP);
    if (n->key >= 0)
        put_be32(p->data + 4, (uint32_t)n->key);
    return push_ip(n, p, IPPROTO_GRE);
}

/* A source port that differs between inner flows, so that routers can spread them (RFC 7348). */
static uint16_t flow_port(const struct packet *p)
{
    uint32_t h = 0;

    for (uint32_t i = 0; i < p->len && i < 38; i++)
        h = (h ^ p->data[i]) * 16777619u;
    return (uint16_t)(49152 + (h >> 18));
}

static struct packet *vxlanencap(struct element *e, struct packet *p)
{
    struct encap *n = (struct encap *)e;
    uint16_t sport = n->sport ? n->sport : flow_port(p);

    p = packet_push(p, 8);
    if (!p)
        return NULL;
    put_be32(p->data, 0x08000000);
    put_be32(p->data + 4, (uint32_t)n->key << 8);
    return push_udp(n, p, sport);
}

static struct packet *not_ours(struct element *e, struct packet *p)
{
    ((struct encap *)e)->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static struct packet *gredecap(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);
    uint8_t *t = ip && ip->proto == IPPROTO_GRE ? ip_transport(p, ip, 4, NULL) : NULL;
    uint16_t flags = t ? get_be16(t) : 0, type = t ? get_be16(t + 2) : 0;
    unsigned hl = 4;

    /* version 0, without routing; checksum, key and sequence number are skipped over */
    if (!t || (flags & 0x4fff) || (type != ETHERTYPE_IP && type != ETHERTYPE_IP6))
        return not_ours(e, p);
    hl += flags & 0x8000 ? 4 : 0;
    hl += flags & 0x2000 ? 4 : 0;
    hl += flags & 0x1000 ? 4 : 0;
    if (!ip_transport(p, ip, hl, NULL))
        return not_ours(e, p);
    packet_pull(p, (uint32_t)(t + hl - p->data));
    p->net = p->data;
    return p;
}

static struct packet *vxlandecap(struct element *e, struct packet *p)
{
    const struct encap *n = (const struct encap *)e;
    struct ip_hdr *ip = packet_ip(p);
    uint8_t *t = ip && ip->proto == IPPROTO_UDP ? ip_transport(p, ip, 16 + ETHER_LEN, NULL) : NULL;

    if (!t || get_be16(t + 2) != n->dport || !(t[8] & 8) ||
        (n->key >= 0 && get_be32(t + 12) >> 8 != (uint32_t)n->key))
        return not_ours(e, p);
    packet_pull(p, (uint32_t)(t + 16 - p->data));
    p->mac = p->data;
    p->net = NULL;
    return p;
}

static const struct field gre_fields[] = {
    FIELD(struct encap, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct encap, dst_text, "DST", T_RAW, F_POS | F_REQ),
    FIELD(struct encap, key, "KEY", T_INT, F_POS, .def = -1),
    IP_FIELDS,
    {0},
};

static const struct field vxlan_fields[] = {
    FIELD(struct encap, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct encap, dst_text, "DST", T_RAW, F_POS | F_REQ),
    FIELD(struct encap, key, "VNI", T_INT, F_POS | F_REQ, .max = 0xffffff),
    FIELD(struct encap, sport, "SPORT", T_U16, F_POS),
    FIELD(struct encap, dport, "DPORT", T_U16, F_KEY, .def = 4789),
    IP_FIELDS,
    {0},
};

static const struct field gredecap_fields[] = {
    FIELD(struct encap, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct field vxlandecap_fields[] = {
    FIELD(struct encap, key, "VNI", T_INT, F_POS, .def = -1, .max = 0xffffff),
    FIELD(struct encap, dport, "DPORT", T_U16, F_KEY, .def = 4789),
    FIELD(struct encap, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

#define ENCAP_CLASS(id, ports_, fields_, configure_, action_)                                      \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "a/ah",                                                                      \
        .size = sizeof(struct encap),                                                              \
        .fields = fields_,                                                                         \
        .configure = configure_,                                                                   \
        .action = action_,                                                                         \
    }

ENCAP_CLASS(IPEncap, "1/1", ip_fields, ip_configure, ipencap);
ENCAP_CLASS(UDPIPEncap, "1/1", udp_fields, ip_configure, udpipencap);
ENCAP_CLASS(GREEncap, "1/1", gre_fields, ip_configure, greencap);
ENCAP_CLASS(VXLANEncap, "1/1", vxlan_fields, ip_configure, vxlanencap);
ENCAP_CLASS(GREDecap, "1/1-2", gredecap_fields, NULL, gredecap);
ENCAP_CLASS(VXLANDecap, "1/1-2", vxlandecap_fields, NULL, vxlandecap);
