/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARPTable: IP addresses and their Ethernet addresses, and packets that wait for them. As Click's,
 * except that ENTRY_CAPACITY is 1024 by default (Click: no limit) and no more than 64 packets wait
 * for one address. When the table is full, the entry that was not used longest goes, and with it as
 * many packets as wait for it: CAPACITY_SLIM_FACTOR means nothing.
 */
#include "../engine/router.h"
#include "arptable.h"

int arptable_init(struct arptable *t)
{
    if (!t->entry_capacity)
        t->entry_capacity = 1024;
    if (!t->capacity)
        t->capacity = 2048;
    if (!t->entry_packet_capacity || t->entry_packet_capacity > ARP_PACKETS_MAX)
        t->entry_packet_capacity = ARP_PACKETS_MAX;
    return table_init(&t->table, t->entry_capacity, sizeof(struct neighbour), 4);
}

static void forget(struct arptable *t, struct neighbour *n, bool drop)
{
    unsigned killed = packet_kill_batch(n->waiting);

    t->length -= n->n_waiting;
    if (drop)
        t->drops += killed;
    table_remove(&t->table, &n->entry);
}

void arptable_cleanup(struct arptable *t)
{
    while (t->table.oldest[0])
        forget(t, (struct neighbour *)t->table.oldest[0], false);
    table_free(&t->table);
}

static bool expired(const struct arptable *t, const struct neighbour *n, uint64_t now_ns)
{
    uint64_t since = n->known ? n->learned_ns : n->entry.used_ns;

    return t->timeout_ns && now_ns - since > t->timeout_ns;
}

struct neighbour *arptable_find(struct arptable *t, uint32_t ip, bool add, uint64_t now_ns)
{
    struct neighbour *n = (struct neighbour *)table_find(&t->table, &ip);
    struct tentry *old;

    if (n && n->known && expired(t, n, now_ns)) {
        forget(t, n, true);
        n = NULL;
    }
    if (n || !add) {
        if (n)
            table_touch(&t->table, &n->entry, 0, now_ns);
        return n;
    }
    /* those that nobody asked for, or that never answered */
    while (t->timeout_ns && now_ns > t->timeout_ns &&
           (old = table_oldest(&t->table, 0, now_ns - t->timeout_ns)))
        forget(t, (struct neighbour *)old, true);
    if (t->table.count >= t->table.capacity)
        forget(t, (struct neighbour *)t->table.oldest[0], true);
    n = (struct neighbour *)table_add(&t->table, &ip, 0, now_ns);
    if (n)
        n->tail = &n->waiting;
    return n;
}

static void drop_first(struct arptable *t, struct neighbour *n)
{
    struct packet *p = n->waiting;

    n->waiting = p->next;
    if (!n->waiting)
        n->tail = &n->waiting;
    packet_kill(p);
    n->n_waiting--;
    t->length--;
    t->drops++;
}

void arptable_hold(struct arptable *t, struct neighbour *n, struct packet *p)
{
    if (n->n_waiting >= t->entry_packet_capacity)
        drop_first(t, n);
    if (t->length >= t->capacity) {
        struct neighbour *victim = (struct neighbour *)t->table.oldest[0];

        while (victim && !victim->n_waiting)
            victim = (struct neighbour *)victim->entry.newer;
        if (victim)
            drop_first(t, victim);
    }
    p->next = NULL;
    *n->tail = p;
    n->tail = &p->next;
    n->n_waiting++;
    t->length++;
}

struct packet *arptable_learn(struct arptable *t, struct neighbour *n, const uint8_t mac[6],
                              uint64_t now_ns)
{
    struct packet *batch = n->waiting;

    memcpy(n->mac, mac, 6);
    n->known = true;
    n->learned_ns = now_ns;
    t->length -= n->n_waiting;
    n->waiting = NULL;
    n->tail = &n->waiting;
    n->n_waiting = 0;
    return batch;
}

void arptable_take(struct arptable *t, struct arptable *old)
{
    for (struct tentry *i = old->table.oldest[0]; i; i = i->newer) {
        struct neighbour *was = (struct neighbour *)i, *n;

        if (t->table.count >= t->table.capacity)
            break;
        n = (struct neighbour *)table_add(&t->table, &was->ip, 0, i->used_ns);
        if (!n)
            break;
        memcpy(n->mac, was->mac, 6);
        n->known = was->known;
        n->learned_ns = was->learned_ns;
        n->asked_ns = was->asked_ns;
        n->tail = &n->waiting;
        while (was->waiting) {
            struct packet *p = was->waiting;

            was->waiting = p->next;
            arptable_hold(t, n, p);
        }
        old->length -= was->n_waiting;
        was->n_waiting = 0;
        was->tail = &was->waiting;
    }
    t->drops += old->drops;
}

void arptable_print(struct arptable *t, int what, struct text *out, uint64_t now_ns)
{
    if (what == ARP_COUNT)
        text_addf(out, "%u", t->table.count);
    else if (what == ARP_LENGTH)
        text_addf(out, "%u", (unsigned)t->length);
    else if (what == ARP_DROPS)
        text_addf(out, "%llu", (unsigned long long)t->drops);
    for (struct tentry *i = t->table.oldest[0]; i && what == ARP_TABLE; i = i->newer) {
        const struct neighbour *n = (const struct neighbour *)i;

        text_ip(out, n->ip);
        text_addf(out, " %d ", n->known && !expired(t, n, now_ns));
        text_ether(out, n->mac);
        text_char(out, ' ');
        text_time(out, now_ns - (n->known ? n->learned_ns : i->used_ns), 6);
        text_char(out, '\n');
    }
}

int arptable_write(struct arptable *t, int what, struct hcall *c, struct packet **released)
{
    struct conf_text text = {.text = c->arg};
    struct conf conf = {.e = c->e, .router = c->router, .errs = c->errs, .text = &text};
    struct str rest = c->arg, word = str_word(&rest);
    struct neighbour *n;
    uint8_t mac[6];
    uint32_t ip;

    *released = NULL;
    if (what == ARP_CLEAR) {
        while (t->table.oldest[0])
            forget(t, (struct neighbour *)t->table.oldest[0], false);
        return 0;
    }
    if (!conf_ip(&conf, word, &ip) ||
        (what == ARP_INSERT ? !conf_ether(&conf, rest, mac) : rest.len != 0))
        return errs_at(c->errs, 0, what == ARP_INSERT ? "expected 'IP ETH'" : "expected 'IP'");
    n = arptable_find(t, ip, what == ARP_INSERT, port_now_ns());
    if (!n)
        return errs_at(c->errs, 0, what == ARP_INSERT ? "no room" : "no such entry");
    if (what == ARP_INSERT)
        *released = arptable_learn(t, n, mac, port_now_ns());
    else
        forget(t, n, true);
    return 0;
}

/* ---- the element ---- */

static int configure(struct element *e, struct conf *c)
{
    (void)c;
    return arptable_init((struct arptable *)e);
}

static void cleanup(struct element *e)
{
    if (((struct arptable *)e)->table.buckets)
        arptable_cleanup((struct arptable *)e);
}

static void take_state(struct element *e, struct element *old)
{
    arptable_take((struct arptable *)e, (struct arptable *)old);
}

static int read_table(struct hcall *c)
{
    arptable_print((struct arptable *)c->e, c->code, c->out, port_now_ns());
    return 0;
}

static int write_table(struct hcall *c)
{
    struct packet *released;
    int rc = arptable_write((struct arptable *)c->e, c->code, c, &released);

    packet_kill_batch(released); /* a table alone has no output */
    return rc;
}

static const struct field fields[] = {
    FIELD(struct arptable, capacity, "CAPACITY", T_U32, F_KEY | F_RD, .def = 2048, .max = 1u << 20),
    FIELD(struct arptable, entry_capacity, "ENTRY_CAPACITY", T_U32, F_KEY | F_RD, .max = 1u << 20),
    FIELD(struct arptable, entry_packet_capacity, "ENTRY_PACKET_CAPACITY", T_U32, F_KEY),
    FIELD(struct arptable, ignored, "CAPACITY_SLIM_FACTOR", T_U32, F_KEY),
    FIELD(struct arptable, timeout_ns, "TIMEOUT", T_TIME, F_KEY, .def = 300000),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table, .code = ARP_TABLE},
    {.name = "count", .read = read_table, .code = ARP_COUNT},
    {.name = "length", .read = read_table, .code = ARP_LENGTH},
    {.name = "drops", .read = read_table, .code = ARP_DROPS},
    {.name = "insert", .write = write_table, .code = ARP_INSERT},
    {.name = "delete", .write = write_table, .code = ARP_DELETE},
    {.name = "clear", .write = write_table, .code = ARP_CLEAR},
    {0},
};

const struct element_class class_ARPTable = {
    .name = "ARPTable",
    .ports = "0/0",
    .processing = "a/a",
    .size = sizeof(struct arptable),
    .fields = fields,
    .handlers = handlers,
    .configure = configure,
    .cleanup = cleanup,
    .extra = EXTRA(.take_state = take_state, .family = "arptable"),
};
