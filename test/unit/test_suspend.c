/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests that are saved and go on: in a restored domain, or where they were. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/evtchn.h>
#include <sprat/gnttab.h>
#include <sprat/log.h>
#include <sprat/mmu.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "thing.h"
#include "world.h"
#include "xenstored.h"

#define SECOND 1000000000ull
#define PEER   3

static unsigned n_wishes;

static void on_request(void)
{
    n_wishes++;
}

static void settle(void)
{
    thread_sleep_until(clock_monotonic() + SECOND / 100);
}

/* The toolstack's part: the request, and the guest's word that it has seen it. */
static void suspend_and_resume(void)
{
    unsigned n = fake_suspension.n;

    fake_xenstored_write("control/shutdown", "suspend");
    settle();
    assert_int_equal(fake_suspension.n, n + 1);
    assert_string_equal(fake_xenstored_value("control/shutdown"), "");
}

static void assert_passes(void (*body)(void))
{
    assert_int_equal(fake_run_kernel(body), FAKE_RETURNED);
}

/* Where the guest went on, all that it had from Xen works. */
static void still_obeys(void)
{
    fake_console_type("typed");
    settle();
    char typed[8] = "";
    assert_int_equal(log_read(typed, sizeof(typed)), 5);
    assert_string_equal(typed, "typed");
    port_log("still here");
    settle();
    assert_has(fake_console_text(), "sprat: still here\n");
    n_wishes = 0;
    fake_xenstored_write("control/shutdown", "poweroff");
    settle();
    assert_int_equal(n_wishes, 1);
}

static void suspend_twice(void)
{
    shutdown_init(on_request);
    settle();
    for (int i = 0; i < 2; i++) {
        suspend_and_resume();
        still_obeys();
    }
}

static void a_restored_guest_has_console_xenstore_and_time(void **state)
{
    (void)state;
    assert_passes(suspend_twice);
    assert_int_equal(fake_xenstored_watches(), 1);
}

static void a_guest_that_was_not_saved_after_all_goes_on(void **state)
{
    (void)state;
    fake_suspension.result = 1;
    assert_passes(suspend_twice);
    assert_int_equal(fake_xenstored_watches(), 1);
}

static void suspend_in_vain(void)
{
    shutdown_init(on_request);
    settle();
    suspend_and_resume();
    still_obeys();
    assert_has(fake_console_text(), "control/shutdown: not suspended: error 1\n");
}

static void a_guest_that_xen_does_not_suspend_says_so(void **state)
{
    (void)state;
    fake_suspension.result = -EPERM;
    assert_passes(suspend_in_vain);
}

/* Time */

static uint64_t asleep_ns, woke_ns;

static void sleep_a_while(void *arg)
{
    (void)arg;
    asleep_ns = clock_monotonic();
    thread_sleep_until(asleep_ns + SECOND);
    woke_ns = clock_monotonic();
}

static void sleep_while_saved(void)
{
    shutdown_init(on_request);
    thread_start("sleeper", 16384, sleep_a_while, NULL);
    settle();
    uint64_t before_ns = clock_monotonic(), wall_ns = clock_wall();
    suspend_and_resume();
    assert_in_range(clock_monotonic(), before_ns, before_ns + SECOND / 10);
    assert_in_range(clock_wall() - wall_ns, fake_suspension.saved_ns,
                    fake_suspension.saved_ns + SECOND / 10);
    thread_sleep_until(clock_monotonic() + 2 * SECOND);
    assert_in_range(woke_ns - asleep_ns, SECOND, SECOND + SECOND / 10);
}

static void time_stands_still_while_saved_and_the_wall_clock_does_not(void **state)
{
    (void)state;
    fake_suspension.saved_ns = 1000 * SECOND;
    assert_passes(sleep_while_saved);
}

static void go_to_a_younger_host(void)
{
    shutdown_init(on_request);
    thread_sleep_until(clock_monotonic() + 500 * SECOND);
    uint64_t before_ns = clock_monotonic();
    suspend_and_resume();
    assert_in_range(clock_monotonic(), before_ns, before_ns + SECOND / 10);
    thread_sleep_until(clock_monotonic() + SECOND);
    assert_in_range(clock_monotonic(), before_ns + SECOND, before_ns + SECOND + SECOND / 10);
    assert_in_range(fake_now(), 0, 100 * SECOND);
}

static void time_does_not_go_back_on_a_host_that_booted_later(void **state)
{
    (void)state;
    fake_suspension.saved_ns = -490 * SECOND;
    assert_passes(go_to_a_younger_host);
}

static void flush_late(void)
{
    shutdown_init(on_request);
    settle();
    suspend_and_resume();
    fake_consoled.dead = true;
    uint64_t before_ns = clock_monotonic();
    port_log("nobody reads this");
    log_flush(before_ns + SECOND);
    assert_in_range(clock_monotonic(), before_ns + SECOND, before_ns + SECOND + SECOND / 10);
}

static void a_wait_in_xen_has_the_new_hosts_deadline(void **state)
{
    (void)state;
    fake_suspension.saved_ns = 1000 * SECOND;
    assert_passes(flush_late);
}

/* Grants */

static void grant_and_be_restored(void)
{
    grant_ref_t kept, other, again;
    void *page = port_pages_alloc(1);

    shutdown_init(on_request);
    settle();
    assert_int_equal(gnttab_grant(PEER, page, false, &kept), 0);
    assert_int_equal(gnttab_grant(PEER, page, false, &other), 0);
    assert_int_equal(gnttab_revoke(other), 0);
    suspend_and_resume();
    assert_int_equal(fake_n_shared(), 1);
    assert_int_equal(gnttab_used(), 1);
    assert_int_not_equal(fake_gnttab_entry(kept)->domid, PEER);
    assert_int_equal(fake_gnttab_entry(kept)->frame, 0);
    assert_int_equal(gnttab_revoke(kept), 0);
    for (unsigned i = GNTTAB_NR_RESERVED_ENTRIES; i < 512; i++) {
        assert_int_equal(gnttab_grant(PEER, page, false, &again), 0);
        assert_in_range(again, GNTTAB_NR_RESERVED_ENTRIES, 511);
    }
    assert_int_equal(fake_n_shared(), 1);
}

static void a_grant_of_before_is_one_to_nobody(void **state)
{
    (void)state;
    assert_passes(grant_and_be_restored);
}

static void grant_and_go_on(void)
{
    grant_ref_t ref;
    void *page = port_pages_alloc(1);

    shutdown_init(on_request);
    settle();
    assert_int_equal(gnttab_grant(PEER, page, false, &ref), 0);
    suspend_and_resume();
    assert_int_equal(fake_gnttab_entry(ref)->domid, PEER);
    assert_int_equal(fake_gnttab_entry(ref)->frame, mmu_mfn(page));
    assert_int_equal(gnttab_revoke(ref), 0);
}

static void a_grant_stays_where_the_guest_stayed(void **state)
{
    (void)state;
    fake_suspension.result = 1;
    assert_passes(grant_and_go_on);
}

static void allow_no_grants(void)
{
    fake_gnttab_allow(0);
}

static void a_restored_domain_with_fewer_grants_is_told(void **state)
{
    (void)state;
    fake_suspension.saved = allow_no_grants;
    assert_int_equal(fake_run_kernel(grant_and_go_on), SHUTDOWN_crash);
    assert_has(fake_console_text(), "no room for 1 frames of grants: give it the max_grant_frames");
}

/* xenstore */

static xenstore_tx_t tx;

static void suspend_in_a_transaction(void)
{
    shutdown_init(on_request);
    settle();
    assert_int_equal(xenstore_begin(&tx), 0);
    fake_xenstored_write("control/shutdown", "suspend");
    settle();
    assert_int_equal(fake_suspension.n, 0);
    assert_int_equal(xenstore_end(tx, false), 0);
    settle();
    assert_int_equal(fake_suspension.n, 1);
    still_obeys();
}

static void a_transaction_is_ended_first(void **state)
{
    (void)state;
    assert_passes(suspend_in_a_transaction);
}

static void forget_a_transaction(void)
{
    shutdown_init(on_request);
    settle();
    assert_int_equal(xenstore_begin(&tx), 0);
    fake_xenstored_write("control/shutdown", "suspend");
    thread_sleep_until(clock_monotonic() + 20 * SECOND);
    assert_int_equal(fake_suspension.n, 0);
    assert_has(fake_console_text(), "not suspended, for xenstore owes an answer");
    still_obeys();
}

static void a_transaction_that_stays_open_is_said(void **state)
{
    (void)state;
    assert_passes(forget_a_transaction);
}

static void read_slowly(void *arg)
{
    char value[16];

    *(int *)arg = xenstore_read(XENSTORE_NO_TX, "slow", value, sizeof(value));
}

static void suspend_while_asking(void)
{
    int len = 0;

    shutdown_init(on_request);
    settle();
    fake_xenstored_write("slow", "value");
    fake_xenstored.delay_ns = SECOND;
    fake_xenstored_write("control/shutdown", "suspend");
    thread_sleep_until(clock_monotonic() + 5 * SECOND / 2); /* the request is being taken */
    thread_start("reader", 16384, read_slowly, &len);
    thread_sleep_until(clock_monotonic() + 20 * SECOND);
    assert_int_equal(fake_suspension.n, 1);
    assert_int_equal(len, 5);
}

static void a_question_is_answered_first(void **state)
{
    (void)state;
    assert_passes(suspend_while_asking);
}

/* Half an event of the watch on control/shutdown is all that the ring holds. */
static void leave_half_an_event(void)
{
    struct xenstore_domain_interface *ring = fake_xenstore_page();
    ring->rsp_prod += 7;
}

static void an_event_that_was_cut_off_is_forgotten(void **state)
{
    (void)state;
    fake_suspension.saved = leave_half_an_event;
    assert_passes(suspend_twice);
}

/* Frontends */

static const enum front_state all_states[] = {FRONT_INITIALISING, FRONT_PUBLISHED, FRONT_CONNECTED,
                                              FRONT_CLOSING, FRONT_CLOSED};

/* The toolstack makes the device anew, with the frontend in the first state. */
static void plug_again(void)
{
    fake_xenstored_write(THING "/state", "1");
    fake_xenstored_write(THING_BACKEND "/state", "1");
}

static void restore_with_a_device(void)
{
    static const char *const calls[] = {
        "release", "disconnect release", "disconnect release", "release", "",
    };

    shutdown_init(on_request);
    settle();
    fake_suspension.saved = plug_again;
    for (size_t i = 0; i < sizeof(all_states) / sizeof(all_states[0]); i++) {
        thing_begin(all_states[i]);
        suspend_and_resume();
        thing_assert(FRONT_INITIALISING, calls[i]);
        thing_backend_is(XenbusStateInitWait);
        thing_backend_is(XenbusStateConnected);
        assert_int_equal(thing.front->state, FRONT_CONNECTED);
        front_close(thing.front, clock_monotonic() + SECOND);
        settle();
    }
}

static void a_device_of_a_restored_guest_begins_anew(void **state)
{
    (void)state;
    assert_passes(restore_with_a_device);
}

static void plug_out(void)
{
    fake_xenstored_remove(THING);
}

static void lose_a_device(void)
{
    shutdown_init(on_request);
    settle();
    thing_begin(FRONT_CONNECTED);
    fake_suspension.saved = plug_out;
    suspend_and_resume();
    assert_int_equal(thing.front->state, FRONT_GONE);
    suspend_and_resume();
    assert_int_equal(thing.front->state, FRONT_GONE);
}

static void a_device_that_is_not_given_again_is_gone(void **state)
{
    (void)state;
    assert_passes(lose_a_device);
}

static void keep_a_device(void)
{
    shutdown_init(on_request);
    settle();
    thing_begin(FRONT_CONNECTED);
    suspend_and_resume();
    thing_assert(FRONT_CONNECTED, "");
}

static void a_device_stays_where_the_guest_stayed(void **state)
{
    (void)state;
    fake_suspension.result = 1;
    assert_passes(keep_a_device);
}

static void restore_a_faulty_device(void)
{
    shutdown_init(on_request);
    settle();
    thing_begin(FRONT_CONNECTED);
    front_fault(thing.front, "a lie");
    thing_settle();
    thing_backend_is(XenbusStateClosed);
    fake_suspension.saved = plug_again;
    suspend_and_resume();
    thing_backend_is(XenbusStateInitWait);
    assert_int_equal(thing.front->state, FRONT_PUBLISHED);
}

static void a_device_that_was_left_for_a_lie_has_another_backend_now(void **state)
{
    (void)state;
    assert_passes(restore_a_faulty_device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_guest_has_console_xenstore_and_time),
        cmocka_unit_test(a_guest_that_was_not_saved_after_all_goes_on),
        cmocka_unit_test(a_guest_that_xen_does_not_suspend_says_so),
        cmocka_unit_test(time_stands_still_while_saved_and_the_wall_clock_does_not),
        cmocka_unit_test(time_does_not_go_back_on_a_host_that_booted_later),
        cmocka_unit_test(a_wait_in_xen_has_the_new_hosts_deadline),
        cmocka_unit_test(a_grant_of_before_is_one_to_nobody),
        cmocka_unit_test(a_grant_stays_where_the_guest_stayed),
        cmocka_unit_test(a_restored_domain_with_fewer_grants_is_told),
        cmocka_unit_test(a_transaction_is_ended_first),
        cmocka_unit_test(a_transaction_that_stays_open_is_said),
        cmocka_unit_test(a_question_is_answered_first),
        cmocka_unit_test(an_event_that_was_cut_off_is_forgotten),
        cmocka_unit_test(a_device_of_a_restored_guest_begins_anew),
        cmocka_unit_test(a_device_that_is_not_given_again_is_gone),
        cmocka_unit_test(a_device_stays_where_the_guest_stayed),
        cmocka_unit_test(a_device_that_was_left_for_a_lie_has_another_backend_now),
    };
    return RUN_TESTS(tests);
}
