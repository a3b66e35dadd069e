/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * SYN cookies: what makes a connection that has lost its place in the backlog from its peer's
 * acknowledgement. All but the last are called while a segment is in tcp_input().
 */
#ifndef SPRAT_SYNCOOKIE_H
#define SPRAT_SYNCOOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/pbuf.h"
#include "lwip/prot/tcp.h"

/** A request for a connection came to a listener: its answer's number will be a cookie. */
void syncookie_answer(const struct tcp_hdr *header);

/** A first number is chosen. @return whether it is a request's answer. */
bool syncookie_take(uint32_t *number);

/** A connection that was not complete has lost its place: cookies are good for something. */
void syncookie_needed(void);

/**
 * An acknowledgement came to a listener. If it is that of a cookie, lwIP is given what makes the
 * connection, and the segment.
 *
 * @param header  in front of p->payload, its fields in the host's order.
 * @return true: the segment is done with, but for pbuf_free().
 */
bool syncookie_revive(struct tcp_hdr *header, struct pbuf *p);

/** Not to be sent is what lwIP sends now: the peer has that answer. */
bool syncookie_mutes(void);

/** The segment has been looked at. */
void syncookie_end(void);

#endif
