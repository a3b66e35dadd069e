/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A blkback that lies on its rings: each lie is counted and closes the connection, and what was
 * under way is done by the next one.
 */
#include "block.h"

#include <sprat/compiler.h>

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

/* A page that is kept mapped may be written to, whatever it is used for. */
static void what_is_written_is_not_what_the_backend_makes_of_it(void **state)
{
    (void)state;
    uint8_t *page = fake_blkback_page(block.segments[0].gref, true);
    memset(page, 0xff, PAGE_BYTES);
    fake_blkback_put(0, block.id, block.operation, BLKIF_RSP_OKAY);
    fake_blkback_push(0);
    settle();
    assert_int_equal(one.n_done, 1);
    assert_pattern(memory, 0, 4096);
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
        cmocka_unit_test_setup(what_is_written_is_not_what_the_backend_makes_of_it, taken),
    };
    return RUN_TESTS(tests);
}
