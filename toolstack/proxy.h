/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest's xenstore, served by the launcher. xenstored looks at each domain that it knows with
 * each
 * request that it serves, and tells all who listen about each new one, so a host slows down with
 * every
 * guest. A guest without devices does not need xenstored to know it: its requests come here, and
 * those
 * about its own nodes, /local/domain/N, are passed on.
 *
 * It may read its nodes and write "data" and "control/shutdown", as with xenstored; watches work
 * on its
 * nodes; transactions are xenstored's own.
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
    bool broken; /* its ring makes no sense: it is left alone */
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

/** A node of the guest has changed. @param path below /local/domain/N/ */
void proxy_changed(struct proxy *proxy, struct host *host, const char *path);

/** Forget all that was kept. The page and the channel are the caller's. */
void proxy_free(struct proxy *proxy);

#endif
