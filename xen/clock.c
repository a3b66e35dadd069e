/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/clock.h>

#include <xen/vcpu.h>
#include <xen/xen.h>

#include <sprat/arch.h>
#include <sprat/cpu.h>
#include <sprat/evtchn.h>
#include <sprat/hypercall.h>
#include <sprat/port.h>

/* Xen takes what is more than 2^50 ns ahead for a mistake and rings every 100 ms instead. */
#define ALARM_AHEAD_MAX (1ull << 49)

static struct {
    uint64_t
        behind_ns;     /* of Xen's count: for how long the guest was saved; or wraps to before it */
    uint64_t last_ns;  /* what clock_monotonic() said last */
    uint64_t alarm_ns; /* what was asked for; 0 is no alarm */
    struct evtchn virq;
} state;

/* ns since this host booted. */
static uint64_t host_clock(void)
{
    const volatile struct vcpu_time_info *time = &shared_info.vcpu_info[0].time;
    uint32_t version, scale;
    uint64_t now, tsc, ticks;
    int8_t shift;

    /* Xen makes the version odd, writes, makes it even. */
    do {
        version = time->version;
        cpu_rmb();
        tsc = time->tsc_timestamp;
        now = time->system_time;
        scale = time->tsc_to_system_mul;
        shift = time->tsc_shift;
        ticks = cpu_tsc();
        cpu_rmb();
    } while (version & 1 || version != time->version);

    ticks = ticks > tsc ? ticks - tsc : 0;
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return now + (uint64_t)((unsigned __int128)ticks * scale >> 32);
}

uint64_t clock_monotonic(void)
{
    uint64_t now = host_clock() - state.behind_ns;

    /* A vCPU that moves between CPUs whose counters differ a little must not see time go back. */
    if ((int64_t)(now - state.last_ns) < 0)
        now = state.last_ns;
    state.last_ns = now;
    return now;
}

uint64_t clock_wall(void)
{
    const volatile struct shared_info *info = &shared_info;
    uint32_t version;
    uint64_t boot_ns;

    do {
        version = info->wc_version;
        cpu_rmb();
        boot_ns = ((uint64_t)info->wc_sec_hi << 32 | info->wc_sec) * 1000000000 + info->wc_nsec;
        cpu_rmb();
    } while (version & 1 || version != info->wc_version);
    return boot_ns + clock_xen(clock_monotonic());
}

uint64_t clock_xen(uint64_t monotonic_ns)
{
    return monotonic_ns + state.behind_ns;
}

void clock_restart(void)
{
    state.behind_ns = host_clock() - state.last_ns;
    state.alarm_ns = 0;
}

uint64_t clock_cpu(void)
{
    struct vcpu_runstate_info info;
    int error = hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info);
    return error ? 0 : info.time[RUNSTATE_running];
}

static void alarm_rang(void *arg)
{
    (void)arg;
    state.alarm_ns = 0;
}

int clock_set_alarm(uint64_t deadline_ns)
{
    uint64_t alarm_ns = deadline_ns == PORT_FOREVER ? 0 : deadline_ns;

    if (alarm_ns == state.alarm_ns)
        return 0;
    if (!state.virq.port) {
        int error = evtchn_bind_virq(&state.virq, VIRQ_TIMER, alarm_rang, NULL);
        if (error)
            return error;
    }
    /* One that is far ahead rings on the way, and is asked for again. */
    uint64_t latest_ns = alarm_ns ? clock_monotonic() + ALARM_AHEAD_MAX : 0;
    uint64_t next_ns = alarm_ns < latest_ns ? alarm_ns : latest_ns;
    int error = hypercall_set_timer_op(next_ns ? clock_xen(next_ns) : 0);
    if (!error)
        state.alarm_ns = alarm_ns;
    return error;
}
