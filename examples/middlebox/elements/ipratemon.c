/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPRateMonitor: packet or byte rates by address, finer where there is more traffic. As Click's: a
 * tree of tables of 256 entries, one level for each byte of the address; when an entry's rate
 * exceeds THRESH it gets a table below it, until MEMORY kilobytes are in use. Tables whose traffic
 * fell below a quarter of THRESH are taken apart again when memory is needed (Click: by age).
 * `look` takes an optional prefix length (8, 16, 24 or 32) as its parameter. There is no anno_level
 * handler: MEMORY bounds the tree.
 */
#include <stdlib.h>

#include "../engine/element.h"
#include "../engine/net.h"

#define INTERVAL_NS (NSEC_PER_SEC / 8)

/* A moving average in 12 bytes: there are many. */
struct small_rate {
    uint32_t epoch, now, rate; /* rate: events per second */
};

struct rnode {
    struct small_rate to, from;
    struct rtable *below;
};

struct rtable {
    struct rnode nodes[256];
    struct rnode *above; /* NULL: the root */
    struct rtable *older, *newer;
};

struct ratemon {
    struct element e;
    uint8_t type;
    uint32_t ratio, thresh, memory_kb;
    bool anno;
    struct rtable *root;
    struct rtable *oldest, *newest;
    uint32_t tables;
    uint64_t reset_ns;
};

static const char *const type_words[] = {"PACKETS", "BYTES", NULL};

static uint32_t rate_update(struct small_rate *r, uint64_t now_ns, uint32_t n)
{
    uint32_t epoch = (uint32_t)(now_ns / INTERVAL_NS);

    if (epoch - r->epoch > 64) {
        r->rate = r->now = 0;
        r->epoch = epoch;
    }
    for (; r->epoch != epoch; r->epoch++) {
        uint64_t sample = (uint64_t)r->now * (NSEC_PER_SEC / INTERVAL_NS);

        r->rate =
            (uint32_t)(((uint64_t)r->rate * 3 + (sample > UINT32_MAX ? UINT32_MAX : sample)) / 4);
        r->now = 0;
    }
    r->now = r->now > UINT32_MAX - n ? UINT32_MAX : r->now + n;
    return r->rate;
}

/* Put a table of zeros below a node (NULL: as the root), the newest of all. */
static struct rtable *add_table(struct ratemon *m, struct rtable *t, struct rnode *above)
{
    if (!t)
        return NULL;
    t->above = above;
    t->older = m->newest;
    if (t->older)
        t->older->newer = t;
    else
        m->oldest = t;
    m->newest = t;
    m->tables++;
    return t;
}

static bool is_leaf(const struct rtable *t)
{
    for (unsigned i = 0; i < 256; i++) {
        if (t->nodes[i].below)
            return false;
    }
    return true;
}

static void unlink_table(struct ratemon *m, struct rtable *t)
{
    if (t->older)
        t->older->newer = t->newer;
    else
        m->oldest = t->newer;
    if (t->newer)
        t->newer->older = t->older;
    else
        m->newest = t->older;
    t->above->below = NULL;
    m->tables--;
}

/*
 * Take a table with little traffic out of the tree and empty it. Only one without tables below it:
 * others follow when those are gone. `used` is left alone. NULL: there is none.
 */
static struct rtable *reuse_table(struct ratemon *m, const struct rtable *used, uint64_t now)
{
    for (struct rtable *t = m->oldest; t; t = t->newer) {
        if (t != used && t->above && rate_update(&t->above->from, now, 0) < m->thresh / 4 &&
            rate_update(&t->above->to, now, 0) < m->thresh / 4 && is_leaf(t)) {
            unlink_table(m, t);
            memset(t, 0, sizeof(*t));
            return t;
        }
    }
    return NULL;
}

static uint32_t measure(struct ratemon *m, uint32_t ip, bool src, uint32_t n)
{
    const uint8_t *b = (const uint8_t *)&ip;
    uint64_t now = now_ns(&m->e);
    struct rtable *t = m->root;
    uint32_t rate = 0;

    for (unsigned level = 0; level < 4; level++) {
        struct rnode *node = &t->nodes[b[level]];

        rate = rate_update(src ? &node->from : &node->to, now, n);
        if (level == 3 || (!node->below && rate <= m->thresh))
            break;
        if (!node->below) {
            uint64_t size = (uint64_t)(m->tables + 1) * sizeof(struct rtable);
            bool full = m->memory_kb && size > (uint64_t)m->memory_kb * 1024;
            struct rtable *below = full ? reuse_table(m, t, now) : calloc(1, sizeof(*below));

            node->below = add_table(m, below, node);
            if (!node->below)
                break;
        }
        t = node->below;
    }
    return rate;
}

static void monitor(struct ratemon *m, struct packet *p, unsigned port)
{
    struct ip_hdr *ip = packet_ip(p);
    uint32_t n = m->type ? p->len : 1, rate;
    /* RATIO: only a part of the packets is measured, and counts for the rest */
    bool sampled = m->ratio >= 65536 || (port_random() & 0xffff) < m->ratio;

    if (!ip || !sampled)
        return;
    if (m->ratio && m->ratio < 65536)
        n = (uint32_t)((uint64_t)n * 65536 / m->ratio);
    rate = measure(m, port ? ip->dst : ip->src, !port, n);
    if (m->anno)
        packet_set_anno32(p, port ? ANNO_REV_RATE : ANNO_FWD_RATE, rate);
}

static void monitor_push(struct element *e, unsigned port, struct packet *batch)
{
    for (struct packet *p = batch; p; p = p->next)
        monitor((struct ratemon *)e, p, port);
    element_push(e, port, batch);
}

static struct packet *monitor_pull(struct element *e, unsigned port, unsigned max)
{
    struct packet *batch = element_pull(e, port, max);

    for (struct packet *p = batch; p; p = p->next)
        monitor((struct ratemon *)e, p, port);
    return batch;
}

static int monitor_configure(struct element *e, struct conf *c)
{
    struct ratemon *m = (struct ratemon *)e;

    if (!m->ratio)
        return conf_error(c, (struct str){NULL, 0}, "RATIO must be above 0");
    if (m->memory_kb && m->memory_kb < 100)
        m->memory_kb = 100;
    m->root = add_table(m, calloc(1, sizeof(*m->root)), NULL);
    m->reset_ns = port_now_ns();
    return m->root ? 0 : -1;
}

/* Free all tables that are newer than `last` (NULL: all). */
static void free_tables(struct ratemon *m, struct rtable *last)
{
    while (m->newest != last) {
        struct rtable *t = m->newest;

        m->newest = t->older;
        free(t);
        m->tables--;
    }
}

static void monitor_cleanup(struct element *e)
{
    free_tables((struct ratemon *)e, NULL);
}

static void look(struct ratemon *m, struct rtable *t, uint32_t ip, unsigned level, unsigned max,
                 struct text *out)
{
    uint64_t now = port_now_ns();

    for (unsigned i = 0; i < 256; i++) {
        struct rnode *n = &t->nodes[i];
        uint32_t to = rate_update(&n->to, now, 0), from = rate_update(&n->from, now, 0);
        uint32_t here = ip | i << (24 - 8 * level);

        if (!to && !from)
            continue;
        text_ip(out, host_to_be32(here));
        text_addf(out, "/%u\t%lu\t%lu\n", 8 * (level + 1), (unsigned long)from, (unsigned long)to);
        if (n->below && level + 1 < max)
            look(m, n->below, here, level + 1, max, out); /* four levels at most */
    }
}

static int read_look(struct hcall *c)
{
    struct ratemon *m = (struct ratemon *)c->e;
    uint64_t len = 32;

    if (c->arg.len && (!value_uint(c->arg, &len) || len < 8 || len > 32))
        return errs_at(c->errs, 0, "expected a prefix length from 8 to 32");
    text_addf(c->out, "%llu\n", (unsigned long long)((port_now_ns() - m->reset_ns) / 10000000));
    look(m, m->root, 0, 0, (unsigned)len / 8, c->out);
    return 0;
}

static int read_mem(struct hcall *c)
{
    text_addf(c->out, "%llu",
              (unsigned long long)((struct ratemon *)c->e)->tables * sizeof(struct rtable));
    return 0;
}

static int write_reset(struct hcall *c)
{
    struct ratemon *m = (struct ratemon *)c->e;

    free_tables(m, m->root); /* it is the oldest, as nothing lets it go */
    m->root->newer = NULL;
    memset(m->root->nodes, 0, sizeof(m->root->nodes));
    m->reset_ns = port_now_ns();
    return 0;
}

static const struct field fields[] = {
    FIELD(struct ratemon, type, "TYPE", T_WORD, F_POS | F_REQ, .words = type_words),
    FIELD(struct ratemon, ratio, "RATIO", T_REAL, F_POS | F_REQ, .max = 65536),
    FIELD(struct ratemon, thresh, "THRESH", T_U32, F_POS | F_REQ | F_RD),
    FIELD(struct ratemon, memory_kb, "MEMORY", T_U32, F_POS, .def = 256),
    FIELD(struct ratemon, anno, "ANNO", T_BOOL, F_POS, .def = 1),
    FIELD(struct ratemon, memory_kb, "MEMMAX", T_U32, F_RW),
    FIELD(struct ratemon, tables, "TABLES", T_U32, F_RD),
    {0},
};

static const struct handler handlers[] = {
    {.name = "look", .read = read_look},
    {.name = "mem", .read = read_mem},
    {.name = "reset", .write = write_reset},
    {0},
};

const struct element_class class_IPRateMonitor = {
    .name = "IPRateMonitor",
    .ports = "1-2/=",
    .processing = "a/a",
    .extra = EXTRA(.flow = "#/#"),
    .size = sizeof(struct ratemon),
    .fields = fields,
    .handlers = handlers,
    .configure = monitor_configure,
    .cleanup = monitor_cleanup,
    PUSHES(monitor_push),
    .pull = monitor_pull,
};
