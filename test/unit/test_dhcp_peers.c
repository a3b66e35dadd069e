/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCP's servers that lie, and others who answer in their names. */
#include "run.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/netif.h"

#include "../../libc-glue/lwip/net.h"

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define CLIENT_PORT 68
#define SERVER_PORT 67
#define XID         4
#define YIADDR      16
#define CHADDR      28
#define SNAME       44
#define FILE_NAME   108
#define COOKIE      236
#define OPTIONS     240
#define ROUNDS      500

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE };
enum {
    MASK = 1,
    ROUTER = 3,
    NAMES = 6,
    LEASE = 51,
    OVERLOAD = 52,
    TYPE = 53,
    SERVER = 54,
    T1 = 58,
    T2 = 59,
    END = 255,
};

static struct {
    uint32_t xid;
    uint8_t type;
    unsigned n[RELEASE + 1]; /* of each type */
} said;

static void hear(const struct peer_packet *packet)
{
    const uint8_t *message = packet->bytes + 8;

    if (packet->protocol != PEER_UDP || wire_get(packet->bytes + 2, 2) != SERVER_PORT)
        return;
    said.xid = wire_get(message + XID, 4);
    assert_int_equal(message[OPTIONS], TYPE);
    said.type = message[OPTIONS + 2];
    assert_in_range(said.type, DISCOVER, RELEASE);
    said.n[said.type]++;
}

struct answer {
    uint8_t bytes[600];
    size_t len;
};

static void put(struct answer *answer, uint8_t option, size_t n, uint32_t value)
{
    answer->bytes[answer->len++] = option;
    answer->bytes[answer->len++] = (uint8_t)n;
    wire_put(answer->bytes + answer->len, n, value);
    answer->len += n;
}

/* An answer to what the guest said last, as far as its type. */
static struct answer begin(uint8_t type)
{
    struct answer answer = {.bytes = {2, 1, 6}, .len = OPTIONS};

    wire_put(answer.bytes + XID, 4, said.xid);
    wire_put(answer.bytes + YIADDR, 4, PEER_GUEST);
    memcpy(answer.bytes + CHADDR, "\x00\x16\x3e\x01\x02\x03", 6);
    wire_put(answer.bytes + COOKIE, 4, 0x63825363);
    put(&answer, TYPE, 1, type);
    return answer;
}

static void end(struct answer *answer)
{
    answer->bytes[answer->len++] = END;
}

static struct answer honest(uint8_t type)
{
    struct answer answer = begin(type);

    put(&answer, SERVER, 4, PEER_HONEST);
    put(&answer, LEASE, 4, 3600);
    put(&answer, T1, 4, 1800);
    put(&answer, T2, 4, 3000);
    put(&answer, MASK, 4, 0xffffff00);
    put(&answer, ROUTER, 4, PEER_HONEST);
    put(&answer, NAMES, 4, PEER_HONEST);
    end(&answer);
    return answer;
}

static void send_answer(const struct answer *answer)
{
    peer_send_udp(PEER_HONEST, SERVER_PORT, CLIENT_PORT, answer->bytes, answer->len);
    peer_wait_ms(0);
}

static void say(uint8_t type)
{
    const struct answer answer = honest(type);

    send_answer(&answer);
}

static void start(void)
{
    peer_sees = hear;
    peer_start_as("");
    assert_int_equal(said.type, DISCOVER);
}

/* Begin anew, whatever state it is in. */
static void restart(void)
{
    dhcp_release_and_stop(netif_default);
    assert_int_equal(dhcp_start(netif_default), ERR_OK);
    net_leave();
    assert_int_equal(said.type, DISCOVER);
}

static bool has_address(void)
{
    return netif_ip4_addr(netif_default)->addr == htonl(PEER_GUEST);
}

static void assert_gets_address(void)
{
    say(OFFER);
    assert_int_equal(said.type, REQUEST);
    say(ACK);
    assert_true(has_address());
}

static void bound_body(void)
{
    start();
    assert_gets_address();
    assert_int_equal(netif_ip4_netmask(netif_default)->addr, htonl(0xffffff00));
    assert_int_equal(netif_ip4_gw(netif_default)->addr, htonl(PEER_HONEST));
    assert_int_equal(ip_2_ip4(dns_getserver(0))->addr, htonl(PEER_HONEST));
    assert_has(fake_log_text(), "vif0: address 10.0.0.2\n");
    say(NAK); /* nothing was asked */
    assert_true(has_address());
}

/* Another transaction's, another host's, a question, of no type, and one without an end. */
static void strangers_body(void)
{
    static const size_t places[] = {XID, XID + 3, CHADDR, CHADDR + 5, 0, OPTIONS + 2};

    start();
    for (uint8_t type = OFFER; type <= ACK; type += ACK - OFFER) {
        const uint8_t before = said.type;
        struct answer answer;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            answer = honest(type);
            answer.bytes[places[i]] ^= 0x40;
            send_answer(&answer);
            assert_int_equal(said.type, before);
        }
        const size_t len = honest(type).len;
        for (size_t cut = 1; cut <= len; cut++) {
            answer = honest(type);
            answer.len -= cut;
            send_answer(&answer);
            assert_int_equal(said.type, before);
        }
        assert_false(has_address());
        say(type);
    }
    assert_true(has_address());
}

/* Options whose length is not theirs: one is missing, one is too much, all, or all there is. */
static void sizes_body(void)
{
    static const uint8_t options[] = {MASK, ROUTER, NAMES, LEASE, OVERLOAD, TYPE, SERVER, T1, T2};
    static const uint8_t sizes[] = {0, 1, 2, 3, 5, 8, 255};

    start();
    for (size_t i = 0; i < sizeof(options); i++) {
        for (size_t j = 0; j < sizeof(sizes); j++) {
            if ((options[i] == OVERLOAD || options[i] == TYPE) && sizes[j] == 1)
                continue;
            if ((options[i] == ROUTER && sizes[j] > 4) ||
                (options[i] == NAMES && sizes[j] % 4 == 0))
                continue; /* there may be several, or none */
            struct answer answer = begin(OFFER);
            if (options[i] == TYPE)
                answer.len = OPTIONS;
            else
                put(&answer, SERVER, 4, PEER_HONEST);
            answer.bytes[answer.len++] = options[i];
            answer.bytes[answer.len++] = sizes[j];
            memset(answer.bytes + answer.len, OFFER, sizes[j]);
            answer.len += sizes[j];
            end(&answer);
            send_answer(&answer);
            assert_int_equal(said.type, DISCOVER);
        }
    }
    assert_gets_address();
}

/* Each byte of the options is something else. */
static void spoilt_body(void)
{
    static const uint8_t changes[] = {0xff, 0x80, 1, 0x33};
    const size_t len = honest(OFFER).len;

    start();
    for (uint8_t type = OFFER; type <= ACK; type += ACK - OFFER) {
        for (size_t at = OPTIONS; at < len; at++) {
            for (size_t i = 0; i < sizeof(changes); i++) {
                restart();
                if (type == ACK)
                    say(OFFER);
                struct answer answer = honest(type);
                answer.bytes[at] ^= changes[i];
                send_answer(&answer);
            }
        }
    }
    restart();
    assert_gets_address();
}

/* Options may go on where names are otherwise: in each of the two, or both. */
static void overload_body(void)
{
    static const uint8_t mask[] = {MASK, 4, 255, 255, 0, 0, END},
                         router[] = {ROUTER, 4, 10, 0, 0, 9, END}, again[] = {OVERLOAD, 1, 3, END},
                         endless[] = {NAMES, 200};

    start();
    say(OFFER);
    struct answer answer = begin(ACK);
    put(&answer, SERVER, 4, PEER_HONEST);
    put(&answer, LEASE, 4, 3600);
    put(&answer, OVERLOAD, 1, 3);
    end(&answer);
    memcpy(answer.bytes + FILE_NAME, again, sizeof(again));
    send_answer(&answer);
    assert_false(has_address());
    memcpy(answer.bytes + FILE_NAME, endless, sizeof(endless));
    send_answer(&answer);
    assert_false(has_address());
    memcpy(answer.bytes + FILE_NAME, mask, sizeof(mask));
    memcpy(answer.bytes + SNAME, router, sizeof(router));
    send_answer(&answer);
    assert_true(has_address());
    assert_int_equal(netif_ip4_netmask(netif_default)->addr, htonl(0xffff0000));
    assert_int_equal(netif_ip4_gw(netif_default)->addr, htonl(PEER_HONEST));
}

/* A datagram to everywhere: whatever becomes of it. */
static void try_to_send(void)
{
    static const uint32_t places[] = {PEER_HONEST, 0x08080808, 0xffffffff,
                                      0xe0000001,  0,          0x7f000001};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), one = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)), 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct sockaddr_in to = {
            .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(places[i])};
        sendto(fd, "x", 1, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to));
        peer_wait_ms(1);
    }
    close(fd);
}

/* What can't be an address, a mask or a router: the guest does not get far, but no harm. */
static void absurd_body(void)
{
    static const uint32_t addresses[] = {0, 0xffffffff, 0xe0000001, 0x7f000001, PEER_GUEST};
    static const uint32_t masks[] = {0, 1, 0xff00ff00, 0xffffffff, 0xfffffffe};

    start();
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        for (size_t j = 0; j < sizeof(masks) / sizeof(masks[0]); j++) {
            for (size_t k = 0; k < sizeof(addresses) / sizeof(addresses[0]); k++) {
                restart();
                say(OFFER);
                struct answer answer = begin(ACK);
                wire_put(answer.bytes + YIADDR, 4, addresses[i]);
                put(&answer, MASK, 4, masks[j]);
                put(&answer, ROUTER, 4, addresses[k]);
                put(&answer, NAMES, 4, addresses[k]);
                put(&answer, SERVER, 4, addresses[k]);
                end(&answer);
                send_answer(&answer);
                try_to_send();
            }
        }
    }
    restart();
    assert_gets_address();
}

/* However short a lease is, it is asked for again each minute, not all the time. */
static void short_lease_body(void)
{
    static const uint32_t times[] = {0, 1, 59, 0xffffffff};

    start();
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        restart();
        say(OFFER);
        struct answer answer = begin(ACK);
        put(&answer, SERVER, 4, PEER_HONEST);
        put(&answer, LEASE, 4, times[i]);
        put(&answer, T1, 4, times[i]);
        put(&answer, T2, 4, times[i]);
        end(&answer);
        send_answer(&answer);
        assert_true(has_address());
        memset(said.n, 0, sizeof(said.n));
        peer_wait_ms(600000);
        assert_in_range(said.n[REQUEST] + said.n[DISCOVER], 0, 30);
    }
}

/* Who takes back each offer hears two words for each, and no more. */
static void refusals_body(void)
{
    start();
    memset(said.n, 0, sizeof(said.n));
    for (int i = 0; i < ROUNDS; i++) {
        say(OFFER);
        assert_int_equal(said.type, REQUEST);
        say(NAK);
        say(NAK);
        peer_wait_ms(1);
        assert_false(has_address());
        if (said.type != DISCOVER)
            peer_wait_ms(60000);
        assert_int_equal(said.type, DISCOVER);
    }
    assert_in_range(said.n[DISCOVER], ROUNDS, ROUNDS + 10);
    assert_in_range(said.n[REQUEST], ROUNDS, ROUNDS + 10);
    assert_gets_address();
}

IN_KERNEL(bound)
IN_KERNEL(strangers)
IN_KERNEL(sizes)
IN_KERNEL(spoilt)
IN_KERNEL(overload)
IN_KERNEL(absurd)
IN_KERNEL(short_lease)
IN_KERNEL(refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"an_address_is_had_of_a_server", bound, NULL, NULL, NULL},
        {"answers_that_are_none_are_not_taken", strangers, NULL, NULL, NULL},
        {"options_of_the_wrong_size_are_no_offer", sizes, NULL, NULL, NULL},
        {"an_answer_with_any_byte_wrong_harms_nobody", spoilt, NULL, NULL, NULL},
        {"options_may_go_on_elsewhere_but_once", overload, NULL, NULL, NULL},
        {"absurd_addresses_harm_nobody", absurd, NULL, NULL, NULL},
        {"a_short_lease_is_no_storm", short_lease, NULL, NULL, NULL},
        {"refusals_are_no_storm", refusals, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
