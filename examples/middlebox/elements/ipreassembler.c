/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPReassembler: holds fragments until their packet is whole. As Click's, with these differences: a
 * fragment that overlaps what is there, other than exactly, drops the whole packet (RFC 5722's
 * rule, used for IPv4 as well, since overlaps only occur in attacks); incomplete packets that time
 * out are emitted on output 1 as their first fragment, which is what an ICMPError needs.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "../engine/table.h"

#define FRAGMENTS_MAX 64 /* of one packet */
#define TIMEOUT_NS    (30 * NSEC_PER_SEC)

struct partial {
    struct tentry entry;
    uint32_t src, dst; /* the key: also id and protocol */
    uint16_t id;
    uint8_t proto, zero;
    struct packet *fragments; /* sorted by offset; linked by next */
    uint32_t have;            /* bytes */
    uint32_t total;           /* bytes of the whole payload; 0: the last fragment is not here yet */
    uint32_t memory;
    unsigned n;
    uint16_t largest;
};

struct reassembler {
    struct element e;
    struct table table;
    uint32_t himem, memory;
    uint8_t mtu_anno;
    bool has_mtu_anno;
    struct str mtu_text;
    uint64_t drops;
    struct timer timer;
};

#define PARTIALS_MAX 1024

static uint32_t frag_off(const struct packet *p)
{
    return (uint32_t)(be16_to_host(((struct ip_hdr *)p->net)->off) & IP_OFFMASK) * 8;
}

static uint32_t frag_len(const struct packet *p)
{
    struct ip_hdr *ip = (struct ip_hdr *)p->net;

    return be16_to_host(ip->len) - ip_hdr_len(ip);
}

static uint32_t memory_of(const struct packet *p)
{
    return (uint32_t)(p->end - p->head) + (uint32_t)sizeof(*p);
}

static int reassembler_configure(struct element *e, struct conf *c)
{
    struct reassembler *r = (struct reassembler *)e;
    struct field anno = {.name = "MAX_MTU_ANNO",
                         .type = T_ANNO,
                         .max = 2,
                         .offset = offsetof(struct reassembler, mtu_anno)};

    if (r->mtu_text.len) {
        if (!conf_field(c, &anno, r->mtu_text))
            return conf_error(c, (struct str){NULL, 0}, "MAX_MTU_ANNO must be an annotation");
        r->has_mtu_anno = true;
    }
    return table_init(&r->table, PARTIALS_MAX, sizeof(struct partial), 12);
}

/* Let go of a partial packet; its fragments are dropped, but the first may leave by output 1. */
static void give_up(struct reassembler *r, struct partial *f, bool tell)
{
    struct packet *all = f->fragments;

    r->memory -= f->memory;
    r->drops += f->n;
    table_remove(&r->table, &f->entry);
    if (tell && all && frag_off(all) == 0 && r->e.n_out > 1) {
        struct packet *first = all;

        all = first->next;
        first->next = NULL;
        element_push(&r->e, 1, first);
    }
    packet_kill_batch(all);
}

static void reassembler_cleanup(struct element *e)
{
    struct reassembler *r = (struct reassembler *)e;

    while (r->table.oldest[0])
        give_up(r, (struct partial *)r->table.oldest[0], false);
    table_free(&r->table);
}

static void expire(struct element *e, struct timer *t)
{
    struct reassembler *r = (struct reassembler *)e;
    struct tentry *old;

    while (now_ns(e) >= TIMEOUT_NS &&
           (old = table_oldest(&r->table, 0, now_ns(e) - TIMEOUT_NS + 1)))
        give_up(r, (struct partial *)old, true);
    if (r->table.count)
        timer_set(t, e, expire, r->table.oldest[0]->used_ns + TIMEOUT_NS);
}

/* Put a fragment in its place. False: it overlaps another one, or contradicts what is known. */
static bool insert(struct partial *f, struct packet *p)
{
    uint32_t off = frag_off(p), end = off + frag_len(p);
    bool last = !(((struct ip_hdr *)p->net)->off & host_to_be16(IP_MF));
    struct packet **at = &f->fragments;

    if (end > 65535 - 20 || (f->total && end > f->total) || (last && f->total && f->total != end))
        return false;
    while (*at && frag_off(*at) < off) {
        if (frag_off(*at) + frag_len(*at) > off)
            return false;
        at = &(*at)->next;
    }
    if (*at && frag_off(*at) < end)
        return false;
    if (last && *at) /* something lies beyond the end */
        return false;
    if (last)
        f->total = end;
    p->next = *at;
    *at = p;
    f->have += end - off;
    f->n++;
    return true;
}

static bool is_repeat(const struct partial *f, const struct packet *p)
{
    for (const struct packet *q = f->fragments; q; q = q->next) {
        if (frag_off(q) == frag_off(p) && frag_len(q) == frag_len(p))
            return true;
    }
    return false;
}

/* All parts are there: make one packet of them. */
static struct packet *assemble(struct reassembler *r, struct partial *f)
{
    struct packet *all = f->fragments, *p;
    uint32_t prefix = (uint32_t)(all->net - all->data), hl = ip_hdr_len((struct ip_hdr *)all->net);
    uint16_t largest = f->largest;
    struct ip_hdr *ip;

    p = packet_new(packet_headroom(all), prefix + hl + f->total);
    if (p) {
        memcpy(p->data, all->data, prefix + hl);
        for (struct packet *q = all; q; q = q->next) {
            struct ip_hdr *h = (struct ip_hdr *)q->net;

            memcpy(p->data + prefix + hl + frag_off(q), (uint8_t *)h + ip_hdr_len(h), frag_len(q));
        }
        p->net = p->data + prefix;
        p->mac = all->mac && all->mac >= all->data && all->mac <= all->net
                     ? p->data + (all->mac - all->data)
                     : NULL;
        p->time_ns = all->time_ns;
        p->type = all->type;
        p->anno = all->anno;
        ip = (struct ip_hdr *)p->net;
        ip->len = host_to_be16((uint16_t)(hl + f->total));
        ip->off &= host_to_be16((uint16_t) ~(IP_MF | IP_OFFMASK));
        ip_set_checksum(ip);
        if (r->has_mtu_anno)
            memcpy(p->anno.b + r->mtu_anno, &largest, 2);
    }
    r->memory -= f->memory;
    if (!p)
        r->drops += f->n;
    table_remove(&r->table, &f->entry);
    packet_kill_batch(all);
    return p;
}

static struct packet *reassembler_action(struct element *e, struct packet *p)
{
    struct reassembler *r = (struct reassembler *)e;
    struct ip_hdr *ip = packet_ip(p);
    struct partial key = {0}, *f;
    uint32_t len;

    if (!ip)
        goto drop;
    if (!(ip->off & host_to_be16(IP_MF | IP_OFFMASK)))
        return p;
    len = be16_to_host(ip->len);
    if (len > packet_net_len(p) || len <= ip_hdr_len(ip) ||
        ((ip->off & host_to_be16(IP_MF)) && (len - ip_hdr_len(ip)) % 8))
        goto drop;
    key.src = ip->src;
    key.dst = ip->dst;
    key.id = ip->id;
    key.proto = ip->proto;
    f = (struct partial *)table_find(&r->table, &key.src);
    if (!f) {
        if (r->table.count == r->table.capacity)
            give_up(r, (struct partial *)r->table.oldest[0], false);
        f = (struct partial *)table_add(&r->table, &key.src, 0, now_ns(e));
        if (!f)
            goto drop;
        if (!r->timer.index)
            timer_set(&r->timer, e, expire, now_ns(e) + TIMEOUT_NS);
    }
    if (is_repeat(f, p))
        goto drop;
    table_touch(&r->table, &f->entry, 0, now_ns(e));
    if (f->n == FRAGMENTS_MAX || !insert(f, p)) {
        give_up(r, f, false);
        goto drop;
    }
    f->memory += memory_of(p);
    r->memory += memory_of(p);
    if (len > f->largest)
        f->largest = (uint16_t)len;
    if (f->total && f->have == f->total)
        return assemble(r, f);
    if (r->memory > r->himem) {
        while (r->table.oldest[0] && r->memory > r->himem / 4 * 3)
            give_up(r, (struct partial *)r->table.oldest[0], false);
    }
    return NULL;
drop:
    r->drops++;
    packet_kill(p);
    return NULL;
}

static int read_dump(struct hcall *c)
{
    struct reassembler *r = (struct reassembler *)c->e;

    for (struct tentry *t = r->table.oldest[0]; t; t = t->newer) {
        const struct partial *f = (const struct partial *)t;

        text_ip(c->out, f->src);
        text_addf(c->out, " > ");
        text_ip(c->out, f->dst);
        text_addf(c->out, " id %u proto %u: %u fragments, %u of %u bytes\n", be16_to_host(f->id),
                  f->proto, f->n, (unsigned)f->have, (unsigned)f->total);
    }
    return 0;
}

static const struct field fields[] = {
    FIELD(struct reassembler, himem, "HIMEM", T_U32, F_KEY, .def = 256 << 10, .max = 1u << 30),
    FIELD(struct reassembler, mtu_text, "MAX_MTU_ANNO", T_RAW, F_KEY),
    FIELD(struct reassembler, memory, "MEMORY", T_U32, F_RD),
    FIELD(struct reassembler, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "dump", .read = read_dump},
    {0},
};

const struct element_class class_IPReassembler = {
    .name = "IPReassembler",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct reassembler),
    .fields = fields,
    .handlers = handlers,
    .configure = reassembler_configure,
    .cleanup = reassembler_cleanup,
    .action = reassembler_action,
};
