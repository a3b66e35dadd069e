/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNSFilter: stops DNS queries for unwanted names; not in Click.
 *
 *     DNSFilter(NAME, ... [, REPLY])
 *
 * Input: IP packets with their header marked. A query over UDP port 53 whose name is a NAME or
 * below one leaves by output 1 (or is dropped); everything else by output 0. With REPLY (the
 * default) the query is turned into its own answer, "no such name", addresses swapped and
 * destination annotation set, so that output 1 leads back to where it came from. Handlers:
 * `blocked`, `names`.
 *
 * The names are kept sorted by their reversed text; a lookup is one binary search for each label.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

#define NAME_MAX_LEN   255
#define FLAGS_RESPONSE 0x8000
#define FLAGS_OPCODE   0x7800

struct dnsfilter {
    struct element e;
    struct str *names; /* lower case */
    unsigned n;
    bool reply;
    uint64_t blocked;
};

/* Compare from the last byte on: names below each other are then neighbours. */
static int compare(struct str a, struct str b)
{
    while (a.len && b.len) {
        int d = (uint8_t)a.s[--a.len] - (uint8_t)b.s[--b.len];

        if (d)
            return d;
    }
    return (int)a.len - (int)b.len;
}

static int compare_names(const void *a, const void *b)
{
    return compare(*(const struct str *)a, *(const struct str *)b);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Labels of 1 to 63 bytes with dots between them; no quotes, which are meant for Click. */
static bool is_dns_name(struct str s)
{
    uint32_t label = 0;

    for (uint32_t k = 0; k <= s.len; k++) {
        if (k == s.len || s.s[k] == '.') {
            if (!label || label > 63)
                return false;
            label = 0;
        } else if (is_space(s.s[k]) || s.s[k] == '"' || s.s[k] == '\'') {
            return false;
        } else {
            label++;
        }
    }
    return s.len <= NAME_MAX_LEN;
}

static int filter_configure(struct element *e, struct conf *c)
{
    struct dnsfilter *f = (struct dnsfilter *)e;

    f->names = calloc(c->argc + 1, sizeof(*f->names));
    if (!f->names)
        return -1;
    for (unsigned i = 0; i < c->argc; i++) {
        struct str s = c->argv[i];
        char *copy;

        if (s.len && s.s[s.len - 1] == '.')
            s.len--;
        if (!is_dns_name(s))
            return conf_error(c, c->argv[i], "'%.*s' is not a DNS name", (int)c->argv[i].len,
                              c->argv[i].s);
        copy = str_dup(s);
        if (!copy)
            return -1;
        for (uint32_t k = 0; k < s.len; k++)
            copy[k] = lower(copy[k]);
        f->names[f->n++] = (struct str){copy, s.len};
    }
    qsort(f->names, f->n, sizeof(*f->names), compare_names);
    return 0;
}

static void filter_cleanup(struct element *e)
{
    struct dnsfilter *f = (struct dnsfilter *)e;

    for (unsigned i = 0; i < f->n; i++)
        free((char *)f->names[i].s);
    free(f->names);
    f->names = NULL;
    f->n = 0;
}

static void filter_adopt(struct element *e, struct element *from)
{
    struct dnsfilter *f = (struct dnsfilter *)e, *n = (struct dnsfilter *)from, old = *f;

    f->names = n->names;
    f->n = n->n;
    f->reply = n->reply;
    n->names = old.names;
    n->n = old.n;
}

/* The question's name as lower-case text. Returns the bytes it takes in the message, 0 if it is
 * wrong. */
static uint32_t read_name(const uint8_t *q, uint32_t len, char *out, uint32_t *out_len)
{
    uint32_t at = 0, n = 0;

    while (at < len && q[at]) {
        uint32_t label = q[at++];

        /* no compression in a question; 63 is the longest label */
        if (label > 63 || at + label > len || n + label + 1 > NAME_MAX_LEN)
            return 0;
        if (n)
            out[n++] = '.';
        for (uint32_t i = 0; i < label; i++)
            out[n++] = lower((char)q[at + i]);
        at += label;
    }
    *out_len = n;
    return at < len ? at + 1 : 0;
}

static bool unwanted(const struct dnsfilter *f, struct str name)
{
    for (;;) {
        const char *dot;

        if (bsearch(&name, f->names, f->n, sizeof(*f->names), compare_names))
            return true;
        dot = name.len ? memchr(name.s, '.', name.len) : NULL;
        if (!dot)
            return false;
        name = (struct str){dot + 1, (uint32_t)(name.s + name.len - dot - 1)};
    }
}

/* Make the query its own answer. */
static void answer(struct packet *p, struct ip_hdr *ip, struct udp_hdr *udp, uint32_t question_end)
{
    uint8_t *dns = (uint8_t *)(udp + 1);
    uint32_t src = ip->src;
    uint16_t port = udp->sport;

    ip->src = ip->dst;
    ip->dst = src;
    udp->sport = udp->dport;
    udp->dport = port;
    put_be16(dns + 2, (uint16_t)((get_be16(dns + 2) & 0x0110) | FLAGS_RESPONSE | 0x80 | 3));
    memset(dns + 6, 0, 6); /* only the question goes back */
    udp->len = host_to_be16((uint16_t)(8 + 12 + question_end));
    ip->len = host_to_be16((uint16_t)(ip_hdr_len(ip) + 8 + 12 + question_end));
    ip->ttl = 64;
    ip->off = 0;
    ip_set_checksum(ip);
    udp->sum = 0;
    udp->sum = transport_checksum(ip, udp, 8 + 12 + question_end);
    if (!udp->sum)
        udp->sum = 0xffff;
    p->len = (uint32_t)(dns + 12 + question_end - p->data);
    packet_set_dst_ip(p, ip->dst);
}

static struct packet *filter_action(struct element *e, struct packet *p)
{
    struct dnsfilter *f = (struct dnsfilter *)e;
    struct ip_hdr *ip = packet_ip(p);
    struct udp_hdr *udp = NULL;
    char name[NAME_MAX_LEN + 1];
    uint32_t len = 0, name_len, used;
    uint8_t *dns;

    if (ip && ip->proto == IPPROTO_UDP)
        udp = (struct udp_hdr *)ip_transport(p, ip, 8 + 12 + 5, &len);
    if (!udp || udp->dport != host_to_be16(53))
        return p;
    dns = (uint8_t *)(udp + 1);
    len -= 8 + 12;
    if ((get_be16(dns + 2) & (FLAGS_RESPONSE | FLAGS_OPCODE)) || get_be16(dns + 4) != 1)
        return p;
    used = read_name(dns + 12, len, name, &name_len);
    if (!used || used + 4 > len || !unwanted(f, (struct str){name, name_len}))
        return p;
    f->blocked++;
    if (f->reply)
        answer(p, ip, udp, used + 4);
    element_push_or_kill(e, 1, p);
    return NULL;
}

static int read_names(struct hcall *c)
{
    const struct dnsfilter *f = (const struct dnsfilter *)c->e;

    for (unsigned i = 0; i < f->n; i++)
        text_addf(c->out, "%s\n", f->names[i].s);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct dnsfilter, reply, "REPLY", T_BOOL, F_KEY, .def = 1),
    FIELD(struct dnsfilter, blocked, "BLOCKED", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "names", .read = read_names},
    {0},
};

const struct element_class class_DNSFilter = {
    .name = "DNSFilter",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct dnsfilter),
    .flags = CLASS_ARGS | CLASS_LIVE,
    .fields = fields,
    .handlers = handlers,
    .configure = filter_configure,
    .cleanup = filter_cleanup,
    .extra = EXTRA(.adopt = filter_adopt),
    .action = filter_action,
};
