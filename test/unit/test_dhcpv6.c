/* SPDX-License-Identifier: BSD-2-Clause */
/* DHCPv6's client and an honest server: how an address is found, kept and lost. */
#include "dhcpv6.h"

#include <sprat/port.h>

#include "../../libc-glue/lwip/dhcpv6.h"

static const uint8_t first_address[16] = ADDRESS(0x50), second_address[16] = ADDRESS(0x51);

static const uint8_t guest_id[] = {0, 3, 0, 1, 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};

static void assert_name_server(unsigned i, const uint8_t address[16])
{
    const ip_addr_t *server = dns_getserver((u8_t)i);

    assert_true(IP_IS_V6(server));
    assert_memory_equal(ip_2_ip6(server)->addr, address, 16);
}

/* The whole of it, and what each message holds. */
static void found_body(void)
{
    peer_sees = hear;
    peer_start();
    peer_wait_ms(60000);
    assert_int_equal(n_said, 0); /* no router has said that there is anything */
    advertise(MANAGED | OTHER);
    const struct said *solicit = await(SOLICIT);
    assert_memory_equal(find_option(solicit, CLIENT_ID), guest_id, sizeof(guest_id));
    assert_null(find_option(solicit, SERVER_ID));
    assert_null(wanted_address(solicit));
    assert_int_equal(wire_get(find_option(solicit, ELAPSED), 2), 0);
    assert_int_equal(wire_get(find_option(solicit, WISHES), 4), NAMES << 16 | SOL_MAX_RT);
    say(ADVERTISE, &usual);
    expect(SOLICIT); /* somebody may offer more */
    peer_wait_ms(1101);
    const struct said *request = expect(REQUEST);
    assert_int_equal(wire_get(find_option(request, SERVER_ID) + 6, 4), usual.server);
    assert_memory_equal(wanted_address(request), usual.address, 16);
    assert_false(has_address(usual.address));
    say(REPLY, &usual);
    assert_name_server(0, usual.names);
    peer_wait_ms(5000);
    assert_true(has_address(usual.address));
    assert_has(fake_log_text(), "vif0: address fd07::50\n");
    assert_int_equal(n_said, 2);
}

/* Where routers speak of names alone, they are asked for, and again when they are old. */
static void names_body(void)
{
    struct terms names = usual;

    peer_sees = hear;
    names.no_ia = true;
    names.n_names = 5; /* but nobody, a group and the guest itself are none */
    memcpy(names.names, (uint8_t[80]){0}, 16);
    memcpy(names.names + 16, (uint8_t[16]){0xff, 2, [15] = 1}, 16);
    memcpy(names.names + 32, (uint8_t[16]){[15] = 1}, 16);
    memcpy(names.names + 48, (uint8_t[16]){0xfe, 0x80, [15] = 9}, 16);
    memcpy(names.names + 64, (uint8_t[16]){0xfd, 7, [15] = 1}, 16);
    names.refresh = 7000;
    names.status = 1;
    peer_start();
    advertise(OTHER);
    const struct said *inform = await(INFORM);
    assert_null(find_option(inform, IA_NA));
    const uint8_t *wishes = find_option(inform, WISHES);
    assert_int_equal(wire_get(wishes, 4), NAMES << 16 | INF_MAX_RT);
    assert_int_equal(wire_get(wishes + 4, 2), REFRESH);
    say(REPLY, &names);
    assert_true(ip_addr_isany(dns_getserver(0)));
    names.status = 0;
    say(REPLY, &names);
    assert_name_server(0, names.names + 48);
    assert_name_server(1, names.names + 64);
    assert_int_equal(ip6_addr_zone(ip_2_ip6(dns_getserver(0))), netif_get_index(netif_default));
    peer_wait_ms(6998000);
    assert_int_equal(n_said, 1);
    peer_wait_ms(4000);
    assert_in_range(n_said, 2, 3);
    names.refresh = 1; /* no server decides that it is asked every second */
    say(REPLY, &names);
    n_said = 0;
    peer_wait_ms(590000);
    assert_int_equal(n_said, 0);
    advertise(MANAGED); /* now there are addresses, too */
    await(SOLICIT);
}

static void best_offer_body(void)
{
    struct terms terms = usual;

    start();
    say(ADVERTISE, &terms);
    terms.server = 2;
    terms.preference = 7;
    say(ADVERTISE, &terms);
    terms.server = 3;
    terms.preference = 6;
    say(ADVERTISE, &terms);
    terms.server = 4;
    terms.preference = 200;
    terms.ia_status = NO_ADDRESSES;
    say(ADVERTISE, &terms);
    expect(SOLICIT);
    peer_wait_ms(1101);
    assert_int_equal(wire_get(find_option(expect(REQUEST), SERVER_ID) + 6, 4), 2);
}

/* Others have time to offer something: a second, and never less. */
static void time_to_offer_body(void)
{
    start();
    for (int i = 0; i < 30; i++) {
        replug();
        await(SOLICIT);
        peer_wait_ms(1101);
        assert_int_equal(n_said, 2);
        assert_in_range(said[1].ns - said[0].ns, 1000000001, 1102000000);
    }
}

/* Nothing is asked from an address that may be somebody else's. */
static void tentative_body(void)
{
    peer_sees = hear;
    peer_start();
    netif_ip6_addr_set_state(netif_default, 0, IP6_ADDR_TENTATIVE);
    advertise(MANAGED);
    peer_wait_ms(999);
    assert_int_equal(n_said, 0);
    assert_int_equal(wire_get(find_option(await(SOLICIT), ELAPSED), 2), 0);
}

/* Who was late is taken at once, and so is who says that he is the best. */
static void first_offer_body(void)
{
    struct terms terms = usual;

    start();
    peer_wait_ms(2000);
    assert_int_equal(count(SOLICIT), 2);
    say(ADVERTISE, &terms);
    expect(REQUEST);
}

static void rapid_body(void)
{
    struct terms terms = usual;

    start();
    say(REPLY, &terms); /* it was asked for an offer */
    peer_wait_ms(5000);
    assert_false(has_address(terms.address));
    terms.rapid = true;
    terms.status = NO_BINDING;
    say(REPLY, &terms);
    peer_wait_ms(5);
    expect(SOLICIT);
    terms.status = 0;
    say(REPLY, &terms);
    peer_wait_ms(5000);
    assert_true(has_address(terms.address));
}

/* Renewed by its server, then by any, then lost. */
static void renewed_body(void)
{
    give(&usual);
    n_said = 0;
    peer_wait_ms(990000);
    assert_int_equal(n_said, 0);
    peer_wait_ms(10000);
    const struct said *renew = expect(RENEW);
    assert_memory_equal(wanted_address(renew), usual.address, 16);
    assert_non_null(find_option(renew, SERVER_ID));
    say(REPLY, &usual);
    peer_wait_ms(990000);
    assert_int_equal(count(RENEW), 1);
    peer_wait_ms(590000);
    assert_in_range(count(RENEW), 2, 12); /* 10 s, 20 s, 40 s... */
    assert_int_equal(count(REBIND), 0);
    peer_wait_ms(20000);
    const struct said *rebind = expect(REBIND);
    assert_null(find_option(rebind, SERVER_ID));
    assert_memory_equal(wanted_address(rebind), usual.address, 16);
    peer_wait_ms(1380000);
    assert_true(has_address(usual.address));
    peer_wait_ms(22000);
    assert_false(has_address(usual.address));
    assert_null(wanted_address(expect(SOLICIT)));
}

/* Another server may take it over, and give another one. */
static void rebound_body(void)
{
    struct terms other = usual;

    give(&usual);
    peer_wait_ms(1610000);
    expect(REBIND);
    other.server = 2;
    memcpy(other.address, second_address, 16);
    say(REPLY, &other);
    assert_false(has_address(first_address));
    peer_wait_ms(5000);
    assert_true(has_address(second_address));
    peer_wait_ms(1000000);
    assert_int_equal(wire_get(find_option(expect(RENEW), SERVER_ID) + 6, 4), 2);
}

/* Lifetimes count from each answer on; an address may be kept that is not for new connections. */
static void deprecated_body(void)
{
    struct terms terms = usual;

    give(&usual);
    peer_wait_ms(1000000);
    terms.preferred = 0;
    say(REPLY, &terms);
    assert_true(ip6_addr_isdeprecated(netif_ip6_addr_state(netif_default, 1)));
    peer_wait_ms(1000000);
    expect(RENEW);
    say(REPLY, &usual);
    assert_true(ip6_addr_ispreferred(netif_ip6_addr_state(netif_default, 1)));
}

static void withdrawn_body(void)
{
    struct terms terms = usual;

    give(&usual);
    peer_wait_ms(1000000);
    expect(RENEW);
    terms.preferred = terms.valid = 0;
    say(REPLY, &terms);
    assert_false(has_address(usual.address));
    await(SOLICIT);
}

/* Of several addresses the one that the guest has is kept, until it is taken back for another. */
static void several_body(void)
{
    struct terms second = usual, ours = usual;

    memcpy(second.address, second_address, 16);
    second.also = &ours;
    give(&usual);
    peer_wait_ms(1000000);
    expect(RENEW);
    say(REPLY, &second);
    peer_wait_ms(1005000);
    expect(RENEW);
    second.also = NULL;
    ours.also = &second;
    say(REPLY, &ours);
    peer_wait_ms(5000);
    assert_true(has_address(first_address));
    assert_false(has_address(second_address));
    peer_wait_ms(1000000);
    expect(RENEW);
    ours.preferred = ours.valid = 0;
    second.also = &ours;
    say(REPLY, &second);
    peer_wait_ms(5000);
    assert_false(has_address(first_address));
    assert_true(has_address(second_address));
}

/* The server has forgotten: it is asked as at first, for the same address. */
static void forgotten_body(void)
{
    struct terms terms = usual;

    give(&usual);
    peer_wait_ms(1000000);
    expect(RENEW);
    terms.ia_status = NO_BINDING;
    terms.no_address = true;
    say(REPLY, &terms);
    assert_memory_equal(wanted_address(expect(REQUEST)), usual.address, 16);
    say(REPLY, &usual);
    assert_true(has_address(usual.address));
}

/* The server leaves the times to the client; and an address that lasts for ever is not renewed. */
static void times_body(void)
{
    struct terms terms = usual;

    terms.t1 = 0;
    terms.t2 = 2001; /* when it is old */
    give(&terms);
    n_said = 0;
    peer_wait_ms(990000);
    assert_int_equal(n_said, 0);
    peer_wait_ms(10000);
    expect(RENEW); /* half of the preferred time */
    peer_wait_ms(590000);
    assert_int_equal(count(REBIND), 0);
    peer_wait_ms(20000);
    expect(REBIND); /* four fifths */
    terms.t2 = 0;
    terms.preferred = terms.valid = FOREVER;
    say(REPLY, &terms);
    n_said = 0;
    peer_wait_ms(FOREVER);
    assert_int_equal(n_said, 0);
    assert_true(has_address(usual.address));
}

/* Somebody else has it: the server is told, and another one is looked for. */
static void taken_body(void)
{
    start();
    offer(&usual);
    say(REPLY, &usual);
    claim(usual.address);
    const struct said *decline = await(DECLINE);
    assert_memory_equal(wanted_address(decline), usual.address, 16);
    assert_non_null(find_option(decline, SERVER_ID));
    assert_has(fake_log_text(), "vif0: address fd07::50 is somebody else's, too\n");
    assert_false(has_address(usual.address));
    say(REPLY, &usual);
    await(SOLICIT);
    /* And where nobody takes note of it. */
    offer(&usual);
    say(REPLY, &usual);
    claim(usual.address);
    n_said = 0;
    peer_wait_ms(30000);
    assert_int_equal(count(DECLINE), 4);
    assert_true(count(SOLICIT) > 0);
}

/* After a save, the guest may be elsewhere. */
static void moved_body(void)
{
    struct terms terms = usual;

    give(&usual);
    replug();
    assert_memory_equal(wanted_address(await(CONFIRM)), usual.address, 16);
    say(REPLY, &usual);
    replug();
    await(CONFIRM);
    peer_wait_ms(15000); /* nobody knows: it may be used until its time is over */
    assert_in_range(count(CONFIRM), 3, 5);
    assert_true(has_address(usual.address));
    peer_wait_ms(990000);
    expect(RENEW);
    replug();
    await(CONFIRM);
    terms.status = 1; /* it may know later */
    say(REPLY, &terms);
    terms.status = NOT_ON_LINK;
    say(REPLY, &terms);
    assert_false(has_address(usual.address));
    await(SOLICIT);
    replug();
    await(SOLICIT);
    offer(&usual);
    replug();
    await(SOLICIT);
}

/* A server that does not answer any more: others are looked for. */
static void silent_server_body(void)
{
    start();
    offer(&usual);
    peer_wait_ms(300000);
    assert_int_equal(count(REQUEST), 10);
    expect(SOLICIT);
}

static void assert_asked_every_minute(void)
{
    unsigned before = n_said;

    peer_wait_ms(660000);
    assert_in_range(n_said - before, 9, 13);
}

/* Where there is none, it is asked for ever more seldom, as seldom as servers want. */
static void no_server_body(void)
{
    struct terms terms = usual;

    start();
    peer_wait_ms(100000000);
    assert_in_range(count(SOLICIT), 12 + 25, 12 + 31);
    assert_in_range(last_said()->ns - said[n_said - 2].ns, 3240 * NS_PER_S, 3960 * NS_PER_S);
    assert_int_equal(wire_get(find_option(last_said(), ELAPSED), 2), 0xffff);
    terms.status = NO_ADDRESSES;
    terms.sol_max = 60;
    say(ADVERTISE, &terms);
    peer_wait_ms(4000000);
    assert_asked_every_minute();
    terms.sol_max = 1; /* nobody may want this */
    say(ADVERTISE, &terms);
    terms.sol_max = 86401;
    say(ADVERTISE, &terms);
    assert_asked_every_minute();
}

/* So it is with names alone. */
static void no_names_body(void)
{
    struct terms refused = usual;

    peer_sees = hear;
    peer_start();
    advertise(OTHER);
    await(INFORM);
    refused.no_ia = true;
    refused.status = 1;
    refused.inf_max = 60;
    say(REPLY, &refused);
    peer_wait_ms(1000000);
    assert_asked_every_minute();
}

/* A guest without a link that is up does nothing. */
static void no_link_body(void)
{
    start();
    fake_vif.link = NETFRONT_DOWN;
    fake_vif_changed();
    n_said = 0;
    peer_wait_ms(10000000);
    assert_int_equal(n_said, 0);
    assert_true(dhcpv6_due_ns() == PORT_FOREVER);
}

/* Routers' prefixes may have taken all places. */
static void no_room_body(void)
{
    start();
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        ip6_addr_t ip6 = {.addr = {htonl(0xfd000000), 0, 0, htonl((u32_t)i)}};
        assert_int_equal(netif_add_ip6_address(netif_default, &ip6, NULL), ERR_OK);
    }
    offer(&usual);
    say(REPLY, &usual);
    assert_has(fake_log_text(), "vif0: no room for address fd07::50");
    netif_ip6_addr_set_state(netif_default, 2, IP6_ADDR_INVALID);
    peer_wait_ms(1002000);
    expect(SOLICIT);
}

IN_KERNEL(found)
IN_KERNEL(names)
IN_KERNEL(best_offer)
IN_KERNEL(time_to_offer)
IN_KERNEL(tentative)
IN_KERNEL(first_offer)
IN_KERNEL(rapid)
IN_KERNEL(renewed)
IN_KERNEL(rebound)
IN_KERNEL(deprecated)
IN_KERNEL(withdrawn)
IN_KERNEL(several)
IN_KERNEL(forgotten)
IN_KERNEL(times)
IN_KERNEL(taken)
IN_KERNEL(moved)
IN_KERNEL(silent_server)
IN_KERNEL(no_server)
IN_KERNEL(no_names)
IN_KERNEL(no_link)
IN_KERNEL(no_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"an_address_is_found_where_routers_say_there_is_one", found, NULL, NULL, NULL},
        {"names_alone_are_asked_for_where_routers_say_so", names, NULL, NULL, NULL},
        {"the_best_offer_is_taken", best_offer, NULL, NULL, NULL},
        {"others_have_time_to_offer_something", time_to_offer, NULL, NULL, NULL},
        {"nothing_is_asked_from_a_tentative_address", tentative, NULL, NULL, NULL},
        {"a_late_offer_is_taken_at_once", first_offer, NULL, NULL, NULL},
        {"a_server_may_answer_at_once", rapid, NULL, NULL, NULL},
        {"an_address_is_renewed_until_it_is_lost", renewed, NULL, NULL, NULL},
        {"another_server_may_take_over", rebound, NULL, NULL, NULL},
        {"an_address_may_be_deprecated_and_come_back", deprecated, NULL, NULL, NULL},
        {"an_address_may_be_withdrawn", withdrawn, NULL, NULL, NULL},
        {"of_several_addresses_the_guest_s_is_kept", several, NULL, NULL, NULL},
        {"a_server_that_has_forgotten_is_asked_again", forgotten, NULL, NULL, NULL},
        {"times_are_chosen_where_the_server_names_none", times, NULL, NULL, NULL},
        {"an_address_that_somebody_has_is_declined", taken, NULL, NULL, NULL},
        {"an_address_is_confirmed_on_another_link", moved, NULL, NULL, NULL},
        {"a_server_that_falls_silent_is_left", silent_server, NULL, NULL, NULL},
        {"without_a_server_it_is_asked_ever_more_seldom", no_server, NULL, NULL, NULL},
        {"names_are_asked_for_as_seldom_as_servers_want", no_names, NULL, NULL, NULL},
        {"without_a_link_nothing_is_asked", no_link, NULL, NULL, NULL},
        {"without_room_an_address_is_not_used", no_room, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
