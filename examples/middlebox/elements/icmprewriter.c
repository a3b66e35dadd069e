/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMPRewriter: ICMP errors about translated flows, translated back. As Click's.
 */
#include <stdlib.h>

#include "rewriter.h"

struct icmprewriter {
    struct element e;
    struct rewriter **maps;
    unsigned n;
    bool dst_anno;
    uint64_t drops;
};

static int icmprewriter_configure(struct element *e, struct conf *c)
{
    struct icmprewriter *r = (struct icmprewriter *)e;
    struct str rest = c->argc == 1 ? c->argv[0] : (struct str){"", 0}, word;

    if (!rest.len)
        return conf_error(c, (struct str){NULL, 0}, "expected 'MAPS': the names of rewriters");
    r->maps = calloc(rest.len, sizeof(*r->maps));
    if (!r->maps)
        return -1;
    while ((word = str_word(&rest)).len) {
        struct element *m = conf_element(c, word);

        if (!element_is_of(m, "rewriter"))
            return conf_error(c, word, "'%.*s' is not a rewriter", (int)word.len, word.s);
        r->maps[r->n++] = (struct rewriter *)m;
    }
    return 0;
}

static void icmprewriter_cleanup(struct element *e)
{
    free(((struct icmprewriter *)e)->maps);
}

/* The flow that a quoted packet's replies have. False: too little is quoted. */
static bool quoted_reply(const struct ip_hdr *in, uint32_t len, struct flowid *f)
{
    const uint8_t *t = (const uint8_t *)in + ip_hdr_len(in);

    if (in->vhl >> 4 != 4 || ip_hdr_len(in) < 20 || len < ip_hdr_len(in) + 8 || !ip_is_first(in))
        return false;
    *f = flowid_reverse(flowid_read(in, t));
    if (in->proto == IPPROTO_ICMP)
        return t[0] == 8 || t[0] == 0;
    return in->proto == IPPROTO_TCP || in->proto == IPPROTO_UDP;
}

static void rewrite(struct icmprewriter *r, struct packet *p, struct ip_hdr *ip, uint8_t *icmp,
                    uint32_t len, const struct flowid *to)
{
    struct ip_hdr *in = (struct ip_hdr *)(icmp + 8);
    uint8_t *t = (uint8_t *)in + ip_hdr_len(in);
    struct flowid quoted = flowid_read(in, t), sent = flowid_reverse(*to);

    /* the error comes from the flow's far end, or from a router on the way */
    if (ip->src == in->dst)
        ip->src = to->src;
    ip->dst = to->dst;
    ip_set_checksum(ip);
    flowid_write(in, t, len - (uint32_t)(t - icmp), &quoted, &sent);
    put_raw16(icmp + 2, 0);
    put_raw16(icmp + 2, checksum(icmp, len));
    if (r->dst_anno)
        packet_set_dst_ip(p, to->dst);
}

static unsigned icmprewriter_route(struct element *e, unsigned port, struct packet *p)
{
    struct icmprewriter *r = (struct icmprewriter *)e;
    struct ip_hdr *ip = packet_ip(p);
    uint8_t *icmp = NULL;
    struct rwentry *w = NULL;
    struct flowid f, to;
    uint32_t len = 0;

    (void)port;
    if (ip && ip->proto == IPPROTO_ICMP)
        icmp = ip_transport(p, ip, 8 + 20, &len);
    if (icmp && (icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12) &&
        quoted_reply((struct ip_hdr *)(icmp + 8), len - 8, &f)) {
        for (unsigned i = 0; i < r->n && !w; i++)
            w = rewriter_find(r->maps[i], &f);
    }
    if (!w) {
        r->drops++;
        return 1;
    }
    to = rwentry_result(w);
    rewrite(r, p, ip, icmp, len, &to);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct icmprewriter, dst_anno, "DST_ANNO", T_BOOL, F_KEY, .def = 1),
    FIELD(struct icmprewriter, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_ICMPRewriter = {
    .name = "ICMPRewriter",
    .ports = "1/1-2",
    .processing = "h/h",
    .size = sizeof(struct icmprewriter),
    .flags = CLASS_ARGS,
    .fields = fields,
    .configure = icmprewriter_configure,
    .cleanup = icmprewriter_cleanup,
    ROUTES(icmprewriter_route),
};
