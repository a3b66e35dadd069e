/* SPDX-License-Identifier: BSD-2-Clause */
#include "peer.h"

#include <stdbool.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "stack.h"
#include "vif.h"
#include "wire.h"
#include "world.h"

#define ETHER      14
#define IP4        20
#define IP6        40
#define TCP        20
#define UDP        8
#define ARP        28
#define FRAGMENT   44 /* IPv6's header for one */
#define FRAME_MAX  2048
#define KEPT       256
#define NS_PER_MS  1000000ull
#define MSS        1440
#define MSS_OPTION 0x02040000u
#define HONEST6    9
#define WINDOW     65535

#define TYPE_IP4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_IP6 0x86dd

enum { SOLICITATION = 135, ADVERTISEMENT = 136 };

static const uint8_t guest_mac[] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};
static const uint8_t peer_mac[] = {0x02, 0, 0, 0, 0, 9};
static const uint8_t link_local[] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0};
static const uint8_t guest6[] = {0xfe, 0x80, 0,    0,    0,    0,    0,    0,
                                 0x02, 0x16, 0x3e, 0xff, 0xfe, 0x01, 0x02, 0x03};

void (*peer_sees)(const struct peer_packet *packet);
uint16_t peer_sum_error;

static struct {
    struct kept {
        struct peer_packet packet;
        uint8_t bytes[FRAME_MAX];
    } last[KEPT]; /* by protocol */
    unsigned n[KEPT];
} sent;

static void deliver(uint8_t *frame, uint16_t type, size_t len)
{
    const struct netbuf like = {.csum = NETBUF_CSUM_VALID};

    memcpy(frame, guest_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    wire_put(frame + 12, 2, type);
    fake_vif_deliver(frame, ETHER + len, &like, 0);
}

void peer_wait_ms(unsigned ms)
{
    thread_sleep_until(clock_monotonic() + ms * NS_PER_MS + 1000);
}

/* What the honest one answers. */

static void answer_arp(const uint8_t *request)
{
    uint8_t frame[ETHER + ARP];

    if (wire_get(request + 6, 2) != 1 || wire_get(request + 24, 4) != PEER_HONEST)
        return;
    memcpy(frame + ETHER, request, 8);
    frame[ETHER + 7] = 2;
    memcpy(frame + ETHER + 8, peer_mac, 6);
    wire_put(frame + ETHER + 14, 4, PEER_HONEST);
    memcpy(frame + ETHER + 18, request + 8, 10);
    deliver(frame, TYPE_ARP, ARP);
}

static void answer_solicitation(const uint8_t *icmp)
{
    uint8_t answer[32] = {ADVERTISEMENT, [4] = 0x60, [24] = 2, [25] = 1};

    if (memcmp(icmp + 8, link_local, sizeof(link_local)) != 0 || wire_get(icmp + 16, 4) ||
        wire_get(icmp + 20, 4) != HONEST6)
        return;
    memcpy(answer + 8, icmp + 8, 16);
    memcpy(answer + 26, peer_mac, 6);
    peer_send6(HONEST6, PEER_ICMP6, answer, sizeof(answer));
}

static void keep(const struct netbuf *packet, uint8_t protocol, uint32_t to, const uint8_t *bytes,
                 size_t len, size_t total)
{
    struct kept *kept = &sent.last[protocol];
    size_t room = sizeof(kept->bytes);

    memcpy(kept->bytes, bytes, len < room ? len : room);
    kept->packet = (struct peer_packet){protocol, to, kept->bytes, len, total, packet->gso_size};
    if (packet->gso == NETBUF_GSO_NONE)
        kept->packet.cut_bytes = 0;
    if (peer_sees)
        peer_sees(&kept->packet);
    sent.n[protocol]++;
}

static void take(const struct netbuf *packet, const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + ETHER;

    switch (wire_get(frame + 12, 2)) {
    case TYPE_ARP:
        answer_arp(ip);
        break;
    case TYPE_IP4:
        keep(packet, ip[9], wire_get(ip + 16, 4), ip + IP4, len - ETHER - IP4, len - ETHER);
        break;
    case TYPE_IP6:
        if (ip[6] == PEER_ICMP6 && ip[IP6] == SOLICITATION)
            answer_solicitation(ip + IP6);
        else if (ip[6] == FRAGMENT)
            keep(packet, ip[IP6], 0, ip + IP6 + 8, len - ETHER - IP6 - 8, len - ETHER);
        else
            keep(packet, ip[6], 0, ip + IP6, len - ETHER - IP6, len - ETHER);
    }
}

void peer_start(void)
{
    peer_start_as(FAKE_VIF_IP);
}

void peer_start_as(const char *ip)
{
    fake_vif_plug(ip);
    fake_vif.sent = take;
    fake_stack_start();
    peer_forget();
}

void peer_forget(void)
{
    memset(sent.n, 0, sizeof(sent.n));
}

unsigned peer_count(uint8_t protocol)
{
    return sent.n[protocol];
}

struct peer_packet peer_last(uint8_t protocol)
{
    if (!sent.n[protocol])
        fake_fail("the guest sent nothing of protocol %u", protocol);
    return sent.last[protocol].packet;
}

void peer_send4(uint32_t from, uint8_t protocol, uint16_t id, uint16_t offset, const void *bytes,
                size_t len)
{
    uint8_t frame[FRAME_MAX] = {0}, *ip = frame + ETHER;

    ip[0] = 0x45;
    wire_put(ip + 2, 2, (uint32_t)(IP4 + len));
    wire_put(ip + 4, 2, id);
    wire_put(ip + 6, 2, offset);
    ip[8] = 64;
    ip[9] = protocol;
    wire_put(ip + 12, 4, from);
    wire_put(ip + 16, 4, PEER_GUEST);
    wire_put(ip + 10, 2, wire_fold(wire_sum(ip, IP4, 0)));
    memcpy(ip + IP4, bytes, len);
    deliver(frame, TYPE_IP4, IP4 + len);
}

void peer_send6_to(const uint8_t to[16], uint16_t from, uint8_t next_header, const void *bytes,
                   size_t len)
{
    uint8_t frame[FRAME_MAX] = {0}, *ip = frame + ETHER;

    ip[0] = 0x60;
    wire_put(ip + 4, 2, (uint32_t)len);
    ip[6] = next_header;
    ip[7] = 255;
    memcpy(ip + 8, link_local, sizeof(link_local));
    wire_put(ip + 22, 2, from);
    memcpy(ip + 24, to, 16);
    memcpy(ip + IP6, bytes, len);
    if (next_header == PEER_ICMP6) {
        uint32_t pseudo = wire_sum(ip + 8, 32, (uint32_t)len + PEER_ICMP6);
        wire_put(ip + IP6 + 2, 2, 0);
        wire_put(ip + IP6 + 2, 2, wire_fold(wire_sum(ip + IP6, len, pseudo)) ^ peer_sum_error);
    }
    deliver(frame, TYPE_IP6, IP6 + len);
}

void peer_send6(uint16_t from, uint8_t next_header, const void *bytes, size_t len)
{
    peer_send6_to(guest6, from, next_header, bytes, len);
}

/* @return its length. */
static size_t make_udp(uint8_t *udp, uint16_t from_port, uint16_t port, const void *bytes,
                       size_t len)
{
    wire_put(udp, 2, from_port);
    wire_put(udp + 2, 2, port);
    wire_put(udp + 4, 2, (uint32_t)(UDP + len));
    memcpy(udp + UDP, bytes, len);
    return UDP + len;
}

void peer_send_udp6(const uint8_t *to, uint16_t from, uint16_t from_port, uint16_t port,
                    const void *bytes, size_t len)
{
    uint8_t udp[FRAME_MAX];

    wire_put(udp + 6, 2, 0xffff);
    len = make_udp(udp, from_port, port, bytes, len);
    peer_send6_to(to ? to : guest6, from, PEER_UDP, udp, len);
}

void peer_send_udp(uint32_t from, uint16_t from_port, uint16_t port, const void *bytes, size_t len)
{
    uint8_t udp[FRAME_MAX];

    wire_put(udp + 6, 2, 0);
    len = make_udp(udp, from_port, port, bytes, len);
    peer_send4(from, PEER_UDP, 0, 0, udp, len);
}

void peer_segment(const struct peer_tcp *tcp, uint8_t flags, uint32_t sequence, uint32_t ack,
                  const void *bytes, size_t len)
{
    uint8_t segment[FRAME_MAX] = {0};

    wire_put(segment, 2, tcp->from_port);
    wire_put(segment + 2, 2, tcp->port);
    wire_put(segment + 4, 4, sequence);
    wire_put(segment + 8, 4, ack);
    size_t header = TCP;
    if (tcp->options) {
        memcpy(segment + TCP, tcp->options, tcp->options_len);
        header += tcp->options_len;
    } else if (flags & PEER_SYN) {
        wire_put(segment + TCP, 4, MSS_OPTION | MSS);
        header += 4;
    }
    segment[12] = (uint8_t)(header / 4 << 4);
    segment[13] = flags;
    wire_put(segment + 14, 2, tcp->window);
    if (len)
        memcpy(segment + header, bytes, len);
    if (tcp->ip6)
        peer_send6((uint16_t)tcp->from, PEER_TCP, segment, header + len);
    else
        peer_send4(tcp->from, PEER_TCP, 0, 0, segment, header + len);
    peer_wait_ms(0);
}

void peer_open(struct peer_tcp *tcp)
{
    peer_segment(tcp, PEER_SYN, tcp->next++, 0, NULL, 0);
    peer_wait_ms(1); /* the guest may have to find its neighbour first */
    struct peer_packet answer = peer_last(PEER_TCP);
    if (answer.bytes[13] != (PEER_SYN | PEER_ACK) || wire_get(answer.bytes + 8, 4) != tcp->next)
        fake_fail("the guest refuses the connection");
    tcp->guest_next = wire_get(answer.bytes + 4, 4) + 1;
    peer_segment(tcp, PEER_ACK, tcp->next, tcp->guest_next, NULL, 0);
}

struct peer_tcp peer_connect(uint32_t from, uint16_t from_port, uint16_t port)
{
    struct peer_tcp tcp = {
        .from = from, .from_port = from_port, .port = port, .next = 1000, .window = WINDOW};

    peer_open(&tcp);
    return tcp;
}

struct peer_tcp peer_connect6(uint16_t from_port, uint16_t port)
{
    struct peer_tcp tcp = {.from = HONEST6,
                           .ip6 = true,
                           .from_port = from_port,
                           .port = port,
                           .next = 1000,
                           .window = WINDOW};

    peer_open(&tcp);
    return tcp;
}

void peer_say(struct peer_tcp *tcp, const void *bytes, size_t len)
{
    peer_segment(tcp, PEER_ACK | PEER_PSH, tcp->next, tcp->guest_next, bytes, len);
    tcp->next += (uint32_t)len;
}
