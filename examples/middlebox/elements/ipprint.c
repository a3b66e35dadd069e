/* SPDX-License-Identifier: BSD-2-Clause */
/* IPPrint: IP packets as readable lines in the log. As Click's, without OUTFILE and CHANNEL. */
#include "../engine/element.h"
#include "../engine/net.h"
#include "print.h"

struct ipprint {
    struct element e;
    struct str label;
    uint8_t contents, payload;
    int32_t max;
    bool id, ttl, tos, length, timestamp, aggregate, paint, swap, active;
};

static void print_tcp(struct text *t, const uint8_t *h, uint32_t payload)
{
    static const char names[] = "FSRP.UEC";
    const struct tcp_hdr *tcp = (const struct tcp_hdr *)h;
    bool any = false;

    text_char(t, ' ');
    for (unsigned i = 0; i < 8; i++) {
        if (i != 4 && (tcp->flags & 1u << i)) {
            text_char(t, names[i]);
            any = true;
        }
    }
    if (tcp->flags & TCP_ACK)
        text_char(t, '.');
    else if (!any)
        text_char(t, '-');
    text_addf(t, " %lu:%lu(%lu,%lu,%lu)", (unsigned long)be32_to_host(tcp->seq),
              (unsigned long)(be32_to_host(tcp->seq) + payload), (unsigned long)payload + 20,
              (unsigned long)payload, (unsigned long)payload);
    if (tcp->flags & TCP_ACK)
        text_addf(t, " ack %lu", (unsigned long)be32_to_host(tcp->ack));
    text_addf(t, " win %u", be16_to_host(tcp->win));
}

static void print_icmp(const struct ipprint *s, struct text *t, const uint8_t *h)
{
    const struct icmp_hdr *icmp = (const struct icmp_hdr *)h;
    uint16_t id = s->swap ? be16_to_host(icmp->id) : icmp->id;
    uint16_t seq = s->swap ? be16_to_host(icmp->seq) : icmp->seq;

    if (icmp->type == 0 || icmp->type == 8)
        text_addf(t, ": icmp: echo %s (%u, %u)", icmp->type ? "request" : "reply", id, seq);
    else
        text_addf(t, ": icmp: type %u code %u", icmp->type, icmp->code);
}

static void print_flow(const struct ipprint *s, struct text *t, const struct packet *p,
                       const struct ip_hdr *ip)
{
    bool ports = ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP;
    uint32_t len = 0;
    uint8_t *h = ip_transport(p, ip, ip->proto == IPPROTO_TCP ? 20 : 8, &len);

    text_ip(t, ip->src);
    if (h && ports)
        text_addf(t, ".%u", get_be16(h));
    text_addf(t, " > ");
    text_ip(t, ip->dst);
    if (h && ports)
        text_addf(t, ".%u:", get_be16(h + 2));
    if (h && ip->proto == IPPROTO_TCP) {
        uint32_t hl = (h[12] >> 4) * 4u;

        print_tcp(t, h, len > hl ? len - hl : 0);
    } else if (h && ip->proto == IPPROTO_UDP) {
        text_addf(t, " udp %u", get_be16(h + 4));
    } else if (h && ip->proto == IPPROTO_ICMP) {
        print_icmp(s, t, h);
    } else {
        text_addf(t, ": ip-proto-%u", ip->proto);
    }
    if (ip->off & host_to_be16(IP_MF | IP_OFFMASK))
        text_addf(t, " (frag %u:%u@%u%s)", be16_to_host(ip->id),
                  be16_to_host(ip->len) - ip_hdr_len(ip), (be16_to_host(ip->off) & IP_OFFMASK) * 8,
                  ip->off & host_to_be16(IP_MF) ? "+" : "");
}

static void print_data(const struct ipprint *s, struct text *t, const struct packet *p,
                       const struct ip_hdr *ip)
{
    uint8_t kind = s->contents ? s->contents : s->payload;
    const uint8_t *from = s->contents ? p->data : (const uint8_t *)ip + ip_hdr_len(ip);
    uint32_t len = (uint32_t)(p->data + p->len - from);

    if (kind != 1 && kind != 2)
        return;
    if (s->max >= 0 && len > (uint32_t)s->max)
        len = (uint32_t)s->max;
    if (len > PRINT_BYTES_MAX)
        len = PRINT_BYTES_MAX;
    text_addf(t, "\n  ");
    (kind == 1 ? print_hex : print_ascii)(t, from, len);
}

static struct packet *ipprint_action(struct element *e, struct packet *p)
{
    const struct ipprint *s = (const struct ipprint *)e;
    struct ip_hdr *ip = packet_ip(p);
    struct text t = {0};

    if (!s->active)
        return p;
    if (s->label.len) {
        text_str(&t, s->label);
        text_addf(&t, ": ");
    }
    if (s->timestamp) {
        text_time(&t, p->time_ns, 6);
        text_addf(&t, ": ");
    }
    if (s->aggregate)
        text_addf(&t, "#%lu: ", (unsigned long)packet_anno32(p, ANNO_AGGREGATE));
    if (s->paint)
        text_addf(&t, "paint %u: ", p->anno.b[ANNO_PAINT]);
    if (!ip) {
        text_addf(&t, "(Not an IP packet)");
    } else {
        if (s->id)
            text_addf(&t, "id %u ", be16_to_host(ip->id));
        if (s->ttl)
            text_addf(&t, "ttl %u ", ip->ttl);
        if (s->tos)
            text_addf(&t, "tos %u ", ip->tos);
        if (s->length)
            text_addf(&t, "length %u ", be16_to_host(ip->len));
        print_flow(s, &t, p, ip);
        print_data(s, &t, p, ip);
    }
    text_char(&t, '\n');
    if (t.s)
        port_log(t.s, t.len);
    text_free(&t);
    return p;
}

static const char *const words[] = {"NONE", "HEX", "ASCII", "false", "true", NULL};

static const struct field fields[] = {
    FIELD(struct ipprint, label, "LABEL", T_STR, F_POS),
    FIELD(struct ipprint, contents, "CONTENTS", T_WORD, F_KEY, .words = words),
    FIELD(struct ipprint, payload, "PAYLOAD", T_WORD, F_KEY, .words = words),
    FIELD(struct ipprint, max, "MAXLENGTH", T_INT, F_KEY, .def = 1500),
    FIELD(struct ipprint, max, "NBYTES", T_INT, F_KEY, .def = 1500),
    FIELD(struct ipprint, id, "ID", T_BOOL, F_KEY),
    FIELD(struct ipprint, ttl, "TTL", T_BOOL, F_KEY),
    FIELD(struct ipprint, tos, "TOS", T_BOOL, F_KEY),
    FIELD(struct ipprint, length, "LENGTH", T_BOOL, F_KEY),
    FIELD(struct ipprint, timestamp, "TIMESTAMP", T_BOOL, F_KEY, .def = 1),
    FIELD(struct ipprint, aggregate, "AGGREGATE", T_BOOL, F_KEY),
    FIELD(struct ipprint, paint, "PAINT", T_BOOL, F_KEY),
    FIELD(struct ipprint, swap, "SWAP", T_BOOL, F_KEY, .def = 1),
    FIELD(struct ipprint, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    {0},
};

const struct element_class class_IPPrint = {
    .name = "IPPrint",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct ipprint),
    .fields = fields,
    .action = ipprint_action,
};
