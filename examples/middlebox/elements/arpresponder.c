/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARPResponder: answers ARP queries for the addresses and networks it is told. As Click's.
 *
 * IP6NDAdvertiser answers IPv6 neighbour solicitations the same way: `IP6/LEN ETH` for each
 * argument. Differences from Click's: prefixes are written with a length, and a source link-layer
 * option is not required.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

struct answer {
    struct prefix ip;
    uint8_t mac[6];
    uint8_t ip6[16];
    uint8_t ip6_len;
};

struct responder {
    struct element e;
    struct answer *answers;
    unsigned n;
    uint64_t drops;
};

static struct answer *add(struct responder *r)
{
    struct answer *a = realloc(r->answers, (r->n + 1) * sizeof(*a));

    if (!a)
        return NULL;
    r->answers = a;
    memset(&a[r->n], 0, sizeof(*a));
    return &a[r->n++];
}

/* "IP/MASK [IP/MASK...] ETH", or one name for both. */
static int add_entry(struct responder *r, const struct conf *c, struct str text)
{
    struct str rest = text, word, last = {"", 0};
    unsigned before = r->n;
    uint8_t mac[6];

    while ((word = str_word(&rest)).len) {
        struct prefix ip;
        struct answer *a;

        last = word;
        if (!conf_prefix(c, word, true, &ip)) {
            if (rest.len || !conf_ether(c, word, mac))
                return conf_error(c, word, "'%.*s' is not an IP prefix", (int)word.len, word.s);
            break;
        }
        a = add(r);
        if (!a)
            return -1;
        a->ip = (struct prefix){ip.ip & ip.mask, ip.mask};
    }
    if (before == r->n)
        return conf_error(c, text, "expected 'IP/MASK... ETH'");
    if (!conf_ether(c, last, mac))
        return conf_error(c, text, "an Ethernet address is missing");
    for (; before < r->n; before++)
        memcpy(r->answers[before].mac, mac, 6);
    return 0;
}

static int responder_configure(struct element *e, struct conf *c)
{
    for (unsigned i = 0; i < c->argc; i++) {
        if (add_entry((struct responder *)e, c, c->argv[i]) != 0)
            return -1;
    }
    return 0;
}

static void responder_cleanup(struct element *e)
{
    struct responder *r = (struct responder *)e;

    free(r->answers);
    r->answers = NULL;
    r->n = 0;
}

static void responder_adopt(struct element *e, struct element *from)
{
    struct responder *r = (struct responder *)e, *f = (struct responder *)from, old = *r;

    r->answers = f->answers;
    r->n = f->n;
    f->answers = old.answers;
    f->n = old.n;
}

/* The longest prefix wins. */
static const struct answer *find(const struct responder *r, uint32_t ip)
{
    const struct answer *best = NULL;

    for (unsigned i = 0; i < r->n; i++) {
        const struct answer *a = &r->answers[i];

        if (((ip ^ a->ip.ip) & a->ip.mask) == 0 &&
            (!best || be32_to_host(a->ip.mask) > be32_to_host(best->ip.mask)))
            best = a;
    }
    return best;
}

static struct packet *other(struct element *e, struct packet *p)
{
    ((struct responder *)e)->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static struct packet *responder_action(struct element *e, struct packet *p)
{
    struct responder *r = (struct responder *)e;
    struct arp_pkt *arp = (struct arp_pkt *)p->data;
    const struct answer *a = NULL;
    uint32_t target;

    if (p->len >= sizeof(*arp) && arp->ether.type == host_to_be16(ETHERTYPE_ARP) &&
        arp->htype == host_to_be16(1) && arp->ptype == host_to_be16(ETHERTYPE_IP) &&
        arp->hlen == 6 && arp->plen == 4 && arp->op == host_to_be16(1))
        a = find(r, arp->tpa);
    if (!a)
        return other(e, p);
    /* the query becomes the reply */
    target = arp->tpa;
    memcpy(arp->ether.dst, arp->sha, 6);
    memcpy(arp->ether.src, a->mac, 6);
    arp->op = host_to_be16(2);
    memcpy(arp->tha, arp->sha, 6);
    arp->tpa = arp->spa;
    memcpy(arp->sha, a->mac, 6);
    arp->spa = target;
    p->len = sizeof(*arp);
    p->mac = p->data;
    return p;
}

static int read_table(struct hcall *c)
{
    const struct responder *r = (const struct responder *)c->e;

    for (unsigned i = 0; i < r->n; i++) {
        const struct answer *a = &r->answers[i];

        text_ip(c->out, a->ip.ip);
        text_addf(c->out, "/%d ", prefix_len(a->ip.mask));
        text_ether(c->out, a->mac);
        text_char(c->out, '\n');
    }
    return 0;
}

static int read_lookup(struct hcall *c)
{
    const struct answer *a;
    uint32_t ip;

    if (!value_ip(c->arg, &ip))
        return errs_at(c->errs, 0, "expected an IP address");
    a = find((const struct responder *)c->e, ip);
    if (a)
        text_ether(c->out, a->mac);
    return 0;
}

static int write_entry(struct hcall *c)
{
    struct responder *r = (struct responder *)c->e;
    struct conf_origin origin = {0, 0, true};
    struct conf_text text = {.text = c->arg, .origins = &origin, .n_origins = 1};
    struct conf conf = {.e = c->e, .router = c->router, .errs = c->errs, .text = &text};
    unsigned kept = 0, before = r->n;
    struct prefix ip;

    if (c->code == 0) {
        if (add_entry(r, &conf, c->arg) == 0)
            return 0;
        r->n = before;
        return -1;
    }
    if (!conf_prefix(&conf, c->arg, true, &ip))
        return errs_at(c->errs, 0, "expected 'IP/MASK'");
    for (unsigned i = 0; i < r->n; i++) {
        if (r->answers[i].ip.ip != (ip.ip & ip.mask) || r->answers[i].ip.mask != ip.mask)
            r->answers[kept++] = r->answers[i];
    }
    r->n = kept;
    return kept < before ? 0 : errs_at(c->errs, 0, "no such entry");
}

static const struct field fields[] = {
    FIELD(struct responder, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table},
    {.name = "lookup", .read = read_lookup},
    {.name = "add", .write = write_entry},
    {.name = "remove", .write = write_entry, .code = 1},
    {0},
};

const struct element_class class_ARPResponder = {
    .name = "ARPResponder",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct responder),
    .flags = CLASS_ARGS | CLASS_LIVE,
    .fields = fields,
    .handlers = handlers,
    .configure = responder_configure,
    .cleanup = responder_cleanup,
    .extra = EXTRA(.adopt = responder_adopt),
    .action = responder_action,
};

/* ---- IPv6 ---- */

static int advertiser_configure(struct element *e, struct conf *c)
{
    struct responder *r = (struct responder *)e;

    for (unsigned i = 0; i < c->argc; i++) {
        struct str rest = c->argv[i], word = str_word(&rest), ip = word;
        const char *slash = word.len ? memchr(word.s, '/', word.len) : NULL;
        struct answer *a = add(r);
        uint64_t len = 128;

        if (!a)
            return -1;
        if (slash)
            ip.len = (uint32_t)(slash - word.s);
        if (!value_ip6(ip, a->ip6) ||
            (slash &&
             (!value_uint((struct str){slash + 1, word.len - ip.len - 1}, &len) || len > 128)))
            return conf_error(c, word, "'%.*s' is not an IPv6 prefix", (int)word.len, word.s);
        if (!conf_ether(c, rest, a->mac))
            return conf_error(c, c->argv[i], "expected 'IP6/LEN ETH'");
        a->ip6_len = (uint8_t)len;
    }
    return 0;
}

static bool in_prefix6(const uint8_t *ip, const struct answer *a)
{
    unsigned bytes = a->ip6_len / 8, bits = a->ip6_len % 8;

    return memcmp(ip, a->ip6, bytes) == 0 &&
           (!bits || ((ip[bytes] ^ a->ip6[bytes]) & (0xff00 >> bits & 0xff)) == 0);
}

#define ND_LEN (ETHER_LEN + 40 + 24) /* a solicitation without options */

static uint16_t icmp6_checksum(const struct ip6_hdr *ip, const void *data, uint32_t len)
{
    uint8_t tail[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, IPPROTO_ICMP6};

    return sum_fold(sum_bytes(data, len, sum_bytes(tail, 8, sum_bytes(ip->src, 32, 0))));
}

static struct packet *advertiser_action(struct element *e, struct packet *p)
{
    struct responder *r = (struct responder *)e;
    struct ether_hdr *eth = (struct ether_hdr *)p->data;
    struct ip6_hdr *ip = (struct ip6_hdr *)(p->data + ETHER_LEN);
    uint8_t *icmp = p->data + ETHER_LEN + 40, target[16];
    const struct answer *best = NULL;
    uint32_t len;
    bool unspecified = true;

    if (p->len < ND_LEN || eth->type != host_to_be16(ETHERTYPE_IP6) || ip->next != IPPROTO_ICMP6 ||
        ip->hop_limit != 255 || icmp[0] != 135 || icmp[1] != 0)
        return other(e, p);
    len = be16_to_host(ip->len);
    if (len < 24 || len > p->len - ETHER_LEN - 40 || icmp6_checksum(ip, icmp, len) != 0)
        return other(e, p);
    memcpy(target, icmp + 8, 16);
    for (unsigned i = 0; i < r->n; i++) {
        if (in_prefix6(target, &r->answers[i]) && (!best || r->answers[i].ip6_len > best->ip6_len))
            best = &r->answers[i];
    }
    if (!best)
        return other(e, p);
    p->len = ND_LEN;
    p = packet_put(p, 8); /* the target link-layer option */
    if (!p)
        return NULL;
    eth = (struct ether_hdr *)p->data;
    ip = (struct ip6_hdr *)(p->data + ETHER_LEN);
    icmp = p->data + ETHER_LEN + 40;
    for (unsigned i = 0; i < 16; i++)
        unspecified &= !ip->src[i];
    memcpy(eth->dst, eth->src, 6);
    memcpy(eth->src, best->mac, 6);
    memcpy(ip->dst, ip->src, 16);
    if (unspecified) { /* address detection: everybody is told */
        memset(ip->dst, 0, 16);
        ip->dst[0] = 0xff;
        ip->dst[1] = 2;
        ip->dst[15] = 1;
        memcpy(eth->dst, "\x33\x33\0\0\0\x01", 6);
    }
    memcpy(ip->src, target, 16);
    ip->len = host_to_be16(32);
    memset(icmp, 0, 8);
    icmp[0] = 136;
    icmp[4] = unspecified ? 0x20 : 0x60; /* solicited, override */
    memcpy(icmp + 8, target, 16);
    icmp[24] = 2;
    icmp[25] = 1;
    memcpy(icmp + 26, best->mac, 6);
    put_raw16(icmp + 2, icmp6_checksum(ip, icmp, 32));
    p->mac = p->data;
    return p;
}

const struct element_class class_IP6NDAdvertiser = {
    .name = "IP6NDAdvertiser",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct responder),
    .flags = CLASS_ARGS,
    .fields = fields,
    .configure = advertiser_configure,
    .cleanup = responder_cleanup,
    .action = advertiser_action,
};
