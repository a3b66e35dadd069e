/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HealthCheck: asks a load balancer's servers whether they are alive; not in Click.
 *
 *     HealthCheck(MAPPER, SRC [, INTERVAL 1s, FALL 3, RISE 2, ICMP false])
 *
 * Every INTERVAL it sends a TCP SYN (or, with ICMP, an echo request) from SRC to each target of a
 * RoundRobinIPMapper, out of output 0, as IP packets with the destination annotation set. Input 0
 * gets IP packets for SRC: answers to the probes are taken (a SYN-ACK is answered by a RST), all
 * others leave by output 1. A target that missed FALL answers gets no new flows until it gave RISE
 * in a row.
 */
#include "../engine/element.h"
#include "mappers.h"

#define TARGETS_MAX 64

struct health {
    struct element e;
    struct element *mapper_element;
    struct rrmapper *mapper;
    uint32_t src;
    uint64_t interval_ns, probes, answers;
    uint32_t fall, rise;
    bool icmp;
    uint32_t secret;
    uint16_t round;
    struct timer timer;
    struct {
        uint8_t missed, seen;
        bool waiting;
    } targets[TARGETS_MAX];
};

#define PROBE_PORT 61440 /* source ports: this plus the target's number */

static int health_configure(struct element *e, struct conf *c)
{
    struct health *h = (struct health *)e;

    if (strcmp(h->mapper_element->cls->name, "RoundRobinIPMapper") != 0)
        return conf_error(c, (struct str){NULL, 0}, "MAPPER must be a RoundRobinIPMapper");
    h->mapper = (struct rrmapper *)h->mapper_element;
    if (h->interval_ns < NSEC_PER_MSEC || !h->fall || !h->rise)
        return conf_error(c, (struct str){NULL, 0}, "INTERVAL, FALL and RISE must be above 0");
    h->secret = port_random();
    return 0;
}

static unsigned n_targets(const struct health *h)
{
    return h->mapper->n < TARGETS_MAX ? h->mapper->n : TARGETS_MAX;
}

/* What a probe's sequence number is: nobody else can guess it. */
static uint32_t cookie(const struct health *h, unsigned i)
{
    return (h->secret ^ (i * 2654435761u)) + h->round * 40503u;
}

static void send(struct health *h, unsigned i, uint8_t flags, uint32_t seq)
{
    const struct pattern *to = &h->mapper->targets[i].pattern;
    unsigned len = 20 + (h->icmp ? 8 : 20);
    struct packet *p;
    struct ip_hdr *ip;

    if (!to->dst)
        return;
    p = packet_new(PACKET_HEADROOM, len);
    if (!p)
        return;
    ip = (struct ip_hdr *)p->data;
    memset(p->data, 0, len);
    ip_fill(ip, h->icmp ? IPPROTO_ICMP : IPPROTO_TCP, h->src, to->dst, (uint16_t)len, h->round);
    if (h->icmp) {
        struct icmp_hdr *icmp = (struct icmp_hdr *)(ip + 1);

        icmp->type = 8;
        icmp->id = host_to_be16((uint16_t)(PROBE_PORT + i));
        icmp->seq = (uint16_t)cookie(h, i);
        icmp->sum = checksum(icmp, 8);
    } else {
        struct tcp_hdr *tcp = (struct tcp_hdr *)(ip + 1);

        tcp->sport = host_to_be16((uint16_t)(PROBE_PORT + i));
        tcp->dport = host_to_be16(to->dport ? to->dport : 80);
        tcp->seq = host_to_be32(seq);
        tcp->off = 0x50;
        tcp->flags = flags;
        tcp->win = host_to_be16(1024);
        tcp->sum = transport_checksum(ip, tcp, 20);
    }
    p->net = p->data;
    p->time_ns = port_wall_ns();
    packet_set_dst_ip(p, to->dst);
    element_push(&h->e, 0, p);
}

static void probe(struct element *e, struct timer *t)
{
    struct health *h = (struct health *)e;

    for (unsigned i = 0; i < n_targets(h); i++) {
        struct rrtarget *target = &h->mapper->targets[i];

        if (h->targets[i].waiting) {
            h->targets[i].seen = 0;
            if (h->targets[i].missed < 255)
                h->targets[i].missed++;
            if (h->targets[i].missed >= h->fall && !target->down) {
                target->down = true;
                element_log(e, "target %u is down", i);
            }
        }
        h->targets[i].waiting = true;
    }
    h->round++;
    for (unsigned i = 0; i < n_targets(h); i++) {
        h->probes++;
        send(h, i, TCP_SYN, cookie(h, i));
    }
    timer_set(t, e, probe, now_ns(e) + h->interval_ns);
}

static void health_start(struct element *e)
{
    struct health *h = (struct health *)e;

    timer_set(&h->timer, e, probe, now_ns(e));
}

static void alive(struct health *h, unsigned i)
{
    struct rrtarget *target = &h->mapper->targets[i];

    if (!h->targets[i].waiting)
        return;
    h->answers++;
    h->targets[i].waiting = false;
    h->targets[i].missed = 0;
    if (h->targets[i].seen < 255)
        h->targets[i].seen++;
    if (h->targets[i].seen >= h->rise && target->down) {
        target->down = false;
        element_log(&h->e, "target %u is up", i);
    }
}

/* The target that this packet is an answer of, or -1. */
static int answered(struct health *h, const struct packet *p)
{
    struct ip_hdr *ip = packet_ip(p);
    uint8_t *t = ip ? ip_transport(p, ip, h->icmp ? 8 : 20, NULL) : NULL;
    unsigned i;

    if (!t || ip->dst != h->src || ip->proto != (h->icmp ? IPPROTO_ICMP : IPPROTO_TCP))
        return -1;
    i = (unsigned)(get_be16(t + (h->icmp ? 4 : 2)) - PROBE_PORT);
    if (i >= n_targets(h) || h->mapper->targets[i].pattern.dst != ip->src)
        return -1;
    if (h->icmp)
        return t[0] == 0 && get_raw16(t + 6) == (uint16_t)cookie(h, i) ? (int)i : -1;
    /* SYN and ACK: alive. A RST comes from a host whose server is not there. */
    if ((t[13] & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK) ||
        get_be32(t + 8) != cookie(h, i) + 1)
        return -1;
    send(h, i, TCP_RST, cookie(h, i) + 1);
    return (int)i;
}

static void health_push(struct element *e, unsigned port, struct packet *batch)
{
    struct health *h = (struct health *)e;

    (void)port;
    while (batch) {
        struct packet *p = batch;
        int i;

        batch = p->next;
        p->next = NULL;
        i = answered(h, p);
        if (i >= 0) {
            alive(h, (unsigned)i);
            packet_kill(p);
        } else {
            element_push_or_kill(e, 1, p);
        }
    }
}

static void health_take_state(struct element *e, struct element *old)
{
    struct health *h = (struct health *)e, *o = (struct health *)old;

    memcpy(h->targets, o->targets, sizeof(h->targets));
    for (unsigned i = 0; i < n_targets(h);
         i++) /* the old mapper has been looked at before it goes */
        h->mapper->targets[i].down = h->targets[i].missed >= h->fall;
}

static const struct field fields[] = {
    FIELD(struct health, mapper_element, "MAPPER", T_ELEMENT, F_POS | F_REQ),
    FIELD(struct health, src, "SRC", T_IP, F_POS | F_REQ),
    FIELD(struct health, interval_ns, "INTERVAL", T_TIME, F_KEY | F_RW, .def = 1000),
    FIELD(struct health, fall, "FALL", T_U32, F_KEY | F_RD, .def = 3, .max = 250),
    FIELD(struct health, rise, "RISE", T_U32, F_KEY | F_RD, .def = 2, .max = 250),
    FIELD(struct health, icmp, "ICMP", T_BOOL, F_KEY),
    FIELD(struct health, probes, "PROBES", T_U64, F_RD | F_ZERO),
    FIELD(struct health, answers, "ANSWERS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_HealthCheck = {
    .name = "HealthCheck",
    .ports = "1/1-2",
    .processing = "h/h",
    .size = sizeof(struct health),
    .extra = EXTRA(.start = health_start, .take_state = health_take_state),
    .fields = fields,
    .configure = health_configure,
    PUSHES(health_push),
};
