/* SPDX-License-Identifier: BSD-2-Clause */
#include "netback.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/netbuf.h>

#include "backend.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

struct fake_netback fake_netback;

static struct fake_backend backend = {
    .path = FAKE_VIF_BACKEND,
    .frontend = FAKE_VIF,
    .published = XenbusStateConnected,
    .n_refs = FAKE_BACKEND_REFS / 4,
    .attach = fake_netback_attach,
    .detach = fake_netback_detach,
    .by_hand = &fake_netback.by_hand,
    .stubborn = &fake_netback.stubborn,
    .careless = &fake_netback.careless,
};

static bool check(bool is_so, const char *what)
{
    return fake_backend_check(&backend, is_so, what);
}

/* The handshake */

void fake_netback_key(const char *key, const char *value)
{
    fake_backend_key(&backend, key, value);
}

void fake_netback_state(unsigned state)
{
    fake_backend_number(&backend, "state", state);
}

void fake_netback_plug(void)
{
    static const char *const features[] = {
        "feature-sg",      "feature-gso-tcpv4",         "feature-gso-tcpv6",
        "feature-rx-copy", "feature-ipv6-csum-offload",
    };

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        fake_netback_key(features[i], "1");
    fake_xenstored_write(FAKE_VIF "/mac", "00:16:3e:01:02:03");
    fake_backend_plug(&backend);
}

static uint32_t guest_number(const char *folder, const char *key, uint32_t otherwise)
{
    return fake_backend_guest_number(&backend, folder, key, otherwise);
}

static void rung(void *arg)
{
    ++*(unsigned *)arg;
    if (fake_netback.on_ring)
        fake_netback.on_ring();
}

static void *map_ring(uint32_t ref)
{
    void *page = fake_netback_page(ref, true);

    fake_backend_hold(&backend, ref, FAKE_MAPPED);
    return page;
}

void fake_netback_attach(void)
{
    if (!check(!fake_netback.attached, "the guest offers its rings a second time"))
        fake_netback_detach();
    fake_netback.attached = true;
    fake_netback.n_queues = guest_number("", "multi-queue-num-queues", 1);
    if (!fake_netback.n_queues || fake_netback.n_queues > 8)
        fake_fail("%u queues", fake_netback.n_queues);
    for (unsigned i = 0; i < fake_netback.n_queues; i++) {
        struct fake_netback_queue *queue = &fake_netback.queues[i];
        char folder[24] = "";
        if (fake_netback.n_queues > 1)
            snprintf(folder, sizeof(folder), "/queue-%u", i);
        memset(queue, 0, sizeof(*queue));
        queue->tx_ref = guest_number(folder, "tx-ring-ref", 0);
        queue->rx_ref = guest_number(folder, "rx-ring-ref", 0);
        uint32_t both = guest_number(folder, "event-channel", 0);
        queue->tx_port = guest_number(folder, "event-channel-tx", both);
        queue->rx_port = guest_number(folder, "event-channel-rx", both);
        queue->tx = map_ring(queue->tx_ref);
        queue->rx = map_ring(queue->rx_ref);
        fake_evtchn_connect(queue->tx_port, rung, &queue->tx_rung);
        if (queue->rx_port != queue->tx_port)
            fake_evtchn_connect(queue->rx_port, rung, &queue->rx_rung);
    }
}

void fake_netback_detach(void)
{
    fake_netback.closed++;
    if (!fake_netback.attached)
        return;
    fake_netback.attached = false;
    for (unsigned i = 0; i < fake_netback.n_queues; i++) {
        fake_backend_let_go(fake_netback.queues[i].tx_ref);
        fake_backend_let_go(fake_netback.queues[i].rx_ref);
    }
}

/* Grants */

uint8_t *fake_netback_page(uint32_t ref, bool write)
{
    return fake_backend_page(&backend, ref, write);
}

void fake_netback_hold(uint32_t ref)
{
    fake_backend_hold(&backend, ref, GTF_reading);
}

unsigned fake_netback_reclaim(void)
{
    return fake_backend_reclaim(&backend);
}

/* Towards the guest */

bool fake_netback_rx_request(unsigned number, netif_rx_request_t *request)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];

    if (!check(queue->rx->req_prod - queue->rx_cons <= __RING_SIZE(queue->rx, PAGE_BYTES),
               "the guest's rx producer is too far away"))
        return false;
    if (queue->rx->req_prod == queue->rx_cons) {
        queue->rx->req_event = queue->rx_cons + 1;
        return false;
    }
    *request = queue->rx->ring[queue->rx_cons++ % __RING_SIZE(queue->rx, PAGE_BYTES)].req;
    return true;
}

void fake_netback_rx_put(unsigned number, const void *entry)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];

    memcpy(&queue->rx->ring[queue->rx_prod++ % __RING_SIZE(queue->rx, PAGE_BYTES)], entry,
           sizeof(netif_rx_response_t));
}

void fake_netback_rx_answer(unsigned queue, uint16_t id, unsigned offset, unsigned flags,
                            int status)
{
    netif_rx_response_t response = {
        .id = id, .offset = (uint16_t)offset, .flags = (uint16_t)flags, .status = (int16_t)status};
    fake_netback_rx_put(queue, &response);
}

bool fake_netback_rx_push(unsigned number)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    uint32_t old = queue->rx->rsp_prod;

    queue->rx->rsp_prod = queue->rx_prod;
    bool wanted = queue->rx_prod - queue->rx->rsp_event < queue->rx_prod - old;
    if (wanted)
        fake_evtchn_raise(queue->rx_port);
    return wanted;
}

static void fill(uint8_t *page, size_t from, size_t len)
{
    if (!page)
        return;
    for (size_t i = 0; i < len; i++)
        page[i] = fake_netback_byte(from + i);
}

bool fake_netback_deliver(unsigned number, size_t len, unsigned flags, unsigned gso_type,
                          unsigned gso_size)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    bool gso = gso_type != XEN_NETIF_GSO_TYPE_NONE;
    size_t pieces = (len + PAGE_BYTES - 1) / PAGE_BYTES, done = 0;
    netif_rx_request_t request;

    uint32_t posted = queue->rx->req_prod - queue->rx_cons;
    if (posted < pieces + gso || posted > __RING_SIZE(queue->rx, PAGE_BYTES))
        return false;
    for (size_t i = 0; i < pieces; i++) {
        size_t n = len - done < PAGE_BYTES ? len - done : PAGE_BYTES;
        fake_netback_rx_request(number, &request);
        fill(fake_netback_page(request.gref, true), done, n);
        done += n;
        unsigned own = done < len ? NETRXF_more_data : 0;
        if (i == 0)
            own |= flags | (gso ? NETRXF_extra_info : 0);
        fake_netback_rx_answer(number, request.id, 0, own, (int)n);
        if (i == 0 && gso) {
            struct netif_extra_info extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};
            extra.u.gso.type = (uint8_t)gso_type;
            extra.u.gso.size = (uint16_t)gso_size;
            fake_netback_rx_request(number, &request);
            fake_netback_rx_put(number, &extra);
        }
    }
    return true;
}

/* From the guest */

static const void *tx_request(struct fake_netback_queue *queue)
{
    if (!check(queue->tx->req_prod - queue->tx_cons <= __RING_SIZE(queue->tx, PAGE_BYTES),
               "the guest's tx producer is too far away"))
        return NULL;
    if (queue->tx->req_prod == queue->tx_cons)
        return NULL;
    return &queue->tx->ring[queue->tx_cons++ % __RING_SIZE(queue->tx, PAGE_BYTES)];
}

static void take_extras(struct fake_netback_queue *queue, struct fake_packet *packet)
{
    struct netif_extra_info extra = {.flags = XEN_NETIF_EXTRA_FLAG_MORE};

    while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) {
        const void *slot = tx_request(queue);
        if (!check(slot && !packet->n_extras++, "extra info is not there, or twice"))
            return;
        memcpy(&extra, slot, sizeof(extra));
        check(extra.type == XEN_NETIF_EXTRA_TYPE_GSO, "extra info of another type");
        packet->gso_type = extra.u.gso.type;
        packet->gso_size = extra.u.gso.size;
    }
}

bool fake_netback_tx_take(unsigned number, struct fake_packet *packet)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    netif_tx_request_t request = {.flags = NETTXF_more_data};
    unsigned sizes[FAKE_NETBACK_SLOTS], offsets[FAKE_NETBACK_SLOTS], others = 0;

    packet->n_ids = packet->n_extras = packet->gso_size = packet->gso_type = 0;
    while (request.flags & NETTXF_more_data) {
        const void *slot = tx_request(queue);
        unsigned i = packet->n_ids;
        if (!slot && !i) {
            queue->tx->req_event = queue->tx_cons + 1;
            return false;
        }
        if (!check(slot && i < XEN_NETIF_NR_SLOTS_MIN, "the packet does not end"))
            return false;
        memcpy(&request, slot, sizeof(request));
        packet->ids[i] = request.id;
        packet->refs[i] = request.gref;
        sizes[i] = request.size;
        offsets[i] = request.offset;
        packet->n_ids++;
        if (i)
            others += request.size;
        else
            packet->flags = request.flags;
        if (request.flags & NETTXF_extra_info)
            take_extras(queue, packet);
    }
    packet->total = sizes[0];
    if (!check(others <= sizes[0], "the pieces are larger than the packet"))
        return false;
    sizes[0] -= others;
    for (unsigned i = 0, at = 0; i < packet->n_ids; at += sizes[i++]) {
        const uint8_t *page = fake_netback_page(packet->refs[i], false);
        if (!check(page && sizes[i] && offsets[i] + sizes[i] <= PAGE_BYTES,
                   "a piece is empty or beyond its page"))
            return false;
        memcpy(packet->data + at, page + offsets[i], sizes[i]);
    }
    return true;
}

bool fake_netback_tx_take_multicast(unsigned number, uint16_t *id, uint8_t *type, uint8_t mac[6])
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    const netif_tx_request_t *request = tx_request(queue);

    if (!request)
        return false;
    const struct netif_extra_info *extra = tx_request(queue);
    check(request->flags == NETTXF_extra_info && !request->gref && !request->size && extra &&
              !extra->flags,
          "no request without a packet");
    *id = request->id;
    *type = extra->type;
    memcpy(mac, extra->u.mcast.addr, sizeof(extra->u.mcast.addr));
    return true;
}

void fake_netback_tx_put(unsigned number, uint16_t id, int status)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    netif_tx_response_t response = {.id = id, .status = (int16_t)status};

    memcpy(&queue->tx->ring[queue->tx_prod++ % __RING_SIZE(queue->tx, PAGE_BYTES)], &response,
           sizeof(response));
}

bool fake_netback_tx_push(unsigned number)
{
    struct fake_netback_queue *queue = &fake_netback.queues[number];
    uint32_t old = queue->tx->rsp_prod;

    queue->tx->rsp_prod = queue->tx_prod;
    bool wanted = queue->tx_prod - queue->tx->rsp_event < queue->tx_prod - old;
    if (wanted)
        fake_evtchn_raise(queue->tx_port);
    return wanted;
}

void fake_netback_tx_answer(unsigned queue, const struct fake_packet *packet, int status)
{
    for (unsigned i = 0; i < packet->n_ids; i++) {
        fake_netback_tx_put(queue, packet->ids[i], status);
        for (unsigned extra = 0; i == 0 && extra < packet->n_extras; extra++)
            fake_netback_tx_put(queue, 0, NETIF_RSP_NULL);
    }
    fake_netback_tx_push(queue);
}

/* The end */

static unsigned count_kept(void)
{
    struct netbuf *first = NULL, *buf;
    unsigned n = 0;

    fake_pages_left(0);
    for (; (buf = netbuf_alloc()); n++) {
        buf->piece = first;
        first = buf;
    }
    netbuf_free(first);
    fake_pages_left(UINT_MAX);
    return n;
}

void fake_netback_assert_nothing_left(unsigned lost)
{
    fake_settle();
    fake_netback.attached = false;
    fake_backend_assert_nothing_left(&backend, lost, count_kept());
}
