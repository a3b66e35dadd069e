/* SPDX-License-Identifier: BSD-2-Clause */
/* Much that a program writes to a TCP connection: what its peer gets, and in which packets. */
#include "run.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "kernel.h"
#include "machine.h"
#include "stack.h"
#include "vif.h"
#include "wire.h"
#include "world.h"

#define PORT     9 /* of the first peer's end, and one more for the second's */
#define PEERS    2
#define BLOCK    0x10000
#define MANY     64 /* blocks */
#define FEW_BUFS 24

enum { ETHERNET = 14, IP = 20, TCP = ETHERNET + IP, TCP_MIN = 20 };
enum { FIN = 1, SYN = 2, ACK = 16 };

static struct peer {
    uint8_t guest_mac[6], guest_ip[4];
    uint16_t guest_port;
    uint32_t first, next; /* sequence numbers: of the first byte, of the next to come */
    bool owes_ack, quiet; /* it acknowledges nothing more */
    bool loses;           /* the ends of some packets, once each */
    unsigned n_packets;   /* with data */
    uint32_t written;     /* bytes, by the program */
    int fd;
} peers[PEERS];

static const uint8_t peer_mac[6] = {0x00, 0x16, 0x3e, 0, 0, 9}, peer_ip[4] = {10, 0, 0, 9};

static uint8_t byte_at(uint32_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

/* Let a frame reach the guest, even when it has no memory left for packets of its own. */
static void deliver(const uint8_t *frame, size_t len)
{
    unsigned max = fake_vif.bufs_max;

    fake_vif.bufs_max = 0;
    fake_vif_deliver(frame, len, &(struct netbuf){.csum = NETBUF_CSUM_VALID}, 0);
    fake_vif.bufs_max = max;
}

static void answer_arp(const uint8_t *request)
{
    uint8_t frame[42];

    memcpy(frame, request, sizeof(frame));
    memcpy(frame, request + 6, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[21] = 2;
    memcpy(frame + 22, peer_mac, 6);
    memcpy(frame + 28, peer_ip, 4);
    memcpy(frame + 32, request + 22, 10);
    deliver(frame, sizeof(frame));
}

static void send_segment(const struct peer *peer, uint8_t flags)
{
    static const uint8_t options[] = {2, 4, 1460 >> 8, 1460 & 255, 1, 3, 3, 7};
    uint8_t frame[TCP + TCP_MIN + sizeof(options)] = {[12] = 8};
    size_t len = sizeof(frame) - (flags & SYN ? 0 : sizeof(options));
    uint32_t sum = 0;

    memcpy(frame, peer->guest_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[ETHERNET] = 0x45;
    wire_put(frame + ETHERNET + 2, 2, (uint32_t)(len - ETHERNET));
    frame[ETHERNET + 8] = 64;
    frame[ETHERNET + 9] = 6;
    memcpy(frame + ETHERNET + 12, peer_ip, 4);
    memcpy(frame + ETHERNET + 16, peer->guest_ip, 4);
    for (int i = 0; i < IP; i += 2)
        sum += wire_get(frame + ETHERNET + i, 2);
    wire_put(frame + ETHERNET + 10, 2, ~((sum >> 16) + (sum & 0xffff)));
    wire_put(frame + TCP, 2, PORT + (uint32_t)(peer - peers));
    wire_put(frame + TCP + 2, 2, peer->guest_port);
    wire_put(frame + TCP + 4, 4, flags & SYN ? 1000 : 1001);
    wire_put(frame + TCP + 8, 4, peer->next);
    frame[TCP + 12] = (uint8_t)((len - TCP) / 4 << 4);
    frame[TCP + 13] = flags;
    wire_put(frame + TCP + 14, 2, 0xffff); /* 8 MiB; of a SYN, as it is */
    memcpy(frame + TCP + TCP_MIN, options, flags & SYN ? sizeof(options) : 0);
    deliver(frame, len);
}

static void take_data(struct peer *peer, const uint8_t *data, uint32_t sequence, size_t len)
{
    peer->n_packets++;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], byte_at(sequence + (uint32_t)i - peer->first));
    if (peer->loses && rand() % 4 == 0)
        len -= (size_t)rand() % len;
    if (sequence <= peer->next && sequence + len > peer->next)
        peer->next = sequence + (uint32_t)len;
    peer->owes_ack = true;
}

static void look_at_sent(const struct netbuf *packet, const uint8_t *frame, size_t len)
{
    (void)packet;
    if (frame[12] == 8 && frame[13] == 6 && frame[21] == 1 && memcmp(frame + 38, peer_ip, 4) == 0)
        answer_arp(frame);
    if (frame[12] != 8 || frame[13] || frame[ETHERNET + 9] != 6)
        return;
    struct peer *peer = &peers[wire_get(frame + TCP + 2, 2) - PORT];
    size_t at = TCP + (frame[TCP + 12] >> 4) * 4u;
    if (frame[TCP + 13] & SYN) {
        memcpy(peer->guest_mac, frame + 6, 6);
        memcpy(peer->guest_ip, frame + ETHERNET + 12, 4);
        peer->guest_port = (uint16_t)wire_get(frame + TCP, 2);
        peer->first = peer->next = wire_get(frame + TCP + 4, 4) + 1;
        send_segment(peer, SYN | ACK);
    } else if (len > at) {
        take_data(peer, frame + at, wire_get(frame + TCP + 4, 4), len - at);
    }
}

/* When the guest waits, what has come is acknowledged. */
static bool acknowledge(void *arg)
{
    struct peer *peer = arg;

    if (!peer->owes_ack || peer->quiet)
        return false;
    peer->owes_ack = false;
    send_segment(peer, ACK);
    return true;
}

static void connect_to(struct peer *peer)
{
    static struct fake_actor actors[PEERS];
    struct fake_actor *actor = &actors[peer - peers];

    *actor = (struct fake_actor){.step = acknowledge, .arg = peer, .due_ns = FAKE_NEVER};
    fake_actor_add(actor);
    peer->fd = fake_stack_socket(false, true);
    uint16_t port = (uint16_t)(PORT + (peer - peers));
    assert_int_equal(fake_stack_connect(peer->fd, "::ffff:10.0.0.9", port), 0);
}

static struct peer *start(void)
{
    fake_vif.sent = look_at_sent;
    fake_stack_start();
    connect_to(&peers[0]);
    return &peers[0];
}

static uint32_t missing(const struct peer *peer)
{
    return peer->written - (peer->next - peer->first);
}

static void write_to(struct peer *peer, size_t len)
{
    static uint8_t bytes[2 * BLOCK];

    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(peer->written + (uint32_t)i);
    assert_int_equal(fake_stack_send(peer->fd, bytes, len), len);
    peer->written += (uint32_t)len;
}

static void wait_for(const struct peer *peer)
{
    for (int i = 0; i < (peer->loses ? 100000 : 1000) && missing(peer); i++)
        thread_sleep_until(clock_monotonic() + 1000000);
    assert_int_equal(missing(peer), 0);
}

static void write_all_sizes(struct peer *peer)
{
    static const size_t around[] = {1, 200, 1448, 2048, 3968, 4064, 8000, 64228, BLOCK};

    srand(1);
    for (int i = 0; i < 300; i++) {
        size_t len = around[(unsigned)rand() % (sizeof(around) / sizeof(around[0]))];
        write_to(peer, len + (unsigned)rand() % len);
        if (rand() % 8 == 0)
            wait_for(peer);
    }
    wait_for(peer);
}

static void all_sizes_body(void)
{
    write_all_sizes(start());
}

static void lost_body(void)
{
    struct peer *peer = start();

    peer->loses = true;
    write_all_sizes(peer);
}

static void lost_few_bufs_body(void)
{
    struct peer *peer = start();

    peer->loses = true;
    fake_vif.bufs_max = fake_vif.n_bufs + FEW_BUFS;
    write_all_sizes(peer);
}

static void few_bufs_body(void)
{
    struct peer *peer = start();

    fake_vif.bufs_max = fake_vif.n_bufs + FEW_BUFS;
    write_all_sizes(peer);
}

static void no_large_body(void)
{
    fake_vif.features.gso_tcpv4 = fake_vif.features.sg = false;
    write_all_sizes(start());
}

/* So that its window has grown. */
static void write_many(struct peer *peer)
{
    for (int i = 0; i < MANY; i++)
        write_to(peer, BLOCK);
    wait_for(peer);
}

static void large_body(void)
{
    struct peer *peer = start();

    write_many(peer);
    peer->n_packets = 0;
    write_many(peer);
    assert_in_range(peer->n_packets, MANY, MANY * 11 / 10);
}

/* Write until an end is held. */
static void have_held(struct peer *peer)
{
    write_many(peer);
    peer->quiet = true;
    write_to(peer, 2 * BLOCK);
    write_to(peer, BLOCK + 5000);
    assert_int_not_equal(missing(peer), 0);
}

static void held_body(void)
{
    struct peer *peer = start();

    have_held(peer);
    thread_yield();
    assert_int_equal(missing(peer), 0);
    write_to(peer, BLOCK);
    assert_int_not_equal(missing(peer), 0);
    assert_int_equal(fake_stack_close(peer->fd), 0);
    assert_int_equal(missing(peer), 0);
    thread_yield();
}

static void held_of_two_body(void)
{
    start();
    connect_to(&peers[1]);
    write_many(&peers[1]);
    have_held(&peers[0]);
    peers[1].quiet = true;
    write_to(&peers[1], 2 * BLOCK);
    write_to(&peers[1], BLOCK + 5000);
    assert_int_equal(missing(&peers[0]), 0);
    assert_int_not_equal(missing(&peers[1]), 0);
    thread_yield();
    assert_int_equal(missing(&peers[1]), 0);
}

static int setup(void **state)
{
    (void)state;
    fake_vif_plug(FAKE_VIF_IP);
    return 0;
}

/* With memory for windows of 2 MiB. */
static int setup_large(void **state)
{
    fake_build(&(struct fake_guest){.n_pages = 8192 + 1024});
    return setup(state);
}

static void every_byte_arrives_whatever_is_written_at_once(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(all_sizes_body), FAKE_RETURNED);
}

static void every_byte_arrives_when_some_are_lost(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(lost_body), FAKE_RETURNED);
}

static void every_byte_arrives_when_some_are_lost_and_memory_is_short(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(lost_few_bufs_body), FAKE_RETURNED);
}

static void every_byte_arrives_when_memory_is_short(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(few_bufs_body), FAKE_RETURNED);
}

static void every_byte_arrives_in_packets_of_an_ordinary_size(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(no_large_body), FAKE_RETURNED);
}

static void blocks_that_follow_one_another_fill_packets(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(large_body), FAKE_RETURNED);
}

static void an_end_that_is_held_goes_out_when_the_program_waits_or_closes(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(held_body), FAKE_RETURNED);
}

static void one_end_is_held_of_all_connections(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(held_of_two_body), FAKE_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_byte_arrives_whatever_is_written_at_once, setup),
        cmocka_unit_test_setup(every_byte_arrives_when_some_are_lost, setup_large),
        cmocka_unit_test_setup(every_byte_arrives_when_some_are_lost_and_memory_is_short,
                               setup_large),
        cmocka_unit_test_setup(every_byte_arrives_when_memory_is_short, setup),
        cmocka_unit_test_setup(every_byte_arrives_in_packets_of_an_ordinary_size, setup),
        cmocka_unit_test_setup(blocks_that_follow_one_another_fill_packets, setup_large),
        cmocka_unit_test_setup(an_end_that_is_held_goes_out_when_the_program_waits_or_closes,
                               setup_large),
        cmocka_unit_test_setup(one_end_is_held_of_all_connections, setup_large),
    };
    return RUN_TESTS(tests);
}
