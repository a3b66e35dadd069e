/* SPDX-License-Identifier: BSD-2-Clause */
/** TCP's options: POSIX, <netinet/tcp.h>. Numbers as on Linux. */
#ifndef _NETINET_TCP_H
#define _NETINET_TCP_H

#include <stdint.h>

#define TCP_NODELAY   1
#define TCP_MAXSEG    2 /**< can be read */
#define TCP_CORK      3
#define TCP_KEEPIDLE  4 /**< seconds */
#define TCP_KEEPINTVL 5 /**< seconds */
#define TCP_KEEPCNT   6
#define TCP_INFO      11 /**< can be read: struct tcp_info */

/* tcpi_state */
enum {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT,
    TCP_SYN_RECV,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_TIME_WAIT,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
    TCP_LISTEN,
    TCP_CLOSING,
};

#define TCPI_OPT_TIMESTAMPS 1
#define TCPI_OPT_SACK       2
#define TCPI_OPT_WSCALE     4

/** Linux's, as far as its first versions had it. Times are in us; what is not known here is 0. */
struct tcp_info {
    uint8_t tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint32_t tcpi_rto, tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss;
    uint32_t tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets; /**< segments */
    uint32_t tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv;
    uint32_t tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar;
    uint32_t tcpi_snd_ssthresh, tcpi_snd_cwnd; /**< segments */
    uint32_t tcpi_advmss, tcpi_reordering;
    uint32_t tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans;
};

#endif
