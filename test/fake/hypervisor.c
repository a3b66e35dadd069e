/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls. */
#include "hypervisor.h"

#include <errno.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/hypercall.h>
#include <sprat/layout.h>

#include "world.h"

#define FIRST_FREE_PORT 5 /* what the toolstack made comes before */
#define CALLS_MAX       32
#define WORD_BITS       64

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_CONNECTED, PORT_VIRQ };

struct port {
    enum port_state state;
    uint32_t virq;
    void (*rung)(void *arg);
    void *arg;
};

struct call {
    unsigned hypercall, cmd, n;
    unsigned fails_at; /* the n-th call, from 1; 0 never */
    int error;
};

static struct {
    struct port ports[EVTCHN_2L_NR_CHANNELS];
    struct call calls[CALLS_MAX];
    uint64_t timer_ns;
    unsigned gnttab_frames, gnttab_allowed;
} xen;

static _Alignas(PAGE_BYTES) char gnttab_pages[MMU_SHARED_SLOTS + 1][PAGE_BYTES];

void hypervisor_forget(void)
{
    memset(xen.ports, 0, sizeof(xen.ports));
    memset(gnttab_pages, 0, sizeof(gnttab_pages));
    memset(shared_info.evtchn_pending, 0, sizeof(shared_info.evtchn_pending));
    memset(shared_info.evtchn_mask, 0xff, sizeof(shared_info.evtchn_mask));
    shared_info.vcpu_info[0].evtchn_pending_sel = 0;
    xen.timer_ns = FAKE_NEVER;
    xen.gnttab_frames = 0;
}

void hypervisor_reset(void)
{
    memset(&xen, 0, sizeof(xen));
    memset(&shared_info, 0, sizeof(shared_info));
    hypervisor_forget();
    xen.gnttab_allowed = 4;
}

static struct call *call_of(unsigned hypercall, unsigned cmd)
{
    for (struct call *call = xen.calls; call < xen.calls + CALLS_MAX; call++) {
        if (!call->hypercall)
            *call = (struct call){.hypercall = hypercall, .cmd = cmd};
        if (call->hypercall == hypercall && call->cmd == cmd)
            return call;
    }
    fake_fail("more than %d kinds of hypercalls", CALLS_MAX);
}

int hypervisor_call(unsigned hypercall, unsigned cmd)
{
    struct call *call = call_of(hypercall, cmd);
    return call->n++ + 1 >= call->fails_at && call->fails_at ? call->error : 0;
}

void fake_hypercall_fails(unsigned hypercall, unsigned cmd, unsigned after, int error)
{
    struct call *call = call_of(hypercall, cmd);
    call->fails_at = call->n + after + 1;
    call->error = error;
}

unsigned fake_hypercalls(unsigned hypercall, unsigned cmd)
{
    return call_of(hypercall, cmd)->n;
}

/* Event channels */

uint32_t fake_evtchn_make(uint32_t port, void (*rung)(void *), void *arg)
{
    xen.ports[port] = (struct port){.state = PORT_CONNECTED, .rung = rung, .arg = arg};
    return port;
}

void fake_evtchn_connect(uint32_t port, void (*rung)(void *), void *arg)
{
    if (port >= EVTCHN_2L_NR_CHANNELS || xen.ports[port].state != PORT_UNBOUND)
        fake_fail("port %u is not one to connect to", port);
    fake_evtchn_make(port, rung, arg);
}

bool fake_evtchn_open(uint32_t port)
{
    return port < EVTCHN_2L_NR_CHANNELS && xen.ports[port].state != PORT_FREE;
}

unsigned fake_evtchn_made(void)
{
    unsigned n = 0;

    for (uint32_t port = FIRST_FREE_PORT; port < EVTCHN_2L_NR_CHANNELS; port++)
        n += fake_evtchn_open(port);
    return n;
}

void fake_evtchn_raise(uint32_t port)
{
    struct vcpu_info *vcpu = &shared_info.vcpu_info[0];
    unsigned long bit = 1ul << port % WORD_BITS;

    shared_info.evtchn_pending[port / WORD_BITS] |= bit;
    if (!(shared_info.evtchn_mask[port / WORD_BITS] & bit)) {
        vcpu->evtchn_pending_sel |= 1ul << port / WORD_BITS;
        vcpu->evtchn_upcall_pending = 1;
    }
}

static int new_port(struct port port)
{
    for (uint32_t i = FIRST_FREE_PORT; i < EVTCHN_2L_NR_CHANNELS; i++) {
        if (xen.ports[i].state == PORT_FREE) {
            xen.ports[i] = port;
            return (int)i;
        }
    }
    return -ENOSPC;
}

static int bind_virq(struct evtchn_bind_virq *bind)
{
    for (uint32_t i = 0; i < EVTCHN_2L_NR_CHANNELS; i++)
        if (xen.ports[i].state == PORT_VIRQ && xen.ports[i].virq == bind->virq)
            return -EEXIST;
    int port = new_port((struct port){.state = PORT_VIRQ, .virq = bind->virq});
    bind->port = (evtchn_port_t)port;
    return port < 0 ? port : 0;
}

static int send(uint32_t port)
{
    if (!fake_evtchn_open(port))
        return -EINVAL;
    if (xen.ports[port].rung)
        xen.ports[port].rung(xen.ports[port].arg);
    return 0;
}

int hypercall_event_channel_op(unsigned cmd, void *arg)
{
    int error = hypervisor_call(__HYPERVISOR_event_channel_op, cmd);

    if (error)
        return error;
    switch (cmd) {
    case EVTCHNOP_alloc_unbound: {
        int port = new_port((struct port){.state = PORT_UNBOUND});
        ((struct evtchn_alloc_unbound *)arg)->port = (evtchn_port_t)port;
        return port < 0 ? port : 0;
    }
    case EVTCHNOP_bind_virq:
        return bind_virq(arg);
    case EVTCHNOP_send:
        return send(((struct evtchn_send *)arg)->port);
    case EVTCHNOP_close: {
        uint32_t port = ((struct evtchn_close *)arg)->port;
        if (!fake_evtchn_open(port))
            return -EINVAL;
        xen.ports[port] = (struct port){0};
        return 0;
    }
    default:
        fake_fail("event channel operation %u is not faked", cmd);
    }
}

/* Time and the scheduler */

uint64_t fake_timer(void)
{
    return xen.timer_ns;
}

void hypervisor_run_timer(void)
{
    if (fake_now() < xen.timer_ns)
        return;
    xen.timer_ns = FAKE_NEVER;
    for (uint32_t i = 0; i < EVTCHN_2L_NR_CHANNELS; i++)
        if (xen.ports[i].state == PORT_VIRQ && xen.ports[i].virq == VIRQ_TIMER)
            fake_evtchn_raise(i);
}

int hypercall_set_timer_op(uint64_t deadline_ns)
{
    int error = hypervisor_call(__HYPERVISOR_set_timer_op, 0);

    if (error)
        return error;
    xen.timer_ns = deadline_ns ? deadline_ns : FAKE_NEVER;
    hypervisor_run_timer();
    return 0;
}

/* A guest that runs half of the time. */
int hypercall_vcpu_op(unsigned cmd, unsigned vcpu, void *arg)
{
    struct vcpu_runstate_info *info = arg;
    int error = hypervisor_call(__HYPERVISOR_vcpu_op, cmd);

    (void)vcpu;
    if (error)
        return error;
    if (cmd != VCPUOP_get_runstate_info)
        return -ENOSYS;
    *info = (struct vcpu_runstate_info){.time[RUNSTATE_running] = fake_now() / 2,
                                        .time[RUNSTATE_blocked] = fake_now() / 2};
    return 0;
}

static bool upcall_pending(const void *arg)
{
    (void)arg;
    return shared_info.vcpu_info[0].evtchn_upcall_pending;
}

void hypercall_block(void)
{
    hypervisor_call(__HYPERVISOR_sched_op, SCHEDOP_block);
    fake_wait(upcall_pending, NULL, FAKE_NEVER);
}

static bool port_pending(const void *arg)
{
    evtchn_port_t port = *(const evtchn_port_t *)arg;
    return shared_info.evtchn_pending[port / WORD_BITS] >> port % WORD_BITS & 1;
}

int hypercall_sched_op(unsigned cmd, void *arg)
{
    int error = hypervisor_call(__HYPERVISOR_sched_op, cmd);

    if (error)
        return error;
    switch (cmd) {
    case SCHEDOP_shutdown:
        fake_guest_ends((int)((struct sched_shutdown *)arg)->reason);
    case SCHEDOP_poll: {
        struct sched_poll *poll = arg;
        if (poll->nr_ports != 1)
            fake_fail("a poll of %u ports is not faked", poll->nr_ports);
        fake_wait(port_pending, poll->ports.p, poll->timeout ? poll->timeout : FAKE_NEVER);
        return 0;
    }
    default:
        fake_fail("scheduler operation %u is not faked", cmd);
    }
}

/* Grants */

void fake_gnttab_allow(unsigned n_frames)
{
    if (n_frames > ARRAY_LEN(gnttab_pages))
        fake_fail("the fake has no room for %u frames", n_frames);
    xen.gnttab_allowed = n_frames;
}

struct grant_entry_v1 *fake_gnttab_entry(uint32_t ref)
{
    unsigned per_frame = PAGE_BYTES / sizeof(struct grant_entry_v1);

    if (ref / per_frame >= xen.gnttab_frames)
        fake_fail("grant %u is outside the table", ref);
    return (struct grant_entry_v1 *)gnttab_pages[ref / per_frame] + ref % per_frame;
}

void *gnttab_frame(unsigned long mfn)
{
    unsigned long frame = mfn - GNTTAB_FIRST_MFN;
    return frame < xen.gnttab_frames ? gnttab_pages[frame] : NULL;
}

int hypercall_grant_table_op(unsigned cmd, void *ops, unsigned count)
{
    int error = hypervisor_call(__HYPERVISOR_grant_table_op, cmd);

    if (error)
        return error;
    if (cmd != GNTTABOP_setup_table || count != 1)
        fake_fail("grant table operation %u is not faked", cmd);
    struct gnttab_setup_table *setup = ops;
    if (setup->nr_frames > xen.gnttab_allowed) {
        setup->status = GNTST_general_error;
        return 0;
    }
    xen.gnttab_frames = setup->nr_frames;
    for (unsigned i = 0; i < setup->nr_frames; i++)
        setup->frame_list.p[i] = GNTTAB_FIRST_MFN + i;
    setup->status = GNTST_okay;
    return 0;
}
