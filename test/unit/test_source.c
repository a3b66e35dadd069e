/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that send while the guest's address of IPv6 is still being looked for on its link. */
#include "run.h"

#include <stdbool.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "kernel.h"
#include "stack.h"
#include "vif.h"
#include "world.h"

#define PEER    "fe80::9"
#define PORT    7
#define CHECKED 5000000000ull /* ns: by now the address is the guest's, or is not */

/* newlib's numbers. */
#define GUEST_ENETUNREACH 114
#define GUEST_EINPROGRESS 119

enum { ETHERNET = 14, SOURCE = ETHERNET + 8, TO = SOURCE + 16, NEXT = TO + 16, TARGET = NEXT + 8 };
enum { TCP = 6, UDP = 17, ICMP6 = 58, SOLICITATION = 135, ADVERTISEMENT = 136 };

static const uint8_t none[16],
    peer[16] = {0xfe, 0x80, [15] = 9},
    own[16] = {0xfe, 0x80, [8] = 0x02, 0x16, 0x3e, 0xff, 0xfe, 0x01, 0x02, 0x03},
    all_nodes[16] = {0xff, 0x02, [15] = 1};

static unsigned n_own_asked, n_peer_asked, n_sent; /* packets of TCP or UDP */

static bool is(const uint8_t *address, const uint8_t other[16])
{
    return memcmp(address, other, 16) == 0;
}

static uint16_t sum_of(const uint8_t *at, size_t n, uint32_t sum)
{
    for (; n; at += 2, n -= 2)
        sum += (uint32_t)at[0] << 8 | at[1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Somebody on the link says that an address is his. */
static void advertise(const uint8_t target[16], const uint8_t to[16])
{
    uint8_t frame[TARGET + 24] = {0x33, 0x33, 0,    0,    0, 1, 0x00, 0x16, 0x3e, 0,     0,
                                  9,    0x86, 0xdd, 0x60, 0, 0, 0,    0,    32,   ICMP6, 255};
    uint8_t *icmp = frame + NEXT;

    memcpy(frame + SOURCE, target, 16);
    memcpy(frame + TO, to, 16);
    icmp[0] = ADVERTISEMENT;
    icmp[4] = is(to, all_nodes) ? 0x20 : 0x60; /* override; solicited */
    memcpy(frame + TARGET, target, 16);
    memcpy(frame + TARGET + 16, "\x02\x01\x00\x16\x3e\x00\x00\x09", 8);
    uint16_t sum = (uint16_t)~sum_of(frame + SOURCE, sizeof(frame) - SOURCE, 32 + ICMP6);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
    fake_vif_deliver(frame, sizeof(frame), &(struct netbuf){.csum = NETBUF_CSUM_UNKNOWN}, 0);
}

static void look_at_sent(const struct netbuf *packet, const uint8_t *frame, size_t len)
{
    (void)packet;
    if (len < TARGET || frame[12] != 0x86 || frame[13] != 0xdd)
        return;
    if (frame[ETHERNET + 6] == ICMP6 && frame[NEXT] == SOLICITATION) {
        bool for_peer = is(frame + TARGET, peer);
        n_own_asked += is(frame + TARGET, own) && is(frame + SOURCE, none);
        n_peer_asked += for_peer;
        if (for_peer)
            advertise(peer, own);
    } else if (frame[ETHERNET + 6] == TCP || frame[ETHERNET + 6] == UDP) {
        assert_true(is(frame + SOURCE, own));
        assert_true(is(frame + TO, peer));
        n_sent++;
    }
}

static void start(void)
{
    fake_vif.sent = look_at_sent;
    fake_stack_start_early();
}

static void sleep_ns(uint64_t ns)
{
    thread_sleep_until(clock_monotonic() + ns);
}

static void nonblocking_body(void)
{
    start();
    int fd = fake_stack_socket(false, false);
    uint64_t called_ns = clock_monotonic();
    assert_int_equal(fake_stack_connect(fd, PEER, PORT), -GUEST_EINPROGRESS);
    assert_true(clock_monotonic() - called_ns < 1000000);
    assert_int_equal(fake_stack_events(fd), 0);
    assert_int_equal(n_peer_asked + n_sent, 0);
    sleep_ns(CHECKED);
    assert_true(n_own_asked);
    assert_true(n_sent);
    assert_int_equal(fake_stack_error(fd), 0);
    assert_int_equal(fake_stack_close(fd), 0);
}

static int waiting_fd;
static bool returned;

static void connect_and_wait(void *arg)
{
    (void)arg;
    fake_stack_connect(waiting_fd, PEER, PORT);
    returned = true;
}

static void blocking_body(void)
{
    start();
    waiting_fd = fake_stack_socket(false, true);
    assert_non_null(thread_start("connects", 0x4000, connect_and_wait, NULL));
    sleep_ns(1000);
    assert_false(returned);
    assert_int_equal(n_peer_asked + n_sent, 0);
    sleep_ns(CHECKED);
    assert_true(n_sent);
    assert_false(returned); /* nobody has answered */
}

static void datagram_body(void)
{
    start();
    int fd = fake_stack_socket(true, true), impatient = fake_stack_socket(true, false);
    assert_int_equal(fake_stack_send_to(impatient, PEER, PORT), -GUEST_ENETUNREACH);
    assert_int_equal(fake_stack_send_to(fd, PEER, PORT), 1);
    sleep_ns(1000000);
    assert_true(n_own_asked);
    assert_int_equal(n_sent, 1);
    assert_int_equal(fake_stack_send_to(impatient, PEER, PORT), 1);
}

static void double_body(void)
{
    start();
    int fd = fake_stack_socket(false, false), waits = fake_stack_socket(true, true);
    assert_int_equal(fake_stack_connect(fd, PEER, PORT), -GUEST_EINPROGRESS);
    advertise(own, all_nodes);
    assert_int_equal(fake_stack_send_to(waits, PEER, PORT), -GUEST_ENETUNREACH);
    assert_int_equal(fake_stack_events(fd), 1);
    assert_int_equal(fake_stack_error(fd), -GUEST_ENETUNREACH);
    assert_int_equal(fake_stack_connect(fd, PEER, PORT), -GUEST_ENETUNREACH);
    assert_int_equal(n_sent, 0);
}

static void closed_body(void)
{
    start();
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = fake_stack_socket(false, false);
        assert_int_equal(fake_stack_connect(fds[i], PEER, PORT), -GUEST_EINPROGRESS);
    }
    assert_int_equal(fake_stack_close(fds[1]), 0);
    assert_int_equal(fake_stack_close(fds[0]), 0);
    sleep_ns(500000000); /* no segment is sent again by then */
    while (!n_sent)
        sleep_ns(100000000);
    assert_int_equal(n_sent, 1);
}

static int setup(void **state)
{
    (void)state;
    fake_vif_plug(FAKE_VIF_IP);
    return 0;
}

static void connecting_without_waiting_is_in_progress_until_there_is_an_address(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(nonblocking_body), FAKE_RETURNED);
}

static void connecting_waits_for_the_address_too(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(blocking_body), FAKE_RETURNED);
}

static void a_datagram_waits_for_the_address_unless_it_must_not(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(datagram_body), FAKE_RETURNED);
}

static void an_address_that_is_somebody_else_s_ends_the_waiting(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(double_body), FAKE_RETURNED);
}

static void who_is_closed_waits_no_more(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(closed_body), FAKE_RETURNED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(connecting_without_waiting_is_in_progress_until_there_is_an_address,
                               setup),
        cmocka_unit_test_setup(connecting_waits_for_the_address_too, setup),
        cmocka_unit_test_setup(a_datagram_waits_for_the_address_unless_it_must_not, setup),
        cmocka_unit_test_setup(an_address_that_is_somebody_else_s_ends_the_waiting, setup),
        cmocka_unit_test_setup(who_is_closed_waits_no_more, setup),
    };
    return RUN_TESTS(tests);
}
