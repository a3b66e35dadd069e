/* SPDX-License-Identifier: BSD-2-Clause */
/** TCP's congestion window, in bytes and the network's segments. net_hooks.h has lwIP's calls. */
#ifndef SPRAT_NET_WINDOW_H
#define SPRAT_NET_WINDOW_H

#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

#include "scoreboard.h"

static inline u32_t window_in_flight(const struct tcp_pcb *pcb)
{
    return pcb->snd_nxt - pcb->lastack;
}

/** A segment of a connection comes in: lwIP is about to change the window in its own way. */
void window_segment_comes(const struct tcp_pcb *pcb, const struct tcp_hdr *header,
                          const struct pbuf *p);

/** Have a segment that is larger than the window cut, so that it can be sent. @return false: there
 * is no memory for that. */
bool window_fit(struct tcp_pcb *pcb);

/* recovery.c */

/**
 * What the peer has selectively, or that it repeats itself, after what it has acknowledged.
 *
 * @return does it have more than before, behind a hole?
 */
bool recovery_has(const struct tcp_pcb *pcb, const struct scoreboard_range *ranges, unsigned n,
                  bool repeats);

/** It has: so what it lacks may be lost. */
void recovery_repeated(struct tcp_pcb *pcb);

/** More was acknowledged. @return true: a loss is, or was, being repaired, and the window is as it
 * must be. */
bool recovery_acked(struct tcp_pcb *pcb);

/** Were holes filled of which nothing was heard yet? */
bool recovery_waits(const struct tcp_pcb *pcb);

/** Have the last packet sent again. @return false: it is not to be had now. */
bool recovery_resend_last(struct tcp_pcb *pcb);

/** lwIP has sent what it could: what was to be sent again and was not, is in flight as before. */
void recovery_sent(struct tcp_pcb *pcb);

/** All that is in flight is to be sent again: what the peer has of it counts no more. */
void recovery_forget(struct tcp_pcb *pcb);

/* timeout.c */

/** A connection has sent something. @param anew  it was not sent before. */
void timeout_sent(struct tcp_pcb *pcb, bool anew);

/** More was acknowledged. */
void timeout_acked(struct tcp_pcb *pcb);

/** Something is sent again: whose acknowledgement comes next is not known. */
void timeout_forget(const struct tcp_pcb *pcb);

/* cut.c */

/** Cut a queued segment in two: the first has so many bytes of data. @return false: no memory. */
bool cut_segment(struct tcp_pcb *pcb, struct tcp_seg *segment, u16_t first_bytes);

/** Take away what was acknowledged of the first segment of a queue. @return as above. */
bool cut_acked(struct tcp_pcb *pcb, struct tcp_seg **queue);

#endif
