/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <xen/sched.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/cpu.h>
#include <sprat/evtchn.h>
#include <sprat/page.h>
#include <sprat/thread.h>

#include "kernel.h"
#include "machine.h"
#include "world.h"

/* Each thread writes its letter; the whole story is compared at the end. */
static char story[256];

static void tell(char letter)
{
    story[strlen(story)] = letter;
}

static void letter(void *arg)
{
    tell(*(const char *)arg);
}

static void start(const char *name, void (*entry)(void *))
{
    assert_non_null(thread_start(name, 65536, entry, (void *)(uintptr_t)name));
}

static void run(void (*body)(void), const char *wanted)
{
    assert_int_equal(fake_run_kernel(body), FAKE_RETURNED);
    assert_string_equal(story, wanted);
}

static void in_order(void)
{
    start("a", letter);
    start("b", letter);
    start("c", letter);
    tell('1');
    thread_yield();
    tell('2');
    thread_yield();
    tell('3');
}

static void threads_run_in_the_order_they_were_started(void **state)
{
    (void)state;
    run(in_order, "1abc23");
}

static void twice(void *arg)
{
    letter(arg);
    thread_yield();
    letter(arg);
}

static void taking_turns(void)
{
    start("a", twice);
    start("b", twice);
    thread_yield();
    tell('1');
    thread_yield();
    tell('2');
}

static void threads_that_yield_take_turns(void **state)
{
    (void)state;
    run(taking_turns, "ab1ab2");
}

static struct port_queue queue;
static uint64_t patience_ns = PORT_FOREVER;

static void wait_here(void *arg)
{
    int error = thread_wait(&queue, patience_ns);
    letter(arg);
    if (error)
        tell(error == -ETIMEDOUT ? '!' : '?');
}

static void waking_all(void)
{
    start("a", wait_here);
    start("b", wait_here);
    start("c", wait_here);
    thread_yield();
    tell('1');
    thread_wake(&queue);
    tell('2');
    thread_yield();
    tell('3');
    assert_null(queue.first);
}

static void all_who_wait_are_woken_in_order(void **state)
{
    (void)state;
    run(waking_all, "12abc3");
}

static void waking_one(void)
{
    assert_false(thread_wake_one(&queue));
    start("a", wait_here);
    start("b", wait_here);
    thread_yield();
    assert_true(thread_wake_one(&queue));
    thread_yield();
    tell('1');
    assert_true(thread_wake_one(&queue));
    assert_false(thread_wake_one(&queue));
    thread_yield();
}

static void one_is_woken_who_waits_longest(void **state)
{
    (void)state;
    run(waking_one, "a1b");
}

static void running_out_of_patience(void)
{
    uint64_t begin_ns = clock_monotonic();

    patience_ns = begin_ns + 300;
    start("a", wait_here);
    thread_yield();
    patience_ns = begin_ns + 100;
    start("b", wait_here);
    thread_yield();
    patience_ns = begin_ns + 200;
    start("c", wait_here);
    thread_yield();
    thread_sleep_until(begin_ns + 250);
    tell('1');
    assert_int_equal(fake_now(), begin_ns + 250);
    thread_wake(&queue);
    thread_yield();
    assert_null(queue.first);
    assert_null(queue.last);
    assert_int_equal(timer_next(), PORT_FOREVER);
}

static void who_waits_too_long_times_out_and_the_others_wait_on(void **state)
{
    (void)state;
    run(running_out_of_patience, "b!c!1a");
}

/* First, middle and last of a queue. */
static void leaving_a_queue(void)
{
    static const uint64_t patience[] = {50, 90, 70, 80, 60};
    static const char *names[] = {"a", "b", "c", "d", "e"};
    uint64_t begin_ns = clock_monotonic();

    for (int i = 0; i < 5; i++) {
        patience_ns = begin_ns + patience[i];
        start(names[i], wait_here);
        thread_yield();
    }
    thread_sleep_until(begin_ns + 60);
    patience_ns = PORT_FOREVER;
    start("f", wait_here);
    thread_sleep_until(begin_ns + 85);
    thread_wake(&queue);
    thread_yield();
}

static void a_queue_may_be_left_at_any_place(void **state)
{
    (void)state;
    run(leaving_a_queue, "a!e!c!d!bf");
}

static void too_late_already(void)
{
    uint64_t now_ns = clock_monotonic();

    assert_int_equal(thread_wait(&queue, now_ns), -ETIMEDOUT);
    assert_int_equal(thread_wait(&queue, 0), -ETIMEDOUT);
    assert_null(queue.first);
    assert_int_equal(fake_now(), now_ns);
}

static void a_deadline_that_has_passed_does_not_wait(void **state)
{
    (void)state;
    run(too_late_already, "");
}

static void wake_at_deadline(void *arg)
{
    thread_sleep_until(*(uint64_t *)arg);
    tell('w');
    thread_wake(&queue);
}

static void at_the_deadline(void)
{
    static uint64_t when_ns;

    when_ns = clock_monotonic() + 100;
    thread_start("waker", 65536, wake_at_deadline, &when_ns);
    thread_yield();
    int error = thread_wait(&queue, when_ns + 1);
    assert_int_equal(error, 0);
    thread_start("waker", 65536, wake_at_deadline, &when_ns);
    when_ns += 100;
    thread_yield();
    error = thread_wait(&queue, when_ns);
    assert_int_equal(error, -ETIMEDOUT);
    assert_int_equal(timer_next(), PORT_FOREVER);
}

static void a_wake_up_before_the_deadline_wins(void **state)
{
    (void)state;
    run(at_the_deadline, "ww");
}

/* What the guest owes Xen. */

static void sleeping(void)
{
    uint64_t begin_ns = clock_monotonic();
    unsigned before = fake_hypercalls(__HYPERVISOR_sched_op, SCHEDOP_block);

    thread_sleep_until(begin_ns + 1000000);
    assert_int_equal(fake_now(), begin_ns + 1000000);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_sched_op, SCHEDOP_block), before + 1);
}

static void a_sleep_is_one_block(void **state)
{
    (void)state;
    run(sleeping, "");
}

static void event(void *arg)
{
    (void)arg;
    tell('e');
    thread_wake(&queue);
}

/* An event that comes while the guest is blocked. */
static bool raise_once(void *arg)
{
    uint32_t port = *(uint32_t *)arg;

    *(uint32_t *)arg = 0;
    if (port)
        fake_evtchn_raise(port);
    return port != 0;
}

static void raise_later(uint32_t port)
{
    static uint32_t later;
    static struct fake_actor actor = {.step = raise_once, .arg = &later, .due_ns = FAKE_NEVER};

    later = port;
    fake_actor_add(&actor);
}

static void no_deadline(void)
{
    static struct evtchn channel;

    evtchn_bind(&channel, fake_evtchn_make(9, NULL, NULL), event, NULL);
    raise_later(9);
    unsigned alarms = fake_hypercalls(__HYPERVISOR_set_timer_op, 0);
    assert_int_equal(thread_wait(&queue, PORT_FOREVER), 0);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), alarms);
    assert_int_equal(fake_now(), FAKE_START_NS);
}

static void a_guest_without_deadlines_sets_no_alarm(void **state)
{
    (void)state;
    run(no_deadline, "e");
}

static void waking_by_event(void)
{
    static struct evtchn channel;

    evtchn_bind(&channel, 9, event, NULL);
    start("a", wait_here);
    thread_yield();
    fake_evtchn_raise(9);
    thread_yield();
    tell('1');
    thread_yield();
}

static void an_event_is_taken_before_the_next_thread_runs(void **state)
{
    (void)state;
    run(waking_by_event, "e1a");
}

/* Stacks. */

static void use_stack(void *arg)
{
    volatile char room[1024];

    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = (char)i;
    assert_true(thread_on_stack((uintptr_t)room));
    assert_false(thread_on_stack((uintptr_t)&story));
    assert_string_equal(thread_self()->name, arg);
    assert_int_equal(thread_self()->stack_size, 4096 * 32);
    assert_in_range(cpu_local.stack_limit, (uintptr_t)thread_self()->stack + 4096,
                    (uintptr_t)thread_self()->stack + 32 * 4096);
    assert_false(fake_readable((uintptr_t)thread_self()->stack));
    assert_string_equal(thread_guard_name((uintptr_t)thread_self()->stack + 4095), arg);
    assert_null(thread_guard_name((uintptr_t)thread_self()->stack + 4096));
    assert_null(thread_guard_name((uintptr_t)thread_self()->stack - 1));
    tell('s');
}

static void using_stacks(void)
{
    uint64_t limit = cpu_local.stack_limit;
    char here;

    assert_true(thread_on_stack((uintptr_t)&here));
    assert_string_equal(thread_self()->name, "main");
    assert_non_null(thread_start("x", 31 * 4096 + 1, use_stack, (void *)(uintptr_t) "x"));
    thread_yield();
    assert_int_equal(cpu_local.stack_limit, limit);
    assert_string_equal(thread_self()->name, "main");
}

static void a_thread_has_a_stack_and_a_guard(void **state)
{
    (void)state;
    run(using_stacks, "s");
}

static void ending(void)
{
    size_t before = page_free_count();

    for (int i = 0; i < 50; i++) {
        start("a", letter);
        start("b", letter);
        thread_yield();
    }
    thread_yield();
    assert_int_equal(page_free_count(), before);
    /* and what was a guard is a page as any other */
    memset(page_alloc(16, 1), 0, 16 * 4096);
}

static void exit_deep(void *arg)
{
    letter(arg);
    thread_exit();
}

static void threads_that_end_leave_nothing(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(ending), FAKE_RETURNED);
}

static void last_to_run(void)
{
    uint64_t begin_ns = clock_monotonic();
    size_t before = page_free_count();

    start("a", exit_deep);
    thread_sleep_until(begin_ns + 100); /* the thread that ends finds nobody to run */
    tell('1');
    assert_int_equal(page_free_count(), before);
}

static void a_thread_that_ends_last_waits_on_its_own_stack(void **state)
{
    (void)state;
    run(last_to_run, "a1");
}

/* Each starts the next and ends, so that none ever comes back from a switch. */
static void relay(void *arg)
{
    static unsigned n;
    static size_t n_free;

    if (n == 10)
        n_free = page_free_count();
    if (n++ < 100)
        start(arg, relay);
    else
        assert_int_equal(page_free_count(), n_free);
}

static void relaying(void)
{
    start("a", relay);
    thread_sleep_until(clock_monotonic() + 100);
    tell('1');
}

static void a_thread_that_starts_frees_those_that_ended(void **state)
{
    (void)state;
    run(relaying, "1");
}

static void without_memory(void)
{
    size_t n_free = page_free_count();

    assert_null(thread_start("big", n_free * 4096, letter, "a"));
    assert_int_equal(page_free_count(), n_free);
    fake_protect_fails(0, -EINVAL);
    assert_null(thread_start("unguarded", 4096, letter, "b"));
    assert_int_equal(page_free_count(), n_free);
    thread_yield();
}

static void a_thread_without_memory_or_guard_is_not_started(void **state)
{
    (void)state;
    run(without_memory, "");
}

/* A guard that stays in the way must not become somebody's page. */
static void guard_stays(void)
{
    size_t n_free = page_free_count();

    start("a", letter);
    fake_protect_fails(0, -EINVAL);
    thread_yield();
    thread_yield();
    assert_int_equal(page_free_count(), n_free - 17);
    memset(page_alloc(8, 1), 0, 8 * 4096);
}

static void a_stack_whose_guard_stays_is_not_used_again(void **state)
{
    (void)state;
    run(guard_stays, "a");
}

static void main_exits(void)
{
    thread_exit();
}

static void the_main_thread_cant_end_alone(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(main_exits), SHUTDOWN_crash);
    assert_has(fake_log_text(), "assertion failed: self->stack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_run_in_the_order_they_were_started),
        cmocka_unit_test(threads_that_yield_take_turns),
        cmocka_unit_test(all_who_wait_are_woken_in_order),
        cmocka_unit_test(one_is_woken_who_waits_longest),
        cmocka_unit_test(who_waits_too_long_times_out_and_the_others_wait_on),
        cmocka_unit_test(a_queue_may_be_left_at_any_place),
        cmocka_unit_test(a_deadline_that_has_passed_does_not_wait),
        cmocka_unit_test(a_wake_up_before_the_deadline_wins),
        cmocka_unit_test(a_sleep_is_one_block),
        cmocka_unit_test(a_guest_without_deadlines_sets_no_alarm),
        cmocka_unit_test(an_event_is_taken_before_the_next_thread_runs),
        cmocka_unit_test(a_thread_has_a_stack_and_a_guard),
        cmocka_unit_test(threads_that_end_leave_nothing),
        cmocka_unit_test(a_thread_that_ends_last_waits_on_its_own_stack),
        cmocka_unit_test(a_thread_that_starts_frees_those_that_ended),
        cmocka_unit_test(a_thread_without_memory_or_guard_is_not_started),
        cmocka_unit_test(a_stack_whose_guard_stays_is_not_used_again),
        cmocka_unit_test(the_main_thread_cant_end_alone),
    };
    return RUN_TESTS(tests);
}
