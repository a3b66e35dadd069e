/* SPDX-License-Identifier: BSD-2-Clause */
/* Many requests at a time: order, callbacks, queues, and what the backend is told when. */
#include "block.h"

#include <sprat/compiler.h>

static struct one many[200];

static int idle_up(void **state)
{
    int error = block_up(state);
    fake_blkback.idle = true;
    return error;
}

static void submit_many(unsigned n, enum blkfront_op op, size_t len)
{
    struct blkfront_request *requests[ARRAY_LEN(many)];

    for (unsigned i = 0; i < n; i++)
        requests[i] = one_init(&many[i], op, i * 4096ull, memory + i * 4096ull, len);
    blkfront_submit(bf, requests, n);
}

static unsigned count_done(unsigned n)
{
    unsigned done = 0;

    for (unsigned i = 0; i < n; i++) {
        assert_in_range(many[i].n_done, 0, 1);
        assert_int_equal(many[i].n_done, many[i].request.status != -EINPROGRESS);
        done += many[i].n_done;
    }
    return done;
}

/* Telling and being told */

static void a_batch_is_told_of_once(void **state)
{
    (void)state;
    submit_many(20, BLKFRONT_WRITE, 512);
    assert_int_equal(fake_blkback.queues[0].rung, 1);
    submit_many(0, BLKFRONT_WRITE, 512);
    assert_int_equal(fake_blkback.queues[0].rung, 1);
    assert_int_equal(blkfront_under_way(bf), 20);
    assert_int_equal(fake_blkback_serve(), 20);
    assert_int_equal(count_done(20), 0); /* nobody has looked yet */
    settle();
    assert_int_equal(count_done(20), 20);
    assert_int_equal(blkfront_under_way(bf), 0);
    block_down(0);
}

static void a_backend_that_is_awake_is_not_told(void **state)
{
    struct one one;

    (void)state;
    submit_many(1, BLKFRONT_WRITE, 512);
    assert_true(fake_blkback_take(0, &block)); /* it has not asked to be woken */
    one_submit(&one, BLKFRONT_READ, 0, memory, 512);
    assert_int_equal(fake_blkback.queues[0].rung, 1);
    fake_blkback_answer(0, &block);
    fake_blkback_serve();
    settle();
    assert_int_equal(one.n_done, 1);
    block_down(0);
}

static void completions_can_be_polled_for(void **state)
{
    (void)state;
    submit_many(4, BLKFRONT_READ, 512);
    assert_int_equal(blkfront_poll(bf), 0);
    fake_blkback_serve();
    assert_int_equal(blkfront_poll(bf), 4);
    assert_int_equal(blkfront_poll(bf), 0);
    assert_int_equal(count_done(4), 4);
    block_down(0);
}

static void waiting_ends_with_a_completion_or_the_deadline(void **state)
{
    (void)state;
    while (blkfront_wait(bf, clock_monotonic()) == 0)
        ; /* what came with the connection */
    uint64_t start = clock_monotonic();
    assert_int_equal(blkfront_wait(bf, start + 1000), -ETIMEDOUT);
    assert_true(clock_monotonic() >= start + 1000);
    submit_many(1, BLKFRONT_READ, 512);
    fake_blkback_serve();
    assert_int_equal(blkfront_wait(bf, UINT64_MAX), 0);
    assert_int_equal(count_done(1), 1);
    assert_int_equal(blkfront_wait(bf, clock_monotonic() + 1000), -ETIMEDOUT);
    block_down(0);
}

static void what_does_not_fit_the_ring_waits(void **state)
{
    (void)state;
    submit_many(100, BLKFRONT_WRITE, 512);
    assert_int_equal(blkfront_stats(bf)->sent, 32);
    assert_int_equal(blkfront_under_way(bf), 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(fake_blkback_take(0, &block));
        assert_int_equal(block.sector, i * 8);
        fake_blkback_answer(0, &block);
        settle();
        assert_int_equal(count_done(100), i + 1);
    }
    block_down(0);
}

static void answers_may_come_in_any_order(void **state)
{
    struct fake_block blocks[32];

    (void)state;
    for (unsigned i = 0; i < 32; i++)
        fill(memory + i * 4096ull, i * 1000, 512);
    submit_many(32, BLKFRONT_WRITE, 512);
    for (unsigned i = 0; i < 32; i++)
        assert_true(fake_blkback_take(0, &blocks[i]));
    for (unsigned i = 0; i < 32; i++) {
        unsigned which = i * 13 % 32;
        fake_blkback_answer(0, &blocks[which]);
        settle();
        assert_int_equal(many[which].n_done, 1);
        assert_int_equal(count_done(32), i + 1);
    }
    for (unsigned i = 0; i < 32; i++)
        assert_pattern(fake_blkback.disk + i * 4096, i * 1000, 512);
    block_down(0);
}

static void a_large_request_is_not_sent_in_small_pieces(void **state)
{
    const size_t len = 96 * 4096; /* and a page for the list */
    struct one large, small, again;

    (void)state;
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    block_up_as(&(struct blkfront_config){.pages_max = 100});
    fake_blkback.idle = true;
    one_submit(&large, BLKFRONT_READ, 0, memory, len);
    one_submit(&again, BLKFRONT_READ, 0, memory + (1 << 20), len);
    one_submit(&small, BLKFRONT_READ, 0, memory + (2 << 20), 512);
    assert_int_equal(blkfront_stats(bf)->sent, 1);
    while (fake_blkback_serve())
        settle();
    settle();
    assert_int_equal(large.n_done + again.n_done + small.n_done, 3);
    assert_int_equal(blkfront_stats(bf)->sent, 3);
    block_down(0);
}

static void a_large_request_takes_what_pages_there_are(void **state)
{
    struct one first, large;

    (void)state;
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    block_up_as(&(struct blkfront_config){.pages_max = 100});
    fake_blkback.idle = true;
    one_submit(&first, BLKFRONT_READ, 0, memory, 20 * 4096);
    one_submit(&large, BLKFRONT_READ, 0, memory + (1 << 20), 1 << 20);
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.n_segments, 20);
    fake_blkback_answer(0, &block);
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.n_segments, 100 - 21 - 1);
    fake_blkback_answer(0, &block);
    settle();
    while (fake_blkback_serve())
        settle();
    assert_int_equal(first.n_done + large.n_done, 2);
    block_down(0);
}

/* Callbacks */

static unsigned n_left;

static void submit_again(struct blkfront_request *request)
{
    assert_int_equal(request->status, 0);
    one_done(request);
    if (n_left && n_left--) {
        ((struct one *)request->arg)->n_done = 0;
        blkfront_submit(bf, &request, 1);
        assert_int_equal(blkfront_poll(bf), 0); /* who called the callback goes on with it */
    }
}

static void a_callback_may_submit_its_request_again(void **state)
{
    (void)state;
    fake_blkback.idle = false;
    n_left = 1000;
    for (unsigned i = 0; i < 40; i++) {
        struct blkfront_request *request = one_init(&many[i], BLKFRONT_WRITE, i * 512, memory, 512);
        request->done = submit_again;
        blkfront_submit(bf, &request, 1);
    }
    settle();
    assert_int_equal(n_left, 0);
    assert_int_equal(blkfront_stats(bf)->writes, 1040);
    assert_int_equal(count_done(40), 40);
    block_down(0);
}

static void free_it(struct blkfront_request *request)
{
    free(request->arg);
}

static void a_callback_may_free_its_request(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct one *one = malloc(sizeof(*one));
        struct blkfront_request *request =
            one_init(one, i % 5 ? BLKFRONT_READ : BLKFRONT_FLUSH, 0, memory, i % 3 * 512);
        request->done = free_it;
        blkfront_submit(bf, &request, 1);
    }
    while (fake_blkback_serve())
        settle();
    assert_int_equal(blkfront_under_way(bf), 0);
    block_down(0);
}

/* Queues and rings */

static void requests_go_round_the_queues(void **state)
{
    (void)state;
    fake_blkback.idle = false;
    for (unsigned n_queues = 2; n_queues <= 8; n_queues += 3) {
        block_down(0);
        fake_xenstored_remove(FAKE_VBD);
        block_again();
        fake_blkback_number("multi-queue-max-queues", n_queues);
        block_up_as(&(struct blkfront_config){.queues_max = 8});
        assert_int_equal(blkfront_transport(bf)->n_queues, n_queues);
        assert_int_equal(fake_blkback.n_queues, n_queues);
        assert_int_equal(fake_evtchn_made(), n_queues);
        assert_null(fake_xenstored_value(FAKE_VBD "/ring-ref"));
        fake_blkback.idle = true;
        submit_many(2 * n_queues, BLKFRONT_WRITE, 512);
        for (unsigned i = 0; i < n_queues; i++) {
            assert_int_equal(fake_blkback.queues[i].rung, 1);
            assert_true(fake_blkback_take(i, &block));
            fake_blkback_answer(i, &block);
            assert_true(fake_blkback_take(i, &block));
            fake_blkback_answer(i, &block);
            assert_false(fake_blkback_take(i, &block));
        }
        settle();
        assert_int_equal(count_done(2 * n_queues), 2 * n_queues);
        fake_blkback.idle = false;
    }
    block_down(0);
}

static void a_ring_of_several_pages_holds_more(void **state)
{
    (void)state;
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    fake_blkback_key("max-ring-page-order", "2");
    block_up_as(&(struct blkfront_config){.ring_pages = 16});
    assert_int_equal(blkfront_transport(bf)->ring_entries, 128);
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/ring-page-order"), "2");
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/num-ring-pages"), "4");
    fake_blkback.idle = true;
    submit_many(200, BLKFRONT_WRITE, 512);
    assert_int_equal(blkfront_stats(bf)->sent, 128);
    while (fake_blkback_serve())
        settle();
    assert_int_equal(count_done(200), 200);
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_batch_is_told_of_once, idle_up),
        cmocka_unit_test_setup(a_backend_that_is_awake_is_not_told, idle_up),
        cmocka_unit_test_setup(completions_can_be_polled_for, idle_up),
        cmocka_unit_test_setup(waiting_ends_with_a_completion_or_the_deadline, idle_up),
        cmocka_unit_test_setup(what_does_not_fit_the_ring_waits, idle_up),
        cmocka_unit_test_setup(answers_may_come_in_any_order, idle_up),
        cmocka_unit_test_setup(a_large_request_is_not_sent_in_small_pieces, idle_up),
        cmocka_unit_test_setup(a_large_request_takes_what_pages_there_are, idle_up),
        cmocka_unit_test_setup(a_callback_may_submit_its_request_again, idle_up),
        cmocka_unit_test_setup(a_callback_may_free_its_request, idle_up),
        cmocka_unit_test_setup(requests_go_round_the_queues, idle_up),
        cmocka_unit_test_setup(a_ring_of_several_pages_holds_more, idle_up),
    };
    return RUN_TESTS(tests);
}
