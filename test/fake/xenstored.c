/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire: what comes and goes through the ring. The tree is in xentree.c. */
#include "xenstored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor.h"
#include "world.h"
#include "xentree.h"

#define PAYLOAD_ROOM 8192

/* What waits to be sent. */
struct message {
    struct message *next;
    uint64_t due_ns;
    size_t len, sent;
    char bytes[];
};

static struct {
    struct xenstore_domain_interface *ring;
    uint32_t port;
    bool rung;

    char in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    size_t in_len;
    struct message *out, *held; /* held: the last first */
    unsigned n_held;
    struct fake_actor actor;
} daemon;

struct fake_xenstored fake_xenstored;

static void queue(struct message *message)
{
    struct message **at = &daemon.out;

    while (*at)
        at = &(*at)->next;
    message->next = NULL;
    *at = message;
    daemon.rung = true;
}

static struct message *new_message(const void *bytes, size_t len)
{
    struct message *message = malloc(sizeof(*message) + len);

    if (!message)
        abort();
    *message = (struct message){.due_ns = fake_now() + fake_xenstored.delay_ns, .len = len};
    memcpy(message->bytes, bytes, len);
    return message;
}

void fake_xenstored_send(const void *bytes, size_t len)
{
    queue(new_message(bytes, len));
}

static struct message *compose(struct xsd_sockmsg header, const void *payload, size_t len)
{
    char bytes[sizeof(header) + PAYLOAD_ROOM];

    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), payload, len);
    return new_message(bytes, sizeof(header) + len);
}

void fake_xenstored_say(uint32_t type, uint32_t req_id, const void *payload, size_t len)
{
    queue(compose((struct xsd_sockmsg){.type = type, .req_id = req_id, .len = (uint32_t)len},
                  payload, len));
}

void fake_xenstored_ring(void)
{
    fake_evtchn_raise(daemon.port);
}

static void answer(struct message *message)
{
    if (!fake_xenstored.hold) {
        queue(message);
        return;
    }
    message->next = daemon.held;
    daemon.held = message;
    if (++daemon.n_held < fake_xenstored.hold)
        return;
    while (daemon.held) {
        struct message *first = daemon.held;
        daemon.held = first->next;
        queue(first);
    }
    daemon.n_held = 0;
    fake_xenstored.hold = 0;
}

/* A whole request is in daemon.in. */
static void handle(void)
{
    struct xsd_sockmsg request, header;
    static char payload[PAYLOAD_ROOM];
    int times = 1;

    memcpy(&request, daemon.in, sizeof(request));
    daemon.in_len = 0;
    fake_xenstored.n_requests++;
    header = request;
    if (fake_xenstored.refuse && fake_xenstored.refuse_type == request.type) {
        header.type = XS_ERROR;
        header.len = (uint32_t)strlen(fake_xenstored.refuse) + 1;
        memcpy(payload, fake_xenstored.refuse, header.len);
        fake_xenstored.refuse = NULL;
    } else {
        xentree_handle(&header, daemon.in + sizeof(request), payload);
    }
    if (fake_xenstored.silent)
        return;
    size_t len = header.len;
    if (fake_xenstored.tamper)
        times = fake_xenstored.tamper(&header, payload);
    if (header.len <= PAYLOAD_ROOM)
        len = header.len;
    for (int i = 0; i < times; i++)
        answer(compose(header, payload, len));
    xentree_fire();
}

/* As many bytes as a piece, the ring and the message hold. */
static size_t least(size_t room, size_t len)
{
    if (fake_xenstored.piece && room > fake_xenstored.piece)
        room = fake_xenstored.piece;
    return room < len ? room : len;
}

static size_t take_some(void)
{
    struct xenstore_domain_interface *ring = daemon.ring;
    struct xsd_sockmsg header;
    uint32_t there = ring->req_prod - ring->req_cons;
    size_t want = sizeof(header);

    if (there > sizeof(ring->req))
        fake_fail("the guest's request producer is %u bytes ahead", there);
    if (daemon.in_len >= sizeof(header)) {
        memcpy(&header, daemon.in, sizeof(header));
        if (header.len > XENSTORE_PAYLOAD_MAX)
            fake_fail("the guest sends %u bytes", header.len);
        want += header.len;
    }
    size_t n = least(there, want - daemon.in_len);
    for (size_t i = 0; i < n; i++)
        daemon.in[daemon.in_len++] = ring->req[MASK_XENSTORE_IDX(ring->req_cons + i)];
    ring->req_cons += (uint32_t)n;
    memcpy(&header, daemon.in, sizeof(header));
    if (daemon.in_len >= sizeof(header) && daemon.in_len == sizeof(header) + header.len)
        handle();
    return n;
}

static size_t send_some(void)
{
    struct xenstore_domain_interface *ring = daemon.ring;
    struct message *message = daemon.out;

    if (!message || message->due_ns > fake_now())
        return 0;
    uint32_t used = ring->rsp_prod - ring->rsp_cons;
    if (used > sizeof(ring->rsp))
        return 0; /* what a test put there */
    size_t n = least(sizeof(ring->rsp) - used, message->len - message->sent);
    for (size_t i = 0; i < n; i++)
        ring->rsp[MASK_XENSTORE_IDX(ring->rsp_prod + i)] = message->bytes[message->sent++];
    ring->rsp_prod += (uint32_t)n;
    if (message->sent == message->len) {
        daemon.out = message->next;
        free(message);
    }
    return n;
}

static bool step(void *arg)
{
    (void)arg;
    if (fake_xenstored.dead) {
        daemon.actor.due_ns = FAKE_NEVER;
        return false;
    }
    bool due = daemon.out && daemon.out->due_ns <= fake_now() && daemon.actor.due_ns != FAKE_NEVER;
    if (!daemon.rung && !due)
        return false;
    size_t n = take_some() + send_some();
    if (n)
        fake_evtchn_raise(daemon.port);
    else
        daemon.rung = false;
    daemon.actor.due_ns =
        daemon.out && daemon.out->due_ns > fake_now() ? daemon.out->due_ns : FAKE_NEVER;
    return n > 0;
}

static void rung(void *arg)
{
    (void)arg;
    daemon.rung = true;
}

void xenstored_restart(uint32_t port)
{
    xentree_forget();
    while (daemon.out) {
        struct message *first = daemon.out;
        daemon.out = first->next;
        free(first);
    }
    daemon.in_len = 0;
    daemon.port = fake_evtchn_make(port, rung, NULL);
}

void xenstored_start(void *page, uint32_t port)
{
    daemon.ring = page;
    daemon.port = fake_evtchn_make(port, rung, NULL);
    daemon.actor = (struct fake_actor){.step = step, .due_ns = FAKE_NEVER};
    fake_actor_add(&daemon.actor);
}
