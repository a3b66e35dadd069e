/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A server of DHCPv6's that says what a test wants. Each test is a program of its own, so these are
 * its own functions. What the guest says is in said[].
 */
#ifndef UNIT_DHCPV6_H
#define UNIT_DHCPV6_H

#include "run.h"

#include <stdbool.h>
#include <string.h>

#include "lwip/dns.h"
#include "lwip/netif.h"

#include <sprat/clock.h>

#include "kernel.h"
#include "peer.h"
#include "vif.h"
#include "wire.h"
#include "world.h"

enum {
    SOLICIT = 1,
    ADVERTISE,
    REQUEST,
    CONFIRM,
    RENEW,
    REBIND,
    REPLY,
    RELEASE,
    DECLINE,
    INFORM = 11
};
enum {
    CLIENT_ID = 1,
    SERVER_ID = 2,
    IA_NA = 3,
    IAADDR = 5,
    WISHES = 6,
    PREFERENCE = 7,
    ELAPSED = 8,
    STATUS = 13,
    RAPID = 14,
    NAMES = 23,
    REFRESH = 32,
    SOL_MAX_RT = 82,
    INF_MAX_RT = 83,
};
enum { NO_ADDRESSES = 2, NO_BINDING = 3, NOT_ON_LINK = 4 };
enum { MANAGED = 0x80, OTHER = 0x40 };

#define CLIENT_PORT 546
#define SERVER_PORT 547
#define SAID_MAX    256
#define FOREVER     0xffffffffu
#define NS_PER_S    1000000000ull

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

/** What the guest said. */
static struct said {
    uint64_t ns;
    uint8_t bytes[300];
    size_t len;
} said[SAID_MAX];
static unsigned n_said;

static inline void hear(const struct peer_packet *packet)
{
    if (packet->protocol != PEER_UDP || wire_get(packet->bytes + 2, 2) != SERVER_PORT)
        return;
    struct said *next = &said[n_said++ % SAID_MAX];
    next->ns = clock_monotonic();
    next->len = packet->len - 8;
    assert_true(next->len <= sizeof(next->bytes));
    memcpy(next->bytes, packet->bytes + 8, next->len);
}

static inline const struct said *last_said(void)
{
    if (!n_said)
        fake_fail("the guest said nothing");
    return &said[(n_said - 1) % SAID_MAX];
}

/** The last thing that it said, which must be this. */
static inline const struct said *expect(uint8_t type)
{
    const struct said *last = last_said();

    if (last->bytes[0] != type)
        fake_fail("the guest said %u, not %u", last->bytes[0], type);
    return last;
}

/** The same, as soon as it says so, within some seconds. */
static inline const struct said *await(uint8_t type)
{
    for (int i = 0; i < 3000 && (!n_said || last_said()->bytes[0] != type); i++)
        peer_wait_ms(1);
    return expect(type);
}

/** How often it said this. */
static inline unsigned count(uint8_t type)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_said && i < SAID_MAX; i++)
        n += said[i].bytes[0] == type;
    return n;
}

/** An option that it said, or NULL. Its length is in front of it. */
static inline const uint8_t *find_option(const struct said *message, unsigned code)
{
    size_t at = 4;

    for (; at < message->len; at += 4 + wire_get(message->bytes + at + 2, 2))
        if (wire_get(message->bytes + at, 2) == code)
            return message->bytes + at + 4;
    assert_int_equal(at, message->len);
    return NULL;
}

/** The address that it has or wants. NULL: it names none. */
static inline const uint8_t *wanted_address(const struct said *message)
{
    const uint8_t *ia = find_option(message, IA_NA);

    assert_non_null(ia);
    return wire_get(ia - 2, 2) > 12 ? ia + 16 : NULL;
}

/** What the server gives. */
struct terms {
    uint8_t server; /**< which one it is */
    uint8_t address[16];
    uint32_t t1, t2, preferred, valid;
    const struct terms *also; /**< another address in the same place, unless NULL */
    uint8_t preference;       /**< 0: it does not say */
    uint16_t status, ia_status, address_status;
    bool rapid, no_client, no_server, no_ia, no_address;
    uint32_t xid_xor, iaid;
    uint8_t client_xor;                 /**< its last byte */
    uint32_t sol_max, inf_max, refresh; /**< 0: not said */
    uint8_t names[80];                  /**< name servers; n of them */
    unsigned n_names;
};

#define ADDRESS(n)                                                                                 \
    {                                                                                              \
        0xfd, 7, [15] = (n)                                                                        \
    }

static const struct terms usual = {.server = 1,
                                   .address = ADDRESS(0x50),
                                   .t1 = 1000,
                                   .t2 = 1600,
                                   .preferred = 2000,
                                   .valid = 3000,
                                   .names = {0xfd, 7, [15] = 1},
                                   .n_names = 1};

/** What the server says. */
struct answer {
    uint8_t bytes[1400];
    size_t len;
};

static inline void put(struct answer *answer, size_t n, uint32_t value)
{
    wire_put(answer->bytes + answer->len, n, value);
    answer->len += n;
}

/** @return where it is, for end_option(). */
static inline size_t begin_option(struct answer *answer, unsigned code)
{
    put(answer, 2, code);
    put(answer, 2, 0);
    return answer->len;
}

static inline void end_option(struct answer *answer, size_t at)
{
    wire_put(answer->bytes + at - 2, 2, (uint32_t)(answer->len - at));
}

static inline void put_option(struct answer *answer, unsigned code, const void *bytes, size_t len)
{
    size_t at = begin_option(answer, code);

    if (len)
        memcpy(answer->bytes + at, bytes, len);
    answer->len += len;
    end_option(answer, at);
}

static inline void put_number(struct answer *answer, unsigned code, size_t n, uint32_t value)
{
    size_t at = begin_option(answer, code);

    put(answer, n, value);
    end_option(answer, at);
}

static inline void put_address(struct answer *answer, const struct terms *terms)
{
    size_t at = begin_option(answer, IAADDR);

    memcpy(answer->bytes + answer->len, terms->address, 16);
    answer->len += 16;
    put(answer, 4, terms->preferred);
    put(answer, 4, terms->valid);
    if (terms->address_status)
        put_number(answer, STATUS, 2, terms->address_status);
    end_option(answer, at);
}

static inline void put_ia(struct answer *answer, const struct terms *terms)
{
    size_t at = begin_option(answer, IA_NA);

    put(answer, 4, terms->iaid);
    put(answer, 4, terms->t1);
    put(answer, 4, terms->t2);
    if (!terms->no_address)
        put_address(answer, terms);
    if (terms->also)
        put_address(answer, terms->also);
    if (terms->ia_status)
        put_number(answer, STATUS, 2, terms->ia_status);
    end_option(answer, at);
}

/** An answer to what the guest said last. What counts most is at its end. */
static inline struct answer make_answer(uint8_t type, const struct terms *terms)
{
    static const uint8_t unknown[260]; /* so it is not copied: ASan sees its end */
    const struct said *to = last_said();
    uint8_t server[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, terms->server};
    struct answer answer = {.len = 0};

    put(&answer, 1, type);
    put(&answer, 3, wire_get(to->bytes + 1, 3) ^ terms->xid_xor);
    put_option(&answer, 999, unknown, sizeof(unknown));
    if (!terms->no_server)
        put_option(&answer, SERVER_ID, server, sizeof(server));
    if (terms->preference)
        put_number(&answer, PREFERENCE, 1, terms->preference);
    if (terms->rapid)
        put_option(&answer, RAPID, NULL, 0);
    if (terms->status)
        put_number(&answer, STATUS, 2, terms->status);
    if (terms->n_names)
        put_option(&answer, NAMES, terms->names, 16 * terms->n_names);
    if (terms->refresh)
        put_number(&answer, REFRESH, 4, terms->refresh);
    if (terms->sol_max)
        put_number(&answer, SOL_MAX_RT, 4, terms->sol_max);
    if (terms->inf_max)
        put_number(&answer, INF_MAX_RT, 4, terms->inf_max);
    if (!terms->no_ia)
        put_ia(&answer, terms);
    if (!terms->no_client) {
        const uint8_t *id = find_option(to, CLIENT_ID);
        put_option(&answer, CLIENT_ID, id, wire_get(id - 2, 2));
        answer.bytes[answer.len - 1] ^= terms->client_xor;
    }
    return answer;
}

static inline void send_answer(const struct answer *answer)
{
    peer_send_udp6(NULL, 9, SERVER_PORT, CLIENT_PORT, answer->bytes, answer->len);
    peer_wait_ms(0);
}

static inline void say(uint8_t type, const struct terms *terms)
{
    struct answer answer = make_answer(type, terms);

    send_answer(&answer);
}

/** The guest gets another link, perhaps. */
static inline void replug(void)
{
    fake_vif.link = NETFRONT_DOWN;
    fake_vif_changed();
    peer_wait_ms(1000);
    n_said = 0;
    fake_vif.link = NETFRONT_UP;
    fake_vif_changed();
}

/** A router says what there is: MANAGED, OTHER. */
static inline void advertise(uint8_t flags)
{
    const uint8_t message[16] = {134, [5] = flags};

    peer_send6_to(all_nodes, 9, PEER_ICMP6, message, sizeof(message));
    peer_wait_ms(0);
}

/** Start the guest, and have it look for servers. */
static inline void start(void)
{
    peer_sees = hear;
    peer_start();
    advertise(MANAGED);
    await(SOLICIT);
}

/** Have it ask for what is offered. */
static inline void offer(const struct terms *terms)
{
    struct terms first = *terms;

    first.preference = 255;
    say(ADVERTISE, &first);
    expect(REQUEST);
}

/** Has the guest an address, which it may use? */
static inline bool has_address(const uint8_t address[16])
{
    ip6_addr_t ip6 = {0};

    memcpy(ip6.addr, address, 16);
    s8_t at = netif_get_ip6_addr_match(netif_default, &ip6);
    return at >= 0 && ip6_addr_isvalid(netif_ip6_addr_state(netif_default, at));
}

/** Somebody on the link says that he has the address. */
static inline void claim(const uint8_t address[16])
{
    uint8_t message[24] = {136, [4] = 0x20};

    memcpy(message + 8, address, 16);
    peer_send6_to(all_nodes, 33, PEER_ICMP6, message, sizeof(message));
    peer_wait_ms(0);
}

/** Give the guest an address, and wait until it uses it. */
static inline void give(const struct terms *terms)
{
    start();
    offer(terms);
    say(REPLY, terms);
    peer_wait_ms(5000);
    assert_true(has_address(terms->address));
}

#endif
