/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a frontend, whatever its worker, its backend and xenstore are doing. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/front.h>
#include <sprat/xenstore.h>

#include "kernel.h"
#include "thing.h"
#include "world.h"
#include "xenstored.h"

#define SECOND 1000000000ull

static void run(void (*body)(void))
{
    if (fake_run_kernel(body) != FAKE_RETURNED)
        fake_fail("the guest ended: %s", fake_log_text());
}

static void close_it(uint64_t deadline_ns)
{
    front_close(thing.front, deadline_ns);
    assert_int_equal(thing.front->state, FRONT_GONE);
    memset(thing.front, 0xa5, sizeof(*thing.front)); /* nobody looks at it any more */
    free(thing.front);
    thing_settle();
    assert_int_equal(fake_xenstored_watches(), 0);
}

static const char *const calls_of_closing[FRONT_STATES] = {
    [FRONT_INITIALISING] = "",
    [FRONT_PUBLISHED] = "disconnect release",
    [FRONT_CONNECTED] = "disconnect release",
    [FRONT_CLOSING] = "release",
    [FRONT_CLOSED] = "",
    [FRONT_GONE] = "",
};

static void in_each_state(void)
{
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_STATES; ours++) {
        thing_begin(ours);
        close_it(clock_monotonic() + SECOND); /* the backend does not move */
        if (strcmp(thing.calls, calls_of_closing[ours]) != 0)
            fail_msg("closing in state %d calls \"%s\"", ours, thing.calls);
    }
}

static void it_closes_in_each_state(void **state)
{
    (void)state;
    run(in_each_state);
}

static void at_the_deadline(void)
{
    thing_begin(FRONT_CONNECTED);
    uint64_t before = clock_monotonic();
    front_close(thing.front, before + 3 * SECOND);
    assert_in_range(clock_monotonic(), before + 3 * SECOND, before + 4 * SECOND);
    assert_string_equal(thing.calls, "disconnect release");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    free(thing.front);
}

static void a_backend_that_never_closes_is_waited_for_until_the_deadline(void **state)
{
    (void)state;
    run(at_the_deadline);
}

static int close_when_we_do(struct xsd_sockmsg *header, char *payload)
{
    (void)header;
    (void)payload;
    static bool closed;
    if (thing_shown() == XenbusStateClosed && !closed) {
        closed = true;
        fake_xenstored_write(THING_BACKEND "/state", "6");
    }
    return 1;
}

static void with_a_backend_that_closes(void)
{
    thing_begin(FRONT_CONNECTED);
    uint64_t before = clock_monotonic();
    fake_xenstored.tamper = close_when_we_do;
    close_it(before + 3 * SECOND);
    assert_in_range(clock_monotonic(), before, before + SECOND);
    assert_string_equal(thing.calls, "disconnect release");
}

static void a_backend_that_closes_is_not_waited_for_longer(void **state)
{
    (void)state;
    run(with_a_backend_that_closes);
}

/* The worker asks a slow xenstore when the deadline comes, and the backend never closes. */
static void while_the_worker_asks(void)
{
    thing_begin(FRONT_CONNECTED);
    fake_xenstored.delay_ns = 2 * SECOND;
    close_it(clock_monotonic() + SECOND);
    assert_string_equal(thing.calls, "disconnect release");
}

static void a_slow_xenstore_and_a_stubborn_backend_are_survived(void **state)
{
    (void)state;
    run(while_the_worker_asks);
}

static void when_xenstore_is_dead(void)
{
    for (enum front_state ours = FRONT_PUBLISHED; ours <= FRONT_CLOSING; ours++) {
        thing_begin(ours);
        fake_xenstored.dead = true;
        front_close(thing.front, clock_monotonic() + SECOND);
        assert_string_equal(thing.calls, calls_of_closing[ours]);
        memset(thing.front, 0xa5, sizeof(*thing.front));
        free(thing.front);
        fake_xenstored.dead = false;
        thing_settle();
    }
}

static void a_dead_xenstore_does_not_keep_what_was_granted(void **state)
{
    (void)state;
    run(when_xenstore_is_dead);
}

/*
 * 1. The first watch is removed. 2. The backend's state changes. 3. The worker looks: it asks
 * xenstore. 4. The second watch is removed. 5. The frontend is freed. 6. The worker has its answer.
 */
static int n_unwatched;

static int change_at_the_first(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_UNWATCH && n_unwatched++ == 0)
        fake_xenstored_write(THING_BACKEND "/state", "5");
    return 1;
}

static void while_the_backend_moves(void)
{
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_STATES; ours++) {
        thing_begin(ours);
        n_unwatched = 0;
        fake_xenstored.tamper = change_at_the_first;
        fake_xenstored.delay_ns = 1000;
        close_it(clock_monotonic() + SECOND);
        fake_xenstored.tamper = NULL;
        fake_xenstored.delay_ns = 0;
        assert_string_equal(thing.calls, calls_of_closing[ours]);
    }
}

static void a_backend_that_moves_meanwhile_wakes_nobody(void **state)
{
    (void)state;
    run(while_the_backend_moves);
}

/* The worker has other work, which is slow, when the frontend's last work is queued behind it. */
static void be_slow(struct port_work *work)
{
    struct port_queue nobody = {0};

    (void)work;
    port_wait(&nobody, clock_monotonic() + SECOND);
}

static struct port_work slow_work = {.run = be_slow};

static int slow_work_and_a_change(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_UNWATCH && n_unwatched++ == 0) {
        port_work(&slow_work);
        fake_xenstored_write(THING_BACKEND "/state", "5");
    }
    return 1;
}

static void while_the_worker_is_elsewhere(void)
{
    struct port_queue nobody = {0};

    thing_begin(FRONT_CLOSED);
    fake_xenstored.tamper = slow_work_and_a_change;
    fake_xenstored.delay_ns = 1000;
    close_it(clock_monotonic() + SECOND);
    port_wait(&nobody, clock_monotonic() + 2 * SECOND);
    assert_string_equal(thing.calls, "");
}

static void work_queued_behind_others_is_waited_for(void **state)
{
    (void)state;
    run(while_the_worker_is_elsewhere);
}

static int another_backend_meanwhile(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_UNWATCH && n_unwatched++ == 0) {
        fake_xenstored_write(THING "/backend", "/local/domain/3/backend/thing/5/0");
        fake_xenstored_write(THING_BACKEND "/state", "2");
    }
    return 1;
}

static void while_the_backend_is_exchanged(void)
{
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_STATES; ours++) {
        thing_begin(ours);
        n_unwatched = 0;
        fake_xenstored.tamper = another_backend_meanwhile;
        fake_xenstored.delay_ns = 1000;
        close_it(clock_monotonic() + SECOND);
        fake_xenstored.tamper = NULL;
        fake_xenstored.delay_ns = 0;
    }
}

static void a_backend_exchanged_meanwhile_is_not_watched(void **state)
{
    (void)state;
    run(while_the_backend_is_exchanged);
}

/* The frontend's second watch is refused, when its worker is on the way already. */
static int refuse_the_second(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_WATCH) {
        fake_xenstored.refuse_type = XS_WATCH;
        fake_xenstored.refuse = "ENOSPC";
        fake_xenstored.tamper = NULL;
    }
    return 1;
}

static void when_opening_fails(void)
{
    thing_plug(XenbusStateInitWait);
    fake_xenstored.tamper = refuse_the_second;
    fake_xenstored.delay_ns = 1000;
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -ENOSPC);
    memset(thing.front, 0xa5, sizeof(*thing.front));
    free(thing.front);
    fake_xenstored.delay_ns = 0;
    thing_settle();
    assert_int_equal(fake_xenstored_watches(), 0);
}

static void an_opening_that_fails_late_leaves_no_work(void **state)
{
    (void)state;
    run(when_opening_fails);
    if (*thing.calls)
        assert_string_equal(thing.calls, "publish disconnect release");
}

static void when_faulty(void)
{
    thing_begin(FRONT_CONNECTED);
    front_fault(thing.front, "it lies");
    close_it(clock_monotonic() + SECOND);
    assert_string_equal(thing.calls, "disconnect release");
}

static void a_fault_just_before_it_counts_once(void **state)
{
    (void)state;
    run(when_faulty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_closes_in_each_state),
        cmocka_unit_test(a_backend_that_never_closes_is_waited_for_until_the_deadline),
        cmocka_unit_test(a_backend_that_closes_is_not_waited_for_longer),
        cmocka_unit_test(a_slow_xenstore_and_a_stubborn_backend_are_survived),
        cmocka_unit_test(a_dead_xenstore_does_not_keep_what_was_granted),
        cmocka_unit_test(a_backend_that_moves_meanwhile_wakes_nobody),
        cmocka_unit_test(work_queued_behind_others_is_waited_for),
        cmocka_unit_test(a_backend_exchanged_meanwhile_is_not_watched),
        cmocka_unit_test(an_opening_that_fails_late_leaves_no_work),
        cmocka_unit_test(a_fault_just_before_it_counts_once),
    };
    return RUN_TESTS(tests);
}
