/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMPError, ICMPPingResponder. As Click's, except that a source route in the offending packet is
 * not reversed into the error: source routes are not in use any more.
 */
#include "../engine/element.h"
#include "../engine/ipexpr.h"
#include "../engine/net.h"

#define MTU_MIN 68 /* RFC 791: what every link carries */

struct icmperror {
    struct element e;
    uint32_t src;
    struct str type_text, code_text, bad_text;
    uint8_t type, code;
    uint32_t mtu, pmtu;
    bool fix_anno;
    uint32_t bad[16];
    unsigned n_bad;
    uint16_t id;
    uint64_t drops;
};

static bool read_code(uint8_t type, struct str s, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t type, code;
    } names[] = {
        {"net", 3, 0},      {"host", 3, 1},         {"protocol", 3, 2},    {"port", 3, 3},
        {"needfrag", 3, 4}, {"srcroutefail", 3, 5}, {"net", 5, 0},         {"host", 5, 1},
        {"transit", 11, 0}, {"reassembly", 11, 1},  {"erroratptr", 12, 0}, {"missingopt", 12, 1},
        {"length", 12, 2},
    };
    uint64_t v;

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (names[i].type == type && str_is(s, names[i].name)) {
            *out = names[i].code;
            return true;
        }
    }
    if (!value_uint(s, &v) || v > 255)
        return false;
    *out = (uint8_t)v;
    return true;
}

static int icmperror_configure(struct element *e, struct conf *c)
{
    struct icmperror *m = (struct icmperror *)e;
    struct str rest = m->bad_text, word;
    uint64_t type;

    if (!ipname_icmp_type(m->type_text, &type) || type > 255)
        return conf_error(c, (struct str){NULL, 0}, "TYPE must be an ICMP type, not '%.*s'",
                          (int)m->type_text.len, m->type_text.s);
    m->type = (uint8_t)type;
    if (m->code_text.len && !read_code(m->type, m->code_text, &m->code))
        return conf_error(c, (struct str){NULL, 0},
                          "CODE must be an ICMP code of that type, not '%.*s'",
                          (int)m->code_text.len, m->code_text.s);
    while ((word = str_word(&rest)).len) {
        if (m->n_bad == 16 || !conf_ip(c, word, &m->bad[m->n_bad++]))
            return conf_error(c, (struct str){NULL, 0}, "BADADDRS: up to 16 IP addresses");
    }
    if (m->mtu < MTU_MIN)
        return conf_error(c, (struct str){NULL, 0}, "MTU must be at least %u", MTU_MIN);
    return 0;
}

static void icmperror_changed(struct element *e)
{
    struct icmperror *m = (struct icmperror *)e;

    if (m->mtu < MTU_MIN)
        m->mtu = MTU_MIN;
}

static bool is_error(uint8_t type)
{
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* May an error be sent about this packet (RFC 1122, 3.2.2)? */
static bool may_answer(const struct icmperror *m, const struct packet *p, const struct ip_hdr *ip)
{
    const uint8_t *src = (const uint8_t *)&ip->src, *dst = (const uint8_t *)&ip->dst;
    const uint8_t *icmp;

    if (p->type == PACKET_BROADCAST || p->type == PACKET_MULTICAST || !ip_is_first(ip))
        return false;
    /* not about or to groups, nobody, or everybody */
    if (src[0] >= 224 || !ip->src || (dst[0] & 0xf0) == 0xe0 || ip->dst == 0xffffffff)
        return false;
    for (unsigned i = 0; i < m->n_bad; i++) {
        if (m->bad[i] == ip->src || m->bad[i] == ip->dst)
            return false;
    }
    if (ip->proto == IPPROTO_ICMP) {
        icmp = ip_transport(p, ip, 1, NULL);
        if (!icmp || is_error(icmp[0]))
            return false;
    }
    return true;
}

static struct packet *icmperror_action(struct element *e, struct packet *p)
{
    struct icmperror *m = (struct icmperror *)e;
    struct ip_hdr *ip = packet_ip(p), *out;
    struct icmp_hdr *icmp;
    struct packet *q;
    uint32_t quoted;

    if (!ip || !may_answer(m, p, ip))
        goto drop;
    quoted = packet_net_len(p);
    if (quoted > be16_to_host(ip->len))
        quoted = be16_to_host(ip->len);
    if (quoted > m->mtu - 28)
        quoted = m->mtu - 28;
    q = packet_new(PACKET_HEADROOM, 28 + quoted);
    if (!q)
        goto drop;
    out = (struct ip_hdr *)q->data;
    icmp = (struct icmp_hdr *)(q->data + 20);
    memcpy(q->data + 28, ip, quoted);
    ip_fill(out, IPPROTO_ICMP, m->src, ip->src, (uint16_t)q->len, m->id++);
    memset(icmp, 0, 8);
    icmp->type = m->type;
    icmp->code = m->code;
    if (m->type == 12 && m->code == 0)
        ((uint8_t *)icmp)[4] = p->anno.b[ANNO_ICMP_PARAMPROB];
    else if (m->type == 5)
        put_raw32((uint8_t *)icmp + 4, packet_dst_ip(p));
    else if (m->type == 3 && m->code == 4)
        put_be16((uint8_t *)icmp + 6, (uint16_t)m->pmtu);
    icmp->sum = checksum(icmp, 8 + quoted);
    q->net = q->data;
    q->time_ns = port_wall_ns();
    packet_set_dst_ip(q, ip->src);
    q->anno.b[ANNO_FIX_IP_SRC] = m->fix_anno;
    packet_kill(p);
    return q;
drop:
    m->drops++;
    packet_kill(p);
    return NULL;
}

static const struct field fields[] = {
    FIELD(struct icmperror, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct icmperror, type_text, "TYPE", T_RAW, F_POS | F_REQ),
    FIELD(struct icmperror, code_text, "CODE", T_RAW, F_POS),
    FIELD(struct icmperror, bad_text, "BADADDRS", T_RAW, F_POS),
    FIELD(struct icmperror, mtu, "MTU", T_U32, F_KEY | F_RW, .def = 576, .max = 65535),
    FIELD(struct icmperror, pmtu, "PMTU", T_U32, F_KEY | F_RW, .max = 65535),
    FIELD(struct icmperror, fix_anno, "USE_FIX_ANNO", T_BOOL, F_KEY, .def = 1),
    FIELD(struct icmperror, fix_anno, "SET_FIX_ANNO", T_BOOL, F_KEY, .def = 1),
    FIELD(struct icmperror, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_ICMPError = {
    .name = "ICMPError",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct icmperror),
    .fields = fields,
    .configure = icmperror_configure,
    .changed = icmperror_changed,
    .action = icmperror_action,
};

/* ---- ICMPPingResponder ---- */

static struct packet *ping_action(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);
    struct icmp_hdr *icmp = NULL;
    uint32_t src, len;
    uint16_t sum;

    if (ip && ip->proto == IPPROTO_ICMP)
        icmp = (struct icmp_hdr *)ip_transport(p, ip, 8, &len);
    if (!icmp || icmp->type != 8) {
        element_push_or_kill(e, 1, p);
        return NULL;
    }
    src = ip->src; /* the header's checksum does not change by swapping */
    ip->src = ip->dst;
    ip->dst = src;
    sum = icmp->sum;
    sum_update16(&sum, 8, 0);
    icmp->sum = sum;
    icmp->type = 0;
    packet_set_dst_ip(p, src);
    p->anno.b[ANNO_PAINT] = 0;
    p->time_ns = port_wall_ns();
    return p;
}

const struct element_class class_ICMPPingResponder = {
    .name = "ICMPPingResponder",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct element),
    .action = ping_action,
};
