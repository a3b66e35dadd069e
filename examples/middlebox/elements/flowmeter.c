/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FlowMeter: counts packets and bytes of each flow and exports them as NetFlow version 9 (RFC
 * 3954); not in Click.
 *
 *     FlowMeter([ACTIVE, INACTIVE, CAPACITY, SOURCE_ID])
 *
 * IP packets with their header marked pass from input 0 to output 0 unchanged. A flow is exported
 * after INACTIVE (15 s) of silence, every ACTIVE (60 s) while it lasts, and when the table is full.
 * Output 1, if there is one, emits the export datagrams: bare NetFlow, for UDPIPEncap. Handlers:
 * `table`, `flows`, `exported`, and `flush`, which exports everything.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "../engine/table.h"

struct mflow {
    struct tentry entry;
    uint32_t src, dst; /* the key */
    uint16_t sport, dport;
    uint8_t proto, tos;
    uint16_t zero;
    uint64_t packets, bytes, first_ns;
    uint8_t flags;
};

struct flowmeter {
    struct element e;
    struct table table;
    uint64_t active_ns, inactive_ns, start_ns, template_ns;
    uint32_t capacity, source_id, sequence;
    uint64_t exported, lost;
    struct packet *out; /* being filled */
    struct timer timer;
};

#define TEMPLATE_ID 256
#define RECORD_LEN  40
#define RECORDS_MAX 30 /* of one datagram: below 1280 bytes */
#define TEMPLATE_NS (60 * NSEC_PER_SEC)

/* Field types and lengths of a record, in the order that add_record() writes them. */
static const uint16_t template_fields[][2] = {
    {8, 4}, {12, 4}, {7, 2},  {11, 2}, {4, 1},   {5, 1}, {2, 4},
    {1, 8}, {22, 4}, {21, 4}, {6, 1},  {210, 5}, /* padding: sets end at a multiple of four */
};

#define TEMPLATE_FIELDS (sizeof(template_fields) / sizeof(*template_fields))
#define TEMPLATE_LEN    (4 + 4 + 4 * TEMPLATE_FIELDS)

static int meter_configure(struct element *e, struct conf *c)
{
    struct flowmeter *m = (struct flowmeter *)e;

    if (!m->capacity || !m->active_ns || !m->inactive_ns)
        return conf_error(c, (struct str){NULL, 0},
                          "CAPACITY, ACTIVE and INACTIVE must be above 0");
    m->start_ns = port_now_ns();
    return table_init(&m->table, m->capacity, sizeof(struct mflow), 16);
}

static void meter_cleanup(struct element *e)
{
    struct flowmeter *m = (struct flowmeter *)e;

    if (m->out)
        packet_kill(m->out);
    m->out = NULL;
    table_free(&m->table);
}

static uint32_t uptime_ms(const struct flowmeter *m, uint64_t ns)
{
    return ns > m->start_ns ? (uint32_t)((ns - m->start_ns) / NSEC_PER_MSEC) : 0;
}

/* The header's count is of records, templates included. */
static void begin(struct flowmeter *m)
{
    uint64_t now = port_now_ns();
    bool template = !m->template_ns || now - m->template_ns > TEMPLATE_NS;
    uint8_t *d;

    m->out = packet_new(PACKET_HEADROOM, 20 + TEMPLATE_LEN + 4 + RECORDS_MAX * RECORD_LEN);
    if (!m->out)
        return;
    m->out->len = 20;
    d = m->out->data;
    memset(d, 0, 20);
    put_be16(d, 9);
    put_be32(d + 4, uptime_ms(m, now));
    put_be32(d + 8, (uint32_t)(port_wall_ns() / NSEC_PER_SEC));
    put_be32(d + 12, m->sequence++);
    put_be32(d + 16, m->source_id);
    if (template) {
        uint8_t *t = d + 20;

        m->template_ns = now;
        put_be16(t, 0);
        put_be16(t + 2, TEMPLATE_LEN);
        put_be16(t + 4, TEMPLATE_ID);
        put_be16(t + 6, TEMPLATE_FIELDS);
        for (unsigned i = 0; i < TEMPLATE_FIELDS; i++) {
            put_be16(t + 8 + 4 * i, template_fields[i][0]);
            put_be16(t + 10 + 4 * i, template_fields[i][1]);
        }
        m->out->len += TEMPLATE_LEN;
        put_be16(d + 2, 1);
    }
    put_be16(d + m->out->len, TEMPLATE_ID);
    m->out->anno.w[2] = m->out->len; /* where the set begins, until it is sent */
    m->out->len += 4;
}

static void send(struct flowmeter *m)
{
    struct packet *p = m->out;
    uint32_t set;

    if (!p)
        return;
    m->out = NULL;
    set = p->anno.w[2];
    p->anno.w[2] = 0;
    put_be16(p->data + set + 2, (uint16_t)(p->len - set));
    p->time_ns = port_wall_ns();
    element_push_or_kill(&m->e, 1, p);
}

static void add_record(struct flowmeter *m, const struct mflow *f)
{
    uint8_t *d;
    uint32_t n;

    if (m->e.n_out < 2)
        return;
    if (!m->out)
        begin(m);
    if (!m->out) {
        m->lost++;
        return;
    }
    d = m->out->data + m->out->len;
    put_raw32(d, f->src);
    put_raw32(d + 4, f->dst);
    put_raw16(d + 8, f->sport);
    put_raw16(d + 10, f->dport);
    d[12] = f->proto;
    d[13] = f->tos;
    put_be32(d + 14, (uint32_t)f->packets);
    put_be32(d + 18, (uint32_t)(f->bytes >> 32));
    put_be32(d + 22, (uint32_t)f->bytes);
    put_be32(d + 26, uptime_ms(m, f->first_ns));
    put_be32(d + 30, uptime_ms(m, f->entry.used_ns));
    d[34] = f->flags;
    memset(d + 35, 0, 5);
    m->out->len += RECORD_LEN;
    n = get_be16(m->out->data + 2) + 1u;
    put_be16(m->out->data + 2, (uint16_t)n);
    m->exported++;
    if (m->out->len + RECORD_LEN > 20 + TEMPLATE_LEN + 4 + RECORDS_MAX * RECORD_LEN)
        send(m);
}

/* Export and forget. Records are written first and sent later: sending may lead back here. */
static void end_flow(struct flowmeter *m, struct tentry *t)
{
    struct mflow copy = *(struct mflow *)t;

    table_remove(&m->table, t);
    add_record(m, &copy);
}

static void tick(struct element *e, struct timer *t)
{
    struct flowmeter *m = (struct flowmeter *)e;
    uint64_t now = now_ns(e);
    struct tentry *old;

    while (now > m->inactive_ns && (old = table_oldest(&m->table, 0, now - m->inactive_ns + 1)))
        end_flow(m, old);
    send(m);
    if (m->table.count)
        timer_set(t, e, tick, m->table.oldest[0]->used_ns + m->inactive_ns);
}

static void account(struct flowmeter *m, const struct packet *p, const struct ip_hdr *ip)
{
    struct mflow key = {.src = ip->src, .dst = ip->dst, .proto = ip->proto, .tos = ip->tos}, *f;
    uint64_t now = now_ns(&m->e);
    uint8_t *t = ip_transport(p, ip, 4, NULL);

    if (t && (ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP)) {
        key.sport = get_raw16(t);
        key.dport = get_raw16(t + 2);
    } else if (t && ip->proto == IPPROTO_ICMP) {
        key.dport = get_raw16(t); /* type and code, as exporters do */
    }
    f = (struct mflow *)table_find(&m->table, &key.src);
    if (f && now - f->first_ns >= m->active_ns) {
        end_flow(m, &f->entry);
        f = NULL;
    }
    if (!f) {
        if (m->table.count == m->table.capacity)
            end_flow(m, m->table.oldest[0]);
        f = (struct mflow *)table_add(&m->table, &key.src, 0, now);
        if (!f) {
            m->lost++;
            return;
        }
        f->first_ns = now;
        if (!m->timer.index)
            timer_set(&m->timer, &m->e, tick, now + m->inactive_ns);
    }
    f->packets++;
    f->bytes += be16_to_host(ip->len);
    t = ip->proto == IPPROTO_TCP ? ip_transport(p, ip, 14, NULL) : NULL;
    if (t)
        f->flags |= t[13];
    table_touch(&m->table, &f->entry, 0, now);
}

static struct packet *meter_action(struct element *e, struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);

    if (ip)
        account((struct flowmeter *)e, p, ip);
    return p;
}

static void meter_take_state(struct element *e, struct element *old)
{
    struct flowmeter *m = (struct flowmeter *)e, *o = (struct flowmeter *)old;

    m->start_ns = o->start_ns;
    m->sequence = o->sequence;
    for (struct tentry *t = o->table.oldest[0]; t; t = t->newer) {
        struct mflow *was = (struct mflow *)t, *f;

        f = (struct mflow *)table_add(&m->table, &was->src, 0, t->used_ns);
        if (!f)
            break;
        f->packets = was->packets;
        f->bytes = was->bytes;
        f->first_ns = was->first_ns;
        f->flags = was->flags;
    }
}

static void meter_start(struct element *e)
{
    struct flowmeter *m = (struct flowmeter *)e;

    if (m->table.count)
        timer_set(&m->timer, e, tick, now_ns(e) + m->inactive_ns);
}

static int read_table(struct hcall *c)
{
    struct flowmeter *m = (struct flowmeter *)c->e;

    for (struct tentry *t = m->table.oldest[0]; t && !c->code; t = t->newer) {
        const struct mflow *f = (const struct mflow *)t;

        text_ip(c->out, f->src);
        text_addf(c->out, " %u ", be16_to_host(f->sport));
        text_ip(c->out, f->dst);
        text_addf(c->out, " %u %u %llu %llu\n", be16_to_host(f->dport), f->proto,
                  (unsigned long long)f->packets, (unsigned long long)f->bytes);
    }
    if (c->code)
        text_addf(c->out, "%u", m->table.count);
    return 0;
}

static int write_flush(struct hcall *c)
{
    struct flowmeter *m = (struct flowmeter *)c->e;

    for (unsigned n = m->table.count; n && m->table.oldest[0]; n--)
        end_flow(m, m->table.oldest[0]);
    send(m);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct flowmeter, active_ns, "ACTIVE", T_TIME, F_KEY | F_RD, .def = 60000),
    FIELD(struct flowmeter, inactive_ns, "INACTIVE", T_TIME, F_KEY | F_RD, .def = 15000),
    FIELD(struct flowmeter, capacity, "CAPACITY", T_U32, F_KEY | F_RD, .def = 4096,
          .max = 1u << 22),
    FIELD(struct flowmeter, source_id, "SOURCE_ID", T_U32, F_KEY | F_RD),
    FIELD(struct flowmeter, exported, "EXPORTED", T_U64, F_RD | F_ZERO),
    FIELD(struct flowmeter, lost, "LOST", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "table", .read = read_table},
    {.name = "flows", .read = read_table, .code = 1},
    {.name = "flush", .write = write_flush},
    {0},
};

const struct element_class class_FlowMeter = {
    .name = "FlowMeter",
    .ports = "1/1-2",
    .processing = "a/ah",
    .size = sizeof(struct flowmeter),
    .extra = EXTRA(.start = meter_start, .take_state = meter_take_state),
    .fields = fields,
    .handlers = handlers,
    .configure = meter_configure,
    .cleanup = meter_cleanup,
    .action = meter_action,
};
