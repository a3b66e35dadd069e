/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CheckIPHeader, CheckIPHeader2 (does not look at the checksum), MarkIPHeader, CheckIP6Header,
 * MarkIP6Header: find the IP header and see whether it is right. As Click's.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

enum reason { SHORT, VERSION, HEADER_LENGTH, LENGTH, CHECKSUM, BAD_SOURCE, REASONS };

static const char *const reason_names[] = {
    "tiny packet",   "bad IP version",  "bad IP header length",
    "bad IP length", "bad IP checksum", "bad source address",
};

struct address_list {
    uint32_t *ips;
    unsigned n;
};

struct checkip {
    struct element e;
    uint32_t offset;
    bool verify, verbose, details, told;
    struct str interfaces, badsrc, gooddst;
    struct address_list bad, good;
    uint64_t drops;
    uint64_t by_reason[REASONS];
};

static int add_ip(struct address_list *l, uint32_t ip)
{
    uint32_t *ips = realloc(l->ips, (l->n + 1) * sizeof(*ips));

    if (!ips)
        return -1;
    l->ips = ips;
    ips[l->n++] = ip;
    return 0;
}

static bool has_ip(const struct address_list *l, uint32_t ip)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->ips[i] == ip)
            return true;
    }
    return false;
}

static int read_ips(struct conf *c, struct str text, struct address_list *l, const char *name)
{
    struct str word;

    while ((word = str_word(&text)).len) {
        uint32_t ip;

        if (!conf_ip(c, word, &ip))
            return conf_error(c, (struct str){NULL, 0}, "%s: '%.*s' is not an IP address", name,
                              (int)word.len, word.s);
        if (add_ip(l, ip) != 0)
            return -1;
    }
    return 0;
}

/* INTERFACES: this router's addresses with their networks. */
static int read_interfaces(struct conf *c, struct checkip *k)
{
    struct str text = k->interfaces, word;

    while ((word = str_word(&text)).len) {
        struct prefix p;

        if (!conf_prefix(c, word, true, &p))
            return conf_error(c, (struct str){NULL, 0}, "INTERFACES: '%.*s' is not an IP prefix",
                              (int)word.len, word.s);
        if (add_ip(&k->good, p.ip) != 0 || add_ip(&k->bad, p.ip | ~p.mask) != 0)
            return -1;
    }
    if (k->interfaces.len && (add_ip(&k->bad, 0) != 0 || add_ip(&k->bad, 0xffffffff) != 0))
        return -1;
    return 0;
}

/* The old form: CheckIPHeader([BADSRC [, OFFSET]]). */
static int read_old(struct conf *c, struct checkip *k)
{
    uint64_t v;

    if (c->argc > 2)
        return conf_error(c, c->argv[2], "too many arguments");
    if (c->argc && (value_uint(c->argv[0], &v) && v < 2048)) { /* CheckIPHeader(14) */
        k->offset = (uint32_t)v;
        return c->argc == 1 ? 0 : conf_error(c, c->argv[1], "too many arguments");
    }
    if (c->argc && (add_ip(&k->bad, 0) != 0 || add_ip(&k->bad, 0xffffffff) != 0 ||
                    read_ips(c, c->argv[0], &k->bad, "BADSRC") != 0))
        return -1;
    if (c->argc == 2) {
        if (!value_uint(c->argv[1], &v) || v > 65535)
            return conf_error(c, c->argv[1], "OFFSET must be a number");
        k->offset = (uint32_t)v;
    }
    return 0;
}

static int checkip_configure(struct element *e, struct conf *c)
{
    struct checkip *k = (struct checkip *)e;

    if (e->cls->name[strlen(e->cls->name) - 1] == '2')
        k->verify = false;
    if (read_old(c, k) != 0 || read_interfaces(c, k) != 0 ||
        read_ips(c, k->badsrc, &k->bad, "BADSRC") != 0 ||
        read_ips(c, k->gooddst, &k->good, "GOODDST") != 0)
        return -1;
    return 0;
}

static void checkip_cleanup(struct element *e)
{
    struct checkip *k = (struct checkip *)e;

    free(k->bad.ips);
    free(k->good.ips);
    k->bad = k->good = (struct address_list){NULL, 0};
}

static struct packet *reject(struct checkip *k, struct packet *p, enum reason why)
{
    k->drops++;
    k->by_reason[why]++;
    if (!k->told || k->verbose) {
        element_log(&k->e, "%s", reason_names[why]);
        k->told = true;
    }
    element_push_or_kill(&k->e, 1, p);
    return NULL;
}

static struct packet *checkip_action(struct element *e, struct packet *p)
{
    struct checkip *k = (struct checkip *)e;
    struct ip_hdr *ip = (struct ip_hdr *)(p->data + k->offset);
    uint32_t hl, len, have;

    if (p->len < k->offset + 20)
        return reject(k, p, SHORT);
    have = p->len - k->offset;
    if (ip->vhl >> 4 != 4)
        return reject(k, p, VERSION);
    hl = ip_hdr_len(ip);
    if (hl < 20)
        return reject(k, p, HEADER_LENGTH);
    len = be16_to_host(ip->len);
    if (len > have || len < hl)
        return reject(k, p, LENGTH);
    if (k->verify && checksum(ip, hl) != 0)
        return reject(k, p, CHECKSUM);
    if (k->bad.n && has_ip(&k->bad, ip->src) && !has_ip(&k->good, ip->dst))
        return reject(k, p, BAD_SOURCE);
    p->net = (uint8_t *)ip;
    p->len = k->offset + len; /* cut the link's padding */
    packet_set_dst_ip(p, ip->dst);
    return p;
}

static int read_details(struct hcall *c)
{
    const struct checkip *k = (const struct checkip *)c->e;

    for (unsigned i = 0; i < REASONS; i++)
        text_addf(c->out, "%llu\t%s\n", (unsigned long long)k->by_reason[i], reason_names[i]);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct checkip, verify, "CHECKSUM", T_BOOL, F_KEY, .def = 1),
    FIELD(struct checkip, offset, "OFFSET", T_U32, F_KEY, .max = 65535),
    FIELD(struct checkip, badsrc, "BADSRC", T_RAW, F_KEY),
    FIELD(struct checkip, gooddst, "GOODDST", T_RAW, F_KEY),
    FIELD(struct checkip, interfaces, "INTERFACES", T_RAW, F_KEY),
    FIELD(struct checkip, verbose, "VERBOSE", T_BOOL, F_KEY),
    FIELD(struct checkip, details, "DETAILS", T_BOOL, F_KEY),
    FIELD(struct checkip, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "drop_details", .read = read_details},
    {0},
};

#define CHECKIP_CLASS(id)                                                                          \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/1-2",                                                                          \
        .processing = "a/ah",                                                                      \
        .size = sizeof(struct checkip),                                                            \
        .flags = CLASS_ARGS,                                                                       \
        .fields = fields,                                                                          \
        .handlers = handlers,                                                                      \
        .configure = checkip_configure,                                                            \
        .cleanup = checkip_cleanup,                                                                \
        .action = checkip_action,                                                                  \
    }

CHECKIP_CLASS(CheckIPHeader);
CHECKIP_CLASS(CheckIPHeader2);

/* ---- MarkIPHeader, MarkIP6Header ---- */

static struct packet *mark_action(struct element *e, struct packet *p)
{
    const struct checkip *k = (const struct checkip *)e;

    p->net = k->offset <= p->len ? p->data + k->offset : NULL;
    return p;
}

static const struct field mark_fields[] = {
    FIELD(struct checkip, offset, "OFFSET", T_U32, F_POS, .max = 65535),
    {0},
};

#define MARK_CLASS(id)                                                                             \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/1",                                                                            \
        .processing = "a/a",                                                                       \
        .size = sizeof(struct checkip),                                                            \
        .fields = mark_fields,                                                                     \
        .action = mark_action,                                                                     \
    }

MARK_CLASS(MarkIPHeader);
MARK_CLASS(MarkIP6Header);

/* ---- CheckIP6Header ---- */

struct checkip6 {
    struct element e;
    struct str bad_text;
    uint8_t (*bad)[16];
    unsigned n_bad;
    uint32_t offset;
    uint64_t drops;
};

static int checkip6_configure(struct element *e, struct conf *c)
{
    struct checkip6 *k = (struct checkip6 *)e;
    struct str text = k->bad_text, word;

    while ((word = str_word(&text)).len) {
        uint8_t(*bad)[16] = realloc(k->bad, (k->n_bad + 1) * sizeof(*bad));

        if (!bad)
            return -1;
        k->bad = bad;
        if (!value_ip6(word, bad[k->n_bad++]))
            return conf_error(c, (struct str){NULL, 0}, "BADADDRS: '%.*s' is not an IPv6 address",
                              (int)word.len, word.s);
    }
    return 0;
}

static void checkip6_cleanup(struct element *e)
{
    struct checkip6 *k = (struct checkip6 *)e;

    free(k->bad);
    k->bad = NULL;
}

static struct packet *checkip6_action(struct element *e, struct packet *p)
{
    struct checkip6 *k = (struct checkip6 *)e;
    struct ip6_hdr *ip = (struct ip6_hdr *)(p->data + k->offset);

    if (p->len < k->offset + 40 || *(uint8_t *)ip >> 4 != 6 ||
        be16_to_host(ip->len) > p->len - k->offset - 40 || ip->src[0] == 0xff)
        goto bad;
    for (unsigned i = 0; i < k->n_bad; i++) {
        if (memcmp(ip->src, k->bad[i], 16) == 0)
            goto bad;
    }
    p->net = (uint8_t *)ip;
    p->len = k->offset + 40 + be16_to_host(ip->len);
    memcpy(p->anno.b + ANNO_DST_IP, ip->dst, 16);
    return p;
bad:
    k->drops++;
    element_push_or_kill(e, 1, p);
    return NULL;
}

static const struct field ip6_fields[] = {
    FIELD(struct checkip6, bad_text, "BADADDRS", T_RAW, F_POS),
    FIELD(struct checkip6, offset, "OFFSET", T_U32, F_POS, .max = 65535),
    FIELD(struct checkip6, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_CheckIP6Header = {
    .name = "CheckIP6Header",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct checkip6),
    .fields = ip6_fields,
    .configure = checkip6_configure,
    .cleanup = checkip6_cleanup,
    .action = checkip6_action,
};
