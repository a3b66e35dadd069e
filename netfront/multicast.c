/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which multicast frames the backend sends: those to addresses that it was told of, by requests
 * without a packet (xen/io/netif.h, XEN_NETIF_EXTRA_TYPE_MCAST_*). When it can't take one more, it
 * is asked to send them all, as it does when nobody asks it for anything.
 */
#include "queue.h"

#include <string.h>

#include <xen/io/netif.h>

#include <sprat/keys.h>

#define SLOTS 2 /* the request and its extra info */

bool netfront_multicast_offered(bool filters, bool any_time)
{
    return filters && any_time; /* or it could not be given up */
}

void netfront_multicast_refused(struct netfront *nf)
{
    if (!nf->features.multicast)
        return;
    nf->features.multicast = false;
    port_log("%s: the backend filters no more multicast addresses; it sends all of them",
             nf->front.path);
    front_errand(&nf->front);
}

/* In the worker. */
void netfront_multicast_tell(struct netfront *nf)
{
    char path[KEYS_PATH_BYTES];

    xenstore_write_u64(XENSTORE_NO_TX,
                       xenstore_join(path, sizeof(path), nf->front.path, NETFRONT_MULTICAST_KEY),
                       nf->features.multicast);
}

void netfront_multicast(struct netfront *nf, const uint8_t mac[6], bool join)
{
    struct netfront_queue *queue = &nf->queues[0];

    if (!nf->connected || !nf->features.multicast || !netfront_queue_reap(queue))
        return;
    int id = ring_room(&queue->tx) < SLOTS ? -1 : ring_ids_put(&queue->tx_ids, nf, NO_PAGE);
    if (id < 0) {
        netfront_multicast_refused(nf);
        return;
    }
    netif_tx_request_t *request = ring_request(&queue->tx);
    request->gref = NO_PAGE;
    request->offset = 0;
    request->flags = NETTXF_extra_info;
    request->id = (uint16_t)id;
    request->size = 0;
    struct netif_extra_info *extra = ring_request(&queue->tx);
    extra->type = join ? XEN_NETIF_EXTRA_TYPE_MCAST_ADD : XEN_NETIF_EXTRA_TYPE_MCAST_DEL;
    extra->flags = 0;
    memcpy(extra->u.mcast.addr, mac, sizeof(extra->u.mcast.addr));
    queue->tx_extras++;
    if (ring_push(&queue->tx))
        evtchn_notify(&queue->tx_channel);
}
