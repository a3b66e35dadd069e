/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPRewriter, TCPRewriter, UDPRewriter, ICMPPingRewriter: translate the addresses and ports of
 * flows. As Click's, with these differences: MAPPING_CAPACITY is 8192 by default (Click: 65536)
 * and, given another rewriter's name, takes over its number, not its pool; TCPRewriter does not
 * change sequence numbers, since no element here asks for that.
 */
#include <stdlib.h>

#include "../engine/router.h"
#include "rewriter.h"

static bool is_ping(const struct rewriter *r)
{
    return r->e.cls->name[0] == 'I' && r->e.cls->name[1] == 'C';
}

/* ---- packets ---- */

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
        *f = flowid_read(ip, t);
        return t;
    }
    if (!tcp && (ip->proto != IPPROTO_UDP || r->e.cls->name[0] == 'T'))
        return NULL;
    t = ip_transport(p, ip, tcp ? 20 : 8, len);
    if (t)
        *f = flowid_read(ip, t);
    return t;
}

static unsigned rewriter_route(struct element *e, unsigned input, struct packet *p)
{
    struct rewriter *r = (struct rewriter *)e;
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
        return ROUTE_DROP;
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
            return ROUTE_DROP;
        }
        w = rewriter_begin(r, &f, input);
        if (!w) {
            r->drops++;
            return ROUTE_DROP;
        }
    }
    rewriter_note(r, w, t, len);
    to = rwentry_result(w);
    flowid_write(ip, t, len, &f, &to);
    if (r->dst_anno)
        packet_set_dst_ip(p, to.dst);
    return w->output;
}

/* ---- life ---- */

static void reap_timer(struct element *e, struct timer *t)
{
    struct rewriter *r = (struct rewriter *)e;

    rewriter_reap(r);
    timer_set(t, e, reap_timer, now_ns(e) + r->reap_ns);
}

static int read_capacity(struct rewriter *r, struct conf *c)
{
    struct str rest = r->capacity_text, word = str_word(&rest);
    struct element *o;
    uint64_t v;

    r->capacity = MAPPINGS_DEFAULT;
    if (!word.len)
        return 0;
    o = conf_element(c, word);
    if (element_is_of(o, "rewriter")) {
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

static void rewriter_take_state(struct element *e, struct element *old)
{
    rewriter_inherit((struct rewriter *)e, (const struct rewriter *)old);
}

/* ---- handlers ---- */

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
            flowid_print(&w->key, c->out);
            text_addf(c->out, " => ");
            flowid_print(&to, c->out);
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
    rewriter_clear((struct rewriter *)c->e);
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
        {.name = "table", .read = read_table, .code = TABLE_ALL},                                  \
    {                                                                                              \
        .name = "mappings", .read = read_table, .code = TABLE_ALL                                  \
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
        .cleanup = rewriter_cleanup,                                                               \
        ROUTES(rewriter_route),                                                                    \
        .extra = EXTRA(.start = rewriter_start, .take_state = rewriter_take_state,                 \
                       .family = "rewriter"),                                                      \
    }

REWRITER_CLASS(IPRewriter, ip_fields);
REWRITER_CLASS(TCPRewriter, tcp_fields);
REWRITER_CLASS(UDPRewriter, udp_fields);
REWRITER_CLASS(ICMPPingRewriter, udp_fields);
