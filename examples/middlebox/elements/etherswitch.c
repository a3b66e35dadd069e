/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EtherSwitch: a learning Ethernet switch; ListenEtherSwitch: with a further output that gets a
 * copy of everything. As Click's, except that the number of stations is bounded (CAPACITY, 4096):
 * when the table is full, the station that was silent longest makes room.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "../engine/table.h"

struct station {
    struct tentry entry;
    uint8_t mac[8]; /* two bytes of padding */
    uint32_t port;
};

struct etherswitch {
    struct element e;
    struct table table;
    uint64_t timeout_ns;
    uint32_t capacity;
    uint64_t drops;
};

static unsigned lans(const struct etherswitch *s)
{
    return s->e.n_in;
}

static int switch_configure(struct element *e, struct conf *c)
{
    struct etherswitch *s = (struct etherswitch *)e;

    if (e->cls->name[0] == 'L' && e->n_out != e->n_in + 1)
        return conf_error(c, (struct str){NULL, 0}, "%u inputs need %u outputs, not %u", e->n_in,
                          e->n_in + 1, e->n_out);
    if (!s->capacity)
        return conf_error(c, (struct str){NULL, 0}, "CAPACITY must be above 0");
    return table_init(&s->table, s->capacity, sizeof(struct station), 8);
}

static void switch_cleanup(struct element *e)
{
    table_free(&((struct etherswitch *)e)->table);
}

static void expire(struct etherswitch *s)
{
    uint64_t now = now_ns(&s->e);
    struct tentry *t;

    while (now > s->timeout_ns && (t = table_oldest(&s->table, 0, now - s->timeout_ns)))
        table_remove(&s->table, t);
}

static void learn(struct etherswitch *s, const uint8_t mac[6], unsigned port)
{
    uint8_t key[8] = {0};
    struct station *st;

    if (mac[0] & 1) /* nobody sends from a group address */
        return;
    memcpy(key, mac, 6);
    st = (struct station *)table_find(&s->table, key);
    if (!st) {
        st = (struct station *)table_add(&s->table, key, 0, now_ns(&s->e));
        if (!st && s->table.count) {
            table_remove(&s->table, s->table.oldest[0]);
            st = (struct station *)table_add(&s->table, key, 0, now_ns(&s->e));
        }
        if (!st)
            return;
    }
    st->port = port;
    table_touch(&s->table, &st->entry, 0, now_ns(&s->e));
}

static void flood(struct etherswitch *s, unsigned from, struct packet *p)
{
    unsigned last = lans(s) - 1 == from ? lans(s) - 2 : lans(s) - 1;

    for (unsigned i = 0; i < lans(s); i++) {
        struct packet *copy;

        if (i == from || i == last)
            continue;
        copy = packet_clone(p);
        if (copy)
            element_push(&s->e, i, copy);
    }
    element_push(&s->e, last, p);
}

static void switch_push(struct element *e, unsigned port, struct packet *batch)
{
    struct etherswitch *s = (struct etherswitch *)e;
    struct splitter split;

    split_init(&split);
    expire(s);
    while (batch) {
        struct packet *p = batch, *copy;
        uint8_t key[8] = {0};
        struct station *st = NULL;

        batch = p->next;
        p->next = NULL;
        if (p->len < ETHER_LEN) {
            s->drops++;
            packet_kill(p);
            continue;
        }
        if (e->n_out > lans(s) && (copy = packet_clone(p))) {
            split_flush(e, &split);
            element_push(e, lans(s), copy);
        }
        memcpy(key, p->data, 6);
        if (s->timeout_ns) {
            learn(s, p->data + 6, port);
            st = key[0] & 1 ? NULL : (struct station *)table_find(&s->table, key);
        }
        if (!st) {
            split_flush(e, &split);
            flood(s, port, p);
        } else if (st->port == port) {
            packet_kill(p); /* is on the right side already */
        } else {
            split_add(e, &split, st->port, p);
        }
    }
    split_flush(e, &split);
}

static void switch_take_state(struct element *e, struct element *old)
{
    struct etherswitch *s = (struct etherswitch *)e, *o = (struct etherswitch *)old;

    for (struct tentry *t = o->table.oldest[0]; t; t = t->newer) {
        struct station *was = (struct station *)t, *st;

        if (was->port >= lans(s))
            continue;
        st = (struct station *)table_add(&s->table, was->mac, 0, t->used_ns);
        if (st)
            st->port = was->port;
    }
}

static int read_table(struct hcall *c)
{
    struct etherswitch *s = (struct etherswitch *)c->e;

    expire(s);
    for (struct tentry *t = s->table.oldest[0]; t; t = t->newer) {
        text_ether(c->out, ((struct station *)t)->mac);
        text_addf(c->out, " %u\n", (unsigned)((struct station *)t)->port);
    }
    return 0;
}

static const struct field fields[] = {
    FIELD(struct etherswitch, timeout_ns, "TIMEOUT", T_TIME, F_KEY | F_RW, .def = 300000),
    FIELD(struct etherswitch, capacity, "CAPACITY", T_U32, F_KEY | F_RD, .def = 4096,
          .max = 1u << 20),
    FIELD(struct etherswitch, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table},
    {0},
};

#define ETHERSWITCH_CLASS(id, ports_)                                                              \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct etherswitch),                                                        \
        .extra = EXTRA(.take_state = switch_take_state),                                           \
        .fields = fields,                                                                          \
        .handlers = handlers,                                                                      \
        .configure = switch_configure,                                                             \
        .cleanup = switch_cleanup,                                                                 \
        PUSHES(switch_push),                                                                       \
    }

ETHERSWITCH_CLASS(EtherSwitch, "2-/=");
ETHERSWITCH_CLASS(ListenEtherSwitch, "2-/3-");
