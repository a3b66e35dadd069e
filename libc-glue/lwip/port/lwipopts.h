/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * lwIP's options.
 *
 * Threads are cooperative and lwIP is called from threads only, never from event handlers, so its
 * core needs no lock and no thread of its own: socket calls go straight into it (NO_SYS). All
 * memory is the heap's; what bounds it are the windows, which are set at start from the guest's
 * memory (net.c).
 */
#ifndef SPRAT_LWIPOPTS_H
#define SPRAT_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_TIMERS_CUSTOM   1 /* timers.c: none runs while nothing happens */
#define LWIP_STATS           0

#define MEM_ALIGNMENT   8
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc net_malloc /* memory.c */
#define mem_clib_calloc net_calloc
#define mem_clib_free   net_free
#define MEMP_MEM_MALLOC 1
#define MEM_SIZE        0x7fffffff

/* Link and addresses. */
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_ARP                       1
#define ETHARP_SUPPORT_STATIC_ENTRIES  0
#define ETHARP_TRUST_IP_MAC            0
#define ARP_TABLE_SIZE                 127 /* the most lwIP takes */
#define ARP_QUEUEING                   1
#define ARP_QUEUE_LEN                  4 /* packets for a neighbour that does not answer (yet) */
#define LWIP_ETHERNET                  1
#define LWIP_DHCP                      1
#define DHCP_DOES_ARP_CHECK            0 /* the server has asked; it would cost a second */
#define LWIP_DHCP_GET_NTP_SRV          0
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_DHCP6                1 /* dhcpv6.c, not lwIP's: it asks what routers say */
#define LWIP_IPV6_NUM_ADDRESSES        4
#define LWIP_ND6_NUM_NEIGHBORS         64
#define LWIP_ND6_NUM_DESTINATIONS      64
#define LWIP_ND6_QUEUEING              0 /* one packet: lwIP's queue would be bounded by memory */
#define LWIP_ND6_MAX_MULTICAST_SOLICIT 3
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_IGMP                      1
#define LWIP_IPV6_MLD                  1
#define LWIP_ICMP                      1
#define LWIP_ICMP6                     1
#define LWIP_ICMP6_DATASIZE            64
#define LWIP_MULTICAST_PING            0
#define LWIP_RAW                       1
#define IP_REASS_MAX_PBUFS             64
#define IP_REASSEMBLY                  1
#define IPV6_FRAG_COPYHEADER           1 /* for pointers of 64 bits */
#define IP_FRAG                        1
#define IP_FORWARD                     0
#define IP_DEFAULT_TTL                 64 /* as Linux and RFC 1700 */
#define IP_SOF_BROADCAST               1
#define IP_SOF_BROADCAST_RECV          0 /* as elsewhere: only sending needs SO_BROADCAST */
#define IP_OPTIONS_ALLOWED             0 /* as Linux servers drop source routes */
#define LWIP_NETIF_HOSTNAME            1
#define LWIP_NETIF_LINK_CALLBACK       0
#define LWIP_NETIF_STATUS_CALLBACK     1
#define LWIP_NETIF_API                 0
#define LWIP_NETIF_HWADDRHINT          1
#define LWIP_SINGLE_NETIF              0
#define LWIP_NUM_NETIF_CLIENT_DATA     0

/* Loopback: 127.0.0.1, ::1 and the guest's own addresses; the network thread delivers. */
#define LWIP_HAVE_LOOPIF                   1
#define LWIP_NETIF_LOOPBACK                1
#define LWIP_LOOPIF_MULTICAST              1
#define LWIP_LOOPBACK_MAX_PBUFS            512
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 1 /* calls tcpip_try_callback(), which is net.c's */

/* Transport. */
#define LWIP_UDP                       1
#define LWIP_UDPLITE                   0
#define LWIP_MULTICAST_TX_OPTIONS      1
#define PBUF_POOL_BUFSIZE              1536 /* nothing is taken from a pool */
#define PBUF_POOL_FREE_OOSEQ           0    /* so it never is empty */
#define LWIP_TCP                       1
#define LWIP_CALLBACK_API              1
#define TCP_LISTEN_BACKLOG             1
#define TCP_DEFAULT_LISTEN_BACKLOG     0xff
#define LWIP_TCP_KEEPALIVE             1
#define LWIP_TCP_TIMESTAMPS            1
#define LWIP_TCP_SACK_OUT              1
#define LWIP_TCP_MAX_SACK_NUM          4
#define TCP_QUEUE_OOSEQ                1
#define TCP_OOSEQ_MAX_BYTES            TCP_WND
#define LWIP_TCP_MAX_OOSEQ             1
#define TCP_OVERSIZE                   (1 + net_more_oversize) /* for what is written next */
#define TCP_CALCULATE_EFF_SEND_MSS     1
#define LWIP_WND_SCALE                 1
#define TCP_RCV_SCALE                  6
#define TCP_TMR_INTERVAL               100  /* ms: a time-out is three times twice that at least */
#define LWIP_TCP_RTO_TIME              1500 /* until a round trip was measured */
#define TCP_SYNMAXRTX                  12   /* the most lwIP takes: 19 s */
#define TCP_SND_QUEUELEN               4096
#define TCP_SNDQUEUELOWAT              2048
#define TCP_WND_UPDATE_THRESHOLD       (TCP_WND / 4)
#define LWIP_TCP_PCB_NUM_EXT_ARGS      1 /* what is kept beside: connections.h */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they are about pools, and about numbers */
#define SO_REUSE                       1
#define SO_REUSE_RXTOALL               0

/* The preprocessor sees the least; compiled, they are what net.c found right for the guest's memory
 * and interface.c for the interfaces' MTU. */
#define NET_MSS_MIN 1220 /* of IPv6's least MTU */
extern unsigned net_more_mss;
#define TCP_MSS        (NET_MSS_MIN + net_more_mss)
#define NET_MSS6       (TCP_MSS - 20) /* IPv6's header is longer */
#define NET_WINDOW_MIN 11680          /* 8 segments: below, every loss is a timeout */
extern unsigned net_more_window, net_more_send_buffer;
#define TCP_WND     (NET_WINDOW_MIN + net_more_window)
#define TCP_SND_BUF (NET_WINDOW_MIN + net_more_send_buffer)

/* Bytes that a segment's pbuf has behind its data: tcp_socket.c sets it before it writes. */
extern unsigned net_more_oversize;

#define LWIP_HOOK_FILENAME "net_hooks.h"

/* Checksums: TCP's are left to netback where it can (interface.c); a received packet's are looked
 * at unless the backend vouches for it. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0

/* Names. */
#define LWIP_DNS                      1
#define DNS_TABLE_SIZE                16
#define DNS_MAX_NAME_LENGTH           256
#define DNS_MAX_SERVERS               3
#define DNS_LOCAL_HOSTLIST            0
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 0
#define LWIP_DNS_SECURE                                                                            \
    (LWIP_DNS_SECURE_RAND_XID | LWIP_DNS_SECURE_NO_MULTIPLE_OUTSTANDING |                          \
     LWIP_DNS_SECURE_RAND_SRC_PORT)

#endif
