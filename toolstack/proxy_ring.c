/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h> /* before xs_wire.h, which then has xsd_errors */

#include "proxy_ring.h"

#include <stdlib.h>
#include <string.h>

/* A turn's answers, and as much of events; a guest that does not read them is served no more. */
#define ANSWERS_MAX (2 * PROXY_BUDGET * PROXY_MESSAGE_MAX)

struct proxy_state *proxy_state_of(struct proxy *proxy)
{
    if (!proxy->more)
        proxy->more = calloc(1, sizeof(*proxy->more));
    return proxy->more;
}

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
    struct proxy_state *state = proxy_state_of(proxy);
    if (state && !state->answers)
        state->answers = malloc(ANSWERS_MAX);
    if (!state || !state->answers || state->n_answers + len > ANSWERS_MAX) {
        proxy->broken = true; /* half an answer would spoil all that follow */
        return;
    }
    memcpy(state->answers + state->n_answers, bytes, len);
    state->n_answers += len;
}

bool proxy_send_rest(struct proxy *proxy)
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

void proxy_answer(struct proxy *proxy, const struct xsd_sockmsg *request, uint32_t type,
                  const char *payload, size_t len)
{
    char message[PROXY_MESSAGE_MAX];
    struct xsd_sockmsg header = *request;

    header.type = type;
    header.len = (uint32_t)len;
    memcpy(message, &header, sizeof(header));
    memcpy(message + sizeof(header), payload, len);
    send(proxy, message, sizeof(header) + len);
}

void proxy_refuse(struct proxy *proxy, const struct xsd_sockmsg *request, int error)
{
    const char *name = "EIO";

    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++)
        if (xsd_errors[i].errnum == error)
            name = xsd_errors[i].errstring;
    proxy_answer(proxy, request, XS_ERROR, name, strlen(name) + 1);
}

void proxy_done(struct proxy *proxy, const struct xsd_sockmsg *request)
{
    proxy_answer(proxy, request, request->type, "OK", 3);
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
    struct proxy_state *state = proxy_state_of(proxy);

    if (state)
        state->long_request = malloc(PROXY_MESSAGE_MAX);
    if (!state || !state->long_request) {
        proxy->broken = true;
        return false;
    }
    memcpy(state->long_request, header, sizeof(*header));
    state->n_long = sizeof(*header);
    return true;
}

bool proxy_take_request(struct proxy *proxy, char *message)
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
