/* SPDX-License-Identifier: BSD-2-Clause */
/* lwIP's interfaces on netfront's: packets in bursts, each way. */
#include "net.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4_frag.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "netif/ethernet.h"

#include <sprat/format.h>
#include <sprat/netfront.h>
#include <sprat/page.h>

#include "config.h"
#include "interface.h"

#define BURST 32 /* packets between two looks at timers and threads */
#define COPY_MAX                                                                                   \
    256 /* received packets up to this size are copied, so that no page waits for them */
#define RX_MIN      32 /* pages posted for receiving: Linux netback stalls below 18 */
#define RX_MAX      255
#define RX_SHARE    8       /* of the free memory */
#define HEADERS_MAX 128     /* what lwIP wants to find in a packet's first piece */
#define FRAME_MAX   0xffffu /* bytes that lwIP counts in a packet */
#define LARGE_MTU   0xffffu /* lwIP's idea of the MTU where netback cuts: tso.c */

#define CHECKS (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

static struct {
    struct interface *first, **last;
    bool all_opened;
} interfaces = {.last = &interfaces.first};

unsigned net_more_mss = 1500 - 40 - NET_MSS_MIN;

/* Receiving. */

struct received {
    struct pbuf_custom custom;
    struct netbuf *netbuf;
};

static struct received *free_received;

static void release_received(struct pbuf *p)
{
    struct received *received = (struct received *)p;

    netbuf_free(received->netbuf);
    received->netbuf = (struct netbuf *)free_received;
    free_received = received;
}

static struct pbuf *wrap_piece(struct netbuf *piece)
{
    struct received *received = free_received;

    if (received)
        free_received = (struct received *)received->netbuf;
    else if (!(received = port_alloc(sizeof(*received))))
        return NULL;
    received->netbuf = piece;
    received->custom.custom_free_function = release_received;
    piece->piece = NULL;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)piece->len, PBUF_REF, &received->custom,
                               piece->data, (u16_t)piece->len);
}

/* Where netfront's pieces stay where they are: each becomes a pbuf. */
static struct pbuf *wrap(struct netbuf *packet)
{
    struct pbuf *head = NULL, *tail = NULL;
    u16_t left = (u16_t)packet->total;

    while (packet) {
        struct netbuf *next = packet->piece;
        struct pbuf *p = wrap_piece(packet);
        if (!p) {
            packet->piece = next;
            netbuf_free(packet);
            if (head)
                pbuf_free(head);
            return NULL;
        }
        p->tot_len = left;
        left = (u16_t)(left - p->len);
        if (tail)
            tail->next = p;
        else
            head = p;
        tail = p;
        packet = next;
    }
    return head;
}

static struct pbuf *copy(struct netbuf *packet)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)packet->total, PBUF_RAM);

    if (p) {
        uint8_t *to = p->payload;
        for (const struct netbuf *piece = packet; piece; piece = piece->piece) {
            memcpy(to, piece->data, piece->len);
            to += piece->len;
        }
    }
    netbuf_free(packet);
    return p;
}

static void receive(struct interface *interface, struct netbuf *packet)
{
    bool checked = packet->csum != NETBUF_CSUM_UNKNOWN;

    if (packet->total > FRAME_MAX) {
        netbuf_free(packet);
        return;
    }
    bool small = packet->total <= COPY_MAX || packet->len < HEADERS_MAX;
    struct pbuf *p = small ? copy(packet) : wrap(packet);
    if (!p)
        return; /* no memory: the sender will notice */
    u16_t flags = NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP;
    interface->netif.chksum_flags = checked ? flags & ~CHECKS : flags;
    if (!inspect_frame(p) || ethernet_input(p, &interface->netif) != ERR_OK)
        pbuf_free(p);
}

static bool receive_burst(struct interface *interface)
{
    struct netbuf *packets[BURST];
    bool found = false;

    for (unsigned queue = 0; queue < interface->n_queues; queue++) {
        unsigned n = netfront_receive(interface->nf, queue, packets, BURST);
        for (unsigned i = 0; i < n; i++)
            receive(interface, packets[i]);
        found |= n != 0;
    }
    return found;
}

/* Sending. */

/*
 * The TCP checksum is not lwIP's: put the pseudo-header's sum where netback (or whoever reads the
 * packet in the end) adds the rest, or all of it when the backend does not do that.
 */
static void fill_checksum(struct interface *interface, struct pbuf *p, struct netbuf *packet)
{
    uint8_t *frame = packet->data;
    const struct eth_hdr *eth = (const struct eth_hdr *)frame;
    size_t at = SIZEOF_ETH_HDR;
    bool offload;
    ip_addr_t from, to;

    if (eth->type == PP_HTONS(ETHTYPE_IP)) {
        const struct ip_hdr *ip = (const struct ip_hdr *)(frame + at);
        if (IPH_PROTO(ip) != IP_PROTO_TCP || IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
            return;
        ip_addr_copy_from_ip4(from, ip->src);
        ip_addr_copy_from_ip4(to, ip->dest);
        at += IPH_HL_BYTES(ip);
        offload = interface->features.csum_ipv4;
    } else if (eth->type == PP_HTONS(ETHTYPE_IPV6)) {
        const struct ip6_hdr *ip = (const struct ip6_hdr *)(frame + at);
        if (IP6H_NEXTH(ip) != IP6_NEXTH_TCP)
            return;
        ip_addr_copy_from_ip6_packed(from, ip->src);
        ip_addr_copy_from_ip6_packed(to, ip->dest);
        at += IP6_HLEN;
        offload = interface->features.csum_ipv6;
    } else {
        return;
    }
    u16_t len = (u16_t)(packet->total - at);
    struct tcp_hdr *tcp = (struct tcp_hdr *)(frame + at);
    tcp->chksum = 0;
    if (offload) {
        tcp->chksum = (u16_t)~ip_chksum_pseudo_partial(NULL, IP_PROTO_TCP, len, 0, &from, &to);
        packet->csum = NETBUF_CSUM_BLANK;
        return;
    }
    pbuf_remove_header(p, at);
    ((struct tcp_hdr *)p->payload)->chksum = 0;
    tcp->chksum = ip_chksum_pseudo(p, IP_PROTO_TCP, len, &from, &to);
    pbuf_add_header_force(p, at);
}

/* Copy a packet into buffers that the backend may see. */
static struct netbuf *build(const struct pbuf *p)
{
    struct netbuf *packet = netbuf_alloc(), *piece = packet;

    if (!packet)
        return NULL;
    packet->total = p->tot_len;
    for (; p; p = p->next) {
        const uint8_t *from = p->payload;
        uint32_t left = p->len;
        while (left) {
            uint32_t room = netbuf_tailroom(piece);
            if (!room) {
                piece->piece = netbuf_alloc();
                if (!piece->piece) {
                    netbuf_free(packet);
                    return NULL;
                }
                piece = piece->piece;
                piece->data = piece->page;
                room = NETBUF_BYTES;
            }
            uint32_t n = left < room ? left : room;
            memcpy(piece->data + piece->len, from, n);
            piece->len += n;
            from += n;
            left -= n;
        }
    }
    return packet;
}

static void flush(struct interface *interface)
{
    unsigned sent = 0;

    while (sent < interface->n_kept) {
        unsigned n =
            netfront_transmit(interface->nf, 0, interface->kept + sent, interface->n_kept - sent);
        sent += n;
        if (sent == interface->n_kept)
            break;
        if (n)
            continue;
        if (netfront_link(interface->nf) == NETFRONT_UP && !netfront_room(interface->nf, 0))
            break;                            /* on_change comes when there is room */
        netbuf_free(interface->kept[sent++]); /* it can't be sent at all, or there is no link */
    }
    interface->n_kept -= sent;
    memmove(interface->kept, interface->kept + sent,
            interface->n_kept * sizeof(interface->kept[0]));
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    struct interface *interface = netif->state;
    uint16_t segment = tso_take_size();

    if (interface->n_kept == INTERFACE_KEPT)
        flush(interface);
    if (interface->n_kept == INTERFACE_KEPT)
        return ERR_MEM; /* TCP tries again, others are told */
    struct netbuf *packet = build(p);
    if (!packet)
        return ERR_MEM;
    packet->csum = NETBUF_CSUM_UNKNOWN;
    fill_checksum(interface, p, packet);
    if (packet->total > interface->features.mtu + SIZEOF_ETH_HDR) {
        unsigned fits = interface->features.mtu - 40u - 12u;
        packet->gso = NETBUF_GSO_TCPV4;
        packet->gso_size = segment && segment < fits ? segment : (uint16_t)fits;
    }
    interface->kept[interface->n_kept++] = packet;
    return ERR_OK;
}

/* Where netback cuts TCP's segments, lwIP believes in a large MTU; what is not TCP is cut here. */
static err_t output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    const struct interface *interface = netif->state;
    const struct ip_hdr *ip = p->payload;

    if (p->tot_len <= interface->features.mtu || IPH_PROTO(ip) == IP_PROTO_TCP)
        return etharp_output(netif, p, to);
    netif->mtu = (u16_t)interface->features.mtu;
    err_t error = ip4_frag(p, netif, to);
    netif->mtu = LARGE_MTU;
    return error;
}

/* The life of an interface. */

static err_t init_netif(struct netif *netif)
{
    netif->name[0] = 'v';
    netif->name[1] = 'i';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->mtu = netif->mtu6 = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->output = output_ip4;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = link_output;
    netif->hostname = app_name;
    return ERR_OK;
}

/* The smallest of all interfaces' MTUs decides what is offered to peers. */
static void limit_mss(unsigned mtu)
{
    unsigned mss = mtu - 40 > NET_MSS_MIN ? mtu - 40 : NET_MSS_MIN;

    if (mss - NET_MSS_MIN < net_more_mss)
        net_more_mss = mss - NET_MSS_MIN;
}

static void link_up(struct interface *interface)
{
    struct netif *netif = &interface->netif;

    interface->features = *netfront_features(interface->nf);
    interface->n_queues = interface->features.n_queues;
    memcpy(netif->hwaddr, interface->features.mac, ETH_HWADDR_LEN);
    if (interface->features.mtu < 1280)
        interface->features.mtu = 1280; /* IPv6's least */
    limit_mss(interface->features.mtu);
    netif->mtu6 = (u16_t)interface->features.mtu;
    netif->mtu =
        interface->features.gso_tcpv4 && interface->features.sg && interface->features.csum_ipv4
            ? LARGE_MTU
            : (u16_t)interface->features.mtu;
    netif_set_link_up(netif);
    if (interface->connecting) {
        interface->connecting = false;
        config_apply(interface);
    }
}

static void look_at_link(struct interface *interface)
{
    bool up = netfront_link(interface->nf) == NETFRONT_UP;

    if (up && !netif_is_link_up(&interface->netif))
        link_up(interface);
    else if (!up && netif_is_link_up(&interface->netif))
        netif_set_link_down(&interface->netif);
}

static void changed(void *arg)
{
    (void)arg;
    net_kick();
}

/* Room for a burst while another domain has the CPU, in a small part of the memory. */
static unsigned choose_rx_buffers(void)
{
    size_t pages = page_free_count() / RX_SHARE;

    return pages < RX_MIN ? RX_MIN : pages > RX_MAX ? RX_MAX : (unsigned)pages;
}

static void open_one(unsigned number)
{
    struct interface *interface = port_alloc(sizeof(*interface));

    if (!interface) {
        port_log("vif%u: no memory", number);
        return;
    }
    memset(interface, 0, sizeof(*interface));
    interface->number = number;
    interface->features.mtu = 1500;
    const struct netfront_config config = {.rx_buffers = choose_rx_buffers()};
    int error = netfront_open(number, &config, changed, NULL, &interface->nf);
    if (error) {
        port_log("vif%u: %s", number, strerror(-error));
        port_free(interface);
        return;
    }
    config_read(interface);
    netif_add_noaddr(&interface->netif, interface, init_netif, ethernet_input);
    if (!netif_default)
        netif_set_default(&interface->netif);
    netif_set_up(&interface->netif);
    interface->connecting = true;
    *interfaces.last = interface;
    interfaces.last = &interface->next;
}

void interface_open_all(void)
{
    unsigned numbers[INTERFACES_MAX];
    int n = netfront_list(numbers, INTERFACES_MAX);

    for (int i = 0; i < n; i++)
        open_one(numbers[i]);
    interfaces.all_opened = true;
}

bool interface_receive_all(void)
{
    bool found = false;

    for (struct interface *interface = interfaces.first; interface; interface = interface->next) {
        look_at_link(interface);
        if (netif_is_link_up(&interface->netif))
            found |= receive_burst(interface);
    }
    return found;
}

bool interface_flush_all(void)
{
    bool found = false;

    for (struct interface *interface = interfaces.first; interface; interface = interface->next) {
        if (!interface->n_kept)
            continue;
        flush(interface);
        found = true;
    }
    return found;
}

bool interface_all_ready(void)
{
    if (!interfaces.all_opened)
        return false;
    for (const struct interface *interface = interfaces.first; interface;
         interface = interface->next)
        if (interface->connecting || !config_done(interface))
            return false;
    return true;
}
