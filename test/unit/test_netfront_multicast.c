/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast addresses that netback is told of. */
#include "net.h"

static const uint8_t ones[] = {1, 0, 0x5e, 1, 2, 3}, others[] = {0x33, 0x33, 0, 0, 0, 1};

static const char *asked_for(void)
{
    return fake_xenstored_value(FAKE_VIF "/request-multicast-control");
}

static void offer(const char *filters, const char *any_time)
{
    fake_netback_key("feature-multicast-control", filters);
    fake_netback_key("feature-dynamic-multicast-control", any_time);
}

static int filtering(void **state)
{
    if (net_setup(state))
        return -1;
    offer("1", "1");
    net_open_as(&(struct netfront_config){.multicast = true});
    return !netfront_features(nf)->multicast;
}

/* The next request tells of this. @return its id. */
static uint16_t assert_told(uint8_t type, const uint8_t mac[6])
{
    uint8_t told_type, told_mac[6];
    uint16_t id;

    assert_true(fake_netback_tx_take_multicast(0, &id, &told_type, told_mac));
    assert_int_equal(told_type, type);
    assert_memory_equal(told_mac, mac, 6);
    return id;
}

static void answer(uint16_t id, int status)
{
    fake_netback_tx_put(0, id, status);
    fake_netback_tx_put(0, 0, NETIF_RSP_NULL);
    fake_netback_tx_push(0);
}

static void it_is_asked_for_when_both_sides_can(void **state)
{
    static const struct {
        const char *filters, *any_time;
        bool wanted;
        const char *asked;
    } cases[] = {{"1", "1", true, "1"},   {"1", "0", true, "0"},   {"0", "1", true, "0"},
                 {NULL, NULL, true, "0"}, {"1", "1", false, NULL}, {"1", "yes", true, "0"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_xenstored_remove(FAKE_VIF "/request-multicast-control");
        offer(cases[i].filters, cases[i].any_time);
        net_open_as(&(struct netfront_config){.multicast = cases[i].wanted});
        if (cases[i].asked)
            assert_string_equal(asked_for(), cases[i].asked);
        else
            assert_null(asked_for());
        assert_int_equal(netfront_features(nf)->multicast,
                         cases[i].asked && strcmp(cases[i].asked, "1") == 0);
        net_down(0);
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
    }
}

static void addresses_are_told_in_order_and_packets_go_between(void **state)
{
    (void)state;
    netfront_multicast(nf, ones, true);
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 1);
    netfront_multicast(nf, others, true);
    netfront_multicast(nf, ones, false);
    uint16_t first = assert_told(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, ones);
    assert_true(fake_netback_tx_take(0, &packet));
    uint16_t second = assert_told(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, others);
    uint16_t third = assert_told(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, ones);
    answer(first, NETIF_RSP_OKAY);
    fake_netback_tx_answer(0, &packet, NETIF_RSP_OKAY);
    answer(second, NETIF_RSP_OKAY);
    answer(third, NETIF_RSP_OKAY);
    assert_int_equal(transmit(0), 0);
    assert_int_equal(netfront_stats(nf)->faults + netfront_stats(nf)->tx_errors, 0);
    assert_int_equal(netfront_stats(nf)->tx_packets, 1);
    net_down(0);
}

static void it_is_notified(void **state)
{
    (void)state;
    unsigned rung = fake_netback.queues[0].tx_rung;
    netfront_multicast(nf, ones, true);
    settle();
    assert_int_equal(fake_netback.queues[0].tx_rung, rung + 1);
    net_down(0); /* with a request in flight that has no page */
}

static void a_backend_that_takes_no_more_sends_all(void **state)
{
    (void)state;
    netfront_multicast(nf, ones, true);
    answer(assert_told(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, ones), NETIF_RSP_ERROR);
    transmit(0);
    assert_false(netfront_features(nf)->multicast);
    settle();
    assert_string_equal(asked_for(), "0");
    assert_has(fake_log_text(), "filters no more multicast addresses");
    assert_int_equal(netfront_link(nf), NETFRONT_UP);
    netfront_multicast(nf, others, true);
    uint8_t type, mac[6];
    uint16_t id;
    assert_false(fake_netback_tx_take_multicast(0, &id, &type, mac));
    fake_netback_key("online", "1");
    fake_netback_state(XenbusStateClosing);
    settle();
    assert_string_equal(asked_for(), "1"); /* a new connection, and a new list */
    assert_true(netfront_features(nf)->multicast);
    net_down(0);
}

static void without_room_on_the_ring_all_are_sent(void **state)
{
    unsigned n = 0;

    (void)state;
    for (; netfront_features(nf)->multicast && n < 1000; n++)
        netfront_multicast(nf, ones, true);
    assert_int_equal(n, 128 + 1); /* each takes two of 256 slots */
    settle();
    assert_string_equal(asked_for(), "0");
    net_down(0);
}

static void an_answer_to_no_such_request_is_a_fault(void **state)
{
    (void)state;
    netfront_multicast(nf, ones, true);
    uint16_t id = assert_told(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, ones);
    fake_netback_tx_put(0, id, NETIF_RSP_OKAY);
    fake_netback_tx_put(0, id, NETIF_RSP_OKAY);
    fake_netback_tx_push(0);
    fake_netback.careless = true;
    transmit(0);
    assert_has(fake_log_text(), "tx id not in flight");
    net_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_asked_for_when_both_sides_can, net_setup),
        cmocka_unit_test_setup(addresses_are_told_in_order_and_packets_go_between, filtering),
        cmocka_unit_test_setup(it_is_notified, filtering),
        cmocka_unit_test_setup(a_backend_that_takes_no_more_sends_all, filtering),
        cmocka_unit_test_setup(without_room_on_the_ring_all_are_sent, filtering),
        cmocka_unit_test_setup(an_answer_to_no_such_request_is_a_fault, filtering),
    };
    return RUN_TESTS(tests);
}
