/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Backends that come back: by themselves, because they are asked to, or in another's place; or of
 * which xenstored tells late.
 */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/front.h>

#include "machine.h"
#include "port.h"
#include "thing.h"
#include "world.h"
#include "xenstored.h"

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

/* Nothing of front.c's is left either. */
static void end(void)
{
    thing_end();
    assert_int_equal(fake_n_blocks(), 0);
}

static void a_restarted_backend_is_connected_anew(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    for (int i = 0; i < 3; i++) {
        thing.calls[0] = '\0';
        thing_backend_is(XenbusStateClosing);
        thing_backend_is(XenbusStateClosed);
        thing_backend_is(XenbusStateInitialising);
        thing_backend_is(XenbusStateInitWait);
        thing_backend_is(XenbusStateConnected);
        thing_assert(FRONT_CONNECTED, "disconnect release publish connected");
    }
    end();
}

static void a_backend_that_closed_and_stays_is_asked_to_start_again(void **state)
{
    (void)state;
    thing_begin(FRONT_CLOSED);
    fake_xenstored_write(THING_BACKEND "/online", "1");
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_INITIALISING, "");
    assert_int_equal(thing_shown(), XenbusStateInitialising);
    fake_xenstored_write(THING "/state", "6");
    thing_backend_is(XenbusStateClosed);
    assert_int_equal(thing_shown(), XenbusStateClosed); /* once is enough */
    thing_backend_is(XenbusStateInitWait);
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_INITIALISING, "publish disconnect release");
    assert_int_equal(thing_shown(), XenbusStateInitialising);
    end();
}

static unsigned n_dropped;

static int drop_three(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    return header->type == XS_READ && n_dropped++ < 3 ? 0 : 1;
}

/* As when a thousand guests start at once. */
static void what_xenstored_answers_too_late_is_asked_again(void **state)
{
    (void)state;
    thing_begin(FRONT_INITIALISING);
    n_dropped = 0;
    fake_xenstored.tamper = drop_three;
    thing_backend_is(XenbusStateInitWait);
    thing_assert(FRONT_PUBLISHED, "publish");
    assert_has(fake_log_text(), "its backend can't be found out: error 110\n");
    end();
}

static void a_device_that_was_closed_is_opened_again(void **state)
{
    (void)state;
    thing_plug(XenbusStateClosed);
    fake_xenstored_write(THING "/state", "6");
    fake_xenstored_write(THING_BACKEND "/online", "1");
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0);
    thing_settle();
    thing_assert(FRONT_INITIALISING, "");
    assert_int_equal(thing_shown(), XenbusStateInitialising);
    end();
}

/* It failed with rings that were gone, and has not seen that the frontend had closed. */
static void a_backend_that_closes_late_is_shown_that_all_is_closed(void **state)
{
    const enum front_state states[] = {FRONT_INITIALISING, FRONT_CLOSED};

    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        fake_xenstored_remove(THING_BACKEND "/online");
        thing_begin(states[i]);
        fake_xenstored_write(THING_BACKEND "/online", "1");
        fake_xenstored_write(THING "/state", "1");
        thing_backend_is(XenbusStateClosing);
        thing_assert(states[i], "");
        assert_int_equal(thing_shown(), XenbusStateClosed);
        thing_backend_is(XenbusStateClosed);
        thing_assert(FRONT_INITIALISING, "");
        assert_int_equal(thing_shown(), XenbusStateInitialising);
        thing_backend_is(XenbusStateInitWait);
        thing_assert(FRONT_PUBLISHED, "publish");
        end();
    }
}

static void a_backend_that_is_taken_away_is_not_asked(void **state)
{
    (void)state;
    thing_begin(FRONT_CLOSED);
    fake_xenstored_write(THING_BACKEND "/online", "0");
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_CLOSED, "");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    end();
}

static void a_backend_that_lied_is_not_asked(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write(THING_BACKEND "/online", "1");
    front_fault(thing.front, "a lie");
    thing_settle();
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_CLOSED, "disconnect release");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    end();
}

static void another_backend_takes_over(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write("/local/domain/3/backend/thing/5/0/state", "2");
    fake_xenstored_write(THING "/backend-id", "3");
    fake_xenstored_write(THING "/backend", "/local/domain/3/backend/thing/5/0");
    thing_settle();
    thing_assert(FRONT_PUBLISHED, "disconnect release publish");
    assert_int_equal(thing.front->backend_id, 3);
    assert_int_equal(fake_xenstored_watches(), 2);
    thing_backend_is(XenbusStateClosed); /* the old one's state is nobody's any more */
    assert_int_equal(thing.front->state, FRONT_PUBLISHED);
    fake_xenstored_write("/local/domain/3/backend/thing/5/0/state", "4");
    thing_settle();
    assert_int_equal(thing.front->state, FRONT_CONNECTED);
    end();
}

/* It came to its state by what was shown before, and sees nothing new in what is shown now. */
static void a_backend_that_connected_too_late_is_shown_that_all_is_closed(void **state)
{
    (void)state;
    thing_begin(FRONT_INITIALISING);
    fake_xenstored_write(THING_BACKEND "/online", "1");
    thing_backend_is(XenbusStateConnected);
    assert_int_equal(thing_shown(), XenbusStateClosed);
    thing_backend_is(XenbusStateClosed);
    assert_int_equal(thing_shown(), XenbusStateInitialising);
    thing_backend_is(XenbusStateInitWait);
    thing_assert(FRONT_PUBLISHED, "publish");
    end();
}

/* What the backend maps of what was published. */
static struct {
    bool is_so;
    uint64_t until_ns;
    unsigned n_lost;
} mapped;

static bool attached(struct front *front)
{
    (void)front;
    return mapped.is_so && clock_monotonic() < mapped.until_ns;
}

static bool release(struct front *front, bool last)
{
    if (attached(front) && !last)
        return false;
    mapped.n_lost += attached(front);
    return true;
}

static void begin_mapped(void)
{
    mapped.is_so = true;
    mapped.until_ns = UINT64_MAX;
    thing.driver.attached = attached;
    thing.driver.release = release;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write(THING_BACKEND "/online", "1");
}

static void a_backend_that_connects_without_the_rings_is_closed(void **state)
{
    (void)state;
    thing.driver.attached = attached;
    thing_begin(FRONT_PUBLISHED);
    fake_xenstored_write(THING_BACKEND "/online", "1");
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CLOSING, "disconnect");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    assert_has(fake_log_text(), "connected to what was offered before");
    thing_backend_is(XenbusStateClosed);
    thing_backend_is(XenbusStateInitWait);
    mapped.is_so = true;
    mapped.until_ns = UINT64_MAX;
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "disconnect release publish connected");
    mapped.is_so = false;
    end();
}

/* Only that it is Connected was seen of its end and its start. */
static void a_backend_that_restarted_unseen_is_closed_when_it_has_no_rings(void **state)
{
    (void)state;
    begin_mapped();
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "offered");
    mapped.is_so = false;
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CLOSING, "offered disconnect");
    end();
}

static void nothing_is_taken_back_while_a_backend_that_left_is_at_work(void **state)
{
    (void)state;
    begin_mapped();
    uint64_t until_ns = mapped.until_ns = clock_monotonic() + 1000000000;
    thing_backend_is(XenbusStateInitWait);
    assert_true(clock_monotonic() >= until_ns);
    assert_true(clock_monotonic() < until_ns + 100000000);
    assert_int_equal(mapped.n_lost, 0);
    thing_assert(FRONT_PUBLISHED, "disconnect publish");
    end();
}

/* Linux' blkback, when it had requests under way. */
static bool told_once_more(struct front *front, bool last)
{
    if (!mapped.is_so)
        return true;
    if (mapped.until_ns == UINT64_MAX)
        fake_xenstored_write(THING "/state", "told");
    mapped.until_ns = 0;
    mapped.is_so = thing_shown() != XenbusStateClosed;
    (void)front;
    return last || !mapped.is_so;
}

static void a_backend_that_keeps_pages_is_told_once_more(void **state)
{
    (void)state;
    begin_mapped();
    thing.driver.release = told_once_more;
    uint64_t begin_ns = clock_monotonic();
    thing_backend_is(XenbusStateClosed);
    assert_true(clock_monotonic() < begin_ns + 1000000000);
    thing_assert(FRONT_INITIALISING, "disconnect");
    assert_false(mapped.is_so);
    end();
}

static void a_backend_that_never_lets_go_is_waited_for_some_seconds(void **state)
{
    (void)state;
    begin_mapped();
    uint64_t begin_ns = clock_monotonic();
    thing_backend_is(XenbusStateInitWait);
    assert_true(clock_monotonic() >= begin_ns + 5000000000);
    thing_assert(FRONT_PUBLISHED, "disconnect publish");
    assert_int_equal(mapped.n_lost, 1);
    fake_xenstored_remove(THING);
    thing_settle();
    assert_true(clock_monotonic() >= begin_ns + 10000000000);
    thing_assert(FRONT_GONE, "disconnect publish disconnect");
    assert_int_equal(mapped.n_lost, 2);
    end();
}

static void a_backend_that_never_lets_go_gets_no_more_after_a_while(void **state)
{
    (void)state;
    begin_mapped();
    for (int i = 0; i < 6; i++) {
        thing_backend_is(XenbusStateClosing);
        thing_backend_is(XenbusStateInitWait);
        mapped.is_so = true;
        thing_backend_is(XenbusStateConnected);
    }
    assert_int_equal(mapped.n_lost, 3);
    assert_int_equal(thing.front->state, FRONT_CLOSED);
    assert_has(fake_log_text(), "its backend kept pages 3 times: it gets no more\n");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_restarted_backend_is_connected_anew, setup),
        cmocka_unit_test_setup(a_backend_that_closed_and_stays_is_asked_to_start_again, setup),
        cmocka_unit_test_setup(what_xenstored_answers_too_late_is_asked_again, setup),
        cmocka_unit_test_setup(a_device_that_was_closed_is_opened_again, setup),
        cmocka_unit_test_setup(a_backend_that_closes_late_is_shown_that_all_is_closed, setup),
        cmocka_unit_test_setup(a_backend_that_is_taken_away_is_not_asked, setup),
        cmocka_unit_test_setup(a_backend_that_lied_is_not_asked, setup),
        cmocka_unit_test_setup(another_backend_takes_over, setup),
        cmocka_unit_test_setup(a_backend_that_connected_too_late_is_shown_that_all_is_closed,
                               setup),
        cmocka_unit_test_setup(a_backend_that_connects_without_the_rings_is_closed, setup),
        cmocka_unit_test_setup(a_backend_that_restarted_unseen_is_closed_when_it_has_no_rings,
                               setup),
        cmocka_unit_test_setup(nothing_is_taken_back_while_a_backend_that_left_is_at_work, setup),
        cmocka_unit_test_setup(a_backend_that_keeps_pages_is_told_once_more, setup),
        cmocka_unit_test_setup(a_backend_that_never_lets_go_gets_no_more_after_a_while, setup),
        cmocka_unit_test_setup(a_backend_that_never_lets_go_is_waited_for_some_seconds, setup),
    };
    return RUN_TESTS(tests);
}
