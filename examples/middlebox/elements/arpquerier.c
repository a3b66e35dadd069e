/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARPQuerier: puts an Ethernet header in front of IP packets, asking by ARP for addresses it does
 * not know. As Click's; its own table has ARPTable's bounds.
 */
#include "../engine/net.h"
#include "../engine/router.h"
#include "arptable.h"

struct querier {
    struct element e;
    struct prefix ip;
    uint8_t mac[6];
    struct str first, second;
    struct element *table_element;
    struct arptable own;
    struct arptable *table;
    uint64_t poll_ns;
    uint32_t broadcast;
    bool broadcast_poll;
    uint64_t queries, responses, drops;
};

#define ASK_INTERVAL_NS (NSEC_PER_SEC / 10) /* at most 10 queries a second for one address */

static int querier_configure(struct element *e, struct conf *c)
{
    struct querier *q = (struct querier *)e;
    struct str mac = q->second.s ? q->second : q->first;

    /* one argument: a name for both addresses */
    if (!conf_prefix(c, q->first, true, &q->ip))
        return conf_error(c, (struct str){NULL, 0}, "IP must be an IP address, not '%.*s'",
                          (int)q->first.len, q->first.s);
    if (!conf_ether(c, mac, q->mac))
        return conf_error(c, (struct str){NULL, 0}, "ETH must be an Ethernet address, not '%.*s'",
                          (int)mac.len, mac.s);
    if (!q->broadcast && q->ip.mask != 0xffffffff)
        q->broadcast = q->ip.ip | ~q->ip.mask;
    if (q->table_element) {
        q->table = (struct arptable *)q->table_element;
        return 0;
    }
    q->own.e.router = e->router;
    q->table = &q->own;
    return arptable_init(&q->own);
}

static void querier_cleanup(struct element *e)
{
    struct querier *q = (struct querier *)e;

    if (q->own.table.buckets)
        arptable_cleanup(&q->own);
}

static void querier_take_state(struct element *e, struct element *old)
{
    struct querier *q = (struct querier *)e, *o = (struct querier *)old;

    if (q->table == &q->own && o->table == &o->own)
        arptable_take(&q->own, &o->own);
    q->queries = o->queries;
    q->responses = o->responses;
    q->drops = o->drops;
}

static void ask(struct querier *q, struct neighbour *n)
{
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
    uint64_t now = now_ns(&q->e);
    struct arp_pkt *arp;
    struct packet *p;

    if (n->asked_ns && now - n->asked_ns < ASK_INTERVAL_NS)
        return;
    n->asked_ns = now;
    p = packet_new(PACKET_HEADROOM, sizeof(*arp));
    if (!p)
        return;
    arp = (struct arp_pkt *)p->data;
    memset(arp, 0, sizeof(*arp));
    memcpy(arp->ether.dst, n->known && !q->broadcast_poll ? n->mac : all, 6);
    memcpy(arp->ether.src, q->mac, 6);
    arp->ether.type = host_to_be16(ETHERTYPE_ARP);
    arp->htype = host_to_be16(1);
    arp->ptype = host_to_be16(ETHERTYPE_IP);
    arp->hlen = 6;
    arp->plen = 4;
    arp->op = host_to_be16(1);
    memcpy(arp->sha, q->mac, 6);
    arp->spa = q->ip.ip;
    arp->tpa = n->ip;
    p->mac = p->data;
    q->queries++;
    element_push(&q->e, q->e.n_out - 1, p);
}

static struct packet *add_header(struct querier *q, struct packet *p, const uint8_t dst[6])
{
    struct ether_hdr *eth;

    p = packet_push(p, ETHER_LEN);
    if (!p)
        return NULL;
    eth = (struct ether_hdr *)p->data;
    memcpy(eth->dst, dst, 6);
    memcpy(eth->src, q->mac, 6);
    eth->type = host_to_be16(ETHERTYPE_IP);
    p->mac = p->data;
    return p;
}

/* An IP packet: returns it with its header, or NULL if it waits or is gone. */
static struct packet *resolve(struct querier *q, struct packet *p)
{
    uint8_t group[6] = {1, 0, 0x5e, 0, 0, 0};
    uint32_t ip = packet_dst_ip(p);
    const uint8_t *b = (const uint8_t *)&ip;
    uint64_t now = now_ns(&q->e);
    struct neighbour *n;

    if (!ip) {
        q->drops++;
        packet_kill(p);
        return NULL;
    }
    if (ip == 0xffffffff || (q->broadcast && ip == q->broadcast)) {
        memset(group, 255, 6);
        return add_header(q, p, group);
    }
    if ((b[0] & 0xf0) == 0xe0) {
        group[3] = b[1] & 0x7f;
        group[4] = b[2];
        group[5] = b[3];
        return add_header(q, p, group);
    }
    n = arptable_find(q->table, ip, true, now);
    if (!n) {
        q->drops++;
        packet_kill(p);
        return NULL;
    }
    if (n->known) {
        uint8_t mac[6];

        memcpy(mac, n->mac, 6); /* what we ask may come back and change the table */
        if (q->poll_ns && now - n->learned_ns > q->poll_ns)
            ask(q, n);
        return add_header(q, p, mac);
    }
    arptable_hold(q->table, n, p);
    ask(q, n);
    return NULL;
}

static void send(struct querier *q, struct packet *batch, const uint8_t mac[6])
{
    struct packet *first = NULL, **tail = &first;

    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        p->next = NULL;
        p = add_header(q, p, mac);
        if (p) {
            *tail = p;
            tail = &p->next;
        }
    }
    if (first)
        element_push(&q->e, 0, first);
}

static void response(struct querier *q, struct packet *p)
{
    const struct arp_pkt *arp = (const struct arp_pkt *)p->data;
    struct neighbour *n = NULL;

    q->responses++;
    /* a reply, or a request that tells us its sender; only what we asked for is kept */
    if (p->len >= sizeof(*arp) && arp->ether.type == host_to_be16(ETHERTYPE_ARP) &&
        arp->htype == host_to_be16(1) && arp->ptype == host_to_be16(ETHERTYPE_IP) &&
        arp->hlen == 6 && arp->plen == 4 && !(arp->sha[0] & 1))
        n = arptable_find(q->table, arp->spa, false, now_ns(&q->e));
    if (n) {
        uint8_t mac[6];
        struct packet *batch;

        memcpy(mac, arp->sha, 6);
        batch = arptable_learn(q->table, n, mac, now_ns(&q->e));
        packet_kill(p);
        send(q, batch, mac);
    } else {
        packet_kill(p);
    }
}

static void querier_push(struct element *e, unsigned port, struct packet *batch)
{
    struct querier *q = (struct querier *)e;
    struct packet *first = NULL, **tail = &first;

    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        p->next = NULL;
        if (port == 1) {
            response(q, p);
            continue;
        }
        p = resolve(q, p);
        if (p) {
            *tail = p;
            tail = &p->next;
        }
    }
    if (first)
        element_push(e, 0, first);
}

static int read_table(struct hcall *c)
{
    struct querier *q = (struct querier *)c->e;

    arptable_print(q->table, c->code, c->out, port_now_ns());
    return 0;
}

static int read_stats(struct hcall *c)
{
    struct querier *q = (struct querier *)c->e;
    unsigned long long drops = q->drops + q->table->drops;

    if (c->code)
        text_addf(c->out, "%llu", drops);
    else
        text_addf(c->out, "%llu packets killed\n%llu ARP queries sent\n", drops,
                  (unsigned long long)q->queries);
    return 0;
}

static int write_table(struct hcall *c)
{
    struct querier *q = (struct querier *)c->e;
    struct packet *released;
    struct str rest = c->arg;
    uint8_t mac[6] = {0};
    int rc = arptable_write(q->table, c->code, c, &released);

    str_word(&rest);
    if (released && value_ether(rest, mac))
        send(q, released, mac);
    else
        packet_kill_batch(released);
    return rc;
}

static const char *const table_family[] = {"arptable", NULL};

static const struct field fields[] = {
    FIELD(struct querier, first, "IP", T_RAW, F_POS | F_REQ),
    FIELD(struct querier, second, "ETH", T_RAW, F_POS),
    FIELD(struct querier, table_element, "TABLE", T_ELEMENT, F_KEY, .words = table_family),
    FIELD(struct querier, own.capacity, "CAPACITY", T_U32, F_KEY, .def = 2048, .max = 1u << 20),
    FIELD(struct querier, own.entry_capacity, "ENTRY_CAPACITY", T_U32, F_KEY, .max = 1u << 20),
    FIELD(struct querier, own.entry_packet_capacity, "ENTRY_PACKET_CAPACITY", T_U32, F_KEY),
    FIELD(struct querier, own.ignored, "CAPACITY_SLIM_FACTOR", T_U32, F_KEY),
    FIELD(struct querier, own.timeout_ns, "TIMEOUT", T_TIME, F_KEY, .def = 300000),
    FIELD(struct querier, poll_ns, "POLL_TIMEOUT", T_TIME, F_KEY, .def = 60000),
    FIELD(struct querier, broadcast, "BROADCAST", T_IP, F_KEY | F_RW),
    FIELD(struct querier, broadcast_poll, "BROADCAST_POLL", T_BOOL, F_KEY),
    FIELD(struct querier, ip.ip, "IPADDR", T_IP, F_RW),
    FIELD(struct querier, queries, "QUERIES", T_U64, F_RD | F_ZERO),
    FIELD(struct querier, responses, "RESPONSES", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table, .code = ARP_TABLE},
    {.name = "count", .read = read_table, .code = ARP_COUNT},
    {.name = "length", .read = read_table, .code = ARP_LENGTH},
    {.name = "stats", .read = read_stats},
    {.name = "drops", .read = read_stats, .code = 1},
    {.name = "insert", .write = write_table, .code = ARP_INSERT},
    {.name = "delete", .write = write_table, .code = ARP_DELETE},
    {.name = "clear", .write = write_table, .code = ARP_CLEAR},
    {0},
};

const struct element_class class_ARPQuerier = {
    .name = "ARPQuerier",
    .ports = "2/1-2",
    .processing = "h/h",
    .size = sizeof(struct querier),
    .extra = EXTRA(.take_state = querier_take_state),
    .fields = fields,
    .handlers = handlers,
    .configure = querier_configure,
    .cleanup = querier_cleanup,
    PUSHES(querier_push),
};
