/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest that sends to one peer, which says what it has; netback cuts what is sent. Each test is a
 * program of its own, so these are its own functions and its own state.
 */
#ifndef UNIT_SENDER_H
#define UNIT_SENDER_H

#include "run.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define PORT    7
#define SEGMENT 1440u /* the peer's */
#define FIRST   (10 * SEGMENT)
#define BLOCK   16384

static struct peer_tcp peer;
static int server;
static uint32_t first;   /* the first byte's number */
static uint32_t written; /* bytes, by the program */

/* What the guest sent since it was last looked at, from one byte to another. */
static struct {
    uint32_t from, to; /* offsets */
    uint32_t n_bytes;
    bool is_any;
} seen;

/* Which packets behind a byte were sent since, a bit each. */
static uint32_t packets, packets_from;

static inline uint8_t byte_at(uint32_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static inline void see(const struct peer_packet *packet)
{
    size_t header = packet->protocol == PEER_TCP ? (packet->bytes[12] >> 4) * 4u : 0;

    if (!header || packet->len == header)
        return;
    uint32_t at = wire_get(packet->bytes + 4, 4) - first, len = (uint32_t)(packet->len - header);
    for (uint32_t i = 0; i < len && i < SEGMENT; i++) /* more of it is not kept */
        assert_int_equal(packet->bytes[header + i], byte_at(at + i));
    assert_true(!packet->cut_bytes || packet->cut_bytes == SEGMENT);
    seen.from = seen.is_any && seen.from < at ? seen.from : at;
    seen.to = seen.to > at + len ? seen.to : at + len;
    seen.n_bytes += len;
    seen.is_any = true;
    if (at >= packets_from && at < packets_from + 32 * SEGMENT)
        packets |= 1u << (at - packets_from) / SEGMENT;
}

static inline void forget(void)
{
    memset(&seen, 0, sizeof(seen));
}

static inline void start_with(const uint8_t *options, size_t n)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    peer_start();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 1), 0);
    peer = (struct peer_tcp){.from = PEER_HONEST,
                             .from_port = 5000,
                             .port = PORT,
                             .next = 1000,
                             .window = 65535,
                             .options = options,
                             .options_len = n};
    peer_open(&peer);
    server = accept(listener, NULL, NULL);
    first = peer.guest_next;
    peer.options = NULL;
    peer_sees = see;
}

static inline void start(void)
{
    static const uint8_t size[] = {2, 4, SEGMENT >> 8, SEGMENT & 255};

    start_with(size, sizeof(size));
}

/* With a peer that acknowledges selectively. */
static inline void start_selective(void)
{
    static const uint8_t permitted[] = {2, 4, SEGMENT >> 8, SEGMENT & 255, 1, 1, 4, 2};

    start_with(permitted, sizeof(permitted));
}

static inline void write_some(size_t n)
{
    static uint8_t block[BLOCK];

    for (size_t i = 0; i < n; i++)
        block[i] = byte_at(written + (uint32_t)i);
    ssize_t done = send(server, block, n, MSG_DONTWAIT);
    written += done > 0 ? (uint32_t)done : 0;
}

/* As much as it takes. */
static inline void write_all(void)
{
    uint32_t before;

    do {
        before = written;
        write_some(BLOCK);
    } while (written != before);
    peer_wait_ms(1);
}

static inline void acknowledge(uint32_t offset)
{
    peer_segment(&peer, PEER_ACK, peer.next, first + offset, NULL, 0);
}

/* A window of which all has come. @return its size. */
static inline uint32_t pass_window(void)
{
    write_all();
    uint32_t flight = seen.n_bytes;
    acknowledge(seen.to);
    seen.n_bytes -= flight;
    return flight;
}

/* Let the window grow. @return what is in flight. */
static inline uint32_t fly(void)
{
    pass_window();
    write_all();
    assert_int_equal(seen.n_bytes, 20 * SEGMENT);
    return seen.n_bytes;
}

/* @return for how many ms. */
static inline unsigned wait_for_some(void)
{
    unsigned ms = 0;

    for (; !seen.is_any; ms += 10)
        peer_wait_ms(10);
    return ms;
}

/* The peer has some of what is behind a hole; its window is another each time. */
static inline void have(uint32_t hole, uint32_t from, uint32_t to)
{
    uint8_t option[12] = {1, 1, 5, 10};

    wire_put(option + 4, 4, first + from);
    wire_put(option + 8, 4, first + to);
    peer.options = option;
    peer.options_len = sizeof(option);
    peer.window -= 4;
    acknowledge(hole);
    peer.options = NULL;
}

static inline void repeat(uint32_t offset)
{
    for (int i = 0; i < 3; i++)
        acknowledge(offset);
}

/* The guest's own idea of it, in segments. */
static inline uint32_t window_now(void)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_snd_cwnd;
}

/* The guest's own idea of the window after losses, in segments. */
static inline uint32_t threshold_now(void)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_snd_ssthresh;
}

#endif
