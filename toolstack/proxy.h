/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest's xenstore, served by the launcher. xenstored looks at each domain that it knows with
 * each request that it serves, and tells all who listen about each new one, so a host slows down
 * with every guest. A guest need not be known to xenstored: its requests come here, and those about
 * its own nodes, /local/domain/N, and its devices' backends are passed on.
 *
 * It may read these nodes and write "data", "control/shutdown" and what is its device's to say, as
 * with xenstored; watches work on what it may read; transactions are xenstored's own. All nodes are
 * dom0's in xenstored, so who may do what is seen to here alone.
 */
#ifndef SPRAT_TOOLSTACK_PROXY_H
#define SPRAT_TOOLSTACK_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host;
struct proxy_state;
struct xenstore_domain_interface;

struct proxy {
    struct xenstore_domain_interface
        *ring; /* the guest's page; not to be believed. NULL: no proxy */
    int port;  /* our end of the event channel, or -1 */
    uint32_t domid;
    bool broken;     /* its ring makes no sense: it is left alone */
    unsigned n_vifs; /* from 0 on; this launcher has made them, and knows what it wrote */
    bool
        shutdown_changed; /* somebody wrote control/shutdown: until then it is known to be absent */
    struct proxy_state *more; /* what few guests need; NULL until then */
};

#define PROXY_CLOSED                                                                               \
    {                                                                                              \
        .port = -1                                                                                 \
    }

/** Serve what the guest has asked, a few requests at most. @return whether there is more. */
bool proxy_work(struct proxy *proxy, struct host *host);

/** A node of the guest, or of a backend of its, has changed. @param path all of it */
void proxy_changed(struct proxy *proxy, struct host *host, const char *path);

/**
 * Forget all that was kept, and have the guest's transactions ended by the next store_flush(). The
 * page and the channel are the caller's.
 */
void proxy_free(struct proxy *proxy, struct host *host);

#endif
