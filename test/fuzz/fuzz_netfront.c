/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is what netback does to the rings, the grants and xenstore, and what the guest's
 * program does meanwhile. Whatever it is: no crash, nothing used that is freed, and nothing left in
 * the end.
 */
#include <stdint.h>

#include <xen/io/netif.h>

#include <sprat/compiler.h>
#include <sprat/netfront.h>

#include "device.h"
#include "fuzz.h"
#include "netback.h"
#include "port.h"
#include "world.h"

#define STEPS_MAX 200
#define BURST     16
#define KEPT_MAX  24

static struct {
    struct fuzz fuzz;
    struct netfront *nf;
    struct netbuf *kept[KEPT_MAX]; /* packets that the program has not given back */
    unsigned n_kept;
    netif_rx_request_t last_rx;
    struct fake_packet packet;
} world;

static uint8_t byte(void)
{
    return fuzz_byte(&world.fuzz);
}

static uint32_t number(void)
{
    return fuzz_number(&world.fuzz);
}

/* The backend */

static unsigned some_queue(void)
{
    return fake_netback.n_queues ? byte() % fake_netback.n_queues : 0;
}

static bool has_slot(unsigned queue)
{
    return fake_netback.queues[queue].rx_prod != fake_netback.queues[queue].rx_cons;
}

static void answer_rx(unsigned queue)
{
    uint8_t how = byte();

    if (!(how & 1))
        fake_netback_rx_request(queue, &world.last_rx);
    uint16_t id = (how & 14) == 14 ? (uint16_t)number() : world.last_rx.id;
    unsigned offset = (how & 48) == 48 ? number() : 0;
    int status = how & 64 ? (int)number() : byte();
    unsigned flags = byte() & 15;
    if (has_slot(queue)) /* it has no reason to write over requests that it has not read */
        fake_netback_rx_answer(queue, id, offset, flags, status);
}

static void put_extra(unsigned queue)
{
    struct netif_extra_info extra = {.type = byte() % 6, .flags = byte() % 2};

    fake_netback_rx_request(queue, &world.last_rx);
    extra.u.gso.size = (uint16_t)number();
    extra.u.gso.type = byte() % 4;
    if (has_slot(queue))
        fake_netback_rx_put(queue, &extra);
}

static void answer_tx(unsigned queue)
{
    uint8_t how = byte();

    if (how & 1 && fake_netback_tx_take(queue, &world.packet)) {
        fake_netback_tx_answer(queue, &world.packet, how & 2 ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
        return;
    }
    uint16_t id = how & 16 ? (uint16_t)number() : world.packet.ids[0];
    if (fake_netback.queues[queue].tx_prod == fake_netback.queues[queue].tx_cons)
        return;
    fake_netback_tx_put(queue, id, (how & 12) == 12 ? NETIF_RSP_NULL : byte() % 4);
    fake_netback_tx_push(queue);
}

static void hold_something(unsigned queue)
{
    const struct fake_netback_queue *rings = &fake_netback.queues[queue];
    uint32_t refs[] = {world.last_rx.gref, world.packet.refs[0], rings->tx_ref, rings->rx_ref};
    uint32_t ref = refs[byte() % 4];

    if (ref)
        fake_netback_hold(ref);
}

static void play_on_rings(void)
{
    unsigned queue = some_queue();
    struct fake_netback_queue *rings = &fake_netback.queues[queue];
    uint8_t what = byte() % 16;

    if (!fake_netback.attached || !world.nf || netfront_link(world.nf) != NETFRONT_UP)
        return;
    if (what < 5)
        answer_rx(queue);
    else if (what == 5)
        put_extra(queue);
    else if (what < 8)
        fake_netback_deliver(queue, 1 + number() % 70000, byte() & 3, byte() % 4, byte());
    else if (what < 10)
        fake_netback_rx_push(queue);
    else if (what < 13)
        answer_tx(queue);
    else if (what == 13)
        rings->rx->rsp_prod = rings->rx_prod + number();
    else if (what == 14)
        rings->tx->rsp_prod = rings->tx_prod + number();
    else
        hold_something(queue);
}

static const char *const keys[] = {
    FAKE_VIF_BACKEND "/feature-sg",
    FAKE_VIF_BACKEND "/feature-rx-copy",
    FAKE_VIF_BACKEND "/state",
    FAKE_VIF_BACKEND "/feature-split-event-channels",
    FAKE_VIF_BACKEND "/feature-gso-tcpv4",
    FAKE_VIF_BACKEND "/multi-queue-max-queues",
    FAKE_VIF "/mac",
    FAKE_VIF "/mtu",
    FAKE_VIF "/backend-id",
    FAKE_VIF "/backend",
};

static const char *const values[] = {
    "0", "1", "2", "4", "5", "6", "x", "4294967295", FAKE_VIF_BACKEND, "00:16:3e:01:02:04"};

static const struct fuzz_device device = {
    .frontend = FAKE_VIF,
    .backend = FAKE_VIF_BACKEND,
    .keys = keys,
    .n_keys = ARRAY_LEN(keys),
    .values = values,
    .n_values = ARRAY_LEN(values),
    .plug = fake_netback_plug,
    .detach = fake_netback_detach,
    .state = fake_netback_state,
};

/* The guest's program */

static void receive(void)
{
    struct netbuf *packets[BURST];
    unsigned n = netfront_receive(world.nf, byte() % 3, packets, byte() % (BURST + 1));

    fuzz_check(n <= BURST);
    for (unsigned i = 0; i < n; i++) {
        uint32_t total = 0, n_pieces = 0;
        for (const struct netbuf *piece = packets[i]; piece; piece = piece->piece, n_pieces++) {
            fuzz_check(piece->data >= piece->page &&
                       piece->data + piece->len <= piece->page + NETBUF_BYTES);
            total += piece->len;
            for (uint32_t at = 0; at < piece->len; at += 512)
                piece->data[at] ^= 1; /* it is the guest's */
        }
        fuzz_check(total == packets[i]->total && total && n_pieces <= 18);
        if (world.n_kept < KEPT_MAX && total % 3 == 0)
            world.kept[world.n_kept++] = packets[i];
        else
            netbuf_free(packets[i]);
    }
}

static void transmit(void)
{
    struct netbuf *packet = NULL, **last = &packet;
    uint8_t how = byte();
    uint32_t total = 0;

    for (unsigned n = how % 20; n; n--) {
        struct netbuf *piece = netbuf_alloc();
        if (!piece)
            break;
        piece->len = 1 + number() % (NETBUF_BYTES - NETBUF_HEADROOM);
        memset(piece->data, how, piece->len);
        total += piece->len;
        *last = piece;
        last = &piece->piece;
    }
    if (!packet)
        return;
    packet->total = total;
    packet->gso = byte() % 3;
    packet->gso_size = 1000;
    packet->csum = how & 128 ? NETBUF_CSUM_BLANK : NETBUF_CSUM_UNKNOWN;
    if (!netfront_transmit(world.nf, how >> 5 & 3, &packet, 1))
        netbuf_free(packet);
}

static void reopen(void)
{
    if (world.nf)
        netfront_close(world.nf);
    world.nf = NULL;
    fake_netback.attached = false;
    fuzz_device_settle();
    const struct netfront_config config = {.queues_max = 2, .rx_buffers = 40};
    netfront_open(0, byte() & 1 ? &config : NULL, NULL, NULL, &world.nf);
}

static void act(void)
{
    uint8_t what = byte() % 16;

    if (what < FUZZ_DEVICE_ACTS) {
        fuzz_device_act(&device, &world.fuzz, what);
        return;
    }
    switch (what) {
    case FUZZ_DEVICE_ACTS:
        if (byte() < 16)
            reopen();
        else if (world.n_kept)
            netbuf_free(world.kept[--world.n_kept]);
        break;
    case 5:
    case 6:
        if (world.nf)
            transmit();
        break;
    case 7:
    case 8:
    case 9:
        fuzz_device_settle();
        if (world.nf)
            receive();
        break;
    default:
        play_on_rings();
    }
}

static void start(void)
{
    memset(&fake_netback, 0, sizeof(fake_netback));
    fake_netback.careless = true;
    world.nf = NULL;
    world.n_kept = 0;
    memset(&world.last_rx, 0, sizeof(world.last_rx));
    memset(world.packet.refs, 0, sizeof(world.packet.refs));
    fuzz_device_start(&device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world.fuzz = (struct fuzz){data, size};
    start();
    reopen();
    fuzz_device_settle();
    for (int i = 0; i < STEPS_MAX && world.fuzz.left; i++) {
        act();
        fake_log_clear();
    }
    while (world.n_kept)
        netbuf_free(world.kept[--world.n_kept]);
    if (world.nf) {
        fake_netback_detach();
        netfront_close(world.nf);
    }
    fake_netback_reclaim();
    fake_netback_assert_nothing_left(0);
    return 0;
}
