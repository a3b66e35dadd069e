/* SPDX-License-Identifier: BSD-2-Clause */
/* Netfront's handshake: what the backend offers, what it may not, and the ends of it. */
#include "net.h"

#include <xen/event_channel.h>

static void assert_refused(const char *why)
{
    net_open_as(NULL);
    assert_int_equal(netfront_link(nf), NETFRONT_DOWN);
    assert_has(fake_log_text(), why);
    assert_int_equal(gnttab_used(), 0);
    net_down(0);
    fake_log_clear();
    fake_netback = (struct fake_netback){0};
    fake_netback_plug();
}

static void what_the_backend_offers_is_used(void **state)
{
    (void)state;
    net_up();
    const struct netfront_features *features = netfront_features(nf);
    assert_true(features->sg && features->gso_tcpv4 && features->gso_tcpv6);
    assert_true(features->csum_ipv4 && features->csum_ipv6);
    assert_int_equal(features->n_queues, 1);
    assert_int_equal(features->mtu, 1500);
    assert_memory_equal(features->mac, ((uint8_t[]){0, 0x16, 0x3e, 1, 2, 3}), 6);
    assert_string_equal(fake_xenstored_value(FAKE_VIF "/request-rx-copy"), "1");
    assert_string_equal(fake_xenstored_value(FAKE_VIF "/feature-sg"), "1");
    assert_string_equal(fake_xenstored_value(FAKE_VIF "/feature-no-csum-offload"), "0");
    net_down(0);
}

static void what_it_does_not_offer_is_not(void **state)
{
    (void)state;
    fake_netback_key("feature-sg", NULL);
    fake_netback_key("feature-ipv6-csum-offload", "yes");
    net_up();
    const struct netfront_features *features = netfront_features(nf);
    assert_false(features->sg || features->gso_tcpv4 || features->gso_tcpv6);
    assert_true(features->csum_ipv4);
    assert_false(features->csum_ipv6);
    packets[0] = make_packet(60, 30);
    assert_int_equal(transmit(1), 0);
    free_packets(1);
    packets[0] = make_packet(60, 60);
    packets[0]->gso = NETBUF_GSO_TCPV4;
    assert_int_equal(transmit(1), 0);
    packets[0]->gso = NETBUF_GSO_TCPV6;
    assert_int_equal(transmit(1), 0);
    free_packets(1);
    net_down(0);
}

static void without_offload_nothing_is_asked_for(void **state)
{
    (void)state;
    net_open_as(&(struct netfront_config){.no_offload = true});
    const struct netfront_features *features = netfront_features(nf);
    assert_false(features->sg || features->gso_tcpv4 || features->gso_tcpv6 ||
                 features->csum_ipv4 || features->csum_ipv6);
    assert_string_equal(fake_xenstored_value(FAKE_VIF "/feature-sg"), "0");
    assert_string_equal(fake_xenstored_value(FAKE_VIF "/feature-no-csum-offload"), "1");
    net_down(0);
}

static void an_mtu_that_cant_be_is_1500(void **state)
{
    static const struct {
        const char *text, *sg;
        unsigned mtu;
    } cases[] = {{"9000", "1", 9000},
                 {"68", "1", 68},
                 {"67", "1", 1500},
                 {"0", "1", 1500},
                 {"65517", "1", 65517},
                 {"65518", "1", 1500},
                 {"4294968796", "1", 1500},
                 {"big", "1", 1500},
                 {"9000", "0", 1500},
                 {"1400", "0", 1400},
                 {"000000000000000000000009000", "1", 1500}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_netback_key("feature-sg", cases[i].sg);
        fake_xenstored_write(FAKE_VIF "/mtu", cases[i].text);
        net_up();
        assert_int_equal(netfront_features(nf)->mtu, cases[i].mtu);
        net_down(0);
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
    }
}

static void a_mac_that_is_none_is_refused(void **state)
{
    const char *const macs[] = {"",
                                "00:16:3e:01:02",
                                "00:16:3e:01:02:03:04",
                                "00:16:3e:01:02:0g",
                                "00-16-3e-01-02-03",
                                "0:16:3e:01:02:03",
                                "00:16:3e:01:02:03 ",
                                "::::::",
                                "00:16:3e:01:02:033333333333333333333333333333",
                                "00:16:3e:01:02:\xff\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        fake_xenstored_write(FAKE_VIF "/mac", macs[i]);
        assert_refused("its MAC address is missing or not of the form");
    }
    fake_xenstored_write_bytes(FAKE_VIF "/mac", "00:16:3e:01:02:03\0x", 19);
    assert_refused("its MAC address is missing or not of the form");
    fake_xenstored_remove(FAKE_VIF "/mac");
    assert_refused("its MAC address is missing or not of the form");
    fake_xenstored_write(FAKE_VIF "/mac", "Aa:bB:CC:dd:EE:fF");
    net_up();
    assert_memory_equal(netfront_features(nf)->mac, "\xaa\xbb\xcc\xdd\xee\xff", 6);
    net_down(0);
}

static void a_backend_that_cant_copy_is_refused(void **state)
{
    const char *const texts[] = {"0", "", "yes", "-1", "1111111111111111111111111111"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fake_netback_key("feature-rx-copy", texts[i]);
        assert_refused("the backend can't copy");
    }
    fake_xenstored_write_bytes(FAKE_VIF_BACKEND "/feature-rx-copy", "1\0x", 3);
    assert_refused("the backend can't copy");
}

static void each_queue_has_its_rings_and_channels(void **state)
{
    (void)state;
    for (int split = 0; split < 2; split++) {
        fake_netback_key("multi-queue-max-queues", "3");
        fake_netback_key("feature-split-event-channels", split ? "1" : "0");
        net_open_as(&(struct netfront_config){.queues_max = 8, .rx_buffers = 60});
        assert_int_equal(netfront_link(nf), NETFRONT_UP);
        assert_int_equal(netfront_features(nf)->n_queues, 3);
        assert_int_equal(fake_netback.n_queues, 3);
        assert_int_equal(fake_evtchn_made(), split ? 6 : 3);
        assert_null(fake_xenstored_value(FAKE_VIF "/tx-ring-ref"));
        assert_int_equal(split, !fake_xenstored_value(FAKE_VIF "/queue-2/event-channel"));
        assert_int_equal(split, !!fake_xenstored_value(FAKE_VIF "/queue-2/event-channel-rx"));
        for (unsigned queue = 0; queue < 3; queue++) {
            fake_netback_deliver(queue, 100 + queue, 0, 0, 0);
            fake_netback_rx_push(queue);
            settle();
            assert_int_equal(netfront_wait(nf, clock_monotonic()), 0);
            assert_int_equal(netfront_receive(nf, queue, packets, BURST), 1);
            assert_bytes(packets[0], 100 + queue);
            free_packets(1);
            packets[0] = make_packet(60 + queue, 60 + queue);
            assert_int_equal(netfront_transmit(nf, queue, packets, 1), 1);
            assert_true(fake_netback_tx_take(queue, &packet));
            assert_int_equal(packet.total, 60 + queue);
            assert_int_equal(fake_netback.queues[queue].tx_rung, 1);
        }
        assert_int_equal(netfront_receive(nf, 3, packets, BURST), 0);
        assert_int_equal(netfront_room(nf, 3), 0);
        net_down(0);
        fake_xenstored_remove(FAKE_VIF);
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
    }
}

static void more_queues_than_asked_for_are_not_used(void **state)
{
    const char *const offers[] = {"0", "1", "4294967297", "x", "18446744073709551615"};
    const unsigned queues[] = {1, 1, 2, 1, 2};

    (void)state;
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        fake_netback_key("multi-queue-max-queues", offers[i]);
        net_open_as(&(struct netfront_config){.queues_max = 2});
        assert_int_equal(netfront_link(nf), NETFRONT_UP);
        assert_int_equal(fake_netback.n_queues, queues[i]); /* not what was there before */
        net_down(0);
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
    }
}

/* Ends */

static void requests_in_flight_come_back_when_the_backend_restarts(void **state)
{
    (void)state;
    net_up();
    for (unsigned round = 1; round < 4; round++) {
        for (unsigned i = 0; i < 5; i++) {
            packets[i] = make_packet(3000, 700);
            packets[i]->gso = i % 2 ? NETBUF_GSO_TCPV4 : NETBUF_GSO_NONE;
            packets[i]->gso_size = 1000;
        }
        assert_int_equal(transmit(5), 5);
        assert_true(fake_netback_tx_take(0, &packet));
        uint32_t tx_ref = fake_netback.queues[0].tx_ref;
        fake_netback_state(XenbusStateClosing);
        settle();
        assert_int_equal(fake_netback.closed, round);
        assert_int_equal(netfront_link(nf), NETFRONT_DOWN);
        assert_int_equal(gnttab_used(), 0);
        assert_int_equal(fake_gnttab_entry(tx_ref)->flags, 0);
        fake_netback_state(XenbusStateInitWait);
        settle();
        assert_int_equal(netfront_link(nf), NETFRONT_UP);
    }
    assert_int_equal(netfront_stats(nf)->pages_lost, 0);
    assert_int_equal(netfront_stats(nf)->faults, 0);
    net_down(0);
}

static void nothing_is_freed_before_the_backend_let_go(void **state)
{
    (void)state;
    fake_netback.stubborn = true;
    net_up();
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 1);
    unsigned used = gnttab_used(), pages = fake_n_pages();
    fake_netback_state(XenbusStateClosing);
    settle();
    assert_int_equal(netfront_link(nf), NETFRONT_DOWN);
    assert_int_equal(gnttab_used(), used);
    assert_int_equal(fake_n_pages(), pages);
    assert_true(fake_netback_tx_take(0, &packet)); /* it may still read it */
    fake_netback_detach();
    fake_netback_state(XenbusStateClosed);
    settle();
    assert_int_equal(gnttab_used(), 0);
    net_down(0);
}

/* A packet's page that a backend maps still when it has left: it lets go some time later. */
static struct fake_actor sending;
static uint32_t sending_ref;

static bool let_go(void *arg)
{
    (void)arg;
    if (fake_now() < sending.due_ns)
        return false;
    sending.due_ns = FAKE_NEVER;
    fake_gnttab_entry(sending_ref)->flags &= (uint16_t)~GTF_reading;
    return true;
}

static void a_packet_that_one_who_left_is_sending_is_waited_for(void **state)
{
    (void)state;
    net_up();
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 1);
    assert_true(fake_netback_tx_take(0, &packet));
    sending_ref = packet.refs[0];
    fake_gnttab_entry(sending_ref)->flags |= GTF_reading;
    sending = (struct fake_actor){.step = let_go, .due_ns = fake_now() + 1000000000};
    fake_actor_add(&sending);
    fake_netback_detach();
    fake_netback_key("online", "1");
    fake_netback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(sending.due_ns, FAKE_NEVER);
    assert_int_equal(netfront_link(nf), NETFRONT_UP);
    assert_int_equal(netfront_stats(nf)->connections, 2);
    assert_int_equal(netfront_stats(nf)->pages_lost, 0);
    net_down(0);
}

static void rings_that_stay_mapped_are_lost_and_counted(void **state)
{
    (void)state;
    fake_netback.stubborn = true;
    net_up();
    fake_netback_hold(fake_netback.queues[0].tx_ref);
    fake_netback_hold(fake_netback.queues[0].rx_ref);
    netfront_close(nf);
    fake_netback_assert_nothing_left(2);
}

static void an_interface_that_is_unplugged_is_gone(void **state)
{
    (void)state;
    net_up();
    packets[0] = make_packet(3000, 1000);
    assert_int_equal(transmit(1), 1);
    fake_netback_detach();
    fake_xenstored_remove(FAKE_VIF_BACKEND);
    fake_xenstored_remove(FAKE_VIF);
    settle();
    assert_int_equal(netfront_link(nf), NETFRONT_GONE);
    assert_int_equal(gnttab_used(), 0);
    assert_int_equal(receive(), 0);
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 0);
    free_packets(1);
    net_down(0);
    assert_int_equal(netfront_open(0, NULL, NULL, NULL, &nf), -ENODEV);
    fake_netback = (struct fake_netback){0};
    fake_netback_plug();
    net_up();
    net_down(0);
}

static void it_closes_in_each_state(void **state)
{
    (void)state;
    for (unsigned backend = 0; backend < 9; backend++) {
        for (unsigned later = 0; later < 9; later++) {
            fake_netback.by_hand = true;
            fake_netback_state(backend);
            net_open_as(NULL);
            fake_netback_state(later);
            settle();
            netfront_close(nf);
            fake_netback_assert_nothing_left(0);
            fake_netback = (struct fake_netback){0};
            fake_netback_plug();
        }
    }
}

/* Memory */

static void out_of_memory_at_each_allocation_leaves_nothing(void **state)
{
    unsigned n_failed = 0;

    (void)state;
    for (unsigned at = 0; at < 200; at++) {
        const struct netfront_config config = {.queues_max = 2, .rx_buffers = 20};
        fake_netback_key("multi-queue-max-queues", "2");
        fake_alloc_fails(at);
        int error = netfront_open(0, &config, NULL, NULL, &nf);
        if (error) {
            assert_int_equal(error, -ENOMEM);
            n_failed++;
            continue;
        }
        settle();
        n_failed += netfront_link(nf) != NETFRONT_UP;
        net_down(0);
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
    }
    assert_in_range(n_failed, 10, 199);
}

static void channels_and_grants_that_are_refused_leave_nothing(void **state)
{
    (void)state;
    fake_netback_key("feature-split-event-channels", "1");
    for (unsigned at = 0; at < 2; at++) {
        fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, at, -ENOSPC);
        assert_refused("can't be offered to the backend: error 28");
    }
    fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, 100, -ENOSPC);
    net_up();
    net_down(0);
}

static void without_grants_there_is_no_link(void **state)
{
    (void)state;
    fake_gnttab_allow(0);
    assert_refused("can't be offered to the backend: error 38");
}

static void a_queue_with_too_few_buffers_is_not_offered(void **state)
{
    (void)state;
    fake_pages_left(2 + 17); /* its rings, and one less than the largest packet needs */
    assert_refused("can't be offered to the backend: error 12");
    fake_pages_left(2); /* and those 17 that are kept */
    assert_refused("can't be offered to the backend: error 12");
    fake_pages_left(UINT_MAX);
    net_up();
    net_down(0);
}

static void a_packet_is_dropped_rather_than_the_last_buffers_used(void **state)
{
    struct netbuf *kept[BURST];
    unsigned n = 0, dropped = 0;

    (void)state;
    net_up();
    fake_pages_left(0);
    for (int i = 0; i < 200; i++) {
        assert_true(fake_netback_deliver(0, 60, 0, 0, 0));
        fake_netback_rx_push(0);
        if (receive())
            kept[n++] = packets[0];
        else
            dropped++;
        assert_in_range(n, 0, 64 - 18);
    }
    assert_int_equal(n, 64 - 18);
    assert_int_equal(netfront_stats(nf)->rx_dropped, dropped);
    assert_true(fake_netback_deliver(0, 17 * 4096 + 1, 0, 0, 0)); /* the largest still fits */
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 0);
    while (n)
        netbuf_free(kept[--n]);
    fake_netback_deliver(0, 60, 0, 0, 0);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    free_packets(1);
    fake_pages_left(UINT_MAX);
    net_down(0);
}

static unsigned n_changes;

static void count_change(void *arg)
{
    (void)arg;
    n_changes++;
}

/* A backend as fast as the guest. */
static void answer_all(void)
{
    netif_rx_request_t request;

    while (fake_netback_rx_request(0, &request))
        fake_netback_rx_answer(0, request.id, 0, 0, 60);
    fake_netback_rx_push(0);
}

static void a_call_that_only_drops_ends_and_says_that_there_is_more(void **state)
{
    struct netbuf *kept[BURST];

    (void)state;
    assert_int_equal(netfront_open(0, NULL, count_change, NULL, &nf), 0);
    settle();
    fake_pages_left(0);
    answer_all();
    fake_netback.on_ring = answer_all;
    assert_int_equal(netfront_receive(nf, 0, kept, BURST), 64 - 18);
    for (int i = 0; i < 3; i++) {
        n_changes = 0;
        assert_int_equal(netfront_receive(nf, 0, packets, BURST), 0);
        assert_int_equal(n_changes, 1);
    }
    fake_netback.on_ring = NULL;
    for (unsigned i = 0; i < 64 - 18; i++)
        netbuf_free(kept[i]);
    fake_pages_left(UINT_MAX);
    net_down(0);
}

static void interfaces_are_listed(void **state)
{
    unsigned numbers[4];

    (void)state;
    assert_int_equal(netfront_list(numbers, 4), 1);
    assert_int_equal(numbers[0], 0);
    assert_int_equal(netfront_open(7, NULL, NULL, NULL, &nf), -ENODEV);
    assert_int_equal(fake_n_blocks(), 0);
}

static void more_than_there_can_be_is_not_made(void **state)
{
    (void)state;
    fake_netback_key("multi-queue-max-queues", "100");
    net_open_as(&(struct netfront_config){.queues_max = 100, .rx_buffers = 180});
    assert_int_equal(netfront_features(nf)->n_queues, NETFRONT_QUEUES_MAX);
    net_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_the_backend_offers_is_used, net_setup),
        cmocka_unit_test_setup(what_it_does_not_offer_is_not, net_setup),
        cmocka_unit_test_setup(without_offload_nothing_is_asked_for, net_setup),
        cmocka_unit_test_setup(an_mtu_that_cant_be_is_1500, net_setup),
        cmocka_unit_test_setup(a_mac_that_is_none_is_refused, net_setup),
        cmocka_unit_test_setup(a_backend_that_cant_copy_is_refused, net_setup),
        cmocka_unit_test_setup(each_queue_has_its_rings_and_channels, net_setup),
        cmocka_unit_test_setup(more_queues_than_asked_for_are_not_used, net_setup),
        cmocka_unit_test_setup(requests_in_flight_come_back_when_the_backend_restarts, net_setup),
        cmocka_unit_test_setup(nothing_is_freed_before_the_backend_let_go, net_setup),
        cmocka_unit_test_setup(a_packet_that_one_who_left_is_sending_is_waited_for, net_setup),
        cmocka_unit_test_setup(rings_that_stay_mapped_are_lost_and_counted, net_setup),
        cmocka_unit_test_setup(an_interface_that_is_unplugged_is_gone, net_setup),
        cmocka_unit_test_setup(it_closes_in_each_state, net_setup),
        cmocka_unit_test_setup(out_of_memory_at_each_allocation_leaves_nothing, net_setup),
        cmocka_unit_test_setup(channels_and_grants_that_are_refused_leave_nothing, net_setup),
        cmocka_unit_test_setup(without_grants_there_is_no_link, net_setup),
        cmocka_unit_test_setup(a_queue_with_too_few_buffers_is_not_offered, net_setup),
        cmocka_unit_test_setup(a_packet_is_dropped_rather_than_the_last_buffers_used, net_setup),
        cmocka_unit_test_setup(a_call_that_only_drops_ends_and_says_that_there_is_more, net_setup),
        cmocka_unit_test_setup(interfaces_are_listed, net_setup),
        cmocka_unit_test_setup(more_than_there_can_be_is_not_made, net_setup),
    };
    return RUN_TESTS(tests);
}
