/* SPDX-License-Identifier: BSD-2-Clause */
/* IPFragmenter: cuts large IP packets to an MTU. As Click's. */
#include "../engine/element.h"
#include "../engine/net.h"

struct fragmenter {
    struct element e;
    uint32_t mtu, headroom;
    bool honor_df, verbose;
    uint64_t drops, fragments;
};

/* Options that later fragments carry too: those with the copied bit (RFC 791). Returns their
 * length. */
static unsigned copied_options(const struct ip_hdr *ip, uint8_t *out)
{
    const uint8_t *o = (const uint8_t *)(ip + 1), *end = (const uint8_t *)ip + ip_hdr_len(ip);
    unsigned n = 0;

    while (o < end && *o != 0) {
        unsigned len = *o == 1 ? 1 : o + 1 < end ? o[1] : 0;

        if (!len || (*o != 1 && len < 2) || o + len > end)
            break;
        if (*o & 0x80) {
            memcpy(out + n, o, len);
            n += len;
        }
        o += len;
    }
    for (; n % 4; n++)
        out[n] = 0;
    return n;
}

/* One fragment: `len` bytes of data from `from`, behind a header with options. */
static struct packet *fragment(const struct fragmenter *f, const struct packet *p,
                               const struct ip_hdr *ip, const uint8_t *options, unsigned optlen,
                               uint32_t from, uint32_t len, bool more)
{
    struct packet *q = packet_new(f->headroom, 20 + optlen + len);
    struct ip_hdr *h;
    uint16_t off = be16_to_host(ip->off);

    if (!q)
        return NULL;
    h = (struct ip_hdr *)q->data;
    memcpy(h, ip, 20);
    memcpy(h + 1, options, optlen);
    memcpy(q->data + 20 + optlen, (const uint8_t *)ip + ip_hdr_len(ip) + from, len);
    h->vhl = (uint8_t)(0x40 | (5 + optlen / 4));
    h->len = host_to_be16((uint16_t)q->len);
    h->off = host_to_be16((uint16_t)((off & ~(IP_OFFMASK | IP_DF)) |
                                     ((off & IP_OFFMASK) + from / 8) | (more ? IP_MF : 0)));
    ip_set_checksum(h);
    q->net = q->data;
    q->time_ns = p->time_ns;
    q->type = p->type;
    q->anno = p->anno;
    return q;
}

static struct packet *cut(struct fragmenter *f, struct packet *p, struct ip_hdr *ip)
{
    uint32_t hl = ip_hdr_len(ip), total = be16_to_host(ip->len) - hl, from = 0;
    struct packet *first = NULL, **tail = &first;
    uint8_t options[44];
    unsigned optlen = hl - 20;

    memcpy(options, ip + 1, optlen);
    if (ip->off & host_to_be16(IP_DF)) /* senders of such packets need not set an id */
        ip->id = (uint16_t)port_random();
    while (from < total) {
        uint32_t room = (f->mtu - 20 - optlen) & ~7u, len = total - from;
        bool more = len > room;

        if (more)
            len = room;
        *tail =
            fragment(f, p, ip, options, optlen, from, len, more || (ip->off & host_to_be16(IP_MF)));
        if (!*tail) { /* without one, the others are of no use */
            packet_kill_batch(first);
            f->drops++;
            return NULL;
        }
        tail = &(*tail)->next;
        f->fragments++;
        from += len;
        optlen = copied_options(ip, options);
    }
    return first;
}

static void fragmenter_push(struct element *e, unsigned port, struct packet *batch)
{
    struct fragmenter *f = (struct fragmenter *)e;
    struct splitter split;

    (void)port;
    split_init(&split);
    while (batch) {
        struct packet *p = batch, *pieces;
        struct ip_hdr *ip = packet_ip(p);
        uint32_t len = ip ? be16_to_host(ip->len) : 0;

        batch = p->next;
        p->next = NULL;
        if (!ip || len > packet_net_len(p) || len < ip_hdr_len(ip)) {
            f->drops++;
            packet_kill(p);
        } else if (len <= f->mtu) {
            split_add(e, &split, 0, p);
        } else if (((ip->off & host_to_be16(IP_DF)) && f->honor_df) ||
                   f->mtu < ip_hdr_len(ip) + 8) {
            if (f->verbose || f->drops < 5)
                element_log(e, "a packet of %u bytes can't be fragmented", (unsigned)len);
            f->drops++;
            split_add(e, &split, 1, p);
        } else {
            pieces = cut(f, p, ip);
            packet_kill(p);
            while (pieces) {
                struct packet *next = pieces->next;

                split_add(e, &split, 0, pieces);
                pieces = next;
            }
        }
    }
    split_flush(e, &split);
}

static int fragmenter_configure(struct element *e, struct conf *c)
{
    if (((struct fragmenter *)e)->mtu < 8)
        return conf_error(c, (struct str){NULL, 0}, "MTU must be at least 8");
    return 0;
}

static const struct field fields[] = {
    FIELD(struct fragmenter, mtu, "MTU", T_U32, F_POS | F_REQ | F_RD, .max = 65535),
    FIELD(struct fragmenter, honor_df, "HONOR_DF", T_BOOL, F_POS, .def = 1),
    FIELD(struct fragmenter, verbose, "VERBOSE", T_BOOL, F_POS),
    FIELD(struct fragmenter, headroom, "HEADROOM", T_U32, F_KEY, .def = PACKET_HEADROOM,
          .max = 2048),
    FIELD(struct fragmenter, drops, "DROPS", T_U64, F_RD | F_ZERO),
    FIELD(struct fragmenter, fragments, "FRAGMENTS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_IPFragmenter = {
    .name = "IPFragmenter",
    .ports = "1/1-2",
    .processing = "h/h",
    .size = sizeof(struct fragmenter),
    .fields = fields,
    .configure = fragmenter_configure,
    PUSHES(fragmenter_push),
};
