/* SPDX-License-Identifier: BSD-2-Clause */
/** An interface and its queues, as the files of netfront see them. */
#ifndef SPRAT_NETFRONT_QUEUE_H
#define SPRAT_NETFRONT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <sprat/evtchn.h>
#include <sprat/front.h>
#include <sprat/netfront.h>
#include <sprat/ring.h>

/* Every backend takes this many slots for a packet: xen/io/netif.h, XEN_NETIF_NR_SLOTS_MIN. */
#define SLOTS_MAX 18

#define NO_PAGE                0 /* a grant that is none, as xen/io/netif.h uses it */
#define NETFRONT_MULTICAST_KEY "request-multicast-control"

struct netfront_queue {
    struct netfront *nf;

    struct ring tx;
    grant_ref_t tx_ref;
    struct ring_ids tx_ids;
    unsigned tx_extras;       /* in flight: extra infos, whose slots have no ids */
    struct evtchn tx_channel; /* of both directions when the backend can't tell them apart */

    struct ring rx;
    grant_ref_t rx_ref;
    struct ring_ids rx_ids;
    uint16_t *rx_posted; /* the id that was written at each index of the ring */
    struct evtchn rx_channel;
    unsigned rx_target; /* buffers to keep posted */

    struct netbuf *rx_first, **rx_last; /* a packet of which not all pieces have come */
    unsigned rx_pieces;
    bool rx_broken; /* that packet is to be dropped */
};

struct netfront {
    struct front front; /* first: front.c hands out its address */
    struct netfront_config config;
    struct netfront_features features;
    struct netfront_stats stats;
    void (*on_change)(void *arg);
    void *arg;
    struct port_queue waiting;
    bool event; /* something happened since netfront_wait() last returned */
    bool connected, split_channels;
    struct netfront_queue queues[NETFRONT_QUEUES_MAX];
    unsigned n_queues; /* made by publish */
};

/** Before a domain is let write to a page: nothing is in it that it has not seen. */
void netbuf_show_empty(struct netbuf *buf, domid_t domid);

/** Before a domain is let read a piece: around its data is nothing that it has not seen. */
void netbuf_show_data(struct netbuf *piece, domid_t domid);

/** Forget a piece whose page the backend still maps: the page is never used again. */
void netbuf_lose(struct netbuf *piece);

/** Tell the user that something changed. */
void netfront_signal(struct netfront *nf);

/**
 * Make a queue's rings, ids and channels. @return 0 or -errno; netfront_queue_free() undoes what
 * was.
 */
int netfront_queue_init(struct netfront *nf, struct netfront_queue *queue);

/** Does the backend map the queue's rings? */
bool netfront_queue_attached(const struct netfront_queue *queue);

/** Keep the backend from the rings. @return false while it maps one, or a packet's page. */
bool netfront_queue_revoke(struct netfront_queue *queue);

/** Give back all of a queue that the backend let go of. What it did not is counted and lost. */
void netfront_queue_free(struct netfront_queue *queue);

/** The backend lied: close the connection, say what it was. */
void netfront_queue_fault(struct netfront_queue *queue, const char *what);

/** Post buffers for receiving up to the queue's target. */
void netfront_queue_refill(struct netfront_queue *queue);

/** Free what the backend has sent. @return false after a fault. */
bool netfront_queue_reap(struct netfront_queue *queue);

/* multicast.c */

/** The backend's two offers: it filters, and can be asked to and not to at any time. */
bool netfront_multicast_offered(bool filters, bool any_time);

/** The backend took no more addresses. */
void netfront_multicast_refused(struct netfront *nf);

/** Tell it whether it is to filter. May wait. */
void netfront_multicast_tell(struct netfront *nf);

#endif
