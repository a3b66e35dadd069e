/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large segments: lwIP makes TCP segments of up to 64 KiB, and netback cuts them (GSO).
 *
 * lwIP cuts what a program writes into segments of pcb->mss. That field is raised here, step by
 * step, to a multiple of the size agreed with the peer, which is kept in the connection's
 * extension. It never falls again: a segment that is larger than the congestion window could not be
 * sent, and pcb->mss is what that window falls to when a segment is lost. The size at which netback
 * must cut is handed to the interface when a segment goes out: lwIP calls net_segment_out() right
 * before the packet goes down through IP.
 *
 * Only for IPv4: lwIP looks at IPv6's path MTU before it sends, and fragments.
 */
#include "net.h"
#include "net_hooks.h"

#define IP_BYTES_MAX 65535u
#define HEADER_MAX   (20u + 60u) /* IPv4 without options, TCP with all of them */

static struct {
    uint16_t size;
    int id_plus_1; /* of the extension; 0 while there is none */
} tso;

static u8_t extension(void)
{
    if (!tso.id_plus_1)
        tso.id_plus_1 = tcp_ext_arg_alloc_id() + 1;
    return (u8_t)(tso.id_plus_1 - 1);
}

uint16_t tso_real_size(const struct tcp_pcb *pcb)
{
    uintptr_t size = (uintptr_t)tcp_ext_arg_get(pcb, extension());
    return size ? (uint16_t)size : pcb->mss;
}

void tso_grow(struct tcp_pcb *pcb)
{
    const struct netif *netif;

    if (!IP_IS_V4_VAL(pcb->remote_ip) || pcb->state != ESTABLISHED)
        return;
    netif = ip_route(&pcb->local_ip, &pcb->remote_ip);
    if (!netif || netif->mtu != IP_BYTES_MAX) /* interface.c: it takes large packets */
        return;
    unsigned real = tso_real_size(pcb);
    unsigned window = pcb->cwnd < pcb->snd_wnd ? pcb->cwnd : pcb->snd_wnd;
    unsigned want = window / 2 < IP_BYTES_MAX - HEADER_MAX ? window / 2 : IP_BYTES_MAX - HEADER_MAX;

    want -= want % real;
    if (want <= pcb->mss)
        return;
    tcp_ext_arg_set(pcb, extension(), (void *)(uintptr_t)real);
    pcb->mss = (u16_t)want;
}

u32_t *net_segment_out(const struct tcp_pcb *pcb, u32_t *options)
{
    tso.size = pcb && pcb->state != LISTEN ? tso_real_size(pcb) : 0;
    return options;
}

uint16_t tso_take_size(void)
{
    uint16_t size = tso.size;

    tso.size = 0;
    return size;
}
