/* SPDX-License-Identifier: BSD-2-Clause */
/** Where lwIP asks us: included by its sources behind their own headers. */
#ifndef SPRAT_NET_HOOKS_H
#define SPRAT_NET_HOOKS_H

#include "lwip/ip_addr.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

/** A first sequence number that nobody else can guess: RFC 6528. See isn.c. */
#define LWIP_HOOK_TCP_ISN net_isn
u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);

/** Called for each segment that comes in, before lwIP looks at it: anything but ERR_OK drops it.
 * See segment.c. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, optlen, opt1len, opt2, p)                          \
    net_segment_in(pcb, header, p)
struct tcp_hdr;
err_t net_segment_in(struct tcp_pcb *pcb, struct tcp_hdr *header, struct pbuf *p);

/** Called for each segment that goes out, its header complete. See tso.c. */
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) net_segment_out(header, pcb, options)
u32_t *net_segment_out(const struct tcp_hdr *header, const struct tcp_pcb *pcb, u32_t *options);

/*
 * How blocks come into lwIP's lists, and leave them: connections.c looks for none in a list. And
 * what IP hands to TCP goes by there; IP's files include raw.h, TCP's do not.
 */
struct netif;
void net_connection_add(struct tcp_pcb **list, struct tcp_pcb *pcb);
void net_connection_remove(struct tcp_pcb **list, struct tcp_pcb *pcb);
void net_tcp_input(struct pbuf *p, struct netif *netif);

#undef TCP_REG
#define TCP_REG(list, pcb)                                                                         \
    do {                                                                                           \
        net_connection_add(list, pcb);                                                             \
        tcp_timer_needed();                                                                        \
    } while (0)
#undef TCP_RMV
#define TCP_RMV(list, pcb) net_connection_remove(list, pcb)
#ifdef LWIP_HDR_RAW_H
#define tcp_input net_tcp_input
#endif

/*
 * What sends: the window is ours (window.c). tcp_out.c has what is meant, and alone of lwIP's TCP
 * does not include nd6.h; tcp_in.c alone includes inet_chksum.h besides.
 */
err_t net_output(struct tcp_pcb *pcb);
err_t net_answer(struct tcp_pcb *pcb);
void net_rexmit_rto_commit(struct tcp_pcb *pcb);
err_t net_split_unsent(struct tcp_pcb *pcb, u16_t first_bytes);
#ifdef LWIP_HDR_ND6_H
#ifdef LWIP_HDR_INET_CHKSUM_H
#define tcp_output           net_answer
#define tcp_rexmit_fast(pcb) ((void)0) /* recovery.c */
#else
#define tcp_output            net_output
#define tcp_rexmit_rto_commit net_rexmit_rto_commit
#define tcp_split_unsent_seg  net_split_unsent
#endif
#endif

#endif
