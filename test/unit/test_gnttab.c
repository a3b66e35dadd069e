/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sprat/gnttab.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#include "machine.h"
#include "world.h"

#define PEER     7
#define PER_PAGE (PAGE_BYTES / sizeof(struct grant_entry_v1))

static void *page;

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    page = port_pages_alloc(1);
    return page ? 0 : -1;
}

static void a_grant_names_page_and_domain(void **state)
{
    grant_ref_t rw, ro;

    (void)state;
    assert_int_equal(gnttab_grant(PEER, page, false, &rw), 0);
    assert_int_equal(gnttab_grant(PEER + 1, page, true, &ro), 0);
    assert_int_not_equal(rw, ro);
    assert_int_equal(gnttab_used(), 2);
    assert_int_equal(fake_gnttab_entry(rw)->flags, GTF_permit_access);
    assert_int_equal(fake_gnttab_entry(rw)->domid, PEER);
    assert_int_equal(fake_gnttab_entry(rw)->frame, mmu_mfn(page));
    assert_int_equal(fake_gnttab_entry(ro)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(fake_gnttab_entry(ro)->domid, PEER + 1);
}

static void the_tools_reserved_grants_are_left_alone(void **state)
{
    grant_ref_t ref;

    (void)state;
    for (unsigned i = 0; i < PER_PAGE; i++) {
        assert_int_equal(gnttab_grant(PEER, page, false, &ref), 0);
        assert_in_range(ref, GNTTAB_NR_RESERVED_ENTRIES, 2 * PER_PAGE);
    }
}

static void a_revoked_grant_is_used_again(void **state)
{
    grant_ref_t ref, again;

    (void)state;
    gnttab_grant(PEER, page, false, &ref);
    assert_false(gnttab_mapped(ref));
    assert_int_equal(gnttab_revoke(ref), 0);
    assert_int_equal(fake_gnttab_entry(ref)->flags, 0);
    assert_int_equal(gnttab_used(), 0);
    gnttab_grant(PEER, page, false, &again);
    assert_int_equal(again, ref);
}

static void a_page_that_is_still_mapped_is_not_revoked(void **state)
{
    const uint16_t used[] = {GTF_reading, GTF_writing, GTF_reading | GTF_writing};
    grant_ref_t ref;

    (void)state;
    gnttab_grant(PEER, page, false, &ref);
    for (int i = 0; i < 3; i++) {
        fake_gnttab_entry(ref)->flags |= used[i];
        assert_true(gnttab_mapped(ref));
        assert_int_equal(gnttab_revoke(ref), -EBUSY);
        assert_int_equal(gnttab_revoke(ref), -EBUSY);
        assert_int_equal(fake_gnttab_entry(ref)->flags, GTF_permit_access | used[i]);
        assert_int_equal(gnttab_used(), 1);
        fake_gnttab_entry(ref)->flags &= ~used[i];
    }
    assert_int_equal(gnttab_revoke(ref), 0);
}

static grant_ref_t raced;
static int revoked;

static void prepare_race(void)
{
    gnttab_grant(PEER, page, false, &raced);
}

static void revoke_raced(void)
{
    revoked = gnttab_revoke(raced);
}

/* As Xen maps for the peer: only what is still permitted. */
static bool mapped;

static void peer_maps(void)
{
    mapped = fake_gnttab_entry(raced)->flags & GTF_permit_access;
    if (mapped)
        fake_gnttab_entry(raced)->flags |= GTF_reading | GTF_writing;
}

static void check_race(void)
{
    assert_int_equal(revoked, mapped ? -EBUSY : 0);
    if (mapped) {
        fake_gnttab_entry(raced)->flags &= ~(GTF_reading | GTF_writing);
        assert_int_equal(gnttab_revoke(raced), 0);
    }
    mapped = false;
    assert_int_equal(gnttab_used(), 0);
}

static void a_peer_that_maps_at_any_moment_of_revoking_is_seen(void **state)
{
    (void)state;
    assert_in_range(fake_interleave(prepare_race, revoke_raced, peer_maps, check_race), 20, 10000);
}

static void the_table_grows_as_far_as_it_may(void **state)
{
    grant_ref_t ref;
    unsigned n = 0;

    (void)state;
    fake_gnttab_allow(3);
    while (gnttab_grant(PEER, page, false, &ref) == 0)
        n++;
    assert_int_equal(n, 3 * PER_PAGE - GNTTAB_NR_RESERVED_ENTRIES);
    assert_int_equal(gnttab_used(), n);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), -ENOSPC);
    assert_int_equal(gnttab_revoke(GNTTAB_NR_RESERVED_ENTRIES), 0);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), 0);
    assert_int_equal(ref, GNTTAB_NR_RESERVED_ENTRIES);
}

static void the_table_stops_at_its_address_space(void **state)
{
    grant_ref_t ref;
    unsigned n = 0;

    (void)state;
    fake_gnttab_allow(MMU_SHARED_SLOTS + 1);
    while (gnttab_grant(PEER, page, false, &ref) == 0)
        n++;
    assert_int_equal(n, MMU_SHARED_SLOTS * PER_PAGE - GNTTAB_NR_RESERVED_ENTRIES);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), -ENOSPC);
}

static void a_guest_without_grants_is_told_so(void **state)
{
    grant_ref_t ref;

    (void)state;
    fake_hypercall_fails(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, 0, -ENOSYS);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), -ENOSYS);
}

static void a_toolstack_that_allows_no_grants_is_reported(void **state)
{
    grant_ref_t ref;

    (void)state;
    fake_gnttab_allow(0);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), -ENOSYS);
}

static void a_table_that_cant_be_mapped_is_not_used(void **state)
{
    grant_ref_t ref;

    (void)state;
    fake_hypercall_fails(__HYPERVISOR_update_va_mapping, 0, 0, -EINVAL);
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), -ENOSYS);
    assert_int_equal(gnttab_used(), 0);
}

static void body_granting_part_of_a_page(void)
{
    grant_ref_t ref;
    gnttab_grant(PEER, (char *)page + 8, false, &ref);
}

static void half_a_page_cant_be_granted(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(body_granting_part_of_a_page), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed");
}

static void body_revoking_wildly(void)
{
    grant_ref_t ref;

    gnttab_grant(PEER, page, false, &ref);
    gnttab_revoke(PER_PAGE);
}

static void a_reference_outside_the_table_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(body_revoking_wildly), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed: ref < ");
}

static void body_revoking_twice(void)
{
    grant_ref_t a, b;

    gnttab_grant(PEER, page, false, &a);
    gnttab_grant(PEER, page, false, &b);
    gnttab_revoke(a);
    gnttab_revoke(a);
}

static void revoking_twice_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(body_revoking_twice), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_grant_names_page_and_domain, setup),
        cmocka_unit_test_setup(the_tools_reserved_grants_are_left_alone, setup),
        cmocka_unit_test_setup(a_revoked_grant_is_used_again, setup),
        cmocka_unit_test_setup(a_page_that_is_still_mapped_is_not_revoked, setup),
        cmocka_unit_test_setup(a_peer_that_maps_at_any_moment_of_revoking_is_seen, setup),
        cmocka_unit_test_setup(the_table_grows_as_far_as_it_may, setup),
        cmocka_unit_test_setup(the_table_stops_at_its_address_space, setup),
        cmocka_unit_test_setup(a_guest_without_grants_is_told_so, setup),
        cmocka_unit_test_setup(a_toolstack_that_allows_no_grants_is_reported, setup),
        cmocka_unit_test_setup(a_table_that_cant_be_mapped_is_not_used, setup),
        cmocka_unit_test_setup(half_a_page_cant_be_granted, setup),
        cmocka_unit_test_setup(a_reference_outside_the_table_is_our_mistake, setup),
        cmocka_unit_test_setup(revoking_twice_is_our_mistake, setup),
    };
    return RUN_TESTS(tests);
}
