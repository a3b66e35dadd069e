/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCPv6's client and servers that lie, and others who speak in their names: what they say changes
 * nothing, and an honest answer is taken all the same. */
#include "dhcpv6.h"

#include "../../libc-glue/lwip/interface.h"

#include <stddef.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define FIELD(name) offsetof(struct terms, name), sizeof(((struct terms *)NULL)->name)

/* What is no answer, or gives nothing, be it an offer or a reply: the usual, but for a number. */
static const struct lie {
    const char *name;
    size_t at, size;
    uint32_t value;
} lies[] = {
    {"another transaction's", FIELD(xid_xor), 1},
    {"another client's", FIELD(client_xor), 1},
    {"to nobody", FIELD(no_client), true},
    {"from nobody", FIELD(no_server), true},
    {"for another interface", FIELD(iaid), 1},
    {"renewed after it is rebound", FIELD(t1), 1700},
    {"preferred for longer than valid", FIELD(preferred), 3001},
    {"valid for less time than preferred", FIELD(valid), 1999},
    {"without an association", FIELD(no_ia), true},
    {"without an address", FIELD(no_address), true},
    {"a group's address", FIELD(address[0]), 0xff},
};

/* The same, but what is said counts: it is tried again, not at the same server. */
static const struct lie refusals[] = {
    {"a refusal", FIELD(status), NO_ADDRESSES},
    {"a refusal of the association", FIELD(ia_status), NO_ADDRESSES},
    {"a refusal of the address", FIELD(address_status), NOT_ON_LINK},
    {"nothing", FIELD(no_address), true},
};

/* Addresses that nobody may have. */
static const uint8_t addresses[][16] = {
    {0xfe, 0x80, [15] = 1}, {0xfe, 0xbf, [15] = 1}, {[15] = 1}, {0xff, 2, [15] = 1}, {0}};

static struct terms lie_of(const struct lie *lie)
{
    struct terms terms = usual;

    memcpy((char *)&terms + lie->at, &lie->value, lie->size);
    return terms;
}

/* A reply that gives nothing, but is one, makes the guest look for another server: then it is
 * brought to ask for what it was offered once more. */
static bool to_asking;

static struct answer compose(uint8_t type, const struct terms *terms)
{
    if (to_asking && last_said()->bytes[0] != REQUEST)
        offer(&usual);
    return make_answer(type, terms);
}

static void tell(const struct answer *answer)
{
    send_answer(answer);
    if (to_asking)
        peer_wait_ms(1001);
}

static void tell_usual(uint8_t type, const struct terms *terms)
{
    struct answer answer = compose(type, terms);

    tell(&answer);
}

static void say_lies(uint8_t type, uint8_t preference)
{
    struct terms terms;

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        terms = lie_of(&lies[i]);
        terms.preference = preference;
        tell_usual(type, &terms);
    }
    terms = usual;
    terms.preference = preference;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        memcpy(terms.address, addresses[i], 16);
        tell_usual(type, &terms);
    }
}

/* An answer of every length that is too short. */
static void say_parts(uint8_t type, const struct terms *terms)
{
    size_t len, n = 0;

    do {
        struct answer answer = compose(type, terms);
        answer.len = len = answer.len - 1 - n++;
        tell(&answer);
    } while (len);
}

/* The usual answer, where one option has another length. @return false: there is no such option. */
static bool resize(struct answer *answer, unsigned wanted, int by)
{
    for (size_t at = 4; at < answer->len;) {
        unsigned code = wire_get(answer->bytes + at, 2);
        size_t len = wire_get(answer->bytes + at + 2, 2);
        if (code == wanted) {
            wire_put(answer->bytes + at + 2, 2, (uint32_t)len + (uint32_t)by);
            return true;
        }
        at += 4 + (code == IA_NA ? 12 : code == IAADDR ? 24 : len); /* into it */
    }
    return false;
}

static struct terms everything(uint8_t preference)
{
    struct terms terms = usual;

    terms.preference = preference;
    terms.rapid = true;
    terms.refresh = 1000;
    terms.sol_max = terms.inf_max = 100;
    return terms;
}

/* Each option too long for what it is in, too short for what it says, and reaching beyond it. */
static void say_misfits(uint8_t type, uint8_t preference)
{
    static const unsigned codes[] = {SERVER_ID, PREFERENCE, RAPID,      NAMES,  REFRESH,
                                     IA_NA,     SOL_MAX_RT, INF_MAX_RT, IAADDR, CLIENT_ID};
    static const int sizes[] = {-24, -17, -13, -8, -1, 1, 4, 1000, 0x8000};
    const struct terms terms = everything(preference);

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            struct answer answer = compose(type, &terms);
            assert_true(resize(&answer, codes[i], sizes[j]));
            tell(&answer);
        }
    }
}

/* What is said in an option of the wrong size, at the end of a whole answer. */
static void say_with(uint8_t type, const struct terms *terms, unsigned code, size_t len)
{
    static const uint8_t bytes[200] = {0, 3, 0, 1, 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};
    struct answer answer = compose(type, terms);

    put_option(&answer, code, bytes, len);
    tell(&answer);
}

static void say_sizes(uint8_t type, uint8_t preference)
{
    const struct terms terms = everything(preference);
    struct terms anonymous = terms, to_nobody = terms;

    anonymous.no_server = to_nobody.no_client = true;
    say_with(type, &to_nobody, CLIENT_ID, 0);
    say_with(type, &to_nobody, CLIENT_ID, 9);
    say_with(type, &to_nobody, CLIENT_ID, 11);
    say_with(type, &anonymous, SERVER_ID, 0);
    say_with(type, &anonymous, SERVER_ID, 131);
    say_with(type, &terms, PREFERENCE, 0);
    say_with(type, &terms, PREFERENCE, 2);
    say_with(type, &terms, RAPID, 1);
    say_with(type, &terms, STATUS, 1);
    say_with(type, &terms, STATUS, 0);
    say_with(type, &terms, NAMES, 15);
    say_with(type, &terms, NAMES, 33);
    say_with(type, &terms, REFRESH, 3);
    say_with(type, &terms, SOL_MAX_RT, 5);
    say_with(type, &terms, INF_MAX_RT, 0);
    say_with(type, &terms, IA_NA, 11);
}

/* An address that is too short, or what is in it. */
static void say_short_addresses(uint8_t type, uint8_t preference)
{
    struct terms terms = usual;

    terms.preference = preference;
    terms.no_ia = true;
    for (size_t len = 0; len < 28; len++) {
        struct answer answer = compose(type, &terms);
        size_t ia = begin_option(&answer, IA_NA);
        memset(answer.bytes + answer.len, 0, 12);
        answer.len += 12;
        size_t address = begin_option(&answer, IAADDR);
        memcpy(answer.bytes + answer.len, usual.address, 16);
        memset(answer.bytes + answer.len + 16, 1, 8);
        memcpy(answer.bytes + answer.len + 24, (uint8_t[]){0, STATUS, 0, 1}, 4);
        answer.len += len != 24 ? len : 23;
        end_option(&answer, address);
        end_option(&answer, ia);
        tell(&answer);
    }
}

/* As many options as a packet has room for. */
static void say_endlessly(uint8_t type, const struct terms *terms)
{
    struct answer answer = compose(type, terms);

    while (answer.len + 4 <= sizeof(answer.bytes))
        put_option(&answer, 998, NULL, 0);
    tell(&answer);
}

static void offers_body(void)
{
    struct terms terms = usual;

    start();
    terms.preference = 255;
    say(REPLY, &terms); /* it was asked for an offer */
    say_lies(ADVERTISE, 255);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        terms = lie_of(&refusals[i]);
        terms.preference = 255;
        say(ADVERTISE, &terms);
    }
    terms = usual;
    terms.preference = 255;
    say_parts(ADVERTISE, &terms);
    say_misfits(ADVERTISE, 255);
    say_sizes(ADVERTISE, 255);
    say_short_addresses(ADVERTISE, 255);
    expect(SOLICIT);
    peer_wait_ms(1101); /* none of it has been kept, either */
    expect(SOLICIT);
    say_endlessly(ADVERTISE, &terms);
    expect(REQUEST);
}

static void replies_body(void)
{
    struct terms terms = usual;

    start();
    offer(&usual);
    say(ADVERTISE, &usual); /* that is over */
    terms.server = 2;       /* it was not asked */
    say(REPLY, &terms);
    terms.no_server = true; /* whose name only begins as it does */
    struct answer answer = make_answer(REPLY, &terms);
    put_option(&answer, SERVER_ID, (uint8_t[]){0, 3, 0, 1, 2, 0, 0, 0, 0, 1, 1}, 11);
    send_answer(&answer);
    expect(REQUEST);
    peer_wait_ms(5000);
    assert_false(has_address(usual.address));
    to_asking = true;
    say_lies(REPLY, 0);
    say_parts(REPLY, &usual);
    say_misfits(REPLY, 1);
    say_sizes(REPLY, 1);
    say_short_addresses(REPLY, 1);
    peer_wait_ms(5000);
    assert_int_equal(netif_ip6_addr_state(netif_default, 1), IP6_ADDR_INVALID);
    say_endlessly(REPLY, &usual);
    peer_wait_ms(5000);
    assert_true(has_address(usual.address));
}

/* A server that takes back what it offered is left for others. */
static void taken_back_body(void)
{
    struct terms terms;

    start();
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        offer(&usual);
        terms = lie_of(&refusals[i]);
        say(REPLY, &terms);
        await(SOLICIT);
    }
    offer(&usual);
    terms = usual;
    terms.status = 1; /* it may be able to later */
    say(REPLY, &terms);
    peer_wait_ms(3000);
    expect(REQUEST);
    assert_false(has_address(usual.address));
}

/* While an address is renewed, nothing that is wrong loses it. */
static void renewals_body(void)
{
    struct terms terms = usual;

    give(&usual);
    say(REPLY, &terms); /* nothing was asked */
    terms.valid = terms.preferred = 0;
    say(REPLY, &terms);
    peer_wait_ms(1000000);
    expect(RENEW);
    say_lies(REPLY, 0);
    say_misfits(REPLY, 1);
    say_sizes(REPLY, 1);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        terms = lie_of(&refusals[i]);
        say(REPLY, &terms);
    }
    terms = usual;
    terms.valid = terms.preferred = 0;
    terms.server = 2; /* another one's */
    say(REPLY, &terms);
    assert_true(has_address(usual.address));
    expect(RENEW);
}

/* A guest that has asked nothing believes nothing. */
static void unasked_body(void)
{
    peer_start();
    n_said = 1;
    said[0] = (struct said){
        .bytes = {INFORM, [5] = CLIENT_ID, [7] = 10, 0, 3, 0, 1, 0, 0x16, 0x3e, 1, 2, 3},
        .len = 18};
    say(REPLY, &usual);
    say(ADVERTISE, &usual);
    peer_wait_ms(5000);
    assert_false(has_address(usual.address));
    assert_true(ip_addr_isany(dns_getserver(0)));
}

/* Nobody beyond the link is heard, nobody by IPv4, and not the guest itself. */
static void strangers_body(void)
{
    static const uint8_t global[16] = {0xfd, 9, [15] = 1};
    struct sockaddr_in6 self = {.sin6_family = AF_INET6,
                                .sin6_port = htons(CLIENT_PORT),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    ip6_addr_t ip6 = {0};
    struct terms terms = usual;

    start();
    memcpy(ip6.addr, global, sizeof(global));
    assert_int_equal(netif_add_ip6_address(netif_default, &ip6, NULL), ERR_OK);
    peer_wait_ms(1500);
    terms.preference = 255;
    struct answer answer = make_answer(ADVERTISE, &terms);
    peer_send_udp6(global, 9, SERVER_PORT, CLIENT_PORT, answer.bytes, answer.len);
    peer_send_udp(PEER_HONEST, SERVER_PORT, CLIENT_PORT, answer.bytes, answer.len);
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(
        sendto(fd, answer.bytes, answer.len, 0, (struct sockaddr *)&self, sizeof(self)),
        answer.len);
    peer_wait_ms(1);
    assert_int_equal(count(REQUEST), 0);
    send_answer(&answer);
    expect(REQUEST);
}

/* However short an address is given for, it is not renewed all the time. */
static void short_lease_body(void)
{
    struct terms terms = usual;

    terms.t1 = terms.t2 = 1;
    terms.preferred = terms.valid = 20;
    give(&terms);
    n_said = 0;
    for (int i = 0; i < 100; i++) {
        peer_wait_ms(1000);
        if (n_said && last_said()->bytes[0] != SOLICIT)
            say(REPLY, &terms);
    }
    assert_in_range(n_said, 8, 12);
    assert_true(has_address(usual.address));
}

/* Routers may say what they like: what is under way goes on. */
static void routers_body(void)
{
    start();
    for (int i = 0; i < 500; i++)
        advertise(i % 2 ? MANAGED : OTHER);
    assert_int_equal(n_said, 1);
    offer(&usual);
    advertise(OTHER);
    advertise(MANAGED);
    say(REPLY, &usual);
    peer_wait_ms(5000);
    advertise(MANAGED | OTHER);
    advertise(0);
    peer_wait_ms(1001);
    assert_true(has_address(usual.address));
    assert_int_equal(n_said, 2);
}

/* A guest that was told its address is not given another. */
static void told_body(void)
{
    struct interface *interface;

    peer_sees = hear;
    peer_start();
    interface = netif_default->state;
    interface->config.ip6 = CONFIG_STATIC;
    advertise(MANAGED);
    advertise(OTHER);
    peer_wait_ms(5000);
    assert_int_equal(n_said, 0);
}

/* Nor are its name servers others than it was told. */
static void told_names_body(void)
{
    struct interface *interface;

    start();
    interface = netif_default->state;
    interface->config.n_dns = 1;
    offer(&usual);
    say(REPLY, &usual);
    peer_wait_ms(2000);
    assert_true(has_address(usual.address));
    assert_true(ip_addr_isany(dns_getserver(0)));
}

IN_KERNEL(offers)
IN_KERNEL(replies)
IN_KERNEL(taken_back)
IN_KERNEL(renewals)
IN_KERNEL(unasked)
IN_KERNEL(strangers)
IN_KERNEL(short_lease)
IN_KERNEL(routers)
IN_KERNEL(told)
IN_KERNEL(told_names)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"offers_that_are_none_are_not_taken", offers, NULL, NULL, NULL},
        {"replies_that_are_none_are_not_taken", replies, NULL, NULL, NULL},
        {"a_server_that_takes_back_its_offer_is_left", taken_back, NULL, NULL, NULL},
        {"an_address_is_not_lost_to_who_lies", renewals, NULL, NULL, NULL},
        {"who_has_asked_nothing_believes_nothing", unasked, NULL, NULL, NULL},
        {"nobody_beyond_the_link_is_heard", strangers, NULL, NULL, NULL},
        {"a_short_lease_is_no_storm", short_lease, NULL, NULL, NULL},
        {"routers_change_nothing_that_is_under_way", routers, NULL, NULL, NULL},
        {"routers_change_nothing_that_was_typed", told, NULL, NULL, NULL},
        {"name_servers_that_were_typed_count", told_names, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
