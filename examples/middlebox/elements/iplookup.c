/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RadixIPLookup, and under the same roof StaticIPLookup and LinearIPLookup: longest-prefix routing
 * by the destination annotation. As Click's. All of them use one path-compressed binary trie: as
 * fast for large tables as needed, and as small as a list for small ones. StaticIPLookup's table
 * cannot be changed.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

struct route {
    uint32_t ip, mask; /* host order */
    uint32_t gw;
    int32_t port; /* -1: a branching point without a route */
    uint8_t bits;
    int32_t child[2]; /* -1: none */
};

struct lookup {
    struct element e;
    struct route *nodes;
    int32_t root, free;
    unsigned n, cap, routes;
    uint64_t drops;
};

#define ROUTES_MAX (1u << 20)

static uint32_t bits_mask(unsigned bits)
{
    return bits ? 0xffffffffu << (32 - bits) : 0;
}

static int32_t new_node(struct lookup *l, uint32_t ip, unsigned bits)
{
    int32_t i = l->free;

    if (i >= 0) {
        l->free = l->nodes[i].child[0];
    } else {
        if (l->n == l->cap) {
            unsigned cap = l->cap ? 2 * l->cap : 16;
            struct route *nodes =
                cap <= 2 * ROUTES_MAX ? realloc(l->nodes, cap * sizeof(*nodes)) : NULL;

            if (!nodes)
                return -1;
            l->nodes = nodes;
            l->cap = cap;
        }
        i = (int32_t)l->n++;
    }
    l->nodes[i] = (struct route){.ip = ip & bits_mask(bits),
                                 .mask = bits_mask(bits),
                                 .port = -1,
                                 .bits = (uint8_t)bits,
                                 .child = {-1, -1}};
    return i;
}

static unsigned branch(uint32_t ip, unsigned bits)
{
    return ip >> (31 - bits) & 1;
}

/* Bits that two addresses share, at most `max`. */
static unsigned common(uint32_t a, uint32_t b, unsigned max)
{
    unsigned n = a == b ? 32 : (unsigned)__builtin_clz(a ^ b);

    return n < max ? n : max;
}

/* The node of a prefix; with `add`, made if it is not there. -1: not there, or no memory. */
static int32_t find_node(struct lookup *l, uint32_t ip, unsigned bits, bool add)
{
    int32_t parent = -1, i = l->root, made, joint;

    ip &= bits_mask(bits);
    while (i >= 0) {
        struct route *r = &l->nodes[i];
        unsigned same = common(ip, r->ip, r->bits < bits ? r->bits : bits);

        if (same == r->bits && same == bits)
            return i;
        if (same < r->bits)
            break; /* splits off here */
        parent = i;
        i = r->child[branch(ip, r->bits)];
    }
    if (!add)
        return -1;
    made = new_node(l, ip, bits);
    if (made < 0)
        return -1;
    joint = made;
    if (i >= 0) {
        unsigned same =
            common(ip, l->nodes[i].ip, l->nodes[i].bits < bits ? l->nodes[i].bits : bits);

        if (same < bits) {
            joint = new_node(l, ip, same);
            if (joint < 0) {
                l->nodes[made].child[0] = l->free;
                l->free = made;
                return -1;
            }
            l->nodes[joint].child[branch(ip, same)] = made;
        }
        l->nodes[joint].child[branch(l->nodes[i].ip, same)] = i;
    }
    if (parent < 0)
        l->root = joint;
    else
        l->nodes[parent].child[branch(ip, l->nodes[parent].bits)] = joint;
    return made;
}

static const struct route *find(const struct lookup *l, uint32_t dst)
{
    const struct route *best = NULL;
    int32_t i = l->root;

    while (i >= 0) {
        const struct route *r = &l->nodes[i];

        if ((dst ^ r->ip) & r->mask)
            break;
        if (r->port >= 0)
            best = r;
        if (r->bits == 32)
            break;
        i = r->child[branch(dst, r->bits)];
    }
    return best;
}

struct parsed {
    struct prefix prefix;
    uint32_t gw;
    int32_t port;
    unsigned bits;
};

/* "ADDR/MASK [GW] OUT"; without an output when `any_port`. */
static int parse_route(const struct conf *c, struct str text, bool any_port, struct parsed *out)
{
    struct str rest = text, word = str_word(&rest);
    const struct lookup *l = (const struct lookup *)c->e;
    uint64_t port;
    int bits;

    memset(out, 0, sizeof(*out));
    out->port = -1;
    if (!conf_prefix(c, word, true, &out->prefix))
        return conf_error(c, text, "expected 'ADDR/MASK [GATEWAY] OUTPUT', not '%.*s'",
                          (int)text.len, text.s);
    word = str_word(&rest);
    /* the old form "ADDR MASK ..." */
    if (word.len && rest.len && conf_ip(c, word, &out->gw)) {
        struct str after = rest, third = str_word(&after);
        uint32_t gw;

        if (after.len || (!value_uint(third, &port) && conf_ip(c, third, &gw)) ||
            (prefix_len(out->gw) > 0 && out->prefix.mask == 0xffffffff &&
             !memchr(text.s, '/', text.len))) {
            out->prefix.mask = out->gw;
            out->gw = 0;
            word = str_word(&rest);
            if (rest.len && conf_ip(c, word, &out->gw))
                word = str_word(&rest);
        } else {
            word = str_word(&rest);
        }
    } else if (word.len && !rest.len && !value_uint(word, &port) && any_port &&
               conf_ip(c, word, &out->gw)) {
        word = rest;
    }
    bits = prefix_len(out->prefix.mask);
    if (bits < 0)
        return conf_error(c, text, "the mask of '%.*s' is no prefix", (int)text.len, text.s);
    out->bits = (unsigned)bits;
    if (!word.len && any_port)
        return 0;
    if (!value_uint(word, &port) || rest.len)
        return conf_error(c, text, "expected an output at the end of '%.*s'", (int)text.len,
                          text.s);
    if (port >= l->e.n_out)
        return conf_error(c, text, "output %lu, but there are only %u", (unsigned long)port,
                          l->e.n_out);
    out->port = (int32_t)port;
    return 0;
}

static int add_route(struct lookup *l, const struct conf *c, struct str text,
                     const struct parsed *p, bool replace)
{
    int32_t i =
        l->routes < ROUTES_MAX ? find_node(l, be32_to_host(p->prefix.ip), p->bits, true) : -1;

    if (i < 0)
        return conf_error(c, text, "no room for another route");
    if (l->nodes[i].port >= 0 && !replace)
        return conf_error(c, text, "there is a route for '%.*s' already", (int)text.len, text.s);
    l->routes += l->nodes[i].port < 0;
    l->nodes[i].port = p->port;
    l->nodes[i].gw = p->gw;
    return 0;
}

static int remove_route(struct lookup *l, const struct conf *c, struct str text,
                        const struct parsed *p)
{
    int32_t i = find_node(l, be32_to_host(p->prefix.ip), p->bits, false);

    /* the node stays as a branching point: it is needed again when the route comes back */
    if (i < 0 || l->nodes[i].port < 0 ||
        (p->port >= 0 && (l->nodes[i].port != p->port || l->nodes[i].gw != p->gw)))
        return conf_error(c, text, "there is no route '%.*s'", (int)text.len, text.s);
    l->nodes[i].port = -1;
    l->routes--;
    return 0;
}

static int lookup_configure(struct element *e, struct conf *c)
{
    struct lookup *l = (struct lookup *)e;
    struct parsed p;

    l->root = l->free = -1;
    for (unsigned i = 0; i < c->argc; i++) {
        if (parse_route(c, c->argv[i], false, &p) != 0 ||
            add_route(l, c, c->argv[i], &p, true) != 0)
            return -1;
    }
    return 0;
}

static void lookup_cleanup(struct element *e)
{
    free(((struct lookup *)e)->nodes);
}

static unsigned lookup_route(struct element *e, unsigned port, struct packet *p)
{
    struct lookup *l = (struct lookup *)e;
    const struct route *r = find(l, be32_to_host(packet_dst_ip(p)));

    (void)port;
    if (!r) {
        l->drops++;
        return ROUTE_DROP;
    }
    if (r->gw)
        packet_set_dst_ip(p, r->gw);
    return (unsigned)r->port;
}

static int read_table(struct hcall *c)
{
    const struct lookup *l = (const struct lookup *)c->e;

    for (unsigned i = 0; i < l->n; i++) {
        const struct route *r = &l->nodes[i];

        if (r->port < 0)
            continue;
        text_ip(c->out, host_to_be32(r->ip));
        text_addf(c->out, "/%u\t", r->bits);
        if (r->gw)
            text_ip(c->out, r->gw);
        else
            text_char(c->out, '-');
        text_addf(c->out, "\t%ld\n", (long)r->port);
    }
    return 0;
}

static int read_lookup(struct hcall *c)
{
    const struct route *r;
    uint32_t ip;

    if (!value_ip(c->arg, &ip))
        return errs_at(c->errs, 0, "expected an IP address");
    r = find((const struct lookup *)c->e, be32_to_host(ip));
    text_addf(c->out, "%ld", r ? (long)r->port : -1L);
    if (r && r->gw) {
        text_char(c->out, ' ');
        text_ip(c->out, r->gw);
    }
    return 0;
}

enum { ADD, SET, REMOVE };

static int change(struct hcall *c, struct str text, int what)
{
    struct lookup *l = (struct lookup *)c->e;
    struct conf_origin origin = {0, 0, true};
    struct conf_text t = {.text = c->arg, .origins = &origin, .n_origins = 1};
    struct conf conf = {.e = c->e, .router = c->router, .errs = c->errs, .text = &t};
    struct parsed p;

    if (parse_route(&conf, text, what == REMOVE, &p) != 0)
        return -1;
    return what == REMOVE ? remove_route(l, &conf, text, &p)
                          : add_route(l, &conf, text, &p, what == SET);
}

static int write_route(struct hcall *c)
{
    return change(c, c->arg, c->code);
}

/* Several lines, all or nothing: the table is put back when one of them fails. */
static int write_ctrl(struct hcall *c)
{
    struct lookup *l = (struct lookup *)c->e, before = *l;
    struct str text = c->arg;
    int rc = 0;

    before.nodes = malloc(l->cap * sizeof(*l->nodes) + 1);
    if (!before.nodes)
        return errs_at(c->errs, POS_NONE, "out of memory");
    if (l->n)
        memcpy(before.nodes, l->nodes, l->n * sizeof(*l->nodes));
    while (rc == 0 && text.len) {
        const char *nl = memchr(text.s, '\n', text.len);
        struct str line = {text.s, nl ? (uint32_t)(nl - text.s) : text.len}, word;

        text = (struct str){text.s + line.len + (nl != NULL), text.len - line.len - (nl != NULL)};
        line = str_trim(line);
        if (!line.len)
            continue;
        word = str_word(&line);
        if (str_is(word, "add"))
            rc = change(c, line, ADD);
        else if (str_is(word, "set"))
            rc = change(c, line, SET);
        else if (str_is(word, "remove"))
            rc = change(c, line, REMOVE);
        else
            rc = errs_at(c->errs, (uint32_t)(word.s - c->arg.s), "expected add, set or remove");
    }
    if (rc == 0) {
        free(before.nodes);
        return 0;
    }
    free(l->nodes);
    *l = before;
    return rc;
}

static int write_flush(struct hcall *c)
{
    struct lookup *l = (struct lookup *)c->e;

    l->root = l->free = -1;
    l->n = l->routes = 0;
    return 0;
}

static const struct field fields[] = {
    FIELD(struct lookup, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table},
    {.name = "lookup", .read = read_lookup},
    {.name = "add", .write = write_route, .code = ADD},
    {.name = "set", .write = write_route, .code = SET},
    {.name = "remove", .write = write_route, .code = REMOVE},
    {.name = "ctrl", .write = write_ctrl},
    {.name = "flush", .write = write_flush},
    {0},
};

static const struct handler static_handlers[] = {
    {.name = "table", .read = read_table},
    {.name = "lookup", .read = read_lookup},
    {0},
};

#define LOOKUP_CLASS(id, handlers_)                                                                \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = "1/-",                                                                            \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct lookup),                                                             \
        .flags = CLASS_ARGS,                                                                       \
        .fields = fields,                                                                          \
        .handlers = handlers_,                                                                     \
        .configure = lookup_configure,                                                             \
        .cleanup = lookup_cleanup,                                                                 \
        ROUTES(lookup_route),                                                                      \
    }

LOOKUP_CLASS(RadixIPLookup, handlers);
LOOKUP_CLASS(LinearIPLookup, handlers);
LOOKUP_CLASS(StaticIPLookup, static_handlers);
