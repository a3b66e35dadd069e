/* SPDX-License-Identifier: BSD-2-Clause */
/* Many requests at a time: order, flushes, callbacks, and what the backend is told when. */
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

/* Flushes */

static void a_flush_waits_for_the_writes_before_it(void **state)
{
    struct one first, second, flush, later;

    (void)state;
    one_submit(&first, BLKFRONT_WRITE, 0, memory, 512);
    one_submit(&second, BLKFRONT_DISCARD, 4096, NULL, 512);
    one_submit(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    one_submit(&later, BLKFRONT_WRITE, 8192, memory, 512);
    struct fake_block blocks[3];
    for (unsigned i = 0; i < 3; i++)
        assert_true(fake_blkback_take(0, &blocks[i]));
    assert_false(fake_blkback_take(0, &block));
    assert_int_equal(blocks[2].sector, 16);
    fake_blkback_answer(0, &blocks[2]);
    fake_blkback_answer(0, &blocks[0]);
    settle();
    assert_false(fake_blkback_take(0, &block));
    fake_blkback_answer(0, &blocks[1]);
    settle();
    assert_true(fake_blkback_take(0, &block));
    assert_int_equal(block.operation, BLKIF_OP_FLUSH_DISKCACHE);
    assert_int_equal(flush.n_done, 0);
    fake_blkback_answer(0, &block);
    settle();
    assert_int_equal(flush.n_done, 1);
    assert_int_equal(flush.request.status, 0);
    assert_int_equal(blkfront_stats(bf)->flushes, 1);
    block_down(0);
}

static void flushes_behind_one_another_each_wait_for_what_is_before(void **state)
{
    struct one write[2], flush[2];

    (void)state;
    one_submit(&write[0], BLKFRONT_WRITE, 0, memory, 512);
    one_submit(&flush[0], BLKFRONT_FLUSH, 0, NULL, 0);
    one_submit(&write[1], BLKFRONT_WRITE, 512, memory, 512);
    one_submit(&flush[1], BLKFRONT_FLUSH, 0, NULL, 0);
    struct fake_block blocks[2];
    assert_true(fake_blkback_take(0, &blocks[0]));
    assert_true(fake_blkback_take(0, &blocks[1]));
    fake_blkback_answer(0, &blocks[1]);
    settle();
    assert_false(fake_blkback_take(0, &block));
    fake_blkback_answer(0, &blocks[0]);
    settle();
    assert_int_equal(fake_blkback_serve(), 2);
    settle();
    assert_int_equal(flush[0].n_done + flush[1].n_done, 2);
    assert_int_equal(fake_blkback.n_flushes, 2);
    block_down(0);
}

static void a_flush_does_not_wait_for_reads_or_failed_writes(void **state)
{
    struct one read, bad, flush;

    (void)state;
    one_submit(&read, BLKFRONT_READ, 0, memory, 512);
    one_submit(&bad, BLKFRONT_WRITE, 1, memory, 512);
    one_submit(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    assert_true(fake_blkback_take(0, &block));
    struct fake_block second;
    assert_true(fake_blkback_take(0, &second));
    assert_int_equal(second.operation, BLKIF_OP_FLUSH_DISKCACHE);
    fake_blkback_answer(0, &second);
    fake_blkback_answer(0, &block);
    settle();
    assert_int_equal(flush.n_done, 1);
    assert_int_equal(bad.request.status, -EINVAL);
    block_down(0);
}

static void a_write_with_fua_is_flushed_before_it_completes(void **state)
{
    struct one one;

    (void)state;
    fill(memory, 0, 4096);
    struct blkfront_request *request = one_init(&one, BLKFRONT_WRITE, 0, memory, 4096);
    request->fua = true;
    blkfront_submit(bf, &request, 1);
    fake_blkback_serve();
    fake_blkback_cut();
    settle();
    assert_int_equal(one.n_done, 0);
    fill(fake_blkback.disk, 0, 4096);
    fake_blkback_serve();
    settle();
    assert_int_equal(one.n_done, 1);
    fake_blkback_cut();
    assert_pattern(fake_blkback.disk, 0, 4096);
    assert_int_equal(fake_blkback.n_flushes, 1);
    block_down(0);
}

static void a_write_with_fua_that_failed_is_not_flushed(void **state)
{
    struct one one;

    (void)state;
    fake_blkback.status = BLKIF_RSP_ERROR;
    struct blkfront_request *request = one_init(&one, BLKFRONT_WRITE, 0, memory, 4096);
    request->fua = true;
    blkfront_submit(bf, &request, 1);
    fake_blkback_serve();
    settle();
    assert_int_equal(one.request.status, -EIO);
    assert_int_equal(blkfront_stats(bf)->sent, 1);
    fake_blkback.status = BLKIF_RSP_OKAY;
    block_down(0);
}

static void a_barrier_flushes_where_there_is_nothing_else(void **state)
{
    (void)state;
    block_down(0);
    block_again();
    fake_blkback_key("feature-flush-cache", NULL);
    block_up_as(NULL);
    assert_true(blkfront_geometry(bf)->flush);
    assert_int_equal(do_one(BLKFRONT_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(fake_blkback.n_barriers, 1);
    assert_int_equal(fake_blkback.n_flushes, 0);
    block_down(0);
}

static void answer_next(int status)
{
    fake_blkback.status = status;
    assert_int_equal(fake_blkback_serve(), 1);
    fake_blkback.status = BLKIF_RSP_OKAY;
    settle();
}

static void a_barrier_stands_in_for_a_flush_that_is_refused(void **state)
{
    struct one first, second;

    (void)state;
    one_submit(&first, BLKFRONT_FLUSH, 0, NULL, 0);
    answer_next(BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(first.n_done, 0);
    answer_next(BLKIF_RSP_OKAY);
    assert_int_equal(first.request.status, 0);
    assert_int_equal(fake_blkback.n_barriers, 1);
    one_submit(&second, BLKFRONT_FLUSH, 0, NULL, 0);
    answer_next(BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(second.request.status, -EOPNOTSUPP); /* and nobody is told that it is safe */
    assert_true(blkfront_geometry(bf)->flush);
    block_down(0);
}

static void a_flush_that_is_refused_is_an_error_without_a_barrier(void **state)
{
    (void)state;
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    fake_blkback_key("feature-barrier", "0");
    block_up_as(NULL);
    fake_blkback.status = BLKIF_RSP_EOPNOTSUPP;
    assert_int_equal(do_one(BLKFRONT_FLUSH, 0, NULL, 0), -EOPNOTSUPP);
    assert_int_equal(blkfront_stats(bf)->sent, 1);
    fake_blkback.status = BLKIF_RSP_OKAY;
    block_down(0);
}

static void without_a_cache_there_is_nothing_to_flush(void **state)
{
    struct one one;

    (void)state;
    fake_blkback.idle = false;
    block_down(0);
    block_again();
    fake_blkback_key("feature-flush-cache", "0");
    fake_blkback_key("feature-barrier", "0");
    block_up_as(NULL);
    assert_false(blkfront_geometry(bf)->flush);
    assert_int_equal(do_one(BLKFRONT_FLUSH, 0, NULL, 0), 0);
    struct blkfront_request *request = one_init(&one, BLKFRONT_WRITE, 0, memory, 512);
    request->fua = true;
    blkfront_submit(bf, &request, 1);
    settle();
    assert_int_equal(one.request.status, 0);
    assert_int_equal(blkfront_stats(bf)->sent, 1);
    block_down(0);
}

static void discards_go_to_the_backend(void **state)
{
    (void)state;
    fake_blkback.idle = false;
    memset(fake_blkback.disk, 0xaa, fake_blkback.bytes);
    assert_int_equal(do_one(BLKFRONT_DISCARD, 4096, NULL, 512 * 1000), 0);
    assert_int_equal(fake_blkback.n_secure, 0);
    assert_int_equal(do_one(BLKFRONT_SECURE_DISCARD, 1 << 19, NULL, 512), 0);
    assert_int_equal(fake_blkback.n_discards, 2);
    assert_int_equal(fake_blkback.n_secure, 1);
    for (uint64_t at = 0; at < fake_blkback.bytes; at++)
        assert_int_equal(fake_blkback.disk[at], (at >= 4096 && at < 4096 + 512 * 1000) ||
                                                        (at >= 1 << 19 && at < (1 << 19) + 512)
                                                    ? 0
                                                    : 0xaa);
    assert_int_equal(blkfront_stats(bf)->discards, 2);
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
        cmocka_unit_test_setup(a_flush_waits_for_the_writes_before_it, idle_up),
        cmocka_unit_test_setup(flushes_behind_one_another_each_wait_for_what_is_before, idle_up),
        cmocka_unit_test_setup(a_flush_does_not_wait_for_reads_or_failed_writes, idle_up),
        cmocka_unit_test_setup(a_write_with_fua_is_flushed_before_it_completes, idle_up),
        cmocka_unit_test_setup(a_write_with_fua_that_failed_is_not_flushed, idle_up),
        cmocka_unit_test_setup(a_barrier_flushes_where_there_is_nothing_else, idle_up),
        cmocka_unit_test_setup(a_barrier_stands_in_for_a_flush_that_is_refused, idle_up),
        cmocka_unit_test_setup(a_flush_that_is_refused_is_an_error_without_a_barrier, idle_up),
        cmocka_unit_test_setup(without_a_cache_there_is_nothing_to_flush, idle_up),
        cmocka_unit_test_setup(discards_go_to_the_backend, idle_up),
        cmocka_unit_test_setup(a_callback_may_submit_its_request_again, idle_up),
        cmocka_unit_test_setup(a_callback_may_free_its_request, idle_up),
        cmocka_unit_test_setup(requests_go_round_the_queues, idle_up),
        cmocka_unit_test_setup(a_ring_of_several_pages_holds_more, idle_up),
    };
    return RUN_TESTS(tests);
}
