/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPRewriter, TCPRewriter, UDPRewriter, ICMPPingRewriter: translate the addresses and ports of
 * flows. As Click's, with these differences: MAPPING_CAPACITY is 8192 by default (Click: 65536)
 * and, given another rewriter's name, takes over its number, not its pool; TCPRewriter does not
 * change sequence numbers, since no element here asks for that.
 *
 * The table is bounded. When it is full, the flow that has the least time left and is beyond its
 * guarantee makes room; if there is none, the new flow is dropped and counted.
 */
#include <stdlib.h>

#include "../engine/router.h"
#include "rewriter.h"

static bool is_ping(const struct rewriter *r)
{
    return r->e.cls->name[0] == 'I' && r->e.cls->name[1] == 'C';
}

struct rwentry *rewriter_find(const struct rewriter *r, const struct flowid *f)
{
    return (struct rwentry *)table_find(&r->table, f);
}

bool rewriter_free_reply(const struct rewriter *r, const struct flowid *out)
{
    struct flowid reply = flowid_reverse(*out);

    return !table_find(&r->table, &reply);
}

/* ---- flows ---- */

static void end_flow(struct rewriter *r, struct rwentry *fw)
{
    struct rwentry *rv = fw->twin;
    struct spec *s = fw->input < r->n_specs ? &r->specs[fw->input] : NULL;

    if (s && s->kind == SPEC_MAPPER && s->mapper->unmap) {
        struct flowid out = rwentry_result(fw);

        s->mapper->unmap(s->mapper, &fw->key, &out);
    }
    table_remove(&r->table, &rv->entry);
    table_remove(&r->table, &fw->entry);
}

static uint64_t guarantee(const struct rewriter *r, unsigned list)
{
    return list <= RW_TCP_NODATA ? r->tcp_guarantee_ns : r->udp_guarantee_ns;
}

static void reap(struct rewriter *r, uint64_t now)
{
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        struct tentry *t;

        while (now > r->timeout_ns[list] &&
               (t = table_oldest(&r->table, list, now - r->timeout_ns[list])))
            end_flow(r, (struct rwentry *)t);
    }
}

static void reap_timer(struct element *e, struct timer *t)
{
    struct rewriter *r = (struct rewriter *)e;

    reap(r, now_ns(e));
    timer_set(t, e, reap_timer, now_ns(e) + r->reap_ns);
}

/* Make room for a flow. False: all are guaranteed. */
static bool make_room(struct rewriter *r, uint64_t now)
{
    struct rwentry *victim = NULL;
    uint64_t soonest = NEVER;

    if (r->table.count + 2 <= r->table.capacity)
        return true;
    reap(r, now);
    if (r->table.count + 2 <= r->table.capacity)
        return true;
    for (unsigned list = 0; list < RW_REVERSE; list++) {
        struct tentry *t = r->table.oldest[list];

        if (t && now - t->used_ns >= guarantee(r, list) &&
            t->used_ns + r->timeout_ns[list] < soonest) {
            soonest = t->used_ns + r->timeout_ns[list];
            victim = (struct rwentry *)t;
        }
    }
    if (victim)
        end_flow(r, victim);
    return victim;
}

static struct rwentry *add_flow(struct rewriter *r, const struct flowid *in,
                                const struct flowid *out, const uint16_t outputs[2], unsigned input,
                                uint64_t now)
{
    struct flowid reply = flowid_reverse(*out);
    unsigned list = in->proto == IPPROTO_TCP ? RW_TCP_NODATA : RW_UDP;
    struct rwentry *fw, *rv;

    if (memcmp(&reply, in, sizeof(reply)) == 0)
        return NULL; /* a flow that is its own reply */
    fw = (struct rwentry *)table_add(&r->table, in, list, now);
    if (!fw)
        return NULL;
    rv = (struct rwentry *)table_add(&r->table, &reply, RW_REVERSE, now);
    if (!rv) {
        table_remove(&r->table, &fw->entry);
        return NULL;
    }
    fw->twin = rv;
    rv->twin = fw;
    fw->forward = true;
    fw->input = rv->input = (uint16_t)input;
    fw->output = outputs[0];
    rv->output = outputs[1];
    return fw;
}

static struct rwentry *new_flow(struct rewriter *r, const struct flowid *in, unsigned input)
{
    struct spec *s = &r->specs[input];
    uint16_t outputs[2] = {s->outputs[0], s->outputs[1]};
    uint64_t now = now_ns(&r->e);
    struct rwentry *w = NULL;
    struct flowid out = *in;
    bool found;

    if (!make_room(r, now))
        goto out;
    if (s->kind == SPEC_MAPPER)
        found = s->mapper->map(s->mapper, r, in, &out, outputs);
    else if (s->kind == SPEC_PATTERN)
        found = pattern_apply(&s->pattern, r, in, &out);
    else
        found = rewriter_free_reply(r, &out);
    if (found) {
        w = add_flow(r, in, &out, outputs, input, now);
        if (!w && s->kind == SPEC_MAPPER && s->mapper->unmap)
            s->mapper->unmap(s->mapper, in, &out);
    }
out:
    if (!w)
        r->mapping_failures++;
    return w;
}

/* Note a packet in the flow's age and state. */
static void note(struct rewriter *r, struct rwentry *w, const uint8_t *transport, uint32_t len)
{
    struct rwentry *fw = w->forward ? w : w->twin;
    unsigned list = RW_UDP;

    if (w->packets < 255)
        w->packets++;
    if (w->key.proto == IPPROTO_TCP) {
        if (transport[13] & (TCP_FIN | TCP_RST))
            fw->flags |= RW_DONE;
        else if ((transport[13] & TCP_SYN) && !(transport[13] & TCP_ACK))
            fw->flags &= (uint8_t)~RW_DONE; /* the ports are used anew */
        if (len > (transport[12] >> 4) * 4u)
            w->flags |= RW_DATA;
        list = fw->flags & RW_DONE                                ? RW_TCP_DONE
               : fw->flags & RW_DATA && fw->twin->flags & RW_DATA ? RW_TCP
                                                                  : RW_TCP_NODATA;
    } else if (fw->packets && fw->twin->packets && fw->packets + fw->twin->packets >= 3) {
        list = RW_UDP_STREAMING;
    }
    table_touch(&r->table, &fw->entry, list, now_ns(&r->e));
}

/* ---- packets ---- */

/* Change the packet's flow, and the checksums with it. */
static void rewrite(const struct rewriter *r, struct packet *p, struct ip_hdr *ip, uint8_t *t,
                    const struct flowid *from, const struct flowid *to)
{
    uint16_t sum = ip->sum, tsum;
    unsigned at = ip->proto == IPPROTO_TCP ? 16 : ip->proto == IPPROTO_UDP ? 6 : 2;

    sum_update32(&sum, from->src, to->src);
    sum_update32(&sum, from->dst, to->dst);
    ip->sum = sum;
    ip->src = to->src;
    ip->dst = to->dst;
    tsum = get_raw16(t + at);
    if (ip->proto == IPPROTO_ICMP) {
        sum_update16(&tsum, from->sport, to->sport);
        put_raw16(t + 4, to->sport);
    } else {
        bool none = ip->proto == IPPROTO_UDP && !tsum;

        sum_update32(&tsum, from->src, to->src);
        sum_update32(&tsum, from->dst, to->dst);
        sum_update16(&tsum, from->sport, to->sport);
        sum_update16(&tsum, from->dport, to->dport);
        if (ip->proto == IPPROTO_UDP && !tsum)
            tsum = 0xffff;
        if (none)
            tsum = 0;
        put_raw16(t, to->sport);
        put_raw16(t + 2, to->dport);
    }
    put_raw16(t + at, tsum);
    if (r->dst_anno)
        packet_set_dst_ip(p, to->dst);
}

/* The packet's flow; NULL: it has none for us. */
static uint8_t *flow_of_packet(const struct rewriter *r, const struct packet *p,
                               const struct ip_hdr *ip, struct flowid *f, uint32_t *len)
{
    bool tcp = ip->proto == IPPROTO_TCP;
    uint8_t *t;

    if (is_ping(r)) {
        t = ip->proto == IPPROTO_ICMP ? ip_transport(p, ip, 8, len) : NULL;
        if (!t || (t[0] != 0 && t[0] != 8))
            return NULL;
        *f = (struct flowid){ip->src, ip->dst, get_raw16(t + 4), get_raw16(t + 4), ip->proto};
        return t;
    }
    if (!tcp && (ip->proto != IPPROTO_UDP || r->e.cls->name[0] == 'T'))
        return NULL;
    t = ip_transport(p, ip, tcp ? 20 : 8, len);
    if (t)
        *f = (struct flowid){ip->src, ip->dst, get_raw16(t), get_raw16(t + 2), ip->proto};
    return t;
}

/* Which output does this packet leave by? CLASSIFY-style: an output that does not exist
 * drops it. */
static unsigned translate(struct rewriter *r, struct packet *p, unsigned input)
{
    const struct spec *s = &r->specs[input];
    struct ip_hdr *ip = packet_ip(p);
    struct rwentry *w;
    struct flowid f, to;
    uint32_t len = 0;
    uint8_t *t = ip ? flow_of_packet(r, p, ip, &f, &len) : NULL;

    if (!t) {
        if (s->kind == SPEC_PASS)
            return s->outputs[0];
        r->drops++;
        return UINT32_MAX;
    }
    w = rewriter_find(r, &f);
    /* requests go forward, replies backward: a reply alone makes no flow */
    if (w && is_ping(r) && w->forward != (t[0] == 8))
        w = NULL;
    if (!w) {
        if (s->kind == SPEC_PASS)
            return s->outputs[0];
        if (s->kind == SPEC_DROP || (is_ping(r) && t[0] != 8)) {
            r->drops++;
            return UINT32_MAX;
        }
        w = new_flow(r, &f, input);
        if (!w) {
            r->drops++;
            return UINT32_MAX;
        }
    }
    note(r, w, t, len);
    to = rwentry_result(w);
    rewrite(r, p, ip, t, &f, &to);
    return w->output;
}

static void rewriter_push(struct element *e, unsigned port, struct packet *batch)
{
    struct splitter split;

    split_init(&split);
    while (batch) {
        struct packet *p = batch;
        unsigned output;

        batch = p->next;
        p->next = NULL;
        output = translate((struct rewriter *)e, p, port);
        split_add(e, &split, output, p);
    }
    split_flush(e, &split);
}

/* ---- life ---- */

static int read_capacity(struct rewriter *r, struct conf *c)
{
    struct str rest = r->capacity_text, word = str_word(&rest);
    struct element *o;
    uint64_t v;

    r->capacity = MAPPINGS_DEFAULT;
    if (!word.len)
        return 0;
    o = conf_element(c, word);
    if (o && o->cls->family && strcmp(o->cls->family, "rewriter") == 0) {
        r->capacity =
            ((struct rewriter *)o)->capacity ? ((struct rewriter *)o)->capacity : MAPPINGS_DEFAULT;
        return 0;
    }
    if (!value_uint(word, &v) || !v || v > 1u << 22)
        return conf_error(c, (struct str){NULL, 0},
                          "MAPPING_CAPACITY must be a number of mappings or a rewriter");
    r->capacity = (uint32_t)v;
    return 0;
}

static int rewriter_configure(struct element *e, struct conf *c)
{
    struct rewriter *r = (struct rewriter *)e;

    if (c->argc != e->n_in)
        return conf_error(c, (struct str){NULL, 0}, "%u input specifications for %u inputs",
                          c->argc, e->n_in);
    if (!r->reap_ns)
        return conf_error(c, (struct str){NULL, 0}, "REAP_INTERVAL must be above 0");
    r->specs = calloc(c->argc + 1, sizeof(*r->specs));
    if (!r->specs)
        return -1;
    for (; r->n_specs < c->argc; r->n_specs++) {
        if (spec_parse(c, c->argv[r->n_specs], &r->specs[r->n_specs]) != 0)
            return -1;
    }
    if (read_capacity(r, c) != 0)
        return -1;
    if (!r->timeout_ns[RW_UDP_STREAMING])
        r->timeout_ns[RW_UDP_STREAMING] = r->timeout_ns[RW_UDP];
    if (e->cls->name[0] == 'U') { /* one kind of timeout for both protocols */
        for (unsigned i = RW_TCP; i <= RW_TCP_NODATA; i++)
            r->timeout_ns[i] = r->timeout_ns[RW_UDP];
        r->tcp_guarantee_ns = r->udp_guarantee_ns;
    }
    return table_init(&r->table, 2 * r->capacity, sizeof(struct rwentry), sizeof(struct flowid));
}

static void rewriter_start(struct element *e)
{
    struct rewriter *r = (struct rewriter *)e;

    timer_set(&r->reaper, e, reap_timer, now_ns(e) + r->reap_ns);
}

static void rewriter_cleanup(struct element *e)
{
    struct rewriter *r = (struct rewriter *)e;

    table_free(&r->table);
    free(r->specs);
    r->specs = NULL;
    r->n_specs = 0;
}

/* Flows stay, with their outputs, as long as the new element has such outputs and inputs. */
static void rewriter_take_state(struct element *e, struct element *old)
{
    struct rewriter *r = (struct rewriter *)e, *o = (struct rewriter *)old;

    for (unsigned list = 0; list < RW_REVERSE; list++) {
        for (struct tentry *t = o->table.oldest[list]; t; t = t->newer) {
            struct rwentry *was = (struct rwentry *)t, *w;
            struct flowid out = rwentry_result(was);
            uint16_t outputs[2] = {was->output, was->twin->output};
            const struct spec *s;

            if (was->output >= e->n_out || was->twin->output >= e->n_out ||
                was->input >= r->n_specs || r->table.count + 2 > r->table.capacity)
                continue;
            s = &r->specs[was->input];
            if (s->kind == SPEC_MAPPER && s->mapper->adopt &&
                !s->mapper->adopt(s->mapper, &was->key, &out))
                continue;
            w = add_flow(r, &was->key, &out, outputs, was->input, t->used_ns);
            if (!w)
                continue;
            w->flags = was->flags;
            w->packets = was->packets;
            w->twin->flags = was->twin->flags;
            w->twin->packets = was->twin->packets;
            table_touch(&r->table, &w->entry, list, t->used_ns);
        }
    }
}

/* ---- handlers ---- */

static void print_flow(const struct flowid *f, struct text *out)
{
    text_char(out, '(');
    text_ip(out, f->src);
    text_addf(out, ", %u, ", be16_to_host(f->sport));
    text_ip(out, f->dst);
    text_addf(out, ", %u)", be16_to_host(f->dport));
}

enum { TABLE_TCP, TABLE_UDP, TABLE_ALL };

static int read_table(struct hcall *c)
{
    const struct rewriter *r = (const struct rewriter *)c->e;
    uint64_t now = port_now_ns();

    for (unsigned list = 0; list < RW_REVERSE; list++) {
        for (struct tentry *t = r->table.oldest[list]; t; t = t->newer) {
            const struct rwentry *w = (const struct rwentry *)t;
            struct flowid to = rwentry_result(w);
            uint64_t end = t->used_ns + r->timeout_ns[list];

            if (c->code != TABLE_ALL && (w->key.proto == IPPROTO_TCP) != (c->code == TABLE_TCP))
                continue;
            print_flow(&w->key, c->out);
            text_addf(c->out, " => ");
            print_flow(&to, c->out);
            text_addf(c->out, " [*%u %u] i%u exp%llu\n", w->output, w->twin->output, w->input,
                      (unsigned long long)(end > now ? (end - now) / NSEC_PER_SEC : 0));
        }
    }
    return 0;
}

static int read_number(struct hcall *c)
{
    const struct rewriter *r = (const struct rewriter *)c->e;

    if (c->code)
        text_addf(c->out, "%u %u", (unsigned)r->capacity,
                  (unsigned)(r->capacity / 8 < 50 ? r->capacity / 8 : 50));
    else
        text_addf(c->out, "%u", r->table.count / 2);
    return 0;
}

static int write_capacity(struct hcall *c)
{
    struct rewriter *r = (struct rewriter *)c->e;
    struct str rest = c->arg, word = str_word(&rest);
    uint64_t v;

    if (!value_uint(word, &v) || !v || v > 1u << 22)
        return errs_at(c->errs, 0, "expected a number of mappings");
    r->capacity = (uint32_t)v;
    r->table.capacity = 2 * r->capacity;
    return 0;
}

static int write_clear(struct hcall *c)
{
    struct rewriter *r = (struct rewriter *)c->e;

    for (unsigned list = 0; list < RW_REVERSE; list++) {
        while (r->table.oldest[list])
            end_flow(r, (struct rwentry *)r->table.oldest[list]);
    }
    return 0;
}

/* "saddr sport daddr dport": what does it become? */
static int read_lookup(struct hcall *c)
{
    const struct rewriter *r = (const struct rewriter *)c->e;
    struct flowid f = {.proto = c->code == TABLE_UDP ? IPPROTO_UDP : IPPROTO_TCP}, to;
    struct str rest = c->arg, a = str_word(&rest), b = str_word(&rest), d = str_word(&rest),
               e = str_word(&rest);
    uint64_t sport, dport;
    struct rwentry *w;

    if (!value_ip(a, &f.src) || !value_uint(b, &sport) || !value_ip(d, &f.dst) ||
        !value_uint(e, &dport) || sport > 65535 || dport > 65535 || rest.len)
        return errs_at(c->errs, 0, "expected 'SADDR SPORT DADDR DPORT'");
    f.sport = host_to_be16((uint16_t)sport);
    f.dport = host_to_be16((uint16_t)dport);
    w = rewriter_find(r, &f);
    if (!w)
        return 0;
    to = rwentry_result(w);
    text_ip(c->out, to.src);
    text_addf(c->out, " %u ", be16_to_host(to.sport));
    text_ip(c->out, to.dst);
    text_addf(c->out, " %u", be16_to_host(to.dport));
    return 0;
}

static int read_pattern(struct hcall *c)
{
    const struct rewriter *r = (const struct rewriter *)c->e;

    for (unsigned i = 0; i < r->n_specs; i++) {
        if (r->specs[i].kind == SPEC_PATTERN) {
            pattern_print(&r->specs[i].pattern, c->out);
            text_char(c->out, '\n');
        }
    }
    return 0;
}

#define COMMON_HANDLERS                                                                            \
    {.name = "table_size", .read = read_number}, {.name = "nmappings", .read = read_number},       \
        {.name = "size", .read = read_number},                                                     \
        {.name = "capacity", .read = read_number, .write = write_capacity, .code = 1},             \
        {.name = "patterns", .read = read_pattern}, {.name = "clear", .write = write_clear},       \
    {                                                                                              \
        .name = "table", .read = read_table, .code = TABLE_ALL                                     \
    }

static const struct handler handlers[] = {
    COMMON_HANDLERS,
    {.name = "tcp_table", .read = read_table, .code = TABLE_TCP},
    {.name = "tcp_mappings", .read = read_table, .code = TABLE_TCP},
    {.name = "udp_table", .read = read_table, .code = TABLE_UDP},
    {.name = "udp_mappings", .read = read_table, .code = TABLE_UDP},
    {.name = "tcp_lookup", .read = read_lookup, .code = TABLE_TCP},
    {.name = "udp_lookup", .read = read_lookup, .code = TABLE_UDP},
    {.name = "lookup", .read = read_lookup, .code = TABLE_TCP},
    {0},
};

#define COMMON_FIELDS                                                                              \
    FIELD(struct rewriter, reap_ns, "REAP_INTERVAL", T_TIME, F_KEY, .def = 900000),                \
        FIELD(struct rewriter, reap_ns, "REAP_TIME", T_TIME, F_KEY, .def = 900000),                \
        FIELD(struct rewriter, capacity_text, "MAPPING_CAPACITY", T_RAW, F_KEY),                   \
        FIELD(struct rewriter, capacity_text, "CAPACITY", T_RAW, F_KEY),                           \
        FIELD(struct rewriter, dst_anno, "DST_ANNO", T_BOOL, F_KEY, .def = 1),                     \
        FIELD(struct rewriter, mapping_failures, "MAPPING_FAILURES", T_U64, F_RD | F_ZERO),        \
        FIELD(struct rewriter, drops, "DROPS", T_U64, F_RD | F_ZERO)

#define TCP_FIELDS                                                                                 \
    FIELD(struct rewriter, timeout_ns[RW_TCP], "TCP_TIMEOUT", T_TIME, F_KEY, .def = 86400000),     \
        FIELD(struct rewriter, timeout_ns[RW_TCP_DONE], "TCP_DONE_TIMEOUT", T_TIME, F_KEY,         \
              .def = 240000),                                                                      \
        FIELD(struct rewriter, timeout_ns[RW_TCP_NODATA], "TCP_NODATA_TIMEOUT", T_TIME, F_KEY,     \
              .def = 300000),                                                                      \
        FIELD(struct rewriter, tcp_guarantee_ns, "TCP_GUARANTEE", T_TIME, F_KEY, .def = 5000)

static const struct field ip_fields[] = {
    TCP_FIELDS,
    FIELD(struct rewriter, timeout_ns[RW_UDP], "UDP_TIMEOUT", T_TIME, F_KEY, .def = 300000),
    FIELD(struct rewriter, timeout_ns[RW_UDP_STREAMING], "UDP_STREAMING_TIMEOUT", T_TIME, F_KEY),
    FIELD(struct rewriter, udp_guarantee_ns, "UDP_GUARANTEE", T_TIME, F_KEY, .def = 5000),
    COMMON_FIELDS,
    {0},
};

static const struct field tcp_fields[] = {
    TCP_FIELDS,
    COMMON_FIELDS,
    {0},
};

static const struct field udp_fields[] = {
    FIELD(struct rewriter, timeout_ns[RW_UDP], "TIMEOUT", T_TIME, F_KEY, .def = 300000),
    FIELD(struct rewriter, timeout_ns[RW_UDP_STREAMING], "STREAMING_TIMEOUT", T_TIME, F_KEY),
    FIELD(struct rewriter, udp_guarantee_ns, "GUARANTEE", T_TIME, F_KEY, .def = 5000),
    COMMON_FIELDS,
    {0},
};

#define REWRITER_CLASS(id, fields_)                                                                \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1-/1-",                                                                          \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct rewriter),                                                           \
        .flags = CLASS_ARGS,                                                                       \
        .fields = fields_,                                                                         \
        .handlers = handlers,                                                                      \
        .configure = rewriter_configure,                                                           \
        .start = rewriter_start,                                                                   \
        .cleanup = rewriter_cleanup,                                                               \
        .take_state = rewriter_take_state,                                                         \
        .push = rewriter_push,                                                                     \
        .family = "rewriter",                                                                      \
    }

REWRITER_CLASS(IPRewriter, ip_fields);
REWRITER_CLASS(TCPRewriter, tcp_fields);
REWRITER_CLASS(UDPRewriter, udp_fields);
REWRITER_CLASS(ICMPPingRewriter, udp_fields);
