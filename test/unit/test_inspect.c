/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that announce more than they hold are kept from lwIP. */
#include "run.h"

#include <stdbool.h>
#include <string.h>

#include "lwip/pbuf.h"

#include "../../libc-glue/lwip/interface.h"
#include "../../libc-glue/lwip/net.h"

#include "wire.h"
#include "world.h"

enum { HOP_BY_HOP, UDP = 17, ROUTING = 43, FRAGMENT, ICMP6 = 58, OPTIONS = 60 };
enum { ADVERTISEMENT = 136, ECHO = 128 };

#define ETH 14u
#define IP6 40u

static struct interface interface;

static bool passes(const uint8_t *frame, size_t len)
{
    struct pbuf p = {.payload = (void *)(uintptr_t)frame, .len = (u16_t)len, .tot_len = (u16_t)len};

    return inspect_frame(&interface, &p);
}

static bool passes_as(uint16_t type, size_t len)
{
    uint8_t frame[ETH + IP6] = {0};

    wire_put(frame + 12, 2, type);
    frame[ETH + 6] = UDP;
    return passes(frame, ETH + len);
}

/* @param payload  what the header says; as much is there as `len` says. */
static bool passes_ip6(uint8_t next, const void *bytes, size_t len, size_t payload)
{
    uint8_t frame[ETH + IP6 + 64] = {0};

    wire_put(frame + 12, 2, 0x86dd);
    frame[ETH] = 0x60;
    wire_put(frame + ETH + 4, 2, (uint32_t)payload);
    frame[ETH + 6] = next;
    frame[ETH + 7] = 255;
    memcpy(frame + ETH + IP6, bytes, len);
    return passes(frame, ETH + IP6 + len);
}

static bool passes_next(uint8_t next, const void *bytes, size_t len)
{
    return passes_ip6(next, bytes, len, len);
}

static void frames_have_the_header_of_their_kind(void **state)
{
    (void)state;
    assert_false(passes((const uint8_t[ETH]){0}, ETH - 1));
    assert_true(passes_as(0x0806, 28));
    assert_false(passes_as(0x0806, 27));
    assert_true(passes_as(0x0800, 20));
    assert_false(passes_as(0x0800, 19));
    assert_true(passes_as(0x86dd, 40));
    assert_false(passes_as(0x86dd, 39));
    assert_true(passes_as(0x88cc, 0)); /* nobody looks at these */
}

static void headers_end_in_the_packet(void **state)
{
    static const uint8_t kinds[] = {HOP_BY_HOP, ROUTING, OPTIONS};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds); i++) {
        const uint8_t one[] = {UDP, 0, 1, 4, 0, 0, 0, 0}, two[16] = {UDP, 1, 1, 12};
        assert_true(passes_next(kinds[i], one, 8));
        assert_false(passes_next(kinds[i], one, 7));
        assert_false(passes_next(kinds[i], one, 1));
        assert_false(passes_next(kinds[i], one, 0));
        assert_true(passes_next(kinds[i], two, 16));
        assert_false(passes_next(kinds[i], two, 15));
        assert_false(passes_ip6(kinds[i], two, 16, 15)); /* the rest is behind the packet */
    }
    assert_true(passes_next(UDP, "", 0)); /* that is UDP's own */
}

static void options_end_in_their_header(void **state)
{
    (void)state;
    assert_true(passes_next(HOP_BY_HOP, (uint8_t[]){UDP, 0, 1, 4, 0, 0, 0, 0}, 8));
    assert_true(passes_next(OPTIONS, (uint8_t[]){UDP, 0, 0, 0, 1, 2, 0, 0}, 8));
    assert_true(passes_next(OPTIONS, (uint8_t[]){UDP, 0, 0, 0, 0, 0, 0, 0}, 8));
    assert_false(passes_next(HOP_BY_HOP, (uint8_t[]){UDP, 0, 1, 5, 0, 0, 0, 0}, 8));
    assert_false(passes_next(OPTIONS, (uint8_t[]){UDP, 0, 1, 255, 0, 0, 0, 0}, 8));
    /* The last byte is a kind whose length is behind the end. */
    assert_false(passes_next(OPTIONS, (uint8_t[]){UDP, 0, 1, 3, 0, 0, 0, 5, 0, 0}, 10));
    /* Of a routing header they are something else. */
    assert_true(passes_next(ROUTING, (uint8_t[]){UDP, 0, 1, 255, 0, 0, 0, 0}, 8));
}

static void headers_behind_headers_are_looked_at(void **state)
{
    const uint8_t good[16] = {OPTIONS, 0, 1, 4, [8] = UDP, 0, 1, 4};
    const uint8_t bad[16] = {OPTIONS, 0, 1, 4, [8] = UDP, 0, 1, 5};
    uint8_t piece[16] = {OPTIONS, 0, 0, 1, [8] = UDP, 0, 1, 5};

    (void)state;
    assert_true(passes_next(HOP_BY_HOP, good, 16));
    assert_false(passes_next(HOP_BY_HOP, bad, 16));
    assert_false(passes_next(FRAGMENT, piece, 16));
    piece[3] = 9; /* not the first fragment: what is behind it is no header */
    assert_true(passes_next(FRAGMENT, piece, 16));
    assert_false(passes_next(FRAGMENT, piece, 7));
    piece[1] = 200; /* a fragment's header has no length */
    assert_true(passes_next(FRAGMENT, piece, 16));
}

static void messages_have_their_header(void **state)
{
    const uint8_t echo[8] = {ECHO};

    (void)state;
    assert_true(passes_next(ICMP6, echo, 8));
    assert_false(passes_next(ICMP6, echo, 7));
}

/* Nobody takes an address from the guest that it has; of a short message, what is behind it does
 * not count. */
static void who_claims_an_address_is_not_heard(void **state)
{
    uint8_t frame[ETH + IP6 + 24] = {[12] = 0x86, 0xdd, 0x60, [ETH + 5] = 24, ICMP6};
    uint8_t *target = frame + ETH + IP6 + 8;

    (void)state;
    frame[ETH + IP6] = ADVERTISEMENT;
    target[15] = 7;
    assert_true(passes(frame, sizeof(frame)));
    memcpy(ip_2_ip6(&interface.netif.ip6_addr[0])->addr, target, 16);
    interface.netif.ip6_addr_state[0] = IP6_ADDR_PREFERRED;
    assert_false(passes(frame, sizeof(frame)));
    assert_true(passes(frame, sizeof(frame) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_have_the_header_of_their_kind),
        cmocka_unit_test(headers_end_in_the_packet),
        cmocka_unit_test(options_end_in_their_header),
        cmocka_unit_test(headers_behind_headers_are_looked_at),
        cmocka_unit_test(messages_have_their_header),
        cmocka_unit_test(who_claims_an_address_is_not_heard),
    };
    return RUN_TESTS(tests);
}
