/* SPDX-License-Identifier: BSD-2-Clause */
/* Flushes, writes that are stable when they complete, and discards. */
#include "block.h"

static int idle_up(void **state)
{
    int error = block_up(state);
    fake_blkback.idle = true;
    return error;
}

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

static void a_discard_is_a_write_to_flushes_and_read_only_disks(void **state)
{
    static const enum blkfront_op ops[] = {BLKFRONT_DISCARD, BLKFRONT_SECURE_DISCARD};
    struct one discard, flush;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        one_submit(&discard, ops[i], 0, NULL, 512);
        one_submit(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
        assert_true(fake_blkback_take(0, &block));
        assert_int_equal(block.operation, BLKIF_OP_DISCARD);
        struct fake_block second;
        assert_false(fake_blkback_take(0, &second));
        fake_blkback_answer(0, &block);
        settle();
        fake_blkback_serve();
        settle();
        assert_int_equal(discard.n_done + flush.n_done, 2);
    }
    block_down(0);
    block_again();
    fake_blkback_key("info", "4");
    block_up_as(NULL);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(do_one(ops[i], 0, NULL, 512), -EROFS);
    block_down(0);
}

/* What is a flush's or a write's own says nothing in the other. */
static void requests_may_be_made_of_old_ones(void **state)
{
    struct one flush, write;

    (void)state;
    one_submit(&write, BLKFRONT_WRITE, 0, memory, 512);
    struct blkfront_request *request = one_init(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    request->length = 4096;
    blkfront_submit(bf, &request, 1);
    fake_blkback_serve();
    settle();
    fake_blkback_serve();
    settle();
    assert_int_equal(write.n_done + flush.n_done, 2);
    assert_int_equal(fake_blkback.n_writes, 1);
    /* It waited for one write; now it is a read, and waits for none. */
    struct one read;
    one_submit(&write, BLKFRONT_WRITE, 0, memory, 512);
    request = one_init(&read, BLKFRONT_READ, 0, memory + 512, 512);
    request->n_before = 1;
    blkfront_submit(bf, &request, 1);
    one_submit(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    fake_blkback_serve();
    settle();
    fake_blkback_serve();
    settle();
    assert_int_equal(write.n_done, 1);
    assert_int_equal(read.n_done, 1);
    assert_int_equal(flush.n_done, 1);
    assert_int_equal(fake_blkback.n_reads, 1);
    block_down(0);
    /* Nor where there is nothing to flush. */
    block_again();
    fake_blkback_key("feature-flush-cache", "0");
    fake_blkback_key("feature-barrier", "0");
    block_up_as(NULL);
    request = one_init(&flush, BLKFRONT_FLUSH, 0, NULL, 0);
    request->length = 4096;
    assert_int_equal(blkfront_do(bf, request), 0);
    assert_int_equal(blkfront_stats(bf)->sent, 0);
    block_down(0);
}

static struct one behind;

static void submit_behind(struct blkfront_request *request)
{
    one_done(request);
    one_submit(&behind, BLKFRONT_READ, 4096, memory + 4096, 512);
}

/* Its flush is all that is to be sent, until a callback has more. */
static void behind_a_write_with_fua_nothing_is_lost(void **state)
{
    struct one fua, other;

    (void)state;
    struct blkfront_request *request = one_init(&fua, BLKFRONT_WRITE, 0, memory, 512);
    request->fua = true;
    blkfront_submit(bf, &request, 1);
    one_submit(&other, BLKFRONT_READ, 8192, memory + 8192, 512)->done = submit_behind;
    fake_blkback_serve(); /* both, before the guest looks */
    settle();
    fake_blkback_serve();
    settle();
    assert_int_equal(fua.n_done, 1);
    assert_int_equal(other.n_done, 1);
    assert_int_equal(behind.n_done, 1);
    assert_int_equal(fake_blkback.n_flushes, 1);
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test_setup(a_discard_is_a_write_to_flushes_and_read_only_disks, idle_up),
        cmocka_unit_test_setup(requests_may_be_made_of_old_ones, idle_up),
        cmocka_unit_test_setup(behind_a_write_with_fua_nothing_is_lost, idle_up),
    };
    return RUN_TESTS(tests);
}
