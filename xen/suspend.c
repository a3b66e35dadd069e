/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/suspend.h>

#include <stddef.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/console.h>
#include <sprat/evtchn.h>
#include <sprat/mmu.h>
#include <sprat/xenstore.h>

#define QUIET_NS 10000000000ull /* how long a transaction may keep the guest from being saved */

static struct suspend_part *parts;

void suspend_part_add(struct suspend_part *part)
{
    part->next = parts;
    parts = part;
}

static void start_anew(void)
{
    const struct start_info *si = arch_start_info();

    evtchn_forget_all();
    clock_restart();
    console_restart(si->console.domU.evtchn);
    xenstore_restart(si->store_mfn ? mmu_va(mmu_pfn_of_mfn(si->store_mfn)) : NULL,
                     si->store_evtchn);
}

int suspend(void)
{
    struct suspend_part *part = parts;
    int result = xenstore_quiet(clock_monotonic() + QUIET_NS);

    if (result)
        return result;
    while (part && (!part->before || (result = part->before()) == 0))
        part = part->next;
    if (!part) {
        result = arch_suspend();
        if (result == 0)
            start_anew();
    }
    for (struct suspend_part *ready = parts; ready != part; ready = ready->next)
        ready->after(result == 0);
    return result;
}
