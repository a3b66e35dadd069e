/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths' MTUs are lwIP's, for datagrams; what TCP's segments are cut to is kept of
 * each connection (tso.c), as netback cuts them. Anybody can say that a packet was too big. RFC
 * 8201 asks that it shows some of it: so there must be a connection that has sent this, or a socket
 * that may have. And no path may be said to be narrower than IPv6 allows. Where netback does not
 * cut, nothing is learnt: lwIP can't cut a segment that it has made, only the packet around it.
 */
#include "pathmtu.h"

#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/nd6.h"
#include "lwip/udp.h"

#include "bytes.h"
#include "connections.h"
#include "net.h"
#include "quoted.h"
#include "transmit.h"
#include "window.h"

#define LEAST       IP6_MIN_MTU_LENGTH
#define ICMP_HEADER 8
#define RA_HEADER   16
#define OPTION_MTU  5
#define OPTION_UNIT 8
#define HEADERS     (IP6_HLEN + TCP_HLEN + LWIP_TCP_OPT_LEN_TS_OUT)

/* The connection that has sent it, and may have to send it again. */
static struct tcp_pcb *find_connection(const struct quoted *quoted)
{
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (pcb->local_port == quoted->from_port && pcb->remote_port == quoted->to_port &&
            quoted_same(&quoted->from, &pcb->local_ip) && quoted_same(&quoted->to, &pcb->remote_ip))
            return TCP_SEQ_GEQ(quoted->sequence, pcb->lastack) &&
                           TCP_SEQ_LT(quoted->sequence, pcb->snd_nxt)
                       ? pcb
                       : NULL;
    return NULL;
}

static bool may_have_sent(const struct quoted *quoted)
{
    for (const struct udp_pcb *udp = udp_pcbs; udp; udp = udp->next)
        if (udp->local_port == quoted->from_port &&
            (!(udp->flags & UDP_FLAGS_CONNECTED) ||
             (udp->remote_port == quoted->to_port && quoted_same(&quoted->to, &udp->remote_ip))))
            return true;
    return false;
}

/* What was too big is lost: it is sent again, in smaller segments. */
static void narrow(struct tcp_pcb *pcb, unsigned mtu)
{
    if (pcb->mss <= mtu - HEADERS)
        return;
    pcb->mss = (u16_t)(mtu - HEADERS);
    recovery_forget(pcb);
    tcp_rexmit_rto(pcb);
}

bool pathmtu_too_big(const struct interface *interface, const uint8_t *icmp, size_t len)
{
    struct quoted quoted;

    if (!quoted_read(&quoted, icmp + ICMP_HEADER, len - ICMP_HEADER))
        return false;
    unsigned mtu = bytes_get32(icmp + 4);
    if (mtu < LEAST || !transmit_cuts(&interface->netif, true))
        return false;
    if (quoted.protocol == IP6_NEXTH_UDP)
        return may_have_sent(&quoted);
    if (quoted.protocol == IP6_NEXTH_ICMP6)
        return true; /* an answer to a ping: who knows */
    struct tcp_pcb *pcb = quoted.protocol == IP6_NEXTH_TCP ? find_connection(&quoted) : NULL;
    if (pcb)
        narrow(pcb, mtu);
    return pcb;
}

void pathmtu_advertised(struct interface *interface, const uint8_t *icmp, size_t len)
{
    for (size_t at = RA_HEADER; len >= at + OPTION_UNIT && icmp[at + 1];
         at += OPTION_UNIT * icmp[at + 1]) {
        unsigned mtu = bytes_get32(icmp + at + 4);
        if (icmp[at] == OPTION_MTU && mtu >= LEAST)
            interface->mtu6 = mtu < interface->features.mtu ? mtu : interface->features.mtu;
    }
}

unsigned pathmtu_to(const struct interface *interface, const ip6_addr_t *to)
{
    unsigned path = nd6_get_destination_mtu(to, (struct netif *)&interface->netif);

    return path && path < interface->mtu6 ? path : interface->mtu6;
}
