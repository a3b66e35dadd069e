/* SPDX-License-Identifier: BSD-2-Clause */
/** Options of TCP's segments that come in. */
#ifndef SPRAT_NET_OPTIONS_H
#define SPRAT_NET_OPTIONS_H

#include <stdbool.h>

#include "lwip/def.h"
#include "lwip/pbuf.h"
#include "lwip/prot/tcp.h"

enum { OPTION_END, OPTION_PAD, OPTION_MSS, OPTION_SCALE, OPTION_SACK, OPTION_HAS, OPTION_TIME = 8 };

/** Are they all in the piece of a segment that its header is in? Fragments end where they like.
 * @param p  the segment, its header taken off. */
static inline bool options_are_whole(const struct tcp_hdr *header, const struct pbuf *p)
{
    return (const u8_t *)header + TCPH_HDRLEN_BYTES(header) == p->payload;
}

/** Of those that are whole. @return an option's two bytes and its value, all of it in the header;
 * NULL: it is not there. */
const u8_t *options_find(const struct tcp_hdr *header, u8_t kind);

#endif
