/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A blkback that leaves, and another that comes: what was under way is done by the next one, each
 * request once, and not before the last one is through with it.
 */
#include "block.h"

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

/* A page that one who left maps still: it lets go some time later. */
static struct {
    struct fake_actor actor;
    uint32_t ref;
    bool attached; /* somebody was, at that time */
} left;

static bool let_go(void *arg)
{
    (void)arg;
    if (fake_now() < left.actor.due_ns)
        return false;
    left.actor.due_ns = FAKE_NEVER;
    fake_gnttab_entry(left.ref)->flags &= (uint16_t)~GTF_reading;
    left.attached = fake_blkback.attached;
    return true;
}

static void assert_waits_for(uint32_t ref)
{
    left.ref = ref;
    fake_gnttab_entry(ref)->flags |= GTF_reading;
    left.actor = (struct fake_actor){.step = let_go, .due_ns = fake_now() + 1000000000};
    fake_actor_add(&left.actor);
    fake_blkback_detach();
    fake_gnttab_entry(ref)->flags |= GTF_reading;
    fake_blkback.idle = false;
    fake_blkback_key("online", "1");
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(left.actor.due_ns, FAKE_NEVER);
    assert_false(left.attached);
    assert_int_equal(one.n_done, 1);
    assert_int_equal(blkfront_stats(bf)->resent, 1);
    assert_int_equal(blkfront_stats(bf)->pages_lost, 0);
    block_down(0);
}

static void a_request_is_not_sent_again_while_one_who_left_is_at_it(void **state)
{
    (void)state;
    assert_waits_for(block.segments[0].gref);
}

static void a_ring_that_one_who_left_has_is_waited_for(void **state)
{
    (void)state;
    assert_waits_for(fake_blkback.queues[0].refs[0]);
}

static void a_persistent_page_that_one_who_left_has_is_waited_for(void **state)
{
    struct one other;

    (void)state;
    one_submit(&other, BLKFRONT_READ, 8192, memory + 8192, 512);
    struct fake_block second;
    assert_true(fake_blkback_take(0, &second));
    fake_blkback_answer(0, &second);
    settle();
    assert_int_equal(other.n_done, 1);
    assert_waits_for(second.segments[0].gref);
}

static void a_list_of_segments_that_one_who_left_has_is_waited_for(void **state)
{
    (void)state;
    fake_blkback_answer(0, &block);
    settle();
    fill(memory, 0, 1 << 18);
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 1 << 18);
    assert_true(fake_blkback_take(0, &block));
    assert_true(block.indirect);
    assert_waits_for(block.list_ref);
}

/* So quickly that nothing was seen of it: it shows Connected, and has none of the rings. */
static void a_backend_that_starts_anew_at_once_is_offered_them_anew(void **state)
{
    (void)state;
    uint64_t start = clock_monotonic();
    fake_blkback_key("online", "1");
    fake_blkback_detach();
    fake_blkback.idle = false;
    fake_blkback_state(XenbusStateConnected);
    settle();
    assert_has(fake_log_text(), "connected to what was offered before");
    assert_true(clock_monotonic() - start < 1000000000ull);
    assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
    assert_int_equal(blkfront_stats(bf)->connections, 2);
    assert_int_equal(blkfront_stats(bf)->resent, 1);
    assert_int_equal(one.n_done, 1);
    assert_pattern(fake_blkback.disk, 0, 4096);
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

static void a_backend_that_closes_with_nothing_under_way_is_left_at_once(void **state)
{
    (void)state;
    fake_blkback_answer(0, &block);
    settle();
    uint64_t start = clock_monotonic();
    fake_blkback_state(XenbusStateClosing);
    settle();
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_true(clock_monotonic() - start < 1000000000ull);
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

static unsigned n_freed;

static void free_request(struct blkfront_request *request)
{
    assert_int_equal(request->status, -ENODEV);
    n_freed++;
    free(request->arg);
}

/* Who frees a request when it is done, may: also that which others wait behind. */
static void requests_of_a_disk_that_is_gone_are_freed_as_they_end(void **state)
{
    static const enum blkfront_op ops[] = {BLKFRONT_WRITE, BLKFRONT_FLUSH, BLKFRONT_WRITE,
                                           BLKFRONT_FLUSH, BLKFRONT_WRITE};

    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        bool flush = ops[i] == BLKFRONT_FLUSH;
        struct one *next = malloc(sizeof(*next));
        one_init(next, ops[i], 0, flush ? NULL : memory, flush ? 0 : 512)->done = free_request;
        struct blkfront_request *request = &next->request;
        blkfront_submit(bf, &request, 1);
    }
    fake_blkback_detach();
    fake_xenstored_remove(FAKE_VBD);
    settle();
    assert_int_equal(one.request.status, -ENODEV);
    assert_int_equal(n_freed, sizeof(ops) / sizeof(ops[0]));
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(requests_under_way_are_sent_again_in_order, taken),
        cmocka_unit_test_setup(a_flush_waits_for_the_writes_before_it_again, taken),
        cmocka_unit_test_setup(a_request_is_not_sent_again_while_one_who_left_is_at_it, taken),
        cmocka_unit_test_setup(a_ring_that_one_who_left_has_is_waited_for, taken),
        cmocka_unit_test_setup(a_persistent_page_that_one_who_left_has_is_waited_for, taken),
        cmocka_unit_test_setup(a_list_of_segments_that_one_who_left_has_is_waited_for, taken),
        cmocka_unit_test_setup(a_backend_that_starts_anew_at_once_is_offered_them_anew, taken),
        cmocka_unit_test_setup(a_backend_that_closes_is_waited_for_while_it_answers, taken),
        cmocka_unit_test_setup(a_backend_that_closes_with_nothing_under_way_is_left_at_once, taken),
        cmocka_unit_test_setup(a_backend_that_closes_and_answers_no_more_is_left, taken),
        cmocka_unit_test_setup(a_backend_that_lies_while_it_is_waited_for_is_left_at_once, taken),
        cmocka_unit_test_setup(a_write_with_fua_is_written_again_when_its_flush_did_not_come,
                               taken),
        cmocka_unit_test_setup(a_disk_that_comes_back_smaller_or_coarser_refuses_what_does_not_fit,
                               taken),
        cmocka_unit_test_setup(pages_that_another_backend_gets_are_new, taken),
        cmocka_unit_test_setup(requests_of_a_disk_that_is_gone_are_freed_as_they_end, taken),
    };
    return RUN_TESTS(tests);
}
