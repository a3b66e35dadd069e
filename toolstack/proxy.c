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
#include "vif.h"

#define DEPTH_MAX    5 /* below its own folder: device/vif/0/queue-0/tx-ring-ref */
#define DEVICES      "device/"
#define DEVICE_DEPTH 4    /* device/vif/0/state: the device itself is not the guest's to make */
#define VALUE_MAX    2048 /* xenstored's own limits for a guest; it sets the launcher none */
#define TX_MAX       1024 /* each may be about one more node that xenstored keeps for it */

/* What xenstored was asked for a guest in this turn of its; the answers come together. */
struct asked {
    struct proxy *proxy;
    struct xsd_sockmsg request;
};

static struct asked asked[PROXY_BUDGET];
static unsigned n_asked;

static bool may_write(const char *path)
{
    unsigned depth = 1;

    for (const char *c = path; *c; c++)
        depth += *c == '/';
    return depth <= DEPTH_MAX &&
           (strcmp(path, PROXY_SHUTDOWN) == 0 || proxy_is_below(path, "data") ||
            (strncmp(path, DEVICES, strlen(DEVICES)) == 0 && depth >= DEVICE_DEPTH));
}

/* Whether the first `len` bytes of a path are among the guest's nodes, be it from now on. */
static bool have(struct proxy_state *state, const char *path, size_t len)
{
    for (unsigned i = 0; i < state->n_nodes; i++)
        if (strncmp(state->nodes[i], path, len) == 0 && state->nodes[i][len] == '\0')
            return true;
    if (state->n_nodes == PROXY_NODES_MAX)
        return false;
    state->nodes[state->n_nodes] = strndup(path, len);
    return state->nodes[state->n_nodes] && ++state->n_nodes;
}

/*
 * Whether the guest may have this node, and those on the way to it, which xenstored makes: each is
 * one that it has written before, or a further one. "data" and "device" do not count.
 */
static bool may_have(struct proxy *proxy, const char *path)
{
    struct proxy_state *state = proxy_state_of(proxy);
    size_t len = strcspn(path, "/");

    if (strcmp(path, PROXY_SHUTDOWN) == 0)
        return true;
    if (!state)
        return false;
    unsigned n_before = state->n_nodes;
    while (path[len]) {
        len += 1 + strcspn(path + len + 1, "/");
        if (!have(state, path, len)) {
            while (state->n_nodes > n_before)
                free(state->nodes[--state->n_nodes]);
            return false;
        }
    }
    return true;
}

/* What has gone, with all below it, counts no more. */
static void forget(struct proxy *proxy, const char *path)
{
    struct proxy_state *state = proxy->more;
    size_t len = strlen(path);

    for (unsigned i = 0; state && i < state->n_nodes;) {
        char *node = state->nodes[i];
        if (strncmp(node, path, len) == 0 && (node[len] == '/' || node[len] == '\0')) {
            free(node);
            state->nodes[i] = state->nodes[--state->n_nodes];
        } else {
            i++;
        }
    }
}

/* The numbers are those of the launcher's own connection: a guest may use only those it was given.
 * */
static struct proxy_tx *find_tx(struct proxy *proxy, uint32_t number)
{
    for (unsigned i = 0; proxy->more && i < PROXY_TXS_MAX; i++)
        if (proxy->more->txs[i].number == number)
            return &proxy->more->txs[i];
    return NULL;
}

static void ignore_answer(void *context, int error, const char *reply, size_t len)
{
    (void)context;
    (void)error;
    (void)reply;
    (void)len;
}

/* xenstored would keep them for as long as the launcher runs. */
static void drop_txs(struct proxy *proxy, struct host *host)
{
    for (unsigned i = 0; proxy->more && i < PROXY_TXS_MAX; i++) {
        if (proxy->more->txs[i].number)
            store_pass_on(host->store, XS_TRANSACTION_END, proxy->more->txs[i].number, "F", 2,
                          ignore_answer, NULL);
        proxy->more->txs[i].number = 0;
    }
}

void proxy_free(struct proxy *proxy, struct host *host)
{
    drop_txs(proxy, host);
    if (proxy->more) {
        for (unsigned i = 0; i < proxy->more->n_nodes; i++)
            free(proxy->more->nodes[i]);
        free(proxy->more->answers);
        free(proxy->more->long_request);
        free(proxy->more);
    }
    *proxy = (struct proxy)PROXY_CLOSED;
}

static void take_answer(void *context, int error, const char *reply, size_t len)
{
    const struct asked *about = context;
    struct proxy *proxy = about->proxy;
    uint32_t type = about->request.type;

    if (type == XS_TRANSACTION_END)
        find_tx(proxy, about->request.tx_id)->number = 0;
    if (!error && type == XS_TRANSACTION_START)
        *find_tx(proxy, 0) = (struct proxy_tx){.number = (uint32_t)strtoul(reply, NULL, 10)};
    if (error)
        proxy_refuse(proxy, &about->request, -error);
    else
        proxy_answer(proxy, &about->request, type, reply, len);
}

/* Have what was asked answered. A xenstored that is gone ends the launcher, in its main loop. */
static void settle(struct host *host)
{
    struct fail fail;

    if (n_asked)
        store_flush(host->store, &fail);
    n_asked = 0;
}

/*
 * Ask xenstored in the guest's place: the answer comes with settle().
 *
 * @param path  one that the guest may see, or NULL. `rest` is what follows the path's NUL.
 */
static int pass_on(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                   const char *path, const char *rest, size_t rest_len)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    const char *own = path ? proxy_below_own(proxy, path) : NULL;
    int len = 0;

    if (own)
        len = snprintf(payload, sizeof(payload), "/local/domain/%" PRIu32 "%s%s", proxy->domid,
                       *own ? "/" : "", own);
    else if (path)
        len = snprintf(payload, sizeof(payload), "%s", path);
    len += path != NULL; /* its NUL */
    if ((size_t)len + rest_len > sizeof(payload))
        return E2BIG;
    memcpy(payload + len, rest, rest_len);
    struct asked *about = &asked[n_asked++];
    *about = (struct asked){proxy, *request};
    store_pass_on(host->store, request->type, request->tx_id, payload, (size_t)len + rest_len,
                  take_answer, about);
    return 0;
}

static int serve_tx(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                    const char *payload)
{
    settle(host); /* which transactions are open is known */
    if (request->type == XS_TRANSACTION_START && (!proxy_state_of(proxy) || !find_tx(proxy, 0)))
        return ENOSPC;
    if (request->type == XS_TRANSACTION_END && !request->tx_id)
        return ENOENT;
    /* Of what else it may be xenstored ends none, and here it would be forgotten. */
    if (request->type == XS_TRANSACTION_END &&
        (request->len != 2 || (payload[0] != 'T' && payload[0] != 'F') || payload[1] != '\0'))
        return EINVAL;
    int error = pass_on(proxy, host, request, NULL, payload, request->len);
    settle(host);
    return error;
}

/*
 * Who the backend of an interface is. A guest looks whenever the backend does something, and it is
 * what was written when the interface was made. @return whether it was answered.
 */
static bool serve_backend(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                          const char *path)
{
    char known[48], backend[64];

    for (unsigned i = 0; i < proxy->n_vifs; i++) {
        int len = snprintf(known, sizeof(known), "device/vif/%u/backend", i);
        if (strncmp(path, known, (size_t)len) != 0)
            continue;
        bool is_id = strcmp(path + len, "-id") == 0;
        if (!is_id && path[len] != '\0')
            continue;
        snprintf(backend, sizeof(backend), VIF_BACKENDS "/%" PRIu32 "/%u", proxy->domid, i);
        settle(host);
        proxy_answer(proxy, request, XS_READ, is_id ? "0" : backend, is_id ? 1 : strlen(backend));
        return true;
    }
    return false;
}

/* As xenstored has it. Source: Xen's docs/misc/xenstore.txt. */
static bool is_path(const char *path)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@";
    size_t len = strlen(path);

    return len && path[strspn(path, allowed)] == '\0' && !strstr(path, "//") &&
           (len == 1 || path[len - 1] != '/');
}

static int serve_path(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                      const char *path, size_t len)
{
    const char *own = proxy_below_own(proxy, path);
    size_t path_len = strlen(path) + 1;
    bool writes = request->type == XS_WRITE || request->type == XS_MKDIR || request->type == XS_RM;

    if (!is_path(path))
        return EINVAL;
    if (writes ? !own || !may_write(own) : !own && !proxy_is_backend(proxy, path))
        return EACCES;
    if (request->type == XS_WRITE && len - path_len > VALUE_MAX)
        return E2BIG;
    if (request->type == XS_READ && own && strcmp(own, PROXY_SHUTDOWN) == 0 &&
        !proxy->shutdown_changed)
        return ENOENT;
    if (request->type == XS_READ && own && serve_backend(proxy, host, request, own))
        return 0;
    if (writes && request->type != XS_RM && !may_have(proxy, own))
        return ENOSPC;
    if (request->type == XS_RM && !request->tx_id) /* a transaction may yet be dropped */
        forget(proxy, own);
    return pass_on(proxy, host, request, path, path + path_len, len - path_len);
}

/* "PATH NUL TOKEN NUL" */
static int serve_watch(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                       const char *payload, size_t len)
{
    size_t path_len = strlen(payload) + 1;

    if (path_len >= len || payload[len - 1] != '\0')
        return EINVAL;
    settle(host);
    if (request->type == XS_WATCH)
        proxy_watch(proxy, request, payload, payload + path_len);
    else
        proxy_unwatch(proxy, request, payload, payload + path_len);
    return 0;
}

static int serve_folder(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                        const char *payload)
{
    char own[40];

    snprintf(own, sizeof(own), "/local/domain/%lu", strtoul(payload, NULL, 10));
    settle(host);
    proxy_answer(proxy, request, request->type, own, strlen(own) + 1);
    return 0;
}

/* @return 0, or the errno to refuse with. */
static int serve(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                 const char *payload)
{
    bool has_string = request->len && memchr(payload, '\0', request->len);

    if (request->tx_id) {
        struct proxy_tx *tx = find_tx(proxy, request->tx_id);
        if (!tx)
            return ENOENT;
        if (request->type != XS_TRANSACTION_END && tx->n_requests++ == TX_MAX) {
            tx->n_requests = TX_MAX;
            return ENOSPC;
        }
    }
    switch (request->type) {
    case XS_READ:
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_DIRECTORY:
    case XS_DIRECTORY_PART:
    case XS_GET_PERMS:
        return has_string ? serve_path(proxy, host, request, payload, request->len) : EINVAL;
    case XS_WATCH:
    case XS_UNWATCH:
        return has_string ? serve_watch(proxy, host, request, payload, request->len) : EINVAL;
    case XS_TRANSACTION_START:
    case XS_TRANSACTION_END:
        return serve_tx(proxy, host, request, payload);
    case XS_GET_DOMAIN_PATH:
        return has_string ? serve_folder(proxy, host, request, payload) : EINVAL;
    case XS_RESET_WATCHES:
        settle(host);
        drop_txs(proxy, host);
        proxy_unwatch_all(proxy);
        proxy_done(proxy, request);
        return 0;
    default:
        return EACCES;
    }
}

bool proxy_work(struct proxy *proxy, struct host *host)
{
    char message[PROXY_MESSAGE_MAX];
    struct xsd_sockmsg request;
    bool progress = false;
    int n = 0;

    for (; n < PROXY_BUDGET && !proxy->broken; n++) {
        progress |= proxy_send_rest(proxy);
        if (proxy->more && proxy->more->n_answers)
            break;
        if (!proxy_take_request(proxy, message))
            break;
        memcpy(&request, message, sizeof(request));
        int error = serve(proxy, host, &request, message + sizeof(request));
        if (error) {
            settle(host); /* answers are in the order of the questions */
            proxy_refuse(proxy, &request, error);
        }
        progress = true;
    }
    settle(host);
    progress |= proxy_send_rest(proxy);
    if (progress)
        xenevtchn_notify(host->hyper.events, (evtchn_port_t)proxy->port);
    return n == PROXY_BUDGET;
}
