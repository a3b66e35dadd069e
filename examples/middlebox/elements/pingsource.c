/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMPPingSource: sends pings, and keeps account of the answers. As Click's, but that it remembers
 * the last 256 pings, not 65536: a later answer is no answer.
 */
#include "../engine/element.h"
#include "../engine/net.h"

#define PING_TTL   200 /* as Click's */
#define REMEMBERED 256

struct ping {
    uint64_t sent_ns; /* wall clock; 0: none was sent */
    uint16_t seq;
    bool answered;
};

struct pingsource {
    struct element e;
    uint32_t src, dst;
    uint64_t interval_ns;
    int32_t limit;
    uint16_t id;
    bool active, verbose, stop, mirror;
    struct str data;
    struct timer timer;
    struct {
        uint64_t sent, received, duplicates;
        uint64_t min_us, max_us, sum_us, square_us;
        struct ping pings[REMEMBERED];
    } count;
};

/* Write the next ping over a packet of at least 28 bytes. */
static void fill(struct pingsource *s, struct packet *p)
{
    struct ip_hdr *ip = (struct ip_hdr *)p->data;
    struct icmp_hdr *icmp = (struct icmp_hdr *)(ip + 1);
    uint16_t seq = (uint16_t)(s->count.sent % 0xffff + 1); /* never 0, also as the packet's id */
    struct ping *ping = &s->count.pings[seq % REMEMBERED];

    p->net = p->data;
    ip_fill(ip, IPPROTO_ICMP, s->src, s->dst, (uint16_t)p->len, seq);
    ip->ttl = PING_TTL;
    ip_set_checksum(ip);
    *icmp = (struct icmp_hdr){.type = 8, .id = host_to_be16(s->id), .seq = host_to_be16(seq)};
    icmp->sum = checksum(icmp, p->len - 20);
    packet_set_dst_ip(p, s->dst);
    p->time_ns = port_wall_ns();
    *ping = (struct ping){.sent_ns = p->time_ns, .seq = seq};
    s->count.sent++;
}

static bool limited(const struct pingsource *s)
{
    return s->limit >= 0 && s->count.sent >= (uint64_t)s->limit;
}

/* The next ping, or NULL: there is no memory, or it was the last one. */
static struct packet *next(struct pingsource *s)
{
    struct packet *p;

    if (limited(s)) {
        if (s->stop)
            router_stop(s->e.router);
        return NULL;
    }
    p = packet_new(PACKET_HEADROOM, 28 + s->data.len);
    if (!p)
        return NULL;
    if (s->data.len)
        memcpy(p->data + 28, s->data.s, s->data.len);
    fill(s, p);
    return p;
}

static void fire(struct element *e, struct timer *t)
{
    struct pingsource *s = (struct pingsource *)e;
    struct packet *p = next(s);

    if (p)
        element_push(e, 0, p);
    else if (limited(s))
        return;
    timer_set(t, e, fire, now_ns(e) + s->interval_ns);
}

static struct packet *ping_pull(struct element *e, unsigned port, unsigned max)
{
    struct pingsource *s = (struct pingsource *)e;

    (void)port;
    (void)max;
    return s->active ? next(s) : NULL;
}

/* Whose answer is it? NULL: nobody's. */
static struct ping *asked(struct pingsource *s, const struct packet *p, const struct ip_hdr *ip)
{
    struct icmp_hdr *icmp = NULL;
    struct ping *ping;
    uint16_t seq;

    if (ip && ip->proto == IPPROTO_ICMP)
        icmp = (struct icmp_hdr *)ip_transport(p, ip, sizeof(*icmp), NULL);
    if (!icmp || icmp->type != 0 || icmp->id != host_to_be16(s->id))
        return NULL;
    seq = be16_to_host(icmp->seq);
    ping = &s->count.pings[seq % REMEMBERED];
    return ping->sent_ns && ping->seq == seq ? ping : NULL;
}

static uint32_t account(struct pingsource *s, struct ping *ping, uint64_t now_ns)
{
    uint64_t us = now_ns > ping->sent_ns ? (now_ns - ping->sent_ns) / 1000 : 0;

    if (us > UINT32_MAX)
        us = UINT32_MAX;
    s->count.duplicates += ping->answered;
    ping->answered = true;
    if (!s->count.received || us < s->count.min_us)
        s->count.min_us = us;
    if (us > s->count.max_us)
        s->count.max_us = us;
    s->count.sum_us += us;
    s->count.square_us += us * us;
    s->count.received++;
    return (uint32_t)us;
}

static void report(const struct pingsource *s, const struct ip_hdr *ip, uint16_t seq, uint32_t us)
{
    const uint8_t *from = (const uint8_t *)&ip->src;

    element_log(&s->e, "%u bytes from %u.%u.%u.%u: icmp_seq=%u ttl=%u time=%u.%03u ms",
                be16_to_host(ip->len) - ip_hdr_len(ip) - 8, from[0], from[1], from[2], from[3], seq,
                ip->ttl, us / 1000, us % 1000);
}

/* Send an answer's data again; nothing of its header's options and of what is behind it. */
static void again(struct pingsource *s, struct packet *p, const struct ip_hdr *ip)
{
    uint32_t bytes = be16_to_host(ip->len) - ip_hdr_len(ip) + 20;

    packet_pull(p, (uint32_t)(p->net - p->data) + ip_hdr_len(ip) - 20);
    if (p->len > bytes)
        p->len = bytes;
    fill(s, p);
    element_push(&s->e, 0, p);
}

static void ping_push(struct element *e, unsigned port, struct packet *batch)
{
    struct pingsource *s = (struct pingsource *)e;
    struct packet *p;

    (void)port;
    while ((p = batch)) {
        const struct ip_hdr *ip = packet_ip(p);
        struct ping *ping = asked(s, p, ip);

        batch = p->next;
        p->next = NULL;
        if (ping) {
            uint32_t us = account(s, ping, p->time_ns ? p->time_ns : port_wall_ns());

            if (s->verbose)
                report(s, ip, ping->seq, us);
        }
        if (ping && s->mirror)
            again(s, p, ip);
        else
            packet_kill(p);
    }
}

static int ping_configure(struct element *e, struct conf *c)
{
    struct pingsource *s = (struct pingsource *)e;

    if (s->interval_ns < NSEC_PER_MSEC)
        return conf_error(c, (struct str){NULL, 0}, "INTERVAL must be at least a millisecond");
    if (s->data.len > 65535 - 28)
        return conf_error(c, (struct str){NULL, 0}, "DATA must be shorter than 64 KiB");
    if (s->mirror && !output_is_push(e, 0))
        return conf_error(c, (struct str){NULL, 0}, "MIRROR wants a push output");
    return 0;
}

/* Also when it may go on: the next ping is due at once then. */
static void ping_changed(struct element *e)
{
    struct pingsource *s = (struct pingsource *)e;

    if (s->interval_ns < NSEC_PER_MSEC)
        s->interval_ns = NSEC_PER_MSEC;
    if (!s->active)
        timer_cancel(&s->timer, e);
    else if (!s->timer.index && !limited(s) && output_is_push(e, 0))
        timer_set(&s->timer, e, fire, now_ns(e));
    element_wake_pullers(e);
}

static void ping_start(struct element *e)
{
    struct pingsource *s = (struct pingsource *)e;

    if (s->active && output_is_push(e, 0))
        timer_set(&s->timer, e, fire, now_ns(e) + s->interval_ns);
}

static int write_reset(struct hcall *c)
{
    struct pingsource *s = (struct pingsource *)c->e;

    memset(&s->count, 0, sizeof(s->count));
    ping_changed(c->e);
    return 0;
}

static uint64_t average(const struct pingsource *s)
{
    return s->count.received ? s->count.sum_us / s->count.received : 0;
}

enum { RTT_MIN, RTT_AVG, RTT_MAX };

static int read_rtt(struct hcall *c)
{
    const struct pingsource *s = (const struct pingsource *)c->e;
    uint64_t us = c->code == RTT_MIN   ? s->count.min_us
                  : c->code == RTT_AVG ? average(s)
                                       : s->count.max_us;

    text_addf(c->out, "%u.%06u", (unsigned)(us / 1000000), (unsigned)(us % 1000000));
    return 0;
}

static uint64_t square_root(uint64_t n)
{
    uint64_t root = 0;

    for (uint64_t bit = 1ull << 31; bit; bit >>= 1) {
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    }
    return root;
}

static int read_summary(struct hcall *c)
{
    const struct pingsource *s = (const struct pingsource *)c->e;
    const uint64_t answered = s->count.received - s->count.duplicates, avg = average(s);
    uint64_t us[4] = {s->count.min_us, avg, s->count.max_us, 0};

    text_addf(c->out, "%llu packets transmitted, %llu received", (unsigned long long)s->count.sent,
              (unsigned long long)answered);
    if (s->count.duplicates)
        text_addf(c->out, ", +%llu duplicates", (unsigned long long)s->count.duplicates);
    if (s->count.sent)
        text_addf(c->out, ", %u%% packet loss",
                  (unsigned)((s->count.sent - answered) * 100 / s->count.sent));
    if (s->count.received) {
        us[3] = square_root(s->count.square_us / s->count.received - avg * avg);
        text_addf(c->out, "\nrtt min/avg/max/mdev = ");
        for (unsigned i = 0; i < 4; i++)
            text_addf(c->out, "%s%u.%03u", i ? "/" : "", (unsigned)(us[i] / 1000),
                      (unsigned)(us[i] % 1000));
    }
    text_char(c->out, '\n');
    return 0;
}

static const struct field fields[] = {
    FIELD(struct pingsource, src, "SRC", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct pingsource, dst, "DST", T_IP, F_POS | F_REQ | F_RW),
    FIELD(struct pingsource, interval_ns, "INTERVAL", T_TIME, F_KEY | F_WR, .def = 1000),
    FIELD(struct pingsource, id, "IDENTIFIER", T_U16, F_KEY),
    FIELD(struct pingsource, data, "DATA", T_STR, F_KEY),
    FIELD(struct pingsource, limit, "LIMIT", T_INT, F_KEY | F_WR, .def = -1),
    FIELD(struct pingsource, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct pingsource, verbose, "VERBOSE", T_BOOL, F_KEY, .def = 1),
    FIELD(struct pingsource, stop, "STOP", T_BOOL, F_KEY),
    FIELD(struct pingsource, mirror, "MIRROR", T_BOOL, F_KEY),
    FIELD(struct pingsource, count.sent, "COUNT", T_U64, F_RD),
    {0},
};

static const struct handler handlers[] = {
    {.name = "summary", .read = read_summary},
    {.name = "rtt_min", .read = read_rtt, .code = RTT_MIN},
    {.name = "rtt_avg", .read = read_rtt, .code = RTT_AVG},
    {.name = "rtt_max", .read = read_rtt, .code = RTT_MAX},
    {.name = "reset_counts", .write = write_reset},
    {0},
};

const struct element_class class_ICMPPingSource = {
    .name = "ICMPPingSource",
    .ports = "0-1/1",
    .processing = "h/a",
    .size = sizeof(struct pingsource),
    .extra = EXTRA(.start = ping_start),
    .fields = fields,
    .handlers = handlers,
    .configure = ping_configure,
    .changed = ping_changed,
    PUSHES(ping_push),
    .pull = ping_pull,
};
