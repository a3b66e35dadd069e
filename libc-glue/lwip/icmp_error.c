/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP has no ear for these, so there is one beside its own, as programs' raw sockets are. Anybody
 * can send an error: it counts when it quotes what a socket may have sent, from its address and
 * port to those that it is connected to. Sockets that are not connected are told of none, and
 * connected ones of none that may pass (no route for now), as on Linux.
 */
#include "icmp_error.h"

#include <errno.h>

#include "lwip/icmp6.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/icmp.h"
#include "lwip/raw.h"

#include <sprat/compiler.h>

#include "quoted.h"
#include "socket.h"

#define HEADER 8 /* ICMP's, in front of what is quoted */

/* What a program is told, by the codes of "unreachable"; 0: it may pass. */
static const uint8_t unreachable4[] = {
    [ICMP_DUR_PROTO] = ENOPROTOOPT,
    [ICMP_DUR_PORT] = ECONNREFUSED,
    [6] = ENETUNREACH,
    [7] = EHOSTDOWN,
    [9] = ENETUNREACH,
    [10] = EHOSTUNREACH,
    [13] = EHOSTUNREACH,
    [14] = EHOSTUNREACH,
    [15] = EHOSTUNREACH,
};
static const uint8_t unreachable6[] = {
    [ICMP6_DUR_PROHIBITED] = EACCES,
    [ICMP6_DUR_PORT] = ECONNREFUSED,
    [ICMP6_DUR_POLICY] = EACCES,
    [ICMP6_DUR_REJECT_ROUTE] = EACCES,
};

static int errno4(uint8_t type, uint8_t code)
{
    if (type == ICMP_DUR)
        return code < sizeof(unreachable4) ? unreachable4[code] : 0;
    return type == ICMP_PP ? EPROTO : 0;
}

static int errno6(uint8_t type, uint8_t code)
{
    if (type == ICMP6_TYPE_DUR)
        return code < sizeof(unreachable6) ? unreachable6[code] : EPROTO;
    if (type == ICMP6_TYPE_PTB) /* pathmtu.c has believed it */
        return EMSGSIZE;
    return type == ICMP6_TYPE_PP ? EPROTO : 0;
}

static void tell_socket(const struct quoted *quoted, int error)
{
    if (quoted->protocol != IP_PROTO_UDP || !quoted_same(&quoted->from, ip_current_dest_addr()))
        return;
    for (struct udp_pcb *udp = udp_pcbs; udp; udp = udp->next)
        if (udp->flags & UDP_FLAGS_CONNECTED && udp->local_port == quoted->from_port &&
            udp->remote_port == quoted->to_port && quoted_same(&quoted->to, &udp->remote_ip) &&
            (address_is_any(&udp->local_ip) || quoted_same(&quoted->from, &udp->local_ip)))
            dgram_fail(udp, error);
}

/* Is ICMP's checksum right, where there is one? */
static bool is_whole(struct pbuf *p, u16_t ip_bytes)
{
    u16_t sum = 0;

    pbuf_remove_header(p, ip_bytes);
    if (!(ip_current_input_netif()->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP))
        ; /* the loopback interface's have none */
    else if (ip_current_is_v6())
        sum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->tot_len, ip6_current_src_addr(),
                                ip6_current_dest_addr());
    else
        sum = inet_chksum_pbuf(p);
    pbuf_add_header_force(p, ip_bytes);
    return !sum;
}

/* The packet, with its IP header. */
static u8_t heard(void *arg, struct raw_pcb *raw, struct pbuf *p, const ip_addr_t *from)
{
    const u16_t ip_bytes = ip_current_header_tot_len();
    const uint8_t *icmp = (const uint8_t *)p->payload + ip_bytes;
    struct quoted quoted;

    (void)arg;
    (void)raw;
    if (p->len < ip_bytes + HEADER)
        return 0;
    int error = IP_IS_V6(from) ? errno6(icmp[0], icmp[1]) : errno4(icmp[0], icmp[1]);
    if (!error || !quoted_read(&quoted, icmp + HEADER, p->len - ip_bytes - HEADER))
        return 0;
    if (is_whole(p, ip_bytes))
        tell_socket(&quoted, error);
    return 0;
}

void icmp_error_listen(void)
{
    static const struct {
        u8_t family, protocol;
    } kinds[] = {{IPADDR_TYPE_V4, IP_PROTO_ICMP}, {IPADDR_TYPE_V6, IP6_NEXTH_ICMP6}};
    static struct raw_pcb *ears[ARRAY_LEN(kinds)];

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (ears[i])
            continue;
        ears[i] = raw_new_ip_type(kinds[i].family, kinds[i].protocol);
        if (ears[i])
            raw_recv(ears[i], heard, NULL);
    }
}
