/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests go through two queues: one to be sent (the ring holds 1024 bytes, a request may have
 * 4096 and more), one whose answers are awaited. Both move in pump(), whenever xenstored rings.
 */
#include "xswire.h"

#include <errno.h>
#include <string.h>

#include <sprat/bytering.h>
#include <sprat/clock.h>
#include <sprat/decimal.h>
#include <sprat/evtchn.h>

#define PENDING 1 /* results are 0 or negative; lengths are kept apart */

struct list {
    struct xswire_request *first, **last;
};

static struct {
    struct evtchn channel;
    struct bytering req, rsp;
    bool connected, broken;
    struct list to_send, awaited;
    struct port_queue quiet; /* woken when none is in either */
    uint32_t next_id;
    bool (*watch_event)(const char *path, uint64_t token);
    uint64_t dropped; /* answers and watch events that nobody waits for any more */

    /* What is being received. */
    struct xsd_sockmsg header;
    size_t got; /* of header and payload together */
    char payload[XENSTORE_PAYLOAD_MAX + 1];
} wire;

static void list_append(struct list *list, struct xswire_request *request)
{
    request->next = NULL;
    if (!list->first)
        list->last = &list->first;
    *list->last = request;
    list->last = &request->next;
}

static void list_remove(struct list *list, struct xswire_request *request)
{
    for (struct xswire_request **at = &list->first; *at; at = &(*at)->next) {
        if (*at == request) {
            *at = request->next;
            if (!request->next)
                list->last = at;
            return;
        }
    }
}

static void finish(struct xswire_request *request, int result)
{
    if (!wire.to_send.first && !wire.awaited.first)
        port_wake(&wire.quiet);
    request->result = result;
    if (request->done)
        request->done(request); /* frees it */
    else
        port_wake(&request->waiting);
}

/* xenstored spoke nonsense: what it says next can't be told from what it said before. */
static void fault(const char *what)
{
    wire.broken = true;
    port_log("xenstore: fault: %s; xenstore is not used any more", what);
    struct list *lists[] = {&wire.awaited, &wire.to_send};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        while (lists[i]->first) {
            struct xswire_request *request = lists[i]->first;
            list_remove(lists[i], request);
            finish(request, -EIO);
        }
    }
}

/* Sending */

/* Where byte `sent` of a request is, and how many follow it in the same piece. */
static const char *piece_at(const struct xswire_request *request, size_t sent, size_t *len)
{
    if (sent < sizeof(request->header)) {
        *len = sizeof(request->header) - sent;
        return (const char *)&request->header + sent;
    }
    sent -= sizeof(request->header);
    for (int i = 0; i < XSWIRE_PARTS; i++) {
        if (sent < request->part[i].len) {
            *len = request->part[i].len - sent;
            return (const char *)request->part[i].bytes + sent;
        }
        sent -= request->part[i].len;
    }
    *len = 0;
    return NULL;
}

static bool send_some(void)
{
    bool progress = false;

    while (wire.to_send.first) {
        struct xswire_request *request = wire.to_send.first;
        size_t len;
        const char *piece = piece_at(request, request->sent, &len);
        if (!piece) {
            list_remove(&wire.to_send, request);
            list_append(&wire.awaited, request);
            continue;
        }
        ssize_t n = bytering_put(&wire.req, piece, len);
        if (n < 0)
            fault("its request consumer is out of range");
        if (n <= 0)
            break;
        request->sent += (size_t)n;
        progress = true;
    }
    return progress;
}

/* Receiving */

static const struct {
    const char *name;
    int error;
} errors[] = {
    {"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EEXIST", EEXIST},       {"EISDIR", EISDIR},
    {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC},       {"EIO", EIO},
    {"EROFS", EROFS},   {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN},       {"EISCONN", EISCONN},
    {"E2BIG", E2BIG},   {"EPERM", EPERM},   {"ENOTEMPTY", ENOTEMPTY}, {"ENOSYS", ENOSYS},
};

static int error_of_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (strcmp(name, errors[i].name) == 0)
            return -errors[i].error;
    return -EPROTO;
}

static void receive_watch_event(size_t len)
{
    /* "path\0token\0" */
    size_t path_len = strnlen(wire.payload, len);
    const char *token = wire.payload + path_len + 1;
    uint64_t number;

    if (path_len + 1 >= len || !memchr(token, '\0', len - path_len - 1)) {
        fault("a watch event without a token");
        return;
    }
    if (!decimal_parse(token, &number) || !wire.watch_event(wire.payload, number))
        wire.dropped++; /* of a watch that was removed meanwhile */
}

static struct xswire_request *awaited_with_id(uint32_t id)
{
    struct xswire_request *request = wire.awaited.first;

    while (request && request->header.req_id != id)
        request = request->next;
    return request;
}

static void receive_reply(size_t len)
{
    struct xswire_request *request = awaited_with_id(wire.header.req_id);

    if (!request) {
        wire.dropped++; /* its caller gave up waiting */
        return;
    }
    if (wire.header.type != XS_ERROR && wire.header.type != request->header.type) {
        fault("an answer of another type than its question");
        return;
    }
    list_remove(&wire.awaited, request);
    if (wire.header.type == XS_ERROR) {
        finish(request, error_of_name(wire.payload));
        return;
    }
    int result = 0;
    if (request->reply) {
        if (len >= request->reply_size)
            result = -E2BIG;
        else
            memcpy(request->reply, wire.payload, len + 1);
        request->reply_size = len;
    }
    finish(request, result);
}

static void receive_message(void)
{
    size_t len = wire.header.len;

    wire.payload[len] = '\0';
    wire.got = 0;
    if (wire.header.type == XS_WATCH_EVENT)
        receive_watch_event(len);
    else
        receive_reply(len);
}

static bool receive_some(void)
{
    bool progress = false;

    while (!wire.broken) {
        bool in_header = wire.got < sizeof(wire.header);
        size_t in_payload = wire.got - sizeof(wire.header);
        ssize_t n = in_header ? bytering_take(&wire.rsp, (char *)&wire.header + wire.got,
                                              sizeof(wire.header) - wire.got)
                              : bytering_take(&wire.rsp, wire.payload + in_payload,
                                              wire.header.len - in_payload);
        if (n < 0) {
            fault("its answer producer is out of range");
            break;
        }
        wire.got += (size_t)n;
        progress |= n > 0;
        if (wire.got < sizeof(wire.header))
            break;
        if (wire.header.len > XENSTORE_PAYLOAD_MAX) {
            fault("an answer longer than 4096 bytes");
            break;
        }
        if (wire.got == sizeof(wire.header) + wire.header.len)
            receive_message();
        else if (n == 0)
            break;
    }
    return progress;
}

static void pump(void *arg)
{
    (void)arg;
    if (!wire.connected)
        return;
    bool progress = send_some();
    progress |= receive_some();
    if (progress)
        evtchn_notify(&wire.channel);
}

static int connect(struct xenstore_domain_interface *shared, uint32_t port)
{
    wire.req =
        (struct bytering){shared->req, sizeof(shared->req), &shared->req_cons, &shared->req_prod};
    wire.rsp =
        (struct bytering){shared->rsp, sizeof(shared->rsp), &shared->rsp_cons, &shared->rsp_prod};
    int error = evtchn_bind(&wire.channel, port, pump, NULL);
    wire.connected = !error;
    return error;
}

int xswire_init(void *page, uint32_t port, bool (*watch_event)(const char *, uint64_t))
{
    wire.watch_event = watch_event;
    return connect(page, port);
}

int xswire_restart(void *page, uint32_t port)
{
    struct xenstore_domain_interface *shared = page;

    /* What the last one said at the end was an event of a watch that is gone. */
    shared->rsp_cons = shared->rsp_prod;
    wire.got = 0;
    return connect(shared, port);
}

int xswire_quiet(uint64_t deadline_ns)
{
    int error = 0;

    while ((wire.to_send.first || wire.awaited.first) && !error)
        error = port_wait(&wire.quiet, deadline_ns);
    return error;
}

/* Asking */

int xswire_submit(struct xswire_request *request)
{
    size_t len = 0;

    if (!wire.connected)
        return -ENOSYS;
    if (wire.broken)
        return -EIO;
    for (int i = 0; i < XSWIRE_PARTS; i++)
        len += request->part[i].len;
    if (len > XENSTORE_PAYLOAD_MAX)
        return -EINVAL;
    request->header.len = (uint32_t)len;
    request->header.req_id = ++wire.next_id;
    request->sent = 0;
    request->result = PENDING;
    list_append(&wire.to_send, request);
    return 0;
}

/* A request that is half in the ring must be finished, or all that follows would be misread. */
static void withdraw(struct xswire_request *request)
{
    if (request->sent > 0 && request == wire.to_send.first) {
        fault("it takes no requests");
        return;
    }
    list_remove(&wire.to_send, request);
    list_remove(&wire.awaited, request);
    if (!wire.to_send.first && !wire.awaited.first)
        port_wake(&wire.quiet);
}

int xswire_await(struct xswire_request *request, uint64_t asked_ns)
{
    bool warned = clock_monotonic() >= asked_ns + XENSTORE_WARN_NS; /* with one sent before it */
    while (request->result == PENDING) {
        uint64_t deadline_ns = asked_ns + (warned ? XENSTORE_TIMEOUT_NS : XENSTORE_WARN_NS);
        if (port_wait(&request->waiting, deadline_ns) == 0 || request->result != PENDING)
            continue;
        if (!warned) {
            warned = true;
            port_log("xenstore: no answer yet about '%s'; is xenstored alive?",
                     (const char *)request->part[0].bytes);
            continue;
        }
        port_log("xenstore: no answer about '%s' in %llu s: given up",
                 (const char *)request->part[0].bytes, XENSTORE_TIMEOUT_NS / 1000000000);
        withdraw(request);
        return wire.broken ? -EIO : -ETIMEDOUT;
    }
    return request->result;
}

void xswire_push(void)
{
    pump(NULL);
}

int xswire_ask(struct xswire_request *request)
{
    int error = xswire_submit(request);
    if (error)
        return error;
    xswire_push();
    return xswire_await(request, clock_monotonic());
}
