/* SPDX-License-Identifier: BSD-2-Clause */
/* IPGWOptions: record-route and timestamp options, as a router fills them in. As Click's. */
#include "../engine/element.h"
#include "../engine/net.h"

struct gwoptions {
    struct element e;
    uint32_t ip;
    struct str others_text;
    uint32_t others[16];
    unsigned n_others;
    uint64_t drops;
};

static int gwoptions_configure(struct element *e, struct conf *c)
{
    struct gwoptions *g = (struct gwoptions *)e;
    struct str rest = g->others_text, word;

    while ((word = str_word(&rest)).len) {
        if (g->n_others == 16 || !conf_ip(c, word, &g->others[g->n_others++]))
            return conf_error(c, (struct str){NULL, 0}, "OTHERADDRS: up to 16 IP addresses");
    }
    return 0;
}

/* Is this the address of the router in a prespecified timestamp? */
static bool is_ours(const struct gwoptions *g, uint32_t ip)
{
    for (unsigned i = 0; i < g->n_others; i++) {
        if (g->others[i] == ip)
            return true;
    }
    return ip == g->ip;
}

/* Record route. Returns the offset of what is wrong in the option, or 0. */
static unsigned record_route(const struct gwoptions *g, uint8_t *o, unsigned len, bool *changed)
{
    unsigned p = len > 2 ? o[2] : 0;

    if (len < 3)
        return 1;
    if (p < 4)
        return 2;
    if (p > len) /* full */
        return 0;
    if (p + 3 > len)
        return 2;
    put_raw32(o + p - 1, g->ip);
    o[2] = (uint8_t)(p + 4);
    *changed = true;
    return 0;
}

static unsigned timestamp(const struct gwoptions *g, uint8_t *o, unsigned len, bool *changed)
{
    unsigned p = len > 3 ? o[2] : 0, kind = len > 3 ? o[3] & 15u : 0, size = kind ? 8 : 4;
    uint32_t ms = (uint32_t)(port_wall_ns() / NSEC_PER_MSEC % 86400000u);

    if (len < 4)
        return 1;
    if (p < 5)
        return 2;
    if (kind != 0 && kind != 1 && kind != 3)
        return 3;
    if (p > len) { /* full: count the overflow, which may itself overflow */
        if (o[3] >> 4 == 15)
            return 3;
        o[3] = (uint8_t)(o[3] + 16);
        *changed = true;
        return 0;
    }
    if (p + size - 1 > len)
        return 2;
    if (kind == 1)
        put_raw32(o + p - 1, g->ip);
    else if (kind == 3 && !is_ours(g, get_raw32(o + p - 1)))
        return 0;
    put_be32(o + p - 1 + size - 4, ms);
    o[2] = (uint8_t)(p + size);
    *changed = true;
    return 0;
}

static struct packet *gwoptions_action(struct element *e, struct packet *p)
{
    struct gwoptions *g = (struct gwoptions *)e;
    struct ip_hdr *ip = packet_ip(p);
    unsigned at = 20, hl = ip ? ip_hdr_len(ip) : 0, wrong = 0;
    uint8_t *b = (uint8_t *)ip;
    bool changed = false;

    if (!ip) {
        g->drops++;
        packet_kill(p);
        return NULL;
    }
    while (at < hl && b[at] != 0) {
        unsigned len;

        if (b[at] == 1) {
            at++;
            continue;
        }
        len = at + 1 < hl ? b[at + 1] : 0;
        if (len < 2 || at + len > hl) {
            wrong = 1;
            break;
        }
        if (b[at] == 7)
            wrong = record_route(g, b + at, len, &changed);
        else if (b[at] == 68)
            wrong = timestamp(g, b + at, len, &changed);
        if (wrong)
            break;
        at += len;
    }
    if (changed)
        ip_set_checksum(ip);
    if (!wrong)
        return p;
    p->anno.b[ANNO_ICMP_PARAMPROB] = (uint8_t)(at + wrong);
    g->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static const struct field fields[] = {
    FIELD(struct gwoptions, ip, "MYADDR", T_IP, F_POS | F_REQ),
    FIELD(struct gwoptions, others_text, "OTHERADDRS", T_RAW, F_POS),
    FIELD(struct gwoptions, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_IPGWOptions = {
    .name = "IPGWOptions",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct gwoptions),
    .fields = fields,
    .configure = gwoptions_configure,
    .action = gwoptions_action,
};
