/* SPDX-License-Identifier: BSD-2-Clause */
/** The guest's options for lwIP, and what its unit tests can't do without. */
#ifndef TEST_LWIPOPTS_H
#define TEST_LWIPOPTS_H

#include "../../../libc-glue/lwip/port/lwipopts.h"

#define LWIP_TESTMODE 1
#define htons(x)      __builtin_bswap16(x)

/* They look at what is counted. */
#undef LWIP_STATS
#define LWIP_STATS 1
#define MEM_STATS  1
#define MEMP_STATS 1
#define MIB2_STATS 1

/* They count the memory of lwIP's timers, and test these; a guest has its own (timers.c). */
#undef LWIP_TIMERS_CUSTOM
#define LWIP_TIMERS_CUSTOM 0

/* They are told of a wrong free, instead of being ended by it. */
#define LWIP_MEM_ILLEGAL_FREE(message)

/* They test these; nothing in a guest uses them. */
#undef ETHARP_SUPPORT_STATIC_ENTRIES
#define ETHARP_SUPPORT_STATIC_ENTRIES  1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1

/* They refuse to be compiled with it, as it allocates when it starts. */
#undef LWIP_DNS
#undef LWIP_ND6_RDNSS_MAX_DNS_SERVERS
#define LWIP_DNS                       0
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0

/* A guest has its own client of it. */
#undef LWIP_IPV6_DHCP6
#define LWIP_IPV6_DHCP6 0

/* They make arrays of these sizes, which in a guest depend on its memory, and expect a pool's
 * buffer to hold one segment; a guest takes nothing from a pool. */
#undef TCP_MSS
#undef TCP_WND
#undef TCP_SND_BUF
#undef PBUF_POOL_BUFSIZE
#define TCP_MSS           536
#define PBUF_POOL_BUFSIZE 608
#define TCP_WND           (10 * TCP_MSS)
#define TCP_SND_BUF       (12 * TCP_MSS)

/* In a guest these come from the port: memory that the backend may see, and room that depends on
 * what is written. */
#undef mem_clib_malloc
#undef mem_clib_calloc
#undef mem_clib_free
#undef TCP_OVERSIZE
#define mem_clib_malloc malloc
#define mem_clib_calloc calloc
#define mem_clib_free   free
#define TCP_OVERSIZE    256

/* Those of TCP's time-outs count turns, with lwIP's own numbers. */
#undef TCP_TMR_INTERVAL
#undef LWIP_TCP_RTO_TIME
#define TCP_TMR_INTERVAL  250
#define LWIP_TCP_RTO_TIME 3000

/* Those of DHCP count the questions whether an address is in use, which a guest leaves out. */
#undef DHCP_DOES_ARP_CHECK
#define DHCP_DOES_ARP_CHECK 1

#endif
