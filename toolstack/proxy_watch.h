/* SPDX-License-Identifier: BSD-2-Clause */
/** The watches of a guest whose xenstore the launcher serves. For proxy.c alone. */
#ifndef SPRAT_TOOLSTACK_PROXY_WATCH_H
#define SPRAT_TOOLSTACK_PROXY_WATCH_H

#include <stdbool.h>

#include "proxy_ring.h"

#define PROXY_SHUTDOWN "control/shutdown"

/** A path of the guest's as it is below its own folder; NULL: it is elsewhere. "" is the folder. */
const char *proxy_below_own(const struct proxy *proxy, const char *path);

/** Whether a path is that of a backend of the guest's, or below it. */
bool proxy_is_backend(const struct proxy *proxy, const char *path);

/** Whether a path is `folder`, or below it; "" holds all. */
bool proxy_is_below(const char *path, const char *folder);

/** Serve the request to watch a path, or to watch it no more: answers it. */
void proxy_watch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                 const char *token);
void proxy_unwatch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                   const char *token);

/** Forget all watches. */
void proxy_unwatch_all(struct proxy *proxy);

#endif
