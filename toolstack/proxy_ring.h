/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The ring of a guest's xenstore that the launcher serves: whole requests out of it, answers into
 * it as there is room. What the guest writes there is not to be believed. For proxy.c alone.
 */
#ifndef SPRAT_TOOLSTACK_PROXY_RING_H
#define SPRAT_TOOLSTACK_PROXY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#include "proxy.h"

#define PROXY_NODES_MAX   128 /* that a guest may write: dom0 owns them, so xenstored counts none */
#define PROXY_BUDGET      16  /* requests of one guest before it is another one's turn */
#define PROXY_TXS_MAX     4   /* transactions at a time */
#define PROXY_MESSAGE_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

/* An open transaction: xenstored's number, 0 for none, and how many requests it has had. */
struct proxy_tx {
    uint32_t number;
    unsigned n_requests;
};

/* What a guest may want beyond an answer at once. */
struct proxy_state {
    char *answers; /* that the ring had no room for */
    size_t n_answers;
    char *long_request; /* one that is longer than the ring, as far as it has come */
    size_t n_long;
    char *nodes[PROXY_NODES_MAX];
    unsigned n_nodes;
    struct proxy_tx txs[PROXY_TXS_MAX];
};

/** What is kept of a guest, made when it is first asked for; NULL: no memory. */
struct proxy_state *proxy_state_of(struct proxy *proxy);

/** Answer a request. What the ring has no room for waits; a ring that makes no sense is broken. */
void proxy_answer(struct proxy *proxy, const struct xsd_sockmsg *request, uint32_t type,
                  const char *payload, size_t len);
void proxy_refuse(struct proxy *proxy, const struct xsd_sockmsg *request, int error);
void proxy_done(struct proxy *proxy, const struct xsd_sockmsg *request);

/** Send answers that wait, as far as there is room. @return whether something was sent. */
bool proxy_send_rest(struct proxy *proxy);

/**
 * Take one request. A short one stays in the ring until it is whole, so that nothing of it is lost
 * with a launcher that is killed.
 *
 * @param message  PROXY_MESSAGE_MAX bytes; receives the header, checked, and the payload.
 * @return whether there was one.
 */
bool proxy_take_request(struct proxy *proxy, char *message);

#endif
