/* SPDX-License-Identifier: BSD-2-Clause */
/* The handshake: what the backend offers, what it may not, and the ends of it. */
#include "block.h"

#include <xen/event_channel.h>

#include <sprat/compiler.h>

static void assert_refused(const char *why)
{
    block_open_as(NULL);
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_has(fake_log_text(), why);
    assert_int_equal(gnttab_used(), 0);
    block_down(0);
    block_again();
}

/* Offers */

static void what_the_backend_offers_is_used(void **state)
{
    (void)state;
    fake_blkback_key("physical-sector-size", "4096");
    fake_blkback_key("discard-granularity", "65536");
    fake_blkback_key("discard-alignment", "512");
    fake_blkback_key("multi-queue-max-queues", "4");
    fake_blkback_key("max-ring-page-order", "4");
    block_up_as(NULL);
    const struct blkfront_geometry *geometry = blkfront_geometry(bf);
    assert_int_equal(geometry->bytes, 1 << 20);
    assert_int_equal(geometry->sector_bytes, 512);
    assert_int_equal(geometry->physical_bytes, 4096);
    assert_int_equal(geometry->discard_granularity, 65536);
    assert_int_equal(geometry->discard_alignment, 512);
    assert_true(geometry->flush && geometry->discard && geometry->secure_discard);
    assert_false(geometry->read_only || geometry->removable || geometry->cdrom);
    const struct blkfront_transport *transport = blkfront_transport(bf);
    assert_int_equal(transport->n_queues, 1); /* that is all that was asked for */
    assert_int_equal(transport->ring_entries, 32);
    assert_int_equal(transport->segments, 256);
    assert_true(transport->indirect && transport->persistent);
    assert_true(transport->flush && transport->barrier);
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/protocol"), "x86_64-abi");
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/feature-persistent"), "1");
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/ring-page-order"), "0");
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/ring-ref"),
                        fake_xenstored_value(FAKE_VBD "/ring-ref0"));
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/state"), "4");
    block_down(0);
}

static void physical_sectors_that_cant_be_are_those_of_the_disk(void **state)
{
    const char *const values[] = {"1000", "256", "0", "8589934592"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        fake_blkback_key("physical-sector-size", values[i]);
        block_up_as(NULL);
        assert_int_equal(blkfront_geometry(bf)->physical_bytes, 512);
        block_down(0);
        block_again();
    }
}

static void what_it_does_not_offer_is_not(void **state)
{
    const char *const keys[] = {"feature-persistent",
                                "feature-max-indirect-segments",
                                "feature-flush-cache",
                                "feature-barrier",
                                "feature-discard",
                                "sector-size",
                                "info"};
    const char *const values[] = {NULL, "yes", "-1", "99999999999999999999999"};

    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(values); v++) {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            fake_blkback_key(keys[i], values[v]);
        block_up_as(NULL);
        const struct blkfront_geometry *geometry = blkfront_geometry(bf);
        const struct blkfront_transport *transport = blkfront_transport(bf);
        assert_int_equal(geometry->sector_bytes, 512);
        assert_int_equal(geometry->physical_bytes, 512);
        assert_int_equal(geometry->discard_granularity, 512);
        assert_false(geometry->flush || geometry->discard || geometry->secure_discard ||
                     geometry->read_only);
        assert_false(transport->indirect || transport->persistent);
        assert_int_equal(transport->segments, 11);
        assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 18), 0);
        assert_int_equal(do_one(BLKFRONT_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
        block_down(0);
        block_again();
    }
}

static void an_offer_is_taken_as_far_as_it_can_be_used(void **state)
{
    static const struct {
        const char *offered;
        unsigned segments;
    } cases[] = {{"0", 11},   {"11", 11},   {"12", 12},        {"32", 32},
                 {"256", 99}, {"4096", 99}, {"4294967297", 99}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_blkback_key("feature-max-indirect-segments", cases[i].offered);
        block_up_as(&(struct blkfront_config){.pages_max = 100});
        assert_int_equal(blkfront_transport(bf)->segments, cases[i].segments);
        block_down(0);
        block_again();
    }
    fake_blkback_key("discard-alignment", "4294967808");
    fake_blkback_key("discard-granularity", "4294971392");
    fake_blkback_key("feature-max-indirect-segments", "60000");
    block_up_as(&(struct blkfront_config){.pages_max = 2000});
    assert_int_equal(blkfront_transport(bf)->segments, 512); /* one page of them */
    assert_int_equal(blkfront_geometry(bf)->discard_alignment, 0);
    assert_int_equal(blkfront_geometry(bf)->discard_granularity, 512);
    block_down(0);
}

static void queues_and_rings_are_no_more_than_both_want(void **state)
{
    static const struct {
        const char *queues, *order;
        unsigned n_queues, entries;
    } cases[] = {{"0", "0", 1, 32},  {"1", "1", 1, 64},   {"4294967297", "2", 2, 128},
                 {"x", "3", 1, 128}, {"3", "x", 2, 32},   {"2", "4294967295", 2, 128},
                 {"1", "0", 1, 32},  {"2", "64", 2, 128}, {NULL, NULL, 1, 32}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_blkback_key("multi-queue-max-queues", cases[i].queues);
        fake_blkback_key("max-ring-page-order", cases[i].order);
        block_up_as(&(struct blkfront_config){.queues_max = 2, .ring_pages = 4});
        assert_int_equal(blkfront_transport(bf)->n_queues, cases[i].n_queues);
        assert_int_equal(blkfront_transport(bf)->ring_entries, cases[i].entries);
        assert_int_equal(fake_blkback.n_queues, cases[i].n_queues); /* not what was before */
        assert_int_equal(fake_blkback.queues[0].n_entries, cases[i].entries);
        assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 1 << 20), 0);
        block_down(0);
        block_again();
    }
}

static void a_size_that_cant_be_is_refused(void **state)
{
    const char *const sizes[] = {
        NULL, "0", "x", "-1", "18014398509481984", "9223372036854775807", "18446744073709551617"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        fake_blkback_key("sectors", sizes[i]);
        assert_refused("the backend tells no size (sectors) that a disk can have");
    }
    fake_xenstored_write_bytes(FAKE_VBD_BACKEND "/sectors", "8\0x", 3);
    assert_refused("the backend tells no size (sectors) that a disk can have");
    fake_blkback_key("sectors", "18014398509481983");
    block_up_as(NULL);
    assert_true(blkfront_geometry(bf)->bytes == 18014398509481983ull * 512);
    block_down(0);
}

static void a_sector_size_that_cant_be_is_refused(void **state)
{
    const char *const sizes[] = {"0", "1", "256", "511", "513", "1536", "8192", "4294967808"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        fake_blkback_key("sector-size", sizes[i]);
        assert_refused("its sector-size is not 512, 1024, 2048 or 4096 bytes");
    }
}

static void large_sectors_are_what_a_request_is_made_of(void **state)
{
    (void)state;
    fake_blkback_key("sector-size", "4096");
    fake_blkback_key("sectors", "2047"); /* of 512 bytes: the last does not fill one of 4096 */
    fake_blkback_key("physical-sector-size", "512");
    block_up_as(NULL);
    assert_int_equal(blkfront_geometry(bf)->bytes, 255 * 4096);
    assert_int_equal(blkfront_geometry(bf)->sector_bytes, 4096);
    assert_int_equal(blkfront_geometry(bf)->physical_bytes, 4096);
    assert_int_equal(do_one(BLKFRONT_WRITE, 512, memory, 4096), -EINVAL);
    assert_int_equal(do_one(BLKFRONT_WRITE, 4096, memory, 512), -EINVAL);
    assert_int_equal(do_one(BLKFRONT_WRITE, 255 * 4096, memory, 4096), -ERANGE);
    fill(memory, 0, 8192);
    assert_int_equal(do_one(BLKFRONT_WRITE, 253 * 4096, memory, 8192), 0);
    assert_pattern(fake_blkback.disk + 253 * 4096, 0, 8192);
    block_down(0);
}

static void a_disk_for_reading_takes_no_writes(void **state)
{
    (void)state;
    fake_blkback_key("info", "7");
    block_up_as(NULL);
    const struct blkfront_geometry *geometry = blkfront_geometry(bf);
    assert_true(geometry->read_only && geometry->removable && geometry->cdrom);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 512), -EROFS);
    assert_int_equal(do_one(BLKFRONT_DISCARD, 0, NULL, 512), -EROFS);
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 512), 0);
    assert_int_equal(do_one(BLKFRONT_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(fake_blkback.n_writes + fake_blkback.n_discards, 0);
    block_down(0);
}

/* Opening, and the ends */

static void a_disk_that_is_not_there_is_not_opened(void **state)
{
    (void)state;
    assert_int_equal(blkfront_open(51728, NULL, NULL, NULL, &bf), -ENODEV);
    assert_int_equal(fake_n_blocks(), 0);
}

static void a_config_that_cant_be_is_refused(void **state)
{
    const struct blkfront_config configs[] = {{.queues_max = 9},
                                              {.ring_pages = 3},
                                              {.ring_pages = 32},
                                              {.pages_max = 15},
                                              {.pages_max = 65537}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        assert_int_equal(blkfront_open(FAKE_VBD_NUMBER, &configs[i], NULL, NULL, &bf), -EINVAL);
    assert_int_equal(fake_n_blocks(), 0);
}

static void waiting_for_the_link_ends_when_it_is_up_or_never_will_be(void **state)
{
    (void)state;
    fake_blkback.by_hand = true;
    assert_int_equal(blkfront_open(FAKE_VBD_NUMBER, NULL, NULL, NULL, &bf), 0);
    assert_int_equal(blkfront_wait_up(bf, clock_monotonic() + 1000000), -ETIMEDOUT);
    fake_blkback.by_hand = false;
    assert_int_equal(blkfront_wait_up(bf, UINT64_MAX), 0);
    assert_int_equal(blkfront_geometry(bf)->bytes, 1 << 20);
    block_down(0);
    block_again();
    fake_blkback.by_hand = true;
    block_open_as(NULL);
    fake_xenstored_remove(FAKE_VBD);
    assert_int_equal(blkfront_wait_up(bf, UINT64_MAX), -ENODEV);
    block_down(0);
}

static void requests_wait_for_the_link(void **state)
{
    struct one good, bad;

    (void)state;
    fake_blkback.by_hand = true;
    block_open_as(NULL);
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    one_submit(&good, BLKFRONT_READ, 0, memory, 512);
    one_submit(&bad, BLKFRONT_READ, 1, memory, 512);
    assert_int_equal(good.n_done + bad.n_done, 0);
    fake_blkback.by_hand = false;
    settle();
    assert_int_equal(good.request.status, 0);
    assert_int_equal(bad.request.status, -EINVAL);
    block_down(0);
}

static void each_step_that_fails_leaves_nothing(void **state)
{
    static unsigned allocs, channels;

    (void)state;
    for (unsigned fail = 0; fail < 40; fail++) {
        allocs = fake_alloc_fails(fail);
        (void)allocs;
        if (blkfront_open(FAKE_VBD_NUMBER, NULL, NULL, NULL, &bf) == 0) {
            settle();
            if (blkfront_link(bf) == BLKFRONT_UP)
                assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 4096), 0);
            block_down(0);
        }
        fake_alloc_fails(UINT_MAX / 2);
        assert_int_equal(fake_n_blocks(), 0);
        block_again();
    }
    for (unsigned fail = 0; fail < 3; fail++) {
        channels = fake_hypercalls(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound);
        (void)channels;
        fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, fail, -ENOSPC);
        fake_blkback_key("multi-queue-max-queues", "3");
        block_open_as(&(struct blkfront_config){.queues_max = 3});
        assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
        assert_has(fake_log_text(), "can't be offered to the backend: error 28");
        block_down(0);
        block_again();
    }
}

/* A backend that takes a millisecond for each request. */
static bool answer_one(void *arg)
{
    struct fake_actor *slow = arg;

    if (fake_now() < slow->due_ns)
        return false;
    slow->due_ns = fake_now() + 1000000;
    if (!fake_blkback.attached || !fake_blkback_take(0, &block))
        return false;
    fake_blkback_answer(0, &block);
    return true;
}

static void closing_waits_for_what_is_under_way(void **state)
{
    static struct one many[100]; /* more than the ring holds */
    static struct fake_actor slow = {.step = answer_one, .arg = &slow};

    (void)state;
    fake_blkback.idle = true;
    fake_actor_add(&slow);
    block_up_as(NULL);
    fill(memory, 0, sizeof(many) / sizeof(many[0]) * 4096);
    for (unsigned i = 0; i < 100; i++)
        one_submit(&many[i], BLKFRONT_WRITE, i * 4096ull, memory + i * 4096ull, 4096);
    block_down(0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(many[i].n_done, 1);
        assert_int_equal(many[i].request.status, 0);
    }
    assert_pattern(fake_blkback.disk, 0, 100 * 4096);
}

static void closing_ends_requests_that_nobody_answers(void **state)
{
    struct one one, later;

    (void)state;
    block_up_as(NULL);
    fake_blkback.idle = true;
    uint64_t start = clock_monotonic();
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 512);
    one_submit(&later, BLKFRONT_FLUSH, 0, NULL, 0);
    block_down(0);
    assert_int_equal(one.request.status, -ENODEV);
    assert_int_equal(later.request.status, -ENODEV);
    assert_int_equal(one.n_done + later.n_done, 2);
    assert_in_range(clock_monotonic() - start, 1, 30000000000ull);
}

static void without_pages_for_requests_there_is_no_link(void **state)
{
    (void)state;
    fake_pages_left(6); /* one is the ring's, and it wants eight */
    block_open_as(NULL);
    assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
    assert_has(fake_log_text(), "can't work with the backend: error 12");
    fake_pages_left(UINT_MAX);
    block_down(0);
}

static void closing_takes_no_time_when_there_is_nothing_to_wait_for(void **state)
{
    struct one one;

    (void)state;
    block_up_as(NULL);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 512), 0);
    uint64_t start = clock_monotonic();
    block_down(0);
    assert_true(clock_monotonic() - start < 1000000000ull);
    /* Nor while there is no link. */
    block_again();
    fake_blkback.by_hand = true;
    block_open_as(NULL);
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 512);
    fake_blkback_state(XenbusStateClosed);
    settle();
    start = clock_monotonic();
    block_down(0);
    assert_int_equal(one.request.status, -ENODEV);
    assert_true(clock_monotonic() - start < 1000000000ull);
}

static struct one again;

static void submit_once_more(struct blkfront_request *request)
{
    one_done(request);
    one_submit(&again, BLKFRONT_READ, 0, memory, 512);
    assert_int_equal(again.n_done, 0); /* that comes after this one */
}

static void a_disk_that_is_gone_ends_all_requests(void **state)
{
    struct one one, held, later;

    (void)state;
    block_up_as(NULL);
    fake_blkback.idle = true;
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 512)->done = submit_once_more;
    one_submit(&held, BLKFRONT_FLUSH, 0, NULL, 0);
    fake_blkback_detach();
    fake_xenstored_remove(FAKE_VBD);
    settle();
    assert_int_equal(blkfront_link(bf), BLKFRONT_GONE);
    assert_int_equal(one.request.status, -ENODEV);
    assert_int_equal(held.request.status, -ENODEV);
    assert_int_equal(again.request.status, -ENODEV);
    one_submit(&later, BLKFRONT_READ, 0, memory, 512);
    assert_int_equal(later.request.status, -ENODEV);
    assert_int_equal(one.n_done + held.n_done + again.n_done + later.n_done, 4);
    block_down(0);
}

static void disks_are_listed(void **state)
{
    unsigned numbers[4];

    (void)state;
    fake_xenstored_write("device/vbd/51728/backend", "x");
    assert_int_equal(blkfront_list(numbers, 4), 2);
    assert_int_equal(numbers[0], 51712);
    assert_int_equal(numbers[1], 51728);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_the_backend_offers_is_used, block_setup),
        cmocka_unit_test_setup(physical_sectors_that_cant_be_are_those_of_the_disk, block_setup),
        cmocka_unit_test_setup(what_it_does_not_offer_is_not, block_setup),
        cmocka_unit_test_setup(an_offer_is_taken_as_far_as_it_can_be_used, block_setup),
        cmocka_unit_test_setup(queues_and_rings_are_no_more_than_both_want, block_setup),
        cmocka_unit_test_setup(a_size_that_cant_be_is_refused, block_setup),
        cmocka_unit_test_setup(a_sector_size_that_cant_be_is_refused, block_setup),
        cmocka_unit_test_setup(large_sectors_are_what_a_request_is_made_of, block_setup),
        cmocka_unit_test_setup(a_disk_for_reading_takes_no_writes, block_setup),
        cmocka_unit_test_setup(a_disk_that_is_not_there_is_not_opened, block_setup),
        cmocka_unit_test_setup(a_config_that_cant_be_is_refused, block_setup),
        cmocka_unit_test_setup(waiting_for_the_link_ends_when_it_is_up_or_never_will_be,
                               block_setup),
        cmocka_unit_test_setup(requests_wait_for_the_link, block_setup),
        cmocka_unit_test_setup(each_step_that_fails_leaves_nothing, block_setup),
        cmocka_unit_test_setup(closing_waits_for_what_is_under_way, block_setup),
        cmocka_unit_test_setup(closing_ends_requests_that_nobody_answers, block_setup),
        cmocka_unit_test_setup(without_pages_for_requests_there_is_no_link, block_setup),
        cmocka_unit_test_setup(closing_takes_no_time_when_there_is_nothing_to_wait_for,
                               block_setup),
        cmocka_unit_test_setup(a_disk_that_is_gone_ends_all_requests, block_setup),
        cmocka_unit_test_setup(disks_are_listed, block_setup),
    };
    return RUN_TESTS(tests);
}
