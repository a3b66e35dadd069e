/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYNProxy: keeps SYN floods from servers; not in Click.
 *
 *     SYNProxy([CAPACITY, TIMEOUT, MSS])
 *
 * Input and output 0 lead to the clients, input and output 1 to the servers; IP packets with their
 * header marked. A client's SYN is answered here, with a sequence number that is a keyed hash of
 * the connection (a SYN cookie), and nothing is remembered. Only a client that returns the cookie
 * gets an entry, and only then the server hears of it:
 *
 * 1. client -> SYN seq=c;            here -> SYN-ACK seq=cookie ack=c+1
 * 2. client -> ACK seq=c+1 ack=cookie+1;  here -> server: SYN seq=c; entry WAITING
 * 3. server -> SYN-ACK seq=s ack=c+1;     here -> server: ACK; entry OPEN with delta = s - cookie
 * 4. from then on, acknowledgements of the client and sequence numbers of the server are shifted by
 *    delta
 *
 * The SYN-ACK offers a maximum segment size and no other options, so there are no selective
 * acknowledgements or timestamps to translate. Data that a client sends before step 3 is dropped;
 * TCP sends it again. Everything but TCP passes. The table is bounded: when it is full, the entry
 * that was silent longest goes.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "../engine/table.h"

struct conn {
    struct tentry entry;
    uint32_t client, server; /* the key, with the ports */
    uint16_t cport, sport;
    uint32_t cookie, delta, cseq;
    bool open, closing;
};

struct synproxy {
    struct element e;
    struct table table, hash; /* hash: only for its secret */
    uint32_t capacity;
    uint64_t timeout_ns;
    uint16_t mss;
    uint64_t syns, accepted, bad_cookies, drops;
};

#define COOKIE_NS    (64 * NSEC_PER_SEC) /* the cookies' clock; this one and the last are taken */
#define LIST_WAITING 0
#define LIST_OPEN    1
#define WAITING_NS   (10 * NSEC_PER_SEC)

static const uint16_t mss_table[] = {536, 1220, 1440, 1460};

static int synproxy_configure(struct element *e, struct conf *c)
{
    struct synproxy *s = (struct synproxy *)e;

    if (!s->capacity)
        return conf_error(c, (struct str){NULL, 0}, "CAPACITY must be above 0");
    if (table_init(&s->hash, 1, sizeof(struct conn), 20) != 0)
        return -1;
    return table_init(&s->table, s->capacity, sizeof(struct conn), 12);
}

static void synproxy_cleanup(struct element *e)
{
    table_free(&((struct synproxy *)e)->table);
    table_free(&((struct synproxy *)e)->hash);
}

/* 29 bits of hash, 1 of the clock, 2 of the segment size. */
static uint32_t make_cookie(const struct synproxy *s, const struct conn *k, uint32_t cseq,
                            uint64_t clock, unsigned mss)
{
    uint32_t key[5] = {k->client, k->server, (uint32_t)k->cport << 16 | k->sport, cseq,
                       (uint32_t)clock << 2 | mss};

    return (table_hash(&s->hash, key) & ~7u) | (uint32_t)(clock & 1) << 2 | mss;
}

static bool check_cookie(const struct synproxy *s, const struct conn *k, uint32_t cseq,
                         uint32_t cookie, unsigned *mss)
{
    uint64_t clock = now_ns(&s->e) / COOKIE_NS;

    *mss = cookie & 3;
    if ((clock & 1) != (cookie >> 2 & 1))
        clock--;
    return make_cookie(s, k, cseq, clock, *mss) == cookie;
}

/* The client's segment size, as an index: the largest of ours that is not above. */
static unsigned read_mss(const uint8_t *t, uint32_t len)
{
    uint32_t hl = (t[12] >> 4) * 4u, at = 20;
    unsigned mss = 536, i = 3;

    if (hl > len)
        hl = len;
    while (at < hl && t[at]) {
        unsigned n = t[at] == 1 ? 1 : at + 1 < hl ? t[at + 1] : 0;

        if (!n || (t[at] != 1 && n < 2) || at + n > hl)
            break;
        if (t[at] == 2 && n == 4)
            mss = get_be16(t + at + 2);
        at += n;
    }
    while (i && mss_table[i] > mss)
        i--;
    return i;
}

/* A segment of our own: from -> to. With mss, it carries that option. */
static void send(struct synproxy *s, unsigned port, uint32_t src, uint16_t sport, uint32_t dst,
                 uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, unsigned mss)
{
    unsigned len = 20 + 20 + (mss ? 4 : 0);
    struct packet *p = packet_new(PACKET_HEADROOM, len);
    struct tcp_hdr *tcp;
    struct ip_hdr *ip;

    if (!p)
        return;
    memset(p->data, 0, len);
    ip = (struct ip_hdr *)p->data;
    ip_fill(ip, IPPROTO_TCP, src, dst, (uint16_t)len, 0);
    ip->off = host_to_be16(IP_DF);
    ip_set_checksum(ip);
    tcp = (struct tcp_hdr *)(ip + 1);
    tcp->sport = sport;
    tcp->dport = dport;
    tcp->seq = host_to_be32(seq);
    tcp->ack = host_to_be32(ack);
    tcp->off = mss ? 0x60 : 0x50;
    tcp->flags = flags;
    tcp->win = host_to_be16(flags & TCP_RST ? 0 : 16384);
    if (mss) {
        uint8_t *o = (uint8_t *)(tcp + 1);

        o[0] = 2;
        o[1] = 4;
        put_be16(o + 2, (uint16_t)mss);
    }
    tcp->sum = transport_checksum(ip, tcp, len - 20);
    p->net = p->data;
    p->time_ns = port_wall_ns();
    packet_set_dst_ip(p, dst);
    element_push(&s->e, port, p);
}

/* Change a sequence or acknowledgement number by what was added. */
static void shift(struct tcp_hdr *tcp, bool ack, uint32_t by)
{
    uint32_t from = ack ? tcp->ack : tcp->seq, to = host_to_be32(be32_to_host(from) + by);
    uint16_t sum = tcp->sum;

    sum_update32(&sum, from, to);
    tcp->sum = sum;
    if (ack)
        tcp->ack = to;
    else
        tcp->seq = to;
}

static struct conn *find(struct synproxy *s, const struct conn *key)
{
    return (struct conn *)table_find(&s->table, &key->client);
}

static void expire(struct synproxy *s)
{
    uint64_t now = now_ns(&s->e);
    struct tentry *t;

    while (now > WAITING_NS && (t = table_oldest(&s->table, LIST_WAITING, now - WAITING_NS)))
        table_remove(&s->table, t);
    while (now > s->timeout_ns && (t = table_oldest(&s->table, LIST_OPEN, now - s->timeout_ns)))
        table_remove(&s->table, t);
}

/* The ACK that may bring a cookie back. */
static void accept(struct synproxy *s, const struct conn *key, const struct tcp_hdr *tcp)
{
    uint32_t cookie = be32_to_host(tcp->ack) - 1, cseq = be32_to_host(tcp->seq) - 1;
    struct conn *c;
    unsigned mss;

    if (!check_cookie(s, key, cseq, cookie, &mss)) {
        s->bad_cookies++;
        send(s, 0, key->server, key->sport, key->client, key->cport, be32_to_host(tcp->ack), 0,
             TCP_RST, 0);
        return;
    }
    expire(s);
    if (s->table.count == s->table.capacity) {
        struct tentry *old = s->table.oldest[LIST_WAITING] ? s->table.oldest[LIST_WAITING]
                                                           : s->table.oldest[LIST_OPEN];

        table_remove(&s->table, old);
    }
    c = (struct conn *)table_add(&s->table, &key->client, LIST_WAITING, now_ns(&s->e));
    if (!c)
        return;
    c->cookie = cookie;
    c->cseq = cseq;
    s->accepted++;
    send(s, 1, key->client, key->cport, key->server, key->sport, cseq, 0, TCP_SYN, mss_table[mss]);
}

/* Has the connection come to its end? Then it ages quickly. */
static void touch(struct synproxy *s, struct conn *c, const struct tcp_hdr *tcp)
{
    if (tcp->flags & (TCP_FIN | TCP_RST))
        c->closing = true;
    table_touch(&s->table, &c->entry, c->open && !c->closing ? LIST_OPEN : LIST_WAITING,
                now_ns(&s->e));
}

/* A client's segment. True: it goes on to the server. */
static bool from_client(struct synproxy *s, const struct conn *key, struct tcp_hdr *tcp,
                        uint32_t len)
{
    struct conn *c = find(s, key);

    if ((tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
        uint64_t clock = now_ns(&s->e) / COOKIE_NS;
        uint32_t cseq = be32_to_host(tcp->seq);

        s->syns++;
        if (c && c->open && !c->closing) /* an attacker's, or the client forgot: ask it */
            return true;
        send(s, 0, key->server, key->sport, key->client, key->cport,
             make_cookie(s, key, cseq, clock, read_mss((uint8_t *)tcp, len)), cseq + 1,
             TCP_SYN | TCP_ACK, s->mss);
        return false;
    }
    if (!c) {
        if ((tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK)
            accept(s, key, tcp);
        else
            s->drops++;
        return false;
    }
    if (!c->open) { /* it must wait for the server; remind that one */
        if (!(tcp->flags & TCP_RST))
            send(s, 1, key->client, key->cport, key->server, key->sport, c->cseq, 0, TCP_SYN,
                 s->mss);
        return false;
    }
    shift(tcp, true, c->delta);
    touch(s, c, tcp);
    return true;
}

/* A server's segment. True: it goes on to the client. */
static bool from_server(struct synproxy *s, const struct conn *key, struct tcp_hdr *tcp)
{
    struct conn *c = find(s, key);

    if (!c) /* a connection that was there before us */
        return true;
    if ((tcp->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
        uint32_t seq = be32_to_host(tcp->seq);

        if (be32_to_host(tcp->ack) != c->cseq + 1)
            return false;
        c->delta = seq - c->cookie;
        c->open = true;
        touch(s, c, tcp);
        send(s, 1, key->client, key->cport, key->server, key->sport, c->cseq + 1, seq + 1, TCP_ACK,
             0);
        return false;
    }
    if (!c->open && (tcp->flags & TCP_RST)) { /* the server is not there */
        uint32_t cookie = c->cookie, cseq = c->cseq;

        table_remove(&s->table, &c->entry);
        send(s, 0, key->server, key->sport, key->client, key->cport, cookie + 1, cseq + 1,
             TCP_RST | TCP_ACK, 0);
        return false;
    }
    shift(tcp, false, -c->delta);
    touch(s, c, tcp);
    return true;
}

static void synproxy_push(struct element *e, unsigned port, struct packet *batch)
{
    struct synproxy *s = (struct synproxy *)e;

    while (batch) {
        struct packet *p = batch;
        struct ip_hdr *ip = packet_ip(p);
        struct tcp_hdr *tcp = NULL;
        struct conn key = {.client = 0};
        uint32_t len = 0;
        bool on = true;

        batch = p->next;
        p->next = NULL;
        if (ip && ip->proto == IPPROTO_TCP) {
            tcp = (struct tcp_hdr *)ip_transport(p, ip, 20, &len);
            on = tcp;
        }
        if (tcp) {
            key.client = port ? ip->dst : ip->src;
            key.server = port ? ip->src : ip->dst;
            key.cport = port ? tcp->dport : tcp->sport;
            key.sport = port ? tcp->sport : tcp->dport;
            on = port ? from_server(s, &key, tcp) : from_client(s, &key, tcp, len);
        }
        if (on)
            element_push(e, !port, p);
        else
            packet_kill(p);
    }
}

static void synproxy_take_state(struct element *e, struct element *old)
{
    struct synproxy *s = (struct synproxy *)e, *o = (struct synproxy *)old;

    s->hash.secret[0] = o->hash.secret[0]; /* cookies on their way stay good */
    s->hash.secret[1] = o->hash.secret[1];
    for (unsigned list = LIST_WAITING; list <= LIST_OPEN; list++) {
        for (struct tentry *t = o->table.oldest[list]; t; t = t->newer) {
            struct conn *was = (struct conn *)t, *c;

            c = (struct conn *)table_add(&s->table, &was->client, list, t->used_ns);
            if (!c)
                return;
            c->cookie = was->cookie;
            c->delta = was->delta;
            c->cseq = was->cseq;
            c->open = was->open;
            c->closing = was->closing;
        }
    }
}

static int read_size(struct hcall *c)
{
    text_addf(c->out, "%u", ((struct synproxy *)c->e)->table.count);
    return 0;
}

static const struct field fields[] = {
    FIELD(struct synproxy, capacity, "CAPACITY", T_U32, F_KEY | F_RD, .def = 8192, .max = 1u << 22),
    FIELD(struct synproxy, timeout_ns, "TIMEOUT", T_TIME, F_KEY | F_RW, .def = 3600000),
    FIELD(struct synproxy, mss, "MSS", T_U16, F_KEY | F_RD, .def = 1460),
    FIELD(struct synproxy, syns, "SYNS", T_U64, F_RD | F_ZERO),
    FIELD(struct synproxy, accepted, "ACCEPTED", T_U64, F_RD | F_ZERO),
    FIELD(struct synproxy, bad_cookies, "BAD_COOKIES", T_U64, F_RD | F_ZERO),
    FIELD(struct synproxy, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler handlers[] = {
    {.name = "size", .read = read_size},
    {0},
};

const struct element_class class_SYNProxy = {
    .name = "SYNProxy",
    .ports = "2/2",
    .processing = "h/h",
    .size = sizeof(struct synproxy),
    .extra = EXTRA(.take_state = synproxy_take_state),
    .fields = fields,
    .handlers = handlers,
    .configure = synproxy_configure,
    .cleanup = synproxy_cleanup,
    PUSHES(synproxy_push),
};
