/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a pattern, and its primitives: qualifiers, comparison, value. */
#include "ipreader.h"

static bool is_sign(char c)
{
    return c && strchr("()!&|=<>", c);
}

void reader_next(struct reader *r)
{
    const char *s = r->text.s;
    uint32_t n = r->text.len, start;

    while (r->at < n && is_space(s[r->at]))
        r->at++;
    start = r->at;
    if (r->at < n && is_sign(s[r->at])) {
        char c = s[r->at++];
        char d = r->at < n ? s[r->at] : 0;

        if ((strchr("&|", c) && d == c) || (strchr("!=<>", c) && d == '='))
            r->at++;
    } else {
        while (r->at < n && !is_space(s[r->at]) && !is_sign(s[r->at]))
            r->at++;
    }
    r->word = (struct str){s + start, r->at - start};
}

struct ipexpr *reader_fail(struct reader *r, const char *what)
{
    if (!r->failed && r->word.len)
        conf_error(r->c, r->word, "pattern: %s near '%.*s'", what, (int)r->word.len, r->word.s);
    else if (!r->failed)
        conf_error(r->c, r->text, "pattern '%.*s' ends too early: %s", (int)r->text.len, r->text.s,
                   what);
    r->failed = true;
    return NULL;
}

bool reader_accept(struct reader *r, const char *word, const char *sign)
{
    if (!str_is(r->word, word) && !str_is(r->word, sign))
        return false;
    reader_next(r);
    return true;
}

struct ipexpr *reader_node(struct reader *r, enum op op)
{
    struct ipexpr *x = arena_alloc(r->arena, sizeof(*x));

    if (!x)
        return reader_fail(r, "too large");
    x->op = (uint8_t)op;
    return x;
}

/* `src`, `dst`, `src or dst`, `src and dst`. */
static void read_direction(struct reader *r, struct prim *p, bool *any)
{
    for (;;) {
        bool src = str_is(r->word, "src");
        struct reader before;

        if (!src && !str_is(r->word, "dst"))
            return;
        *any = true;
        p->dir = src ? DIR_SRC : DIR_DST;
        reader_next(r);
        before = *r;
        if (str_is(r->word, "or") || str_is(r->word, "and") || str_is(r->word, "||") ||
            str_is(r->word, "&&")) {
            uint8_t both = r->word.s[0] == 'o' || r->word.s[0] == '|' ? DIR_EITHER : DIR_BOTH;

            reader_next(r);
            if (str_is(r->word, src ? "dst" : "src")) {
                p->dir = both;
                reader_next(r);
                return;
            }
            *r = before; /* the connective of the next primitive */
            return;
        }
    }
}

struct field_name {
    const char *name;
    struct place place;
    int16_t proto;
};

static const struct field_name field_names[] = {
    {"vers", {BASE_NET, 28, 4, 0}, PROTO_ANY},
    {"hl", {BASE_NET, 24, 4, 0}, PROTO_ANY},
    {"tos", {BASE_NET, 16, 8, 0}, PROTO_ANY},
    {"dscp", {BASE_NET, 18, 6, 0}, PROTO_ANY},
    {"len", {BASE_NET, 0, 16, 0}, PROTO_ANY},
    {"id", {BASE_NET, 16, 16, 4}, PROTO_ANY},
    {"ttl", {BASE_NET, 24, 8, 8}, PROTO_ANY},
    {"win", {BASE_TRANSPORT, 0, 16, 12}, IPPROTO_TCP},
    {NULL, {0, 0, 0, 0}, 0},
};

/* ip[POS:LEN], transp[POS], tcp[POS:LEN], ... False: it is no such word. */
static bool read_slice(struct reader *r, struct prim *p, bool *wrong)
{
    const char *open = r->word.len ? memchr(r->word.s, '[', r->word.len) : NULL;
    struct str name, inner, len_text = {"1", 1};
    const char *colon;
    uint64_t pos, len, proto = 0;

    if (!open || r->word.s[r->word.len - 1] != ']')
        return false;
    name = (struct str){r->word.s, (uint32_t)(open - r->word.s)};
    inner = (struct str){open + 1, r->word.len - name.len - 2};
    colon = inner.len ? memchr(inner.s, ':', inner.len) : NULL;
    if (colon) {
        len_text = (struct str){colon + 1, (uint32_t)(inner.s + inner.len - colon - 1)};
        inner.len = (uint32_t)(colon - inner.s);
    }
    *wrong = true;
    if (!value_uint(inner, &pos) || !value_uint(len_text, &len) || !len || pos > 2000 ||
        len > 4 - pos % 4)
        return true; /* must lie within one aligned word */
    p->place.base = BASE_TRANSPORT;
    p->proto = PROTO_ANY;
    if (str_is(name, "ip"))
        p->place.base = BASE_NET;
    else if (ipname_find(ipname_protos, name, &proto))
        p->proto = (int16_t)proto;
    else if (!str_is(name, "transp"))
        return true;
    p->type = TYPE_FIELD;
    p->place.off = (uint16_t)pos;
    p->place.bits = (uint8_t)(8 * len);
    p->place.shift = (uint8_t)(8 * (4 - pos % 4 - len));
    *wrong = false;
    reader_next(r);
    return true;
}

/* Words that say what kind of value follows. Returns whether the primitive is complete already. */
static bool read_qualifiers(struct reader *r, struct prim *p, bool *any)
{
    static const struct ipname types[] = {
        {"host", TYPE_HOST},  {"net", TYPE_NET},       {"port", TYPE_PORT}, {"proto", TYPE_PROTO},
        {"opt", TYPE_TCPOPT}, {"type", TYPE_ICMPTYPE}, {"frag", TYPE_FRAG}, {"unfrag", TYPE_UNFRAG},
        {"ect", TYPE_ECT},    {"ce", TYPE_CE},         {NULL, 0},
    };
    bool wrong = false;
    uint64_t v;

    for (;;) {
        const struct field_name *f = field_names;

        read_direction(r, p, any);
        if (read_slice(r, p, &wrong)) {
            *any = true;
            if (wrong)
                reader_fail(r, "a slice is 'ip[POS:LEN]' within four aligned bytes");
            return false;
        }
        while (f->name && !str_is(r->word, f->name))
            f++;
        if (f->name) {
            p->type = TYPE_FIELD;
            p->place = f->place;
            if (f->proto != PROTO_ANY)
                p->proto = f->proto;
        } else if (ipname_find(types, r->word, &v)) {
            p->type = p->type == TYPE_ETHERHOST && v == TYPE_HOST ? TYPE_ETHERHOST : (uint8_t)v;
        } else if (str_is(r->word, "ether")) {
            p->type = TYPE_ETHERHOST;
        } else if (str_is(r->word, "ip") || str_is(r->word, "transp")) {
            p->proto = PROTO_ANY;
        } else if (p->type != TYPE_PROTO && ipname_find(ipname_protos, r->word, &v)) {
            p->proto = (int16_t)v;
        } else {
            return false;
        }
        *any = true;
        reader_next(r);
        if (p->type >= TYPE_FRAG && p->type <= TYPE_CE)
            return true;
    }
}

static void read_relation(struct reader *r, struct prim *p, bool *any)
{
    static const char *const signs[] = {"==", "!=", "<", ">", "<=", ">="};

    for (unsigned i = 0; i < 6; i++) {
        if (str_is(r->word, signs[i]) || (i == REL_EQ && str_is(r->word, "="))) {
            p->relation = (uint8_t)i;
            *any = true;
            reader_next(r);
            return;
        }
    }
}

static bool mask_follows(const struct reader *r)
{
    struct reader ahead = *r;

    reader_next(&ahead);
    return str_is(ahead.word, "mask");
}

/* What a value looks like, when no qualifier says what it is. */
static void guess_type(struct reader *r, struct prim *p)
{
    struct prefix net;
    uint32_t ip;
    uint64_t v;

    if (conf_ip(r->c, r->word, &ip))
        p->type = mask_follows(r) ? TYPE_NET : TYPE_HOST;
    else if (conf_prefix(r->c, r->word, false, &net))
        p->type = TYPE_NET;
    else if (value_ether(r->word, p->ether))
        p->type = TYPE_ETHERHOST;
    else if (ipname_find(ipname_tcp_options, r->word, &v) && p->dir == DIR_EITHER)
        p->type = TYPE_TCPOPT;
    else if (p->proto == IPPROTO_ICMP && ipname_icmp_type(r->word, &v))
        p->type = TYPE_ICMPTYPE;
    else if (ipname_find(ipname_ports, r->word, &v))
        p->type = TYPE_PORT;
}

static bool read_address(struct reader *r, struct prim *p)
{
    struct prefix net;

    switch (p->type) {
    case TYPE_ETHERHOST:
        return conf_ether(r->c, r->word, p->ether);
    case TYPE_HOST:
        p->mask = 0xffffffff;
        return conf_ip(r->c, r->word, &p->value);
    case TYPE_NET:
        if (conf_prefix(r->c, r->word, false, &net)) {
            p->value = net.ip & net.mask;
            p->mask = net.mask;
            return true;
        }
        if (!conf_ip(r->c, r->word, &p->value))
            return false;
        p->mask = 0xffffffff;
        if (!mask_follows(r))
            return true;
        reader_next(r);
        reader_next(r);
        if (!conf_ip(r->c, r->word, &p->mask))
            return false;
        p->value &= p->mask;
        return true;
    default:
        return false;
    }
}

/* What reads a value leaves v as it is when there is none. */
static bool read_number(struct reader *r, struct prim *p)
{
    uint64_t v = UINT64_MAX, max = 0xff;

    switch (p->type) {
    case TYPE_PORT:
        max = 0xffff;
        ipname_port(r->word, &v);
        break;
    case TYPE_PROTO:
        ipname_proto(r->word, &v);
        break;
    case TYPE_ICMPTYPE:
        ipname_icmp_type(r->word, &v);
        break;
    case TYPE_TCPOPT:
        ipname_find(ipname_tcp_options, r->word, &v);
        break;
    default:
        max = p->place.bits == 32 ? 0xffffffff : (1u << p->place.bits) - 1;
        value_uint(r->word, &v);
    }
    p->value = (uint32_t)v;
    return v <= max;
}

static void set_place(struct prim *p)
{
    if (p->type == TYPE_PROTO)
        p->place = (struct place){BASE_NET, 16, 8, 8};
    else if (p->type == TYPE_ICMPTYPE)
        p->place = (struct place){BASE_TRANSPORT, 24, 8, 0};
    else if (p->type == TYPE_TCPOPT)
        p->place = (struct place){BASE_TRANSPORT, 16, 8, 12};
    if (p->type == TYPE_ICMPTYPE)
        p->proto = IPPROTO_ICMP;
    if (p->type == TYPE_TCPOPT)
        p->proto = IPPROTO_TCP;
    if (p->type == TYPE_PORT && p->proto == PROTO_ANY)
        p->proto = PROTO_TCPUDP;
}

bool reader_at_value(struct reader *r)
{
    return r->word.len && !is_sign(r->word.s[0]) && !str_is(r->word, "or") &&
           !str_is(r->word, "and") && !str_is(r->word, "?") && !str_is(r->word, ":");
}

/* `& MASK`. */
static void read_mask(struct reader *r, struct prim *p)
{
    uint64_t mask;

    if (!str_is(r->word, "&"))
        return;
    reader_next(r);
    if (!value_uint(r->word, &mask) || !mask || mask > 0xffffffff) {
        reader_fail(r, "expected a mask");
        return;
    }
    p->has_mask = true;
    p->mask = (uint32_t)mask;
    reader_next(r);
}

/* Just "tcp". Returns true, as the primitive is complete. */
static bool is_protocol(struct prim *p)
{
    p->type = TYPE_PROTO;
    p->value = (uint32_t)p->proto;
    p->proto = PROTO_ANY;
    return true;
}

/* What it is about, when no qualifier says so. Returns whether the primitive is complete. */
static bool infer_type(struct reader *r, struct prim *p, bool any, bool compared)
{
    const struct prim *last = &r->last;

    if (!compared && !p->has_mask && !reader_at_value(r)) {
        if (p->proto >= 0 && !p->dir)
            return is_protocol(p);
        reader_fail(r, any ? "a value is missing" : "expected a pattern");
        return false;
    }
    guess_type(r, p);
    if (p->type == TYPE_NONE && !any && last->type) { /* as the one before */
        p->type = last->type;
        p->dir = last->dir;
        p->proto = last->proto;
        p->place = last->place;
        if (!compared)
            p->relation = last->relation;
    } else if (!any && (p->type == TYPE_HOST || p->type == TYPE_NET || p->type == TYPE_PORT) &&
               (last->type == p->type || last->type == TYPE_NET || last->type == TYPE_HOST) &&
               (last->type == TYPE_PORT) == (p->type == TYPE_PORT)) {
        p->dir = last->dir;
        p->proto = last->proto;
    }
    if (p->type == TYPE_NONE && p->proto >= 0) /* "tcp 80" is tcp and something else */
        return is_protocol(p);
    if (p->type == TYPE_NONE)
        reader_fail(r, "unknown primitive");
    return false;
}

static void read_value(struct reader *r, struct prim *p, bool compared)
{
    bool address = p->type == TYPE_HOST || p->type == TYPE_NET || p->type == TYPE_ETHERHOST;

    if (p->has_mask && !compared && !reader_at_value(r)) {
        p->relation = REL_NE; /* "tos & 3" alone: any of these bits */
        p->value = 0;
    } else if (!reader_at_value(r)) {
        reader_fail(r, "a value is missing");
    } else if (address && (p->relation > REL_NE || p->has_mask)) {
        reader_fail(r, "addresses can only be compared by == and !=");
    } else if (address ? !read_address(r, p) : !read_number(r, p)) {
        reader_fail(r, address ? "expected an address" : "wrong value");
    } else {
        reader_next(r);
    }
}

struct ipexpr *reader_primitive(struct reader *r)
{
    struct prim p = {.proto = PROTO_ANY};
    bool any = false, compared = false, complete;
    struct ipexpr *x;

    if (str_is(r->word, "true") || str_is(r->word, "any") || str_is(r->word, "all") ||
        str_is(r->word, "-") || str_is(r->word, "false")) {
        x = reader_node(r, str_is(r->word, "false") ? OP_FALSE : OP_TRUE);
        reader_next(r);
        return x;
    }
    complete = read_qualifiers(r, &p, &any);
    if (!complete && !r->failed)
        read_mask(r, &p);
    if (!complete && !r->failed) {
        read_relation(r, &p, &compared);
        if (p.type == TYPE_NONE)
            complete = infer_type(r, &p, any, compared);
    }
    if (!complete && !r->failed)
        read_value(r, &p, compared);
    if (r->failed)
        return NULL;
    set_place(&p);
    if (p.type == TYPE_TCPOPT && (p.relation != REL_EQ || p.has_mask))
        return reader_fail(r, "a TCP option takes no comparison");
    if (p.type == TYPE_TCPOPT)
        p.mask = p.value;
    r->last = p;
    x = reader_node(r, OP_TEST);
    if (x)
        x->prim = p;
    return x;
}
