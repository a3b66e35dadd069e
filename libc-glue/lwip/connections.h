/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * All connections, found by their addresses and ports; and what is kept of each beside what lwIP
 * keeps. net_hooks.h has what lwIP calls of it.
 */
#ifndef SPRAT_CONNECTIONS_H
#define SPRAT_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/tcp.h"

#include "scoreboard.h"

struct connection {
    struct tcp_pcb *pcb;
    struct connection *chain; /**< the next in its chain of the table */
    struct tcp_pcb **back;    /**< what points to the block in lwIP's list; NULL: it is in none */
    uint16_t segment_bytes;   /**< as agreed with the peer; 0: pcb->mss is it. See tso.c */
    uint16_t largest;         /**< bytes of a segment that was made */
    uint8_t challenged;       /**< the tick of the last challenge: segment.c */
    bool recovering;          /**< segments were lost: recovery.c, ... */
    bool asks;                /**< not so yet: the last packet was sent again, ... */
    uint32_t recover;         /**< ... which is over when this is acknowledged, ... */
    uint32_t resent;          /**< ... and up to here holes were filled, the last of them ... */
    uint32_t resent_at;       /**< ... when so much had been sent */
    uint64_t due_ns;          /**< time-out: timeout.c. 0: nothing is in flight */
    uint64_t timed_ns;        /**< when a segment was sent whose round trip is measured, ... */
    uint32_t timed;           /**< ... which is over when this is acknowledged */
    uint64_t trip_ns, varies_ns;
    uint8_t backoff;  /**< the time-out is doubled so often */
    bool probes;      /**< at that time, the last packet is sent again, ... */
    bool probed;      /**< ... and was; nothing was acknowledged since */
    uint32_t highest; /**< the peer has something up to here, maybe behind holes: */
    struct scoreboard *board;
};

/** A block's connection: that of each for which a segment came. NULL: it never was in a list. */
static inline struct connection *connection_of(const struct tcp_pcb *pcb)
{
    return pcb->ext_args[0].data;
}

/** lwIP has found the control block of a segment: its lists are whole again. */
void connections_show(void);

/** A port for a connection to there that no other has, nor a listener. @return 0: there is none. */
u16_t connections_port(const ip_addr_t *local, const ip_addr_t *remote, u16_t remote_port);

#endif
