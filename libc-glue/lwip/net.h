/* SPDX-License-Identifier: BSD-2-Clause */
/** The network: the thread that moves packets into lwIP, and what the files of this folder share.
 * */
#ifndef SPRAT_NET_PRIVATE_H
#define SPRAT_NET_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/netif.h"
#include "lwip/tcp.h"

/** Called before main(): whoever links this layer wants the network. */
void net_start(void);

/** Something happened: the network thread has a look. Callable from event handlers. */
void net_kick(void);

/** A program's call into lwIP begins. */
void net_enter(void);

/**
 * A call into lwIP is over: send what it produced, and see to the timers that it may need. Every
 * function that a program calls, and every turn of the network thread, ends with this.
 */
void net_leave(void);

/**
 * Wait until the network can send: every interface has what it was told to get (an address by DHCP,
 * a connected backend), or some seconds after the start are over. Returns at once ever after.
 */
void net_wait_ready(void);

/** Wait until packets to there have a source address, if one is being looked for: source.h. */
void net_wait_source(const ip_addr_t *to);

/** net_wait_ready() until a name server is known too, if the network is to tell of one. */
void net_wait_names(void);

struct ip_pcb;

/** The interface by which a control block's packets to an address leave. NULL: there is none. */
struct netif *net_route(const struct ip_pcb *block, const ip_addr_t *to);

/* interface.c: netfront's interfaces. */

/** Read the command line's options for interfaces: sprat.ip= and sprat.ip6=. */
void interface_take_options(void);

/** Open all that the toolstack gave the guest. */
void interface_open_all(void);

/** Take a burst of packets from each; see receive_burst(). @return false when there was nothing. */
bool interface_receive_all(bool *more);

/** Send what is kept. @return false when there was nothing. */
bool interface_flush_all(void);

/** See net_wait_ready(). */
bool interface_all_ready(void);

/** See net_wait_names(). */
bool interface_names_known(void);

/** Wake the network thread when timers (timers.c) want to run, at the latest. */
uint64_t net_timers_next(void);

/** Run those that are due. */
void net_timers_run(void);

/** lwIP is about to be called: have done what stopped timers missed. */
void net_timers_catch_up(void);

/** Something happened that may need any of lwIP's timers: have them run for a while. */
void net_timers_start(void);

/** So many more names, or fewer, are being asked for: the timer is needed, DNS's. */
void net_names_pending(int change, void (*timer)(void));

/* flood.c */

enum net_drop {
    NET_DROP_MALFORMED, /**< frames */
    NET_DROP_HALF_OPEN, /**< connections that were never completed */
    NET_DROP_BACKLOG,   /**< requests for a connection, where complete ones wait to be accepted */
    NET_DROP_UNREAD,    /**< datagrams */
    NET_DROP_ERROR,     /**< ICMP errors that were to be sent */
    NET_DROP_ENDED,     /**< connections in TIME_WAIT, when memory was short */
    NET_DROP_EARLY,     /**< connections' segments that came before others, likewise */
    NET_DROP_SILENT,    /**< connections that were silent for longest, likewise */
    NET_DROPS,
};

/** Count something that was dropped; the log tells, now and then. */
void net_drop(enum net_drop what);

/** Each turn of the network thread: make room when memory is short; tell what was dropped. */
void net_look_after_memory(void);

struct tcp_hdr;

/** Called for each segment to a listener, before lwIP looks at it: make room for a request. */
err_t net_listener_segment(const struct tcp_pcb_listen *listener, struct tcp_hdr *header,
                           struct pbuf *p);

/* timeout.c */

/** When the first connection is due to send something again, or later. */
uint64_t timeout_next_ns(void);

/** Let those that are due do so. */
void timeout_run(uint64_t now_ns);

/** No connection has anything in flight. */
void timeout_none(void);

/* tcp_send.c */

/** The program waits: send what was held for what it might have written next. */
void tcp_socket_send_held(void);

/* inspect.c */

/** May lwIP see this frame, whose headers are in its first piece? */
struct interface;
bool inspect_frame(struct interface *interface, const struct pbuf *p);

/* tso.c */

/** Of n bytes that are written now, segments are as large as windows allow: netback cuts them. */
void tso_begin(struct tcp_pcb *pcb, size_t n);

/** Segments have the size agreed with the peer again: lwIP's window and timers count in it. */
void tso_end(struct tcp_pcb *pcb);

/** The segment size agreed with the peer. */
uint16_t tso_real_size(const struct tcp_pcb *pcb);

/** The real segment size of the segment that goes out now; 0 outside of TCP. Reading clears it. */
uint16_t tso_take_size(void);

#endif
