/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/event_channel.h>

#include <sprat/arch.h>
#include <sprat/evtchn.h>

#include "machine.h"
#include "port.h"
#include "world.h"

#define PEER 7

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return 0;
}

static unsigned n_calls;

static void count(void *arg)
{
    n_calls += arg ? *(unsigned *)arg : 1;
}

static bool is_masked(uint32_t port)
{
    return shared_info.evtchn_mask[port / 64] >> port % 64 & 1;
}

static bool is_pending(uint32_t port)
{
    return shared_info.evtchn_pending[port / 64] >> port % 64 & 1;
}

static void an_event_calls_its_handler_once(void **state)
{
    struct evtchn channel;
    unsigned ten = 10;

    (void)state;
    assert_int_equal(evtchn_bind(&channel, 9, count, &ten), 0);
    assert_false(evtchn_dispatch());
    fake_evtchn_raise(9);
    assert_true(evtchn_dispatch());
    assert_int_equal(n_calls, 10);
    assert_false(evtchn_dispatch());
    assert_int_equal(n_calls, 10);
}

static void ports_outside_the_abi_are_refused(void **state)
{
    struct evtchn channel = {0};

    (void)state;
    assert_int_equal(evtchn_bind(&channel, 0, count, NULL), -EINVAL);
    assert_int_equal(evtchn_bind(&channel, EVTCHN_2L_NR_CHANNELS, count, NULL), -EINVAL);
    assert_int_equal(evtchn_bind(&channel, UINT32_MAX, count, NULL), -EINVAL);
    assert_int_equal(evtchn_bind(&channel, EVTCHN_2L_NR_CHANNELS - 1, count, NULL), 0);
}

static void all_that_are_bound_to_a_port_are_called(void **state)
{
    struct evtchn a, b;

    (void)state;
    assert_int_equal(evtchn_bind(&a, 9, count, NULL), 0);
    assert_int_equal(evtchn_bind(&b, 9, count, NULL), 0);
    fake_evtchn_raise(9);
    evtchn_dispatch();
    assert_int_equal(n_calls, 2);
}

static void a_shared_port_stays_until_its_last_one_leaves(void **state)
{
    struct evtchn a, b;

    (void)state;
    fake_evtchn_make(9, NULL, NULL);
    evtchn_bind(&a, 9, count, NULL);
    evtchn_bind(&b, 9, count, NULL);
    evtchn_close(&a);
    assert_false(is_masked(9));
    fake_evtchn_raise(9);
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
    assert_true(fake_evtchn_open(9));
    evtchn_close(&b);
    assert_false(fake_evtchn_open(9));
}

static void an_event_before_its_binding_is_not_lost(void **state)
{
    struct evtchn channel;

    (void)state;
    fake_evtchn_raise(9);
    assert_false(evtchn_dispatch());
    assert_int_equal(evtchn_bind(&channel, 9, count, NULL), 0);
    assert_true(evtchn_dispatch());
    assert_int_equal(n_calls, 1);
}

static struct evtchn raced;

static void prepare_race(void)
{
    evtchn_close(&raced);
    fake_evtchn_make(70, NULL, NULL);
    while (evtchn_dispatch())
        ;
    n_calls = 0;
}

static void bind_raced(void)
{
    evtchn_bind(&raced, 70, count, NULL);
}

static void raise_raced(void)
{
    fake_evtchn_raise(70);
}

static void check_race(void)
{
    if (!is_pending(70) && n_calls == 0)
        return; /* the last run: nobody intruded */
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
}

static void an_event_at_any_moment_of_its_binding_is_not_lost(void **state)
{
    (void)state;
    assert_in_range(fake_interleave(prepare_race, bind_raced, raise_raced, check_race), 50, 20000);
}

/* Another event while one is dispatched: of the same port, or of one in another word. */
static uint32_t second_port;
static unsigned n_second, n_at_raise;
static bool raised_again;

static void count_second(void *arg)
{
    (void)arg;
    n_second++;
}

static void prepare_dispatch(void)
{
    while (evtchn_dispatch())
        ;
    n_second = n_at_raise = 0;
    raised_again = false;
    fake_evtchn_raise(70);
}

static void dispatch(void)
{
    evtchn_dispatch();
}

static void raise_second(void)
{
    raised_again = true;
    n_at_raise = n_second;
    fake_evtchn_raise(second_port);
}

/* The handler must run once more after the event, at once or because it is announced. */
static void check_dispatch(void)
{
    evtchn_dispatch();
    if (raised_again)
        assert_in_range(n_second, n_at_raise + 1, n_at_raise + 2);
    assert_false(is_pending(70));
    assert_false(is_pending(second_port));
}

static void an_event_at_any_moment_of_dispatching_is_not_lost(void **state)
{
    (void)state;
    evtchn_bind(&raced, second_port = 70, count_second, NULL);
    assert_in_range(fake_interleave(prepare_dispatch, dispatch, raise_second, check_dispatch), 50,
                    20000);
}

static void another_event_at_any_moment_of_dispatching_is_not_lost(void **state)
{
    static struct evtchn second;

    (void)state;
    evtchn_bind(&raced, 70, count, NULL);
    evtchn_bind(&second, second_port = 9, count_second, NULL);
    assert_in_range(fake_interleave(prepare_dispatch, dispatch, raise_second, check_dispatch), 50,
                    20000);
}

static void an_event_that_is_nobodys_comes_once(void **state)
{
    const uint32_t ports[] = {9, 31, 32, 63, 64, 2000, EVTCHN_2L_NR_CHANNELS - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        shared_info.evtchn_mask[ports[i] / 64] = 0;
        fake_evtchn_raise(ports[i]);
        assert_true(evtchn_dispatch());
        assert_true(is_masked(ports[i]));
        assert_false(is_pending(ports[i]));
    }
}

/* A port that is masked may be pending: that is not an event. */
static void a_masked_port_is_not_served(void **state)
{
    struct evtchn a, b;

    (void)state;
    evtchn_bind(&a, 9, count, NULL);
    evtchn_bind(&b, 10, count, NULL);
    shared_info.evtchn_mask[0] |= 1ul << 9;
    fake_evtchn_raise(9);
    fake_evtchn_raise(10);
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
    assert_true(is_pending(9));
}

static void the_table_grows_with_the_ports(void **state)
{
    struct evtchn channels[4];
    const uint32_t ports[] = {20, 600, 1500, EVTCHN_2L_NR_CHANNELS - 1};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(evtchn_bind(&channels[i], ports[i], count, NULL), 0);
    assert_int_equal(fake_n_blocks(), 1);
    for (int i = 0; i < 4; i++)
        fake_evtchn_raise(ports[i]);
    evtchn_dispatch();
    assert_int_equal(n_calls, 4);
}

static void without_memory_for_the_table_nothing_is_bound(void **state)
{
    struct evtchn channel;

    (void)state;
    fake_alloc_fails(0);
    assert_int_equal(evtchn_bind(&channel, 600, count, NULL), -ENOMEM);
    assert_int_equal(evtchn_bind(&channel, 600, count, NULL), 0);
}

static void rung(void *arg)
{
    ++*(unsigned *)arg;
}

static void a_port_for_a_peer_is_made_used_and_closed(void **state)
{
    struct evtchn channel;
    unsigned n_rings = 0;

    (void)state;
    assert_int_equal(evtchn_alloc(&channel, PEER, count, NULL), 0);
    fake_evtchn_connect(channel.port, rung, &n_rings);
    evtchn_notify(&channel);
    assert_int_equal(n_rings, 1);
    fake_evtchn_raise(channel.port);
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);

    uint32_t port = channel.port;
    fake_evtchn_raise(port);
    evtchn_close(&channel);
    assert_int_equal(channel.port, 0);
    assert_false(fake_evtchn_open(port));
    assert_false(is_pending(port));
    assert_true(is_masked(port));
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
    evtchn_close(&channel); /* of nothing: nothing */
}

static void a_port_that_xen_refuses_is_not_bound(void **state)
{
    struct evtchn channel = {0};

    (void)state;
    fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, 0, -ENOSPC);
    assert_int_equal(evtchn_alloc(&channel, PEER, count, NULL), -ENOSPC);
    fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, 0, -EINVAL);
    assert_int_equal(evtchn_bind_virq(&channel, VIRQ_DEBUG, count, NULL), -EINVAL);
    assert_int_equal(channel.port, 0);
}

static void a_new_port_that_cant_be_bound_is_closed_again(void **state)
{
    struct evtchn channel;

    (void)state;
    for (uint32_t port = 1; port < 600; port++) /* Xen gives 600 next */
        if (!fake_evtchn_open(port))
            fake_evtchn_make(port, NULL, NULL);
    fake_alloc_fails(0);
    assert_int_equal(evtchn_alloc(&channel, PEER, count, NULL), -ENOMEM);
    assert_false(fake_evtchn_open(600));
}

static struct evtchn self_closing;

static void close_self(void *arg)
{
    (void)arg;
    n_calls++;
    evtchn_close(&self_closing);
}

static void a_handler_may_close_its_own_port(void **state)
{
    (void)state;
    evtchn_alloc(&self_closing, PEER, close_self, NULL);
    uint32_t port = self_closing.port;
    fake_evtchn_raise(port);
    evtchn_dispatch();
    fake_evtchn_raise(port);
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
}

static void close_other(void *arg)
{
    n_calls++;
    evtchn_close(arg);
}

static void a_handler_may_close_a_port_that_is_pending_too(void **state)
{
    struct evtchn first, second;

    (void)state;
    evtchn_alloc(&first, PEER, close_other, &second);
    evtchn_alloc(&second, PEER, count, NULL);
    fake_evtchn_raise(first.port);
    fake_evtchn_raise(second.port);
    evtchn_dispatch();
    assert_int_equal(n_calls, 1);
}

static void dispatch_inside(void *arg)
{
    (void)arg;
    fake_evtchn_raise(10);
    evtchn_dispatch();
}

static void body_dispatching_inside(void)
{
    static struct evtchn channel;

    evtchn_bind(&channel, 9, dispatch_inside, NULL);
    fake_evtchn_raise(9);
    shared_info.evtchn_mask[0] &= ~(1ul << 10);
    evtchn_dispatch();
}

static void a_handler_that_waits_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(body_dispatching_inside), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed: !evtchn.dispatching");
}

static void body_closing_anothers(void)
{
    struct evtchn a, b = {.port = 9};

    evtchn_bind(&a, 9, count, NULL);
    evtchn_close(&b);
}

static void closing_anothers_port_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(body_closing_anothers), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed: *at");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_event_calls_its_handler_once, setup),
        cmocka_unit_test_setup(ports_outside_the_abi_are_refused, setup),
        cmocka_unit_test_setup(all_that_are_bound_to_a_port_are_called, setup),
        cmocka_unit_test_setup(a_shared_port_stays_until_its_last_one_leaves, setup),
        cmocka_unit_test_setup(an_event_before_its_binding_is_not_lost, setup),
        cmocka_unit_test_setup(an_event_at_any_moment_of_its_binding_is_not_lost, setup),
        cmocka_unit_test_setup(an_event_at_any_moment_of_dispatching_is_not_lost, setup),
        cmocka_unit_test_setup(another_event_at_any_moment_of_dispatching_is_not_lost, setup),
        cmocka_unit_test_setup(an_event_that_is_nobodys_comes_once, setup),
        cmocka_unit_test_setup(a_masked_port_is_not_served, setup),
        cmocka_unit_test_setup(the_table_grows_with_the_ports, setup),
        cmocka_unit_test_setup(without_memory_for_the_table_nothing_is_bound, setup),
        cmocka_unit_test_setup(a_port_for_a_peer_is_made_used_and_closed, setup),
        cmocka_unit_test_setup(a_port_that_xen_refuses_is_not_bound, setup),
        cmocka_unit_test_setup(a_new_port_that_cant_be_bound_is_closed_again, setup),
        cmocka_unit_test_setup(a_handler_may_close_its_own_port, setup),
        cmocka_unit_test_setup(a_handler_may_close_a_port_that_is_pending_too, setup),
        cmocka_unit_test_setup(a_handler_that_waits_is_our_mistake, setup),
        cmocka_unit_test_setup(closing_anothers_port_is_our_mistake, setup),
    };
    return RUN_TESTS(tests);
}
