/* SPDX-License-Identifier: BSD-2-Clause */
/** TCP's options: POSIX, <netinet/tcp.h>. Numbers as on Linux. */
#ifndef _NETINET_TCP_H
#define _NETINET_TCP_H

#define TCP_NODELAY   1
#define TCP_MAXSEG    2 /**< can be read */
#define TCP_CORK      3
#define TCP_KEEPIDLE  4 /**< seconds */
#define TCP_KEEPINTVL 5 /**< seconds */
#define TCP_KEEPCNT   6

#endif
