/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP's segments are lost on their way. */
#include "run.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"
#include "peer.h"
#include "vif.h"
#include "world.h"

#define PORT        7
#define TOTAL       120000 /* bytes that the guest sends */
#define QUEUE_MAX   512
#define STEP_MS     10
#define PATIENCE_MS 20000

/* Segments on their way to the peer. */
static struct {
    uint32_t sequence;
    size_t len;
} queue[QUEUE_MAX];
static unsigned n_queued, n_sent;

static struct peer_tcp peer;
static uint8_t got[TOTAL];
static uint32_t first; /* the first byte's sequence number */
static uint64_t lost;  /* which of the first segments, a bit each */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void see(const struct peer_packet *packet)
{
    size_t header = packet->protocol == PEER_TCP ? (packet->bytes[12] >> 4) * 4u : 0;

    if (!header || packet->len == header)
        return;
    assert_true(n_queued < QUEUE_MAX);
    queue[n_queued].sequence = get32(packet->bytes + 4);
    queue[n_queued++].len = packet->len - header;
}

/* The first segment arrives, or is lost; what arrives is acknowledged as far as it has no hole. */
static void pass_one(void)
{
    uint32_t at = queue[0].sequence - first;
    size_t len = queue[0].len;

    memmove(queue, queue + 1, --n_queued * sizeof(queue[0]));
    if (n_sent < 64 && lost & 1ull << n_sent++)
        return;
    assert_true(at + len <= TOTAL);
    memset(got + at, 1, len);
    const uint8_t *hole = memchr(got, 0, TOTAL);
    peer.guest_next = first + (uint32_t)(hole ? hole - got : TOTAL);
    peer_segment(&peer, PEER_ACK, peer.next, peer.guest_next, NULL, 0);
}

/* @return ms that the guest waited for a timer. */
static unsigned transfer(uint64_t which)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    static const char block[TOTAL];
    size_t written = 0;
    unsigned waited_ms = 0;

    fake_vif.features.gso_tcpv4 = false; /* each segment is a packet */
    peer_start();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 1), 0);
    peer = peer_connect(PEER_HONEST, 5000, PORT);
    int server = accept(listener, NULL, NULL);
    first = peer.guest_next;
    lost = which;
    peer_sees = see;
    while (peer.guest_next != first + TOTAL) {
        ssize_t n = send(server, block, TOTAL - written, MSG_DONTWAIT);
        written += n > 0 ? (size_t)n : 0;
        if (n_queued) {
            pass_one();
            continue;
        }
        peer_wait_ms(STEP_MS);
        waited_ms += n_queued ? 0 : STEP_MS;
        assert_true(waited_ms < PATIENCE_MS);
    }
    peer_sees = NULL;
    return waited_ms;
}

static void none_body(void)
{
    assert_int_equal(transfer(0), 0);
}

static void one_body(void)
{
    assert_int_equal(transfer(1ull << 20), 0);
}

static void several_body(void)
{
    assert_int_equal(transfer(1ull << 24 | 1ull << 26 | 1ull << 29 | 1ull << 30), 0);
}

/* The first window: nothing comes behind it that the peer could repeat itself at. */
static void time_out_body(void)
{
    assert_in_range(transfer((1ull << 10) - 1), 150, 250);
}

IN_KERNEL(none)
IN_KERNEL(one)
IN_KERNEL(several)
IN_KERNEL(time_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"without_loss_nothing_waits_for_a_timer", none, NULL, NULL, NULL},
        {"one_lost_segment_is_sent_again_at_once", one, NULL, NULL, NULL},
        {"so_are_several_of_one_window", several, NULL, NULL, NULL},
        {"where_only_time_tells_it_does_not_take_long", time_out, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
