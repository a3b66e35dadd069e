/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A blkback that lies on its rings, or leaves: each lie is counted and closes the connection, and
 * what was under way is done by the next one: each request once.
 */
#include "block.h"

#include <sprat/compiler.h>

static struct one one;

/* One request that the backend has taken. */
static int taken(void **state)
{
    if (block_up(state))
        return -1;
    fake_blkback.idle = true;
    fill(memory, 0, 4096);
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 4096);
    return fake_blkback_take(0, &block) ? 0 : -1;
}

/* It is connected anew, and works. */
static void assert_connected_anew(unsigned lost)
{
    fake_blkback.idle = false;
    fake_blkback.careless = false;
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
    assert_int_equal(blkfront_stats(bf)->connections, 2);
    assert_int_equal(one.n_done, 1);
    assert_int_equal(one.request.status, 0);
    assert_pattern(fake_blkback.disk, 0, 4096);
    assert_int_equal(blkfront_stats(bf)->resent, 1);
    assert_int_equal(blkfront_stats(bf)->pages_lost, lost);
    memset(memory, 0, 4096);
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 4096), 0);
    assert_pattern(memory, 0, 4096);
    block_down(lost);
}

/* It was seen at the next look, said once, and the device closes. */
static void assert_fault_and(unsigned lost, const char *why)
{
    fake_blkback_push(0);
    settle();
    blkfront_poll(bf);
    assert_has(fake_log_text(), "device/vbd/51712: backend fault: ");
    assert_has(fake_log_text(), why);
    assert_int_equal(blkfront_stats(bf)->faults, 1);
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_int_equal(blkfront_poll(bf), 0);
    assert_int_equal(one.n_done, 0);
    settle();
    assert_int_equal(fake_blkback.closed, 1);
    assert_connected_anew(lost);
}

static void assert_fault(const char *why)
{
    assert_fault_and(0, why);
}

static void a_producer_far_away_closes_the_disk(void **state)
{
    (void)state;
    fake_blkback.queues[0].prod = 2; /* one is in flight */
    assert_fault("response producer out of range");
}

static void a_producer_that_goes_back_closes_the_disk(void **state)
{
    struct one other;

    (void)state;
    one_submit(&other, BLKFRONT_READ, 0, memory + 8192, 512);
    struct fake_block second;
    assert_true(fake_blkback_take(0, &second));
    fake_blkback_answer(0, &second);
    settle();
    assert_int_equal(other.n_done, 1);
    fake_blkback.queues[0].prod = 0;
    fake_blkback.queues[0].ring->rsp_prod = 0;
    fake_evtchn_raise(fake_blkback.queues[0].port);
    assert_fault("response producer out of range");
}

static void an_id_out_of_range_closes_the_disk(void **state)
{
    const uint64_t ids[] = {32, 60000, UINT32_MAX, UINT64_MAX, 1ull << 32, 1ull << 63};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        fake_blkback_put(0, ids[i], BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
        assert_fault("id not in flight");
        if (i + 1 == ARRAY_LEN(ids))
            return;
        block_again();
        block_up_as(NULL);
        fake_blkback.idle = true;
        fill(memory, 0, 4096);
        one_submit(&one, BLKFRONT_WRITE, 0, memory, 4096);
        assert_true(fake_blkback_take(0, &block));
    }
}

static void an_id_not_in_flight_closes_the_disk(void **state)
{
    (void)state;
    fake_blkback_put(0, block.id + 1, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
    assert_fault("id not in flight");
}

static void an_id_answered_twice_closes_the_disk(void **state)
{
    struct one other;

    (void)state;
    one_submit(&other, BLKFRONT_READ, 0, memory + 8192, 512);
    struct fake_block second;
    assert_true(fake_blkback_take(0, &second));
    fake_blkback_put(0, second.id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    fake_blkback_put(0, second.id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    assert_fault("id not in flight");
    assert_int_equal(other.n_done, 1); /* what came before the lie is good */
}

static void an_answer_behind_a_lie_is_not_taken(void **state)
{
    struct one other;

    (void)state;
    one_submit(&other, BLKFRONT_READ, 0, memory + 8192, 512);
    fake_blkback_put(0, 60000, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    fake_blkback_put(0, block.id, BLKIF_OP_WRITE, BLKIF_RSP_ERROR);
    fake_blkback_push(0);
    settle();
    assert_has(fake_log_text(), "id not in flight");
    assert_int_equal(one.n_done + other.n_done, 0);
    fake_blkback.idle = false;
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(one.request.status, 0);
    assert_int_equal(other.request.status, 0);
    block_down(0);
}

static void an_answer_to_another_operation_closes_the_disk(void **state)
{
    (void)state;
    fake_blkback_put(0, block.id, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    assert_fault("response to another operation");
}

static void the_name_of_an_indirect_request_is_no_operation(void **state)
{
    (void)state;
    fake_blkback_put(0, block.id, BLKIF_OP_INDIRECT, BLKIF_RSP_OKAY);
    assert_fault("response to another operation");
}

static void a_status_that_is_none_closes_the_disk(void **state)
{
    const int all[] = {1, -3, 32767, -32768};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        fake_blkback_put(0, block.id, BLKIF_OP_WRITE, all[i]);
        assert_fault("response of no known status");
        block_again();
        block_up_as(NULL);
        fake_blkback.idle = true;
        one_submit(&one, BLKFRONT_WRITE, 0, memory, 4096);
        assert_true(fake_blkback_take(0, &block));
    }
    fake_blkback_answer(0, &block);
    settle();
    block_down(0);
}

static void a_page_still_mapped_after_its_response_is_never_used_again(void **state)
{
    (void)state;
    fake_blkback_answer(0, &block);
    settle();
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    fake_blkback_key("feature-persistent", "0");
    block_up_as(NULL);
    fake_blkback.idle = true;
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 4096);
    assert_true(fake_blkback_take(0, &block));
    fake_blkback_hold(block.segments[0].gref);
    fake_blkback_put(0, block.id, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
    fake_blkback_push(0);
    settle();
    assert_has(fake_log_text(), "page still mapped after its response");
    assert_int_equal(blkfront_stats(bf)->pages_lost, 1);
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_int_equal(one.n_done, 0);
    assert_int_equal(fake_n_pages(), 1); /* the disk has closed by now */
}

static void pages_that_are_kept_mapped_in_the_end_are_lost_and_counted(void **state)
{
    (void)state;
    fake_blkback.stubborn = true; /* it closes without letting go */
    fake_blkback_answer(0, &block);
    settle();
    fake_blkback_state(XenbusStateClosed);
    settle();
    assert_int_equal(blkfront_stats(bf)->pages_lost, 2); /* the ring's, and that of the data */
    assert_int_equal(gnttab_used(), 2);
    fake_blkback.stubborn = false;
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    blkfront_close(bf);
    fake_blkback_assert_nothing_left(2);
}

static void an_event_storm_finds_nothing_to_do(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        fake_evtchn_raise(fake_blkback.queues[0].port);
        settle();
    }
    assert_int_equal(one.n_done, 0);
    assert_string_equal(fake_log_text(), "");
    fake_blkback_answer(0, &block);
    settle();
    block_down(0);
}

static void what_is_read_is_looked_at_once(void **state)
{
    struct one read;

    (void)state;
    fake_blkback_answer(0, &block);
    one_submit(&read, BLKFRONT_READ, 0, memory + 8192, 4096);
    assert_true(fake_blkback_take(0, &block));
    uint8_t *page = fake_blkback_page(block.segments[0].gref, true);
    fake_blkback_answer(0, &block);
    settle();
    memset(page, 0xff, PAGE_BYTES); /* it still has the page mapped */
    assert_pattern(memory + 8192, 0, 4096);
    block_down(0);
}

/* Leaving */

static void requests_under_way_are_sent_again_in_order(void **state)
{
    static struct one many[100];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        fill(memory + i * 4096, i * 99, 4096);
        one_submit(&many[i], BLKFRONT_WRITE, i * 8192ull, memory + i * 4096, 4096);
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_true(fake_blkback_take(0, &block));
        if (i % 2)
            fake_blkback_answer(0, &block);
    }
    settle();
    unsigned done = 0;
    for (unsigned i = 0; i < 100; i++)
        done += many[i].n_done;
    assert_int_equal(done, 5);
    uint64_t start = clock_monotonic();
    fake_blkback_detach();
    fake_blkback_state(XenbusStateClosed);
    settle();
    assert_true(clock_monotonic() - start < 1000000000ull); /* nobody will answer */
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_int_equal(gnttab_used(), 0);
    fake_blkback_state(XenbusStateInitWait);
    settle();
    uint64_t last = 0;
    while (fake_blkback_take(0, &block)) {
        if (block.sector) /* the first is setup's */
            assert_true(block.sector >= last);
        last = block.sector;
        fake_blkback_answer(0, &block);
        settle();
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(many[i].n_done, 1);
        assert_int_equal(many[i].request.status, 0);
        assert_pattern(fake_blkback.disk + i * 8192, i * 99, 4096);
    }
    assert_int_equal(one.n_done, 1);
    block_down(0);
}

static void a_flush_waits_for_the_writes_before_it_again(void **state)
{
    struct one flush;

    (void)state;
    one_submit(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    fake_blkback_detach();
    fake_blkback_state(XenbusStateClosed);
    settle();
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.operation, BLKIF_OP_WRITE);
    struct fake_block second;
    assert_false(fake_blkback_take(0, &second));
    fake_blkback_answer(0, &block);
    settle();
    assert_true(fake_blkback_take(0, &second));
    assert_int_equal(second.operation, BLKIF_OP_FLUSH_DISKCACHE);
    fake_blkback_answer(0, &second);
    settle();
    assert_int_equal(one.n_done + flush.n_done, 2);
    block_down(0);
}

static void a_backend_that_closes_is_waited_for_while_it_answers(void **state)
{
    (void)state;
    fake_blkback_state(XenbusStateClosing);
    fake_settle();
    fake_blkback_answer(0, &block);
    settle();
    assert_int_equal(one.n_done, 1);
    assert_int_equal(blkfront_stats(bf)->resent, 0);
    assert_int_equal(blkfront_stats(bf)->pages_lost, 0);
    block_down(0);
}

static void a_backend_that_closes_and_answers_no_more_is_left(void **state)
{
    (void)state;
    fake_blkback_state(XenbusStateClosing);
    settle();
    blkfront_wait(bf, clock_monotonic() + 6000000000ull);
    while (blkfront_wait(bf, clock_monotonic() + 6000000000ull) == 0)
        ;
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_int_equal(fake_blkback.closed, 1);
    assert_connected_anew(0);
}

static void a_backend_that_lies_while_it_is_waited_for_is_left_at_once(void **state)
{
    (void)state;
    uint64_t start = clock_monotonic();
    fake_blkback_state(XenbusStateClosing);
    fake_settle();
    fake_blkback_put(0, 77, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
    fake_blkback_push(0);
    settle();
    assert_has(fake_log_text(), "id not in flight");
    assert_true(clock_monotonic() - start < 1000000000ull);
    settle();
    assert_connected_anew(0);
}

static void a_write_with_fua_is_written_again_when_its_flush_did_not_come(void **state)
{
    struct one fua;

    (void)state;
    fake_blkback_answer(0, &block);
    settle();
    fill(memory, 5, 4096);
    struct blkfront_request *request = one_init(&fua, BLKFRONT_WRITE, 0, memory, 4096);
    request->fua = true;
    blkfront_submit(bf, &request, 1);
    assert_true(fake_blkback_take(0, &block));
    fake_blkback_answer(0, &block);
    settle();
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.operation, BLKIF_OP_FLUSH_DISKCACHE);
    fake_blkback_detach(); /* and with it goes what was not flushed */
    fake_blkback_cut();
    fake_blkback_state(XenbusStateClosed);
    settle();
    fake_blkback.idle = false;
    fake_blkback_state(XenbusStateInitWait);
    settle();
    fake_blkback_cut();
    assert_int_equal(fua.request.status, 0);
    assert_pattern(fake_blkback.disk, 5, 4096);
    block_down(0);
}

static void a_disk_that_comes_back_smaller_or_coarser_refuses_what_does_not_fit(void **state)
{
    struct one beyond, fine;

    (void)state;
    one_submit(&beyond, BLKFRONT_READ, 1 << 19, memory + 8192, 4096);
    one_submit(&fine, BLKFRONT_READ, 512, memory + 8192, 512);
    fake_blkback_detach();
    fake_blkback_state(XenbusStateClosed);
    settle();
    fake_blkback.idle = false;
    fake_blkback_key("sectors", "1024");
    fake_blkback_key("sector-size", "4096");
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(beyond.request.status, -ERANGE);
    assert_int_equal(fine.request.status, -EINVAL);
    assert_int_equal(one.request.status, 0);
    block_down(0);
}

static void pages_that_another_backend_gets_are_new(void **state)
{
    struct one write, read;

    (void)state;
    memset(memory, 0xbb, 1 << 18);
    one_submit(&write, BLKFRONT_WRITE, 0, memory, 1 << 18);
    while (fake_blkback_serve())
        settle();
    fake_blkback_detach();
    fake_blkback_state(XenbusStateClosed);
    settle();
    assert_int_equal(fake_n_pages(), 0);
    fake_blkback_state(XenbusStateInitWait);
    settle();
    one_submit(&read, BLKFRONT_READ, 0, memory, 1 << 18);
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.operation, BLKIF_OP_WRITE); /* the one that was under way */
    struct fake_block first = block;
    assert_true(fake_blkback_take(0, &block));
    for (unsigned i = 0; i < block.n_segments; i++) {
        const uint8_t *page = fake_blkback_page(block.segments[i].gref, false);
        for (unsigned at = 0; at < PAGE_BYTES; at++)
            assert_int_equal(page[at], 0);
    }
    fake_blkback_answer(0, &first);
    fake_blkback_answer(0, &block);
    settle();
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_producer_far_away_closes_the_disk, taken),
        cmocka_unit_test_setup(a_producer_that_goes_back_closes_the_disk, taken),
        cmocka_unit_test_setup(an_id_out_of_range_closes_the_disk, taken),
        cmocka_unit_test_setup(an_id_not_in_flight_closes_the_disk, taken),
        cmocka_unit_test_setup(an_id_answered_twice_closes_the_disk, taken),
        cmocka_unit_test_setup(an_answer_behind_a_lie_is_not_taken, taken),
        cmocka_unit_test_setup(an_answer_to_another_operation_closes_the_disk, taken),
        cmocka_unit_test_setup(the_name_of_an_indirect_request_is_no_operation, taken),
        cmocka_unit_test_setup(a_status_that_is_none_closes_the_disk, taken),
        cmocka_unit_test_setup(a_page_still_mapped_after_its_response_is_never_used_again, taken),
        cmocka_unit_test_setup(pages_that_are_kept_mapped_in_the_end_are_lost_and_counted, taken),
        cmocka_unit_test_setup(an_event_storm_finds_nothing_to_do, taken),
        cmocka_unit_test_setup(what_is_read_is_looked_at_once, taken),
        cmocka_unit_test_setup(requests_under_way_are_sent_again_in_order, taken),
        cmocka_unit_test_setup(a_flush_waits_for_the_writes_before_it_again, taken),
        cmocka_unit_test_setup(a_backend_that_closes_is_waited_for_while_it_answers, taken),
        cmocka_unit_test_setup(a_backend_that_closes_and_answers_no_more_is_left, taken),
        cmocka_unit_test_setup(a_backend_that_lies_while_it_is_waited_for_is_left_at_once, taken),
        cmocka_unit_test_setup(a_write_with_fua_is_written_again_when_its_flush_did_not_come,
                               taken),
        cmocka_unit_test_setup(a_disk_that_comes_back_smaller_or_coarser_refuses_what_does_not_fit,
                               taken),
        cmocka_unit_test_setup(pages_that_another_backend_gets_are_new, taken),
    };
    return RUN_TESTS(tests);
}
