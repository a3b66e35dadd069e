/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Network interfaces: bursts of packets from and to netback, per queue. No protocol is known here.
 *
 * The backend is another domain, and may lie: what it gets wrong is counted and ends the
 * connection, never the guest. Nothing here waits but netfront_wait().
 */
#ifndef SPRAT_NETFRONT_H
#define SPRAT_NETFRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/netbuf.h>

#define NETFRONT_QUEUES_MAX 8

struct netfront;

enum netfront_link {
    NETFRONT_DOWN, /**< no backend, or one that is not connected, or was closed for a fault */
    NETFRONT_UP,
    NETFRONT_GONE, /**< the interface was unplugged; netfront_close() it */
};

/** What happened so far. All count from the interface's opening. */
struct netfront_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_dropped; /**< packets that the guest had no memory for */
    /** Packets that the backend announced and could not deliver, or that can't be, or were not
     * offered to be taken. */
    uint64_t rx_errors;
    uint64_t tx_errors;   /**< packets that the backend could not send */
    uint64_t faults;      /**< lies of the backend: each closed the connection */
    uint64_t connections; /**< how often the backend has connected */
    uint64_t pages_lost;  /**< pages that the backend did not let go of */
};

struct netfront_config {
    unsigned rx_buffers; /**< pages posted for receiving, over all queues; 0 is 64 */
    unsigned queues_max; /**< 0 is 1 */
    /** The user tells of the multicast addresses that it listens to: netfront_multicast(). */
    bool multicast;
    /** The user fills in and checks every checksum, and takes packets of one piece only. */
    bool no_offload;
};

/** What the backend agreed to; valid while the link is up. */
struct netfront_features {
    unsigned n_queues;
    bool sg; /**< packets of more than one piece */
    bool gso_tcpv4, gso_tcpv6;
    bool csum_ipv4, csum_ipv6; /**< NETBUF_CSUM_BLANK may be sent */
    bool multicast; /**< only frames to addresses that netfront_multicast() told of come in */
    unsigned mtu;
    uint8_t mac[6];
};

/** Numbers of the interfaces that the toolstack gave the guest. @return how many, or -errno. */
SPRAT_API int netfront_list(unsigned *numbers, size_t max);

/**
 * Open interface `number` (device/vif/NUMBER) and begin to connect it.
 *
 * @param config  NULL for the defaults; copied.
 * @param on_change  called like an event handler (it must not wait) when packets came in, room for
 *                   sending appeared, or the link changed. May be NULL: use netfront_wait().
 * @return 0; -ENODEV when there is no such interface; -ENOMEM; -EBUSY when it is open.
 */
SPRAT_API int netfront_open(unsigned number, const struct netfront_config *config,
                            void (*on_change)(void *arg), void *arg, struct netfront **nf);

/** Close it and give everything back, waiting until the backend let go (or for some seconds). */
SPRAT_API void netfront_close(struct netfront *nf);

SPRAT_API enum netfront_link netfront_link(const struct netfront *nf);
SPRAT_API const struct netfront_features *netfront_features(const struct netfront *nf);
SPRAT_API const struct netfront_stats *netfront_stats(const struct netfront *nf);

/**
 * Sleep until packets came in on any queue, room for sending appeared, the link changed, or the
 * deadline (ns of CLOCK_MONOTONIC; UINT64_MAX is never). @return 0 or -ETIMEDOUT.
 */
SPRAT_API int netfront_wait(struct netfront *nf, uint64_t deadline_ns);

/** The same for all open interfaces together. */
SPRAT_API int netfront_wait_any(uint64_t deadline_ns);

/** End somebody's netfront_wait_any(), or the next one: another thread has work for him. */
SPRAT_API void netfront_wake_any(void);

/**
 * Take packets that came in.
 *
 * @param packets  receives up to max; they are the caller's.
 * @return how many; 0 when there are none, and the queue's event is armed again.
 */
SPRAT_API unsigned netfront_receive(struct netfront *nf, unsigned queue, struct netbuf **packets,
                                    unsigned max);

/**
 * Send packets, in order.
 *
 * @return how many were taken; their buffers are freed when the backend has them. The rest stay the
 *         caller's: there is no room for the first of them now, the link is down, or it can't be
 *         sent at all; netfront_sendable() tells.
 */
SPRAT_API unsigned netfront_transmit(struct netfront *nf, unsigned queue, struct netbuf **packets,
                                     unsigned n);

/**
 * Let multicast frames to an address in, or no more. Each connection begins with none. Without
 * features.multicast all are let in, and so they are from when the backend can't take one more.
 */
SPRAT_API void netfront_multicast(struct netfront *nf, const uint8_t mac[6], bool join);

/**
 * Will netfront_transmit() take the packet when there is room for all its pieces? If not (the link
 * is down, it has more pieces than the backend takes, is larger than 65535 bytes), drop it; if so,
 * on_change() is called when there is more room.
 */
SPRAT_API bool netfront_sendable(const struct netfront *nf, const struct netbuf *packet);

/** Packets of one piece that netfront_transmit() would take now. */
SPRAT_API unsigned netfront_room(const struct netfront *nf, unsigned queue);

/** Slots of the ring, a piece in each, that the backend was not yet seen to be done with. */
SPRAT_API unsigned netfront_on_its_way(const struct netfront *nf, unsigned queue);

#endif
