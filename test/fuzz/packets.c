/* SPDX-License-Identifier: BSD-2-Clause */
#include "packets.h"

#include <stdbool.h>
#include <string.h>

#include "../fake/wire.h"

#define ETHER        14
#define TYPE_IP4     0x0800
#define TYPE_IP6     0x86dd
#define IP6          40
#define TCP_MIN      20
#define UDP          8
#define PROTO_ICMP   1
#define PROTO_IGMP   2
#define PROTO_TCP    6
#define PROTO_UDP    17
#define PROTO_ICMP6  58
#define PORT_DNS     53
#define PORT_DHCP    68 /* a client's */
#define PORT_DHCP6   546
#define TCP_FIN      1
#define TCP_SYN      2
#define HEADERS6_MAX 8

static struct {
    bool tcp;
    uint16_t guest_port, peer_port;
    uint32_t guest_next, peer_next; /* sequence numbers */
    uint8_t dns_id[2], dhcp_id[4], dhcp6_id[3];
    uint16_t dns_port;
} learnt;

void packets_forget(void)
{
    memset(&learnt, 0, sizeof(learnt));
}

/* Where the transport's header is. */
struct layers {
    uint8_t protocol;
    bool ip6, fragment;
    size_t at, len; /* of the transport's bytes */
};

/* Behind IPv6's extension headers. */
static bool skip_headers(const uint8_t *frame, size_t len, struct layers *layers)
{
    for (int n = 0; n < HEADERS6_MAX; n++) {
        const uint8_t *at = frame + layers->at;
        size_t size;
        switch (layers->protocol) {
        case 0:
        case 43:
        case 60:
            if (len < layers->at + 8)
                return false;
            size = 8 + 8 * (size_t)at[1];
            break;
        case 44:
            if (len < layers->at + 8)
                return false;
            layers->fragment |= (wire_get(at + 2, 2) & 0xfff9) != 0;
            size = 8;
            break;
        default:
            return layers->at <= len;
        }
        layers->protocol = at[0];
        layers->at += size;
    }
    return false;
}

/* @return false when it is not IP, or not all there. */
static bool find_layers(const uint8_t *frame, size_t len, struct layers *layers)
{
    *layers = (struct layers){0};
    if (len >= ETHER + 20 && wire_get(frame + 12, 2) == TYPE_IP4) {
        layers->at = ETHER + (frame[ETHER] & 15) * 4u;
        layers->protocol = frame[ETHER + 9];
        layers->fragment = wire_get(frame + ETHER + 6, 2) & 0x3fff;
        if (layers->at < ETHER + 20 || layers->at > len)
            return false;
    } else if (len >= ETHER + IP6 && wire_get(frame + 12, 2) == TYPE_IP6) {
        layers->ip6 = true;
        layers->at = ETHER + IP6;
        layers->protocol = frame[ETHER + 6];
        if (!skip_headers(frame, len, layers))
            return false;
    } else {
        return false;
    }
    layers->len = len - layers->at;
    return true;
}

static void finish_tcp(uint8_t *tcp, unsigned keep)
{
    if (!learnt.tcp)
        return;
    if (!(keep & PACKETS_KEEP_PORTS)) {
        wire_put(tcp, 2, learnt.peer_port);
        wire_put(tcp + 2, 2, learnt.guest_port);
    }
    if (!(keep & PACKETS_KEEP_NUMBERS)) {
        wire_put(tcp + 4, 4, wire_get(tcp + 4, 4) + learnt.peer_next);
        wire_put(tcp + 8, 4, wire_get(tcp + 8, 4) + learnt.guest_next);
    }
}

static void finish_udp(uint8_t *udp, size_t len, unsigned keep)
{
    if (keep & PACKETS_KEEP_IDS)
        return;
    if (wire_get(udp, 2) == PORT_DNS && len >= UDP + 2) {
        wire_put(udp + 2, 2, learnt.dns_port);
        memcpy(udp + UDP, learnt.dns_id, 2);
    } else if (wire_get(udp + 2, 2) == PORT_DHCP && len >= UDP + 8) {
        memcpy(udp + UDP + 4, learnt.dhcp_id, 4);
    } else if (wire_get(udp + 2, 2) == PORT_DHCP6 && len >= UDP + 4) {
        memcpy(udp + UDP + 1, learnt.dhcp6_id, 3);
    }
}

static void finish_sums(uint8_t *frame, size_t len, const struct layers *layers)
{
    uint8_t *ip = frame + ETHER, *transport = frame + layers->at;

    if (layers->ip6) {
        wire_put(ip + 4, 2, (uint32_t)(len - ETHER - IP6));
    } else {
        wire_put(ip + 2, 2, (uint32_t)(len - ETHER));
        wire_put(ip + 10, 2, 0);
        wire_put(ip + 10, 2, wire_fold(wire_sum(ip, layers->at - ETHER, 0)));
    }
    if (layers->len < 4 || layers->fragment)
        return;
    if (layers->protocol == PROTO_UDP && layers->len >= UDP)
        wire_put(transport + 4, 2, (uint32_t)layers->len);
    if (layers->protocol == PROTO_ICMP || layers->protocol == PROTO_IGMP) {
        wire_put(transport + 2, 2, 0);
        wire_put(transport + 2, 2, wire_fold(wire_sum(transport, layers->len, 0)));
    } else if (layers->protocol == PROTO_ICMP6 && layers->ip6) {
        wire_put(transport + 2, 2, 0);
        uint32_t pseudo = wire_sum(ip + 8, 32, (uint32_t)layers->len + PROTO_ICMP6);
        wire_put(transport + 2, 2, wire_fold(wire_sum(transport, layers->len, pseudo)));
    }
}

void packets_finish(uint8_t *frame, size_t len, unsigned keep)
{
    struct layers layers;

    if (!find_layers(frame, len, &layers))
        return;
    if (!layers.fragment && layers.protocol == PROTO_TCP && layers.len >= TCP_MIN)
        finish_tcp(frame + layers.at, keep);
    if (!layers.fragment && layers.protocol == PROTO_UDP && layers.len >= UDP)
        finish_udp(frame + layers.at, layers.len, keep);
    if (!(keep & PACKETS_KEEP_SUMS))
        finish_sums(frame, len, &layers);
}

static void learn_tcp(const uint8_t *tcp, size_t len)
{
    size_t header = (tcp[12] >> 4) * 4u;
    uint8_t flags = tcp[13];

    if (header > len)
        return;
    learnt.tcp = true;
    learnt.guest_port = (uint16_t)wire_get(tcp, 2);
    learnt.peer_port = (uint16_t)wire_get(tcp + 2, 2);
    learnt.guest_next =
        wire_get(tcp + 4, 4) + (uint32_t)(len - header) + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    learnt.peer_next = wire_get(tcp + 8, 4);
}

static void learn_udp(const uint8_t *udp, size_t len)
{
    if (wire_get(udp + 2, 2) == PORT_DNS && len >= UDP + 2) {
        learnt.dns_port = (uint16_t)wire_get(udp, 2);
        memcpy(learnt.dns_id, udp + UDP, 2);
    } else if (wire_get(udp, 2) == PORT_DHCP && len >= UDP + 8) {
        memcpy(learnt.dhcp_id, udp + UDP + 4, 4);
    } else if (wire_get(udp, 2) == PORT_DHCP6 && len >= UDP + 4) {
        memcpy(learnt.dhcp6_id, udp + UDP + 1, 3);
    }
}

void packets_learn(const struct netbuf *packet, const uint8_t *frame, size_t len)
{
    struct layers layers;

    (void)packet;
    if (!find_layers(frame, len, &layers) || layers.fragment)
        return;
    if (layers.protocol == PROTO_TCP && layers.len >= TCP_MIN)
        learn_tcp(frame + layers.at, layers.len);
    else if (layers.protocol == PROTO_UDP && layers.len >= UDP)
        learn_udp(frame + layers.at, layers.len);
}
