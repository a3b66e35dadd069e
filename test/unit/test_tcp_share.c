/* SPDX-License-Identifier: BSD-2-Clause */
/* What a connection sends over a link that loses packets by chance, for minutes. */
#include "sender.h"

#include <stdlib.h>

#include "vif.h"

#define TRIP_MS 4
#define TRIPS   1500
#define PACKETS (40 * TRIPS)
#define BYTES   (PACKETS * SEGMENT)
#define BLOCKS  3
#define ONE_IN  100 /* packets is lost */

static bool has[BYTES];  /* each byte at its place */
static uint32_t has_all; /* before this */
static uint32_t newest[BLOCKS];

/* Packets on their way, in the order in which they were sent. */
static struct {
    uint32_t at, len;
    unsigned ms;
} link[PACKETS];
static unsigned n_sent, n_come, now_ms;

static void pass(const struct peer_packet *packet)
{
    size_t header = packet->protocol == PEER_TCP ? (packet->bytes[12] >> 4) * 4u : 0;

    if (!header)
        return;
    uint32_t at = wire_get(packet->bytes + 4, 4) - first, len = (uint32_t)(packet->len - header);
    for (uint32_t n; len; len -= n, at += n) {
        n = len < SEGMENT ? len : SEGMENT;
        assert_true(at + n < BYTES && n_sent < PACKETS);
        link[n_sent].at = at;
        link[n_sent].len = n;
        link[n_sent++].ms = now_ms + TRIP_MS;
    }
}

/* The blocks that the peer has behind the first hole, the newest first. */
static void answer(uint32_t at)
{
    uint8_t option[4 + 8 * BLOCKS] = {1, 1, 5, 2}, *next = option + 4;

    while (has[has_all])
        has_all++;
    memmove(newest + 1, newest, sizeof(newest) - sizeof(newest[0]));
    newest[0] = at;
    for (unsigned i = 0; i < BLOCKS; i++) {
        uint32_t from = newest[i], to = newest[i];
        if (to <= has_all)
            continue;
        while (has[from - 1])
            from--;
        while (has[to])
            to++;
        wire_put(next, 4, first + from);
        wire_put(next + 4, 4, first + to);
        next += 8;
    }
    option[3] = (uint8_t)(next - option - 2);
    peer.options = option;
    peer.options_len = option[3] > 2 ? (size_t)(next - option) : 0;
    peer_segment(&peer, PEER_ACK, peer.next, first + has_all, NULL, 0);
}

static void arrive(void)
{
    for (; n_come < n_sent && link[n_come].ms <= now_ms; n_come++) {
        if (rand() % ONE_IN == 0)
            continue;
        memset(has + link[n_come].at, true, link[n_come].len);
        answer(link[n_come].at);
    }
}

/* As many as RFC 5681's rules let through: 12 in a round trip, of which time-outs take some. */
static void share_body(void)
{
    static const char block[64 * SEGMENT];

    srand(1);
    fake_vif.keeps = true; /* for longer than a trip, now and then */
    start_selective();
    peer_sees = pass;
    while (now_ms < TRIPS * TRIP_MS) {
        while (send(server, block, sizeof(block), MSG_DONTWAIT) == sizeof(block))
            continue;
        peer_wait_ms(1);
        if (++now_ms % (TRIP_MS + 1) == 0)
            fake_vif_give_back();
        arrive();
    }
    assert_in_range(has_all / SEGMENT / TRIPS, 7, 13);
}

IN_KERNEL(share)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a_lossy_link_is_shared_as_by_others", share, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
