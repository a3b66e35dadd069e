/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from lwIP to an interface that has no room for them. */
#include "run.h"

#include <string.h>

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "kernel.h"
#include "stack.h"
#include "vif.h"
#include "world.h"

#define HEADERS  54 /* Ethernet's, IPv4's and TCP's */
#define LARGE    60000
#define SENT_MAX 4

static struct {
    unsigned n_slots;
    uint8_t mark;
} sent[SENT_MAX];
static unsigned n_sent;

static void keep_sent(const struct netbuf *packet, const uint8_t *frame, size_t len)
{
    if (len <= HEADERS || frame[23] != 6)
        return; /* not one of ours */
    assert_true(n_sent < SENT_MAX);
    sent[n_sent].n_slots = packet->gso != NETBUF_GSO_NONE;
    sent[n_sent].mark = frame[HEADERS];
    for (const struct netbuf *piece = packet; piece; piece = piece->piece)
        sent[n_sent].n_slots++;
    for (size_t i = HEADERS; i < len; i++)
        assert_int_equal(frame[i], sent[n_sent].mark);
    n_sent++;
}

/* Hand a TCP segment to the interface, filled with a mark. */
static void send_segment(size_t len, uint8_t mark)
{
    static uint8_t frame[HEADERS + LARGE];

    memset(frame, 0, HEADERS);
    frame[12] = 8;    /* IPv4 */
    frame[14] = 0x45; /* its header's length */
    frame[23] = 6;    /* TCP */
    memset(frame + HEADERS, mark, len);
    assert_int_equal(fake_stack_output(frame, HEADERS + len), 0);
}

static void change_room(unsigned slots)
{
    fake_vif.room = slots;
    fake_vif_changed();
    thread_sleep_until(clock_monotonic() + 1000);
}

static void a_large_packet_body(void)
{
    fake_stack_start();
    fake_vif.sent = keep_sent;
    unsigned n_bufs = fake_vif.n_bufs;

    change_room(5);
    send_segment(LARGE, 'a');
    send_segment(100, 'b'); /* which has room, but its turn is later */
    assert_int_equal(n_sent, 0);
    change_room(15);
    assert_int_equal(n_sent, 0);
    change_room(FAKE_VIF_ROOM);
    assert_int_equal(n_sent, 2);
    assert_int_equal(sent[0].mark, 'a');
    assert_in_range(sent[0].n_slots, 16, 18);
    assert_int_equal(sent[1].mark, 'b');
    assert_int_equal(fake_vif.n_bufs, n_bufs);
}

static void no_link_body(void)
{
    fake_stack_start();
    fake_vif.sent = keep_sent;
    unsigned n_bufs = fake_vif.n_bufs;

    change_room(5);
    send_segment(LARGE, 'a');
    fake_vif.link = NETFRONT_DOWN;
    change_room(FAKE_VIF_ROOM);
    fake_vif.link = NETFRONT_UP;
    change_room(FAKE_VIF_ROOM);
    assert_int_equal(n_sent, 0); /* nobody sends old packets when the cable is back */
    assert_int_equal(fake_vif.n_bufs, n_bufs);
    send_segment(100, 'b');
    assert_int_equal(n_sent, 1);
}

static int setup(void **state)
{
    (void)state;
    fake_vif_plug(FAKE_VIF_IP);
    return 0;
}

static void a_large_packet_waits_until_all_of_it_has_room(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(a_large_packet_body), FAKE_RETURNED);
}

static void what_waits_for_room_is_dropped_with_the_link(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(no_link_body), FAKE_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_large_packet_waits_until_all_of_it_has_room, setup),
        cmocka_unit_test_setup(what_waits_for_room_is_dropped_with_the_link, setup),
    };
    return RUN_TESTS(tests);
}
