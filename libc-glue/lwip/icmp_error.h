/* SPDX-License-Identifier: BSD-2-Clause */
/** Errors of ICMP and ICMPv6 that come in, for the sockets whose datagrams they are about. */
#ifndef SPRAT_ICMP_ERROR_H
#define SPRAT_ICMP_ERROR_H

/** There is a connected socket: hear of such errors from now on. Short of memory, none is heard. */
void icmp_error_listen(void);

#endif
