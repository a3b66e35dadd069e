/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A netback that lies on its rings: each lie is counted and closes the device, and nothing is lost.
 */
#include "net.h"

static netif_rx_request_t request;

static int up(void **state)
{
    if (net_setup(state))
        return -1;
    net_up();
    assert_true(fake_netback_rx_request(0, &request));
    return 0;
}

/* It was seen at the next look, said once, and the device closes and connects anew. */
static void assert_fault_and(unsigned lost, const char *why)
{
    fake_netback_rx_push(0);
    fake_netback_tx_push(0);
    settle();
    unsigned n = netfront_receive(nf, 0, packets, BURST);
    free_packets(n);
    transmit(0);
    assert_has(fake_log_text(), "device/vif/0: backend fault: ");
    assert_has(fake_log_text(), why);
    assert_int_equal(netfront_stats(nf)->faults, 1);
    assert_int_equal(netfront_link(nf), NETFRONT_DOWN);
    assert_int_equal(netfront_receive(nf, 0, packets, BURST), 0);
    assert_int_equal(transmit(0), 0);
    assert_int_equal(netfront_room(nf, 0), 0);
    settle(); /* it closes */
    assert_int_equal(fake_netback.closed, 1);
    fake_netback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(netfront_link(nf), NETFRONT_UP);
    assert_int_equal(netfront_stats(nf)->connections, 2);
    assert_int_equal(netfront_stats(nf)->pages_lost, lost);
    assert_true(fake_netback_deliver(0, 60, 0, 0, 0));
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_bytes(packets[0], 60);
    free_packets(1);
    net_down(lost);
}

static void assert_fault(const char *why)
{
    assert_fault_and(0, why);
}

static void assert_no_fault(void)
{
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(netfront_stats(nf)->faults, 0);
    assert_int_equal(netfront_link(nf), NETFRONT_UP);
    net_down(0);
}

/* Received: producers and ids */

static void an_rx_producer_far_away_closes_the_device(void **state)
{
    (void)state;
    fake_netback.queues[0].rx_prod = 65; /* 64 are posted */
    assert_fault("rx response producer out of range");
}

static void an_rx_producer_that_goes_back_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    free_packets(1);
    fake_netback.queues[0].rx_prod = 0;
    assert_fault("rx response producer out of range");
}

static void an_rx_id_out_of_range_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, 60000, 0, 0, 60);
    assert_fault("rx id not in flight");
}

static void an_rx_id_answered_twice_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    assert_fault("rx id not in flight");
}

static void what_came_before_a_fault_is_received(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    fake_netback_rx_answer(0, 60000, 0, 0, 60);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_int_equal(packets[0]->total, 60);
    free_packets(1);
    assert_fault("rx id not in flight");
}

static void an_rx_page_still_mapped_is_never_used_again(void **state)
{
    (void)state;
    fake_netback_hold(request.gref);
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    assert_fault_and(1, "rx page still mapped after its response");
}

/* Received: where the data is */

static void rx_data_beyond_its_page_closes_the_device(void **state)
{
    const unsigned where[][2] = {{0, 4097},  {1, 4096}, {4096, 1}, {4095, 2},
                                 {65535, 1}, {4097, 0}, {0, 32767}};
    static unsigned i;

    (void)state;
    for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        fake_netback_rx_answer(0, request.id, where[i][0], 0, (int)where[i][1]);
        assert_fault("rx data beyond its page");
        fake_log_clear();
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
        net_up();
        assert_true(fake_netback_rx_request(0, &request));
    }
    net_down(0);
}

static void rx_data_up_to_the_pages_end_is_fine(void **state)
{
    const unsigned where[][2] = {{0, 4096}, {1, 4095}, {4095, 1}, {2, 14}};

    (void)state;
    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        memset(fake_netback_page(request.gref, true), (int)i, PAGE_BYTES);
        fake_netback_rx_answer(0, request.id, where[i][0], 0, (int)where[i][1]);
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 1);
        assert_int_equal(packets[0]->total, where[i][1]);
        assert_int_equal(netbuf_headroom(packets[0]), where[i][0]);
        for (uint32_t at = 0; at < packets[0]->len; at++)
            assert_int_equal(packets[0]->data[at], i);
        free_packets(1);
        assert_true(fake_netback_rx_request(0, &request));
    }
    assert_no_fault();
}

static void a_packet_that_could_not_be_delivered_is_counted(void **state)
{
    const int status[] = {NETIF_RSP_ERROR, NETIF_RSP_DROPPED, -32768, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        fake_netback_rx_answer(0, request.id, 0xffff * (status[i] < 0), 0, status[i]);
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 0);
        assert_int_equal(netfront_stats(nf)->rx_errors, i + 1);
        assert_true(fake_netback_rx_request(0, &request));
    }
    assert_int_equal(netfront_stats(nf)->rx_packets, 0);
    assert_no_fault();
}

static void a_piece_that_could_not_be_delivered_drops_its_packet_alone(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < 3; bad++) {
        for (unsigned i = 0; i < 3; i++) {
            fake_netback_rx_answer(0, request.id, 0, i < 2 ? NETRXF_more_data : 0,
                                   i == bad ? -1 : 100);
            fake_netback_rx_request(0, &request);
        }
        fake_netback_rx_answer(0, request.id, 0, 0, 77);
        fake_netback_rx_request(0, &request);
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 1);
        assert_int_equal(packets[0]->total, 77);
        free_packets(1);
        assert_int_equal(netfront_stats(nf)->rx_errors, bad + 1);
    }
    assert_no_fault();
}

/* Received: chains */

static void answer_pieces(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fake_netback_rx_answer(0, request.id, 0, i + 1 < n ? NETRXF_more_data : 0, 10);
        fake_netback_rx_request(0, &request);
    }
}

static void a_packet_of_18_pieces_is_received(void **state)
{
    (void)state;
    answer_pieces(18);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_int_equal(packets[0]->total, 180);
    free_packets(1);
    assert_no_fault();
}

static void a_packet_of_too_many_pieces_closes_the_device(void **state)
{
    (void)state;
    answer_pieces(19);
    assert_fault("rx packet of more than 18 pieces");
}

static void a_packet_without_an_end_closes_the_device(void **state)
{
    (void)state;
    answer_pieces(60);
    fake_netback_rx_push(0);
    assert_fault("rx packet of more than 18 pieces");
}

static void more_data_with_nothing_behind_waits_for_it(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_more_data, 60);
    fake_netback_rx_push(0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(receive(), 0);
    assert_no_fault();
}

static void put_extra(unsigned type, unsigned flags, unsigned gso_type, unsigned gso_size)
{
    struct netif_extra_info extra = {.type = (uint8_t)type, .flags = (uint8_t)flags};

    extra.u.gso.type = (uint8_t)gso_type;
    extra.u.gso.size = (uint16_t)gso_size;
    fake_netback_rx_put(0, &extra);
    fake_netback_rx_request(0, &request);
}

static void extra_info_that_is_missing_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
    assert_fault("rx extra info announced, but not there");
}

static void more_extra_info_that_is_missing_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1, 1448);
    assert_fault("rx extra info announced, but not there");
}

static void extra_info_without_an_end_closes_the_device(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
    for (int i = 0; i < 20; i++)
        put_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1, 1448);
    assert_fault("rx extra info without an end");
}

static void extra_info_of_no_known_type_closes_the_device(void **state)
{
    const unsigned types[] = {XEN_NETIF_EXTRA_TYPE_NONE, XEN_NETIF_EXTRA_TYPE_MAX, 255};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
        fake_netback_rx_request(0, &request);
        put_extra(types[i], 0, 0, 0);
        assert_fault("rx extra info of no known type");
        fake_log_clear();
        fake_netback = (struct fake_netback){0};
        fake_netback_plug();
        net_up();
        assert_true(fake_netback_rx_request(0, &request));
    }
    net_down(0);
}

static void extra_info_that_is_not_for_us_is_passed_over(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
    fake_netback_rx_request(0, &request);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1, 1448);
    put_extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0, 0);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_int_equal(packets[0]->gso, NETBUF_GSO_TCPV4);
    free_packets(1);
    assert_no_fault();
}

static void segments_that_cant_be_are_dropped(void **state)
{
    const unsigned gso[][2] = {{0, 1448}, {3, 1448}, {255, 1448}, {1, 0}, {2, 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(gso) / sizeof(gso[0]); i++) {
        fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
        fake_netback_rx_request(0, &request);
        put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, gso[i][0], gso[i][1]);
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 0);
        assert_int_equal(netfront_stats(nf)->rx_errors, i + 1);
    }
    assert_no_fault();
}

static void extra_info_in_a_slot_answered_already_closes_the_device(void **state)
{
    netif_rx_request_t second;

    (void)state;
    assert_true(fake_netback_rx_request(0, &second));
    fake_netback_rx_answer(0, second.id, 0, NETRXF_extra_info, 60);
    fake_netback_rx_put(0, &(struct netif_extra_info){.type = XEN_NETIF_EXTRA_TYPE_HASH});
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 0); /* what belongs to a lie is not handed on */
    assert_fault("rx id not in flight");
}

static void an_extra_slots_page_still_mapped_is_never_used_again(void **state)
{
    (void)state;
    fake_netback_rx_answer(0, request.id, 0, NETRXF_extra_info, 60);
    fake_netback_rx_request(0, &request);
    fake_netback_hold(request.gref);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, 0, 0, 0);
    assert_fault_and(1, "rx page still mapped after its response");
}

/* Sent */

static void send_one(uint32_t len, uint32_t piece_bytes, enum netbuf_gso gso)
{
    packets[0] = make_packet(len, piece_bytes);
    packets[0]->gso = (uint8_t)gso;
    packets[0]->gso_size = 1000;
    assert_int_equal(transmit(1), 1);
    assert_true(fake_netback_tx_take(0, &packet));
}

static void a_tx_producer_far_away_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 60, NETBUF_GSO_NONE);
    fake_netback.queues[0].tx_prod = 2;
    assert_fault("tx response producer out of range");
}

static void a_tx_id_out_of_range_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 60, NETBUF_GSO_NONE);
    fake_netback_tx_put(0, 256, NETIF_RSP_OKAY);
    assert_fault("tx id not in flight");
}

static void a_tx_id_that_is_free_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 60, NETBUF_GSO_NONE);
    fake_netback_tx_put(0, packet.ids[0] + 1, NETIF_RSP_OKAY);
    assert_fault("tx id not in flight");
}

static void a_tx_id_answered_twice_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 30, NETBUF_GSO_NONE);
    fake_netback_tx_put(0, packet.ids[1], NETIF_RSP_OKAY);
    fake_netback_tx_put(0, packet.ids[1], NETIF_RSP_OKAY);
    assert_fault("tx id not in flight");
}

static void a_null_answer_where_no_extra_info_was_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 60, NETBUF_GSO_NONE);
    fake_netback_tx_put(0, packet.ids[0] + 1, NETIF_RSP_NULL);
    assert_fault("tx id not in flight");
}

static void a_second_null_answer_closes_the_device(void **state)
{
    (void)state;
    send_one(60, 60, NETBUF_GSO_TCPV4);
    fake_netback_tx_put(0, 999, NETIF_RSP_NULL);
    fake_netback_tx_put(0, 999, NETIF_RSP_NULL);
    assert_fault("tx id not in flight");
}

static void a_tx_page_still_mapped_is_never_used_again(void **state)
{
    (void)state;
    send_one(90, 30, NETBUF_GSO_NONE);
    fake_netback_hold(packet.refs[1]);
    for (unsigned i = 0; i < 3; i++)
        fake_netback_tx_put(0, packet.ids[i], NETIF_RSP_OKAY);
    assert_fault_and(1, "tx page still mapped after its response");
}

static void pieces_still_mapped_at_the_end_are_lost_alone(void **state)
{
    (void)state;
    send_one(90, 30, NETBUF_GSO_TCPV4);
    fake_netback_hold(packet.refs[1]);
    fake_netback_hold(request.gref);
    fake_netback_tx_put(0, 999, NETIF_RSP_OKAY);
    assert_fault_and(2, "tx id not in flight");
}

static int up_without_offload(void **state)
{
    if (net_setup(state))
        return -1;
    net_open_as(&(struct netfront_config){.no_offload = true});
    return 0;
}

static void assert_dropped_alone(void)
{
    assert_true(fake_netback_deliver(0, 60, NETRXF_data_validated, 0, 0));
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_bytes(packets[0], 60);
    free_packets(1);
    assert_int_equal(netfront_stats(nf)->rx_errors, 1);
    assert_no_fault();
}

static void without_offload_a_packet_of_two_pieces_is_dropped(void **state)
{
    (void)state;
    assert_true(fake_netback_deliver(0, PAGE_BYTES + 1, 0, 0, 0));
    assert_dropped_alone();
}

static void without_offload_a_packet_of_many_segments_is_dropped(void **state)
{
    (void)state;
    assert_true(fake_netback_deliver(0, 3000, 0, XEN_NETIF_GSO_TYPE_TCPV4, 1000));
    assert_dropped_alone();
}

static void without_offload_a_blank_checksum_is_dropped(void **state)
{
    (void)state;
    assert_true(fake_netback_deliver(0, 60, NETRXF_csum_blank, 0, 0));
    assert_dropped_alone();
}

static void an_event_storm_finds_nothing_to_do(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        fake_evtchn_raise(fake_netback.queues[0].rx_port);
        assert_int_equal(receive(), 0);
        assert_int_equal(transmit(0), 0);
    }
    assert_no_fault();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_rx_producer_far_away_closes_the_device, up),
        cmocka_unit_test_setup(an_rx_producer_that_goes_back_closes_the_device, up),
        cmocka_unit_test_setup(an_rx_id_out_of_range_closes_the_device, up),
        cmocka_unit_test_setup(an_rx_id_answered_twice_closes_the_device, up),
        cmocka_unit_test_setup(what_came_before_a_fault_is_received, up),
        cmocka_unit_test_setup(an_rx_page_still_mapped_is_never_used_again, up),
        cmocka_unit_test_setup(rx_data_beyond_its_page_closes_the_device, up),
        cmocka_unit_test_setup(rx_data_up_to_the_pages_end_is_fine, up),
        cmocka_unit_test_setup(a_packet_that_could_not_be_delivered_is_counted, up),
        cmocka_unit_test_setup(a_piece_that_could_not_be_delivered_drops_its_packet_alone, up),
        cmocka_unit_test_setup(a_packet_of_18_pieces_is_received, up),
        cmocka_unit_test_setup(a_packet_of_too_many_pieces_closes_the_device, up),
        cmocka_unit_test_setup(a_packet_without_an_end_closes_the_device, up),
        cmocka_unit_test_setup(more_data_with_nothing_behind_waits_for_it, up),
        cmocka_unit_test_setup(extra_info_that_is_missing_closes_the_device, up),
        cmocka_unit_test_setup(more_extra_info_that_is_missing_closes_the_device, up),
        cmocka_unit_test_setup(extra_info_without_an_end_closes_the_device, up),
        cmocka_unit_test_setup(extra_info_of_no_known_type_closes_the_device, up),
        cmocka_unit_test_setup(extra_info_that_is_not_for_us_is_passed_over, up),
        cmocka_unit_test_setup(segments_that_cant_be_are_dropped, up),
        cmocka_unit_test_setup(extra_info_in_a_slot_answered_already_closes_the_device, up),
        cmocka_unit_test_setup(an_extra_slots_page_still_mapped_is_never_used_again, up),
        cmocka_unit_test_setup(a_tx_producer_far_away_closes_the_device, up),
        cmocka_unit_test_setup(a_tx_id_out_of_range_closes_the_device, up),
        cmocka_unit_test_setup(a_tx_id_that_is_free_closes_the_device, up),
        cmocka_unit_test_setup(a_tx_id_answered_twice_closes_the_device, up),
        cmocka_unit_test_setup(a_null_answer_where_no_extra_info_was_closes_the_device, up),
        cmocka_unit_test_setup(a_second_null_answer_closes_the_device, up),
        cmocka_unit_test_setup(a_tx_page_still_mapped_is_never_used_again, up),
        cmocka_unit_test_setup(pieces_still_mapped_at_the_end_are_lost_alone, up),
        cmocka_unit_test_setup(without_offload_a_packet_of_two_pieces_is_dropped,
                               up_without_offload),
        cmocka_unit_test_setup(without_offload_a_packet_of_many_segments_is_dropped,
                               up_without_offload),
        cmocka_unit_test_setup(without_offload_a_blank_checksum_is_dropped, up_without_offload),
        cmocka_unit_test_setup(an_event_storm_finds_nothing_to_do, up),
    };
    return RUN_TESTS(tests);
}
