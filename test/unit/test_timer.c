/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <sprat/port.h>
#include <sprat/timer.h>

#include "machine.h"
#include "world.h"

#define MANY 500

static struct timer timers[MANY];
static uint64_t deadlines[MANY]; /* what should be; 0: stopped */
static uint64_t last_ns;
static unsigned n_rung;

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return 0;
}

static void rang(struct timer *timer)
{
    uint64_t *deadline_ns = &deadlines[timer - timers];

    assert_int_equal(timer->deadline_ns, *deadline_ns);
    assert_in_range(*deadline_ns, last_ns, fake_now());
    last_ns = *deadline_ns;
    *deadline_ns = 0;
    n_rung++;
}

static void start(int i, uint64_t deadline_ns)
{
    deadlines[i] = deadline_ns;
    timer_start(&timers[i], deadline_ns, rang);
}

static uint64_t earliest(void)
{
    uint64_t least = PORT_FOREVER;

    for (int i = 0; i < MANY; i++)
        if (deadlines[i] && deadlines[i] < least)
            least = deadlines[i];
    return least;
}

static void no_timer_is_for_ever(void **state)
{
    (void)state;
    assert_int_equal(timer_next(), PORT_FOREVER);
    timer_run();
    assert_false(timer_stop(&timers[0]));
}

static void timers_ring_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        start(i, FAKE_START_NS + (uint64_t)(i * 37 % 100));
    fake_set_now(FAKE_START_NS + 49);
    timer_run();
    assert_int_equal(n_rung, 50);
    assert_int_equal(timer_next(), FAKE_START_NS + 50);
    fake_set_now(FAKE_START_NS + 1000);
    timer_run();
    assert_int_equal(n_rung, 100);
    assert_int_equal(timer_next(), PORT_FOREVER);
}

static void a_timer_rings_at_its_time_and_not_before(void **state)
{
    (void)state;
    start(0, FAKE_START_NS + 10);
    fake_set_now(FAKE_START_NS + 9);
    timer_run();
    assert_int_equal(n_rung, 0);
    fake_set_now(FAKE_START_NS + 10);
    timer_run();
    assert_int_equal(n_rung, 1);
    timer_run();
    assert_int_equal(n_rung, 1);
    assert_false(timer_stop(&timers[0]));
}

static void a_timer_that_runs_is_moved(void **state)
{
    (void)state;
    start(0, FAKE_START_NS + 10);
    start(1, FAKE_START_NS + 20);
    start(0, FAKE_START_NS + 30);
    assert_int_equal(timer_next(), FAKE_START_NS + 20);
    fake_set_now(FAKE_START_NS + 25);
    timer_run();
    assert_int_equal(n_rung, 1);
    start(0, FAKE_START_NS + 15);
    assert_int_equal(timer_next(), FAKE_START_NS + 15);
}

static void ring_once_more(struct timer *timer)
{
    if (++n_rung < 3)
        timer_start(timer, fake_now() + 5, ring_once_more);
}

static void a_handler_may_start_its_timer_again(void **state)
{
    (void)state;
    timer_start(&timers[0], FAKE_START_NS, ring_once_more);
    for (unsigned i = 1; i <= 3; i++) {
        timer_run();
        assert_int_equal(n_rung, i);
        fake_set_now(FAKE_START_NS + 5 * i);
    }
    timer_run();
    assert_int_equal(n_rung, 3);
}

static void stop_the_next(struct timer *timer)
{
    n_rung++;
    timer_stop(timer + 1);
}

static void a_handler_may_stop_a_timer_that_is_due_too(void **state)
{
    (void)state;
    timer_start(&timers[0], FAKE_START_NS, stop_the_next);
    start(1, FAKE_START_NS);
    timer_run();
    assert_int_equal(n_rung, 1);
    assert_int_equal(timer_next(), PORT_FOREVER);
}

/* Against a plain list. */
static void many_timers_are_started_moved_and_stopped_in_any_order(void **state)
{
    (void)state;
    srandom(3);
    for (int round = 0; round < 20000; round++) {
        int i = (int)(random() % MANY);
        switch (random() % 4) {
        case 0:
        case 1:
            start(i, fake_now() + 1 + (uint64_t)random() % 1000);
            break;
        case 2:
            assert_int_equal(timer_stop(&timers[i]), deadlines[i] != 0);
            deadlines[i] = 0;
            break;
        default:
            fake_set_now(fake_now() + (uint64_t)random() % 20);
            timer_run();
        }
        assert_int_equal(timer_next(), earliest());
    }
    fake_set_now(fake_now() + 2000);
    timer_run();
    assert_int_equal(earliest(), PORT_FOREVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_timer_is_for_ever, setup),
        cmocka_unit_test_setup(timers_ring_in_the_order_of_their_deadlines, setup),
        cmocka_unit_test_setup(a_timer_rings_at_its_time_and_not_before, setup),
        cmocka_unit_test_setup(a_timer_that_runs_is_moved, setup),
        cmocka_unit_test_setup(a_handler_may_start_its_timer_again, setup),
        cmocka_unit_test_setup(a_handler_may_stop_a_timer_that_is_due_too, setup),
        cmocka_unit_test_setup(many_timers_are_started_moved_and_stopped_in_any_order, setup),
    };
    return RUN_TESTS(tests);
}
