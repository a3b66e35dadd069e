/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest may ask of its xenstore, and what becomes of it. */
#include "proxy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "proxy_ring.h"
#include "proxy_watch.h"
#include "store.h"

#define BUDGET    8 /* requests of one guest before it is another one's turn */
#define DEPTH_MAX 4 /* below its own folder */
#define VALUE_MAX 1024

void proxy_free(struct proxy *proxy)
{
    if (proxy->more) {
        for (unsigned i = 0; i < proxy->more->n_nodes; i++)
            free(proxy->more->nodes[i]);
        free(proxy->more->answers);
        free(proxy->more->long_request);
        free(proxy->more);
    }
    *proxy = (struct proxy)PROXY_CLOSED;
}

static bool may_write(const char *path)
{
    unsigned depth = 1;

    for (const char *c = path; *c; c++)
        depth += *c == '/';
    return depth <= DEPTH_MAX &&
           (strcmp(path, PROXY_SHUTDOWN) == 0 || proxy_is_below(path, "data"));
}

/* Whether the guest may have this node: one that it has written before, or a further one. */
static bool may_have(struct proxy *proxy, const char *path)
{
    struct proxy_state *state = proxy_state_of(proxy);

    if (strcmp(path, PROXY_SHUTDOWN) == 0)
        return true;
    if (!state)
        return false;
    for (unsigned i = 0; i < state->n_nodes; i++)
        if (strcmp(state->nodes[i], path) == 0)
            return true;
    if (state->n_nodes == PROXY_NODES_MAX)
        return false;
    state->nodes[state->n_nodes] = strdup(path);
    return state->nodes[state->n_nodes] && ++state->n_nodes;
}

/* The numbers are those of the launcher's own connection: a guest may use only those it was given.
 * */
static uint32_t *find_tx(struct proxy *proxy, uint32_t number)
{
    for (unsigned i = 0; proxy->more && i < PROXY_TXS_MAX; i++)
        if (proxy->more->txs[i] == number)
            return &proxy->more->txs[i];
    return NULL;
}

/* Ask xenstored in the guest's place. `rest` is what follows the path's NUL. */
static void pass_on(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                    const char *path, const char *rest, size_t rest_len)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    const char *reply;
    size_t reply_len;
    struct fail fail;

    int len = path ? snprintf(payload, sizeof(payload), "/local/domain/%" PRIu32 "%s%s",
                              proxy->domid, *path ? "/" : "", path) +
                         1
                   : 0;
    if ((size_t)len + rest_len > sizeof(payload)) {
        proxy_refuse(proxy, request, E2BIG);
        return;
    }
    memcpy(payload + len, rest, rest_len);
    int error = store_pass_on(host->store, request->type, request->tx_id, payload,
                              (size_t)len + rest_len, &reply, &reply_len, &fail);
    if (request->type == XS_TRANSACTION_END)
        *find_tx(proxy, request->tx_id) = 0;
    if (!error && request->type == XS_TRANSACTION_START)
        *find_tx(proxy, 0) = (uint32_t)strtoul(reply, NULL, 10);
    if (error)
        proxy_refuse(proxy, request, -error);
    else
        proxy_answer(proxy, request, request->type, reply, reply_len);
}

static void serve_tx(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                     const char *payload)
{
    if (request->type == XS_TRANSACTION_START && (!proxy_state_of(proxy) || !find_tx(proxy, 0)))
        proxy_refuse(proxy, request, ENOSPC);
    else if (request->type == XS_TRANSACTION_END && !request->tx_id)
        proxy_refuse(proxy, request, ENOENT);
    else
        pass_on(proxy, host, request, NULL, payload, request->len);
}

static void serve_path(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                       const char *payload, size_t len)
{
    const char *given = payload, *path = proxy_below_own(proxy, given);
    size_t path_len = strlen(given) + 1;
    const char *rest = payload + path_len;
    bool writes = request->type == XS_WRITE || request->type == XS_MKDIR || request->type == XS_RM;

    if (request->type == XS_WATCH || request->type == XS_UNWATCH) {
        if (path_len >= len || payload[len - 1] != '\0')
            proxy_refuse(proxy, request, EINVAL);
        else if (request->type == XS_WATCH)
            proxy_watch(proxy, request, given, rest);
        else
            proxy_unwatch(proxy, request, given, rest);
    } else if (!path || (writes && !may_write(path))) {
        proxy_refuse(proxy, request, EACCES);
    } else if (request->type == XS_WRITE && len - path_len > VALUE_MAX) {
        proxy_refuse(proxy, request, E2BIG);
    } else if (request->type == XS_READ && strcmp(path, PROXY_SHUTDOWN) == 0 &&
               !proxy->shutdown_changed) {
        proxy_refuse(proxy, request, ENOENT);
    } else if (writes && request->type != XS_RM && !may_have(proxy, path)) {
        proxy_refuse(proxy, request, ENOSPC);
    } else {
        pass_on(proxy, host, request, path, rest, len - path_len);
    }
}

static void serve(struct proxy *proxy, struct host *host, const char *message)
{
    struct xsd_sockmsg request;
    char own[40];

    memcpy(&request, message, sizeof(request));
    const char *payload = message + sizeof(request);
    if (request.tx_id && !find_tx(proxy, request.tx_id)) {
        proxy_refuse(proxy, &request, ENOENT);
        return;
    }
    bool has_string = request.len && memchr(payload, '\0', request.len);
    switch (request.type) {
    case XS_READ:
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_DIRECTORY:
    case XS_DIRECTORY_PART:
    case XS_GET_PERMS:
    case XS_WATCH:
    case XS_UNWATCH:
        if (has_string)
            serve_path(proxy, host, &request, payload, request.len);
        else
            proxy_refuse(proxy, &request, EINVAL);
        break;
    case XS_TRANSACTION_START:
    case XS_TRANSACTION_END:
        serve_tx(proxy, host, &request, payload);
        break;
    case XS_GET_DOMAIN_PATH:
        if (!has_string) {
            proxy_refuse(proxy, &request, EINVAL);
            break;
        }
        snprintf(own, sizeof(own), "/local/domain/%lu", strtoul(payload, NULL, 10));
        proxy_answer(proxy, &request, request.type, own, strlen(own) + 1);
        break;
    case XS_RESET_WATCHES:
        proxy_unwatch_all(proxy);
        proxy_done(proxy, &request);
        break;
    default:
        proxy_refuse(proxy, &request, EACCES);
    }
}

bool proxy_work(struct proxy *proxy, struct host *host)
{
    char message[PROXY_MESSAGE_MAX];
    bool progress = false;
    int n = 0;

    for (; n < BUDGET && !proxy->broken; n++) {
        progress |= proxy_send_rest(proxy);
        if (proxy->more && proxy->more->n_answers)
            break;
        if (!proxy_take_request(proxy, message))
            break;
        serve(proxy, host, message);
        progress = true;
    }
    if (progress)
        xenevtchn_notify(host->hyper.events, (evtchn_port_t)proxy->port);
    return n == BUDGET;
}
