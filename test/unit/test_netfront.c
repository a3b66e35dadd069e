/* SPDX-License-Identifier: BSD-2-Clause */
/* Netfront with an honest backend: packets both ways. The handshake is in test_netfront_open.c. */
#include "net.h"

/* Receiving */

static void a_packet_comes_in(void **state)
{
    (void)state;
    net_up();
    fake_netback_deliver(0, 60, 0, 0, 0);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_bytes(packets[0], 60);
    assert_int_equal(packets[0]->csum, NETBUF_CSUM_UNKNOWN);
    assert_int_equal(packets[0]->gso, NETBUF_GSO_NONE);
    assert_null(packets[0]->piece);
    free_packets(1);
    assert_int_equal(receive(), 0);
    assert_int_equal(netfront_stats(nf)->rx_packets, 1);
    assert_int_equal(netfront_stats(nf)->rx_bytes, 60);
    net_down(0);
}

static void a_packet_of_many_pieces_comes_in(void **state)
{
    const uint32_t sizes[] = {1, 1514, 4096, 4097, 9014, 65535, 18 * 4096};

    (void)state;
    net_up();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_true(fake_netback_deliver(0, sizes[i], 0, 0, 0));
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 1);
        assert_bytes(packets[0], sizes[i]);
        free_packets(1);
    }
    assert_int_equal(netfront_stats(nf)->faults, 0);
    net_down(0);
}

static void a_packets_checksum_and_segments_are_told(void **state)
{
    (void)state;
    net_up();
    fake_netback_deliver(0, 100, NETRXF_data_validated, 0, 0);
    fake_netback_deliver(0, 200, NETRXF_data_validated | NETRXF_csum_blank, 0, 0);
    fake_netback_deliver(0, 9000, NETRXF_csum_blank, XEN_NETIF_GSO_TYPE_TCPV4, 1448);
    fake_netback_deliver(0, 300, 0, XEN_NETIF_GSO_TYPE_TCPV6, 1428);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 4);
    assert_int_equal(packets[0]->csum, NETBUF_CSUM_VALID);
    assert_int_equal(packets[1]->csum, NETBUF_CSUM_BLANK);
    assert_int_equal(packets[2]->csum, NETBUF_CSUM_BLANK);
    assert_int_equal(packets[2]->gso, NETBUF_GSO_TCPV4);
    assert_int_equal(packets[2]->gso_size, 1448);
    assert_bytes(packets[2], 9000);
    assert_int_equal(packets[3]->gso, NETBUF_GSO_TCPV6);
    assert_int_equal(packets[3]->gso_size, 1428);
    assert_bytes(packets[3], 300);
    free_packets(4);
    net_down(0);
}

static void buffers_are_posted_again_for_ever(void **state)
{
    (void)state;
    net_up();
    for (unsigned round = 0; round < 100; round++) {
        unsigned n = 0, got;
        while (fake_netback_deliver(0, 60 + n * 90, 0, n % 3 == 2 ? XEN_NETIF_GSO_TYPE_TCPV4 : 0,
                                    1448))
            n++;
        assert_in_range(n, 32, 64);
        fake_netback_rx_push(0);
        for (unsigned i = 0; i < n; i += got) {
            got = receive();
            assert_in_range(got, 1, n - i);
            for (unsigned at = 0; at < got; at++)
                assert_bytes(packets[at], 60 + (i + at) * 90);
            free_packets(got);
        }
        const struct fake_netback_queue *rings = &fake_netback.queues[0];
        assert_int_equal(rings->rx->req_prod - rings->rx_cons, 64); /* all of them */
    }
    assert_int_equal(netfront_stats(nf)->faults, 0);
    assert_int_equal(netfront_stats(nf)->rx_dropped, 0);
    net_down(0);
}

static void a_packet_that_comes_in_parts_is_put_together(void **state)
{
    struct fake_netback_queue *queue = &fake_netback.queues[0];

    (void)state;
    net_up();
    fake_netback_deliver(0, 3 * 4096, 0, 0, 0);
    uint32_t end = queue->rx_prod;
    for (uint32_t part = 1; part < 3; part++) {
        queue->rx_prod = part;
        fake_netback_rx_push(0);
        assert_int_equal(receive(), 0);
    }
    queue->rx_prod = end;
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_bytes(packets[0], 3 * 4096);
    free_packets(1);
    net_down(0);
}

static void a_packet_in_parts_is_given_back_when_the_backend_closes(void **state)
{
    (void)state;
    net_up();
    fake_netback_deliver(0, 3 * 4096, 0, 0, 0);
    fake_netback.queues[0].rx_prod = 2;
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 0);
    fake_netback_state(XenbusStateClosing);
    settle();
    fake_netback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(netfront_link(nf), NETFRONT_UP);
    fake_netback_deliver(0, 100, 0, 0, 0);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 1);
    assert_bytes(packets[0], 100);
    free_packets(1);
    net_down(0);
}

static void answers_out_of_order_are_taken(void **state)
{
    netif_rx_request_t requests[8];

    (void)state;
    net_up();
    for (int i = 0; i < 8; i++)
        assert_true(fake_netback_rx_request(0, &requests[i]));
    for (int i = 8; i-- > 0;)
        fake_netback_rx_answer(0, requests[i].id, 0, 0, 100 + i);
    fake_netback_rx_push(0);
    assert_int_equal(receive(), 8);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(packets[i]->total, 107 - i);
    free_packets(8);
    assert_int_equal(netfront_stats(nf)->faults, 0);
    net_down(0);
}

static void an_event_is_asked_for_when_nothing_waits(void **state)
{
    (void)state;
    net_up();
    assert_int_equal(receive(), 0);
    fake_netback_deliver(0, 60, 0, 0, 0);
    assert_true(fake_netback_rx_push(0));
    assert_int_equal(netfront_wait(nf, clock_monotonic()), 0);
    fake_netback_deliver(0, 60, 0, 0, 0);
    assert_false(fake_netback_rx_push(0)); /* the guest knows */
    assert_int_equal(receive(), 2);
    free_packets(2);
    assert_int_equal(receive(), 0);
    fake_netback_deliver(0, 60, 0, 0, 0);
    assert_true(fake_netback_rx_push(0));
    net_down(0);
}

static void a_burst_is_no_longer_than_asked_for(void **state)
{
    (void)state;
    net_up();
    for (int i = 0; i < 10; i++)
        fake_netback_deliver(0, 60, 0, 0, 0);
    fake_netback_rx_push(0);
    settle();
    while (netfront_wait(nf, clock_monotonic()) == 0 || netfront_wait_any(clock_monotonic()) == 0)
        ;
    assert_int_equal(netfront_receive(nf, 0, packets, 4), 4);
    free_packets(4);
    assert_int_equal(netfront_wait(nf, clock_monotonic()), 0); /* there are more */
    assert_int_equal(netfront_wait_any(clock_monotonic()), 0);
    assert_int_equal(netfront_receive(nf, 0, packets, 0), 0);
    assert_int_equal(receive(), 6);
    free_packets(6);
    net_down(0);
}

/* Its page is posted when a packet has come in. */
static void a_packet_that_was_not_sent_is_never_shown(void **state)
{
    (void)state;
    net_up();
    struct netbuf *packet = netbuf_alloc();
    uint8_t *page = packet->page;
    memset(page, 's', NETBUF_BYTES);
    netbuf_free(packet);
    fake_netback_deliver(0, 60, 0, 0, 0);
    fake_netback_rx_push(0);
    settle();
    assert_int_equal(receive(), 1);
    assert_null(memchr(page, 's', NETBUF_BYTES));
    free_packets(1);
    packet = netbuf_alloc();
    memset(packet->page, 's', NETBUF_BYTES);
    packet->seen_by = 9; /* another backend's */
    packet->len = packet->total = 60;
    assert_int_equal(netfront_transmit(nf, 0, &packet, 1), 1);
    assert_null(
        memchr(packet->page + NETBUF_HEADROOM + 60, 's', NETBUF_BYTES - NETBUF_HEADROOM - 60));
    net_down(0);
}

static void a_thread_can_end_the_wait_for_any_interface(void **state)
{
    (void)state;
    net_up();
    settle();
    while (netfront_wait_any(clock_monotonic()) == 0)
        ;
    netfront_wake_any();
    assert_int_equal(netfront_wait_any(clock_monotonic()), 0);
    assert_int_equal(netfront_wait_any(clock_monotonic()), -ETIMEDOUT);
    net_down(0);
}

static void a_received_page_is_the_backends_no_more(void **state)
{
    netif_rx_request_t request;

    (void)state;
    net_up();
    fake_netback_rx_request(0, &request);
    fake_netback_rx_answer(0, request.id, 0, 0, 60);
    fake_netback_rx_push(0);
    unsigned used = gnttab_used();
    settle();
    assert_int_equal(netfront_receive(nf, 0, packets, 1), 1);
    assert_int_equal(gnttab_used(), used - 1);
    free_packets(1);
    net_down(0);
}

/* Sending */

static void a_packet_goes_out(void **state)
{
    (void)state;
    net_up();
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 1);
    assert_int_equal(fake_netback.queues[0].tx_rung, 1);
    assert_true(fake_netback_tx_take(0, &packet));
    assert_int_equal(packet.total, 60);
    assert_int_equal(packet.flags, 0);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(packet.data[i], fake_netback_byte(i));
    unsigned used = gnttab_used();
    fake_netback_tx_answer(0, &packet, NETIF_RSP_OKAY);
    assert_int_equal(transmit(0), 0);
    assert_int_equal(gnttab_used(), used - 1);
    assert_int_equal(netfront_stats(nf)->tx_packets, 1);
    assert_int_equal(netfront_stats(nf)->tx_bytes, 60);
    assert_int_equal(netfront_stats(nf)->tx_errors, 0);
    net_down(0);
}

static void a_packet_of_many_pieces_goes_out(void **state)
{
    const uint32_t sizes[][2] = {{1514, 700}, {4096, 4096}, {9014, 3000}, {65535, 3641}};

    (void)state;
    net_up();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        packets[0] = make_packet(sizes[i][0], sizes[i][1]);
        assert_int_equal(transmit(1), 1);
        assert_true(fake_netback_tx_take(0, &packet));
        assert_int_equal(packet.total, sizes[i][0]);
        for (unsigned at = 0; at < packet.total; at++)
            assert_int_equal(packet.data[at], fake_netback_byte(at));
        fake_netback_tx_answer(0, &packet, NETIF_RSP_OKAY);
    }
    assert_int_equal(transmit(0), 0);
    assert_int_equal(netfront_stats(nf)->faults, 0);
    net_down(0);
}

static void checksum_and_segments_are_told_to_the_backend(void **state)
{
    const enum netbuf_gso gso[] = {NETBUF_GSO_TCPV4, NETBUF_GSO_TCPV6};
    const int types[] = {XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_GSO_TYPE_TCPV6};

    (void)state;
    net_up();
    for (int i = 0; i < 2; i++) {
        packets[0] = make_packet(30000, 4096);
        packets[0]->csum = NETBUF_CSUM_BLANK;
        packets[0]->gso = gso[i];
        packets[0]->gso_size = 1448;
        assert_int_equal(transmit(1), 1);
        assert_true(fake_netback_tx_take(0, &packet));
        assert_int_equal(packet.flags, NETTXF_csum_blank | NETTXF_data_validated |
                                           NETTXF_more_data | NETTXF_extra_info);
        assert_int_equal(packet.gso_type, types[i]);
        assert_int_equal(packet.gso_size, 1448);
        assert_int_equal(packet.total, 30000);
        fake_netback_tx_answer(0, &packet, NETIF_RSP_OKAY);
    }
    net_down(0);
}

static void a_ring_that_is_full_takes_what_fits(void **state)
{
    unsigned n = 0;

    (void)state;
    net_up();
    unsigned room = netfront_room(nf, 0);
    assert_int_equal(room, 256);
    fake_pages_left(120);
    for (unsigned i = 0; i < 50; i++)
        packets[i] = make_packet(100, 50);
    for (unsigned i = 0; i < 50; i++)
        n += netfront_transmit(nf, 0, packets + i, 1);
    assert_int_equal(n, 50);
    assert_int_equal(netfront_room(nf, 0), 156);
    assert_int_equal(netfront_on_its_way(nf, 0), 100); /* pieces */
    for (unsigned i = 0; i < 50; i++) {
        assert_true(fake_netback_tx_take(0, &packet));
        fake_netback_tx_answer(0, &packet, NETIF_RSP_OKAY);
    }
    fake_pages_left(UINT_MAX);
    assert_int_equal(netfront_on_its_way(nf, 0), 100); /* it has not looked */
    unsigned kept = netbuf_kept();
    assert_int_equal(transmit(0), 0);
    assert_int_equal(netbuf_kept(), kept + 100);
    assert_int_equal(netfront_on_its_way(nf, 0), 0);
    assert_int_equal(netfront_room(nf, 0), 256);
    net_down(0);
}

/* Pages that are not netbuf.c's: one of them stands in all of a full ring's slots. */
static unsigned n_released;

static void count_release(struct netbuf *buf)
{
    (void)buf;
    n_released++;
}

static void a_packet_that_does_not_fit_stays_the_callers(void **state)
{
    static struct netbuf bufs[300];
    struct netbuf *all[300];
    void *page = port_pages_alloc(1);

    (void)state;
    net_up();
    for (unsigned i = 0; i < 300; i++) {
        bufs[i] = (struct netbuf){
            .page = page, .data = page, .len = 60, .total = 60, .release = count_release};
        all[i] = &bufs[i];
    }
    assert_int_equal(netfront_transmit(nf, 0, all, 300), 256);
    assert_int_equal(netfront_room(nf, 0), 0);
    assert_int_equal(netfront_transmit(nf, 0, all + 256, 44), 0);
    for (unsigned i = 0; i < 128; i++) {
        assert_true(fake_netback_tx_take(0, &packet));
        fake_netback_tx_put(0, packet.ids[0], NETIF_RSP_OKAY);
    }
    assert_false(fake_netback_tx_push(0)); /* more is to gather before an event */
    assert_true(fake_netback_tx_take(0, &packet));
    fake_netback_tx_put(0, packet.ids[0], NETIF_RSP_OKAY);
    assert_true(fake_netback_tx_push(0));
    assert_int_equal(netfront_transmit(nf, 0, all + 256, 44), 44);
    assert_int_equal(n_released, 129);
    fake_netback_detach();
    netfront_close(nf); /* frees the rest */
    assert_int_equal(n_released, 300);
    port_pages_free(page);
    fake_netback_assert_nothing_left(0);
}

static void extra_infos_take_room_too(void **state)
{
    static struct netbuf bufs[200];
    struct netbuf *all[200];
    void *page = port_pages_alloc(1);

    (void)state;
    net_up();
    for (unsigned i = 0; i < 200; i++) {
        bufs[i] = (struct netbuf){.page = page,
                                  .data = page,
                                  .len = 60,
                                  .total = 60,
                                  .gso = NETBUF_GSO_TCPV4,
                                  .gso_size = 10,
                                  .release = count_release};
        all[i] = &bufs[i];
    }
    bufs[0].gso = NETBUF_GSO_NONE; /* one slot is left in the end, which is not enough */
    assert_int_equal(netfront_transmit(nf, 0, all, 200), 128);
    assert_int_equal(netfront_room(nf, 0), 1);
    assert_true(netfront_sendable(nf, all[128])); /* when there is room again */
    fake_netback_detach();
    netfront_close(nf);
    assert_int_equal(n_released, 128);
    port_pages_free(page);
    fake_netback_assert_nothing_left(0);
}

static void an_error_of_the_backends_is_counted(void **state)
{
    (void)state;
    net_up();
    for (int i = 0; i < 2; i++) {
        packets[0] = make_packet(60, 60);
        assert_int_equal(transmit(1), 1);
        assert_true(fake_netback_tx_take(0, &packet));
        fake_netback_tx_answer(0, &packet, i ? NETIF_RSP_ERROR : NETIF_RSP_DROPPED);
        transmit(0);
    }
    assert_int_equal(netfront_stats(nf)->tx_errors, 2);
    assert_int_equal(netfront_stats(nf)->faults, 0);
    net_down(0);
}

static void what_cant_be_sent_stays_the_callers(void **state)
{
    (void)state;
    net_up();
    packets[0] = make_packet(19 * 10, 10); /* too many pieces */
    assert_int_equal(transmit(1), 0);
    assert_false(netfront_sendable(nf, packets[0]));
    free_packets(1);
    packets[0] = make_packet(65536, 4096); /* too long */
    assert_int_equal(transmit(1), 0);
    assert_false(netfront_sendable(nf, packets[0]));
    free_packets(1);
    packets[0] = make_packet(60, 60);
    packets[0]->data = packets[0]->page - 1; /* in front of its page */
    assert_int_equal(transmit(1), 0);
    packets[0]->data = packets[0]->page + NETBUF_HEADROOM;
    packets[0]->total = 61; /* not what it holds */
    assert_int_equal(transmit(1), 0);
    packets[0]->total = packets[0]->len = 0;
    assert_int_equal(transmit(1), 0);
    packets[0]->total = packets[0]->len = NETBUF_BYTES - NETBUF_HEADROOM + 1;
    assert_int_equal(transmit(1), 0);
    free_packets(1);
    assert_int_equal(netfront_room(nf, 0), 256);
    net_down(0);
}

static void nothing_is_sent_or_received_without_a_link(void **state)
{
    (void)state;
    fake_netback.by_hand = true;
    net_open_as(NULL);
    assert_int_equal(netfront_link(nf), NETFRONT_DOWN);
    packets[0] = make_packet(60, 60);
    assert_int_equal(transmit(1), 0);
    assert_false(netfront_sendable(nf, packets[0]));
    free_packets(1);
    assert_int_equal(receive(), 0);
    assert_int_equal(netfront_room(nf, 0), 0);
    net_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_packet_comes_in, net_setup),
        cmocka_unit_test_setup(a_packet_that_was_not_sent_is_never_shown, net_setup),
        cmocka_unit_test_setup(a_thread_can_end_the_wait_for_any_interface, net_setup),
        cmocka_unit_test_setup(a_packet_of_many_pieces_comes_in, net_setup),
        cmocka_unit_test_setup(a_packets_checksum_and_segments_are_told, net_setup),
        cmocka_unit_test_setup(buffers_are_posted_again_for_ever, net_setup),
        cmocka_unit_test_setup(a_packet_that_comes_in_parts_is_put_together, net_setup),
        cmocka_unit_test_setup(a_packet_in_parts_is_given_back_when_the_backend_closes, net_setup),
        cmocka_unit_test_setup(answers_out_of_order_are_taken, net_setup),
        cmocka_unit_test_setup(an_event_is_asked_for_when_nothing_waits, net_setup),
        cmocka_unit_test_setup(a_burst_is_no_longer_than_asked_for, net_setup),
        cmocka_unit_test_setup(a_received_page_is_the_backends_no_more, net_setup),
        cmocka_unit_test_setup(a_packet_goes_out, net_setup),
        cmocka_unit_test_setup(a_packet_of_many_pieces_goes_out, net_setup),
        cmocka_unit_test_setup(checksum_and_segments_are_told_to_the_backend, net_setup),
        cmocka_unit_test_setup(a_ring_that_is_full_takes_what_fits, net_setup),
        cmocka_unit_test_setup(a_packet_that_does_not_fit_stays_the_callers, net_setup),
        cmocka_unit_test_setup(extra_infos_take_room_too, net_setup),
        cmocka_unit_test_setup(an_error_of_the_backends_is_counted, net_setup),
        cmocka_unit_test_setup(what_cant_be_sent_stays_the_callers, net_setup),
        cmocka_unit_test_setup(nothing_is_sent_or_received_without_a_link, net_setup),
    };
    return RUN_TESTS(tests);
}
