/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#include <sprat/gnttab.h>
#include <sprat/mmu.h>
#include <sprat/port.h>
#include <sprat/ring.h>

#include "machine.h"
#include "port.h"
#include "world.h"

#define ENTRIES 256

static struct ring ring;
static netif_rx_sring_t *shared;

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    shared = port_pages_alloc(1);
    ring_init(&ring, shared, 1, sizeof(union netif_rx_sring_entry));
    return 0;
}

static void ask(unsigned n)
{
    while (n--)
        ((netif_rx_request_t *)ring_request(&ring))->id = (uint16_t)ring.req_next;
    ring_push(&ring);
}

static void take(unsigned n)
{
    netif_rx_response_t response;
    while (n--)
        ring_take(&ring, &response, sizeof(response));
}

static void a_ring_is_laid_out_as_xen_says(void **state)
{
    (void)state;
    assert_int_equal(ring.n_entries, __RING_SIZE(shared, PAGE_BYTES));
    assert_int_equal(ring.n_entries, ENTRIES);
    assert_int_equal(shared->req_prod, 0);
    assert_int_equal(shared->rsp_prod, 0);
    assert_int_equal(shared->req_event, 1);
    assert_int_equal(shared->rsp_event, 1);
    assert_ptr_equal(ring_request(&ring), &shared->ring[0]);
    assert_ptr_equal(ring_request(&ring), &shared->ring[1]);
}

static void the_number_of_entries_is_a_power_of_two(void **state)
{
    const size_t sizes[][2] = {{8, 256}, {12, 256}, {16, 128}, {112, 32}, {2016, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ring_init(&ring, shared, 1, sizes[i][0]);
        assert_int_equal(ring.n_entries, sizes[i][1]);
    }
}

static void nothing_old_is_on_a_new_rings_page(void **state)
{
    (void)state;
    memset(shared, 0x77, PAGE_BYTES);
    ring_init(&ring, shared, 1, 8);
    for (size_t i = 64; i < PAGE_BYTES; i++)
        assert_int_equal(((const uint8_t *)shared)[i], 0);
}

static void requests_are_seen_after_a_push(void **state)
{
    (void)state;
    ring_request(&ring);
    ring_request(&ring);
    assert_int_equal(shared->req_prod, 0);
    assert_true(ring_push(&ring));
    assert_int_equal(shared->req_prod, 2);
    assert_int_equal(ring_room(&ring), ENTRIES - 2);
}

static void the_backend_is_notified_when_it_asked_for_it(void **state)
{
    (void)state;
    ring_request(&ring);
    assert_true(ring_push(&ring));
    ring_request(&ring);
    assert_false(ring_push(&ring)); /* it has not asked again */
    shared->req_event = 4;
    ring_request(&ring);
    assert_false(ring_push(&ring));
    ring_request(&ring);
    assert_true(ring_push(&ring));
}

static void what_a_backend_writes_over_our_producer_is_not_believed(void **state)
{
    (void)state;
    ask(4);
    shared->req_prod = 2;
    shared->req_event = 4;
    assert_false(ring_push(&ring)); /* nothing is new */
    assert_int_equal(shared->req_prod, 4);
}

static void a_response_is_copied_out_once(void **state)
{
    netif_rx_response_t copy;

    (void)state;
    ask(2);
    shared->ring[0].rsp = (netif_rx_response_t){.id = 7, .status = 60};
    shared->rsp_prod = 1;
    assert_int_equal(ring_waiting(&ring), 1);
    ring_take(&ring, &copy, sizeof(copy));
    shared->ring[0].rsp.id = 8;
    assert_int_equal(copy.id, 7);
    assert_int_equal(copy.status, 60);
    assert_int_equal(ring_waiting(&ring), 0);
}

static void more_answers_than_questions_lose_the_ring(void **state)
{
    const uint32_t producers[] = {4, 5, ENTRIES, ENTRIES + 3, 0x7fffffff, 0x80000000, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof(producers) / sizeof(producers[0]); i++) {
        ring_init(&ring, shared, 1, 8);
        ask(3);
        ring_request(&ring); /* not shown yet */
        shared->rsp_prod = producers[i];
        assert_int_equal(ring_waiting(&ring), -EIO);
    }
}

static void a_response_producer_that_goes_back_loses_the_ring(void **state)
{
    (void)state;
    ask(8);
    shared->rsp_prod = 5;
    assert_int_equal(ring_waiting(&ring), 5);
    take(2);
    shared->rsp_prod = 3;
    assert_int_equal(ring_waiting(&ring), -EIO);
}

static void a_producer_seen_when_arming_may_not_go_back_either(void **state)
{
    (void)state;
    ask(8);
    shared->rsp_prod = 1;
    assert_true(ring_arm(&ring, 1));
    shared->rsp_prod = 0; /* or looking and arming could go on for ever */
    assert_int_equal(ring_waiting(&ring), -EIO);
}

static void arming_tells_of_what_came_meanwhile(void **state)
{
    (void)state;
    ask(8);
    assert_false(ring_arm(&ring, 1));
    assert_int_equal(shared->rsp_event, 1);
    assert_false(ring_arm(&ring, 4));
    assert_int_equal(shared->rsp_event, 4);
    shared->rsp_prod = 3;
    assert_false(ring_arm(&ring, 4));
    shared->rsp_prod = 4;
    assert_true(ring_arm(&ring, 4));
    assert_int_equal(ring_waiting(&ring), 4);
}

static void indices_wrap(void **state)
{
    (void)state;
    ring.req_next = ring.rsp_next = 0xfffffff0;
    ring.req_pushed = ring.rsp_seen = 0xfffffff0;
    shared->req_prod = shared->rsp_prod = 0xfffffff0;
    shared->req_event = shared->rsp_event = 0xfffffff1;
    for (unsigned round = 0; round < 4; round++) {
        ask(ENTRIES);
        assert_int_equal(ring_room(&ring), 0);
        shared->rsp_prod += ENTRIES - 1;
        assert_int_equal(ring_waiting(&ring), ENTRIES - 1);
        shared->rsp_prod += 1;
        assert_int_equal(ring_waiting(&ring), ENTRIES);
        take(ENTRIES);
        assert_int_equal(ring_room(&ring), ENTRIES);
        assert_int_equal(ring_waiting(&ring), 0);
    }
}

static void request_beyond_room(void)
{
    for (int i = 0; i <= ENTRIES; i++)
        ring_request(&ring);
}

static void a_request_without_room_is_our_own_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(request_beyond_room), FAKE_PANICKED);
}

/* Ids */

static struct ring_ids ids;
static char item;

static void an_id_gives_back_what_was_put(void **state)
{
    struct ring_slot slot;

    (void)state;
    assert_int_equal(ring_ids_init(&ids, 4), 0);
    int id = ring_ids_put(&ids, &item, 99);
    assert_in_range(id, 0, 3);
    assert_true(ring_ids_take(&ids, (unsigned)id, &slot));
    assert_ptr_equal(slot.item, &item);
    assert_int_equal(slot.ref, 99);
    assert_int_equal(ids.n_used, 0);
    ring_ids_free(&ids);
    assert_int_equal(fake_n_blocks(), 0);
}

static void ids_end_and_come_back(void **state)
{
    struct ring_slot slot;
    unsigned seen = 0;

    (void)state;
    ring_ids_init(&ids, 4);
    for (int i = 0; i < 4; i++)
        seen |= 1u << ring_ids_put(&ids, &item, 1);
    assert_int_equal(seen, 15);
    assert_int_equal(ring_ids_put(&ids, &item, 1), -ENOSPC);
    assert_true(ring_ids_take(&ids, 2, &slot));
    assert_int_equal(ring_ids_put(&ids, &item, 1), 2);
    assert_int_equal(ring_ids_put(&ids, &item, 1), -ENOSPC);
    ring_ids_free(&ids);
}

static void an_id_that_is_not_in_flight_is_refused(void **state)
{
    struct ring_slot slot;

    (void)state;
    ring_ids_init(&ids, 4);
    for (unsigned id = 0; id < 4; id++)
        assert_false(ring_ids_take(&ids, id, &slot));
    assert_int_equal(ring_ids_put(&ids, &item, 1), 0);
    assert_true(ring_ids_take(&ids, 0, &slot));
    assert_false(ring_ids_take(&ids, 0, &slot));
    assert_int_equal(ids.n_used, 0);
    ring_ids_free(&ids);
}

static void an_id_out_of_range_is_refused(void **state)
{
    const unsigned wrong[] = {4, 5, 255, 60000, 65535, 65536, 0xffffffff};
    struct ring_slot slot;

    (void)state;
    ring_ids_init(&ids, 4);
    for (int i = 0; i < 4; i++)
        ring_ids_put(&ids, &item, 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(ring_ids_take(&ids, wrong[i], &slot));
    ring_ids_free(&ids);
}

static void ids_without_memory_are_none(void **state)
{
    struct ring_slot slot;

    (void)state;
    fake_alloc_fails(0);
    assert_int_equal(ring_ids_init(&ids, 4), -ENOMEM);
    ids = (struct ring_ids){0};
    assert_int_equal(ring_ids_put(&ids, &item, 1), -ENOSPC);
    assert_false(ring_ids_take(&ids, 0, &slot));
    ring_ids_free(&ids);
}

/* A ring's pages */

static grant_ref_t refs[RING_PAGES_MAX];

static void several_pages_make_a_larger_ring(void **state)
{
    struct ring large = {0};

    (void)state;
    for (unsigned n_pages = 1; n_pages <= RING_PAGES_MAX; n_pages *= 2) {
        assert_int_equal(ring_alloc(&large, 3, n_pages, 112, refs), 0);
        assert_int_equal(large.n_entries, 32 * n_pages);
        assert_int_equal(gnttab_used(), n_pages);
        for (unsigned i = 0; i < n_pages; i++) {
            const struct grant_entry_v1 *entry = fake_gnttab_entry(refs[i]);
            assert_int_equal(entry->flags, GTF_permit_access);
            assert_int_equal(entry->domid, 3);
            assert_ptr_equal(mmu_va(mmu_pfn_of_mfn(entry->frame)),
                             (uint8_t *)large.pages + i * PAGE_BYTES);
        }
        for (unsigned i = 0; i < large.n_entries; i++)
            memset(ring_request(&large), 0xff, 112);
        assert_int_equal(ring_room(&large), 0);
        assert_int_equal(ring_free(&large, refs), 0);
        assert_int_equal(ring_free(&large, refs), 0);
        assert_int_equal(gnttab_used(), 0);
        assert_int_equal(fake_n_pages(), 1); /* setup()'s */
    }
}

static void a_ring_that_cant_be_granted_leaves_nothing(void **state)
{
    struct ring large = {0};

    (void)state;
    fake_pages_left(3);
    assert_int_equal(ring_alloc(&large, 3, 4, 112, refs), -ENOMEM);
    fake_pages_left(UINT_MAX);
    fake_gnttab_allow(1);
    for (unsigned i = 0; i < 512 - 8 - 2; i++)
        assert_int_equal(gnttab_grant(3, shared, false, &refs[0]), 0);
    assert_int_equal(ring_alloc(&large, 3, 4, 112, refs), -ENOSPC);
    assert_int_equal(gnttab_used(), 512 - 8 - 2);
    assert_int_equal(fake_n_pages(), 1);
    assert_int_equal(ring_free(&large, refs), 0);
}

static void a_ring_of_which_a_page_is_mapped_is_lost(void **state)
{
    struct ring large;

    (void)state;
    assert_int_equal(ring_alloc(&large, 3, 4, 112, refs), 0);
    assert_false(ring_mapped(&large, refs));
    fake_gnttab_entry(refs[2])->flags |= GTF_reading;
    assert_true(ring_mapped(&large, refs));
    assert_int_equal(ring_free(&large, refs), 4);
    assert_int_equal(gnttab_used(), 1);
    assert_int_equal(fake_n_pages(), 1 + 4);
    assert_int_equal(ring_free(&large, refs), 0);
}

/* What was taken back of it has the number of an entry of Xen's tools, who map theirs. */
static void pages_that_were_taken_back_are_not_mapped(void **state)
{
    struct ring large;

    (void)state;
    assert_int_equal(ring_alloc(&large, 3, 2, 112, refs), 0);
    fake_gnttab_entry(0)->flags |= GTF_reading;
    fake_gnttab_entry(refs[1])->flags |= GTF_reading;
    assert_false(ring_revoke(&large, refs));
    assert_true(ring_mapped(&large, refs));
    fake_gnttab_entry(refs[1])->flags &= (uint16_t)~GTF_reading;
    assert_false(ring_mapped(&large, refs));
    assert_int_equal(ring_free(&large, refs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_ring_is_laid_out_as_xen_says, setup),
        cmocka_unit_test_setup(the_number_of_entries_is_a_power_of_two, setup),
        cmocka_unit_test_setup(nothing_old_is_on_a_new_rings_page, setup),
        cmocka_unit_test_setup(requests_are_seen_after_a_push, setup),
        cmocka_unit_test_setup(the_backend_is_notified_when_it_asked_for_it, setup),
        cmocka_unit_test_setup(what_a_backend_writes_over_our_producer_is_not_believed, setup),
        cmocka_unit_test_setup(a_response_is_copied_out_once, setup),
        cmocka_unit_test_setup(more_answers_than_questions_lose_the_ring, setup),
        cmocka_unit_test_setup(a_response_producer_that_goes_back_loses_the_ring, setup),
        cmocka_unit_test_setup(a_producer_seen_when_arming_may_not_go_back_either, setup),
        cmocka_unit_test_setup(arming_tells_of_what_came_meanwhile, setup),
        cmocka_unit_test_setup(indices_wrap, setup),
        cmocka_unit_test_setup(a_request_without_room_is_our_own_mistake, setup),
        cmocka_unit_test_setup(an_id_gives_back_what_was_put, setup),
        cmocka_unit_test_setup(ids_end_and_come_back, setup),
        cmocka_unit_test_setup(an_id_that_is_not_in_flight_is_refused, setup),
        cmocka_unit_test_setup(an_id_out_of_range_is_refused, setup),
        cmocka_unit_test_setup(ids_without_memory_are_none, setup),
        cmocka_unit_test_setup(several_pages_make_a_larger_ring, setup),
        cmocka_unit_test_setup(a_ring_that_cant_be_granted_leaves_nothing, setup),
        cmocka_unit_test_setup(a_ring_of_which_a_page_is_mapped_is_lost, setup),
        cmocka_unit_test_setup(pages_that_were_taken_back_are_not_mapped, setup),
    };
    return RUN_TESTS(tests);
}
