/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PortBlockMapper: a mapper for carrier-grade NAT; not in Click.
 *
 *     PortBlockMapper(POOL, FOUTPUT, ROUTPUT [, PORTS low-high, BLOCK n, BLOCKS_PER_HOST n])
 *
 * POOL is an address or range `a-b`. Each inside host gets blocks of BLOCK ports (256) of one
 * outside address, up to BLOCKS_PER_HOST (4); all its flows use ports of its blocks. So one log
 * line for each block says who used a port, instead of one for each flow, and no host can take all
 * ports. A block returns to the pool when its last flow ends.
 *
 * Handlers: `blocks` (the blocks in use and their owners), `free` (the number of free ones),
 * `refused`.
 */
#include <stdlib.h>

#include "../engine/ipexpr.h"
#include "rewriter.h"

#define PER_HOST_MAX 8
#define BLOCKS_MAX   65536u

struct block {
    uint32_t host; /* 0: free */
    uint32_t flows;
    int32_t next_free;
};

struct inside {
    struct tentry entry;
    uint32_t ip;
    uint32_t n;
    int32_t blocks[PER_HOST_MAX];
};

struct portblock {
    struct mapper mapper;
    struct str pool_text, ports_text;
    uint32_t first_ip, n_ips; /* host order */
    uint16_t low, high, outputs[2];
    uint32_t block_size, per_host, per_ip, n_blocks, n_free;
    struct block *blocks;
    int32_t free;
    struct table hosts;
    uint64_t refused;
};

static uint32_t block_ip(const struct portblock *b, uint32_t i)
{
    return host_to_be32(b->first_ip + i / b->per_ip);
}

static uint16_t block_port(const struct portblock *b, uint32_t i)
{
    return (uint16_t)(b->low + i % b->per_ip * b->block_size);
}

static void tell(struct portblock *b, uint32_t i, const char *what, uint32_t host)
{
    struct text t = {0};

    text_ip(&t, block_ip(b, i));
    text_addf(&t, " ports %u-%u %s ", block_port(b, i),
              (unsigned)(block_port(b, i) + b->block_size - 1), what);
    text_ip(&t, host);
    if (t.s)
        element_log(&b->mapper.e, "%s", t.s);
    text_free(&t);
}

/* A free block, on the address of the host's other blocks if it has any. */
static int32_t take_block(struct portblock *b, struct inside *h)
{
    int32_t *at = &b->free;

    if (h->n == b->per_host)
        return -1;
    if (h->n) {
        uint32_t ip = (uint32_t)h->blocks[0] / b->per_ip;

        while (*at >= 0 && (uint32_t)*at / b->per_ip != ip)
            at = &b->blocks[*at].next_free;
    }
    if (*at >= 0) {
        int32_t i = *at;

        *at = b->blocks[i].next_free;
        b->n_free--;
        b->blocks[i] = (struct block){.host = h->ip};
        h->blocks[h->n++] = i;
        tell(b, (uint32_t)i, "for", h->ip);
        return i;
    }
    return -1;
}

static void give_block(struct portblock *b, int32_t i)
{
    uint32_t ip = b->blocks[i].host;
    struct inside *h = (struct inside *)table_find(&b->hosts, &ip);

    tell(b, (uint32_t)i, "back from", ip);
    b->blocks[i] = (struct block){.next_free = b->free};
    b->free = i;
    b->n_free++;
    for (uint32_t k = 0; h && k < h->n; k++) {
        if (h->blocks[k] == i) {
            h->blocks[k] = h->blocks[--h->n];
            break;
        }
    }
    if (h && !h->n)
        table_remove(&b->hosts, &h->entry);
}

/* A free port in a block, the one nearest to what the host uses itself. */
static bool port_in_block(const struct portblock *b, const struct rewriter *r, int32_t i,
                          const struct flowid *in, struct flowid *out)
{
    uint32_t start = be16_to_host(in->sport) % b->block_size;

    out->src = block_ip(b, (uint32_t)i);
    for (uint32_t k = 0; k < b->block_size; k++) {
        if (rewriter_try_port(r, out, block_port(b, (uint32_t)i) + (start + k) % b->block_size))
            return true;
    }
    return false;
}

static bool portblock_map(struct mapper *m, struct rewriter *r, const struct flowid *in,
                          struct flowid *out, uint16_t outputs[2])
{
    struct portblock *b = (struct portblock *)m;
    struct inside *h = (struct inside *)table_find(&b->hosts, &in->src);
    int32_t i = -1;

    if (!h)
        h = (struct inside *)table_add(&b->hosts, &in->src, 0, now_ns(&m->e));
    *out = *in;
    for (uint32_t k = 0; h && k < h->n && i < 0; k++) {
        if (port_in_block(b, r, h->blocks[k], in, out))
            i = h->blocks[k];
    }
    if (h && i < 0) {
        i = take_block(b, h);
        if (i >= 0 && !port_in_block(b, r, i, in, out)) {
            give_block(b, i);
            i = -1;
        } else if (i < 0 && !h->n) {
            table_remove(&b->hosts, &h->entry);
        }
    }
    if (i < 0) {
        b->refused++;
        return false;
    }
    b->blocks[i].flows++;
    outputs[0] = b->outputs[0];
    outputs[1] = b->outputs[1];
    return outputs[0] < r->e.n_out && outputs[1] < r->e.n_out;
}

/* The block that an outside flow belongs to, or -1. */
static int32_t block_of(const struct portblock *b, const struct flowid *out)
{
    uint32_t ip = be32_to_host(out->src) - b->first_ip, port = be16_to_host(out->sport);

    if (ip >= b->n_ips || port < b->low || (port - b->low) / b->block_size >= b->per_ip)
        return -1;
    return (int32_t)(ip * b->per_ip + (port - b->low) / b->block_size);
}

static void portblock_unmap(struct mapper *m, const struct flowid *in, const struct flowid *out)
{
    struct portblock *b = (struct portblock *)m;
    int32_t i = block_of(b, out);

    if (i >= 0 && b->blocks[i].host == in->src && b->blocks[i].flows && --b->blocks[i].flows == 0)
        give_block(b, i);
}

static bool portblock_adopt(struct mapper *m, const struct flowid *in, const struct flowid *out)
{
    struct portblock *b = (struct portblock *)m;
    int32_t i = block_of(b, out), *at = &b->free;
    struct inside *h = (struct inside *)table_find(&b->hosts, &in->src);

    if (i < 0)
        return false;
    if (b->blocks[i].host == in->src) {
        b->blocks[i].flows++;
        return true;
    }
    if (b->blocks[i].host)
        return false;
    if (!h)
        h = (struct inside *)table_add(&b->hosts, &in->src, 0, now_ns(&m->e));
    if (!h || h->n == b->per_host)
        return false;
    while (*at != i)
        at = &b->blocks[*at].next_free;
    *at = b->blocks[i].next_free;
    b->n_free--;
    b->blocks[i] = (struct block){.host = in->src, .flows = 1};
    h->blocks[h->n++] = i;
    return true;
}

/* "x-y" with a parser for each side; alone, x is both. */
static bool split_range(struct str s, struct str *low, struct str *high)
{
    const char *dash = s.len ? memchr(s.s, '-', s.len) : NULL;

    *low = *high = str_trim(s);
    if (dash) {
        *low = str_trim((struct str){s.s, (uint32_t)(dash - s.s)});
        *high = str_trim((struct str){dash + 1, (uint32_t)(s.s + s.len - dash - 1)});
    }
    return low->len && high->len;
}

static int portblock_configure(struct element *e, struct conf *c)
{
    struct portblock *b = (struct portblock *)e;
    struct str low, high, ports = b->ports_text.len ? b->ports_text : STR("1024-65535");
    uint32_t first, last;
    uint64_t lo, hi;

    b->mapper.map = portblock_map;
    b->mapper.unmap = portblock_unmap;
    b->mapper.adopt = portblock_adopt;
    b->free = -1;
    if (!split_range(b->pool_text, &low, &high) || !conf_ip(c, low, &first) ||
        !conf_ip(c, high, &last) || be32_to_host(last) < be32_to_host(first))
        return conf_error(c, (struct str){NULL, 0}, "POOL must be an IP address or a range 'a-b'");
    if (!split_range(ports, &low, &high) || !value_uint(low, &lo) || !value_uint(high, &hi) ||
        !lo || hi < lo || hi > 65535)
        return conf_error(c, (struct str){NULL, 0}, "PORTS must be a range 'low-high'");
    b->first_ip = be32_to_host(first);
    b->n_ips = be32_to_host(last) - b->first_ip + 1;
    b->low = (uint16_t)lo;
    b->high = (uint16_t)hi;
    if (!b->block_size || b->block_size > hi - lo + 1)
        return conf_error(c, (struct str){NULL, 0}, "BLOCK must fit into PORTS");
    if (!b->per_host)
        return conf_error(c, (struct str){NULL, 0}, "BLOCKS_PER_HOST must be above 0");
    b->per_ip = (uint32_t)(hi - lo + 1) / b->block_size;
    if (!b->n_ips || b->n_ips > BLOCKS_MAX / b->per_ip)
        return conf_error(c, (struct str){NULL, 0}, "more than %u blocks", BLOCKS_MAX);
    b->n_blocks = b->n_ips * b->per_ip;
    b->blocks = calloc(b->n_blocks, sizeof(*b->blocks));
    if (!b->blocks)
        return -1;
    for (uint32_t i = b->n_blocks; i-- > 0;) {
        b->blocks[i].next_free = b->free;
        b->free = (int32_t)i;
    }
    b->n_free = b->n_blocks;
    return table_init(&b->hosts, b->n_blocks, sizeof(struct inside), 4);
}

static void portblock_cleanup(struct element *e)
{
    struct portblock *b = (struct portblock *)e;

    free(b->blocks);
    table_free(&b->hosts);
}

static int read_blocks(struct hcall *c)
{
    const struct portblock *b = (const struct portblock *)c->e;

    for (uint32_t i = 0; i < b->n_blocks; i++) {
        if (!b->blocks[i].host)
            continue;
        text_ip(c->out, block_ip(b, i));
        text_addf(c->out, " %u-%u ", block_port(b, i),
                  (unsigned)(block_port(b, i) + b->block_size - 1));
        text_ip(c->out, b->blocks[i].host);
        text_addf(c->out, " %u flows\n", (unsigned)b->blocks[i].flows);
    }
    return 0;
}

static const struct field fields[] = {
    FIELD(struct portblock, pool_text, "POOL", T_RAW, F_POS | F_REQ),
    FIELD(struct portblock, outputs[0], "FOUTPUT", T_U16, F_POS | F_REQ, .max = LANG_PORT_MAX),
    FIELD(struct portblock, outputs[1], "ROUTPUT", T_U16, F_POS | F_REQ, .max = LANG_PORT_MAX),
    FIELD(struct portblock, ports_text, "PORTS", T_RAW, F_KEY),
    FIELD(struct portblock, block_size, "BLOCK", T_U32, F_KEY | F_RD, .def = 256, .max = 65535),
    FIELD(struct portblock, per_host, "BLOCKS_PER_HOST", T_U32, F_KEY | F_RD, .def = 4,
          .max = PER_HOST_MAX),
    FIELD(struct portblock, n_free, "FREE", T_U32, F_RD),
    FIELD(struct portblock, refused, "REFUSED", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "blocks", .read = read_blocks},
    {0},
};

const struct element_class class_PortBlockMapper = {
    .name = "PortBlockMapper",
    .ports = "0/0",
    .processing = "a/a",
    .size = sizeof(struct portblock),
    .fields = fields,
    .handlers = handlers,
    .configure = portblock_configure,
    .cleanup = portblock_cleanup,
    .extra = EXTRA(.family = "mapper"),
};
