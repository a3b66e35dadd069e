/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large segments: lwIP makes TCP segments of up to 64 KiB, and netback cuts them (GSO).
 *
 * lwIP cuts what a program writes into segments of pcb->mss. That field is raised here while it
 * does, to a multiple of the size agreed with the peer, which is kept beside it (connections.h).
 * The size at which netback must cut is handed to the interface when a segment goes out: lwIP calls
 * net_segment_out() right before the packet goes down through IP.
 *
 * What lwIP takes for an interface's MTU then is no measure for IPv6's segments, so the size that
 * it offers to peers, which is right for IPv4, is put right here.
 */
#include "lwip/priv/tcp_priv.h"

#include "connections.h"
#include "net.h"
#include "net_hooks.h"
#include "transmit.h"

#define FRAME_MAX  65535u
#define HEADER_MAX (14u + 40u + 60u) /* Ethernet, IPv6, TCP with all options */

#define MSS_OPTION      0x02040000u /* kind and length; the value is below */
#define MSS_OPTION_MASK 0xffff0000u

static uint16_t taken_size; /* of the segment that goes out now */

uint16_t tso_real_size(const struct tcp_pcb *pcb)
{
    const struct connection *connection = connection_of(pcb);

    return connection && connection->segment_bytes ? connection->segment_bytes : pcb->mss;
}

/* As large as half of the window allows. */
static unsigned size_for(const struct tcp_pcb *pcb)
{
    unsigned window = pcb->cwnd < pcb->snd_wnd ? pcb->cwnd : pcb->snd_wnd;
    unsigned want = window / 2 < FRAME_MAX - HEADER_MAX ? window / 2 : FRAME_MAX - HEADER_MAX;

    want -= want % pcb->mss;
    if (want <= pcb->mss || pcb->state != ESTABLISHED)
        return pcb->mss;
    const struct netif *netif = net_route((const struct ip_pcb *)pcb, &pcb->remote_ip);
    return netif && transmit_cuts(netif, IP_IS_V6_VAL(pcb->remote_ip)) ? want : pcb->mss;
}

/* What is written may go to the end of the last segment: lwIP must find no fault with its size. */
static unsigned last_size(const struct tcp_pcb *pcb)
{
    const struct tcp_seg *last = pcb->unsent;

    while (last && last->next)
        last = last->next;
    return last ? last->len + LWIP_TCP_OPT_LENGTH(last->flags) + pcb->unsent_oversize : 0;
}

void tso_begin(struct tcp_pcb *pcb, size_t n)
{
    struct connection *connection = connection_of(pcb);

    if (n <= pcb->mss && !pcb->unsent)
        return;
    unsigned size = size_for(pcb);
    if (size < connection->largest) {
        unsigned last = last_size(pcb);
        size = size > last ? size : last;
    } else {
        connection->largest = (uint16_t)size;
    }
    connection->segment_bytes = pcb->mss;
    pcb->mss = (u16_t)size;
}

void tso_end(struct tcp_pcb *pcb)
{
    pcb->mss = tso_real_size(pcb);
    connection_of(pcb)->segment_bytes = 0;
}

static void correct_mss(const struct tcp_hdr *header)
{
    u32_t *option = (u32_t *)(uintptr_t)(header + 1), value = lwip_ntohl(*option);

    if ((value & MSS_OPTION_MASK) == MSS_OPTION && (value & ~MSS_OPTION_MASK) > NET_MSS6)
        *option = lwip_htonl(MSS_OPTION | NET_MSS6);
}

u32_t *net_segment_out(const struct tcp_hdr *header, const struct tcp_pcb *pcb, u32_t *options)
{
    if (pcb && TCPH_FLAGS(header) & TCP_SYN && IP_IS_V6_VAL(pcb->remote_ip))
        correct_mss(header);
    taken_size = pcb && pcb->state != LISTEN ? tso_real_size(pcb) : 0;
    return options;
}

uint16_t tso_take_size(void)
{
    uint16_t size = taken_size;

    taken_size = 0;
    return size;
}
