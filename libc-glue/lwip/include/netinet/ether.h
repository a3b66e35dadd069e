/* SPDX-License-Identifier: BSD-2-Clause */
/** Ethernet's addresses as texts. */
#ifndef _NETINET_ETHER_H
#define _NETINET_ETHER_H

#include <net/ethernet.h>

/** @return NULL when the text is none, six hexadecimal numbers with colons between. The results of
 * those without _r are overwritten by the next call. */
struct ether_addr *ether_aton(const char *text);
struct ether_addr *ether_aton_r(const char *text, struct ether_addr *address);

/** @param text  18 bytes. As Linux: no zeros in front. */
char *ether_ntoa(const struct ether_addr *address);
char *ether_ntoa_r(const struct ether_addr *address, char *text);

#endif
