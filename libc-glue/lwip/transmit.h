/* SPDX-License-Identifier: BSD-2-Clause */
/** Packets from lwIP to netfront. */
#ifndef SPRAT_NET_TRANSMIT_H
#define SPRAT_NET_TRANSMIT_H

#include "interface.h"

/** Set how lwIP sends on an interface. */
void transmit_init(struct netif *netif);

/** What the backend can do is known: have lwIP make packets as large as it takes. */
void transmit_set_mtu(struct interface *interface);

/** Send what is kept, as far as there is room. */
void transmit_flush(struct interface *interface);

/** The queue for a packet, all of whose headers are in its first piece. flow.c */
unsigned flow_queue(const struct netbuf *packet, unsigned n_queues);

/** Does the backend cut TCP's large packets for this interface of lwIP's? (Not for loopback.) */
bool transmit_cuts(const struct netif *netif, bool v6);

/** Free what the backend has sent: lwIP sends nothing again that is still shown to it. */
void transmit_reap(struct interface *interface);

#endif
