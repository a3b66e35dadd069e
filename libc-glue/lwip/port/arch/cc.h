/* SPDX-License-Identifier: BSD-2-Clause */
/** What lwIP asks of the compiler and the system. Read by all of lwIP; in the end, by its opt.h. */
#ifndef SPRAT_LWIP_CC_H
#define SPRAT_LWIP_CC_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

#include <sprat/port.h>

#define LWIP_ERRNO_STDINCLUDE 1
#ifndef SSIZE_MAX
#define SSIZE_MAX PTRDIFF_MAX /* or lwIP makes a type ssize_t of its own */
#endif
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS /* <arpa/inet.h> does */
#define lwip_htons                            __builtin_bswap16
#define lwip_htonl                            __builtin_bswap32
#define htonl(x)                              __builtin_bswap32(x) /* as there: lwIP has a slip */
#define LWIP_RAND()                           net_random()
uint32_t net_random(void);

/* checksum.c */
#define LWIP_CHKSUM net_checksum
uint16_t net_checksum(const void *data, int len);

/* lwIP's memory: memory.c. */
void *net_malloc(size_t size);
void *net_calloc(size_t n, size_t size);
void net_free(void *at);

/* netif.c calls this for packets to the guest itself. lwIP declares it for systems with threads. */
typedef void (*tcpip_callback_fn)(void *arg);
signed char tcpip_try_callback(tcpip_callback_fn function, void *arg);

/* A broken promise of lwIP's to itself ends the guest. The report names function and file; lwIP's
 * own words for all of them would be 6 KB of the image, and their lines 1. */
#define LWIP_PLATFORM_ASSERT(message) net_assert_failed()
void net_assert_failed(void) __attribute__((noreturn, cold));
#define LWIP_PLATFORM_DIAG(message)

#endif
