/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#include <xen/event_channel.h>
#include <xen/vcpu.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/cpu.h>
#include <sprat/evtchn.h>
#include <sprat/port.h>

#include "machine.h"
#include "world.h"

#define PAST (1ull << 33) /* ticks between Xen's last word and now */

static struct vcpu_time_info *info;

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    info = &shared_info.vcpu_info[0].time;
    return 0;
}

static uint64_t scaled(uint64_t ticks, uint32_t mul, int shift)
{
    unsigned __int128 wide = shift >= 0 ? (unsigned __int128)ticks << shift : ticks >> -shift;
    return (uint64_t)(wide * mul >> 32);
}

static void ticks_are_scaled_as_xen_says(void **state)
{
    static const struct {
        uint32_t mul;
        int8_t shift;
    } rates[] = {{1u << 31, 0}, {0xd5555555, -1}, {0xffffffff, 0}, {1, 0}, {1u << 31, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        uint64_t base = FAKE_START_NS * 1000 * (i + 1);
        uint64_t stamp = cpu_tsc() - PAST;
        info->tsc_timestamp = stamp;
        info->system_time = base;
        info->tsc_to_system_mul = rates[i].mul;
        info->tsc_shift = rates[i].shift;
        uint64_t before = cpu_tsc();
        uint64_t now = clock_monotonic();
        uint64_t after = cpu_tsc();
        assert_in_range(now, base + scaled(before - stamp, rates[i].mul, rates[i].shift),
                        base + scaled(after - stamp, rates[i].mul, rates[i].shift));
    }
}

static void a_counter_behind_xens_is_no_time_before(void **state)
{
    (void)state;
    info->tsc_timestamp = cpu_tsc() + (1ull << 40);
    info->tsc_to_system_mul = UINT32_MAX;
    assert_int_equal(clock_monotonic(), FAKE_START_NS);
}

static void time_never_goes_back(void **state)
{
    (void)state;
    fake_set_now(2 * FAKE_START_NS);
    assert_int_equal(clock_monotonic(), 2 * FAKE_START_NS);
    fake_set_now(FAKE_START_NS);
    assert_int_equal(clock_monotonic(), 2 * FAKE_START_NS);
    fake_set_now(3 * FAKE_START_NS);
    assert_int_equal(clock_monotonic(), 3 * FAKE_START_NS);
}

/* What Xen writes while the guest reads: all old, or all new. */
static uint64_t read_ns;

static void prepare_reading(void)
{
    info->tsc_timestamp = 0;
    info->tsc_to_system_mul = 0; /* so that the counter adds nothing, */
    info->system_time += 1000000;
    read_ns = 0;
}

static void read_clock(void)
{
    read_ns = clock_monotonic();
}

static void xen_writes(void)
{
    info->version += 2;
    info->system_time += 500;
    info->tsc_timestamp = UINT64_MAX;     /* and now it adds nothing either: */
    info->tsc_to_system_mul = UINT32_MAX; /* this would be days, from 0 on. */
    info->tsc_shift = 16;
}

static void check_reading(void)
{
    assert_in_range(read_ns, info->system_time - 500, info->system_time);
}

static void what_xen_writes_at_any_moment_is_not_mixed(void **state)
{
    (void)state;
    assert_in_range(fake_interleave(prepare_reading, read_clock, xen_writes, check_reading), 30,
                    20000);
}

static void xen_finishes(int signal)
{
    (void)signal;
    info->system_time = 9 * FAKE_START_NS;
    shared_info.wc_sec = 9;
    info->version += info->version & 1;
    shared_info.wc_version += shared_info.wc_version & 1;
}

static void ring_soon(void)
{
    struct itimerval soon = {.it_value.tv_usec = 1000};

    signal(SIGALRM, xen_finishes);
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void time_is_not_read_while_xen_writes_it(void **state)
{
    (void)state;
    info->version++;
    info->system_time = 5;
    ring_soon();
    assert_int_equal(clock_monotonic(), 9 * FAKE_START_NS);
}

static void wall_time_is_boot_time_and_uptime(void **state)
{
    (void)state;
    shared_info.wc_sec = 0xfffffff0;
    shared_info.wc_sec_hi = 3;
    shared_info.wc_nsec = 999;
    assert_int_equal(clock_wall(), 0x3fffffff0 * 1000000000ull + 999 + FAKE_START_NS);
}

static void wall_time_is_not_read_while_xen_writes_it(void **state)
{
    (void)state;
    shared_info.wc_version++;
    shared_info.wc_sec = 5;
    ring_soon();
    uint64_t now = clock_wall();
    assert_in_range(now, 9 * 1000000000ull, 9 * 1000000000ull + 10 * FAKE_START_NS);
}

static void prepare_wall(void)
{
    shared_info.wc_sec = 100;
    shared_info.wc_nsec = 0;
}

static void read_wall(void)
{
    read_ns = clock_wall();
}

static void xen_sets_wall(void)
{
    shared_info.wc_version += 2;
    shared_info.wc_sec = 200;
    shared_info.wc_nsec = 7;
}

static void check_wall(void)
{
    read_ns -= clock_monotonic();
    assert_true(read_ns == 100000000000 || read_ns == 200000000007);
}

static void wall_time_set_at_any_moment_is_not_mixed(void **state)
{
    (void)state;
    assert_in_range(fake_interleave(prepare_wall, read_wall, xen_sets_wall, check_wall), 30, 20000);
}

static void cpu_time_is_what_xen_counts(void **state)
{
    (void)state;
    assert_int_equal(clock_cpu(), FAKE_START_NS / 2);
    fake_hypercall_fails(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, -EPERM);
    assert_int_equal(clock_cpu(), 0);
}

static bool dispatched(const void *arg)
{
    (void)arg;
    return evtchn_dispatch();
}

static void an_alarm_is_an_event_at_its_time(void **state)
{
    (void)state;
    assert_int_equal(clock_set_alarm(FAKE_START_NS + 500), 0);
    assert_int_equal(fake_timer(), FAKE_START_NS + 500);
    assert_true(fake_wait(dispatched, NULL, FAKE_START_NS + 1000));
    assert_int_equal(fake_now(), FAKE_START_NS + 500);
}

static void the_same_alarm_again_costs_nothing(void **state)
{
    (void)state;
    clock_set_alarm(FAKE_START_NS + 500);
    clock_set_alarm(FAKE_START_NS + 500);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 1);
    clock_set_alarm(FAKE_START_NS + 400);
    assert_int_equal(fake_timer(), FAKE_START_NS + 400);
}

/* Xen forgets an alarm that has rung. */
static void the_same_alarm_after_it_rang_is_set_again(void **state)
{
    (void)state;
    clock_set_alarm(FAKE_START_NS + 500);
    fake_wait(dispatched, NULL, FAKE_START_NS + 1000);
    clock_set_alarm(FAKE_START_NS + 500);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 2);
}

/* Xen would ring every 100 ms, for what it takes for a mistake. */
static void an_alarm_far_ahead_is_reached_in_steps_that_xen_accepts(void **state)
{
    (void)state;
    clock_set_alarm(INT64_MAX);
    assert_in_range(fake_timer(), FAKE_START_NS + (1ull << 48), FAKE_START_NS + (1ull << 50) - 1);
    clock_set_alarm(INT64_MAX);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 1);
    assert_true(fake_wait(dispatched, NULL, 1ull << 51));
    clock_set_alarm(INT64_MAX);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 2);
    assert_in_range(fake_timer(), fake_now() + (1ull << 48), fake_now() + (1ull << 50) - 1);
}

static void no_alarm_needs_no_hypercall(void **state)
{
    (void)state;
    assert_int_equal(clock_set_alarm(PORT_FOREVER), 0);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 0);
    clock_set_alarm(FAKE_START_NS + 500);
    assert_int_equal(clock_set_alarm(PORT_FOREVER), 0);
    assert_int_equal(fake_timer(), FAKE_NEVER);
}

static void an_alarm_that_xen_refuses_is_no_alarm(void **state)
{
    (void)state;
    fake_hypercall_fails(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, 0, -EEXIST);
    assert_int_equal(clock_set_alarm(FAKE_START_NS + 500), -EEXIST);
}

static void an_alarm_that_was_refused_is_asked_for_again(void **state)
{
    (void)state;
    fake_hypercall_fails(__HYPERVISOR_set_timer_op, 0, 0, -EINVAL);
    assert_int_equal(clock_set_alarm(FAKE_START_NS + 500), -EINVAL);
    assert_int_equal(clock_set_alarm(FAKE_START_NS + 500), -EINVAL);
    assert_int_equal(fake_hypercalls(__HYPERVISOR_set_timer_op, 0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ticks_are_scaled_as_xen_says, setup),
        cmocka_unit_test_setup(a_counter_behind_xens_is_no_time_before, setup),
        cmocka_unit_test_setup(time_never_goes_back, setup),
        cmocka_unit_test_setup(what_xen_writes_at_any_moment_is_not_mixed, setup),
        cmocka_unit_test_setup(time_is_not_read_while_xen_writes_it, setup),
        cmocka_unit_test_setup(wall_time_is_boot_time_and_uptime, setup),
        cmocka_unit_test_setup(wall_time_is_not_read_while_xen_writes_it, setup),
        cmocka_unit_test_setup(wall_time_set_at_any_moment_is_not_mixed, setup),
        cmocka_unit_test_setup(cpu_time_is_what_xen_counts, setup),
        cmocka_unit_test_setup(an_alarm_is_an_event_at_its_time, setup),
        cmocka_unit_test_setup(the_same_alarm_again_costs_nothing, setup),
        cmocka_unit_test_setup(the_same_alarm_after_it_rang_is_set_again, setup),
        cmocka_unit_test_setup(an_alarm_far_ahead_is_reached_in_steps_that_xen_accepts, setup),
        cmocka_unit_test_setup(no_alarm_needs_no_hypercall, setup),
        cmocka_unit_test_setup(an_alarm_that_xen_refuses_is_no_alarm, setup),
        cmocka_unit_test_setup(an_alarm_that_was_refused_is_asked_for_again, setup),
    };
    return RUN_TESTS(tests);
}
