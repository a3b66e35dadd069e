/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <string.h>

#include <stdint.h>

#include <xen/xen.h>

#include <sprat/arch.h>

#include "hypervisor.h"

#define STEPS_MAX 1000000 /* in one wait: no test needs nearly as many, something goes in circles */

struct shared_info shared_info;

static struct {
    struct fake_actor *actors;
    uint64_t now_ns;
    unsigned steps;
} world;

void fake_actor_add(struct fake_actor *actor)
{
    actor->next = world.actors;
    world.actors = actor;
}

uint64_t fake_now(void)
{
    return world.now_ns;
}

/* With a factor of 0 the guest's clock stands still between two writes of Xen's. */
void fake_set_now(uint64_t now_ns)
{
    struct vcpu_time_info *time = &shared_info.vcpu_info[0].time;

    world.now_ns = now_ns;
    time->version += 2;
    time->system_time = now_ns;
    time->tsc_to_system_mul = 0;
    hypervisor_run_timer();
}

static bool step(void)
{
    if (++world.steps > STEPS_MAX)
        fake_fail("the world turns without end");
    for (struct fake_actor *actor = world.actors; actor; actor = actor->next)
        if (actor->step(actor->arg))
            return true;
    return false;
}

void fake_settle(void)
{
    world.steps = 0;
    while (step())
        ;
}

bool fake_wait(bool (*ready)(const void *), const void *arg, uint64_t deadline_ns)
{
    world.steps = 0;
    for (;;) {
        if (ready(arg))
            return true;
        if (step())
            continue;
        uint64_t next_ns = deadline_ns;
        if (fake_timer() < next_ns)
            next_ns = fake_timer();
        for (struct fake_actor *actor = world.actors; actor; actor = actor->next)
            if (actor->due_ns < next_ns)
                next_ns = actor->due_ns;
        if (next_ns == FAKE_NEVER)
            fake_fail("would sleep for ever");
        if (next_ns > world.now_ns)
            fake_set_now(next_ns);
        if (next_ns == deadline_ns)
            return ready(arg);
    }
}
