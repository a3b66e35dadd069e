/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large segments: lwIP makes TCP segments of up to 64 KiB, and netback cuts them (GSO).
 *
 * lwIP cuts what a program writes into segments of pcb->mss. That field is raised here, step by
 * step, to a multiple of the size agreed with the peer, which is kept beside it (connections.h). It
 * never falls again: a segment that is larger than the congestion window could not be sent, and
 * pcb->mss is what that window falls to when a segment is lost. The size at which netback must cut
 * is handed to the interface when a segment goes out: lwIP calls net_segment_out() right before the
 * packet goes down through IP.
 *
 * What lwIP takes for an interface's MTU then is no measure for IPv6's segments, so the size that
 * it offers to peers, which is right for IPv4, is put right here.
 */
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

void tso_grow(struct tcp_pcb *pcb)
{
    unsigned real = tso_real_size(pcb);
    unsigned window = pcb->cwnd < pcb->snd_wnd ? pcb->cwnd : pcb->snd_wnd;
    unsigned want = window / 2 < FRAME_MAX - HEADER_MAX ? window / 2 : FRAME_MAX - HEADER_MAX;

    want -= want % real;
    if (want <= pcb->mss || pcb->state != ESTABLISHED)
        return;
    const struct netif *netif = net_route((const struct ip_pcb *)pcb, &pcb->remote_ip);
    if (!netif || !transmit_cuts(netif, IP_IS_V6_VAL(pcb->remote_ip)))
        return;
    connection_of(pcb)->segment_bytes = (uint16_t)real;
    pcb->mss = (u16_t)want;
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
