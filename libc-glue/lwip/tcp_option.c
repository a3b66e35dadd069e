/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's options. */
#include "sockopt.h"

#include <errno.h>

#include "lwip/priv/tcp_priv.h"

#include <sprat/compiler.h>

#include "connections.h"
#include "net.h"
#include "net_hooks.h"
#include "window.h"

#define KEEP_MAX       32767 /* seconds */
#define KEEP_COUNT_MAX 127
#define MSS_UNKNOWN    536 /* RFC 1122: until a peer has named one */
#define NS_PER_US      1000
#define US_PER_TICK    (TCP_SLOW_INTERVAL * 1000u)

/* A connection's block, not a listener's, which is a smaller struct. */
static struct tcp_pcb *block_of(const struct socket *socket)
{
    return socket->tcp.state == TCP_LISTENING ? NULL : socket->tcp.pcb;
}

/* Where the value is, in a connection or a listener. NULL: the connection is gone. */
static u32_t *keepalive_of(struct socket *socket, int name)
{
    struct tcp_pcb *pcb = block_of(socket);
    struct tcp_keepalive *listeners = &socket->tcp.keepalive;

    if (!socket->tcp.pcb)
        return NULL;
    switch (name) {
    case TCP_KEEPIDLE:
        return pcb ? &pcb->keep_idle : &listeners->idle;
    case TCP_KEEPINTVL:
        return pcb ? &pcb->keep_intvl : &listeners->interval;
    default:
        return pcb ? &pcb->keep_cnt : &listeners->count;
    }
}

static u32_t keepalive_unit(int name)
{
    return name == TCP_KEEPCNT ? 1 : 1000;
}

static int set_keepalive(struct socket *socket, int name, int number)
{
    u32_t *value = keepalive_of(socket, name);

    if (number < 1 || number > (name == TCP_KEEPCNT ? KEEP_COUNT_MAX : KEEP_MAX))
        return -EINVAL;
    if (value)
        *value = (u32_t)number * keepalive_unit(name);
    return 0;
}

int tcp_option_set(struct socket *socket, int name, const struct sockopt_new *value)
{
    struct tcp_pcb *pcb = block_of(socket);

    if (value->len < sizeof(value->number))
        return -EINVAL;
    switch (name) {
    case TCP_NODELAY:
        socket->tcp.nodelay = value->number;
        break;
    case TCP_CORK:
        socket->tcp.cork = value->number;
        break;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT:
        return set_keepalive(socket, name, value->number);
    default:
        return -ENOPROTOOPT;
    }
    if (pcb && !socket->tcp.cork)
        net_output(pcb); /* what waited goes now */
    return 0;
}

static uint8_t state_of(const struct socket *socket)
{
    static const uint8_t states[] = {
        [CLOSED] = TCP_CLOSE,         [LISTEN] = TCP_LISTEN,           [SYN_SENT] = TCP_SYN_SENT,
        [SYN_RCVD] = TCP_SYN_RECV,    [ESTABLISHED] = TCP_ESTABLISHED, [FIN_WAIT_1] = TCP_FIN_WAIT1,
        [FIN_WAIT_2] = TCP_FIN_WAIT2, [CLOSE_WAIT] = TCP_CLOSE_WAIT,   [CLOSING] = TCP_CLOSING,
        [LAST_ACK] = TCP_LAST_ACK,    [TIME_WAIT] = TCP_TIME_WAIT,
    };

    return socket->tcp.pcb ? states[socket->tcp.pcb->state] : TCP_CLOSE;
}

static uint8_t options_of(const struct tcp_pcb *pcb)
{
    return (pcb->flags & TF_TIMESTAMP ? TCPI_OPT_TIMESTAMPS : 0) |
           (pcb->flags & TF_SACK ? TCPI_OPT_SACK : 0) |
           (pcb->flags & TF_WND_SCALE ? TCPI_OPT_WSCALE : 0);
}

static void get_info(const struct socket *socket, struct sockopt_value *value)
{
    const struct tcp_pcb *pcb = block_of(socket);

    value->size = sizeof(value->tcp);
    value->tcp = (struct tcp_info){.tcpi_state = state_of(socket)};
    if (!pcb)
        return;
    const struct connection *connection = connection_of(pcb);
    uint32_t mss = pcb->mss;
    value->tcp = (struct tcp_info){
        .tcpi_state = value->tcp.tcpi_state,
        .tcpi_retransmits = pcb->nrtx,
        .tcpi_probes = pcb->persist_probe,
        .tcpi_backoff = pcb->nrtx,
        .tcpi_options = options_of(pcb),
        .tcpi_snd_wscale = pcb->snd_scale & 15,
        .tcpi_rcv_wscale = pcb->rcv_scale & 15,
        .tcpi_rto = (uint32_t)pcb->rto * US_PER_TICK,
        .tcpi_snd_mss = mss,
        .tcpi_rcv_mss = TCP_MSS,
        .tcpi_advmss = TCP_MSS,
        .tcpi_unacked = (window_in_flight(pcb) + mss - 1) / mss,
        .tcpi_rtt = connection ? (uint32_t)(connection->trip_ns / NS_PER_US) : 0,
        .tcpi_rttvar = connection ? (uint32_t)(connection->varies_ns / 4 / NS_PER_US) : 0,
        .tcpi_snd_ssthresh = pcb->ssthresh / mss,
        .tcpi_snd_cwnd = pcb->cwnd / mss,
        .tcpi_rcv_space = pcb->rcv_wnd,
    };
}

int tcp_option_get(struct socket *socket, int name, struct sockopt_value *value)
{
    const struct tcp_pcb *pcb = block_of(socket);
    const u32_t *keepalive;

    switch (name) {
    case TCP_NODELAY:
        value->number = socket->tcp.nodelay;
        return 0;
    case TCP_CORK:
        value->number = socket->tcp.cork;
        return 0;
    case TCP_MAXSEG:
        value->number = pcb && socket->tcp.state == TCP_CONNECTED ? pcb->mss : MSS_UNKNOWN;
        return 0;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT:
        keepalive = keepalive_of(socket, name);
        value->number = keepalive ? (int)(*keepalive / keepalive_unit(name)) : 0;
        return 0;
    case TCP_INFO:
        get_info(socket, value);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}
