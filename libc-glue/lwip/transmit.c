/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets from lwIP to netfront. Data that has a packet buffer's page to itself (memory.h) goes out
 * from there: the backend sees the page, and lwIP's pbuf is held until the backend has let go.
 * What is smaller is copied into buffers.
 */
#include "transmit.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

#include "icmp.h"
#include "memory.h"
#include "net.h"
#include "pathmtu.h"
#include "syncookie.h"

#define SHARE_MIN  512 /* bytes: less is copied sooner than granted */
#define PIECES_MAX 17  /* with an extra info, the 18 slots that every backend takes */

#define LARGE_MTU   0xffffu /* lwIP's idea of the MTU where netback cuts: tso.c */
#define NO_MTU      0       /* the same for IPv6, whose paths' MTUs lwIP finds out otherwise */
#define OPTIONS_MAX 12      /* of TCP's segments with data: the timestamps */

/* The sum of TCP's pseudo-header: both addresses, which follow one another, the protocol, the
 * length. */
static u16_t pseudo_sum(const void *addresses, int n_bytes, u16_t len)
{
    u32_t sum = net_checksum(addresses, n_bytes);

    sum += PP_HTONS(IP_PROTO_TCP);
    sum += lwip_htons(len);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)(sum + (sum >> 16));
}

/*
 * The TCP checksum is not lwIP's: put the pseudo-header's sum where netback (or whoever reads the
 * packet in the end) adds the rest, or all of it when the backend does not do that.
 */
static void fill_checksum(struct interface *interface, struct pbuf *p, struct netbuf *packet)
{
    uint8_t *frame = packet->data;
    const struct eth_hdr *eth = (const struct eth_hdr *)frame;
    size_t at = SIZEOF_ETH_HDR;
    u16_t sum, len = (u16_t)(packet->total - at);
    bool offload;

    if (eth->type == PP_HTONS(ETHTYPE_IP)) {
        const struct ip_hdr *ip = (const struct ip_hdr *)(frame + at);
        if (IPH_PROTO(ip) != IP_PROTO_TCP || IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
            return;
        at += IPH_HL_BYTES(ip);
        len = (u16_t)(len - IPH_HL_BYTES(ip));
        sum = pseudo_sum(&ip->src, 2 * sizeof(ip->src), len);
        offload = interface->features.csum_ipv4;
    } else if (eth->type == PP_HTONS(ETHTYPE_IPV6)) {
        const struct ip6_hdr *ip = (const struct ip6_hdr *)(frame + at);
        if (IP6H_NEXTH(ip) != IP6_NEXTH_TCP)
            return;
        at += IP6_HLEN;
        len = (u16_t)(len - IP6_HLEN);
        sum = pseudo_sum(&ip->src, 2 * sizeof(ip->src), len);
        offload = interface->features.csum_ipv6;
    } else {
        return;
    }
    struct tcp_hdr *tcp = (struct tcp_hdr *)(frame + at);
    tcp->chksum = sum;
    if (offload) {
        packet->csum = NETBUF_CSUM_BLANK;
        return;
    }
    pbuf_remove_header(p, at);
    ((struct tcp_hdr *)p->payload)->chksum = sum;
    tcp->chksum = inet_chksum_pbuf(p);
    pbuf_add_header_force(p, at);
}

static unsigned n_shared; /* pieces that the backend may see now */

/* The backend has it: lwIP may have its pbuf back, and with it the page. */
static void release_shared(struct netbuf *piece)
{
    struct pbuf *p = piece->owner[0];

    piece->owner[0] = NULL;
    piece->release = NULL;
    piece->piece = NULL;
    n_shared--;
    pbuf_free(p);
}

/* Let the backend see a pbuf's own page. @return NULL: copy it. */
static struct netbuf *share(struct pbuf *p)
{
    struct netbuf *piece = p->len >= SHARE_MIN ? memory_buffer_of(p) : NULL;

    if (!piece || piece->owner[0])
        return NULL;
    piece->data = p->payload;
    piece->len = p->len;
    piece->piece = NULL;
    piece->gso = NETBUF_GSO_NONE;
    piece->owner[0] = p;
    piece->release = release_shared;
    pbuf_ref(p);
    n_shared++;
    return piece;
}

/* A packet that is being put together. */
struct building {
    struct netbuf *first, **last;
    struct netbuf *tail; /* the last piece, when more can be copied into it */
    unsigned n_pieces;
};

static void add(struct building *building, struct netbuf *piece)
{
    *building->last = piece;
    building->last = &piece->piece;
    building->n_pieces++;
}

/* @return false when there is no memory. */
static bool add_copy(struct building *building, const uint8_t *from, uint32_t left)
{
    while (left) {
        struct netbuf *tail = building->tail;
        uint32_t room = tail ? netbuf_tailroom(tail) : 0;
        if (!room) {
            building->tail = tail = netbuf_alloc();
            if (!tail)
                return false;
            if (building->first)
                tail->data = tail->page; /* headers were in front of the first one alone */
            add(building, tail);
            room = netbuf_tailroom(tail);
        }
        uint32_t n = left < room ? left : room;
        memcpy(tail->data + tail->len, from, n);
        tail->len += n;
        from += n;
        left -= n;
    }
    return true;
}

/* Put a packet together. @return NULL when there is no memory. */
static struct netbuf *build(struct pbuf *p, bool may_share)
{
    struct building building = {.last = &building.first};
    u16_t total = p->tot_len;

    for (; p; p = p->next) {
        struct netbuf *piece = may_share ? share(p) : NULL;
        if (piece) {
            add(&building, piece);
            building.tail = NULL;
        } else if (!add_copy(&building, p->payload, p->len)) {
            netbuf_free(building.first);
            return NULL;
        }
    }
    if (!building.first)
        return NULL;
    building.first->total = total;
    if (building.n_pieces <= PIECES_MAX)
        return building.first;
    netbuf_free(building.first);
    return NULL;
}

/* How many of the first packets go out by the same queue. */
static unsigned run_length(struct netbuf *const *packets, unsigned n)
{
    unsigned run = 1;

    while (run < n && packets[run]->owner[1] == packets[0]->owner[1])
        run++;
    return run;
}

void transmit_flush(struct interface *interface)
{
    struct netbuf **kept = interface->kept;
    unsigned at = 0, left = 0;
    uint8_t full = 0; /* queues, a bit each */

    while (at < interface->n_kept) {
        unsigned queue = (unsigned)(uintptr_t)kept[at]->owner[1] % interface->n_queues;
        unsigned run = interface->n_queues > 1 ? run_length(kept + at, interface->n_kept - at)
                                               : interface->n_kept - at;
        unsigned n =
            full & 1u << queue ? 0 : netfront_transmit(interface->nf, queue, kept + at, run);
        at += n;
        if (n == run)
            continue;
        if (netfront_sendable(interface->nf, kept[at])) {
            full |= (uint8_t)(1u << queue); /* on_change comes when there is room */
            memmove(kept + left, kept + at, (run - n) * sizeof(kept[0]));
            left += run - n;
            at += run - n;
        } else {
            netbuf_free(kept[at++]);
        }
    }
    interface->n_kept = left;
}

/* Large packets are TCP's: netback makes segments of them. */
static void set_gso(const struct interface *interface, struct netbuf *packet, uint16_t segment)
{
    const struct eth_hdr *eth = (const struct eth_hdr *)packet->data;
    bool v6 = eth->type == PP_HTONS(ETHTYPE_IPV6);
    unsigned headers = (v6 ? IP6_HLEN : IP_HLEN) + TCP_HLEN + OPTIONS_MAX;
    unsigned fits = (v6 ? interface->mtu6 : interface->features.mtu) - headers;

    if (segment && segment < fits)
        fits = segment;
    if (packet->total <= SIZEOF_ETH_HDR + headers + fits || !transmit_cuts(&interface->netif, v6))
        return;
    packet->gso = v6 ? NETBUF_GSO_TCPV6 : NETBUF_GSO_TCPV4;
    packet->gso_size = (uint16_t)fits;
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    struct interface *interface = netif->state;
    uint16_t segment = tso_take_size();

    if (syncookie_mutes())
        return ERR_OK;
    if (interface->n_kept == INTERFACE_KEPT)
        transmit_flush(interface);
    if (interface->n_kept == INTERFACE_KEPT)
        return ERR_MEM; /* TCP tries again, others are told */
    struct netbuf *packet = build(p, interface->features.sg);
    if (!packet)
        packet = build(p, false); /* too many pieces; all of them in as few as possible */
    if (!packet)
        return ERR_MEM;
    packet->csum = NETBUF_CSUM_UNKNOWN;
    fill_checksum(interface, p, packet);
    set_gso(interface, packet, segment);
    packet->owner[1] = (void *)(uintptr_t)flow_queue(packet, interface->n_queues);
    interface->kept[interface->n_kept++] = packet;
    return ERR_OK;
}

/* Where netback cuts TCP's segments, lwIP believes in a large MTU; what is not TCP is cut here. */
static err_t output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    const struct interface *interface = netif->state;
    const struct ip_hdr *ip = p->payload;

    if (IPH_PROTO(ip) == IP_PROTO_ICMP && !icmp_may_send(false, p, IPH_HL_BYTES(ip)))
        return ERR_OK;
    if (p->tot_len <= interface->features.mtu || IPH_PROTO(ip) == IP_PROTO_TCP)
        return etharp_output(netif, p, to);
    netif->mtu = (u16_t)interface->features.mtu;
    err_t error = ip4_frag(p, netif, to);
    netif->mtu = LARGE_MTU;
    return error;
}

static err_t output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    const struct ip6_hdr *ip = p->payload;
    unsigned mtu = pathmtu_to(netif->state, to);
    const u16_t kept = netif->mtu6;

    if (IP6H_NEXTH(ip) == IP6_NEXTH_ICMP6 && !icmp_may_send(true, p, IP6_HLEN))
        return ERR_OK;
    if (p->tot_len <= mtu || IP6H_NEXTH(ip) == IP6_NEXTH_TCP)
        return ethip6_output(netif, p, to);
    netif->mtu6 = (u16_t)mtu;
    err_t error = ip6_frag(p, netif, to);
    netif->mtu6 = kept;
    return error;
}

void transmit_init(struct netif *netif)
{
    netif->output = output_ip4;
    netif->output_ip6 = output_ip6;
    netif->linkoutput = link_output;
}

bool transmit_cuts(const struct netif *netif, bool v6)
{
    if (netif->linkoutput != link_output)
        return false;
    const struct interface *interface = netif->state;
    const struct netfront_features *features = &interface->features;
    if (v6)
        return features->sg && features->gso_tcpv6 && features->csum_ipv6;
    return features->sg && features->gso_tcpv4 && features->csum_ipv4;
}

void transmit_set_mtu(struct interface *interface)
{
    struct netif *netif = &interface->netif;
    u16_t mtu = (u16_t)interface->features.mtu;

    netif->mtu = transmit_cuts(netif, false) ? LARGE_MTU : mtu;
    netif->mtu6 = transmit_cuts(netif, true) ? NO_MTU : mtu;
}

void transmit_reap(struct interface *interface)
{
    if (!n_shared)
        return;
    for (unsigned queue = 0; queue < interface->n_queues; queue++)
        netfront_transmit(interface->nf, queue, NULL, 0);
}
