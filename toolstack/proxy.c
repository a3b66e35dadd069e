/* SPDX-License-Identifier: BSD-2-Clause */
#include "proxy.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "host.h"
#include "store.h"

#define BUDGET       8  /* requests of one guest before it is another one's turn */
#define WATCHES_MAX  32 /* a guest's */
#define NODES_MAX    32 /* that a guest may write: dom0 owns them, so xenstored counts none */
#define TXS_MAX      4  /* transactions at a time */
#define DEPTH_MAX    4  /* below its own folder */
#define VALUE_MAX    1024
#define ANSWERS_MAX  16384 /* bytes; a guest that does not read its answers is served no more */
#define SHUTDOWN     "control/shutdown"
#define MESSAGE_MAX  (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)
#define STASH_OFFSET 3072 /* in the guest's page, behind the rings */
#define STASH_BYTES  (4096 - STASH_OFFSET)
#define STASH_MAGIC  "sprat-w1"

static_assert(sizeof(struct xenstore_domain_interface) <= STASH_OFFSET, "room behind the rings");

/* What a guest may want beyond an answer at once. */
struct proxy_state {
    char *answers; /* that the ring had no room for */
    size_t n_answers;
    char *long_request; /* one that is longer than the ring, as far as it has come */
    size_t n_long;
    char *nodes[NODES_MAX];
    unsigned n_nodes;
    uint32_t txs[TXS_MAX]; /* open, by xenstored's number; 0: none */
};

/*
 * The guest's watches: "path NUL token NUL" one after the other, in the part of its own xenstore
 * page
 * that the protocol does not use. So they outlive a launcher that is killed, and cost dom0
 * nothing. A
 * guest that writes there harms its own watches only.
 */
struct stash {
    char magic[8];
    uint16_t len;
    char text[STASH_BYTES - 10];
};

static struct stash *stash_of(const struct proxy *proxy)
{
    return (struct stash *)((char *)proxy->ring + STASH_OFFSET);
}

static struct proxy_state *more(struct proxy *proxy)
{
    if (!proxy->more)
        proxy->more = calloc(1, sizeof(*proxy->more));
    return proxy->more;
}

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

/* Answers */

static void ring_put(struct xenstore_domain_interface *ring, const char *bytes, size_t len)
{
    XENSTORE_RING_IDX prod = ring->rsp_prod;

    for (size_t i = 0; i < len; i++)
        ring->rsp[MASK_XENSTORE_IDX(prod + i)] = bytes[i];
    __atomic_store_n(&ring->rsp_prod, prod + (XENSTORE_RING_IDX)len, __ATOMIC_RELEASE);
}

static size_t ring_room(struct proxy *proxy)
{
    struct xenstore_domain_interface *ring = proxy->ring;
    XENSTORE_RING_IDX used = ring->rsp_prod - __atomic_load_n(&ring->rsp_cons, __ATOMIC_ACQUIRE);

    if (used > XENSTORE_RING_SIZE) {
        proxy->broken = true;
        return 0;
    }
    return XENSTORE_RING_SIZE - used;
}

static void send(struct proxy *proxy, const char *bytes, size_t len)
{
    size_t room = ring_room(proxy);
    bool queue = (proxy->more && proxy->more->n_answers) || len > room;

    if (proxy->broken)
        return;
    if (!queue) {
        ring_put(proxy->ring, bytes, len);
        return;
    }
    struct proxy_state *state = more(proxy);
    if (state && !state->answers)
        state->answers = malloc(ANSWERS_MAX);
    if (!state || !state->answers || state->n_answers + len > ANSWERS_MAX) {
        proxy->broken = true; /* half an answer would spoil all that follow */
        return;
    }
    memcpy(state->answers + state->n_answers, bytes, len);
    state->n_answers += len;
}

/* @return whether something was sent. */
static bool send_rest(struct proxy *proxy)
{
    struct proxy_state *state = proxy->more;
    size_t room = state && state->n_answers ? ring_room(proxy) : 0;

    if (!room || proxy->broken)
        return false;
    size_t len = state->n_answers < room ? state->n_answers : room;
    ring_put(proxy->ring, state->answers, len);
    state->n_answers -= len;
    memmove(state->answers, state->answers + len, state->n_answers);
    if (!state->n_answers) {
        free(state->answers);
        state->answers = NULL;
    }
    return true;
}

static void answer(struct proxy *proxy, const struct xsd_sockmsg *request, uint32_t type,
                   const char *payload, size_t len)
{
    char message[MESSAGE_MAX];
    struct xsd_sockmsg header = *request;

    header.type = type;
    header.len = (uint32_t)len;
    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), payload, len);
    send(proxy, message, sizeof(header) + len);
}

static void refuse(struct proxy *proxy, const struct xsd_sockmsg *request, int error)
{
    const char *name = "EIO";

    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++)
        if (xsd_errors[i].errnum == error)
            name = xsd_errors[i].errstring;
    answer(proxy, request, XS_ERROR, name, strlen(name) + 1);
}

static void done(struct proxy *proxy, const struct xsd_sockmsg *request)
{
    answer(proxy, request, request->type, "OK", 3);
}

/* Watches */

static void fire(struct proxy *proxy, const char *path, const char *token)
{
    struct xsd_sockmsg header = {0};
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t path_len = strlen(path) + 1, token_len = strlen(token) + 1;

    if (path_len + token_len > sizeof(payload))
        return;
    memcpy(payload, path, path_len);
    memcpy(payload + path_len, token, token_len);
    answer(proxy, &header, XS_WATCH_EVENT, payload, path_len + token_len);
}

/* A path of the guest's as it is below its own folder; NULL: it is elsewhere. "" is the folder. */
static const char *below_own(const struct proxy *proxy, const char *path)
{
    char own[40];
    int len = snprintf(own, sizeof(own), "/local/domain/%" PRIu32, proxy->domid);

    if (*path != '/')
        return *path == '@' ? NULL : path;
    if (strncmp(path, own, (size_t)len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path[len] ? path + len + 1 : path + len;
}

/* A copy, checked: strings that end within it. @return its length; 0 if there is none. */
static size_t read_stash(const struct proxy *proxy, char *text)
{
    const struct stash *stash = stash_of(proxy);
    size_t len = *(const volatile uint16_t *)&stash->len;

    if (memcmp(stash->magic, STASH_MAGIC, sizeof(stash->magic)) != 0 || len > sizeof(stash->text))
        return 0;
    memcpy(text, stash->text, len);
    return len && text[len - 1] == '\0' ? len : 0;
}

static void write_stash(struct proxy *proxy, const char *text, size_t len)
{
    struct stash *stash = stash_of(proxy);

    memcpy(stash->text, text, len);
    stash->len = (uint16_t)len;
    memcpy(stash->magic, STASH_MAGIC, sizeof(stash->magic));
}

static const char *next_string(const char *at, const char *end)
{
    at += strnlen(at, (size_t)(end - at)) + 1;
    return at < end ? at : NULL;
}

static void watch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                  const char *token)
{
    char text[sizeof(struct stash)];
    size_t len = read_stash(proxy, text), path_len = strlen(path) + 1,
           token_len = strlen(token) + 1;
    unsigned n = 0;

    for (const char *at = len ? text : NULL; at; n++) {
        const char *other = next_string(at, text + len);
        if (other && strcmp(at, path) == 0 && strcmp(other, token) == 0) {
            refuse(proxy, request, EEXIST);
            return;
        }
        at = other ? next_string(other, text + len) : NULL;
    }
    if (n >= WATCHES_MAX || len + path_len + token_len > sizeof(((struct stash *)0)->text)) {
        refuse(proxy, request, E2BIG);
        return;
    }
    memcpy(text + len, path, path_len);
    memcpy(text + len + path_len, token, token_len);
    write_stash(proxy, text, len + path_len + token_len);
    done(proxy, request);
    fire(proxy, path, token); /* a new watch is told about once, as if it had changed */
}

static void unwatch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                    const char *token)
{
    char text[sizeof(struct stash)];
    size_t len = read_stash(proxy, text);

    for (char *at = len ? text : NULL; at;) {
        char *other = (char *)next_string(at, text + len);
        char *next = other ? (char *)next_string(other, text + len) : NULL;
        if (other && strcmp(at, path) == 0 && strcmp(other, token) == 0) {
            size_t rest = next ? (size_t)(text + len - next) : 0;
            memmove(at, next ? next : at, rest);
            write_stash(proxy, text, (size_t)(at - text) + rest);
            done(proxy, request);
            return;
        }
        at = next;
    }
    refuse(proxy, request, ENOENT);
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return len == 0 || (strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

void proxy_changed(struct proxy *proxy, struct host *host, const char *path)
{
    char text[sizeof(struct stash)], shown[XENSTORE_ABS_PATH_MAX + 64];

    if (!proxy->ring || proxy->broken)
        return;
    if (is_below(path, SHUTDOWN))
        proxy->shutdown_changed = true;
    size_t len = read_stash(proxy, text);
    bool fired = false;
    for (const char *at = len ? text : NULL; at;) {
        const char *token = next_string(at, text + len), *own = below_own(proxy, at);
        if (token && own && is_below(path, own)) {
            if (*at == '/')
                snprintf(shown, sizeof(shown), "/local/domain/%" PRIu32 "/%s", proxy->domid, path);
            fire(proxy, *at == '/' ? shown : path, token);
            fired = true;
        }
        at = token ? next_string(token, text + len) : NULL;
    }
    if (fired)
        xenevtchn_notify(host->hyper.events, (evtchn_port_t)proxy->port);
}

/* Requests */

static bool may_write(const char *path)
{
    unsigned depth = 1;

    for (const char *c = path; *c; c++)
        depth += *c == '/';
    return depth <= DEPTH_MAX && (strcmp(path, SHUTDOWN) == 0 || is_below(path, "data"));
}

/* Whether the guest may have this node: one that it has written before, or a further one. */
static bool may_have(struct proxy *proxy, const char *path)
{
    struct proxy_state *state = more(proxy);

    if (strcmp(path, SHUTDOWN) == 0)
        return true;
    if (!state)
        return false;
    for (unsigned i = 0; i < state->n_nodes; i++)
        if (strcmp(state->nodes[i], path) == 0)
            return true;
    if (state->n_nodes == NODES_MAX)
        return false;
    state->nodes[state->n_nodes] = strdup(path);
    return state->nodes[state->n_nodes] && ++state->n_nodes;
}

/* The numbers are those of the launcher's own connection: a guest may use only those it was given.
 * */
static uint32_t *find_tx(struct proxy *proxy, uint32_t number)
{
    for (unsigned i = 0; proxy->more && i < TXS_MAX; i++)
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
        refuse(proxy, request, E2BIG);
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
        refuse(proxy, request, -error);
    else
        answer(proxy, request, request->type, reply, reply_len);
}

static void serve_tx(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                     const char *payload)
{
    if (request->type == XS_TRANSACTION_START && (!more(proxy) || !find_tx(proxy, 0)))
        refuse(proxy, request, ENOSPC);
    else if (request->type == XS_TRANSACTION_END && !request->tx_id)
        refuse(proxy, request, ENOENT);
    else
        pass_on(proxy, host, request, NULL, payload, request->len);
}

static void serve_path(struct proxy *proxy, struct host *host, const struct xsd_sockmsg *request,
                       const char *payload, size_t len)
{
    const char *given = payload, *path = below_own(proxy, given);
    size_t path_len = strlen(given) + 1;
    const char *rest = payload + path_len;
    bool writes = request->type == XS_WRITE || request->type == XS_MKDIR || request->type == XS_RM;

    if (request->type == XS_WATCH || request->type == XS_UNWATCH) {
        if (path_len >= len || payload[len - 1] != '\0')
            refuse(proxy, request, EINVAL);
        else if (request->type == XS_WATCH)
            watch(proxy, request, given, rest);
        else
            unwatch(proxy, request, given, rest);
    } else if (!path || (writes && !may_write(path))) {
        refuse(proxy, request, EACCES);
    } else if (request->type == XS_WRITE && len - path_len > VALUE_MAX) {
        refuse(proxy, request, E2BIG);
    } else if (request->type == XS_READ && strcmp(path, SHUTDOWN) == 0 &&
               !proxy->shutdown_changed) {
        refuse(proxy, request, ENOENT);
    } else if (writes && request->type != XS_RM && !may_have(proxy, path)) {
        refuse(proxy, request, ENOSPC);
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
        refuse(proxy, &request, ENOENT);
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
            refuse(proxy, &request, EINVAL);
        break;
    case XS_TRANSACTION_START:
    case XS_TRANSACTION_END:
        serve_tx(proxy, host, &request, payload);
        break;
    case XS_GET_DOMAIN_PATH:
        if (!has_string) {
            refuse(proxy, &request, EINVAL);
            break;
        }
        snprintf(own, sizeof(own), "/local/domain/%lu", strtoul(payload, NULL, 10));
        answer(proxy, &request, request.type, own, strlen(own) + 1);
        break;
    case XS_RESET_WATCHES:
        write_stash(proxy, "", 0);
        done(proxy, &request);
        break;
    default:
        refuse(proxy, &request, EACCES);
    }
}

static void ring_peek(const struct xenstore_domain_interface *ring, XENSTORE_RING_IDX at, void *to,
                      size_t len)
{
    char *bytes = to;

    for (size_t i = 0; i < len; i++)
        bytes[i] = ring->req[MASK_XENSTORE_IDX(at + i)];
}

/* A request longer than the ring comes in parts, its checked header first. @return whether it is
 * whole. */
static bool take_part(struct proxy *proxy, size_t available)
{
    struct proxy_state *state = proxy->more;
    struct xenstore_domain_interface *ring = proxy->ring;
    struct xsd_sockmsg header;

    memcpy(&header, state->long_request, sizeof(header));
    size_t whole = sizeof(header) + header.len, len = whole - state->n_long;
    len = len < available ? len : available;
    ring_peek(ring, ring->req_cons, state->long_request + state->n_long, len);
    state->n_long += len;
    __atomic_store_n(&ring->req_cons, ring->req_cons + (XENSTORE_RING_IDX)len, __ATOMIC_RELEASE);
    return state->n_long == whole;
}

/* Keep the header of a request that is longer than the ring. @return whether that was possible. */
static bool begin_long(struct proxy *proxy, const struct xsd_sockmsg *header)
{
    struct proxy_state *state = more(proxy);

    if (state)
        state->long_request = malloc(MESSAGE_MAX);
    if (!state || !state->long_request) {
        proxy->broken = true;
        return false;
    }
    memcpy(state->long_request, header, sizeof(*header));
    state->n_long = sizeof(*header);
    return true;
}

/*
 * Take one request. A short one stays in the ring until it is whole, so that nothing of it is lost
 * with
 * a launcher that is killed. @return whether there was one.
 */
static bool take_request(struct proxy *proxy, char *message)
{
    struct xenstore_domain_interface *ring = proxy->ring;
    XENSTORE_RING_IDX cons = ring->req_cons;
    size_t available = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE) - cons;
    struct xsd_sockmsg header;

    if (available > XENSTORE_RING_SIZE) {
        proxy->broken = true;
        return false;
    }
    if (!(proxy->more && proxy->more->n_long)) {
        if (available < sizeof(header))
            return false;
        ring_peek(ring, cons, &header, sizeof(header));
        if (header.len > XENSTORE_PAYLOAD_MAX) {
            proxy->broken = true;
            return false;
        }
        size_t whole = sizeof(header) + header.len;
        if (whole <= XENSTORE_RING_SIZE) {
            if (available < whole)
                return false;
            memcpy(message, &header, sizeof(header));
            ring_peek(ring, cons + sizeof(header), message + sizeof(header), header.len);
            __atomic_store_n(&ring->req_cons, cons + (XENSTORE_RING_IDX)whole, __ATOMIC_RELEASE);
            return true;
        }
        if (!begin_long(proxy, &header))
            return false;
        __atomic_store_n(&ring->req_cons, cons + (XENSTORE_RING_IDX)sizeof(header),
                         __ATOMIC_RELEASE);
        available -= sizeof(header);
    }
    if (!take_part(proxy, available))
        return false;
    memcpy(message, proxy->more->long_request, proxy->more->n_long);
    free(proxy->more->long_request);
    proxy->more->long_request = NULL;
    proxy->more->n_long = 0;
    return true;
}

bool proxy_work(struct proxy *proxy, struct host *host)
{
    char message[MESSAGE_MAX];
    bool progress = false;
    int n = 0;

    for (; n < BUDGET && !proxy->broken; n++) {
        progress |= send_rest(proxy);
        if (proxy->more && proxy->more->n_answers)
            break;
        if (!take_request(proxy, message))
            break;
        serve(proxy, host, message);
        progress = true;
    }
    if (progress)
        xenevtchn_notify(host->hyper.events, (evtchn_port_t)proxy->port);
    return n == BUDGET;
}
